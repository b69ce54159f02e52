# Two of its three metrics are none for Garnet.
import diamond.collector


class RefusedCollector(diamond.collector.Collector):
    def collect(self):
        self.publish('nothing', float('nan'))
        self.publish('bad\nname', 1)
        self.publish('good', 1)
