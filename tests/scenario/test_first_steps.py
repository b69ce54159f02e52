"""What a newcomer does: a script of five lines, a file of three, SIGHUP; then a second sink in four lines."""
import time

from harness import *

FIVE_LINES = '''#!/usr/bin/python3
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[-1])
s.sendall(b'{"name":"first","value":1}\\n')
'''


class FirstSteps(unittest.TestCase):
    def test_dropped_in_collector_and_second_sink(self):
        d = Daemon(self, "self_metrics: 0\nsinks:\n" + graphite_sink("main", "file:out.txt"))
        d.script("first.py", FIVE_LINES)
        d.collector("first", f"command: [{d.path('first.py')}]\ninterval: 1s\n")
        d.hup()
        wait_for("three runs' metrics", lambda: len(d.file_lines("out.txt")) >= 3)
        lines = d.file_lines("out.txt")
        times = []
        for line in lines:
            path, value, when = line.split(" ")
            self.assertEqual((path, value), ("testhost.first", "1"))
            times.append(int(when))
        self.assertEqual(times, sorted(set(times)), "one a second at most, on the grid")
        self.assertLess(abs(times[-1] - time.time()), 5)

        d.configure("self_metrics: 0\nsinks:\n" + graphite_sink("main", "file:out.txt") +
                    graphite_sink("second", "file:second.txt"))
        d.hup()
        wait_for("the second sink fills", lambda: len(d.file_lines("second.txt")) >= 2)
        self.assertEqual(d.terminate(), 0)
        self.assertEqual(set(d.file_lines("second.txt")) - set(d.file_lines("out.txt")), set())

    def test_stdout_sink_and_tags(self):
        d = Daemon(self, "self_metrics: 0\ntags: {env: prod}\nsinks:\n" +
                   graphite_sink("out", "stdout", ", path: '{env}.{host}.{name}.{tags}'"))
        reply = d.send('{"name":"disk","values":{"reads":10,"writes":20},"tags":{"device":"sda"},'
                       '"time":1700000000.75}')
        self.assertEqual(reply, {"accepted": 2, "rejected": 0, "errors": []})
        want = ["prod.testhost.disk.reads.sda 10 1700000000", "prod.testhost.disk.writes.sda 20 1700000000"]
        wait_for("both lines on stdout", lambda: d.file_lines("stdout") == want)

    def test_self_metrics_take_the_same_road(self):
        d = Daemon(self, "self_metrics: 1s\nsinks:\n" + graphite_sink("main", "file:out.txt"),
                   {"ok": "command: [/bin/true]\ninterval: 1s\n",
                    "bad": "command: [/bin/false]\ninterval: 1s\n"})

        def latest(path):
            values = [line.split(" ")[1] for line in d.file_lines("out.txt") if line.startswith(path + " ")]
            return float(values[-1]) if values else -1
        wait_for("runs counted", lambda: latest("testhost.garnet_collector_runs.ok".replace("_", ".")) >= 2)
        wait_for("failures counted", lambda: latest("testhost.garnet.collector.failures.bad.exit") >= 2)
        self.assertEqual(latest("testhost.garnet.collector.failures.ok.exit"), 0)
        wait_for("the sink's own", lambda: latest("testhost.garnet.sink.confirmed.main") > 0)
        self.assertIn("collector bad: exit status 1", d.log())


if __name__ == "__main__":
    main()
