"""What garnetd keeps waiting: who is not read, not accepted or not answered for its own sake does not pay for it."""
from disk_rig import *

STREAM = '''#!/usr/bin/python3
import os, socket, sys, time
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[-1])
replies = s.makefile()
while True:
    s.sendall(b'{"name":"alive","value":%d}\\n{"ack":true}\\n' % os.getpid())
    replies.readline()
    time.sleep(0.05)
'''


def sync_helper(d):
    def look():
        return [p for p, comm in children(d.process.pid).items() if comm == "garnetd-sync"]
    return wait_for("the sync helper", look)[0]


class Waiting(unittest.TestCase):
    def test_a_slow_sync_leaves_no_value_unfinished(self):
        d = Daemon(self, "self_metrics: 0\nintake: {idle: 500ms}\nspool: {dir: spool, durable: true}\n")
        helper = sync_helper(d)
        os.kill(helper, signal.SIGSTOP)
        self.addCleanup(os.kill, helper, signal.SIGCONT)
        with d.connect() as s:
            s.sendall(b'{"name":"a","value":1}\n{"ack":true}\n{"name":"b",')
            wait_for("the first half is read", lambda: unsent(s) == 0)
            s.sendall(b'"value":2}\n{"ack":true}\n')
            with d.connect() as other:  # its value is unfinished for longer than the limit
                other.sendall(b'{"name":"c",')
                d.wait_log("unfinished for 500ms")
            os.kill(helper, signal.SIGCONT)
            replies = s.makefile()
            for _ in range(2):
                self.assertEqual(json.loads(replies.readline()), {"accepted": 1, "rejected": 0, "errors": []})
            replies.close()

    def test_a_helper_that_dies_again_and_again_keeps_nobody_waiting(self):
        d = Daemon(self, "self_metrics: 0\nspool: {dir: spool, durable: true}\n")
        for _ in range(8):
            kill(sync_helper(d))
        with d.connect() as s:
            s.settimeout(5)  # it comes within two seconds
            s.sendall(b'{"name":"good","value":1}')
            s.shutdown(socket.SHUT_WR)
            self.assertEqual(read_reply(s)["accepted"], 1)

    def test_who_has_connected_before_the_end_is_answered(self):
        for clients, silent in ((1, 0), (65, 0), (129, 0), (900, 0), (1, 64), (100, 200)):
            d = Daemon(self, "self_metrics: 0\nintake: {max_connections: 2000, max_connections_per_user: 2000}\n")
            d.process.send_signal(signal.SIGSTOP)
            for _ in range(silent):  # accepted first, and nobody waits for them
                self.addCleanup(d.connect().close)
            sockets = []
            for i in range(clients):
                s = d.connect()
                self.addCleanup(s.close)
                s.sendall(b'{"name":"n","value":%d}\n' % i)
                s.shutdown(socket.SHUT_WR)
                sockets.append(s)
            d.process.send_signal(signal.SIGTERM)
            d.process.send_signal(signal.SIGCONT)
            for s in sockets:
                self.assertEqual(read_reply(s), {"accepted": 1, "rejected": 0, "errors": []})
                s.close()
            self.assertEqual(d.process.wait(PATIENCE), 0)

    def test_who_is_not_done_at_the_end_is_told_of_in_the_log(self):
        d = Daemon(self, "self_metrics: 0\nspool: {dir: spool, durable: true}\n")
        helper = sync_helper(d)
        os.kill(helper, signal.SIGSTOP)
        with d.connect() as s:
            s.sendall(b'{"name":"good","value":1}\n')
            s.shutdown(socket.SHUT_WR)
            wait_for("it is read", lambda: unsent(s) == 0)
            d.process.send_signal(signal.SIGTERM)
            d.wait_log("ending: 1 connections are closed before all that they sent was read and answered")
            self.assertIn("it is in the spool, but garnetd ends before", read_reply(s)["errors"][0]["error"])
        os.kill(helper, signal.SIGCONT)
        self.assertEqual(d.process.wait(PATIENCE), 0)


class Silence(Disk, unittest.TestCase):
    def test_a_full_disk_is_no_silence_of_a_daemon(self):
        d = self.daemon
        d.script("stream", STREAM)
        d.collector("stream", f"mode: daemon\ninterval: 1s\nsilence: 1s\ncommand: [{d.path('stream')}]\n")
        d.collector("quiet", "mode: daemon\ninterval: 1s\nsilence: 2s\ncommand: [/bin/sh, -c, exec sleep 1000]\n")
        self.mount("2m")
        d.start()

        def pids():
            return {x.split(" ")[1] for x in self.receiver.lines() if x.startswith("testhost.alive ")}
        wait_for("it streams", pids)
        self.fill()
        mark = d.log_size()
        d.wait_log("collector quiet: ended after 2s without a metric", mark)  # two seconds, or longer
        d.wait_log("collector quiet: ended after 2s without a metric", d.log_size())
        self.make_room()
        d.wait_log("can be written again", mark)
        self.assertNotIn("collector stream: ended", d.log())
        before = len(self.receiver.lines())
        wait_for("it streams on", lambda: len(self.receiver.lines()) > before + 5)
        self.assertEqual(len(pids()), 1)


if __name__ == "__main__":
    main()
