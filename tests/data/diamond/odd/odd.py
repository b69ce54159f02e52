# coding=utf-8
"""Collectors that do what none should, each something else."""
import os
import sys
import threading
import time

from diamond.collector import Collector


class PrintingCollector(Collector):
    """By other ways than print()."""
    def collect(self):
        os.system('echo by a child')
        os.write(1, b'by itself\n')
        sys.stderr = open(os.devnull, 'w')
        self.publish('a', 1)


class ForkingCollector(Collector):
    def collect(self):
        self.publish('parent', 1)
        pid = os.fork()
        if pid == 0:
            self.publish('child', 1)
        else:
            os.waitpid(pid, 0)


class StoppingCollector(Collector):
    """By what is no Exception, and cannot say what it is."""
    def collect(self):
        class Stop(BaseException):
            def __str__(self):
                raise ValueError('cannot say')
        self.publish('before', 1)
        raise Stop()


class ThreadCollector(Collector):
    """It has one that never ends."""
    def collect(self):
        threading.Thread(target=time.sleep, args=(1000,)).start()
        self.publish('a', 1)


class NumbersCollector(Collector):
    def collect(self):
        self.publish('large', 10 ** 25)
        self.publish('low', -10 ** 25)
        self.publish('bytes', b'18446744073709551615')
        self.publish('beyond', 10 ** 400)
        self.publish('digits', '9' * 5000)
        self.publish_counter('counter', 10 ** 25)
        self.publish(u'größe.näme', 1)


class NamesCollector(Collector):
    def collect(self):
        self.publish(b'name', 1)


class HangingCollector(Collector):
    """When it is made."""
    def __init__(self, *args, **kwargs):
        super(HangingCollector, self).__init__(*args, **kwargs)
        time.sleep(1000)


class RefusingCollector(Collector):
    """When its configuration is read."""
    def process_config(self):
        super(RefusingCollector, self).process_config()
        raise KeyError('port')


class SoonCollector(Collector):
    def process_config(self):
        super(SoonCollector, self).process_config()
        self.config['interval'] = 'soon'


class HeadlessCollector(Collector):
    """Its base has not been made."""
    def __init__(self, *args, **kwargs):
        pass


if sys.version_info[0] >= 3:
    class NestedCollector(Collector):
        def collect(self):
            self.publish('a', 1)


def of_a_function():
    class LocalCollector(Collector):
        pass
