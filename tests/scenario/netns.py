"""A network of a test's own: the test, and what it starts, in one network namespace, and hosts in others.

No namespace has a name: each ends with its last process, so that none is left behind whatever happens to the test.
"""
import ctypes
import os
import shutil
import signal
import subprocess
import unittest

CLONE_NEWNS, CLONE_NEWNET = 0x00020000, 0x40000000
PROGRAMS = ("ip", "ss", "nsenter", "unshare", "setpriv", "mount")


def enter():
    """This process from now on has a network, and mounts, of its own. Before any thread is started."""
    missing = [p for p in PROGRAMS if not shutil.which(p)]
    if missing:
        raise unittest.SkipTest(f"{missing[0]} is not installed")
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET | CLONE_NEWNS) != 0:
        raise unittest.SkipTest("no network namespaces here: " + os.strerror(ctypes.get_errno()))
    r = subprocess.run(["mount", "--make-rprivate", "/"], capture_output=True, text=True, timeout=10)
    if r.returncode != 0:  # in a chroot / is no mount
        raise unittest.SkipTest("its mounts cannot be made private here, as in a chroot: " + r.stderr.split("\n")[0])
    run("ip", "link", "set", "lo", "up")


def run(*argv):
    r = subprocess.run(argv, capture_output=True, text=True, timeout=10)
    if r.returncode != 0:
        raise AssertionError(f"{' '.join(argv)}: {r.stderr}")


def resolver(path, text):
    """What /etc/resolv.conf says to this process and what it starts."""
    with open(path, "w") as f:
        f.write(text)
    run("mount", "--bind", path, "/etc/resolv.conf")


class Host:
    """Another host, at the other end of a cable: 10.9.n.2, seen from 10.9.n.1."""

    def __init__(self, test, n):
        self.n, self.ours, self.address = n, f"veth{n}", f"10.9.{n}.2"
        self.holder = None
        test.addCleanup(self.vanish)
        self.begin()

    def begin(self):
        self.holder = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", "unshare", "-n", "sh", "-c",
                                        "echo there; exec sleep 3600"], stdout=subprocess.PIPE)
        assert self.holder.stdout.readline() == b"there\n"
        run("ip", "link", "add", self.ours, "type", "veth", "peer", "name", "eth0", "netns", str(self.holder.pid))
        run("ip", "addr", "add", f"10.9.{self.n}.1/24", "dev", self.ours)
        run("ip", "link", "set", self.ours, "up")
        self.run("ip", "addr", "add", self.address + "/24", "dev", "eth0")
        self.run("ip", "link", "set", "lo", "up")
        self.run("ip", "link", "set", "eth0", "up")

    def within(self):
        return ["nsenter", "-t", str(self.holder.pid), "-n"]

    def run(self, *argv):
        run(*self.within(), *argv)

    def cable(self, state):
        """Pulled ("down") at the far end, so that nothing here fails: what is sent just never arrives."""
        self.run("ip", "link", "set", "eth0", state)

    def mute(self):
        """It hears everything, and none of its answers leaves it."""
        self.run("ip", "route", "add", "blackhole", f"10.9.{self.n}.1/32")

    def unmute(self):
        self.run("ip", "route", "del", "blackhole", f"10.9.{self.n}.1/32")

    def vanish(self):
        """Its namespace ends with it, if no other process is in there; the cable goes with it."""
        if self.holder:
            self.holder.send_signal(signal.SIGKILL)
            self.holder.communicate()
            self.holder = None
            subprocess.run(["ip", "link", "del", self.ours], stderr=subprocess.DEVNULL, timeout=10)
