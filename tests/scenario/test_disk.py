"""A disk that is full, and a spool folder that is taken away: what clients are told, and that it is true.

The disk is a small tmpfs, where root may mount one. Accepted is what a reply says; delivered is what the receiver
read. Held in memory: no reply until the metrics are in the spool. More than 8 MiB of them: refused. Room again:
everything goes on within a second.
"""
import select
import shutil
import time

from disk_rig import *

HELD_MOST = 8 << 20
PAD = "x" * 400  # makes a record long


class FullOrGone(Disk, unittest.TestCase):
    def test_full_then_room(self):
        d = self.daemon
        self.mount("4m")
        d.start()
        self.good()
        self.fill()
        s, held = self.begin(5000)
        d.wait_log("cannot be written: No space left on device; metrics are held in memory")
        t, more = self.begin(5000)
        self.assert_waits(s)
        self.assert_waits(t)
        began = self.make_room()
        self.assertEqual(read_reply(s)["accepted"], 5000)
        self.assertEqual(read_reply(t)["accepted"], 5000)
        self.assertLess(time.monotonic() - began, SOON)
        self.assert_arrive([*held, *more])
        d.wait_log("can be written again")
        self.good()

    def test_more_than_memory_may_hold_is_refused(self):
        d = self.daemon
        self.mount("64m")
        d.start()
        self.good()
        self.fill()
        before = rss_kib(d.process.pid)
        waiting, refused, sent = [], set(), 0
        while not refused or sent < 3 * HELD_MOST:
            s, mine = self.begin(2000, PAD)  # about a megabyte
            sent += len(metrics(mine, PAD))
            waiting.append((s, mine))
            if sent < HELD_MOST // 2:
                continue
            r = wait_for("a reply, or all of it is held", lambda: self.answer(s))
            if r != "held":
                waiting.pop()
                self.assertEqual(r["accepted"] + r["rejected"], 2000)
                self.assertIn("the spool cannot be written: No space left on device; send it again later",
                              r["errors"][0]["error"])
                self.assertEqual(r["accepted"], 0)
                refused.update(mine)
        self.assertGreater(len(waiting), 3)
        if not SANITIZED:
            self.assertLess(rss_kib(d.process.pid) - before, (HELD_MOST >> 10) + 4096)
        began = self.make_room()
        accepted = []
        for s, mine in waiting:
            r = read_reply(s)
            if r["rejected"]:  # its last batch found no room
                refused.update(mine)
            else:
                self.assertEqual(r["accepted"], 2000)
                accepted.extend(mine)
        self.assertLess(time.monotonic() - began, SOON)
        self.assert_arrive(accepted)
        self.good()

    def answer(self, s):
        """The reply, or "held" once garnetd has read all that was sent and says nothing."""
        s.setblocking(False)
        try:
            if s.recv(1, socket.MSG_PEEK):
                s.settimeout(PATIENCE)
                return read_reply(s)
        except BlockingIOError:
            pass
        finally:
            s.settimeout(PATIENCE)
        self.idle = getattr(self, "idle", 0) + 1
        if self.idle < 20:  # looks a fifth of a second, each time
            return None
        self.idle = 0
        return "held"

    def hold(self):
        """A full disk, and 500 metrics that wait for room: their sender, and their values."""
        self.mount("4m")
        self.daemon.start()
        self.good()
        self.fill()
        s, held = self.begin(500)
        self.daemon.wait_log("metrics are held in memory")
        return s, held

    def test_ending_with_a_full_disk_tells_who_waits(self):
        d = self.daemon
        s, held = self.hold()
        self.assertEqual(d.terminate(), 0)
        r = read_reply(s)
        self.assertEqual((r["accepted"], r["rejected"]), (0, 500))
        self.assertIn("garnetd ends; send it again later", r["errors"][0]["error"])
        self.assertIn("500 metrics that were held in memory are refused", d.log())
        self.make_room()
        d.start()
        self.good()
        self.assertFalse(self.values() & set(held))

    def test_room_comes_at_the_last_moment(self):
        d = self.daemon
        s, held = self.hold()
        d.process.send_signal(signal.SIGTERM)
        self.make_room()
        self.assertEqual(read_reply(s)["accepted"], 500)
        d.process.wait(PATIENCE)
        if not set(held) <= self.values():
            d.start()
        self.assert_arrive(held)

    def test_starts_on_a_full_disk(self):
        """A new spool, and one that has been used: both take metrics and wait for room."""
        d = self.daemon
        self.mount("4m")
        for _ in range(2):
            self.fill()
            d.start()
            s, held = self.begin(500)
            d.wait_log("metrics are held in memory")
            self.assert_waits(s)
            self.make_room()
            self.assertEqual(read_reply(s)["accepted"], 500)
            self.good()
            d.kill()

    def full_of_one_segment(self, size, spool=""):
        """Sends until no more is taken; then all is sent, and there is room again."""
        d = self.daemon
        d.configure(f"{spool}self_metrics: 0\nsinks:\n" + graphite_sink(
            "main", f"tcp://127.0.0.1:{self.receiver.port}", ", confirm: {every: 1s, replay: 1s}"))
        self.mount(size)
        d.start()
        while True:
            s, _ = self.begin(50)
            wait_for("an answer, or none for now",
                     lambda: select.select([s], [], [], 0)[0] or "metrics are held in memory" in d.log())
            self.assertEqual(read_reply(s)["accepted"], 50)
            s.close()
            if "metrics are held in memory" in d.log():
                break
        self.assert_arrive(range(self.next))
        self.good()
        self.assertEqual(d.terminate(), 0)
        d.start()
        self.good()

    def test_full_of_one_segment_that_is_sent(self):
        self.full_of_one_segment("256k")

    def test_full_of_one_segment_that_is_sent_and_durable(self):
        self.full_of_one_segment("256k", "spool: {dir: spool, durable: true}\n")

    def taken_away(self, how):
        d = self.daemon
        d.start()
        self.good()
        old = d.worker("main")
        how(d.path("spool"))
        d.wait_log("was removed or replaced: it has been opened again")
        wait_for("a new worker", lambda: d.worker("main") != old)
        self.good()
        self.assertEqual(d.log().count("was removed or replaced"), 1)
        second = subprocess.run([os.path.join(BUILD, "garnetd"), "-c", self.second()], capture_output=True, text=True,
                                timeout=PATIENCE)
        self.assertIn(f"is in use by process {d.process.pid}", second.stderr)
        self.assertEqual(d.terminate(), 0)
        self.assertIn("main", d.file_lines("spool/sinks"))
        d.start()
        self.good()

    def test_a_folder_with_higher_numbers(self):
        """Who waits for what is held is told by what is written of it, not by the numbers of another spool."""
        d = self.daemon
        os.mkdir(d.path("disk"))
        self.mount("8m", "disk")
        d.configure(f"spool: {{dir: disk/spool}}\nself_metrics: 0\nsinks:\n"
                    + graphite_sink("main", f"tcp://127.0.0.1:{self.receiver.port}"))
        d.start()
        self.good()
        os.mkdir(d.path("disk/new"))
        d.write("disk/new/00000000000100000000.seg", "")
        d.write("disk/file", "")
        os.rename(d.path("disk/spool"), d.path("disk/old"))
        os.rename(d.path("disk/file"), d.path("disk/spool"))
        d.wait_log("Not a directory; metrics are held in memory")
        s, first = self.begin(100)
        t, more = self.begin(6000, PAD)
        wait_for("all of it is read", lambda: unsent(s) == unsent(t) == 0)
        self.assert_waits(s)
        self.fill("disk/filler")
        os.truncate(d.path("disk/filler"), os.path.getsize(d.path("disk/filler")) - (3 << 19))  # for the first batch
        os.unlink(d.path("disk/spool"))
        os.rename(d.path("disk/new"), d.path("disk/spool"))
        self.assertEqual(read_reply(s)["accepted"], 100)
        self.assert_waits(t)
        os.unlink(d.path("disk/filler"))
        self.assertEqual(read_reply(t)["accepted"], 6000)
        self.assert_arrive([*first, *more])

    def second(self):
        """A configuration with another socket and the same spool."""
        d = self.daemon
        os.makedirs(d.path("other/collectors.d"), exist_ok=True)
        return d.write("other/garnet.yaml", f"socket: {{path: run/garnet.sock}}\nspool: {{dir: {d.path('spool')}}}\n")

    def test_folder_removed(self):
        self.taken_away(shutil.rmtree)

    def test_folder_emptied(self):
        def empty(path):
            for name in os.listdir(path):
                full = os.path.join(path, name)
                with contextlib.suppress(FileNotFoundError):  # garnetd removes things, too
                    shutil.rmtree(full) if os.path.isdir(full) else os.unlink(full)
        self.taken_away(empty)

    def test_folder_replaced(self):
        def replace(path):
            os.rename(path, path + ".old")
            os.mkdir(path)
        self.taken_away(replace)

    def test_folder_removed_while_garnetd_ends(self):
        """A run takes its time to end: what comes meanwhile goes into the new folder, and is delivered."""
        d = self.daemon
        d.script("stubborn", "#!/bin/sh\ntrap '' TERM\ntouch up\nsleep 1000\nsleep 1000\n".replace("up", d.path("up")))
        d.collector("stubborn", f"interval: 1s\ntimeout: 900s\ngrace: 20s\ncommand: [{d.path('stubborn')}]\n")
        d.start()
        self.good()
        wait_for("its run", lambda: os.path.exists(d.path("up")))
        d.process.send_signal(signal.SIGTERM)
        d.wait_log("ending: no new runs")
        shutil.rmtree(d.path("spool"))
        d.wait_log("was removed or replaced: it has been opened again")
        self.good()
        d.process.send_signal(signal.SIGTERM)
        d.process.wait(PATIENCE)
        d.start()
        self.good()

    def test_what_was_in_it_counts_as_lost(self):
        """The receiver is down: 1000 accepted, all of them gone with the folder."""
        d = self.daemon
        d.start()
        self.good()
        self.receiver.stop()
        s, gone = self.begin(1000)
        self.assertEqual(read_reply(s)["accepted"], 1000)
        wait_for("the folder goes", lambda: not shutil.rmtree(d.path("spool")))
        d.wait_log("it has been opened again")
        self.receiver.start()
        self.good()
        d.terminate()
        if os.path.exists(os.path.join(BUILD, "garnet")):
            n = d.verify()["main"]
            self.assertEqual(n["unexplained"], 0)
            self.assertGreaterEqual(n["dropped"], 1000)
            self.assertLessEqual(n["dropped"], 1100)  # what was confirmed in the last second may count too


if __name__ == "__main__":
    main()
