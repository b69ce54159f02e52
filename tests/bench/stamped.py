"""A receiver that knows how late each metric is: the sender writes its clock into the value, and it its own beside that.
"""
import subprocess

from harness import free_port

# Reads lines "testhost.stamp NANOSECONDS TIME" and keeps, for each, how long ago that was; the bytes of one read have
# one time. Prints them at the end of its input.
STAMPED = r'''
import re, selectors, socket, sys, time
s = socket.create_server(("127.0.0.1", int(sys.argv[1])))
poll, late, rest = selectors.DefaultSelector(), [], {}
poll.register(s, selectors.EVENT_READ)
poll.register(sys.stdin, selectors.EVENT_READ)
print("ready", flush=True)
while True:
    for key, _ in poll.select():
        if key.fileobj is s:
            c, _ = s.accept()
            rest[c] = b""
            poll.register(c, selectors.EVENT_READ)
        elif key.fileobj is sys.stdin:
            print(*late)
            sys.exit()
        else:
            c, data = key.fileobj, key.fileobj.recv(1 << 16)
            now = time.monotonic_ns()
            if not data:
                poll.unregister(c)
                c.close()
            data = rest.pop(c) + data
            rest[c] = data[data.rfind(b"\n") + 1:]
            late += [now - int(x) for x in re.findall(rb"^testhost\.stamp (\d+) \d+$", data, re.M)]
'''


class Stamped:
    def __init__(self, test):
        self.port = free_port()
        self.process = subprocess.Popen(["/usr/bin/python3", "-c", STAMPED, str(self.port)], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        test.addCleanup(lambda: self.process.poll() is None and (self.process.kill(), self.process.communicate()))
        self.process.stdout.readline()

    def delays(self):
        """Of all that have come, in ms, in their order. It ends."""
        return [int(x) / 1e6 for x in self.process.communicate()[0].split()]


def quantile(values, q):
    return sorted(values)[min(len(values) - 1, int(len(values) * q))]
