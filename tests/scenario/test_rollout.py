"""garnet check: what garnetd -t says, and beside a garnetd that runs what a reload would do; and garnet check says nothing that is not so."""
from harness import *

GARNET = os.path.join(BUILD, "garnet")


class Check(unittest.TestCase):
    def check(self, d, *args, name="garnet.yaml"):
        return subprocess.run([GARNET, "check", "-c", d.path(name), *args], capture_output=True, text=True, timeout=PATIENCE)

    def daemon(self, sinks, collectors=None, config=""):
        return Daemon(self, f"self_metrics: 0\n{config}sinks:\n{sinks}", collectors or {})

    def test_the_plan_is_what_a_reload_does(self):
        d = self.daemon(graphite_sink("main", "file:out.txt") + graphite_sink("goes", "file:gone.txt"),
                        {n: "command: [/bin/true]\ninterval: 1h\n" for n in ("stays", "leaves", "alters", "off", "breaks")})
        self.assertEqual(self.check(d, "--plan").stdout, f"{d.path('garnet.yaml')}: no errors\n"
                         "a reload would leave 7 collectors and sinks as they are\n")
        os.remove(d.path("collectors.d/leaves.yaml"))
        d.collector("alters", "command: [/bin/false]\ninterval: 1h\n")
        d.collector("off", "command: [/bin/true]\ninterval: 1h\nenabled: false\n")
        d.collector("breaks", "command: [/no/such]\ninterval: 1h\n")
        d.collector("comes", "command: [/bin/true]\ninterval: 1h\n")
        d.configure("self_metrics: 0\nsinks:\n" + graphite_sink("main", "file:other.txt"))
        r = self.check(d, "--plan")
        self.assertEqual(r.returncode, 3)
        self.assertIn('/no/such" does not exist', r.stderr)
        plan = r.stdout.splitlines()[1:]
        self.assertEqual([x.split(": /")[0] for x in plan], [
            "refused   collector breaks: as it was before, it would run on", "stops     collector leaves",
            "restarts  collector alters", "starts    collector comes", "stops     collector off", "stops     sink goes",
            "restarts  sink main", "a reload would leave 1 collectors and sinks as they are"])
        done = subprocess.run([GARNET, "reload", "-c", d.path("garnet.yaml")], capture_output=True, text=True, timeout=PATIENCE)
        self.assertEqual(done.returncode, 3)
        self.assertEqual(sorted(done.stdout.splitlines()[:-1]),
                         sorted(x.split(": /")[0] for x in plan if x.startswith("st") or x.startswith("restarts")))

    def test_receivers(self):
        quiet, gone = Receiver(), free_port()
        self.addCleanup(quiet.stop)
        d = self.daemon(graphite_sink("there", f"tcp://127.0.0.1:{quiet.port}") + graphite_sink("gone", f"tcp://127.0.0.1:{gone}") +
                        graphite_sink("name", "udp://no.such.host.invalid:1") + graphite_sink("file", "file:not.there"))
        r = self.check(d)
        self.assertEqual(r.returncode, 0)
        warned = [x for x in r.stderr.splitlines() if x.startswith("warning: sink")]
        self.assertEqual(len(warned), 2, r.stderr)
        self.assertIn(f"sink gone: tcp://127.0.0.1:{gone}: cannot connect: Connection refused", warned[0])
        self.assertIn("sink name: udp://no.such.host.invalid:1: cannot look up", warned[1])

    def test_runs_that_take_longer_than_the_interval(self):
        d = self.daemon(graphite_sink("main", "file:out.txt"), {"slow": "command: [/bin/sh, -c, 'sleep 0.3']\ninterval: 100ms\ntimeout: 5s\n"})
        wait_for("a run is over", lambda: "slow: its last run took" in self.check(d).stderr)

    def test_without_a_garnetd(self):
        d = Daemon(self, "sinks:\n" + graphite_sink("main", "file:out.txt"), start=False)
        self.assertEqual(self.check(d).returncode, 0)
        r = self.check(d, "--plan")
        self.assertEqual((r.returncode, "there is no such socket" in r.stderr), (111, True))
        d.configure("sinks: [{}]\n")
        r = self.check(d, "--plan")
        self.assertEqual((r.returncode, r.stdout), (1, ""))

    def test_the_command_line(self):
        for args in (("--nonsense",), ("-c",), ("x",)):
            r = subprocess.run([GARNET, "check", *args], capture_output=True, text=True, timeout=PATIENCE)
            self.assertEqual((r.returncode, r.stdout), (2, ""))


main()
