"""Two sinks, one of them down: the other gets everything at once, memory does not grow, and when the first comes up it
gets everything too."""
from harness import *


class Sinks(unittest.TestCase):
    def test_one_down_the_other_gets_everything(self):
        n = 1_000_000 if not SANITIZED else 50_000
        up, port = Receiver(), free_port()
        self.addCleanup(up.stop)
        d = Daemon(self, "self_metrics: 0\nsinks:\n" + graphite_sink("up", f"tcp://127.0.0.1:{up.port}") +
                   graphite_sink("down", f"tcp://127.0.0.1:{port}"))
        chunk = 10_000
        d.send('{"name":"warm.up","value":0}')
        wait_for("warm", lambda: len(up.lines()) == 1)
        pids = {"garnetd": d.process.pid, "up": d.worker("up"), "down": d.worker("down")}
        self.send(d, 0, chunk)
        wait_for("the first chunk", lambda: up.data.count(b"\n") == chunk + 1)
        before = {k: rss_kib(p) for k, p in pids.items()}
        for start in range(chunk, n, chunk):
            self.send(d, start, chunk)
        wait_for("the healthy sink has all", lambda: up.data.count(b"\n") == n + 1, 120)
        for k, p in pids.items():
            growth = rss_kib(p) - before[k]
            print(f"RSS of {k}: {before[k]} KiB, grown by {growth} KiB")
            if not SANITIZED:
                self.assertLessEqual(growth, 2048, k)
        late = Receiver(port)
        self.addCleanup(late.stop)
        wait_for("the other has all once it is up", lambda: late.data.count(b"\n") >= n + 1, 120)
        self.assertEqual(set(late.lines()), set(up.lines()))

    def send(self, d, start, n):
        reply = d.send("".join(f'{{"name":"seq","value":{i},"time":1700000000}}\n' for i in range(start, start + n)))
        self.assertEqual(reply, {"accepted": n, "rejected": 0, "errors": []})


if __name__ == "__main__":
    main()
