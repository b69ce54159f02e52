"""What a plugin counts by itself (tests/plugins/stats.c) is among Garnet's own metrics, and goes on over its workers."""
from harness import *

STATS = os.path.join(BUILD, "tests/plugins/stats.so")


class OwnStats(unittest.TestCase):
    def begin(self, plugin=STATS):
        self.d = Daemon(self, self.config(plugin))

    def config(self, plugin):
        return ("self_metrics: 1s\nsinks:\n" + graphite_sink("own", "file:own", ", path: '{name}.{tags}'") +
                f"  - {{name: p, plugin: {plugin}, path: out, flush: 10ms, drop: garnet.*}}\n")

    def values(self, name):
        return [float(x.split(" ")[1]) for x in self.d.file_lines("own")
                if x.startswith(f"garnet.sink.plugin.{name}.") and ".p " in x]

    def deliver(self, name):
        self.d.send(json.dumps({"name": name, "value": 1}))
        wait_for(f"{name} is delivered", lambda: name in self.d.file_lines("out"))

    def is_at(self, name, value):
        wait_for(f"{name} is {value}", lambda: self.values(name)[-1:] == [value])

    def never_back(self, name):
        self.assertEqual(self.values(name), sorted(self.values(name)), name)

    def test_over_crashes_kills_and_reloads(self):
        self.begin()
        wait_for("the gauge that open() has set", lambda: 7 in self.values("level"))
        wait_for("a first zero", lambda: self.values("batches"))
        self.deliver("a")
        self.deliver("b")
        self.is_at("batches", 2)
        self.is_at("bytes", 4)
        self.is_at("level", -2)
        self.deliver("die.x")  # counted twice, since it came twice
        self.is_at("batches", 4)
        self.is_at("level", -1)
        os.kill(self.d.worker("p"), signal.SIGKILL)
        self.deliver("c")
        self.is_at("batches", 5)
        self.d.configure(self.config(STATS).replace("10ms", "11ms"))
        self.d.process.send_signal(signal.SIGHUP)
        self.d.wait_log("sink p changed: its worker is replaced")
        self.deliver("d")
        self.is_at("batches", 6)
        self.is_at("bytes", 2 + 2 + 6 + 6 + 2 + 2)
        self.d.configure(self.config(STATS.replace("stats.so", "stats_other.so")))
        self.d.process.send_signal(signal.SIGHUP)
        wait_for("other rows", lambda: self.values("others"))
        self.deliver("e")
        self.is_at("others", 1)
        self.is_at("bytes", 22)
        for name in ("batches", "bytes", "others"):
            self.assertEqual(self.values(name)[0], 0, name)
            self.never_back(name)

    def test_from_a_wrong_place(self):
        self.begin()
        self.d.send('{"name":"wrong.x","value":1}')
        self.d.wait_log("it calls measure() in format(), where it may not")
        self.d.send('{"name":"back.x","value":1}')
        self.d.wait_log("it measures -1 for its counter batches, which cannot go back")

    def test_described(self):
        def describe(*more):
            return subprocess.run([BUILD + "/garnet", "plugin", "describe", STATS, *more], check=True, capture_output=True,
                                  text=True).stdout
        self.assertEqual(json.loads(describe("--json"))["stats"][1:], [
            {"name": "bytes", "type": "counter", "unit": "B", "help": "Bytes of them."},
            {"name": "level", "type": "gauge", "unit": "", "help": "One less for each batch."}])
        self.assertIn("counts:\n  garnet.sink.plugin.batches: counter, Event\n      Batches.\n", describe())


if __name__ == "__main__":
    main(side_by_side=4)
