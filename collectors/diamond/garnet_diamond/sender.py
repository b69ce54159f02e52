"""The handler that a collector has under Garnet: its metrics go to garnetd's socket, or into a table for people.

A metric's name is what its path has below the host. What its path says of another machine (a device that is asked by SNMP, a
virtual one) becomes a tag, since else two of them would be one series.
"""
import math
import threading

import garnet
from diamond.metric import number


def name_and_tags(metric, config, own_host):
    tags = {k: str(v) for k, v in (metric.dimensions or {}).items() if v not in (None, "")}
    if metric.instance is not None:
        below = _below(metric.path, config.get("instance_prefix", "instances"), metric.instance)
        if below:
            return below, {**tags, "instance": metric.instance}
    for host in (own_host, metric.host):
        below = _below(metric.path, config.get("path_prefix"), host)
        if below:
            return below, tags if host in (None, own_host) else {**tags, "host": host}
    return metric.path, tags


def _below(path, prefix, host):
    start = "".join(node + "." for node in (prefix, host) if node)
    return path[len(start):] if start and path.startswith(start) else None


def type_and_value(metric):
    """Garnet takes the counter itself; rates are made of it where they are wanted, from its own times."""
    if metric.metric_type == "CUMCOUNTER" or metric.metric_type == "COUNTER" and metric.type_given:
        return "counter", within_64_bits(metric.value if metric.counter is None else number(metric.counter))
    return "gauge", within_64_bits(metric.value)


def within_64_bits(value):
    """An integer beyond that has its first 15 digits at least."""
    if isinstance(value, int) and not -2 ** 63 <= value < 2 ** 64:
        try:
            return float(value)
        except OverflowError:
            return math.inf if value > 0 else -math.inf  # which the client refuses
    return value


class Sender:
    """`time` is that of the round, for metrics that have none of their own."""

    def __init__(self, client):
        self.client = client  # garnet.Client, or Table
        self.collector = None
        self.time = None
        self.count = 0
        self._lock = threading.Lock()  # collectors may have threads

    def _process(self, metric):
        name, tags = name_and_tags(metric, self.collector.config, self.collector.get_hostname())
        kind, value = type_and_value(metric)
        with self._lock:
            self.count += 1
            self.client.add(name, value, type=kind, tags=tags, time=metric.timestamp if metric.time_given else self.time)

    def _flush(self):
        """Sends nothing yet: a round is sent when it is over."""

    def send(self):
        """What is wrong, or None; and whether that is garnetd not being there."""
        try:
            with self._lock:
                self.client.flush()
        except garnet.Rejected as e:
            return "not everything was accepted: %s" % e, False
        except garnet.Error as e:
            return str(e), True
        return None, False


def _printable(text):
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


class Table:
    """In place of a client: prints."""

    def __init__(self, out):
        self.out = out
        self.rows = []

    def add(self, name, value, *, type, tags, time):
        more = "".join(" %s=%s" % pair for pair in sorted(tags.items()))
        if not math.isfinite(value):
            more += "  (no number that can be sent)"
        self.rows.append([_printable(text) for text in (name, repr(value), type + more)])

    def flush(self):
        wide = [max((len(row[i]) for row in self.rows), default=0) for i in (0, 1)]
        for name, value, rest in self.rows:
            self.out.write("%-*s  %*s  %s\n" % (wide[0], name, wide[1], value, rest))
        self.out.flush()
        self.rows = []
