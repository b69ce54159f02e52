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
        self.assertIn("the shared socket: line 2, byte 29: value: must be a number, not a string\n", r.stdout)
        d.terminate()
        r = self.explain(d, "cpu.user", "--for", "0s")
        self.assertEqual((r.returncode, "what was sent and rejected is not known" in r.stderr), (0, True))

    def test_the_command_line(self):
        for args in ((), ("a", "b"), ("--nonsense",), ("a", "--for"), ("a", "--for", "x"), ("[",)):
            r = subprocess.run([GARNET, "explain", *args], capture_output=True, text=True, timeout=PATIENCE)
            self.assertEqual((r.returncode, r.stdout), (2, ""), args)


main()
