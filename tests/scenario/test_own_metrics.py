"""Garnet's own metrics: their names and tags are its own, whatever is configured and whatever clients send."""
import collections

from harness import *

TAKEN = ("collector", "why", "sink", "source")  # the keys of its own tags


class OwnMetrics(unittest.TestCase):
    def test_its_own_tags_win(self):
        d = Daemon(self, "self_metrics: {interval: 1s, level: full}\ntags: {env: prod, " + ", ".join(f"{k}: mine" for k in TAKEN) + "}\nsinks:\n" +
                   "".join(graphite_sink(n, f"file:{n}.txt", ", style: tagged") for n in ("one", "two")),
                   {n: "command: [/bin/false]\ninterval: 1s\n" for n in ("a", "b")})

        def points():
            """(series, time) of all that has come, with its tags."""
            for line in d.file_lines("one.txt"):
                series, _, time = line.split(" ")
                name, *tags = series.split(";")
                if name.startswith("garnet."):
                    yield (series, time), name, dict(t.split("=", 1) for t in tags)
        wait_for("metrics of runs", lambda: sum(n == "garnet.collector.duration" for _, n, _ in points()) >= 4)
        twice = [p for p, n in collections.Counter(p for p, _, _ in points()).items() if n > 1]
        self.assertEqual(twice, [])
        seen = collections.defaultdict(set)
        for _, name, tags in points():
            self.assertEqual((tags["host"], tags["env"]), ("testhost", "prod"), name)
            part = name.split(".")[1]
            for key in TAKEN:
                seen[part, key].add(tags[key])
            if part in ("collector", "sink"):
                self.assertNotEqual(tags[part], "mine", name)
        self.assertEqual(seen["collector", "collector"], {"a", "b"})
        self.assertEqual(seen["sink", "sink"], {"one", "two"})
        self.assertTrue({"expired", "damaged", "skipped", "quarantined"} <= seen["sink", "why"], seen["sink", "why"])
        self.assertTrue({"exit", "timeout", "late"} <= seen["collector", "why"], seen["collector", "why"])
        self.assertIn("shared", seen["intake", "source"])
        others = d.send('{"name":"plain","value":1}\n{"name":"own","value":1,"tags":{"sink":"theirs"}}\n')
        self.assertEqual(others["accepted"], 2)
        wait_for("clients' metrics get them, where they have none", lambda: all(
            any(x.startswith(start) for x in d.file_lines("one.txt")) for start in
            ("plain;collector=mine;env=prod;host=testhost;sink=mine;", "own;collector=mine;env=prod;host=testhost;"
             "sink=theirs;")))

    def daemon(self, more, *sinks):
        daemon = "#!/bin/sh\nexec sleep 1000\n"
        d = Daemon(self, more + "sinks:\n" + "".join(sinks) + graphite_sink("main", "file:out.txt"), start=False)
        d.script("stay", daemon)
        d.collector("stays", f"command: [{d.path('stay')}]\nmode: daemon\ninterval: 1s\n")
        d.collector("bad", "command: [/bin/false]\ninterval: 1s\n")
        return d

    def own(self, d):
        """path -> [(value, time)] of Garnet's own."""
        out = collections.defaultdict(list)
        for line in d.file_lines("out.txt"):
            path, value, at = line.split(" ")
            if path.startswith("testhost.garnet."):
                out[path.removeprefix("testhost.garnet.")].append((float(value), int(at)))
        return out

    def test_basic_is_what_can_happen(self):
        d = self.daemon("self_metrics: 1s\n", "  - {name: net, plugin: statsd, to: 'udp://127.0.0.1:9', only: [x]}\n")
        d.start()
        wait_for("rounds", lambda: len(self.own(d)["sink.confirmed.net"]) > 2 and self.own(d)["collector.duration.bad"])
        per = {"main": "expired damaged skipped quarantined",
               "net": "expired damaged skipped quarantined rejected stale deselected"}
        why = {"stays": "exit signal spawn lost", "bad": "exit signal timeout spawn lost"}
        want = {"intake.accepted.shared", "intake.rejected.shared", "spool.size", "spool.reserve", "spool.refused", "log.dropped",
                "reload.failures", "collectors.refused", "sinks.refused", "collector.missed.bad", "collector.duration.bad"}
        for name, reasons in per.items():
            want |= {f"sink.{x}.{name}" for x in ("confirmed", "unconfirmed", "queued", "lag", "stalled", "refused")}
            want |= {f"sink.dropped.{name}.{r}" for r in reasons.split()}
        for name, reasons in why.items():
            want |= {f"collector.{x}.{name}" for x in ("runs", "accepted", "rejected", "brought_nothing", "refused")}
            want |= {f"collector.failures.{name}.{r}" for r in reasons.split()}
        self.assertEqual(set(self.own(d)), want)

    def test_counters_begin_with_nothing(self):
        """What has happened before the first interval is over shows as an increment."""
        d = self.daemon("self_metrics: 5s\n", "  - {name: none, plugin: graphite, to: 'file:none', drop: ['*']}\n")
        wait_for("most of an interval to be left", lambda: time.time() % 5 < 1)
        d.start()
        d.send('{"name":"x","value":1}' * 5)
        wait_for("both rounds", lambda: all(len(self.own(d)[x]) > 1 for x in (
            "collector.runs.bad", "sink.dropped.none.deselected", "intake.accepted.shared")))
        for name in ("collector.failures.bad.exit", "sink.dropped.none.deselected", "intake.accepted.shared"):
            values = self.own(d)[name]
            self.assertEqual(values[0][0], 0, name)
            self.assertGreater(values[1][0], 0, name)
            self.assertGreater(values[1][1], values[0][1], name)

    def test_a_sink_that_begins_as_garnetd_ends(self):
        """What it can drop is known when nothing is taken in any more: then nothing is told of its beginning."""
        d = Daemon(self, "self_metrics: 1s\nshutdown_timeout: 10s\nsinks:\n"
                   f"  - {{name: late, plugin: {BUILD}/tests/plugins/fault.so, fault: stop, where: open, "
                   f"to: 'tcp://127.0.0.1:{free_port()}'}}\n")
        worker = d.worker("late")

        def stopped():
            with open(f"/proc/{worker}/stat") as f:
                return f.read().rpartition(")")[2].split()[0] == "T"
        wait_for("its plugin to stop it in open()", stopped)
        d.send('{"name":"x","value":1}')
        d.process.send_signal(signal.SIGTERM)
        wait_for("the intake to be closed", lambda: not os.path.exists(d.socket_path))
        os.kill(worker, signal.SIGCONT)
        self.assertEqual(d.process.wait(PATIENCE), 0, d.log())
        self.assertRegex(d.log(), r"ended; sink late: [0-9]+ metrics wait in the spool")

    def test_a_collector_that_prints_its_metrics(self):
        d = self.daemon("self_metrics: 1s\n")
        d.script("prints", "#!/bin/sh\necho '{\"name\":\"x\",\"value\":1}'\n")
        d.script("sends", f"#!/bin/sh\nexec {BUILD}/garnet emit y 1\n")
        for name in ("prints", "sends"):
            d.collector(name, f"command: [{d.path(name)}]\ninterval: 1s\n")
        d.start()
        wait_for("runs", lambda: max([v for v, _ in self.own(d)["collector.runs.prints"]], default=0) >= 3)
        said = [x for x in d.log().splitlines() if "has sent no metric yet" in x]
        self.assertEqual(len(said), 1, said)
        self.assertIn("info: collector prints has ended with exit status 0", said[0])
        own = self.own(d)
        self.assertEqual([own[f"collector.brought_nothing.{n}"][-1][0] for n in ("prints", "sends", "bad")], [1, 0, 0])

    def test_nobody_else_sends_them(self):
        d = Daemon(self, "self_metrics: 1s\nsinks:\n" + graphite_sink("main", "file:out.txt"))
        r = subprocess.run([os.path.join(BUILD, "garnet"), "emit", "--socket", d.socket_path, "garnet.sink.queued", "77777",
                            "--tag", "sink=main"], capture_output=True, text=True, timeout=PATIENCE)
        self.assertEqual(r.returncode, 1)
        self.assertIn("that is for Garnet's own metrics", r.stderr)
        for name in ("garnet", ".garnet.sink.queued", "garnet..sink.queued"):
            reply = d.send(json.dumps({"name": name, "value": 77777, "tags": {"a": "sink", "b": "queued", "c": "main"}}))
            self.assertEqual((reply["accepted"], reply["rejected"]), (0, 1))
        self.assertEqual(d.send('{"name":"garnets","value":1}')["accepted"], 1)
        own = "testhost.garnet.sink.queued.main "
        wait_for("its own", lambda: any(x.startswith(own) for x in d.file_lines("out.txt")))
        self.assertNotIn(" 77777 ", "\n".join(d.file_lines("out.txt")))
        d.collector("c", "command: [/bin/true]\nprefix: garnet\n")
        self.assertIn("is for Garnet's own metrics", d.hup())


if __name__ == "__main__":
    main()
