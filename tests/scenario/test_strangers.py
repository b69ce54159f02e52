"""Processes that garnetd has not started are left alone, whoever's children they are: beside an entry script's helpers, and as
PID 1 of a namespace, which reaps those that have ended."""
from harness import *

SINK = "self_metrics: 0\nsinks:\n" + graphite_sink("main", "file:out.txt")
# Children, and what has lost its parent.
ENTRY = """#!/bin/sh
sleep 1000 &
(setsid sleep 1001 &)
exec "$@"
"""


def state(pid):
    try:
        with open(f"/proc/{pid}/stat") as f:
            return f.read().rsplit(") ", 1)[1][0]
    except OSError:  # gone, perhaps between the two calls
        return None


class Strangers(unittest.TestCase):
    def reload(self, d, n):
        d.write("garnet.yaml", d.config.replace("flush: 100ms", f"flush: {n}ms"))
        d.hup()

    def strangers(self, d):
        return sorted(p for p, a in d.left() if a.startswith("sleep 100"))

    def begin(self, prefix):
        d = Daemon(self, SINK, start=False)
        with open(d.config_path) as f:
            d.config = f.read()
        self.assertIn("flush: 100ms", d.config)
        d.script("entry", ENTRY)
        d.prefix = prefix + [d.path("entry")]
        d.start()
        return d

    def test_an_entry_scripts_helpers_live_on(self):
        d = self.begin([])
        before = wait_for("both", lambda: len(self.strangers(d)) == 2 and self.strangers(d))
        for n in range(1, 4):
            worker = d.worker("main")
            self.reload(d, n)
            wait_for("the next worker", lambda: d.worker("main") != worker)
            kill(d.worker("main"))  # a search for what it has left, if there were one
        nursery = [p for p, c in ours(d.process.pid).items() if c == "garnetd-nursery"][0]
        kill(nursery)
        d.wait_log("the nursery has died")
        self.assertEqual(d.send('{"name":"n","value":1,"time":1700000000}')["accepted"], 1)
        wait_for("it arrives", lambda: d.file_lines("out.txt"))
        self.assertEqual(self.strangers(d), before)
        self.assertEqual(d.terminate(), 0)
        self.assertEqual(self.strangers(d), before)
        for p in before:
            kill(p)

    def test_as_pid_1(self):
        prefix = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"]
        if subprocess.run([*prefix, "true"], capture_output=True).returncode != 0:
            self.skipTest("may not make a namespace of processes")
        d = self.begin(prefix)
        one = wait_for("PID 1", lambda: [p for p, c in children(d.process.pid).items() if c == "garnetd"])[0]
        before = wait_for("both", lambda: len(self.strangers(d)) == 2 and self.strangers(d))
        self.assertEqual(sorted(p for p, c in children(one).items() if c == "sleep"), sorted(before))
        worker = d.worker("main")
        d.write("garnet.yaml", d.config.replace("flush: 100ms", "flush: 1ms"))
        os.kill(one, signal.SIGHUP)
        d.wait_log("the configuration was reread and is in use")
        wait_for("the next worker", lambda: d.worker("main") != worker)
        self.assertEqual(d.send('{"name":"n","value":1,"time":1700000000}')["accepted"], 1)
        wait_for("it arrives", lambda: d.file_lines("out.txt"))
        self.assertEqual(self.strangers(d), before, "left alone")
        os.kill(before[0], signal.SIGTERM)
        wait_for("one that has ended is reaped", lambda: state(before[0]) is None)
        self.assertNotEqual(state(before[1]), None)
        os.kill(one, signal.SIGTERM)
        self.assertEqual(d.process.wait(PATIENCE), 0)
        wait_for("nothing is left", lambda: not d.left())


if __name__ == "__main__":
    main()
