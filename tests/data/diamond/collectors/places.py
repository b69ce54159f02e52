# coding=utf-8
"""Names: instances, suffixes, get_metric_path(), get_hostname()."""
from diamond.collector import Collector, get_hostname


class PlacesCollector(Collector):
    def get_default_config(self):
        config = super(PlacesCollector, self).get_default_config()
        config.update({'path': 'places', 'path_suffix': 'rack7', 'hostname': 'web.example.com'})
        return config

    def collect(self):
        assert self.get_hostname() == get_hostname(self.config) == 'web.example.com'
        assert get_hostname({'hostname': 'echo by_shell', 'hostname_method': 'shell'}) == 'by_shell'
        assert '.' not in get_hostname({}) and get_hostname({'hostname_method': 'NONE'}) is None
        assert self.get_metric_path('a.b') == 'servers.web.example.com.rack7.places.a.b'
        assert self.get_metric_path('c', instance='vm1') == 'instances.vm1.places.c'
        self.publish('here', 1)
        self.publish('there', 2, instance='vm.1')
        self.config['path'] = '.'
        self.publish('top', 3)
        self.publish('top', 4, instance='vm2')
