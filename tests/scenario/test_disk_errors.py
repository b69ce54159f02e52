"""A disk that fails, by a preloaded shim: it cannot be written, or not be synced, for a while or for good.

With durable: true, accepted means on the disk: a failed sync is put right from memory, or the sender is told no.
"""
from disk_rig import *
from shims import *


class Errors(Disk, unittest.TestCase):
    def begin_daemon(self, durable="false", self_metrics="0"):
        d = self.daemon
        d.configure(f"spool: {{dir: spool, durable: {durable}}}\nself_metrics: {self_metrics}\nsinks:\n"
                    + graphite_sink("main", f"tcp://127.0.0.1:{self.receiver.port}"))
        self.fault = Fault(d.path("fault"))
        d.env = {"LD_PRELOAD": preload("fail"), "GARNET_SHIM_FAIL": d.path("fault")}
        d.start()
        self.good()
        return d

    def segments(self):
        """name -> inode"""
        folder = self.daemon.path("spool")
        return {x: os.stat(os.path.join(folder, x)).st_ino for x in os.listdir(folder) if x.endswith(".seg")}

    def cannot_be_written(self, error):
        d = self.begin_daemon()
        self.fault.arm("write", error, GARNETD | STAYS, 1)
        s, held = self.begin(500)
        d.wait_log(f"cannot be written: {os.strerror(error)}; metrics are held in memory")
        t, more = self.begin(500)
        self.assert_waits(s)
        self.assert_waits(t)
        self.fault.disarm()
        self.assertEqual(read_reply(s)["accepted"], 500)
        self.assertEqual(read_reply(t)["accepted"], 500)
        self.assert_arrive([*held, *more])
        self.good()

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
        d = self.begin_daemon(self_metrics="100ms")  # held for 250 ms: a round of them, too
        self.fault.arm("write", errno.ENOSPC, GARNETD | STAYS, 1)
        s, held = self.begin(500)
        d.wait_log("metrics are held in memory")
        t, more = self.begin(24000, "x" * 400)
        wait_for("all of it is read", lambda: unsent(t) == 0)
        self.fault.disarm()
        self.assertEqual(read_reply(s)["accepted"], 500)
        refused = read_reply(t)["rejected"]
        self.assertGreater(refused, 0)
        wait_for("what was held", lambda: max(self.own("garnet.spool.held"), default=0) > 0)
        wait_for("and no longer is", lambda: self.own("garnet.spool.held")[-1] == 0)
        wait_for("what was refused", lambda: self.own("garnet.spool.refused")[-1] >= refused)

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
