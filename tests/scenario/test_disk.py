"""A disk that is full and has no reserve, and a spool folder that is taken away: what clients are told, and that it is true.

The disk is a small tmpfs, where root may mount one. Accepted is what a reply says; delivered is what the receiver
read. What the disk does not take is refused within a second, and what is refused never arrives. Room again: everything goes on.
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
        refused = []
        for _ in range(3):
            s, mine = self.begin(5000)
            self.assert_refused(s, 5000)
            refused.extend(mine)
        self.assertIn("cannot be written: No space left on device; metrics are held in memory", d.log())
        self.make_room()
        self.good()
        d.wait_log("can be written again")
        self.assertFalse(self.values() & set(refused))

    def test_more_than_memory_may_hold_is_refused(self):
        d = self.daemon
        self.mount("64m")
        d.start()
        self.good()
        self.fill()
        before = rss_kib(d.process.pid)
        clients = [self.begin(2000, PAD) for _ in range(3 * HELD_MOST // (1 << 20))]  # of about a megabyte each
        if not SANITIZED:
            self.assertLess(rss_kib(d.process.pid) - before, (HELD_MOST >> 10) + 4096)
        for s, _ in clients:
            self.assert_refused(s, 2000)
        if not SANITIZED:
            self.assertLess(rss_kib(d.process.pid) - before, (HELD_MOST >> 10) + 4096)
        self.make_room()
        self.good()
        self.assertFalse(self.values() & {i for _, mine in clients for i in mine})

    def hold(self):
        """A full disk, and 500 metrics that wait for room, for less than a second: their sender, and their values."""
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
        self.assertEqual(self.answer(s, 500), 0)
        self.make_room()
        d.start()
        self.good()
        self.assertFalse(self.values() & set(held))

    def test_room_comes_at_the_last_moment(self):
        d = self.daemon
        s, held = self.hold()
        d.process.send_signal(signal.SIGTERM)
        self.make_room()
        accepted = self.answer(s, 500)
        d.process.wait(PATIENCE)
        d.start()
        self.good()
        if accepted:
            self.assert_arrive(held)
        else:
            self.assertFalse(self.values() & set(held))

    def test_starts_on_a_full_disk(self):
        """A new spool, and one that has been used: both answer, and take metrics once there is room."""
        d = self.daemon
        self.mount("4m")
        for _ in range(2):
            self.fill()
            d.start()
            s, _ = self.begin(500)
            self.assert_refused(s, 500)
            self.make_room()
            self.good()
            d.kill()

    def full_of_one_segment(self, size, spool):
        """Sends until no more is taken; then all is sent, and its room is used again."""
        d = self.daemon
        d.configure(f"{spool}self_metrics: 0\nsinks:\n" + graphite_sink(
            "main", f"tcp://127.0.0.1:{self.receiver.port}", ", confirm: {every: 1s, replay: 1s}"))
        self.mount(size)
        d.start()
        accepted = []
        for _ in range(3):
            while True:
                s, mine = self.begin(50)
                if not self.answer(s, 50):
                    break
                accepted.extend(mine)
                s.close()
            self.assert_arrive(accepted)
            self.assert_arrive(wait_for("room", self.taken))
        self.assertEqual(d.terminate(), 0)
        d.start()
        self.assert_arrive(wait_for("room", self.taken))

    def taken(self):
        """A hundred numbers, if there is room for them."""
        s, mine = self.begin(100)
        taken = self.answer(s, 100)
        s.close()
        return mine if taken else None

    def test_full_of_one_segment_that_is_sent(self):
        self.full_of_one_segment("256k", self.SPOOL)

    def test_full_of_one_segment_that_is_sent_and_durable(self):
        self.full_of_one_segment("256k", "spool: {dir: spool, reserve: 0, durable: true}\n")

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
        """Its numbers go on there, and who sends meanwhile has an answer that is true."""
        d = self.daemon
        os.mkdir(d.path("disk"))
        self.mount("8m", "disk")
        d.configure(f"spool: {{dir: disk/spool, reserve: 0}}\nself_metrics: 0\nsinks:\n"
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
        os.unlink(d.path("disk/spool"))
        os.rename(d.path("disk/new"), d.path("disk/spool"))
        accepted = first if self.answer(s, 100) else []
        n = self.answer(t, 6000, parts=True)
        wait_for("it is opened again", lambda: "it has been opened again" in d.log())
        self.good()
        self.assert_arrive(accepted)
        wait_for("as many of the others", lambda: len(self.values() & set(more)) >= n)
        self.assertEqual((self.values() & set(first), len(self.values() & set(more))), (set(accepted), n))
        self.assertGreater(max(int(name[:-4]) for name in d.segments("disk/spool")), 100000000 - 1)

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
