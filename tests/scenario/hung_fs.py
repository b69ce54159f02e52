"""A file system that does not answer, until it is told to (and again): FUSE spoken over /dev/fuse, in a mount namespace of its own.

Who asks it hangs in the kernel, as on a hard mount whose server is gone, and no signal ends that. It has one
executable file, `check`. When this process ends, so do all who hang.
"""
import ctypes
import os
import signal
import struct
import subprocess
import sys

LOOKUP, FORGET, GETATTR, OPEN, READ, STATFS, RELEASE, FLUSH, INIT, OPENDIR, RELEASEDIR, ACCESS, INTERRUPT, BATCH_FORGET = (
    1, 2, 3, 14, 15, 17, 18, 25, 26, 27, 29, 34, 36, 42)
HEADER = struct.Struct("<IIQQIIII")
CLONE_NEWNS, MS_REC, MS_PRIVATE, ENOSYS, ENOENT = 0x20000, 0x4000, 1 << 18, 38, 2


def mount(path):
    """The descriptor over which it is served."""
    libc = ctypes.CDLL(None, use_errno=True)

    def call(what, *args):
        if getattr(libc, what)(*args) != 0:
            raise OSError(ctypes.get_errno(), f"{what}: {os.strerror(ctypes.get_errno())}")
    call("unshare", CLONE_NEWNS)
    call("mount", b"none", b"/", None, ctypes.c_ulong(MS_REC | MS_PRIVATE), None)
    fd = os.open("/dev/fuse", os.O_RDWR)
    call("mount", b"hung", path.encode(), b"fuse", ctypes.c_ulong(0),
         f"fd={fd},rootmode=40000,user_id=0,group_id=0,allow_other".encode())
    return fd


class Server:
    def __init__(self, fd, text):
        self.fd, self.text = fd, text
        self.answers = False
        self.waiting = []
        signal.signal(signal.SIGUSR1, self.release)
        signal.signal(signal.SIGUSR2, self.hang)

    def attr(self, node):
        mode, size = (0o40755, 0) if node == 1 else (0o100755, len(self.text))
        return struct.pack("<QQQQQQIIIIIIIIII", node, size, 1, 0, 0, 0, 0, 0, 0, mode, 1, 0, 0, 0, 4096, 0)

    def reply(self, unique, data=b"", error=0):
        try:
            os.write(self.fd, struct.pack("<IiQ", 16 + len(data), -error, unique) + data)
        except OSError:
            pass  # who asked has gone

    def answer(self, op, unique, node, data):
        if op == INIT:
            self.reply(unique, struct.pack("<IIIIHHIIHHI28x", 7, 31, 65536, 0, 12, 10, 65536, 1, 16, 0, 0))
        elif op == LOOKUP and data != b"check\0":
            self.reply(unique, error=ENOENT)
        elif op == LOOKUP:
            self.reply(unique, struct.pack("<QQQQII", 2, 0, 0, 0, 0, 0) + self.attr(2))
        elif op == GETATTR:
            self.reply(unique, struct.pack("<QII", 0, 0, 0) + self.attr(node))
        elif op in (OPEN, OPENDIR):
            self.reply(unique, struct.pack("<QII", 0, 0, 0))
        elif op == READ:
            _, offset, size = struct.unpack_from("<QQI", data)
            self.reply(unique, self.text[offset:offset + size])
        elif op == STATFS:
            self.reply(unique, struct.pack("<QQQQQIIII24x", 9, 9, 9, 9, 9, 4096, 255, 4096, 0))
        elif op in (RELEASE, RELEASEDIR, FLUSH):
            self.reply(unique)
        elif op not in (FORGET, BATCH_FORGET, INTERRUPT):
            self.reply(unique, error=ENOSYS)

    def release(self, *_):
        self.answers = True
        for asked in self.waiting:
            self.answer(*asked)
        self.waiting = []

    def hang(self, *_):
        self.answers = False

    def serve(self):
        while True:
            request = os.read(self.fd, 1 << 18)
            _, op, unique, node = HEADER.unpack_from(request)[:4]
            asked = op, unique, node, request[HEADER.size:]
            if self.answers or op in (INIT, FORGET, BATCH_FORGET, INTERRUPT):
                self.answer(*asked)
            else:
                self.waiting.append(asked)


class HungFs:
    """The test's side: `prefix` before a command lets it see the mount."""

    def __init__(self, test, path, text):
        if os.geteuid() or not os.path.exists("/dev/fuse"):
            test.skipTest("needs root and /dev/fuse for a file system that does not answer")
        os.mkdir(path)
        self.process = subprocess.Popen([sys.executable, "-B", os.path.abspath(__file__), path, text],
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        test.addCleanup(self.end)
        if self.process.stdout.readline() != "mounted\n":
            test.skipTest("cannot mount it here: " + self.process.stderr.read().strip().split("\n")[-1])
        self.prefix = ["nsenter", f"--mount=/proc/{self.process.pid}/ns/mnt", "--"]

    def answer(self):
        self.process.send_signal(signal.SIGUSR1)

    def hang(self):
        self.process.send_signal(signal.SIGUSR2)

    def end(self):
        """Who hangs gets an error."""
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.process.stderr.close()


if __name__ == "__main__":
    server = Server(mount(sys.argv[1]), sys.argv[2].encode())
    print("mounted", flush=True)
    server.serve()
