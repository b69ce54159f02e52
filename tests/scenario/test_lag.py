"""garnet.sink.lag: how long the oldest metric that a sink has not written has waited, whatever keeps it."""
from harness import *


class Lag(unittest.TestCase):
    def setUp(self):
        self.port = free_port()
        self.d = Daemon(self, "self_metrics: 1s\nsinks:\n" +
                        graphite_sink("out", "file:out.txt", ", path: '{name}.{sink}', only: garnet.sink.lag") +
                        graphite_sink("s", f"tcp://127.0.0.1:{self.port}", ", only: ['m', 'n']"))

    def lags(self, sink):
        rows = [row.split(" ") for row in self.d.file_lines("out.txt")]
        return [float(value) for name, value, _ in rows if name == "garnet.sink.lag." + sink]

    def grows_to(self, seconds):
        n = len(self.lags("s"))
        wait_for(f"a lag of {seconds} s", lambda: max(self.lags("s")[n:], default=0) >= seconds)

    def test_it_counts_from_acceptance_over_restarts(self):
        # its sender says that it is old: that is not how long it has waited
        self.d.send('{"name": "m", "value": 1, "time": 1700000000}')
        self.grows_to(3)
        self.assertLess(max(self.lags("s")), 60)
        self.assertEqual(self.d.terminate(), 0)
        n = len(self.lags("s"))
        self.d.start()
        wait_for("the first lag", lambda: len(self.lags("s")) > n)
        self.assertGreaterEqual(self.lags("s")[n], 3)
        r = Receiver(self.port)
        self.addCleanup(r.stop)
        wait_for("it is delivered", lambda: r.lines())
        n = len(self.lags("s"))
        wait_for("nothing waits", lambda: min(self.lags("s")[n:], default=9) < 3)

    def test_it_grows_without_a_worker_that_says_so(self):
        r = Receiver(self.port)
        self.addCleanup(r.stop)
        self.d.send('{"name": "m", "value": 1}')
        wait_for("it is delivered", lambda: r.lines())
        pid = self.d.worker("s")
        os.kill(pid, signal.SIGSTOP)
        try:
            self.d.send('{"name": "n", "value": 1}')
            self.grows_to(3)
        finally:
            os.kill(pid, signal.SIGCONT)


class Deliver(unittest.TestCase):
    def test_a_plugin_that_does_not_come_back(self):
        d = Daemon(self, "self_metrics: 1s\nshutdown_timeout: 1s\nsinks:\n" +
                   graphite_sink("out", "file:out.txt", ", path: '{name}.{sink}', only: 'garnet.sink.*'") +
                   f"  - {{name: s, plugin: {BUILD}/tests/plugins/deliver.so, path: p, answers: [sleep], flush: 50ms}}\n")
        d.wait_log("sink s: stalled: its worker has not returned for 20 s from its plugin's deliver() or event()", timeout=60)
        wait_for("it counts as stalled", lambda: "garnet.sink.stalled.s 1" in
                 [row.rpartition(" ")[0] for row in d.file_lines("out.txt")])


if __name__ == "__main__":
    main(side_by_side=4)
