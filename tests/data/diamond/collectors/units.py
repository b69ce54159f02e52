# coding=utf-8
"""convertor, and byte_unit."""
import diamond.collector
import diamond.convertor
from diamond import convertor
from diamond.convertor import time as time_convertor


class UnitsCollector(diamond.collector.Collector):
    def get_default_config(self):
        config = super(UnitsCollector, self).get_default_config()
        config.update({'path': 'units', 'byte_unit': 'byte megabyte'})
        return config

    def collect(self):
        for unit in self.config['byte_unit']:
            value = diamond.convertor.binary.convert(value=3072, oldUnit='kB', newUnit=unit)
            self.publish('free_%ss' % unit, value, precision=2)
        self.publish('bits', convertor.binary(1, 'KiB').get('bit'))
        self.publish('minutes', time_convertor.convert(5400, 's', 'minute'))
        amount = time_convertor(2, 'hours')
        amount.set(250, 'microseconds')
        self.publish('ms', amount.get(unit='ms'), precision=2)
        self.publish(convertor.camelcase_to_underscore('maxUsedMB'), 1)
        try:
            convertor.binary(1, 'furlong')
        except NotImplementedError:
            self.publish('refused', 1)
