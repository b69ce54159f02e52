"""What tests of a disk in trouble share: a small tmpfs in the spool's place, numbers, and what became of each."""
import fcntl
import struct
import termios

from harness import *

SOON = 10.0 if SANITIZED else 1.0  # "within a second"


def metrics(numbers, pad=""):
    meta = f',"meta":{{"pad":"{pad}"}}' if pad else ""
    return "".join(f'{{"name":"seq","value":{i},"time":1700000000{meta}}}\n' for i in numbers)


def unsent(s):
    """Bytes that the other end of a socket has not read."""
    return struct.unpack("i", fcntl.ioctl(s, termios.TIOCOUTQ, bytes(4)))[0]


class Disk:
    """Beside unittest.TestCase."""
    SPOOL = "spool: {dir: spool, reserve: 0}\n"

    def setUp(self):
        self.receiver = Receiver()
        self.addCleanup(self.receiver.stop)
        self.daemon = Daemon(self, self.SPOOL + "self_metrics: 0\nsinks:\n" +
                             graphite_sink("main", f"tcp://127.0.0.1:{self.receiver.port}"), start=False)
        os.mkdir(self.daemon.path("spool"))
        self.next = 0

    def mount(self, size, at="spool"):
        r = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=0700", "tmpfs", self.daemon.path(at)],
                           capture_output=True, text=True)
        if r.returncode:
            self.skipTest("a tmpfs cannot be mounted here: " + r.stderr.strip())
        self.addCleanup(self.unmount, at)

    def unmount(self, at):
        """Before the daemon's own clean-up, which looks at the spool and then removes it."""
        if self.daemon.process and self.daemon.process.poll() is None:
            self.daemon.terminate()
        wait_for("nothing holds the spool", lambda: not self.daemon.left())
        self.daemon.assert_conserved()
        subprocess.run(["umount", self.daemon.path(at)], check=True)

    def fill(self, name="spool/filler"):
        """Not one byte is left."""
        fd = os.open(self.daemon.path(name), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        try:
            for size in (1 << 16, 1 << 12):
                try:
                    while True:
                        os.write(fd, b"\0" * size)
                except OSError:
                    pass
        finally:
            os.close(fd)

    def make_room(self):
        os.unlink(self.daemon.path("spool/filler"))
        return time.monotonic()

    def begin(self, n, pad=""):
        """Sends n numbers and half-closes: the socket, on which the reply will come, and the numbers."""
        mine = range(self.next, self.next + n)
        self.next += n
        s = self.daemon.connect()
        self.addCleanup(s.close)
        s.sendall(metrics(mine, pad).encode())
        s.shutdown(socket.SHUT_WR)
        return s, mine

    def answer(self, s, n, parts=False):
        """How many of n were accepted: all or none, unless they are more than come in one turn, and the reason says so."""
        r = read_reply(s)
        self.assertEqual(r["accepted"] + r["rejected"], n)
        if not parts:
            self.assertIn(r["accepted"], (0, n))
        if r["rejected"]:
            self.assertIn("send it again later", r["errors"][0]["error"])
        return r["accepted"]

    def assert_refused(self, s, n, why="the spool cannot be written: No space left on device; send it again later"):
        """There is an answer, although the disk stays as it is."""
        r = read_reply(s)
        self.assertEqual((r["accepted"], r["rejected"]), (0, n))
        self.assertIn(why, r["errors"][0]["error"])

    def assert_waits(self, s):
        s.setblocking(False)
        self.assertRaises(BlockingIOError, s.recv, 1)
        s.settimeout(PATIENCE)

    def values(self):
        return {int(x.split(" ")[1]) for x in self.receiver.lines() if x.startswith("testhost.seq ")}

    def assert_arrive(self, numbers):
        wait_for(f"{len(numbers)} numbers arrive", lambda: set(numbers) <= self.values())

    def good(self, n=100):
        """What is sent now is accepted and arrives."""
        s, mine = self.begin(n)
        self.assertEqual(read_reply(s)["accepted"], n)
        self.assert_arrive(mine)
