"""A plugin that dies, or does not come back, of one metric: that metric is set aside where a person can read it, all
others are delivered, and a healthy sink beside it does not notice. What a plugin refuses, or dies of elsewhere, is
dropped by nobody."""
import time

from harness import *

PLUGINS = os.path.join(BUILD, "tests/plugins")
DEADLY = {"a.segv": signal.SIGSEGV, "b.abort": signal.SIGABRT, "c.hang": signal.SIGKILL}


def sink(name, plugin, to="", more=""):
    to = f", to: '{to}'" if to else ""
    return f"  - {{name: {name}, plugin: {PLUGINS}/{plugin}.so, flush: 100ms{to}{more}}}\n"


class Quarantine(unittest.TestCase):
    def setUp(self):
        self.sent = 0

    def send(self, d, n, among=()):
        """n metrics seq.N, counting on, and what is `among` them somewhere in the middle."""
        lines = [json.dumps({"name": f"seq.{i}", "value": i, "time": 1700000000.5})
                 for i in range(self.sent, self.sent + n)]
        for name in reversed(list(among)):
            lines.insert(n // 2, json.dumps({"name": name, "value": 7, "time": 1700000000.5, "type": "counter",
                                             "unit": "B", "tags": {"q": 'a "b" \\'}}))
        self.assertEqual(d.send("\n".join(lines))["accepted"], n + len(among))
        self.sent += n

    def numbers(self, lines):
        return [int(x.split(" ")[1]) for x in lines if x.startswith(("seq.", "testhost.seq."))]

    def metric(self, d, name, *tags):
        """The last value of one of Garnet's own metrics in the healthy sink's file."""
        start = ".".join(("testhost", name, *tags)) + " "
        values = [x.split(" ")[1] for x in d.file_lines("healthy") if x.startswith(start)]
        return int(values[-1]) if values else None

    def quarantined(self, d, name="main"):
        return [json.loads(x) for x in d.file_lines(f"spool/quarantine/{name}.ndjson")]

    def daemon(self, *sinks, more="self_metrics: {interval: 1s, level: full}\n"):
        # A sanitizer would turn a segmentation fault into an abort.
        env = {"ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":handle_segv=0"}
        healthy = graphite_sink("healthy", "file:healthy", ", path: '{host}.{name}.{tags}'")
        return Daemon(self, more + "sinks:\n" + healthy + "".join(sinks), env=env)

    def test_deadly_metrics_are_set_aside(self):
        receiver = Receiver()
        self.addCleanup(receiver.stop)
        d = self.daemon(sink("main", "poison", f"tcp://127.0.0.1:{receiver.port}", ", confirm: {every: 1s}"))
        self.addCleanup(lambda: d.process.poll() is None and d.terminate())  # while its receiver is still there
        self.send(d, 1000, DEADLY)
        wait_for("the healthy sink has them at once", lambda: len(self.numbers(d.file_lines("healthy"))) == 1000, 5)
        wait_for("the others are delivered", lambda: len(set(self.numbers(receiver.lines()))) == 1000)
        held = {x["name"]: x for x in self.quarantined(d)}
        self.assertEqual({name: x["signal"] for name, x in held.items()}, DEADLY)
        for name, x in held.items():
            self.assertEqual((x["sink"], x["value"], x["time"], x["type"], x["unit"], x["tags"]["q"]),
                             ("main", 7, 1700000000.5, "counter", "B", 'a "b" \\'))
            self.assertLess(abs(x["when"] - time.time()), 120)
            d.wait_log(f'metric {x["sequence"]} "{name}" is put in quarantine: plugin poison died of it')
        self.assertEqual(len(self.quarantined(d)), 3)
        d.wait_log(f'it can be read in {d.path("spool")}/quarantine/main.ndjson')
        d.wait_log("died from signal 11 (Segmentation fault) while its plugin formatted metric")
        self.assertEqual(os.stat(d.path("spool/quarantine")).st_mode & 0o7777, 0o700)
        # Three deaths of each, and no more: the numbers and the log agree, the healthy sink had none.
        wait_for("it is counted", lambda: self.metric(d, "garnet.sink.dropped", "main", "quarantined") == 3)
        self.assertEqual(self.metric(d, "garnet.sink.restarts", "main"), 9)
        self.assertEqual(self.metric(d, "garnet.sink.restarts", "healthy"), 0)
        self.replayed(d, receiver)

    def replayed(self, d, receiver):
        """Once more past all three: on a lost connection, by a new worker, and under a new garnetd."""
        restarts = self.metric(d, "garnet.sink.restarts", "main")
        receiver.stop()
        receiver.start()
        self.send(d, 10)
        wait_for("what is new, after a replay", lambda: len(set(self.numbers(receiver.lines()))) == 1010)
        self.assertGreater(len(self.numbers(receiver.lines())), 1010, "nothing was replayed")
        wait_for("the loss is counted", lambda: self.metric(d, "garnet.sink.losses", "main"))
        kill(d.worker("main"))
        self.send(d, 10)
        wait_for("what is new, from a new worker", lambda: len(set(self.numbers(receiver.lines()))) == 1020)
        d.kill()
        wait_for("all of it is gone", lambda: not d.left())
        d.start()
        self.send(d, 10)
        wait_for("what is new, under a new garnetd", lambda: len(set(self.numbers(receiver.lines()))) == 1030)
        self.assertEqual(len(self.quarantined(d)), 3)
        wait_for("nothing died again", lambda: self.metric(d, "garnet.sink.restarts", "main") == 0)
        wait_for("the log says so", lambda: d.log().count(" is put in quarantine: plugin poison") >= 3)
        self.assertEqual(d.log().count(" is put in quarantine: plugin poison"), 3)
        self.assertEqual(restarts, 9)
        self.assertEqual(set(self.numbers(receiver.lines())), set(range(self.sent)))
        self.assertEqual(sorted(self.numbers(d.file_lines("healthy"))), list(range(self.sent)))
        self.assertFalse([x for x in receiver.lines() if x.split(" ")[0] in DEADLY])
        self.assertEqual(d.terminate(), 0)
        d.assert_conserved()
        self.assertEqual(self.cursor(d, "main")[1:], (0, 0, 0, 0, 3))

    def cursor(self, d, name):
        """Position, and what was dropped: expired, damaged, skipped, rejected, quarantined."""
        with open(d.path(f"spool/cursors/{name}"), "rb") as f:
            data = f.read()
        slots = [[int.from_bytes(data[i + at:i + at + 8], "little") for at in (16, 32, 40, 48, 56, 64, 72)]
                 for i in (0, 512) if data[i:i + 8] == b"GARNCURS"]
        return tuple(max(slots)[1:])

    def test_a_plugin_that_refuses_is_restarted_and_nothing_dropped(self):
        d = self.daemon(sink("main", "poison", "file:out"))
        self.send(d, 10, ["x.fatal"])
        wait_for("it is restarted, throttled", lambda: d.log().count("the plugin gives up: will have none of it") >= 2,
                 60)
        d.wait_log("its plugin gave up (see the line before); starting it again in")
        wait_for("the queue is known", lambda: (self.metric(d, "garnet.sink.queued", "main") or 0) >= 11)
        self.assertEqual(self.metric(d, "garnet.sink.dropped", "main", "quarantined"), 0)
        self.assertEqual(self.quarantined(d), [])
        self.assertEqual(self.numbers(d.file_lines("healthy")), list(range(10)))
        self.assertEqual(d.terminate(), 0)
        self.assertRegex(d.log().splitlines()[-1], r"garnetd info: ended; sink main: \d+ metrics wait in the spool")
        d.assert_conserved()
        self.assertEqual(self.cursor(d, "main")[1:], (0, 0, 0, 0, 0))

    def test_exit_is_a_death_and_a_broken_promise_a_rejection(self):
        d = self.daemon(sink("main", "poison", "file:out"))
        self.send(d, 10, ["x.exit", "x.promise"])
        wait_for("all others are there", lambda: sorted(self.numbers(d.file_lines("out"))) == list(range(10)))
        held, = self.quarantined(d)
        self.assertEqual((held["name"], held["signal"]), ("x.exit", 0))
        d.wait_log("died of it again and again, last by calling exit();")
        d.wait_log('rejected metric "x.promise": format() answered RETRY (2); it may answer OK, SKIP, FATAL')
        self.assertEqual(d.terminate(), 0)
        d.assert_conserved()
        self.assertEqual(self.cursor(d, "main")[1:], (0, 0, 0, 1, 1))

    def test_a_death_while_delivering_drops_nothing(self):
        d = self.daemon(sink("main", "deadly", "", ", path: out"), more="self_metrics: 0\n")
        self.send(d, 10, ["boom"])
        wait_for("after five deaths it is delivered", lambda: "boom 7" in d.file_lines("out"))
        self.assertEqual(d.log().count("sink main: worker died from signal 11"), 5)
        self.assertNotIn("while its plugin formatted", d.log())
        self.assertEqual(sorted(set(self.numbers(d.file_lines("out")))), list(range(10)))
        self.assertEqual(self.quarantined(d), [])
        self.assertEqual(d.terminate(), 0)
        d.assert_conserved()
        self.assertEqual(self.cursor(d, "main")[1:], (0, 0, 0, 0, 0))


if __name__ == "__main__":
    main(side_by_side=4)
