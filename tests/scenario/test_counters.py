"""Counters as rates and deltas, and metrics chosen by name: what arrives is a function of what was sent, whatever is
killed in between. A sink whose worker and receiver die again and again gets the points of one that is left alone."""
import random

from harness import *

BASE = 1700000000
FAST = ", confirm: {every: 1s, bytes: 16KiB, replay: 1s}"
KILLS = 12 if not LONG else 100


def metric(name, value, time, more=""):
    return f'{{"name":"{name}","value":{value},"time":{time},"type":"counter","unit":"B"{more}}}\n'


class Series:
    """Some counters over time, with restarts, wraps and repeats; and the deltas that they must become."""

    def __init__(self, seed, n=20):
        self.random, self.time, self.last, self.points = random.Random(seed), BASE, {}, set()
        self.names = [f"c{i}" for i in range(n)]

    def grow(self, value):
        """The next value, and how much that is."""
        what = self.random.random()
        if what < 0.03 and 2000 < value < 3_700_000_000:  # above, it would look like a wrap; below, slight
            value = self.random.randrange(1000)
            return value, value
        if what < 0.05:
            return value, 0
        by = self.random.randrange(10 ** self.random.randrange(1, 9))
        if value < 1 << 32 <= value + by:
            return value + by - (1 << 32), by
        return value + by, by

    def step(self):
        """A second's worth of metrics, as text."""
        self.time += 1
        out = []
        for name in self.names:
            if name in self.last and self.random.random() < 0.1:
                continue
            if name not in self.last:
                value = (1 << 32) - 50_000_000 if self.random.random() < 0.5 else 0
            else:
                value, by = self.grow(self.last[name])
                self.points.add(f"testhost.{name} {by} {self.time}")
            self.last[name] = value
            out.append(metric(name, value, self.time))
            if self.random.random() < 0.05:
                out.append(out[-1])
        return "".join(out)


class Counters(unittest.TestCase):
    def test_killed_or_not_the_points_are_the_same(self):
        rnd, series, calm, hurt = random.Random(5), Series(1), Receiver(), Receiver()
        d = Daemon(self, "self_metrics: 0\nsinks:\n" +
                   graphite_sink("calm", f"tcp://127.0.0.1:{calm.port}", FAST + ", counters: delta") +
                   graphite_sink("hurt", f"tcp://127.0.0.1:{hurt.port}", FAST + ", counters: delta"))
        self.addCleanup(calm.stop)
        self.addCleanup(hurt.stop)
        for i in range(KILLS):
            for _ in range(rnd.randrange(5, 40)):
                self.assertEqual(d.send(series.step())["rejected"], 0)
            if i % 3 == 1:
                wait_for("the last has arrived", lambda: f" {series.time}\n" in hurt.text())
            if i % 6 == 2:  # nothing but the log before it says what the next points are
                wait_for("all is confirmed", lambda: all_settled(d.verify()["hurt"]))
            if i % 4 == 3:
                d.kill()
                wait_for("the workers end", lambda: not d.left())
                d.start()
            elif i % 4 == 1:
                hurt.stop()
                hurt.start()
            else:
                kill(d.worker("hurt"))
        for name, r in (("calm", calm), ("hurt", hurt)):
            wait_for(f"the last points are at {name}'s", lambda: f" {series.time}" in r.text())
            wait_for(f"all points are at {name}'s", lambda: len(set(r.lines())) >= len(series.points))
            self.assertEqual(set(r.lines()) ^ series.points, set(), name)
        print(f"{len(series.points)} points; lines at calm's {len(calm.lines())}, at hurt's {len(hurt.lines())}")
        wait_for("all is confirmed", lambda: all(map(all_settled, d.verify().values())))
        n = d.verify()
        self.assertEqual(n["hurt"]["skipped"], n["calm"]["skipped"])
        self.assertEqual(n["calm"]["confirmed"], len(series.points))

    def test_rate_delta_raw(self):
        d = Daemon(self, "self_metrics: 0\nsinks:\n" + "".join(
            graphite_sink(name, f"file:{name}", f", counters: {name}" + (name != "raw") * ", counter_window: 100s")
            for name in ("raw", "rate", "delta")) + graphite_sink("default", "file:default"))
        values = [(0, 10), (10, 35), (20, 35), (30, 5), (25, 4), (30, 5), (131, 50), (141, 50.5)]
        d.send("".join(metric("c", v, BASE + t) for t, v in values) +
               f'{{"name":"g","value":7,"time":{BASE}}}\n')
        raw = [f"testhost.c {v} {BASE + t}" for t, v in values]
        gauge = [f"testhost.g 7 {BASE}"]
        at = lambda points: [f"testhost.c {v} {BASE + t}" for t, v in points] + gauge
        for name, want in (("raw", raw + gauge), ("default", raw + gauge),
                           ("rate", at([(10, "2.5"), (20, "0"), (30, "0.5"), (141, "0.05")])),
                           ("delta", at([(10, "25"), (20, "0"), (30, "5"), (141, "0.5")]))):
            wait_for(f"all lines are in {name}", lambda: len(d.file_lines(name)) >= len(want))
            self.assertEqual([line.replace("0.0 ", "0 ") for line in d.file_lines(name)], want, name)
        wait_for("it adds up", lambda: all_settled(d.verify()["rate"]))
        self.assertEqual(d.verify()["rate"]["skipped"], 4)

    def test_a_spool_smaller_than_the_window(self):
        """What is only kept for the rates gives way without an alarm."""
        d = Daemon(self, "spool: {dir: spool, max_size: 1MiB, segment_size: 64KiB}\nself_metrics: 0\nsinks:\n" +
                   graphite_sink("rate", "file:rate", ", counters: rate, counter_window: 1h"))
        for i in range(200):
            d.send("".join(metric(f"c{j}", i, BASE + i) for j in range(100)))
            if i % 50 == 49:
                wait_for("all is delivered", lambda: len(d.file_lines("rate")) == i * 100)
        wait_for("the spool is within its bounds", lambda: sum(s.st_size for s in d.segments().values()) <= 1 << 20)
        self.assertNotIn("had not sent", d.log())

    def test_only_and_drop(self):
        d = Daemon(self, "self_metrics: 0\nsinks:\n" +
                   graphite_sink("chosen", "file:chosen", ', only: ["cpu.*", "disk.[a-c]?"], drop: "*.debug"') +
                   graphite_sink("all", "file:all"))
        names = ["cpu.user", "cpu.0.user", "cpu", "cpu.debug", "disk.a1", "disk.d1", "net", "x.debug"]
        d.send("".join(f'{{"name":"{n}","value":1,"time":{BASE}}}\n' for n in names))
        wait_for("all is through", lambda: len(d.file_lines("all")) == len(names))
        wait_for("it adds up", lambda: all_settled(d.verify()["chosen"]))
        self.assertEqual([x.split(" ")[0] for x in d.file_lines("chosen")],
                         ["testhost.cpu.user", "testhost.cpu.0.user", "testhost.disk.a1"])
        self.assertEqual(d.verify()["chosen"]["deselected"], 5)
        self.assertEqual(d.verify()["all"]["dropped"], 0)

    def test_a_bad_pattern_is_an_error_with_its_place(self):
        d = Daemon(self, "sinks:\n" + graphite_sink("main", "stdout", ', only: ["cpu.*", "disk.["]'), start=False)
        status, _, errors = d.check()
        self.assertEqual(status, 1)
        self.assertRegex(errors, r'garnet\.yaml:\d+:\d+: only: "disk\.\[" has a \[ without its \]')


if __name__ == "__main__":
    main()
