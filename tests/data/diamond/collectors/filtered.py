# coding=utf-8
"""metrics_whitelist and metrics_blacklist; measure_collector_time."""
import diamond.collector


class FilteredCollector(diamond.collector.Collector):
    def get_default_config(self):
        config = super(FilteredCollector, self).get_default_config()
        config.update({'path': 'filtered', 'measure_collector_time': 'yes'})
        return config

    def collect(self):
        for name in ('disk.free', 'disk.used', 'net.rx'):
            self.publish(name, 1)
        self.publish('allowed', self.metric_allowed('net.rx'))
