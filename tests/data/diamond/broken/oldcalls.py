import diamond.collector


class OldCallsCollector(diamond.collector.Collector):
    def collect(self):
        self.publish('before', 1)
        for name, value in {'a': 1}.iteritems():
            self.publish(name, value)
