"""What the collectors of services do alike: the command line, rounds, their time limit, and what people are told.

    import service

    def measure(options, out):
        out.gauge("queue.size", size_of_the_queue(options.folder), "B", queue="mail")

    service.main("Sends how long queues are.", measure, folder=("/var/spool/mail", "where they are"))

measure() is a round. It may block: after --timeout it is ended, wherever it stands. What it raises is told in a line, which begins with
where the service is, the first of the options: once when it begins, when it is another, and when it ends; what was measured before is sent.
Wrong is for what the service does or says, and is told as it is; an OSError likewise; anything else is a fault of the collector's, and is
told with its line.

docs/writing-collectors.md is the guide.
"""
import argparse
import contextlib
import errno
import http.client
import math
import os
import re
import signal
import socket
import sys
import time
import traceback
import urllib.error
import urllib.request

import garnet

EXIT_MISSING = 1
SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}
MAX_ANSWER = 1 << 20
MAX_SHOWN = 80  # characters
SECRET = re.compile(r"(://[^/:@\s]*:)[^/\s]+(?=@)|(password\s*=\s*)(?:'(?:[^'\\]|\\.)*'|[^\s&]+)")  # in an address


class Wrong(Exception):
    """What is wrong with the service, in a line, and what to do about it."""


class Late(BaseException):
    """So that no library takes it for one of its own errors."""


class Figures:
    """What a round measures. A value of None is one that is not there, and is left out."""

    def __init__(self):
        self.all, self.odd = [], []

    def gauge(self, name, value, /, unit=None, **tags):
        """A value as it is now."""
        self._add("gauge", name, value, unit, tags)

    def counter(self, name, value, /, unit=None, **tags):
        """One that only grows until the service starts again: as it is, since rates are made by a sink."""
        self._add("counter", name, value, unit, tags)

    def gauges(self, table, texts, /, **tags):
        """Those of a table {its name for it: (ours, unit)} that {its name for it: text, or number} has."""
        for name, value, unit in self._numbers(table, texts):
            self.gauge(name, value, unit, **tags)

    def counters(self, table, texts, /, **tags):
        """Likewise."""
        for name, value, unit in self._numbers(table, texts):
            self.counter(name, value, unit, **tags)

    def _numbers(self, table, texts):
        for key, (name, unit) in table.items():
            text = texts.get(key)
            value = number(text)
            if value is None and text not in (None, ""):
                self.odd.append("%s is no number: %s" % (key, shown(str(text))))
            yield name, value, unit

    def _add(self, kind, name, value, unit, tags):
        if value is not None:
            tags = {key: printable(tag) if isinstance(tag, str) else tag for key, tag in tags.items()}  # control characters Garnet does not take
            metric = {"type": kind, "unit": unit, "tags": tags}
            garnet.Client().add(name, value, **metric)  # a str for a number is a TypeError where that is, not when it is sent
            self.all.append((name, value, metric))


# --- what measure() asks by ---

def fetch(url):
    """What a web server says there, as text."""
    if not re.match(r"https?://[^/@]+(/|$)", url):
        raise Wrong("give http://... or https://..., without a user's name and password")
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url) as page:
            answer = page.read(MAX_ANSWER + 1)
            rest = page.length  # of what was announced
    except urllib.error.HTTPError as e:
        raise Wrong("status %d, %s: is this its address?" % (e.code, shown(e.reason))) from e
    except urllib.error.URLError as e:
        raise Wrong("%s: is it running, and is this its address?" % (getattr(e.reason, "strerror", None) or e.reason)) from e
    except (http.client.HTTPException, OSError, ValueError) as e:
        raise Wrong("this is no answer of a web server's: %s" % shown(str(e) or type(e).__name__)) from e
    if len(answer) > MAX_ANSWER:
        raise Wrong("the answer is longer than 1 MiB: is this its address?")
    if rest:
        raise Wrong("it has hung up in the middle of its answer")
    return answer.decode("utf-8", "backslashreplace")


def connect(address):
    """A socket to HOST:PORT, or to the /PATH of one."""
    try:
        if address.startswith("/"):
            s = socket.socket(socket.AF_UNIX)
            s.connect(address)
            return s
        host, _, port = address.rpartition(":")
        return socket.create_connection((host.strip("[]"), int(port)))
    except (ValueError, OverflowError):
        raise Wrong("give HOST:PORT, or the /PATH of a socket") from None
    except OSError as e:
        raise Wrong("%s: is it running, and is this its address?" % (e.strerror or e)) from e


def number(text):
    """An int or a float of a text; None if it is neither, or no finite one, or there is no text. What is a number already stays as it is."""
    if isinstance(text, (int, float)) and not isinstance(text, bool):
        return text if isinstance(text, int) or math.isfinite(text) else None
    if not isinstance(text, str) or "_" in text or not text.isascii():  # of which Python would make one
        return None
    with contextlib.suppress(ValueError):
        return int(text)
    with contextlib.suppress(ValueError):
        value = float(text)
        if math.isfinite(value):
            return value
    return None


def shown(text):
    """Of what a service says so much as fits into a message."""
    text = text.strip()
    return printable(text[:MAX_SHOWN]) + ("..." if len(text) > MAX_SHOWN else "")


def without_secrets(text):
    """Of an address, or what somebody says of it."""
    return SECRET.sub(r"\1\2***", text)


def printable(text):
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


# --- rounds ---

class Service:
    def __init__(self, measure, options, where):
        self.measure, self.options, self.where = measure, options, where
        self.client = garnet.Client(options.garnet_socket)
        self.told = {"measure": None, "send": None}

    def once(self):
        """The exit status."""
        return 0 if self._round(None) else EXIT_MISSING

    def forever(self, every):
        """At multiples of `every` on the clock. A round that takes too long costs the due times that pass meanwhile, and that is said."""
        before = None
        while True:
            due = int(time.time() // every) + 1
            if before is not None:
                due += due == before  # it woke up a little early
                if due > before + 1:
                    say("%d due times were missed: the round before took too long, or this machine stood still" % (due - before - 1))
            time.sleep(max(0, due * every - time.time()))
            self._round(due * every)
            before = due

    def _round(self, due):
        """Whether nothing is missing."""
        out = Figures()
        wrong = self._measured(out)
        self._tell("measure", wrong and "%s: %s" % (without_secrets(self.where), without_secrets(wrong)))
        if self.options.print:
            show(out)
            return wrong is None
        return self._sent(out, due) and wrong is None

    def _measured(self, out):
        """What is wrong, or None."""
        try:
            with limited(self.options.timeout):
                self.measure(self.options, out)
        except Late:
            return "no answer within %g s" % self.options.timeout
        except Wrong as e:
            return str(e)
        except OSError as e:
            return "".join((e.filename + ": " if isinstance(e.filename, str) else "", e.strerror or str(e)))
        except Exception as e:
            place = [f for f in traceback.extract_tb(e.__traceback__) if f.filename == self.measure.__code__.co_filename][-1]
            return "%s:%d: %s: %s" % (place.filename, place.lineno, type(e).__name__, shown(str(e)))
        if out.odd:
            return out.odd[0] + (" (and %d more)" % (len(out.odd) - 1) if len(out.odd) > 1 else "")
        return None if out.all else "nothing that it says is known here"

    def _sent(self, out, due):
        for name, value, more in out.all:
            self.client.add(name, value, time=due, **more)
        try:
            self.client.flush()
        except garnet.Rejected as e:
            if "GARNET_COLLECTOR" not in os.environ:  # by hand; else garnetd's log has it already
                self._tell("send", "not everything was accepted: %s" % e)
            return False
        except garnet.Error as e:
            self._tell("send", str(e))
            return False
        self._tell("send", None)
        return True

    def _tell(self, what, wrong):
        if wrong is not None and wrong != self.told[what]:
            say(wrong)
        elif wrong is None and self.told[what] is not None:
            say("works again")
        self.told[what] = wrong


@contextlib.contextmanager
def limited(seconds):
    """Of all that is in it, however often a byte comes."""
    def late(*_):
        raise Late()
    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def show(out):
    rows = [(printable(name + "".join(" %s=%s" % tag for tag in more["tags"].items())), "%s" % value, "%s" % (more["unit"] or ""), more["type"])
            for name, value, more in out.all]
    wide = [max((len(row[i]) for row in rows), default=0) for i in (0, 1)]
    for name, value, unit, kind in rows:
        print("%-*s  %*s %-5s  %s" % (wide[0], name, wide[1], value, unit, kind))
    if sys.stdout is None:  # it was closed already when this began
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))
    sys.stdout.flush()


# --- the command line ---

def program():
    return os.path.basename(sys.argv[0])


def say(text):
    sys.stderr.write("%s: %s\n" % (program(), printable(text)))


def duration(text):
    """Of 10ms, 5s, 1m, ..., in seconds."""
    found = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h|d)", text)
    seconds = float(found[1]) * SECONDS[found[2]] if found else 0
    if not 0.01 <= seconds <= 86400:
        raise argparse.ArgumentTypeError('"%s": give 10ms to 1d, such as 1s' % text)
    return int(seconds) if seconds == int(seconds) else seconds


def path(text):
    if not text.startswith("/"):
        raise argparse.ArgumentTypeError('"%s": the socket is an absolute path' % text)
    return text


def main(about, measure, **options):
    """`options` are the collector's own, one at least: NAME=(default, help). The first says where the service is; each value is a text."""
    p = argparse.ArgumentParser(prog=program(), description=about, allow_abbrev=False)
    for name, (default, text) in options.items():
        p.add_argument("--" + name.replace("_", "-"), default=default, metavar=name.upper(),
                       help="%s; default %s" % (text, default) if default else text)
    p.add_argument("--timeout", type=duration, default=5, metavar="TIME", help="how long a round may take; default 5s")
    p.add_argument("--every", type=duration, metavar="TIME", help="goes on for ever, at multiples of 1s, 10s, ... of the clock")
    p.add_argument("--print", action="store_true", help="shows a table and sends nothing")
    p.add_argument("garnet_socket", type=path, nargs="?", metavar="SOCKET", help="Garnet's socket, an absolute path; else $GARNET_SOCKET")
    if sys.stdout is not None:
        sys.stdout.reconfigure(errors="backslashreplace")
    asked = p.parse_args()
    s = Service(measure, asked, getattr(asked, next(iter(options))))
    try:
        sys.exit(s.forever(asked.every) if asked.every else s.once())
    except KeyboardInterrupt:
        sys.exit(130)
    except OSError as e:  # all else that can fail is told where it is
        say("cannot write to standard output: %s" % e.strerror)
        sys.stdout = None
        sys.exit(EXIT_MISSING)
