"""A peer for influx_http: takes POSTs of lines on 127.0.0.1, and does with each what the file FOLDER/mode says then.

    python3 influx_server.py PORT FOLDER

    204     stores the lines, in FOLDER/lines, then says so     400, 503    says that
    429     says that, and Retry-After: 2                       hang        does not answer
    drop    closes the connection                               late        stores the lines, and closes the connection
    mix     of seven requests, one is "late", one "drop", one 503

What has come goes to FOLDER/requests, a line a request: SECONDS (mono) and what was done. Lines are written before they
are acknowledged, so kill -9 loses none that was.
"""
import http.server
import itertools
import os
import sys
import time

FOLDER = sys.argv[2]
COUNT = itertools.count()
MIX = {2: "late", 4: "drop", 6: "503"}


def append(name, data):
    fd = os.open(os.path.join(FOLDER, name), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        if os.write(fd, data) != len(data):
            raise OSError("a short write")
    finally:
        os.close(fd)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def mode(self):
        with open(os.path.join(FOLDER, "mode")) as f:
            mode = f.read().strip()
        return MIX.get(next(COUNT) % 7, "204") if mode == "mix" else mode

    def do_POST(self):
        n = int(self.headers["Content-Length"])
        body = self.rfile.read(n)
        if len(body) < n:  # whoever sent it is gone
            self.close_connection = True
            return
        mode = self.mode()
        if mode in ("204", "late"):
            append("lines", body)
        append("requests", f"{time.monotonic()} {mode} {self.headers.get('Authorization')}\n".encode())
        if mode in ("late", "drop", "hang"):
            if mode == "hang":
                self.rfile.read(1)
            self.close_connection = True
            return
        self.send_response(int(mode))
        if mode == "429":
            self.send_header("Retry-After", "2")
        text = b"" if mode == "204" else b"field type conflict"
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *args):
        pass


class Server(http.server.ThreadingHTTPServer):
    allow_reuse_address = True
    request_queue_size = 64

    def handle_error(self, request, client_address):  # a connection of a worker that was killed
        pass


Server(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
