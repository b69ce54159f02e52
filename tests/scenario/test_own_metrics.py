"""Garnet's own metrics: their names and tags are its own, whatever is configured and whatever clients send."""
import collections

from harness import *

TAKEN = ("collector", "reason", "sink", "source")  # the keys of its own tags


class OwnMetrics(unittest.TestCase):
    def test_its_own_tags_win(self):
        d = Daemon(self, "self_metrics: 1s\ntags: {env: prod, " + ", ".join(f"{k}: mine" for k in TAKEN) + "}\nsinks:\n" +
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
        self.assertTrue({"expired", "stale", "deselected"} <= seen["sink", "reason"], seen["sink", "reason"])
        self.assertTrue({"exit", "timeout", "overlap"} <= seen["collector", "reason"], seen["collector", "reason"])
        self.assertIn("shared", seen["intake", "source"])
        others = d.send('{"name":"plain","value":1}\n{"name":"own","value":1,"tags":{"sink":"theirs"}}\n')
        self.assertEqual(others["accepted"], 2)
        wait_for("clients' metrics get them, where they have none", lambda: all(
            any(x.startswith(start) for x in d.file_lines("one.txt")) for start in
            ("plain;collector=mine;env=prod;host=testhost;reason=mine;sink=mine;", "own;collector=mine;env=prod;host=testhost;"
             "reason=mine;sink=theirs;")))

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
        self.assertIn("is for Garnet's own metrics", d.hup(expect="the old one stays"))


if __name__ == "__main__":
    main()
