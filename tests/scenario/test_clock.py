"""The wall clock of a running garnetd is stepped (tests/shim/clock.c): its collectors and its own metrics neither
burst nor stall, and their timestamps are slots of the clock as it is then. The kernel's clocks stay as they are, and by
them the collectors, which do not have the shim, measure when they are started."""
import struct
import time

from shims import *

COUNT = 5
SECONDS = 30 if LONG else 10
YEAR = 365 * 86400
SLACK = 0.3  # seconds: for starting a script on a busy machine

CASES = {  # (seconds from the start, seconds to step by), ...
    "a year forward": [(2.3, YEAR + 0.37)],
    "a year back": [(2.3, -YEAR - 0.61)],
    "a minute forward each second": [(s + 0.5, 60) for s in range(SECONDS)],
    "a minute back each second": [(s + 0.5, -60) for s in range(SECONDS)],
    "off the grid each second": [(s + 0.5, 61.7) for s in range(SECONDS)],
    "small steps": [(s + 0.2, (0.3, -0.3, -0.3, 0.3)[s % 4]) for s in range(SECONDS)],
}

# The time since boot, which no shim touches; a shell stamps its own start.
STAMP = '#!/bin/sh\nread -r up idle </proc/uptime\ngarnet emit start "$up" --socket "$1"\n'


def since_boot():
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class SteppedClock:
    def __init__(self, path):
        self.map = shared_file(path, 8)
        self.steps = [(0.0, 0.0)]  # (since boot, seconds ahead from then on)

    def step(self, by):
        ahead = self.steps[-1][1] + by
        self.map[:] = struct.pack("q", round(ahead * 1e9))
        self.steps.append((since_boot(), ahead))

    def shown(self, when):
        """What the clock may have shown around a moment: more than one value when it was stepped then."""
        real = time.time() - since_boot() + when
        from_to = zip(self.steps, self.steps[1:] + [(float("inf"), 0)])
        return [real + ahead for (since, ahead), (until, _) in from_to if since - SLACK <= when <= until + SLACK]


class Stepped:
    """A garnetd whose clock is stepped, and what is expected of it."""

    def __init__(self, test, case):
        self.test, self.case = test, case
        self.d = Daemon(test, "self_metrics: {interval: 1s, level: full}\nsinks:\n" +
                        graphite_sink("main", "file:out.txt", ", path: '{host}.{collector}.{name}.{tags}'"),
                        start=False)
        self.clock = SteppedClock(self.d.path("clock"))
        self.d.env = {"LD_PRELOAD": preload("clock"), "GARNET_SHIM_CLOCK": self.d.path("clock")}
        self.d.script("stamp", STAMP)
        self.names = [f"c{i}" for i in range(COUNT)]
        for name in self.names:
            self.d.collector(name, f"command: [{self.d.path('stamp')}]\ninterval: 1s\n")
        self.d.collector("grid", f"command: [{self.d.path('stamp')}]\ninterval: 3s\n")
        self.d.start()
        self.own = []  # when each round of self-metrics came to the file
        self.rounds = 0

    def runs(self, name):
        """(measured start, slot) of every run whose metric has arrived."""
        lines = [x.split(" ") for x in self.d.file_lines("out.txt") if x.startswith(f"testhost.{name}.start ")]
        return [(float(start), int(slot)) for _, start, slot in lines]

    def ran_since(self, when):
        return all(any(start >= when for start, _ in self.runs(name)) for name in self.names)

    def own_so_far(self):
        return sum(".garnet.intake.connections " in x for x in self.d.file_lines("out.txt"))

    def watch_own(self):
        n = self.own_so_far()
        self.own += [since_boot()] * (n - self.rounds)
        self.rounds = n

    def check(self, name, interval):
        runs = self.runs(name)
        starts = [start for start, _ in runs]
        gaps = [b - a for a, b in zip(starts, starts[1:])]
        print(f"{self.case}, {name}: gaps {min(gaps):.2f} to {max(gaps):.2f} s")
        self.test.assertGreater(min(gaps), interval / 2 - SLACK, f"{name} bursts: {starts}")
        self.test.assertLess(max(gaps), interval * 1.5 + SLACK, f"{name} stalls: {starts}")
        for start, slot in runs:
            self.test.assertEqual(slot % interval, 0, f"{name}: a slot off the grid")
            late = [shown - slot for shown in self.clock.shown(start)]
            self.test.assertTrue(any(-0.02 <= x < interval + SLACK for x in late),
                                 f"{name}: slot {slot} is not of the clock then, off by {late}")

    def check_own(self, end):
        gaps = [b - a for a, b in zip(self.own[1:], self.own[2:])]
        self.test.assertGreater(min(gaps), 0.5 - SLACK, f"self-metrics burst: {self.own}")
        self.test.assertLess(max(gaps + [end - self.own[-1]]), 1.7 + SLACK, f"self-metrics stall: {self.own}")
        missed = [x.split(" ") for x in self.d.file_lines("out.txt") if ".missed." in x]
        self.test.assertGreater(len(missed), COUNT)
        self.test.assertEqual([x for x in missed if x[1] != "0"], [])


class Clock(unittest.TestCase):
    def test_no_step_shows(self):
        """Each case has a garnetd and a clock of its own; they go on side by side."""
        cases = [Stepped(self, case) for case in CASES]
        wait_for("first runs of all", lambda: all(c.ran_since(0) for c in cases))
        for c in cases:
            c.rounds = c.own_so_far()  # what came while all were starting, each at its own pace, is no burst
        begin = since_boot()

        def it_is(when):
            for c in cases:
                c.watch_own()
            return since_boot() >= begin + when
        for at, by, c in sorted([(at, by, i) for i, case in enumerate(CASES) for at, by in CASES[case]]):
            wait_for("the time to step", lambda: it_is(at))
            cases[c].clock.step(by)
        wait_for("the end", lambda: it_is(SECONDS), SECONDS + PATIENCE)
        end = since_boot()
        for c in cases:
            with self.subTest(c.case):
                wait_for("they still run", lambda: c.ran_since(end), 2)
                for name in c.names:
                    c.check(name, 1)
                c.check("grid", 3)
                c.check_own(end)


if __name__ == "__main__":
    main()
