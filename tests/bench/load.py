"""Loads for compare: blocks of lines in each text that somebody takes, who sends them (tests/programs/pump.c), who
receives and counts (tests/programs/tally.c), and what processes have taken meanwhile.

The load is always the same metrics: so many series of name, two tags, a value, a time. What is sent is that in the
text of whom it is sent to.
"""
import contextlib
import mmap
import os
import re
import socket
import struct
import subprocess
import time
from dataclasses import dataclass

from harness import BUILD, wait_for

PROGRAMS = os.path.join(BUILD, "tests/programs")
SERIES = 10_000  # of a load that is about something else: at 10,000 metrics a second, each comes once a second
GONE_QUIET = 5  # seconds without a line, after which what is missing is lost

# i: the series, v: the value.
TEXTS = {
    "JSON": '{{"name":"app.requests.n{i:09d}","value":{v},"time":1700000000.25,"type":"gauge",'
            '"tags":{{"service":"web","instance":"{t}"}}}}\n',  # 125 bytes
    "Graphite": "web01.app.requests.n{i:09d}.{t}.web {v} 1700000000\n",
    "PUTVAL": 'PUTVAL "web01/app-n{i:09d}/gauge-requests_{t}_web" interval=10 N:{v}\n',
    "StatsD": "app.requests.n{i:09d}.{t}.web:1|c\n",
}


def died_with_us(argv):
    """A command that ends when we do, however that may be; and not by a Ctrl-C that is ours."""
    return ["setpriv", "--pdeathsig", "KILL", *argv]


def block(folder, text, series):
    """The file of a block, made when it is not there yet."""
    path = os.path.join(folder, f"{text}-{series}")
    if not os.path.exists(path):
        with open(path, "w") as f:
            f.writelines(TEXTS[text].format(i=i % series, v=f"{100 + i * 37 % 900}.5", t=i % series % 10)
                         for i in range(max(SERIES, series)))
    return path


class Tally:
    """The receiver. Times are in ns of the monotonic clock, as time.monotonic_ns() has them."""
    FIELDS = ("port", "lines", "first", "last", "mark", "reached", "bytes")  # struct page in tests/programs/tally.c

    def __init__(self, folder, port=0):
        self.path = os.path.join(folder, "tally")
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path)
        self.process = subprocess.Popen(died_with_us([PROGRAMS + "/tally", self.path, str(port)]),
                                        start_new_session=True)
        size = 8 * len(self.FIELDS)
        wait_for("the receiver is there", lambda: os.path.exists(self.path) and os.path.getsize(self.path) >= size)
        with open(self.path, "r+b") as f:
            self.page = mmap.mmap(f.fileno(), size)
        wait_for("the receiver listens", lambda: self.port)

    def __getattr__(self, name):
        return struct.unpack_from("=Q", self.page, 8 * self.FIELDS.index(name))[0]

    def write(self, name, value):
        struct.pack_into("=Q", self.page, 8 * self.FIELDS.index(name), value)

    def arm(self, lines):
        """Before a load, of which so many lines come: `reached` is when nine tenths were there. What the last ones wait
        for, a batch that is not full yet, is no part of a speed."""
        self.begun_at = self.lines
        self.write("first", 0)
        self.write("mark", self.begun_at + lines * 9 // 10)
        self.write("reached", 0)

    def came(self):
        return self.lines - self.begun_at

    def wait(self, lines, nudge=lambda: None, quiet=GONE_QUIET):
        """Until so many are there since arm(), or none has come for a while. How many they are."""
        seen, since = self.came(), time.monotonic()
        while seen < lines and time.monotonic() - since < quiet:
            time.sleep(0.02)
            if self.came() == seen:
                nudge()
            else:
                seen, since = self.came(), time.monotonic()
        return self.came()

    def stop(self):
        self.process.kill()
        self.process.wait()


# --- processes ---

def family(pid):
    """A process and all that is below it: pid -> comm."""
    parents, names = {}, {}
    for p in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError), open(f"/proc/{p}/stat") as f:
            stat = f.read()
            names[int(p)] = stat[stat.index("(") + 1:stat.rindex(")")]
            parents[int(p)] = int(stat[stat.rindex(")") + 2:].split()[1])
    out = {}

    def add(p):
        out[p] = names.get(p, "?")
        for child in [c for c, parent in parents.items() if parent == p]:
            add(child)
    add(pid)
    return out


def cpu_seconds(pid):
    """Of all its threads, those that have ended included: the clock that clock_getcpuclockid() has for it."""
    try:
        return time.clock_gettime(~pid << 3 | 2)
    except OSError:
        return 0.0  # it has ended


def pss_kib(pid):
    with contextlib.suppress(OSError), open(f"/proc/{pid}/smaps_rollup") as f:
        return int(re.search(r"^Pss: +(\d+)", f.read(), re.M)[1])
    return 0


def wakeups(pid):
    """How often its threads have gone to sleep so far, which is as often as they were woken."""
    n = 0
    with contextlib.suppress(OSError):
        for task in os.listdir(f"/proc/{pid}/task"):
            with contextlib.suppress(OSError), open(f"/proc/{pid}/task/{task}/status") as f:
                n += int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)", f.read(), re.M)[1])
    return n


@contextlib.contextmanager
def idle_connections(to, n):
    """So many to a Unix socket, that say nothing."""
    with contextlib.ExitStack() as stack:
        for _ in range(n):
            stack.enter_context(socket.socket(socket.AF_UNIX)).connect(to)
        yield


# --- one measurement ---

@dataclass
class Sent:
    began: int  # ns
    ended: int  # when the last reply had ended
    cpu: float  # seconds, of the sender
    reply: str  # the end of it


def send(who, path, lines, connections=1, each=0, rate=0, meanwhile=None):
    """Sends so many lines of a block; meanwhile() is called again and again until that is over."""
    sender = subprocess.Popen(
        died_with_us([PROGRAMS + "/pump", who.to, path, *map(str, (lines, connections, each, rate))]),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace", start_new_session=True)
    try:
        while meanwhile and sender.poll() is None:
            meanwhile()
        out, err = sender.communicate()
    finally:
        sender.kill()
        sender.wait()
    if sender.returncode != 0:
        raise AssertionError(f"{who.name}: {err.strip() or out.strip()}")
    numbers, reply = out.split("\n", 1)
    began, _, ended, own = map(int, numbers.split())
    return Sent(began, ended, own / 1e9, reply)


@dataclass
class Measured:
    lines: int
    lost: int  # of those that should have come
    rate: float  # lines a second, by the time when nine tenths were through
    cpu: float  # seconds per million lines, of all its processes
    pss: int  # KiB of all its processes, at the end or the most that was seen
    sender: float  # CPU seconds per million lines, of who sent them
    receiver: float  # and of who received them


def measure(who, folder, tally, lines, series=SERIES, look=False, **load):
    """Sends so many lines through somebody who runs, and waits until they are there. look: at memory, all the time."""
    path, pids, seen = block(folder, who.text, series), family(who.process.pid), []

    def look_at_memory():
        seen.append(sum(map(pss_kib, pids)))
        time.sleep(0.05)
    tally.arm(lines * who.copies)
    before, cpu, receiver = who.taken(), {p: cpu_seconds(p) for p in pids}, cpu_seconds(tally.process.pid)
    sent = send(who, path, lines, meanwhile=look_at_memory if look else None, **load)
    if who.counts:
        missing, ended, part = lines - (who.taken() - before), sent.ended, 1.0
    else:
        missing = lines * who.copies - tally.wait(lines * who.copies, who.nudge)
        ended, part = tally.reached or tally.last, 0.9
    pids = pids | family(who.process.pid)
    spent = sum(cpu_seconds(p) - cpu.get(p, 0) for p in pids)
    seen.append(sum(map(pss_kib, pids)))
    if missing < 0:
        raise AssertionError(f"{who.name}: {-missing} lines more than were sent")
    million, receiver = lines / 1e6, cpu_seconds(tally.process.pid) - receiver
    return Measured(lines, missing, lines * part / max(1e-9, (ended - sent.began) / 1e9), spent / million, max(seen),
                    sent.cpu / million, receiver / million)
