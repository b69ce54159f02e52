"""The n-th call of a kind fails, by a preloaded shim (tests/shim/fail.c), or by limits of the process: garnetd goes on.

Never a crash, a hang, a leaked descriptor, an orphan; after each fault the collectors run, and what is sent arrives.
While garnetd runs or reloads, one process takes fault after fault. At its start and end it is a process per fault,
which may then end with an error, but says why. Where every n would take too long a sample is taken, a closer one with
GARNET_TEST_LONG=1. Under AddressSanitizer, which has the memory to itself, no malloc fails."""
import collections
import contextlib
import errno
import itertools
import queue
import re
import resource
import struct
import threading
import time

from shims import *

RECOVERED = 10.0 if not SANITIZED else 40.0  # seconds: accepting pauses for one; the rest is for a busy machine
SLACK = 0 if not SANITIZED else 8  # descriptors: of helpers that are taken for hung, being so slow, and of those in their place
THREADS = 8 if not SANITIZED else 4  # they wait most of the time
DENSE = 400 if LONG else 14 if not SANITIZED else 10  # up to here every n, and then a sample
STEP = 50 if LONG else 3  # n by an n-th of itself
MANY = "".join(  # more than a segment of the spool
    f'{{"name":"many.{i}","value":{i},"meta":{{"filler":"{"x" * 500}"}}}}\n' for i in range(140))
COLLECTORS = dict(zip("abc", ("100ms", "100ms", "150ms") if not SANITIZED else ("300ms", "300ms", "400ms")))
FAULTS = {
    "malloc": [errno.ENOMEM],
    "open": [errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EINTR],
    "read": [errno.EINTR, errno.EAGAIN, SHORT],
    "write": [errno.EINTR, errno.EAGAIN, errno.ENOSPC, SHORT],
    "accept": [errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EINTR, errno.ECONNABORTED],
    "pipe": [errno.EMFILE, errno.ENFILE],
    "socket": [errno.EMFILE, errno.ENOMEM],
    "fork": [errno.EAGAIN, errno.ENOMEM],
    "epoll_ctl": [errno.ENOMEM, errno.ENOSPC],
    "rename": [errno.ENOSPC, errno.EIO],
    "unlink": [errno.EIO],
    "mmap": [errno.ENOMEM],
    "memfd_create": [errno.EMFILE],
    "poll": [errno.EINTR],
    "wait": [errno.EINTR],
}
NEEDED_AGAIN = {  # a call that is made but for new ones of these
    ("fork", GARNETD): "garnetd-guard garnetd-nursery", ("socket", GARNETD): "garnetd-keep", ("mmap", FORKS): "garnetd-keep garnetd-nursery"}
PARTS = {"malloc": THREADS}  # a long sweep, to be shared


def numbers():
    """Which of a kind's calls to fail."""
    n = 1
    while True:
        yield n
        n += 1 if n < DENSE else n // STEP


class Lines:
    """How many lines of each metric have come to the sink's file, without reading it twice."""

    def __init__(self, path):
        self.path, self.at, self.rest, self.counts = path, 0, "", {}

    def read(self):
        try:
            with open(self.path) as f:
                f.seek(self.at)
                text = f.read()
        except FileNotFoundError:
            return self.counts
        self.at += len(text)
        lines = (self.rest + text).split("\n")
        self.rest = lines.pop()
        for line in lines:
            name = line.split(".testhost")[0]
            self.counts[name] = self.counts.get(name, 0) + 1
        return self.counts


class Victim:
    """A garnetd with the shim, three collectors that run all the time, and a file for what arrives."""

    def __init__(self, test, self_metrics="0", segment_size="64KiB"):
        self.d = Daemon(test, f"self_metrics: {self_metrics}\nshutdown_timeout: 2s\n"
                        f"spool: {{dir: spool, segment_size: {segment_size}}}\nsinks:\n  - {{name: main, plugin: graphite, "
                        "to: 'file:out.txt', flush: 0s, path: '{name}.{host}.{tags}'}\n", start=False)
        for name, interval in COLLECTORS.items():
            self.configure(name, interval)
        self.fault = Fault(self.d.path("fault"))
        self.d.env = {"LD_PRELOAD": preload("fail"), "GARNET_SHIM_FAIL": self.d.path("fault")}
        self.lines = Lines(self.d.path("out.txt"))
        self.sent = self.reloads = 0
        self.slowest = 0

    def configure(self, name, interval):
        self.d.collector(name, f"command: [{BUILD}/garnet, emit, run.{name}, '1', --socket]\n"
                         f"interval: {interval}\ntimeout: 5s\n")

    def start(self, prepare=lambda v: None):
        """Comes to the state that each fault has to leave it in."""
        self.d.start()
        prepare(self)
        self.d.hup()
        self.recovers()
        until, seen = time.monotonic() + 0.5, []
        while time.monotonic() < until:  # runs come and go
            seen.append(self.size())
        self.idle = min(seen)
        return self

    def descriptors(self):
        return os.listdir(f"/proc/{self.d.process.pid}/fd")

    def size(self, of_run=2):
        """How many descriptors, but for one of each keeper, of which there are as many as were needed at a time, and those of
        each run, two and maybe its connection: on a slow machine there is no moment without any."""
        keepers = [pid for pid, comm in ours(self.d.process.pid).items() if comm == "garnetd-keep"]  # first: others may come
        runs = sum(len(children_quick(pid)) for pid in keepers)
        return len(self.descriptors()) - len(keepers) - of_run * runs

    def send(self, more=""):
        """A metric on the shared socket; the answer, or None where it was hung up on. It never takes long."""
        self.sent += 1
        try:
            return self.d.send(more + f'{{"name":"sent.{self.sent}","value":1}}')
        except (ConnectionError, FileNotFoundError):
            return None

    def runs(self):
        counts = self.lines.read()
        return {name: counts.get("run." + name, 0) for name in COLLECTORS}

    def all_ran_since(self, before):
        return all(n > before[name] for name, n in self.runs().items())

    def recovers(self):
        """What has to hold once a fault is over."""
        assert self.d.process.poll() is None, f"garnetd ended with {self.d.process.returncode}"
        begin, before = time.monotonic(), self.runs()
        answer = self.send()
        assert answer == {"accepted": 1, "rejected": 0, "errors": []}, f"a later metric: {answer}"
        wait_for("what is sent arrives", lambda: f"sent.{self.sent}" in self.lines.read(), RECOVERED)
        wait_for("all collectors run", lambda: self.all_ran_since(before), RECOVERED)
        self.slowest = max(self.slowest, time.monotonic() - begin)

    def nothing_leaked(self):
        try:
            wait_for("", lambda: self.size(3) <= self.idle + SLACK, RECOVERED)  # what leaks does so with many a fault
        except AssertionError:
            raise AssertionError(f"{self.idle} descriptors when idle before, now {self.size(3)}")

    def ends(self):
        status = self.d.terminate(15)
        assert status == 0, f"exit status {status}"
        wait_for("no orphan", lambda: not self.d.left(), 5)


def run_fault(v, fault):
    """Runs of all collectors, and a batch that starts a new segment of the spool."""
    before, begin = v.runs(), time.monotonic()
    call, _, where, _ = fault
    rare = (call in ("open", "unlink") and where == GARNETD) or (call, where) in NEEDED_AGAIN
    least = 1.1 if rare else 0  # seconds: housekeeping comes every second
    v.fault.arm(*fault)
    victims = [p for p, comm in ours(v.d.process.pid).items() if comm in NEEDED_AGAIN.get((call, where), "").split()]
    for pid in victims:
        kill(pid, signal.SIGSTOP)  # none of them is to take another's place
    for pid in victims:
        kill(pid)
    v.send(MANY)
    wait_for("runs, or the fault", lambda: v.fault.fired() or
             (v.all_ran_since(before) and time.monotonic() > begin + least), RECOVERED)
    v.fault.disarm()
    v.recovers()
    v.nothing_leaked()


def configure_next(v):
    """One collector is changed, one new, one dropped. The socket that is to vanish."""
    v.reloads += 1
    odd = v.reloads % 2
    v.configure("changed", f"{5 + v.reloads % 7}s")
    v.configure(f"new{odd}", "10s")
    v.d.collector(f"new{1 - odd}", "enabled: false\ncommand: [/bin/true]\n")
    return v.d.path(f"run/collectors/new{1 - odd}.sock")


def reload_fault(v, fault):
    dropped = configure_next(v)
    mark = v.d.log_size()
    v.fault.arm(*fault)
    v.d.process.send_signal(signal.SIGHUP)
    try:
        wait_for("the reload, or the fault", lambda: v.fault.fired() or
                 ("is in use" in v.d.log()[mark:] and not os.path.exists(dropped)), RECOVERED)
    finally:
        v.fault.disarm()
    v.d.hup()
    v.recovers()
    v.nothing_leaked()


def starts_or_says_why(v, fault):
    if fault[3] % 10 == 0:  # now and then without a fault: those in retention let the spool, and so the calls, grow
        v.d.start()
        v.ends()
    mark = v.d.log_size()
    v.fault.arm(*fault)
    v.d.start(ready=False)
    wait_for("garnetd is ready or ends", lambda: v.send() or v.d.process.poll() is not None)
    v.fault.disarm()
    if v.d.process.poll() is None:
        assert v.send(), "a later metric is not taken in"
        with contextlib.suppress(AssertionError):  # the log is written by another process, whose fault this may have been
            wait_for("all is said", lambda: "takes metrics at" in v.d.log()[mark:], 1)
        if "is looked at again every" in v.d.log()[mark:]:  # in 30 s by itself; a HUP brings it on
            v.d.hup()
        wait_for("what is sent arrives", lambda: f"sent.{v.sent}" in v.lines.read(), RECOVERED)
        twice = [name for name, n in v.lines.counts.items() if name.startswith("sent.") and n > 1]
        if " error: " in v.d.log()[mark:]:  # what could not be started then is started later
            v.recovers()
        assert not twice, f"the sink's place in the spool was lost: sent again: {twice}"
        v.ends()
        return
    assert v.d.process.returncode in (1, 111), f"exit status {v.d.process.returncode}"
    assert v.d.log()[mark:].strip(), "it does not say why"
    wait_for("no orphan", lambda: not v.d.left(), 5)


def ends_well(v, fault):
    v.d.start()
    v.send()
    v.fault.arm(*fault)
    try:
        v.ends()
    finally:
        v.fault.disarm()


def sweep(v, act, call, error, where, part):
    """Fails the first call of a kind, the second, ... until there are no more. How many faults there were."""
    faults = 0
    for n in itertools.islice(numbers(), part, None, PARTS.get(call, 1)):
        act(v, (call, error, where, n))
        if not v.fault.fired():
            break
        faults += 1
    return faults


class Sweeps:
    """All kinds of faults, on several victims at a time; a victim that has failed is left to the test's clean-up."""

    def __init__(self, make, act, kinds):
        self.make, self.act = make, act
        self.work = queue.Queue()
        for kind in kinds:
            self.work.put(kind)
        self.faults, self.failures, self.slowest = collections.Counter(), [], 0.0

    def run(self):
        begin = time.monotonic()
        threads = [threading.Thread(target=self.go_on) for _ in range(THREADS)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        reached = ", ".join(f"{n} {call}" for call, n in sorted(self.faults.items()) if n > 0)
        print(f"{sum(self.faults.values())} faults in {time.monotonic() - begin:.0f} s: {reached}; "
              f"slowest recovery {self.slowest:.2f} s")

    def go_on(self):
        v = None
        while len(self.failures) < 5:
            try:
                kind = self.work.get_nowait()
            except queue.Empty:
                break
            v = self.attempt(v, lambda v: self.one(v, kind))
        if v and v.d.process.poll() is None:
            self.attempt(v, lambda v: v.ends())

    def one(self, v, kind):
        faults = sweep(v, self.act, *kind)
        self.faults[kind[0]] += faults
        self.slowest = max(self.slowest, v.slowest)

    def attempt(self, v, what):
        """The victim, or None when there is a failure to report."""
        try:
            v = v or self.make()
            what(v)
            return v
        except Exception as e:
            log = v.d.log().splitlines()[-12:] if v else []
            self.failures.append("\n".join([f"{v and v.fault}: {type(e).__name__} {e}"] + log))
            if v:
                v.fault.disarm()


class Exhaustion(unittest.TestCase):
    def each(self, make, act, kinds, reached):
        """`reached`: calls of which at least one must have been failed."""
        sweeps = Sweeps(make, act, kinds)
        sweeps.run()
        if sweeps.failures:
            self.fail("\n\n".join(sweeps.failures))
        for call in reached.split():
            self.assertGreater(sweeps.faults[call], 0, f"no {call} was reached")

    def kinds(self, *places, errors=None, without=()):
        """(call, errno, where, part), ...; `errors`: so many of each call's."""
        return [(call, error, where, part) for where in places for call, all_errors in FAULTS.items()
                if call not in without and not (SANITIZED and call == "malloc")
                for error in all_errors[:errors] for part in range(PARTS.get(call, 1))]

    def test_while_running(self):
        self.each(lambda: Victim(self).start(), run_fault, self.kinds(GARNETD),
                  "open read write accept pipe socket fork epoll_ctl rename poll")

    def test_in_keepers_and_helpers(self):
        self.each(lambda: Victim(self).start(), run_fault, self.kinds(FORKS, without=["accept"]),
                  "write open fork mmap poll")

    def test_while_reloading(self):
        self.each(lambda: Victim(self).start(configure_next), reload_fault,
                  self.kinds(GARNETD, FORKS, errors=1, without=["accept", "poll", "wait"]),
                  "read write open pipe socket fork epoll_ctl memfd_create unlink")

    def test_at_the_start(self):
        self.each(lambda: Victim(self), starts_or_says_why, self.kinds(GARNETD, FORKS),
                  "read write open pipe socket fork epoll_ctl memfd_create rename")

    def test_at_the_end(self):
        self.each(lambda: Victim(self), ends_well, self.kinds(GARNETD, FORKS), "read write poll unlink")


class Limits(unittest.TestCase):
    """No free descriptor, by the limit of the running process: what is open is served, slots are missed and counted."""

    def spawn_misses(self, v):
        """The latest count of each collector."""
        counts = {}
        for line in v.d.file_lines("out.txt"):
            missed = re.fullmatch(r"garnet\.collector\.missed_by\.testhost\.(.*)\.spawn (\d+) \d+", line)
            if missed:
                counts[missed[1]] = int(missed[2])
        return counts

    def test_out_of_descriptors(self):
        v = Victim(self, self_metrics="{interval: 100ms, level: full}", segment_size="16MiB")  # no new segment meanwhile
        v.start()
        client = v.d.connect()
        self.addCleanup(client.close)
        reply = client.makefile("r")

        def ask(n):
            client.sendall(b'{"name":"kept.%d","value":1}\n{"ack":true}\n' % n)
            return json.loads(reply.readline())
        # A run that is under way may still connect, and closes whoever has been silent for longest: one of these.
        others = [v.d.connect() for _ in range(2 * len(COLLECTORS))]
        self.assertEqual(ask(0)["accepted"], 1)
        pid = v.d.process.pid
        before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        least = before[0]

        def all_missed():
            """A run that was under way gives its descriptors back: the limit follows the lowest that is free."""
            nonlocal least
            free = min(set(range(1024)) - {int(fd) for fd in v.descriptors()})
            if free < least:
                least = free
                resource.prlimit(pid, resource.RLIMIT_NOFILE, (free, before[1]))
            return sum(n >= 3 for n in self.spawn_misses(v).values()) == len(COLLECTORS)
        wait_for("slots missed for want of descriptors", all_missed)
        for n in range(1, 20):
            self.assertEqual(ask(n), {"accepted": 1, "rejected": 0, "errors": []})
        wait_for("an open client's metrics arrive", lambda: "kept.19" in v.lines.read())
        self.assertIn("Too many open files", v.d.log())
        resource.prlimit(pid, resource.RLIMIT_NOFILE, before)
        v.recovers()
        for s in (reply, client, *others):
            s.close()
        v.nothing_leaked()
        v.ends()
        print(f"recovered within {v.slowest:.2f} s")


if __name__ == "__main__":
    main()
