# coding=utf-8
"""publish() with its kinds of values, publish_gauge(), log."""
import diamond.collector


class GaugesCollector(diamond.collector.Collector):
    def get_default_config(self):
        config = super(GaugesCollector, self).get_default_config()
        config.update({'path': 'gauges'})
        return config

    def collect(self):
        self.log.debug('not shown')
        self.publish('whole', 42)
        self.publish('part', 0.5, precision=2)
        self.publish('text', '17')
        self.publish('text_part', ' 2.75 ', precision=2)
        self.publish('flag', True)
        self.publish('large', 18446744073709551615)
        self.publish_gauge('gauge', -3)
        print('what a collector prints is no metric')
