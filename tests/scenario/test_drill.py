"""`garnet plugin test --deliver`: a plugin at work with the real worker, and each fault that only shows then
(tests/plugins/careless.c)."""
from harness import *

CARELESS = os.path.join(BUILD, "tests/plugins/careless.so")


class Drill(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix="garnet-drill-")
        self.addCleanup(shutil.rmtree, self.dir)
        self.out, self.trouble = self.dir + "/out", self.dir + "/trouble"

    def drill(self, fault, *args, record=True):
        """The exit status, and the lines of --deliver."""
        args = ["-o", f"path={self.out}", "-o", f"trouble={self.trouble}", "-o", f"fault={fault}", "--deliver",
                *(["--received", f"cat {self.out}"] if record else []), *args]
        return self.run_garnet(CARELESS, *args)

    def run_garnet(self, *args):
        r = subprocess.run([BUILD + "/garnet", "plugin", "test", *args], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                           text=True, timeout=200, env=dict(os.environ, TMPDIR=self.dir))
        self.addCleanup(print, r.stdout)
        self.assertEqual([f for f in os.listdir(self.dir) if f.startswith("garnet-test")], [], "its folder is left")
        return r.returncode, [line for line in r.stdout.splitlines() if " deliver: " in line]

    def fails(self, fault, pattern):
        status, lines = self.drill(fault)
        self.assertEqual(status, 1)
        fails = [line for line in lines if line.startswith("FAIL")]
        self.assertEqual(len(fails), 1)
        self.assertRegex(fails[0], pattern)

    def is_good(self, fault):
        status, lines = self.drill(fault, "--break", f"echo hang >{self.trouble}", "--mend", f"rm {self.trouble}",
                                   "--break", f"echo down >{self.trouble}", "--mend", f"rm {self.trouble}")
        self.assertEqual(status, 0)
        text = "\n".join(lines)
        for part in ("ok   deliver: a plain load: 1000 metrics are confirmed", "deliver: an end in order took",
                     "ok   deliver: SIGTERM, and close(): 3 times", "ok   deliver: kill -9: 5 times while it was at work",
                     f"ok   deliver: echo hang >{self.trouble}: all is confirmed", f"ok   deliver: echo down >{self.trouble}: all",
                     "ok   deliver: nothing is lost: the peer has all 12000 metrics"):
            self.assertIn(part, text)
        return text

    def test_one_that_writes(self):
        self.assertRegex(self.is_good("none"), "look deliver: .* metrics came twice, of|ok   deliver: nothing came twice")

    def test_one_that_confirms_later(self):
        self.assertRegex(self.is_good("later"), r"kill -9: 5 times while it was at work, .*; [1-9]\d* metrics had no answer")

    def test_one_that_answers_before_it_has_written(self):
        self.fails("early", 'metrics are lost: they were acknowledged, .* the first of them from "kill -9"')

    def test_one_that_throws_away_in_close(self):
        self.fails("forgets", 'metrics are lost: .* the first of them from "(a plain load|an end in order)"')

    def test_one_that_asks_for_what_has_arrived(self):
        self.fails("twice", "metrics came twice, and only .* it must not answer RETRY for what has arrived")

    def test_one_that_crashes(self):
        self.fails("crashes", r"a plain load: worker died from signal 6 \(.*\)")

    def test_one_that_does_not_come_back_from_close(self):
        status, lines = self.drill("sleeps")
        self.assertEqual(status, 1)  # the check "close" has said so as well
        self.assertRegex("\n".join(lines), r"look deliver: an end in order took \d+\.\d+ s, until the worker was killed, and left 0")
        self.assertIn("look deliver: SIGTERM, and close(): 3 of 3 times deliver(), event() or close() did not come back within 2 s, "
                      "and the worker was killed: a signal ends a system call with EINTR, then answer RETRY", lines)
        self.assertIn("ok   deliver: nothing is lost: the peer has all 10000 metrics that were acknowledged", lines)

    def test_without_a_record_it_says_so(self):
        status, lines = self.drill("none", record=False)
        self.assertEqual(status, 0)
        self.assertRegex("\n".join(lines), r"look deliver: 10000 metrics were acknowledged, \d+ of them may have come twice; "
                         r"whether they arrived is not known: give --received COMMAND")
        self.assertIn("look deliver: no peer that hangs or is down was tried: give --break COMMAND and --mend COMMAND", lines)

    def test_one_that_may_have_it_twice(self):
        so = os.path.join(BUILD, "tests/plugins/fault_deliver.so")
        _, lines = self.run_garnet(so, "-o", "fault=none", "-o", "where=open", "-o", "at=1000", "-o", f"path={self.out}",
                                   "--deliver", "--received", f"cat {self.out}")  # its names may hold a blank: "hostile" says so
        self.assertEqual([line for line in lines if line.startswith("FAIL")], [])
        self.assertRegex("\n".join(lines), r"ok   deliver: (\d+ metrics came twice, which does no harm: it is idempotent|nothing)")

    def test_what_it_is_not_for(self):
        status, lines = self.run_garnet(f"{BUILD}/plugins/graphite.so", "--deliver")
        self.assertEqual((status, lines), (1, ["FAIL deliver: plugin graphite does not deliver by itself: --deliver is for those "
                                               "that do"]))
        for args in (["--break", "true", "--deliver"], ["--deliver", "--break", "true"], ["--deliver", "--mend", "true"]):
            self.assertEqual(self.run_garnet(CARELESS, *args)[0], 2, args)
        status, lines = self.drill("none", "--break", "exit 3", "--mend", "true")
        self.assertEqual((status, lines[-1]), (1, 'FAIL deliver: the command "exit 3" ended with status 3'))


if __name__ == "__main__":
    main(side_by_side=4)
