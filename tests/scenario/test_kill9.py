"""kill -9 of garnetd and of workers in mid-stream: what was acknowledged arrives, judged by the receiver's bytes.

Short form of the suite that the delivery work brings: the receiver itself is not killed here.
"""
import random
import time

from harness import *

KILLS = 40 if LONG else 12


class Kill9(unittest.TestCase):
    def setUp(self):
        self.random = random.Random(20261124)
        self.receiver = Receiver()
        self.addCleanup(self.receiver.stop)
        self.daemon = Daemon(self, "self_metrics: 0\nsinks:\n" +
                             graphite_sink("main", f"tcp://127.0.0.1:{self.receiver.port}"))
        self.acknowledged = []
        self.next = 0
        self.parsed, self.got = 0, set()  # of the receiver's bytes, which only ever grow

    def send_some(self, n=200):
        """Sends a numbered batch; remembers it only if it was acknowledged as a whole."""
        mine = range(self.next, self.next + n)
        self.next += n
        text = "".join(f'{{"name":"seq","value":{i},"time":1700000000}}\n' for i in mine)
        try:
            reply = self.daemon.send(text)
        except OSError:  # garnetd was killed
            return False
        if reply and reply["accepted"] == n:
            self.acknowledged.extend(mine)
        return reply is not None

    def flood_until_killed(self, pid_of):
        """Sends from a thread and kills in the middle of it."""
        stop = threading.Event()


        def flood():
            while not stop.is_set() and self.send_some():
                # On a slow machine the sink must not fall behind the spool's bound.
                # What arrived twice must not count here, or the repeats after a kill would let it.
                while len(self.acknowledged) - len(self.values()) > 200_000 and not stop.is_set():
                    time.sleep(0.01)
        t = threading.Thread(target=flood)
        t.start()
        target = len(self.acknowledged) + self.random.randrange(200, 3000)
        wait_for("load", lambda: len(self.acknowledged) >= target or not t.is_alive())
        kill(pid_of())
        return stop, t

    def values(self):
        """What has arrived; looks only at what is new, since it is asked for every 10 ms."""
        with self.receiver.lock:
            new = bytes(self.receiver.data[self.parsed:])
        self.parsed += len(new)
        self.got.update(int(x.split(" ")[1]) for x in new.decode().split("\n") if x.startswith("testhost.seq "))
        return self.got

    def assert_all_arrived(self):
        def missing():
            got = self.values()
            return [i for i in self.acknowledged if i not in got]
        try:
            wait_for("everything acknowledged arrives", lambda: not missing())
        except AssertionError:
            raise AssertionError(f"lost: {missing()[:20]} of {len(self.acknowledged)}") from None
        lines = self.receiver.lines()
        broken = [x for x in lines if not x.startswith("testhost.seq ") or not x.endswith(" 1700000000")]
        # A worker that is killed may leave one cut line at the end of its connection.
        self.assertLessEqual(len(broken), KILLS)
        print(f"{len(self.acknowledged)} acknowledged, {len(lines)} lines arrived, {KILLS} kills")

    def test_garnetd(self):
        d = self.daemon
        for _ in range(KILLS):
            stop, t = self.flood_until_killed(lambda: d.process.pid)
            t.join()
            d.process.wait()
            wait_for("nothing of it is left", lambda: not d.left(), 2 if not SANITIZED else 10)
            d.start()
        self.assert_all_arrived()

    def test_worker(self):
        d = self.daemon
        for _ in range(KILLS):
            stop, t = self.flood_until_killed(lambda: d.worker("main"))
            target = len(self.acknowledged) + 400
            wait_for("intake goes on", lambda: len(self.acknowledged) >= target)
            stop.set()
            t.join()
        self.assert_all_arrived()

    def test_two_workers_never_share_a_cursor(self):
        d = self.daemon
        d.kill()
        wait_for("nothing of it is left", lambda: not d.left())
        cursor = d.path("spool/cursors/main")
        holder = subprocess.Popen(["/usr/bin/python3", "-c", "import fcntl, sys; f = open(sys.argv[1], 'r+b'); "
                                   "fcntl.lockf(f, fcntl.LOCK_EX); print('held', flush=True); sys.stdin.read()",
                                   cursor], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.addCleanup(holder.communicate)
        self.assertEqual(holder.stdout.readline(), "held\n")
        d.start()
        self.assertTrue(self.send_some(10))
        for told in ("nothing is sent until it lets go", "end that process"):
            d.wait_log(f"this sink's cursor, {cursor}, is locked by process {holder.pid} (python3): {told}")
        self.assertEqual(self.values(), set())
        holder.communicate()
        self.assert_all_arrived()

    def test_collectors_end_with_a_killed_garnetd(self):
        d = self.daemon
        d.script("nest", '#!/bin/sh\nsetsid sh -c "trap : TERM; sleep 1000 & wait; sleep 1001" &\nexec sleep 1002\n')
        d.collector("nest", f"command: [{d.path('nest')}]\ninterval: 1s\ntimeout: 900s\n")
        d.hup()
        wait_for("the tree is there", lambda: [a for _, a in d.left() if "sleep 1000" in a])
        d.kill()
        wait_for("nothing of it is left", lambda: not d.left(), 2 if not SANITIZED else 10)


if __name__ == "__main__":
    main()
