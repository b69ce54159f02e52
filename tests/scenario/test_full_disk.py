"""A full disk silences nothing: with its reserve the spool takes all that comes, and delivers it, for as long as the disk is full.

The disk is a small file system, of which somebody else takes each byte that comes free, as whoever has filled a disk does.
Everything is answered "accepted", and arrives unless it is counted as expired.
"""
import shutil
import time

from disk_rig import *

PAD = "x" * 400  # makes a record long
EACH = 200  # metrics at once: about 100 KiB
ROUNDS = 40 if LONG else 1
MIB = 1 << 20


class Taker:
    """Takes what is free on the disk, again and again."""

    def __init__(self, path):
        self.path = path
        self.full = threading.Event()
        self.end = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()
        if not self.full.wait(PATIENCE):
            raise AssertionError("the disk does not get full")

    def _run(self):
        with open(self.path, "ab", buffering=0) as f:
            while not self.end.is_set():
                for size in (MIB, 1 << 16, 1 << 12):
                    with contextlib.suppress(OSError):
                        while not self.end.is_set():
                            os.write(f.fileno(), b"\0" * size)
                self.full.set()
                self.end.wait(0.002)

    def stop(self):
        self.end.set()
        self.thread.join()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path)


class FullDisk(Disk, unittest.TestCase):
    SPOOL = "spool: {dir: spool, max_size: 16MiB, segment_size: 256KiB, reserve: 2MiB}\n"
    CONFIRM = ", confirm: {every: 1s, replay: 1s}"

    def setUp(self):
        super().setUp()
        self.second = Receiver()
        self.addCleanup(self.second.stop)
        self.accepted = []
        self.got = {}
        self.configure()

    def sinks(self, *more):
        to = {"main": self.receiver, "second": self.second}
        return "sinks:\n" + "".join(graphite_sink(name, f"tcp://127.0.0.1:{to[name].port}", self.CONFIRM)
                                    for name in ("main", *more))

    def configure(self, *more, durable="false"):
        self.daemon.configure(self.SPOOL.replace("}", f", durable: {durable}}}") +
                              "self_metrics: {interval: 1s}\n" + self.sinks(*more))

    def mount_ext4(self, size):
        d = self.daemon
        if os.geteuid():
            self.skipTest("needs root to mount")
        if not shutil.which("mkfs.ext4"):
            self.skipTest("mkfs.ext4 is not installed")
        with open(d.path("image"), "wb") as f:
            f.truncate(size)
        subprocess.run(["mkfs.ext4", "-q", "-F", d.path("image")], check=True, capture_output=True)
        r = subprocess.run(["mount", "-o", "loop", d.path("image"), d.path("spool")], capture_output=True, text=True)
        if r.returncode:
            self.skipTest("a loop device cannot be mounted here: " + r.stderr.strip())
        self.addCleanup(self.unmount, "spool")

    def mount_small(self, fs):
        if fs == "ext4":
            self.mount_ext4(24 * MIB)
        else:
            self.mount("20m")

    def reserved(self):
        """Bytes that the spool has on the disk and does not use."""
        n = 0
        for name in os.listdir(self.daemon.path("spool")):
            if name.startswith(".reserve-"):
                with contextlib.suppress(FileNotFoundError):
                    n += os.stat(self.daemon.path("spool/" + name)).st_blocks * 512
        return n

    def has_reserve(self):
        wait_for("the reserve", lambda: self.reserved() >= 2 * MIB)
        wait_for("spares", lambda: os.path.exists(self.daemon.path("spool/.sinks-11.tmp")))

    def fill_up(self):
        taker = Taker(self.daemon.path("spool/filler"))
        self.addCleanup(taker.stop)
        return taker

    def send(self, times=1):
        """Each is accepted at once, as ever."""
        for _ in range(times):
            s, mine = self.begin(EACH, PAD)
            r = read_reply(s)
            s.close()
            self.assertEqual((r["accepted"], r["rejected"]), (EACH, 0), r)
            self.accepted.extend(mine)

    def arrived(self, receiver, numbers):
        got, at = self.got.setdefault(receiver, (set(), 0))  # what has been looked at is not looked at again
        with receiver.lock:
            new = bytes(receiver.data[at:])
        got.update(int(x.split(b" ")[1]) for x in new.split(b"\n") if x.startswith(b"testhost.seq "))
        self.got[receiver] = got, at + len(new)
        return got.issuperset(numbers)

    def newest_arrive(self, *receivers):
        """All of the last that was accepted."""
        for receiver in receivers or (self.receiver,):
            wait_for("what was just accepted arrives", lambda r=receiver: self.arrived(r, self.accepted[-EACH:]))

    def goes_on(self, *receivers):
        """More than the reserve holds, in steps that a ring of files has room for."""
        for _ in range(4 * ROUNDS):
            self.send(6)
            self.newest_arrive(*receivers)

    def begin_on(self, fs):
        """It takes metrics, and has its reserve, before the disk is full."""
        self.mount_small(fs)
        self.daemon.start()
        self.send()
        self.has_reserve()
        return self.daemon

    def whole_story(self, fs):
        d = self.begin_on(fs)
        taker = self.fill_up()
        self.goes_on()
        d.wait_log("the disk is full")
        self.assertTrue(self.arrived(self.receiver, self.accepted), "nobody fell behind: nothing gave way")
        self.configure("second")
        d.hup()
        self.goes_on(self.receiver, self.second)
        for name in ("main", "second"):
            kill(d.worker(name))
        self.goes_on(self.receiver, self.second)
        d.kill()
        d.start()
        self.goes_on(self.receiver, self.second)
        self.assertTrue(self.arrived(self.receiver, self.accepted), "nor did anybody since")
        self.outage()
        taker.stop()
        d.wait_log("there is room on the disk again")
        self.send()
        self.newest_arrive(self.receiver, self.second)
        wait_for("all of it is settled", lambda: all(all_settled(n) for n in d.verify().values()))
        d.terminate()
        self.check_accounts()

    def outage(self):
        """One receiver is away for longer than the spool lasts: what comes last arrives there as well."""
        self.receiver.stop()
        for _ in range(10 * ROUNDS):
            self.send(6)
            self.newest_arrive(self.second)
        self.receiver.start()
        self.newest_arrive(self.receiver)
        self.send()
        self.newest_arrive(self.receiver, self.second)

    def check_accounts(self):
        """Held to the receivers' bytes: every number that did not arrive has expired, and is counted."""
        n = self.daemon.verify()
        got = self.values()
        lost = len(set(self.accepted) - got)
        self.assertLessEqual(lost, n["main"]["dropped"])
        self.assertGreater(n["main"]["dropped"], 0)
        self.assertEqual(n["main"].get("damaged", 0), 0)
        self.assertEqual(n["second"].get("damaged", 0), 0)
        self.assertLessEqual(got, set(self.accepted))

    def test_tmpfs(self):
        self.whole_story("tmpfs")

    def test_ext4(self):
        self.whole_story("ext4")

    def starts_on_it(self, fs):
        """It has its reserve from before, and is started, killed and started again; accepted is on the disk."""
        self.configure(durable="true")
        d = self.begin_on(fs)
        d.kill()
        self.fill_up()
        for _ in range(3):
            d.start()
            self.send(3)
            self.newest_arrive()
            d.kill()
        d.start()
        self.goes_on()
        self.assertTrue(self.arrived(self.receiver, self.accepted))

    def test_starts_on_a_full_tmpfs(self):
        self.starts_on_it("tmpfs")

    def test_starts_on_a_full_ext4(self):
        self.starts_on_it("ext4")

    def few(self):
        """The answer is there at once, whatever it is; what is in the spool is what comes to be read."""
        s, mine = self.begin(5)
        r = read_reply(s)
        s.close()
        self.assertEqual(r["accepted"] + r["rejected"], 5, r)
        return mine

    def gone(self):
        return self.daemon.verify()["main"]["dropped"]

    def begin_outage(self, fs):
        """The peer is away, and the reserve is all that there is."""
        d = self.begin_on(fs)
        self.newest_arrive()
        self.receiver.stop()
        taker = self.fill_up()
        self.send(3)
        d.wait_log("the disk is full")
        return d, taker

    def starts_take_nothing(self, fs):
        d, _ = self.begin_outage(fs)
        for _ in range(112 if LONG else 28):
            d.kill()
            wait_for("what it has left behind ends", lambda: not d.left())
            d.start()
            self.accepted.extend(self.few())
            self.assertEqual(self.gone(), 0, "nothing has given way")
        self.receiver.start()
        wait_for("all of it arrives", lambda: self.arrived(self.receiver, self.accepted))

    def test_starts_on_a_full_tmpfs_take_nothing(self):
        self.starts_take_nothing("tmpfs")

    def test_starts_on_a_full_ext4_take_nothing(self):
        self.starts_take_nothing("ext4")

    def test_a_sync_that_fails_takes_one_file(self):
        """The helper is killed with an order, and there is no room to write anything again: that is told, to who wants to
        know, and costs nothing that was there."""
        d, taker = self.begin_outage("tmpfs")
        helper = next(p for p, name in children(d.process.pid).items() if name == "garnetd-sync")
        self.configure(durable="true")
        d.hup()
        os.kill(helper, signal.SIGSTOP)
        s, mine = self.begin(5)
        wait_for("it is in the spool", lambda: d.verify()["main"]["accepted"] >= len(self.accepted) + 5)
        self.assert_waits(s)
        kill(helper)
        self.assertIn("could not be synced", read_reply(s)["errors"][0]["error"])
        self.accepted.extend(mine)
        for _ in range(40 * ROUNDS):
            self.accepted.extend(self.few())
        self.assertEqual(self.gone(), 0, "nothing has given way")
        taker.stop()
        d.wait_log("can be synced again")
        self.send()
        self.receiver.start()
        wait_for("all of it arrives", lambda: self.arrived(self.receiver, self.accepted))

    def test_a_folder_that_has_no_room_for_names(self):
        """On ext4 a name may need a block more of the folder, which the disk has not: nothing is refused for that."""
        d = self.daemon
        self.SPOOL = "spool: {dir: spool, max_size: 64MiB, segment_size: 64KiB, reserve: 4MiB}\n"
        self.configure()
        self.mount_ext4(96 * MIB)
        d.start()
        self.send()
        wait_for("the reserve", lambda: self.reserved() >= 4 * MIB)
        self.receiver.stop()
        self.send(200)
        self.fill_up()
        self.send(800)
        self.receiver.start()
        self.newest_arrive()

    def test_one_file_is_all_there_is(self):
        """Somebody has removed the reserve. What was sent gives way, though for a minute it might be asked for again."""
        d = self.daemon
        self.CONFIRM = ""
        self.configure()
        self.mount_small("tmpfs")
        d.start()
        self.send(2)
        self.has_reserve()
        self.newest_arrive()
        for name in os.listdir(d.path("spool")):
            if name.startswith(".reserve"):
                os.unlink(d.path("spool/" + name))
        self.fill_up()
        for _ in range(20 * ROUNDS):
            self.send()
            self.newest_arrive()

    def test_own_metrics_flow(self):
        d = self.daemon
        self.mount_small("tmpfs")
        d.start()
        self.has_reserve()
        self.fill_up()
        self.goes_on()

        def own(name):
            return [(float(m[1]), int(m[2])) for x in self.receiver.lines()
                    if (m := re.search(rf"\b{name}\S* (\S+) (\d+)", x))]
        last = wait_for("one", lambda: own("garnet.spool.size"))[-1][1]
        wait_for("they go on", lambda: own("garnet.spool.size")[-1][1] > last + 1)
        self.assertTrue(any(v < 2 * MIB for v, _ in own("garnet.spool.reserve")), "some of it was used")


if __name__ == "__main__":
    main()
