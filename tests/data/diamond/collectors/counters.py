# coding=utf-8
"""Counters each way: the counter itself is what Garnet gets."""
from diamond.collector import Collector, MAX_COUNTER


class CountersCollector(Collector):
    value = 1000

    def get_default_config(self):
        config = super(CountersCollector, self).get_default_config()
        config['path'] = 'counters'
        return config

    def collect(self):
        self.value += 60
        self.publish_counter('requests', self.value, max_value=MAX_COUNTER)
        self.publish_counter('bytes', str(self.value) and self.value * 2 ** 40, time_delta=False)
        self.publish_cumulative_counter('sum', self.value)
        self.publish('labelled', self.value, metric_type='COUNTER')
        self.publish('both', 1.5, raw_value=self.value, metric_type='COUNTER')
