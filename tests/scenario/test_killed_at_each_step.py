"""Each process that a run or a worker goes by (guard, nursery, keeper, worker, its keeper, garnetd itself) is killed, alone, at every
step of a run: nothing of it is left, and nothing is attributed wrongly."""
import itertools

from harness import *

STEPS = 24 if not LONG else 240  # over a run, from its due time on
INTERVAL = 0.5
# What a run is: a process in its group, one in a session of its own, one that has lost its parent; then its own end.
RUN = """#!/bin/sh
setsid sh -c 'sleep 1001 & sleep 1000' &
sleep 1002 &
garnet emit step $$ >/dev/null && echo $$ >>"$0.sent"
sleep 0.1
exit 3
"""


class Steps(unittest.TestCase):
    def begin(self):
        self.d = Daemon(self, "self_metrics: {interval: 1s, level: full}\nsinks:\n" + graphite_sink("main", "file:out.txt"), start=False)
        self.d.script("tree", RUN)
        self.d.collector("tree", f"command: [{self.d.path('tree')}]\ninterval: {INTERVAL}s\ntimeout: 60s\n")
        self.d.start()
        self.ended(0)

    def counts(self):
        """The newest of each metric of the collector's: name -> value."""
        out = {}
        for line in self.d.file_lines("out.txt"):
            name, value, _ = line.split()
            out[name] = float(value)
        return out

    def count(self, what):
        """By its path: runs, or failures of one reason."""
        name, _, why = what.partition(".")
        return self.counts().get(f"testhost.garnet.collector.{name}.tree" + (f".{why}" if why else ""), 0)

    def sleeps(self):
        return {p for p, a in self.d.left() if a.startswith("sleep 100")}

    def steps(self):
        """A pause after a due time, as near as this process is run."""
        for i in range(STEPS):
            now = time.time()
            time.sleep(INTERVAL - now % INTERVAL + i * 0.2 / STEPS)
            yield i

    def ended(self, after):
        wait_for("another run has ended", lambda: self.count("runs") > after)

    def find(self, comm):
        found = [p for p, c in ours(self.d.process.pid).items() if c == comm]
        return found[0] if found else None

    def find_worker(self, sink):
        found = [p for p, a in self.d.left() if a.rstrip().endswith("run " + sink)]
        return found[0] if found else None

    def each(self, who, find=None):
        """How often it was killed."""
        self.begin()
        killed = 0
        for _ in self.steps():
            victim, before = (find or self.find)(who), self.sleeps()
            if victim:
                kill(victim)
                killed += 1
            wait_for("what ran then is gone", lambda: not before & self.sleeps())
        self.assertGreater(killed, STEPS / 4)  # a nursery that dies within a second is followed after a second
        self.ended(self.count("runs"))
        self.assertIsNone(self.d.process.poll())
        self.assertGreater(self.count("failures.exit"), 0, "most end by themselves")
        for wrong in ("timeout", "signal"):
            self.assertEqual(self.count(f"failures.{wrong}"), 0)
        return killed

    def assert_no_run_is_lost(self, spawn=0):
        self.assertEqual(self.count("failures.lost"), 0)
        self.assertEqual(self.count("failures.signal"), 0)
        self.assertLessEqual(self.count("failures.spawn"), spawn)

    def assert_ends(self):
        self.assertEqual(self.d.terminate(), 0)
        wait_for("nothing is left", lambda: not self.d.left())

    def test_nursery(self):
        killed = self.each("garnetd-nursery")
        self.assert_no_run_is_lost(spawn=killed / 4)  # asked for twice, of nurseries that were killed before they came to it
        self.assert_ends()

    def test_guard(self):
        """Found once: who takes its place has another parent."""
        self.begin()
        for _ in itertools.islice(self.steps(), 6):
            before = self.count("runs")
            kill(self.find("garnetd-guard"))
            self.ended(before + 1)
            self.assert_no_run_is_lost()
            self.assert_ends()
            self.d.start()

    def test_keeper(self):
        killed = self.each("garnetd-keep")
        self.assertLessEqual(self.count("failures.lost") + self.count("failures.spawn"), killed)
        self.assert_ends()

    def test_workers_keeper(self):
        killed = self.each("garnetd-ward")
        self.assert_no_run_is_lost()
        self.assertLessEqual(self.d.log().count("its worker's keeper was killed"), killed)
        self.assertEqual(self.d.log().count("worker died"), 0)
        self.assert_ends()

    def test_worker(self):
        """No run notices, and all that they have sent arrives."""
        killed = self.each("main", self.find_worker)
        self.assert_no_run_is_lost()
        self.assertLessEqual(self.d.log().count("sink main: worker died from signal 9"), killed)
        self.assert_ends()
        arrived = {x.split(" ")[1] for x in self.d.file_lines("out.txt") if ".step " in x}
        self.assertEqual(set(self.d.file_lines("tree.sent")) - arrived, set())
        self.assertEqual(self.d.verify()["main"]["dropped"], 0)

    def test_garnetd(self):
        self.begin()
        for _ in itertools.islice(self.steps(), 12):
            kill(self.d.process.pid)
            self.d.process.wait()
            wait_for("nothing is left", lambda: not self.d.left())
            self.d.start()
        self.ended(0)
        self.assert_ends()


if __name__ == "__main__":
    main(side_by_side=4)
