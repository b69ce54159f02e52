#!/usr/bin/python3
"""disk - the space of a file system; a collector in Python, standard library only.

usage: disk.py [MOUNT] SOCKET          MOUNT is / by default; garnetd appends SOCKET
"""
import json
import os
import socket
import sys

mount = sys.argv[1] if len(sys.argv) > 2 else "/"
fs = os.statvfs(mount)
metric = {
    "name": "disk", "type": "gauge", "unit": "B", "tags": {"mount": mount},
    "values": {
        "size": fs.f_frsize * fs.f_blocks,
        "free": fs.f_frsize * fs.f_bfree,
        "available": fs.f_frsize * fs.f_bavail,  # to users other than root
    },
}
with socket.socket(socket.AF_UNIX) as garnet:
    garnet.settimeout(5)
    garnet.connect(sys.argv[-1])
    garnet.sendall(json.dumps(metric).encode() + b"\n")
    garnet.shutdown(socket.SHUT_WR)  # "that was all": now the reply comes
    reply = json.loads(garnet.makefile().read())
for error in reply.get("errors", []):
    if "GARNET_COLLECTOR" not in os.environ:  # by hand; else garnetd's log has it already
        print(f"{error.get('field', 'input')}: {error['error']}", file=sys.stderr)
sys.exit(0 if reply["rejected"] == 0 and not reply.get("errors") else 1)
