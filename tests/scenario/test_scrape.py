"""`garnet scrape` against servers that answer, and against every kind that does not: all of an answer is printed or nothing,
and each failure has its status, its sentence and its end in time."""
import fcntl
import gzip
import http.server
import socketserver
import ssl
import struct
import termios

from harness import *

BODY = b"# TYPE a gauge\na 1\nb{x=\"y\"} 2\n"


class Pages(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def do_GET(self):
        self.server.seen.append((self.path, self.headers))
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            getattr(self, "page_" + self.path.strip("/").split("/")[0])()

    def answer(self, status=200, body=BODY, **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        if "Content_Length" not in headers and "Transfer_Encoding" not in headers:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def page_metrics(self):
        self.answer()

    def page_empty(self):
        self.answer(body=b"")

    def page_packed(self):
        self.answer(body=gzip.compress(BODY), Content_Encoding="gzip")

    def page_bomb(self):
        self.answer(body=gzip.compress(bytes(64 << 20)), Content_Encoding="gzip")

    def page_missing(self):
        self.answer(404, b"nothing here\n")

    def page_to(self):
        self.answer(302, b"", Location=self.path[len("/to/"):])

    def page_round(self):
        self.answer(302, b"", Location="/round")

    def page_half(self):
        self.answer(Content_Length=str(len(BODY) + 10))
        self.close_connection = True

    def page_announced(self):
        self.answer(Content_Length=str(1 << 40))
        self.close_connection = True

    def page_endless(self):
        self.answer(body=b"", Transfer_Encoding="chunked")
        while True:
            self.wfile.write(b"10000\r\n" + b"x" * 0x10000 + b"\r\n")

    def page_hang(self):
        self.server.hold.wait()
        self.close_connection = True

    def page_slow(self):
        self.answer(body=b"", Content_Length="100000")
        while not self.server.hold.wait(0.05):
            self.wfile.write(b"x")
        self.close_connection = True


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *args):  # who breaks off is what is tested
        pass


class UnixServer(Server):
    address_family = socket.AF_UNIX

    def server_bind(self):  # that of HTTPServer asks for the host's name
        socketserver.TCPServer.server_bind(self)

    def get_request(self):
        connection, _ = self.socket.accept()
        return connection, ("unix", 0)


class Scrape(unittest.TestCase):
    def setUp(self):
        if not os.path.exists(BUILD + "/garnet-scrape"):
            self.skipTest("garnet scrape was not built: there is no libcurl")
        self.folder = tempfile.mkdtemp(prefix="garnet-")
        self.addCleanup(shutil.rmtree, self.folder)

    def serve(self, server):
        server.seen, server.hold = [], threading.Event()
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        self.addCleanup(server.hold.set)
        return server

    def web(self):
        s = self.serve(Server(("127.0.0.1", 0), Pages))
        self.at = f"http://127.0.0.1:{s.server_port}"
        return s

    def scrape(self, *args, **env):
        r = subprocess.run([BUILD + "/garnet", "scrape", *args], capture_output=True, timeout=PATIENCE,
                           env={**os.environ, **env})
        return r.returncode, r.stdout, r.stderr.decode()

    def gets(self, *args, body=BODY, **env):
        self.assertEqual(self.scrape(*args, **env), (0, body, ""))

    def fails(self, status, words, *args, **env):
        code, out, err = self.scrape(*args, **env)
        self.assertEqual((code, out), (status, b""), err)
        self.assertRegex(err, "(?i)^garnet scrape: .*" + words)
        self.assertEqual(err.count("\n"), 1 + (status == 2))
        return err

    def test_what_is_there(self):
        s = self.web()
        self.gets(self.at + "/metrics")
        self.assertIn("text/plain", s.seen[0][1]["Accept"])
        self.assertRegex(s.seen[0][1]["User-Agent"], "^garnet/.")
        self.gets(self.at + "/empty", body=b"")
        self.gets(self.at + "/packed")
        self.gets(self.at + "/to//metrics")
        self.gets(f"{self.at}/to/{self.at}/metrics")
        self.gets(self.at + "/metrics", http_proxy="http://127.0.0.1:1", ALL_PROXY="http://127.0.0.1:1")

    def test_answers_that_are_of_no_use(self):
        self.web()
        self.fails(1, "/missing: the answer's status is not 200 but 404$", self.at + "/missing")
        self.fails(1, "redirect", self.at + "/round")
        for to in ("file:///etc/passwd", "ftp://127.0.0.1/x", "dict://127.0.0.1:1/x"):
            self.fails(1, "protocol", f"{self.at}/to/{to}")
        self.fails(1, "", self.at + "/half")
        for page in ("endless", "announced", "bomb"):
            self.fails(1, "the answer is larger than --max-size 1MiB$", "--max-size", "1MiB", f"{self.at}/{page}")
        self.fails(1, "the answer is larger than --max-size 10$", "--max-size", "10", self.at + "/metrics")

    def test_no_answer(self):
        self.web()
        for page in ("hang", "slow"):
            begin = time.monotonic()
            self.fails(111, "time", "--timeout", "300ms", f"{self.at}/{page}")
            self.assertLess(time.monotonic() - begin, PATIENCE / 2)
        port = free_port()
        self.fails(111, "connect", f"http://127.0.0.1:{port}/metrics")
        with socket.create_server(("127.0.0.1", 0)) as silent:  # its kernel accepts, and nobody reads
            self.fails(111, "time", "--timeout", "300ms", "http://127.0.0.1:%d/" % silent.getsockname()[1])
        err = self.fails(111, "connect", f"http://user:secret@127.0.0.1:{port}/metrics")
        self.assertNotIn("secret", err)

    def test_a_unix_socket(self):
        path = self.folder + "/s"
        s = self.serve(UnixServer(path, Pages))
        self.gets(f"unix:{path}:/packed")
        self.gets("unix:" + path)
        self.assertEqual([p for p, _ in s.seen], ["/packed", "/metrics"])
        self.fails(1, "404$", f"unix:{path}:/missing")
        self.fails(111, "/none:/metrics: cannot connect to this socket: No such file", f"unix:{self.folder}/none:/metrics")
        self.fails(111, "", "unix:/" + "x" * 200)

    def certificate(self):
        if shutil.which("openssl") is None:
            self.skipTest("openssl is not there, to make a certificate")
        pem = self.folder + "/pem"
        r = subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                            "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", pem,
                            "-out", pem + ".crt"], capture_output=True, text=True)
        self.assertEqual(r.returncode, 0, r.stderr)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem + ".crt", pem)
        return pem + ".crt", context

    def test_tls(self):
        crt, context = self.certificate()
        plain = self.web()
        s = self.serve(Server(("127.0.0.1", 0), Pages))
        s.socket = context.wrap_socket(s.socket, server_side=True, do_handshake_on_connect=False)
        at = f"https://localhost:{s.server_port}"
        self.fails(111, "certificate", at + "/metrics")
        self.gets("--ca", crt, at + "/metrics")
        self.fails(111, "", "--ca", crt, f"https://127.0.0.1:{s.server_port}/metrics")  # another name than the certificate's
        self.gets("--insecure", f"https://127.0.0.1:{s.server_port}/metrics")
        self.fails(111, "", "--ca", self.folder + "/none", at + "/metrics")
        self.fails(1, "protocol", "--ca", crt, f"{at}/to/{self.at}/metrics")
        self.gets("--ca", crt, f"{self.at}/to/{at}/metrics")
        self.fails(111, "", f"https://127.0.0.1:{plain.server_port}/metrics")  # no TLS there

    def test_wrong_usage(self):
        for args, words in (((), "URL is missing"), (("--nonsense", "x"), "unknown option --nonsense"),
                            (("http://a", "http://b"), "nothing may follow"), (("--timeout",), "--timeout needs a value"),
                            (("--timeout", "5", "http://a"), "--timeout"), (("--timeout", "0", "http://a"), "1ms to 1d"),
                            (("--max-size", "0", "http://a"), "1B to 1GiB"), (("file:///etc/passwd",), "not file"),
                            (("unix:x",), "absolute path"), (("no url at all",), "no URL such as")):
            with self.subTest(args=args):
                self.fails(2, words, *args)

    def test_a_second_url_is_not_printed(self):
        self.assertNotIn("secret", self.fails(2, "nothing may follow the URL", "http://a/", "http://user:secret@b/"))

    def test_an_answer_that_is_reset(self):
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            s.listen()

            def answer():
                c, _ = s.accept()
                c.recv(4096)
                c.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\na 1\n")
                read_by_it = struct.pack("i", 0)
                wait_for("it has been read", lambda: fcntl.ioctl(c, termios.TIOCOUTQ, b"    ") == read_by_it)
                c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                c.close()

            t = threading.Thread(target=answer)
            t.start()
            self.fails(1, "", f"http://127.0.0.1:{s.getsockname()[1]}/")
            t.join()

    def test_an_output_that_is_closed(self):
        r = subprocess.run(["/bin/sh", "-c", 'exec "$0" scrape http://127.0.0.1:1/ >&-', os.path.join(BUILD, "garnet")],
                           stderr=subprocess.PIPE, text=True, timeout=PATIENCE)
        self.assertEqual(r.returncode, 111)
        self.assertIn("cannot write to standard output", r.stderr)

    def test_an_output_that_is_full(self):
        self.web()
        with open("/dev/full", "w") as full:
            r = subprocess.run([BUILD + "/garnet", "scrape", self.at + "/metrics"], stdout=full, stderr=subprocess.PIPE, text=True)
        self.assertEqual(r.returncode, 111)
        self.assertIn("cannot write to standard output", r.stderr)


if __name__ == "__main__":
    main()
