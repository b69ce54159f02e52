import diamond.collector


class HollowCollector(diamond.collector.Collector):
    pass


class TwinCollector(diamond.collector.Collector):
    pass


class NoneAtAll(object):
    pass
