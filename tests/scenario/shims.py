"""How a test preloads a shim of tests/shim into garnetd, and the small file through which the two talk."""
import mmap

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
