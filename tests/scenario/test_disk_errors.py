"""A disk that fails, by a preloaded shim: it cannot be written, or not be synced, for a while or for good.

With durable: true, accepted means on the disk: a failed sync is put right from memory, or the sender is told no.
"""
from disk_rig import *
from shims import *

ACK = '{"ack":true}\n'


class Errors(Disk, unittest.TestCase):
    def begin_daemon(self, durable="false", self_metrics="0"):
        d = self.daemon
        d.configure(f"spool: {{dir: spool, reserve: 0, durable: {durable}}}\nself_metrics: {self_metrics}\nsinks:\n"
                    + graphite_sink("main", f"tcp://127.0.0.1:{self.receiver.port}"))
        self.fault = Fault(d.path("fault"))
        d.env = {"LD_PRELOAD": preload("fail"), "GARNET_SHIM_FAIL": d.path("fault")}
        d.start()
        self.good()
        return d

    def segments(self):
        """name -> inode"""
        return {name: s.st_ino for name, s in self.daemon.segments().items()}

    def cannot_be_written(self, error):
        d = self.begin_daemon()
        self.fault.arm("write", error, GARNETD | STAYS, 1)
        s, first = self.begin(500)
        t, more = self.begin(500)
        self.assert_refused(s, 500, f"the spool cannot be written: {os.strerror(error)}; send it again later")
        self.assert_refused(t, 500, f"the spool cannot be written: {os.strerror(error)}; send it again later")
        self.assertIn(f"cannot be written: {os.strerror(error)}; metrics are held in memory", d.log())
        self.fault.disarm()
        self.good()
        self.assertFalse(self.values() & {*first, *more})

    def test_what_passes_in_less_than_a_second_is_not_noticed(self):
        self.begin_daemon()
        self.fault.arm("write", errno.EIO, GARNETD, 1)
        s, mine = self.begin(500)
        self.assertEqual(self.answer(s, 500), 500)
        self.assert_arrive(mine)

    def test_read_only(self):
        self.cannot_be_written(errno.EROFS)

    def test_quota(self):
        self.cannot_be_written(errno.EDQUOT)

    def test_bad_disk(self):
        self.cannot_be_written(errno.EIO)

    def own(self, name):
        """The values of one of Garnet's own metrics."""
        return [int(m[1]) for x in self.receiver.lines() if (m := re.search(rf"\b{name}\S* (\d+) ", x))]

    def test_what_is_held_and_refused_is_told(self):
        self.begin_daemon(self_metrics="{interval: 100ms, level: full}")  # held for 250 ms: a round of them, too
        self.fault.arm("write", errno.ENOSPC, GARNETD, 1)
        wait_for("what was held", lambda: max(self.own("garnet.spool.held"), default=0) > 0)
        wait_for("and no longer is", lambda: self.own("garnet.spool.held")[-1] == 0)
        self.fault.arm("write", errno.ENOSPC, GARNETD | STAYS, 1)
        s, mine = self.begin(500)
        self.assert_refused(s, 500)
        self.fault.disarm()
        wait_for("what was refused", lambda: self.own("garnet.spool.refused")[-1] >= 500)
        self.assertFalse(self.values() & set(mine))

    def test_a_failed_sync_is_put_right(self):
        d = self.begin_daemon("true")
        before = self.segments()
        self.fault.arm("sync", errno.EIO, FORKS, 1)
        s, mine = self.begin(100)
        self.assertEqual(read_reply(s)["accepted"], 100)
        d.wait_log("what could not be synced has been written again and is on the disk")
        after = self.segments()
        self.assertEqual(after.keys(), before.keys())
        self.assertNotEqual(after, before, "another file has its name")
        self.assertNotIn("may not survive", d.log())
        self.assert_arrive(mine)
        self.good()
        self.assertEqual(len(self.segments()), len(before) + 1, "nothing was appended to it")

    def test_a_disk_that_cannot_be_synced(self):
        d = self.begin_daemon("true")
        self.fault.arm("sync", errno.EIO, FORKS | STAYS, 1)
        s, mine = self.begin(100)
        r = read_reply(s)
        self.assertEqual((r["accepted"], r["rejected"]), (0, 100))
        self.assertIn("the disk could not be synced: it may not survive a power loss; send it again",
                      r["errors"][0]["error"])
        self.assert_arrive(mine)  # it is in the spool all the same
        self.fault.disarm()
        d.wait_log("can be synced again")
        self.good()

    def stream(self):
        """A connection, and a function that sends on it and returns the next replies, one for each request."""
        s = self.daemon.connect()
        self.addCleanup(s.close)
        lines = s.makefile()

        def ask(text):
            s.sendall(text.encode())
            return [json.loads(lines.readline()) for _ in range(text.count(ACK))]
        return s, ask

    def helper(self):
        return wait_for("a sync helper", lambda: [p for p, name in children(self.daemon.process.pid).items()
                                                  if name == "garnetd-sync"])[0]

    def numbers(self, n):
        mine = range(self.next, self.next + n)
        self.next += n
        return mine

    def test_failures_in_a_row_lose_nothing(self):
        """Each fails when it is written again, and more is sent meanwhile: what comes then goes to no file that has
        lost its name."""
        d = self.begin_daemon("true")
        _, ask = self.stream()
        for _ in range(2):
            self.fault.arm("sync", errno.EIO, FORKS | STAYS, 1)
            for i in self.numbers(10):
                self.assertEqual(ask(metrics([i]) + ACK)[0]["rejected"], 1)
            self.fault.disarm()
            accepted = self.numbers(200)
            for i in accepted:
                self.assertEqual(ask(metrics([i]) + ACK)[0]["accepted"], 1)
            self.assert_arrive(accepted)

    def test_two_requests_get_two_replies(self):
        d = self.begin_daemon("true")
        s, _ = self.stream()
        os.kill(self.helper(), signal.SIGSTOP)
        s.sendall((metrics(self.numbers(1)) + '{"name":"bad","value":"x"}\n' + ACK + metrics(self.numbers(1)) +
                   ACK).encode())
        wait_for("it is read", lambda: unsent(s) == 0)
        os.rename(d.path("spool"), d.path("old"))
        lines = s.makefile()
        first, second = json.loads(lines.readline()), json.loads(lines.readline())
        self.assertEqual([(r["accepted"], r["rejected"]) for r in (first, second)], [(0, 2), (0, 1)])
        self.assertEqual([e.get("line") for e in first["errors"]], [2, None])
        self.assertIn("the spool was removed before it was synced", second["errors"][0]["error"])

    def test_what_an_earlier_sync_covers_is_accepted(self):
        self.begin_daemon("true")
        s, ask = self.stream()
        _, other = self.stream()
        safe = self.numbers(1000)
        s.sendall(metrics(safe).encode())
        wait_for("it is read", lambda: unsent(s) == 0)
        self.assertEqual(other(metrics(self.numbers(1)) + ACK)[0]["accepted"], 1)
        self.fault.arm("sync", errno.EIO, FORKS | STAYS, 1)
        reply, = ask(metrics(self.numbers(1)) + ACK)
        self.fault.disarm()
        self.assertEqual((reply["accepted"], reply["rejected"]), (1000, 1))
        self.assert_arrive(safe)

    def test_what_is_held_is_not_refused_with_what_was_lost(self):
        d = self.begin_daemon("true")
        os.rename(d.path("spool"), d.path("old"))
        d.write("spool", "")
        d.wait_log("metrics are held in memory")
        s, held = self.begin(100)
        os.unlink(d.path("spool"))
        if self.answer(s, 100):
            self.assert_arrive(held)
        self.good()

    def test_counted_once(self):
        """What a client was told is what the counters say."""
        d = self.begin_daemon("true", "100ms")
        self.fault.arm("sync", errno.EIO, FORKS | STAYS, 1)
        _, ask = self.stream()
        reply, = ask(metrics(self.numbers(50)) + ACK)
        self.fault.disarm()
        self.assertEqual((reply["accepted"], reply["rejected"]), (0, 50))
        wait_for("it is counted", lambda: self.own("garnet.intake.rejected")[-1:] == [50])
        self.assertEqual(self.own("garnet.intake.accepted")[-1], 100, "of the first hundred")

    def test_the_helper_is_killed(self):
        """Again and again: every answer comes, and says accepted."""
        d = self.begin_daemon("true")
        everything = []
        for _ in range(5):
            s, mine = self.begin(100)
            for pid, name in children(d.process.pid).items():
                if name == "garnetd-sync":
                    kill(pid)
            self.assertEqual(read_reply(s)["accepted"], 100)
            everything += mine
        self.assert_arrive(everything)


if __name__ == "__main__":
    main()
