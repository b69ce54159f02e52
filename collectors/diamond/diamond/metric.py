"""Metric: one value on its way from a collector to the handlers, with its whole Graphite path.

Beside what Diamond's has there are five things that a handler cannot guess: `instance`, the virtual machine that it is about;
`dimensions`, tags, as collectors for Fullerite have them; whether its type and its time were given, or are what they are
for want of another; and `counter`, where the value is what that grew by. (`raw_value` is not to be trusted with this: collectors that
make metrics themselves have been seen to put the time there.)
"""
import logging
import re
import time

from diamond.error import DiamondException

TYPES = ("COUNTER", "GAUGE", "CUMCOUNTER")
LINE = re.compile(r"(?P<path>[A-Za-z0-9._-]+)\s+(?P<value>[0-9.]+)\s+(?P<timestamp>[0-9.]+)\n?")


def number(value):
    """An int or a float of what may be text, with all its digits."""
    if isinstance(value, (int, float)):
        return int(value) if isinstance(value, bool) else value
    if isinstance(value, (str, bytes)):
        try:
            return int(value)
        except ValueError:
            pass
    return float(value)


class Metric:
    def __init__(self, path, value, raw_value=None, timestamp=None, precision=0, host=None, metric_type=None, ttl=None,
                 dimensions=None, instance=None):
        self.type_given = metric_type is not None
        self.time_given = timestamp is not None
        metric_type = metric_type or "COUNTER"
        if path is None or value is None or metric_type not in TYPES:
            raise DiamondException("this is no metric: path %r, value %r, metric_type %r" % (path, value, metric_type))
        try:
            self.timestamp = int(time.time() if timestamp is None else timestamp)
        except (TypeError, ValueError, OverflowError) as e:
            raise DiamondException("metric %r has a timestamp that is none: %s" % (path, e)) from e
        try:
            self.value = number(value)
        except (TypeError, ValueError, OverflowError) as e:
            raise DiamondException("metric %r has a value that is no number: %s" % (path, e)) from e
        self.path = path
        self.raw_value = raw_value
        self.precision = precision
        self.host = host
        self.metric_type = metric_type
        self.ttl = ttl
        self.dimensions = dimensions
        self.instance = instance
        self.counter = None

    def __repr__(self):
        """Graphite's line."""
        if not isinstance(self.precision, int):
            logging.getLogger("diamond").warning("metric %s has a precision that is none: %r", self.path, self.precision)
            self.precision = 0
        return "%s %.*f %i\n" % (self.path, self.precision, self.value, self.timestamp)

    @classmethod
    def parse(cls, string):
        found = LINE.fullmatch(string)
        if found is None:
            raise DiamondException("this is no line of Graphite's: %r" % string)
        return cls(found["path"], found["value"], timestamp=float(found["timestamp"]))

    # Of servers.HOST.cpu.total.idle the prefix is "servers", the collector's path "cpu", the metric's "total.idle".

    def _parts(self):
        """The three, by where the host is: it may have dots."""
        if self.host is None:
            nodes = self.path.split(".")
            return nodes[0], nodes[2], ".".join(nodes[3:])
        prefix, _, below = self.path.partition(".%s." % self.host)
        collector, _, rest = below.partition(".")
        return prefix, collector, rest

    def getPathPrefix(self):
        return self.path.split(".")[0] if self.host is None else self._parts()[0]

    def getCollectorPath(self):
        return self._parts()[1]

    def getMetricPath(self):
        return self._parts()[2]
