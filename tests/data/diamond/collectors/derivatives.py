# coding=utf-8
"""derivative() over rounds: by seconds, in all, over max_value, downwards. Its values are those of VALUES, a round each."""
from diamond.collector import Collector

VALUES = [100, 160, 90]


class DerivativesCollector(Collector):
    rounds = 0

    def get_default_config(self):
        config = super(DerivativesCollector, self).get_default_config()
        config['path'] = 'derivatives'
        return config

    def collect(self):
        value = VALUES[min(self.rounds, len(VALUES) - 1)]
        self.rounds += 1
        round_ = 'round%d.' % self.rounds
        self.publish(round_ + 'rate', self.derivative('rate', value))
        self.publish(round_ + 'of_ten', self.derivative('of_ten', value, interval=10))
        self.publish(round_ + 'in_all', self.derivative('in_all', value, time_delta=False))
        self.publish(round_ + 'wrapped', self.derivative('wrapped', value, max_value=256, time_delta=False))
        self.publish(round_ + 'down', self.derivative('down', value, allow_negative=True, time_delta=False))
