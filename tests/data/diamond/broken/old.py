# A collector that Python 2 would run.
import diamond.collector


class OldCollector(diamond.collector.Collector):
    def collect(self):
        print "collecting"
        self.publish('a', 1)
