"""Collectors with long intervals over restarts of garnetd: what was missed meanwhile is run once, and nothing is repeated.

It is always noon here (tests/shim/clock.c), so that no due time comes by itself."""
import collections
import contextlib
import struct

from disk_rig import Disk
from shims import *

DAY = 86400
RAN = '#!/bin/sh\ngarnet emit ran 1 --socket "$1"\necho >>%s/runs.$GARNET_COLLECTOR\n'


def wait_of(name):
    """Seconds from the start to the run of what was missed: core/collect/schedule.c, within a minute."""
    h = 0xcbf29ce484222325
    for c in ("testhost/" + name).encode():
        h = (h ^ c) * 0x100000001b3 % (1 << 64)
    return h % (60 * 10**9) / 1e9


def names(least, most):
    return (n for n in (f"c{i}" for i in range(10**6)) if least <= wait_of(n) < most)


class Persistent(unittest.TestCase):
    def setUp(self):
        self.late = names(1, 1.8)
        self.soon = next(names(0, 0.5))
        self.d = Daemon(self, "self_metrics: 0\nsinks:\n" +
                        graphite_sink("main", "file:out.txt", ", path: '{collector}.{name}'"), start=False)
        self.clock = shared_file(self.d.path("clock"), 8)
        self.today = int(time.time()) // DAY * DAY
        self.ahead = self.today + DAY // 2 - time.time()
        self.step(0)
        self.d.env = {"LD_PRELOAD": preload("clock"), "GARNET_SHIM_CLOCK": self.d.path("clock")}
        self.d.script("ran", RAN % self.d.dir)
        self.add(self.soon)
        self.expected = collections.Counter()

    def step(self, days):
        self.ahead += days * DAY
        self.today += days * DAY
        self.clock[:] = struct.pack("q", round(self.ahead * 1e9))

    def add(self, name, more=""):
        self.d.collector(name, f"command: [{self.d.path('ran')}]\ninterval: 1d\n{more}")

    def expect(self, name):
        """Its next run, for today."""
        self.expected[name] += 1
        wait_for(f"run {self.expected[name]} of {name}",
                 lambda: len(self.d.file_lines("runs." + name)) >= self.expected[name])
        wait_for("its metric", lambda: f"{name}.ran 1 {self.today}" in self.d.file_lines("out.txt"))

    def newcomer(self):
        """One that runs after all that could run at a start, or a reload, that is next."""
        name = next(self.late)
        self.add(name)
        return name

    def restart(self, missed=False):
        late = self.newcomer()
        self.d.start()
        if missed:
            self.expect(self.soon)
        self.expect(late)

    def check_runs(self, *names):
        for name in names:
            self.assertEqual(len(self.d.file_lines("runs." + name)), self.expected[name], name)

    def test_over_restarts(self):
        never = next(n for n in names(0, 0.5) if n != self.soon)
        self.add(never, "persistent: false\n")
        self.restart(missed=True)
        self.assertIn(f"collector {self.soon}: no run of it is recorded: the run due at ", self.d.log())
        for end in (self.d.kill, self.d.terminate, self.d.kill):
            end()
            self.restart()
        self.d.kill()
        self.step(3)
        self.restart(missed=True)  # those before, too, but once
        self.assertIn(f"collector {self.soon}: the last one was missed before this start: the run due at ", self.d.log())
        self.d.kill()
        self.step(-1)
        self.restart(missed=True)
        self.assertIn(f"collector {self.soon}: the last run is recorded for a time that has not come yet: ", self.d.log())
        self.d.kill()
        self.restart()
        self.check_runs(self.soon)
        self.check_runs(never)

    def test_over_reloads(self):
        self.restart(missed=True)
        self.add(self.soon, "tags: {a: b}\n")
        late = self.newcomer()
        self.assertIn(f"collector {self.soon} changed", self.d.hup())
        self.expect(late)
        os.unlink(self.d.path(f"collectors.d/{self.soon}.yaml"))
        self.d.hup()
        self.add(self.soon)
        late = self.newcomer()
        self.d.hup()
        self.expect(late)
        self.check_runs(*self.expected)

    def test_what_is_recorded_is_damaged_or_in_the_way(self):
        self.restart(missed=True)
        self.d.terminate()
        for damage in (b"", b"\xff" * 10_000, os.urandom(100)):
            with open(self.d.path("spool/slots"), "wb") as f:
                f.write(damage)
            self.restart(missed=True)
            self.d.kill()
        os.unlink(self.d.path("spool/slots"))
        os.mkdir(self.d.path("spool/slots"))
        self.restart(missed=True)
        self.assertEqual(self.d.log().count('the last runs of collectors cannot be recorded in its file "slots": Is a directory'), 1)
        os.rmdir(self.d.path("spool/slots"))
        self.d.wait_log("the last runs of collectors are recorded again")
        self.d.kill()
        self.restart()
        self.check_runs(self.soon)

    def test_the_folder_is_replaced(self):
        self.restart(missed=True)
        os.rename(self.d.path("spool"), self.d.path("before"))

        def recorded():
            with contextlib.suppress(FileNotFoundError), open(self.d.path("spool/slots"), "rb") as f:
                return self.soon.encode() + b"\0" in f.read()
        wait_for("a new file, written", recorded)
        self.d.kill()
        self.restart()
        self.check_runs(self.soon)


class FullDisk(Disk, unittest.TestCase):
    def test_runs_go_on(self):
        d = self.daemon

        def run_twice():
            n = len(d.file_lines("runs.often"))
            wait_for("runs", lambda: len(d.file_lines("runs.often")) >= n + 2)

        self.mount("4m")
        d.start()
        self.fill()
        d.script("ran", "#!/bin/sh\necho >>%s/runs.often\n" % d.dir)
        d.collector("often", f"command: [{d.path('ran')}]\ninterval: 200ms\npersistent: true\n")
        d.hup()
        d.wait_log('cannot be recorded in its file "slots": No space left on device; trying again')
        run_twice()
        self.make_room()
        d.wait_log("the last runs of collectors are recorded again")
        self.fill()
        before = os.stat(d.path("spool/slots"))
        run_twice()  # in place
        self.assertGreater(os.stat(d.path("spool/slots")).st_mtime_ns, before.st_mtime_ns)
        self.assertEqual(d.log().count("cannot be recorded"), 1)


if __name__ == "__main__":
    main(side_by_side=4)
