import diamond.collector
import urllib2


class OldImportCollector(diamond.collector.Collector):
    def collect(self):
        self.publish('a', urllib2.urlopen('http://localhost/').code)
