# coding=utf-8
"""What neighbours.py is derived from."""
import threading

from diamond.collector import Collector


class FamilyCollector(Collector):
    def __init__(self, *args, **kwargs):
        super(FamilyCollector, self).__init__(*args, **kwargs)
        self.family = 'family'

    def publish_from_a_thread(self, name, value):
        thread = threading.Thread(target=self.publish, args=(name, value))
        thread.start()
        thread.join()
