"""How a test preloads a shim of tests/shim into garnetd, and the small file through which the two talk."""
import errno
import mmap
import struct

from harness import *


def preload(name):
    """The value of LD_PRELOAD: a sanitizer's runtime must stay the first."""
    ldd = subprocess.run(["ldd", os.path.join(BUILD, "garnetd")], capture_output=True, text=True).stdout
    first = [line.split()[2] for line in ldd.splitlines() if "libasan" in line or "libclang_rt" in line]
    return " ".join(first + [os.path.join(BUILD, "tests/shim", name + ".so")])


def shared_file(path, size):
    with open(path, "w+b") as f:
        f.truncate(size)
        return mmap.mmap(f.fileno(), size)


GARNETD, FORKS, STAYS = 1, 2, 4  # where a fault is, and whether all calls from then on fail, as in fail.c
SHORT = 0  # in place of an errno


class Fault:
    """The control file, as struct control in fail.c."""
    LAYOUT = struct.Struct("=16siiiiQ")

    def __init__(self, path):
        self.map = shared_file(path, self.LAYOUT.size)
        self.what = "none"

    def arm(self, call, error, where, n):
        self.map[:] = self.LAYOUT.pack(b"", where, error, n, 0, 0)
        self.map[:16] = call.encode().ljust(16, b"\0")
        place = "garnetd" if where & GARNETD else "a fork"
        self.what = f"{call} #{n}: {errno.errorcode.get(error, 'short')} in {place}"

    def fired(self):
        return self.LAYOUT.unpack(self.map[:])[4] != 0

    def disarm(self):
        self.map[:16] = bytes(16)

    def __str__(self):
        caller = self.LAYOUT.unpack(self.map[:])[5]
        at = subprocess.run(["addr2line", "-s", "-f", "-e", os.path.join(BUILD, "garnetd"), hex(caller)],
                            capture_output=True, text=True).stdout if self.fired() and shutil.which("addr2line") else ""
        return f"{self.what} {at.split()}"
