# coding=utf-8
"""Metrics of its own making, of other machines, with their own time: publish_metric()."""
from diamond.collector import Collector
from diamond.error import DiamondException
from diamond.metric import Metric


class DevicesCollector(Collector):
    def get_default_config(self):
        config = super(DevicesCollector, self).get_default_config()
        config.update({'path': 'devices', 'path_prefix': 'lab', 'hostname': 'me'})
        return config

    def collect(self):
        metric = Metric('lab.switch1.ports.up', 12, timestamp=1700000000.5, host='switch1')
        assert (metric.getPathPrefix(), metric.getCollectorPath(), metric.getMetricPath()) == ('lab', 'ports', 'up')
        assert repr(metric) == 'lab.switch1.ports.up 12 1700000000\n'
        self.publish_metric(metric)
        self.publish_metric(Metric('lab.switch2.ports.up', 13, host='switch2', metric_type='GAUGE'))
        self.publish_metric(Metric('lab.me.ports.up', '14', metric_type='COUNTER'))
        self.publish_metric(Metric('lab.me.ports.timed', 14, 1700000000, metric_type='COUNTER'))  # the time is in raw_value's place
        self.publish_metric(Metric('elsewhere.ports.up', 15))
        self.publish('dated', 16, timestamp=1700000001)
        parsed = Metric.parse('a.b.c.d 17 1700000002\n')
        assert (parsed.getCollectorPath(), parsed.getMetricPath(), parsed.value) == ('c', 'd', 17)
        for path, value in ((None, 1), ('x', None), ('x', 'much'), ('x', [])):
            try:
                Metric(path, value)
            except DiamondException:
                continue
            raise AssertionError((path, value))
