# coding=utf-8
"""An import of another folder's file, a constructor, pycompat, a thread, tags in Fullerite's manner."""
from familybase import FamilyCollector

import diamond.pycompat
from diamond.pycompat import HTTPError, long, urlparse


class NeighboursCollector(FamilyCollector):
    def __init__(self, config=None, handlers=[], name=None, configfile=None):
        self.made = 0
        super(NeighboursCollector, self).__init__(config, handlers, name, configfile)
        self.made += 1

    def get_default_config(self):
        config = super(NeighboursCollector, self).get_default_config()
        config.update({'path': 'neighbours'})
        return config

    def collect(self):
        assert issubclass(HTTPError, diamond.pycompat.URLError) and long(self.made) == 1
        self.publish(self.family, urlparse('http://example.com:81/').port)
        self.publish_from_a_thread('thread', 2)
        self.dimensions = {'queue': 'mail'}
        self.publish('tagged', 3)
        self.publish('untagged', 4)
