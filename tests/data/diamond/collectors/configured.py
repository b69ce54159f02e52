# coding=utf-8
"""What its files say: text, lists, sections; process_config(), str_to_bool()."""
from diamond.collector import Collector, str_to_bool


class ConfiguredCollector(Collector):
    def get_default_config_help(self):
        config_help = super(ConfiguredCollector, self).get_default_config_help()
        config_help.update({'queues': 'Which queues to count', 'port': 'Where it listens'})
        return config_help

    def get_default_config(self):
        config = super(ConfiguredCollector, self).get_default_config()
        config.update({'path': 'configured', 'port': 1, 'queues': [], 'deep': False, 'weight': 1, 'of_default': 0, 'of_more': 0})
        return config

    def process_config(self):
        super(ConfiguredCollector, self).process_config()
        self.port = int(self.config['port'])

    def collect(self):
        self.publish('port', self.port)
        for queue in self.config['queues']:
            self.publish('queue.%s' % queue, 1)
        self.publish('deep', str_to_bool(self.config['deep']))
        self.publish('weight', self.config['weight'])
        self.publish('of_default', self.config['of_default'])
        self.publish('of_more', self.config['of_more'])
        self.publish('level', self.config['levels']['high'])
        self.publish('interval', self.config['interval'])
        self.publish('enabled', self.config['enabled'])
        self.load_config()
        self.publish('again', self.config['port'])
