#!/usr/bin/python3
"""A TCP receiver in a process of its own, to be killed: writes what it has read to a file before it reads on.

    receiver.py PORT FILE [BYTES_PER_SECOND] [--half-close=close|ignore|reset] [--stamps=FILE]
                [--bind=ADDRESS] [--buffer=BYTES]

--stamps: a line for each connection that brings something: when it was accepted, and when its first byte came
(CLOCK_BOOTTIME, in which the kernel also says when a process was started).
Lines that were cut by a kill are whole again in the file: each connection's bytes go to it by whole lines.
SIGKILL leaves unread bytes in the sockets, which is the point.
"""
import os
import selectors
import socket
import struct
import sys
import time


def main():
    port, path = int(sys.argv[1]), sys.argv[2]
    rate = float(sys.argv[3]) if len(sys.argv) > 3 and not sys.argv[3].startswith("--") else 0
    options = dict(a[2:].split("=") for a in sys.argv if a.startswith("--"))
    habit = options.get("half-close", "close")
    stamps = open(options["stamps"], "a") if "stamps" in options else None
    out = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    server = socket.create_server((options.get("bind", "127.0.0.1"), port))
    if "buffer" in options:  # its connections inherit it
        server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, int(options["buffer"]))
    server.setblocking(False)
    poll = selectors.DefaultSelector()
    poll.register(server, selectors.EVENT_READ)
    rest, born = {}, {}
    began, taken = time.monotonic(), 0
    print("ready", flush=True)
    while True:
        for key, _ in poll.select():
            if key.fileobj is server:
                c, _ = server.accept()
                poll.register(c, selectors.EVENT_READ)
                rest[c] = b""
                born[c] = time.clock_gettime(time.CLOCK_BOOTTIME)
                continue
            c = key.fileobj
            try:
                chunk = c.recv(4096 if rate else 65536)
            except ConnectionError:
                chunk = b""
            accepted = born.pop(c, None)
            if stamps and chunk and accepted:
                print(accepted, time.clock_gettime(time.CLOCK_BOOTTIME), file=stamps, flush=True)
            if not chunk:
                poll.unregister(c)
                if habit == "reset":
                    c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                if habit != "ignore":
                    c.close()
                rest.pop(c)
                if habit == "ignore":
                    globals().setdefault("kept", []).append(c)
                continue
            data = rest[c] + chunk
            whole = data.rfind(b"\n") + 1
            rest[c] = data[whole:]
            os.write(out, data[:whole])
            taken += len(chunk)
            if rate:
                while taken / rate > time.monotonic() - began:
                    time.sleep(0.002)


main()
