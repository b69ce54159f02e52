"""A plain TCP receiver that is killed with unread data loses nothing: what was acknowledged to the senders is in its
successor's file in the end, judged by the bytes that the receivers have written."""
import random
import time

from harness import *

CONFIRM = ", confirm: {every: 1s, bytes: 64KiB, replay: 5s}"


class Peer:
    """receiver.py, started and killed at will on one port, appending to one file."""

    def __init__(self, test, d, *args):
        self.port, self.file, self.args = free_port(), d.path("received"), args
        self.d = d
        self.process = None
        test.addCleanup(self.kill)

    def start(self, *args):
        self.process = subprocess.Popen(["/usr/bin/python3", os.path.join(SOURCE, "tests/scenario/receiver.py"),
                                         str(self.port), self.file, *(args or self.args)],
                                        stdout=subprocess.PIPE, env=dict(os.environ, GARNET_TEST_DIR=self.d.dir))
        assert self.process.stdout.readline() == b"ready\n"

    def kill(self):
        if self.process:
            self.process.kill()
            self.process.communicate()
            self.process = None

    def values(self):
        return [int(x.split(" ")[1]) for x in self.d.file_lines("received") if x.startswith("testhost.seq ")]


class Confirm(unittest.TestCase):
    def daemon(self, more=CONFIRM, *args):
        d = Daemon(self, "sinks: []\n", start=False)
        self.peer = Peer(self, d, *args)
        d.configure("self_metrics: 0\nsinks:\n" + graphite_sink("main", f"tcp://127.0.0.1:{self.peer.port}", more))
        self.peer.start()
        d.start()
        self.addCleanup(lambda: d.process.poll() is None and d.terminate())  # while its peer is still there
        self.d, self.sent = d, 0
        return d

    def send(self, n):
        text = "".join(f'{{"name":"seq","value":{i},"time":1700000000}}\n' for i in range(self.sent, self.sent + n))
        self.assertEqual(self.d.send(text)["accepted"], n)
        self.sent += n

    def assert_all_arrived(self, timeout=PATIENCE):
        wait_for("everything is there", lambda: set(self.peer.values()) >= set(range(self.sent)), timeout)

    def cursor(self):
        with open(self.d.path("spool/cursors/main"), "rb") as f:
            data = f.read()
        slots = [data[i:i + 512] for i in (0, 512)]
        newest = max((s for s in slots if s[:8] == b"GARNCURS"), key=lambda s: int.from_bytes(s[16:24], "little"))
        return int.from_bytes(newest[32:40], "little")

    def test_clean_ends_confirm(self):
        self.daemon()
        self.send(1000)
        self.assert_all_arrived()
        wait_for("confirmed", lambda: self.cursor() == 1000)
        for _ in range(20):
            self.send(2000)
        self.assert_all_arrived()
        wait_for("confirmed", lambda: self.cursor() == self.sent)
        self.assertEqual(len(self.peer.values()), self.sent, "no repeats without an anomaly")
        self.assertNotIn("warn", self.d.log())

    def test_not_confirmed_before_a_clean_end(self):
        self.daemon(", confirm: {every: 1h, bytes: 1GiB}")
        self.send(1000)
        self.assert_all_arrived()
        self.assertEqual(self.cursor(), 0)
        self.assertEqual(self.d.terminate(), 0)
        self.assertEqual(self.cursor(), 1000, "the end confirms")

    def test_receiver_killed_with_unread_data(self):
        rnd = random.Random(7)
        self.daemon(CONFIRM)
        for i in range(10 if not LONG else 60):
            self.peer.kill()
            self.peer.start(*(["200000"] if i % 2 else []))  # every other one reads slowly
            self.send(rnd.randrange(100, 8000))
            end = time.monotonic() + rnd.random() * 0.7
            wait_for("a random moment", lambda: time.monotonic() > end)
        self.peer.kill()
        self.peer.start()
        self.assert_all_arrived()
        wait_for("confirmed", lambda: self.cursor() == self.sent)
        print(f"{self.sent} acknowledged, {len(self.peer.values())} lines arrived")

    def test_a_peer_that_never_closes(self):
        self.daemon(CONFIRM, "--half-close=ignore")
        self.send(10)
        self.d.wait_log("does not close when its connection is half-closed", 40)  # a slow reader's time
        wait_for("kernel-acknowledged counts", lambda: self.cursor() == self.sent)
        self.send(1000)
        wait_for("kernel-acknowledged counts", lambda: self.cursor() == self.sent)
        self.assert_all_arrived()

    def test_a_peer_that_resets(self):
        self.daemon(CONFIRM, "--half-close=reset")
        self.send(1000)
        self.d.wait_log("resets when its connection is half-closed")
        wait_for("kernel-acknowledged counts", lambda: self.cursor() == self.sent)
        self.assert_all_arrived()


if __name__ == "__main__":
    main(side_by_side=4)
