"""Sends metrics to Garnet. One file, nothing but the standard library, Python 3.7 and later.

    import garnet

    with garnet.Client() as g:
        g.gauge("queue.size", 42, unit="B", tags={"queue": "mail"})
        g.counter("requests", {"get": 10, "put": 2})        # requests.get and requests.put

The end of the block sends what was added and waits for Garnet's reply: garnet.Rejected says which metrics were not
taken, and all others were; any other garnet.Error means that Garnet could not be reached or did not answer. When the
block ends with an exception of its own, nothing is sent. Without a block: add, and flush() or close().

Client() takes the socket from $GARNET_SOCKET, which garnetd sets for each collector, and without that the shared one,
/run/garnet/garnet.sock. `timeout` is in seconds (5 where it is no number above 0): nothing waits for longer without a byte moving, nor for a
reply for longer than that in all.

Values are int (of 64 bits, signed or not), float, and what converts to these (bool is 0 or 1); or a dict of them, a
metric NAME.KEY each. `unit` is Metrics 2.0's ("B", "s", "%", "B/s"); Garnet converts nothing. `time` is in Unix seconds,
or a datetime that has a time zone; without it a metric gets the time at which the collector's run was due, else that of
its arrival. `tags` belong to the metric's identity, `meta` tells about it; both are dicts of str (int is written out).

What is no metric at all, a str for a number, say, is a TypeError at once. What only cannot be sent (NaN, an infinity,
an integer beyond 64 bits, text that is not UTF-8) is left out alone, and is in the Rejected of the next flush. Names,
types, units and the rest are Garnet's to judge. What waits is gone after a flush, whatever came of it: add it again to
try again. What was left out is kept until a flush that Garnet answers, the first 8 with what is wrong with them.

A Client is for one thread at a time.
"""
import errno
import json
import math
import operator
import os
import socket
import struct
import time as clock
import unicodedata

__all__ = ["Client", "Error", "Fault", "Rejected", "Reply"]
__version__ = "1.0"

SHARED_SOCKET = "/run/garnet/garnet.sock"
MAX_WAITING = 16 << 20  # bytes
MAX_REPLY = 1 << 20
MAX_REFUSED = 8  # of which it is kept what is wrong with them
DEFAULT_TIMEOUT = 5.0  # seconds
MAX_TIMEOUT = 1e8


class Error(Exception):
    """Garnet could not be reached, has refused, or did not answer: what was accepted is not known. `reply` is what it said, or None."""

    def __init__(self, text="", reply=None):
        self.reply = reply
        super().__init__(text)


class Rejected(Error):
    """Something is wrong with metrics, in `reply`; all others were accepted."""

    def __init__(self, reply):
        more = reply.rejected - 1
        first = str(reply.errors[0]) if reply.errors else "it does not say why"
        super().__init__(first + (", and %d more" % more if more > 0 else ""), reply)


class Fault:
    """What is wrong with one metric: `error`, and where that is known `field`, and `line` and `byte` of the connection."""

    def __init__(self, error, field=None, line=None, byte=None):
        self.error, self.field, self.line, self.byte = error, field, line, byte

    def __str__(self):
        place = "line %d, byte %d, " % (self.line, self.byte) if self.line and self.byte else ""
        return place + (self.field + ": " if self.field else "") + self.error

    def __repr__(self):
        return "Fault(%r)" % str(self)


class Reply:
    """What became of a flush: how many metrics were accepted and rejected, and the first errors."""

    def __init__(self, accepted=0, rejected=0, errors=()):
        self.accepted, self.rejected, self.errors = accepted, rejected, list(errors)

    def __repr__(self):
        return "Reply(accepted=%d, rejected=%d, errors=%r)" % (self.accepted, self.rejected, self.errors)


class Client:
    def __init__(self, path=None, timeout=DEFAULT_TIMEOUT):
        self.path = os.fspath(path or os.environ.get("GARNET_SOCKET") or SHARED_SOCKET)
        # As in C: what is no limit is the default, never none at all.
        try:
            timeout = float(timeout)
        except (TypeError, ValueError, OverflowError):
            timeout = 0.0
        self.timeout = min(timeout, MAX_TIMEOUT) if 0 < timeout < math.inf else DEFAULT_TIMEOUT
        self._socket = None
        self._forget()

    # --- adding: into memory, nothing is sent ---

    def gauge(self, name, value, **more):
        """A value as it is now."""
        self.add(name, value, type="gauge", **more)

    def counter(self, name, value, **more):
        """One that only grows, until it starts again."""
        self.add(name, value, type="counter", **more)

    def rate(self, name, value, **more):
        """Per second."""
        self.add(name, value, type="rate", **more)

    def count(self, name, value, **more):
        """How many since the last report."""
        self.add(name, value, type="count", **more)

    def timestamp(self, name, value, **more):
        """A point in time as a value: Unix seconds, or a datetime that has a time zone."""
        self.add(name, value, type="timestamp", **more)

    def add(self, name, value, *, type=None, unit=None, tags=None, meta=None, time=None):
        """A metric, or with a dict of values several."""
        name = _text(name, "name")
        try:
            metric = _metric(name, value, type, unit, tags, meta, time)
            line = json.dumps(metric, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode() + b"\n"
            if len(self._waiting) + len(line) > MAX_WAITING:
                raise ValueError("more than 16 MiB would wait: flush more often")
        except ValueError as e:  # UnicodeEncodeError is one
            self._refuse(name, "is not text in UTF-8" if isinstance(e, UnicodeError) else str(e))
        else:
            self._waiting += line

    def _refuse(self, name, error):
        self._nrefused += 1
        if len(self._refused) < MAX_REFUSED:
            self._refused.append(Fault(error, ascii(name)[1:-1]))

    # --- sending ---

    def flush(self):
        """Sends what waits, returns the Reply and keeps the connection. Raises Rejected, or another Error."""
        return self._settle(False)

    def close(self):
        """The same, and ends the connection. The client may be used again."""
        return self._settle(True)

    def __enter__(self):
        return self

    def __exit__(self, kind, error, where):
        if kind is None:
            self.close()
        else:
            self._forget()
            self._disconnect()

    def _forget(self):
        self._waiting, self._refused, self._nrefused = bytearray(), [], 0

    def _settle(self, end):
        waiting, self._waiting = self._waiting, bytearray()
        reply = Reply()
        try:
            if waiting:
                reply = self._exchange(waiting, end)
        except OSError as e:
            self._disconnect()
            raise Error("%s: %s" % (self.path, _help(e))) from e
        except BaseException:  # a KeyboardInterrupt among them: the next reply would be taken for the next flush's
            self._disconnect()
            raise
        if end:
            self._disconnect()
        reply.rejected += self._nrefused  # an Error leaves it to the next flush
        reply.errors = self._refused + reply.errors
        self._forget()
        if reply.rejected:
            raise Rejected(reply)
        return reply

    def _exchange(self, waiting, end):
        if self._socket is not None and self._is_over():
            self._disconnect()
        if self._socket is None:
            self._connect()
        whole = self._send(waiting if end else waiting + b'{"ack":true}\n')
        line = self._read(end)
        if not line:
            raise Error("%s: closed without a reply: what was accepted is not known" % self.path)
        try:
            reply = _reply(json.loads(line.decode()))
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            raise Error("%s: this is not a reply of garnetd: %.60s" % (self.path, ascii(line))) from None
        reason = str(reply.errors[0]) if reply.errors else ""
        if reason and not reply.rejected:
            raise Error(reason, reply)
        if not whole:
            text = "%s: closed before it had read everything" % self.path
            raise Error(text + ": " + reason if reason else text, reply)
        return reply

    def _connect(self):
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        until = clock.monotonic() + self.timeout
        while True:
            # Where the queue of the one who listens is full, a connect() with Python's own timeout would not wait at all.
            us = max(1, int((until - clock.monotonic()) * 1e6))  # 0 would be no limit
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("@ll", us // 1000000, us % 1000000))
            self._socket.connect(self.path)
            try:
                self._socket.getpeername()
                return
            except OSError as e:  # a signal's handler ran: Python takes that for a connection that will come, and here it will not
                if e.errno != errno.ENOTCONN:
                    raise
            if clock.monotonic() >= until:
                raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))

    def _disconnect(self):
        if self._socket is not None:
            self._socket.close()
        self._socket = None

    def _is_over(self):
        """Garnet has hung up, or said something unasked, which it does before it hangs up."""
        self._socket.settimeout(0)
        try:
            self._socket.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return False
        except OSError:
            pass
        return True

    def _send(self, data):
        """False: the other side does not read on. Then it may have said why."""
        rest = memoryview(data)
        while rest:
            self._socket.settimeout(self.timeout)
            try:
                rest = rest[self._socket.send(rest, socket.MSG_NOSIGNAL):]
            except (BrokenPipeError, ConnectionResetError):
                return False
        return True

    def _read(self, end):
        """The reply: a line, or what there is before the end."""
        if end:
            try:
                self._socket.shutdown(socket.SHUT_WR)
            except OSError:
                pass  # the other side is gone: reading tells
        until = clock.monotonic() + self.timeout
        data = b""
        while b"\n" not in data:
            left = until - clock.monotonic()
            if left <= 0:
                raise socket.timeout("timed out")
            self._socket.settimeout(left)
            try:
                part = self._socket.recv(65536)
            except ConnectionResetError:  # it closed without reading all
                break
            data += part
            if not part:
                break
            if len(data) > MAX_REPLY:
                raise Error("%s: the reply is longer than 1 MiB: not garnetd?" % self.path)
        return data.partition(b"\n")[0]


def _help(e):
    if isinstance(e, FileNotFoundError):
        return "there is no such socket: is garnetd running, and with this socket path?"
    if isinstance(e, ConnectionRefusedError):
        return "nobody listens on it: garnetd is not running"
    if isinstance(e, PermissionError):
        return "permission denied: `socket` in garnet.yaml sets the mode and the group"
    if isinstance(e, BlockingIOError):
        return "it has taken no connection in time: garnetd hangs or is overloaded"
    if isinstance(e, socket.timeout):
        return "no answer in time: what was accepted is not known; garnetd's log may say why"
    return e.strerror or str(e)


def _reply(told):
    """Of what was read; it may come from anybody who listens there."""
    return Reply(_count(told["accepted"]), _count(told["rejected"]), [_fault(e) for e in told.get("errors", [])])


def _fault(told):
    field, line, byte = told.get("field"), told.get("line"), told.get("byte")
    return Fault(_shown(told["error"]), None if field is None else _shown(field),
                 None if line is None else _count(line), None if byte is None else _count(byte))


def _count(n):
    if not isinstance(n, int) or isinstance(n, bool) or not 0 <= n < 2**64:
        raise TypeError("not a count")
    return n


def _shown(s):
    """Without what moves a cursor, and without halves of characters, which could not be printed."""
    return "".join("?" if unicodedata.category(c) in ("Cc", "Cs") else c for c in _text(s, "text"))


def _metric(name, value, type, unit, tags, meta, time):
    metric = {"name": name}
    for field, text in (("type", type), ("unit", unit)):
        if text is not None:
            metric[field] = _text(text, field)
    for field, pairs in (("tags", tags), ("meta", meta)):
        if pairs:
            metric[field] = {_text(k, field): _tag(v, field) for k, v in pairs.items()}
    if time is not None:
        metric["time"] = _seconds(time, "time")
    number = _seconds if type == "timestamp" else _number
    if hasattr(value, "items"):
        metric["values"] = {_text(k, "values"): number(v, "values") for k, v in value.items()}
    else:
        metric["value"] = number(value, "value")
    _check(metric)
    return metric


def _text(s, field):
    if not isinstance(s, str):
        raise TypeError("%s must be a str, not %s" % (field, type(s).__name__))
    return s


def _tag(v, field):
    if not isinstance(v, int) or isinstance(v, bool):
        return _text(v, "a value in " + field)
    if v.bit_length() > 1024:  # Python itself may refuse to write it out
        raise ValueError("%s has an integer of more than 1024 bits as a value" % field)
    return str(int(v))


def _number(v, field):
    """An int or a float. numpy's, Decimal and Fraction are among what converts; a ValueError where it is too large."""
    try:
        return int(operator.index(v))  # int(): before Python 3.10 the index of True is True, and `true` is no number
    except TypeError:
        pass
    if isinstance(v, float):
        return float(v)
    if isinstance(v, (str, bytes, bytearray)) or not hasattr(type(v), "__float__"):
        raise TypeError("%s must be a number, not %s" % (field, type(v).__name__))
    try:
        return float(v)
    except (ValueError, ArithmeticError) as e:  # a signalling NaN, a Fraction beyond all doubles
        raise ValueError("%s cannot be sent as a number: %s" % (field, e)) from None


def _seconds(t, field):
    if not hasattr(t, "timestamp"):
        return _number(t, field)
    if t.tzinfo is None:
        raise TypeError("%s must be Unix seconds, or a datetime with a time zone" % field)
    try:
        return t.timestamp()
    except ArithmeticError as e:
        raise ValueError("%s cannot be sent as Unix seconds: %s" % (field, e)) from None


def _check(metric):
    """A ValueError where there is a number that JSON does not have, or Garnet."""
    numbers = list(metric.get("values", {}).items()) + [(f, metric[f]) for f in ("value", "time") if f in metric]
    for field, v in numbers:
        if isinstance(v, int) and not -2**63 <= v < 2**64:
            raise ValueError("%s is an integer beyond 64 bits: send it as a float" % field)
        if isinstance(v, float) and not math.isfinite(v):
            raise ValueError("%s must be a finite number, not %r: leave it out when there is none" % (field, v))
