import diamond.collector

try:
    import MySQLdb
except ImportError:
    MySQLdb = None


class OptionalCollector(diamond.collector.Collector):
    def collect(self):
        if MySQLdb is None:
            self.log.error('Unable to import MySQLdb')
            return
        self.publish('a', 1)
