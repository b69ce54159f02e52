#!/usr/bin/python3
"""screen.py - what ./quickstart shows: a table that stays, and a summary at the end

usage: screen.py COMMAND...        garnetd, with a sink of Carbon 2.0 lines on standard output

On a terminal each collector's newest values stand in a table at the foot, drawn once a second; elsewhere one of its rows
is printed each second. garnetd's own messages go above it. Signals go on to garnetd; its exit status is ours.
"""
import os
import selectors
import shutil
import signal
import subprocess
import sys
import textwrap
import time

NOT_SHOWN = {"what", "unit", "mtype", "host", "server"}
UP, CLEAR = "\x1b[%dA", "\x1b[J"

NEXT = """
Where to go on from here:

    config/quickstart.yaml          what has just run; it shows another sink in four lines
    collectors/examples/            collectors in shell and Python to begin yours from
    README.md                       a first collector, a first sink, and the installation
    build/quickstart/garnet plugin preview -c config/quickstart.yaml
            the bytes that each sink would send, for a receiver of your own
"""


def readable(value, unit):
    if unit == "s" and value >= 3600:
        return f"{value // 86400:.0f} d {value % 86400 // 3600:.0f} h {value % 3600 // 60:.0f} min"
    if unit == "B":
        for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
            if value < 1000 or unit == "TiB":
                break
            value /= 1024
    number = f"{value:,.0f}" if value == int(value) or abs(value) >= 100 else f"{value:.2f}"
    return number if unit in ("", "unknown") else f"{number} {unit}"


class Table:
    """A row for each first word of a name, and its tags; in it the newest value for each of the other words."""

    def __init__(self):
        self.rows, self.series, self.metrics, self.shown = {}, set(), 0, 0

    def take(self, line):
        """key=value key=value  meta=value VALUE TIME"""
        series, value, _ = line.rsplit(" ", 2)
        tags = dict(t.split("=", 1) for t in series.split("  ")[0].split(" "))
        row, _, column = tags["what"].partition(".")
        title = " ".join([row, *(tags[k] for k in sorted(tags.keys() - NOT_SHOWN))])
        self.rows.setdefault(title, {})[column] = readable(float(value), tags["unit"])
        self.series.add(series)
        self.metrics += 1

    def row(self, title, width):
        cells = [f"{k} {v}".strip().replace(" ", "\u00a0") for k, v in self.rows[title].items()]
        head = f"{title:<9} "
        return [x.replace("\u00a0", " ") for x in textwrap.wrap(
            head.replace(" ", "\u00a0") + "   ".join(cells), width - 1, subsequent_indent=" " * 10)]

    def lines(self, width, height):
        lines = [line for title in sorted(self.rows) for line in self.row(title, width)]
        return ["", *lines][:height - 1]

    def next_row(self):
        titles = sorted(self.rows)
        self.shown += 1
        return self.row(titles[self.shown % len(titles)], 10_000) if titles else []


class Terminal:
    def __init__(self, table):
        self.table, self.drawn = table, 0

    def clear(self):
        if self.drawn:
            sys.stdout.write(UP % self.drawn + CLEAR)
        self.drawn = 0

    def draw(self):
        self.clear()
        lines = self.table.lines(*shutil.get_terminal_size())
        self.drawn = len(lines)
        sys.stdout.write("".join(line + "\n" for line in lines))
        sys.stdout.flush()

    def say(self, line):
        self.clear()
        print(line)
        self.draw()


class Plain:
    def __init__(self, table):
        self.table = table

    def clear(self):
        pass

    def draw(self):
        for line in self.table.next_row():
            print(line, flush=True)

    def say(self, line):
        print(line, flush=True)


def lines_of(stream, rest):
    """The whole lines that are there to read, None at its end; `rest` keeps what is not one yet."""
    data = os.read(stream.fileno(), 65536)
    if not data:
        return None
    *lines, rest[:] = (bytes(rest) + data).split(b"\n")
    return [line.decode(errors="replace") for line in lines]


def follow(child, table, screen):
    """Until garnetd has closed both."""
    waiting = selectors.DefaultSelector()
    takes = {child.stdout: (table.take, bytearray()), child.stderr: (screen.say, bytearray())}
    for stream in takes:
        waiting.register(stream, selectors.EVENT_READ)
    due = time.monotonic() + 1
    while waiting.get_map():
        for key, _ in waiting.select(max(0, due - time.monotonic())):
            take, rest = takes[key.fileobj]
            lines = lines_of(key.fileobj, rest)
            if lines is None:
                waiting.unregister(key.fileobj)
            for line in lines or []:
                take(line)
        if time.monotonic() >= due:
            due = time.monotonic() + 1
            screen.draw()


def main():
    began, table = time.monotonic(), Table()
    terminal = sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb"
    screen = (Terminal if terminal else Plain)(table)
    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)  # until there is somebody to pass them on to
    child = subprocess.Popen(["setpriv", "--pdeathsig", "TERM", *sys.argv[1:]], stdin=subprocess.DEVNULL,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
                             preexec_fn=lambda: signal.pthread_sigmask(signal.SIG_UNBLOCK, signals))
    for s in signals:
        signal.signal(s, lambda s, _: child.send_signal(s))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, signals)
    follow(child, table, screen)
    status = child.wait()
    screen.clear()
    if table.metrics:
        print(f"\nSeen in {time.monotonic() - began:.0f} s: {table.metrics:,} metrics of {len(table.series)} series: "
              f"{', '.join(sorted(table.rows))}.\n{NEXT}", end="")
    return status if status >= 0 else 128 - status


if __name__ == "__main__":
    sys.exit(main())
