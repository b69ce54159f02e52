"""Long-running collectors: one connection for ever, left alone by a reload that does not touch them, started again
when they end or fall silent, never given up."""
from harness import *

STREAM = '''#!/usr/bin/python3
import os, socket, sys, time
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[-1])
while True:
    s.sendall(b'{"name":"alive","value":%d}\\n' % os.getpid())
    if len(sys.argv) > 2 and sys.argv[1] == "once":
        time.sleep(1000)
    time.sleep(0.1)
'''


class DaemonMode(unittest.TestCase):
    def setUp(self):
        self.d = Daemon(self, "self_metrics: {interval: 1s, level: full}\nsinks:\n" + graphite_sink("main", "file:out.txt"), start=False)
        self.d.script("stream", STREAM)

    def collector(self, more="", args=""):
        self.d.collector("stream", f"mode: daemon\ninterval: 1s\ncommand: [{self.d.path('stream')}{args}]\n{more}")

    def pids(self):
        """Of all that have sent, in order."""
        seen = []
        for line in self.d.file_lines("out.txt"):
            if line.startswith("testhost.alive ") and int(line.split(" ")[1]) not in seen:
                seen.append(int(line.split(" ")[1]))
        return seen

    def alive(self):
        return sum(x.startswith("testhost.alive ") for x in self.d.file_lines("out.txt"))

    def test_left_alone_by_a_reload_and_ended_by_its_own(self):
        self.collector()
        self.d.start()
        wait_for("it streams", lambda: self.alive() > 5)
        for i in range(3):
            self.d.collector(f"other{i}", "command: [/bin/true]\ninterval: 1s\n")
            self.d.hup()
        n = self.alive()
        wait_for("it streams on", lambda: self.alive() > n + 10)
        self.assertEqual(len(self.pids()), 1)
        self.collector("tags: {changed: x}\n")
        self.d.hup()
        wait_for("a changed one is another process",
                 lambda: [x for x in self.d.file_lines("out.txt") if x.startswith("testhost.alive.x ")])
        self.assertFalse(os.path.exists(f"/proc/{self.pids()[0]}"))

    def test_started_again_when_it_is_killed(self):
        self.collector()
        self.d.start()
        for n in (1, 2, 3):
            wait_for(f"process {n} streams", lambda: len(self.pids()) == n)
            kill(self.pids()[-1])
        wait_for("and again", lambda: len(self.pids()) == 4)
        self.assertIn("collector stream: killed by signal 9 (Killed); starting it again in", self.d.log())
        wait_for("restarts are counted", lambda: [
            x for x in self.d.file_lines("out.txt") if x.startswith("testhost.garnet.collector.restarts.stream ")
            and float(x.split(" ")[1]) == 3])

    def test_started_again_when_it_is_silent(self):
        self.collector("silence: 1s\n", ", once")
        self.d.start()
        wait_for("a second process", lambda: len(self.pids()) >= 2)
        self.assertIn("collector stream: ended after 1s without a metric", self.d.log())


if __name__ == "__main__":
    main()
