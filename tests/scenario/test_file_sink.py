"""The file transport: an unfinished last line is cut at the start, and a rotated file is followed."""
from harness import *


class FileSink(unittest.TestCase):
    CONFIG = "self_metrics: 0\nsinks:\n" + graphite_sink("main", "file:out.txt")

    def test_unfinished_last_line_is_cut(self):
        d = Daemon(self, self.CONFIG, start=False)
        d.write("out.txt", "whole 1 1700000000\ncut 2 17000")
        d.start()
        d.send('{"name":"new","value":3,"time":1700000001}')
        wait_for("both lines", lambda: d.file_lines("out.txt") == ["whole 1 1700000000", "testhost.new 3 1700000001"])

    def test_logrotate(self):
        d = Daemon(self, self.CONFIG)
        d.send('{"name":"a","value":1,"time":1700000001}')
        wait_for("the first", lambda: len(d.file_lines("out.txt")) == 1)
        os.rename(d.path("out.txt"), d.path("out.txt.1"))
        n = 0

        def in_the_new_file():
            nonlocal n
            n += 1
            d.send(f'{{"name":"a","value":{n},"time":1700000002}}')
            return d.file_lines("out.txt")
        wait_for("the new file fills", in_the_new_file)
        wait_for("nothing is lost between the two",
                 lambda: len(d.file_lines("out.txt")) + len(d.file_lines("out.txt.1")) == n + 1)

    def test_folder_that_is_not_there_yet(self):
        d = Daemon(self, "self_metrics: 0\nsinks:\n" + graphite_sink("main", "file:later/out.txt"))
        self.assertEqual(d.send('{"name":"a","value":1,"time":1700000001}')["accepted"], 1)
        d.wait_log("No such file or directory")
        os.mkdir(d.path("later"))
        wait_for("it arrives", lambda: d.file_lines("later/out.txt") == ["testhost.a 1 1700000001"])


class DeadFileSystem(unittest.TestCase):
    """A file system that is frozen, as an NFS mount hangs whose server is gone: write(2) does not come back, no signal
    ends it, and the worker can say nothing."""

    def setUp(self):
        if os.geteuid() != 0 or not all(map(shutil.which, ("mkfs.ext4", "mount", "umount", "fsfreeze"))):
            self.skipTest("to freeze a file system takes root, mkfs.ext4, mount and fsfreeze")
        self.d = Daemon(self, "self_metrics: 1s\nsinks:\n" + graphite_sink("dead", "file:m/out.txt", ", only: x") +
                        graphite_sink("ok", "file:out.txt", ", path: '{name}.{sink}'"), start=False)
        os.mkdir(self.d.path("m"))
        with open(self.d.path("image"), "wb") as f:
            f.truncate(16 << 20)
        self.must("mkfs.ext4", "-q", self.d.path("image"))
        try:
            self.must("mount", "-o", "loop", self.d.path("image"), self.d.path("m"))
        except AssertionError as e:
            self.skipTest(f"nothing can be mounted by a loop device here: {e}")
        self.addCleanup(self.undo)

    def must(self, *argv):
        r = subprocess.run(argv, capture_output=True, text=True, timeout=30)
        if r.returncode != 0:
            raise AssertionError(f"{argv[0]}: {r.stderr.strip()}")

    def undo(self):
        subprocess.run(["fsfreeze", "-u", self.d.path("m")], stderr=subprocess.DEVNULL, timeout=30)  # or it is not frozen
        try:
            if self.d.process and self.d.process.poll() is None:
                self.d.terminate()
        finally:
            self.must("umount", self.d.path("m"))

    def of_dead(self, name):
        rows = (row.split(" ") for row in self.d.file_lines("out.txt"))
        return [float(value) for n, value, _ in rows if n == f"{name}.dead"]

    def test_it_is_said_and_harms_no_other_sink(self):
        d = self.d
        d.start()
        d.send('{"name": "x", "value": 1}')
        wait_for("the first", lambda: len(d.file_lines("m/out.txt")) == 1)
        self.must("fsfreeze", "-f", d.path("m"))
        frozen = time.monotonic()
        d.send('{"name": "x", "value": 2}')
        d.wait_log("sink dead: stalled: its worker has not returned for 20 s from its endpoint: a file system", timeout=60)
        said = time.monotonic() - frozen
        print(f"said after {said:.1f} s")
        self.assertLess(said, 30 if not SANITIZED else 60)
        wait_for("it is stalled", lambda: self.of_dead("garnet.sink.stalled")[-1] == 1)
        wait_for("it lags", lambda: self.of_dead("garnet.sink.lag")[-1] >= 20)
        d.send('{"name": "y", "value": 3}')
        wait_for("another sink gets on", lambda: any(row.startswith("y ") for row in d.file_lines("out.txt")))
        self.must("fsfreeze", "-u", d.path("m"))
        d.wait_log("sink dead: its worker has returned after")
        wait_for("nothing is lost", lambda: [row.split()[1] for row in d.file_lines("m/out.txt")] == ["1", "2"])
        wait_for("it is no longer stalled", lambda: self.of_dead("garnet.sink.stalled")[-1] == 0)


if __name__ == "__main__":
    main()
