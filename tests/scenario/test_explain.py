"""garnet explain: a metric's way through each sink, and why one is missing."""
from harness import *

GARNET = os.path.join(BUILD, "garnet")


class Explain(unittest.TestCase):
    def explain(self, d, *args):
        return subprocess.run([GARNET, "explain", "-c", d.path("garnet.yaml"), *args], capture_output=True, text=True, timeout=PATIENCE)

    def until(self, d, text, *args):
        return until_says(text, lambda: self.explain(d, *args))

    def test_each_sinks_part(self):
        d = Daemon(self, "self_metrics: 0\nsinks:\n" + graphite_sink("main", "file:out.txt") +
                   graphite_sink("rates", "file:rates.txt", ", counters: delta") +
                   graphite_sink("dead", f"tcp://127.0.0.1:{free_port()}", ', only: ["x", "cpu.*"]') +
                   graphite_sink("less", "file:less.txt", ', drop: ["cpu.u*"]') + graphite_sink("other", "file:other.txt", ', only: ["mem*"]'))
        d.send('{"name":"cpu.user","value":5,"type":"counter","time":1700000000,"tags":{"core":"1"}}\n')
        d.send('{"name":"cpu.user","value":7,"type":"counter","time":1700000001,"tags":{"core":"1"}}\n{"name":"mem","value":1}\n')
        r = self.until(d, "  sink main: taken\ntesthost.cpu.user.1 7 1700000001\n    confirmed", "cpu.user", "--for", "0s")
        self.assertEqual((r.returncode, r.stderr), (0, ""))
        self.assertTrue(r.stdout.startswith("2023-11-14T22:13:21Z cpu.user{core=1,host=testhost} 7 counter\n"
                                            "  from the shared socket; 2 in the spool, the last stamped "), r.stdout)
        self.assertIn("  sink rates: taken\ntesthost.cpu.user.1 2 1700000001\n", r.stdout)
        self.assertIn('  sink dead: taken, by only: "cpu.*"\ntesthost.cpu.user.1 7 1700000001\n', r.stdout)
        self.assertIn('  sink less: left out, by drop: "cpu.u*"\n', r.stdout)
        self.assertIn("  sink other: left out: no pattern of only matches its name\n", r.stdout)
        self.until(d, "; the sink is down", "cpu.user", "--for", "0s")
        self.assertEqual(self.explain(d, "*", "--for", "0s").stdout.count("in the spool, the last stamped "), 2)

    def test_one_that_comes_while_it_waits(self):
        d = Daemon(self, "self_metrics: 0\nsinks:\n" + graphite_sink("main", "file:out.txt"),
                   {"c": f"command: [{GARNET}, emit, beat, '1', --socket]\ninterval: 1s\n"})
        r = self.explain(d, "beat")
        self.assertEqual(r.returncode, 0)
        self.assertIn("  from collector c; ", r.stdout)
        self.assertNotIn("none has come", r.stdout)

    def test_one_that_is_missing(self):
        d = Daemon(self, "self_metrics: 0\nsinks:\n" + graphite_sink("main", "file:out.txt"))
        d.send('{"name":"cpu.user","value":5}\n{"name":"cpu.usage","value":"x"}\n')
        r = self.explain(d, "cpu.usr", "--for", "0s")
        self.assertEqual(r.returncode, 1)
        self.assertTrue(r.stdout.startswith("cpu.usr is not among the 1 metrics in the spool, the first of which is stamped "), r.stdout)
        self.assertIn("  there is cpu.user: is it that?\n", r.stdout)
        self.assertRegex(r.stdout, r"  nor is it among the 1 names that garnetd remembers since it began, [\d.]+s ago\n"
                                   "  it is not among the 1 that were rejected of the shared socket\n")
        r = self.explain(d, "cpu.usage", "--for", "0s")
        self.assertRegex(r.stdout, r"  rejected [\d.]+s ago: the shared socket: line 2, byte 29: cpu.usage: "
                                   "value: must be a number, not a string\n")
        self.assertNotIn("it is not among the 1 that were", r.stdout)
        d.terminate()
        r = self.explain(d, "cpu.user", "--for", "0s")
        self.assertEqual((r.returncode, "what was sent and rejected is not known" in r.stderr), (0, True))

    def test_what_was_rejected_is_remembered_by_source(self):
        d = Daemon(self, "self_metrics: 0\nsinks:\n" + graphite_sink("main", "file:out.txt"),
                   {"c": f"command: [{GARNET}, emit, --socket]\ninterval: 1h\n"})
        bad = "".join(f'{{"name":"bad.{i}","value":null}}\n' for i in range(300))
        reply = d.send(bad + '{"name":"x","value":}\n{"name":"ok","value":1}\n' + '{"name":"d","values":{"a":1,"b":"x"}}\n')
        self.assertEqual((reply["accepted"], reply["rejected"], len(reply["errors"])), (2, 302, 5))
        first = self.explain(d, "bad.7", "--for", "0s").stdout
        self.assertRegex(first, "rejected .*: line 8, byte 25: bad.7: value: must be a number, not null\n")
        self.assertIn("  it is not among the 256 that are remembered of 302 that were rejected of the shared socket\n",
                      self.explain(d, "bad.290", "--for", "0s").stdout)
        d.send('{"name":"x","value":}\n{"name":"d","values":{"a":1,"b":"x"}}\n{"name":"caf\\u00e9","value":null}\n'
               '{"name":"whole","values":{"a":1},"type":"odd"}\n{"name":"cpu","value":null}\n')
        broken = self.explain(d, "y", "--for", "0s").stdout
        self.assertRegex(broken, "  rejected, with no name that can be told, .*: the shared socket: line 1, byte 2[0-9]: |line 1, byte 2")
        self.assertRegex(self.explain(d, "d.b", "--for", "0s").stdout, "\n  rejected .*: the shared socket: line 2, byte .*: d.b: values.b: must be a number")
        self.assertNotIn("rejected ", self.explain(d, "d.a", "--for", "0s").stdout, "it was accepted")
        self.assertRegex(self.explain(d, "café", "--for", "0s").stdout, "line 3, byte .*: café: value: must be")
        self.assertRegex(self.explain(d, "whole.a", "--for", "0s").stdout, "line 4, byte .*: whole: type: is unknown")
        self.assertNotIn("cpu: value", self.explain(d, "cpu.usage", "--for", "0s").stdout)
        many = self.explain(d, "bad.*", "--for", "0s").stdout
        self.assertEqual((many.count("  rejected "), many.count("  rejected, with no name")), (8, 1))
        self.assertIn(" times more: the shared socket\n", many)

    def test_the_newest_is_remembered_however_many_there_are(self):
        d = Daemon(self, "self_metrics: 0\nsinks: []\n")
        with d.connect() as s:  # which never asks for a reply
            s.sendall(b"".join(b'{"name":"old.%d","value":null}\n' % i for i in range(300)))
            wait_for("they are rejected", lambda: "301 more" in d.log() or "among the 256" in self.explain(d, "x", "--for", "0s").stdout)
            s.sendall(b'{"name":"the.newest","value":null}\n')
            r = until_says("the.newest: value: must be", lambda: self.explain(d, "the.newest", "--for", "0s"))
        self.assertRegex(r.stdout, r"rejected [\d.]+s ago: the shared socket: line 301, byte ")

    def test_a_prefix(self):
        d = Daemon(self, "self_metrics: 0\nsinks:\n" + graphite_sink("main", "file:out.txt"),
                   {"c": f"command: [{GARNET}, emit, temp, '1', --socket]\ninterval: 1s\nprefix: site.room\n"})
        for name in ("temp", "site.room.temp", "site.*"):
            self.assertIn("  from collector c; ", self.explain(d, name, "--for", "5s").stdout)

    def test_a_name_that_the_spool_has_no_more(self):
        d = Daemon(self, "self_metrics: 0\nspool: {dir: spool, max_size: 1MiB, segment_size: 64KiB}\nsinks: []\n")
        d.send('{"name":"once","value":1}\n')
        d.send('{"name":"others","value":1}\n' * 30000)
        r = until_says("once is not among the ", lambda: self.explain(d, "once", "--for", "0s"))
        self.assertIn("  garnetd has taken in once, the last ", r.stdout)
        self.assertIn("from the shared socket\n", r.stdout)

    def test_the_command_line(self):
        for args in ((), ("a", "b"), ("--nonsense",), ("a", "--for"), ("a", "--for", "x"), ("[",)):
            r = subprocess.run([GARNET, "explain", *args], capture_output=True, text=True, timeout=PATIENCE)
            self.assertEqual((r.returncode, r.stdout), (2, ""), args)


main()
