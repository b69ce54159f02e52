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
                                            "  from the shared socket; 2 in the spool, "), r.stdout)
        self.assertIn("  sink rates: taken\ntesthost.cpu.user.1 2 1700000001\n", r.stdout)
        self.assertIn('  sink dead: taken, by only: "cpu.*"\ntesthost.cpu.user.1 7 1700000001\n', r.stdout)
        self.assertIn('  sink less: left out, by drop: "cpu.u*"\n', r.stdout)
        self.assertIn("  sink other: left out: no pattern of only matches its name\n", r.stdout)
        self.until(d, "; the sink is down", "cpu.user", "--for", "0s")
        self.assertEqual(self.explain(d, "*", "--for", "0s").stdout.count("in the spool, the last "), 2)

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
        self.assertTrue(r.stdout.startswith("cpu.usr is not among the 1 metrics in the spool, which go back to "), r.stdout)
        self.assertIn("  there is cpu.user: is it that?\n", r.stdout)
        self.assertRegex(r.stdout, r"  nor is it among the 1 names that garnetd has seen since it began, [\d.]+s ago\n"
                                   "  it is not among the last 1 that were rejected of the shared socket\n")
        r = self.explain(d, "cpu.usage", "--for", "0s")
        self.assertRegex(r.stdout, r"  rejected [\d.]+s ago: the shared socket: line 2, byte 29: cpu.usage: "
                                   "value: must be a number, not a string\n")
        self.assertNotIn("it is not among the last 1 that were", r.stdout)
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
        late = self.explain(d, "bad.290", "--for", "0s").stdout
        self.assertIn("  it is not among the last 256 that were rejected of the shared socket; 46 more are not remembered\n", late)
        d.send('{"name":"x","value":}\n{"name":"d","values":{"a":1,"b":"x"}}\n')
        broken = self.explain(d, "y", "--for", "0s").stdout
        self.assertRegex(broken, "  rejected, with no name that can be told, .*: the shared socket: line 1, byte 2[0-9]: ")
        some = self.explain(d, "d.a", "--for", "0s").stdout
        self.assertRegex(some, "\n  rejected .*: the shared socket: line 2, byte .*: d: values.b: must be a number")
        many = self.explain(d, "bad.*", "--for", "0s").stdout
        self.assertEqual((many.count("  rejected "), many.count("  rejected, with no name")), (8, 1))
        self.assertIn(" times more: the shared socket\n", many)

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
