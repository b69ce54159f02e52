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


if __name__ == "__main__":
    main()
