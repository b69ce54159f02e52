"""The collectors that are told what to look at, against what answers, what does not and what lies: `paths`, `http-check`."""
import gzip
import http.server
import ssl

from harness import *
from hung_fs import HungFs


def collector(name):
    return os.path.join(BUILD, "collectors", name)


class Case(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="garnet-")
        self.addCleanup(shutil.rmtree, self.folder)

    def look(self, name, *args, code=0, **env):
        """{(metric, first tag): value} of --print, and what is said"""
        r = subprocess.run([collector(name), "--print", *args], capture_output=True, timeout=PATIENCE, text=True,
                           env={**os.environ, **env})
        self.assertEqual(r.returncode, code, r.stderr)
        values = {}
        for line in r.stdout.splitlines():
            m = re.match(r"([a-z0-9_.]+)(?:\{[a-z]+=(.*?)(?:,[a-z]+=.*)?\})? +(\S+) ", line)
            self.assertNotIn((m[1], m[2]), values)
            values[m[1], m[2]] = float(m[3])
        return values, r.stderr

    def refuses(self, name, words, *args):
        values, err = self.look(name, *args, code=2)
        self.assertEqual(values, {})
        self.assertIn(words, err)


class Paths(Case):
    def test_what_is_there(self):
        for name, size in (("a.log", 5), ("b.log", 7), ("c", 11)):
            with open(f"{self.folder}/{name}", "wb") as f:
                f.write(bytes(size))
        got, err = self.look("paths", "--match", "*.log", self.folder, self.folder + "/c", self.folder + "/none")
        self.assertEqual(err, "")
        self.assertEqual(got["path.files", self.folder], 2)
        self.assertEqual(got["path.bytes", self.folder], 12)
        self.assertEqual(got["path.size", self.folder + "/c"], 11)
        self.assertTrue(0 <= got["path.age", self.folder + "/c"] < PATIENCE)
        self.assertEqual({k: v for (k, path), v in got.items() if path == self.folder + "/none"}, {"path.exists": 0})

    def test_a_dead_mount_below_is_not_asked(self):
        hung = HungFs(self, self.folder + "/dead", "")
        os.mkdir(self.folder + "/below")
        for name in ("a", "below/b"):
            with open(f"{self.folder}/{name}", "wb") as f:
                f.write(b"12345")
        for depth, files in (("1", 1), ("3", 2)):
            r = subprocess.run([*hung.prefix, collector("paths"), "--print", "--depth", depth, self.folder], capture_output=True,
                               timeout=PATIENCE, text=True)
            self.assertEqual((r.returncode, r.stderr), (0, ""))
            self.assertRegex(r.stdout, rf"path\.files\S+ +{files} file")

    def test_wrong_usage(self):
        self.refuses("paths", "PATH... is missing")
        self.refuses("paths", "absolute path", "x")
        self.refuses("paths", 'arguments 1 and 2 are the same', "/a", "/a")
        self.refuses("paths", "give 1 to 32", "--depth", "33", "/a")
        self.refuses("paths", 'unknown argument "--proc"', "--proc", "/proc", "/a")

    def test_who_has_no_right(self):
        if os.geteuid() != 0 or not shutil.which("setpriv"):
            self.skipTest("needs root, and setpriv")
        os.mkdir(self.folder + "/closed", 0o700)
        os.chmod(self.folder, 0o755)
        program = shutil.copy(collector("paths"), self.folder)  # the build may be in a folder that is closed, too
        r = subprocess.run(["setpriv", "--reuid=65534", "--clear-groups", program, "--print", self.folder + "/closed/x",
                            self.folder + "/closed", self.folder], capture_output=True, timeout=PATIENCE, text=True)
        self.assertEqual(r.returncode, 1)
        self.assertIn(f"{self.folder}/closed/x: Permission denied (and 1 more)", r.stderr)
        self.assertNotIn("/closed/x", r.stdout)
        self.assertNotRegex(r.stdout, r"files\{path=[^ ]*/closed\}")
        self.assertRegex(r.stdout, r"files\{path=[^ ]*\} +1 file")


class Pages(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def do_GET(self):
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            getattr(self, "page_" + self.path.strip("/").split("/")[0].split("?")[0])()

    def answer(self, status=200, body=b"all is well\n", **headers):
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def page_good(self):
        self.answer()

    def page_empty(self):
        self.answer(body=b"")

    def page_packed(self):
        self.answer(body=gzip.compress(bytes(5000)), Content_Encoding="gzip")

    def page_bad(self):
        self.answer(503, b"all is well, but not here\n")

    def page_to(self):
        self.answer(302, b"", Location=self.path[len("/to/"):])

    def page_half(self):
        self.answer(**{"Content-Length": "100"})
        self.close_connection = True

    def page_long(self):
        self.answer(body=bytes(100000))

    def page_endless(self):
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        while True:
            self.wfile.write(b"10000\r\n" + b"x" * 0x10000 + b"\r\n")

    def page_hang(self):
        self.server.hold.wait()
        self.close_connection = True

    def page_slow(self):
        self.send_response(200)
        self.send_header("Content-Length", "10000")
        self.end_headers()
        while not self.server.hold.wait(0.05):
            self.wfile.write(b"x")
        self.close_connection = True


class Server(http.server.ThreadingHTTPServer):
    daemon_threads, request_queue_size = True, 64

    def handle_error(self, *args):  # who breaks off is what is tested
        pass


@unittest.skipUnless(os.path.exists(collector("http-check")), "http-check was not built: there is no libcurl")
class Http(Case):
    def serve(self, context=None):
        server = Server(("127.0.0.1", 0), Pages)
        if context:
            server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        server.hold = threading.Event()
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        for end in (server.server_close, server.shutdown, server.hold.set):
            self.addCleanup(end)
        return f"http{'s' if context else ''}://localhost:{server.server_port}"

    def one(self, url, *args):
        """{metric: value} of one URL, and what is said"""
        got, err = self.look("http-check", *args, url)
        self.assertEqual({tag for _, tag in got}, {url})
        return {name: v for (name, _), v in got.items()}, err

    def test_a_good_answer(self):
        at = self.serve()
        got, err = self.one(at + "/good")
        self.assertEqual(err, "")
        self.assertEqual((got["http.ok"], got["http.status"], got["http.bytes"]), (1, 200, 12))
        phases = [v for k, v in got.items() if k.startswith("http.phase.")]
        self.assertEqual(len(phases), 4)
        self.assertAlmostEqual(sum(phases), got["http.time"], places=2)
        self.assertTrue(0 < got["http.time"] < PATIENCE * 1000)
        self.assertEqual(self.one(at + "/packed")[0]["http.bytes"], 5000)

    def test_what_is_expected(self):
        at = self.serve()
        got, err = self.one(at + "/bad")
        self.assertEqual((got["http.ok"], got["http.status"]), (0, 503))
        self.assertEqual(err, f"http-check: {at}/bad: the answer's status is 503\n")
        self.assertEqual(self.one(at + "/bad", "--status", "200,500-503")[0]["http.ok"], 1)
        self.assertEqual(self.one(at + "/good", "--status", "201-299")[0]["http.ok"], 0)
        self.assertEqual(self.one(at + "/good", "--body", "is well")[0]["http.ok"], 1)
        got, err = self.one(at + "/good", "--body", "not here")
        self.assertEqual(got["http.ok"], 0)
        self.assertIn("does not have the text of --body", err)
        self.assertEqual(self.one(at + "/empty", "--body", "x")[0]["http.ok"], 0)
        self.assertEqual(self.one(at + "/empty")[0]["http.ok"], 1)
        self.assertEqual(self.one(at + "/bad", "--body", "all is well")[0]["http.ok"], 0)
        self.assertEqual(self.one(at + "/to//bad")[0]["http.status"], 302)
        self.assertEqual(self.one(at + "/to//bad", "--follow")[0]["http.status"], 503)
        self.assertIn("protocol", self.one(at + "/to/file:///etc/passwd", "--follow")[1])

    def test_no_good_answer(self):
        at, port = self.serve(), free_port()
        for url, words in ((f"{at}/half", "."), (f"http://localhost:{port}/", "cannot connect: Connection refused"),
                           (f"{at}/long", "larger than --max-size 64KiB"), (f"{at}/endless", "larger than --max-size 64KiB"),
                           (f"{at}/hang", "no whole answer within --timeout 400ms"), (f"{at}/slow", "no whole answer within"),
                           ("http://none.invalid/", "resolve|no whole answer"), (f"unix:{self.folder}/s:/x", "cannot connect: No such file")):
            with self.subTest(url=url):
                got, err = self.one(url, "--timeout", "400ms" if "invalid" not in url else "10s", "--max-size", "64KiB")
                self.assertEqual(got["http.ok"], 0)
                self.assertNotIn("http.time", got)
                self.assertRegex(err, f"^http-check: {re.escape(url)}: .*(?i:{words})")

    def test_one_that_hangs_holds_up_no_other(self):
        at = self.serve()
        begin = time.monotonic()
        urls = [f"{at}/hang?{i}" for i in range(20)] + [at + "/good"]
        got, err = self.look("http-check", "--timeout", "1s", *urls)
        self.assertEqual([got["http.ok", u] for u in urls], [0] * 20 + [1])
        self.assertLess(got["http.time", at + "/good"], 1000)
        self.assertIn("no whole answer within --timeout 1s (and 19 more)", err)
        self.assertLess(time.monotonic() - begin, PATIENCE / 2)

    def test_it_is_said_once_what_is_wrong_and_that_it_is_right(self):
        other = free_port()
        p = subprocess.Popen([collector("http-check"), "--print", "--every", "50ms", f"http://127.0.0.1:{other}/good"],
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        said = (line for line in p.stderr if "due times were missed" not in line)  # on a machine that is too slow
        self.assertIn("cannot connect: Connection refused", next(said))
        for _ in range(3):
            while "http.ok" not in (line := p.stdout.readline()):
                pass
            self.assertRegex(line, " 0 +gauge$")
        threads = len(os.listdir(f"/proc/{p.pid}/task"))
        server = Server(("127.0.0.1", other), Pages)
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        self.assertEqual(next(said), "http-check: works again\n")
        fds = len(os.listdir(f"/proc/{p.pid}/fd"))
        for _ in range(30):
            while p.stdout.readline() != "\n":
                pass
        self.assertLessEqual(len(os.listdir(f"/proc/{p.pid}/fd")), fds + 4)  # those of the round that it is at
        self.assertLessEqual(len(os.listdir(f"/proc/{p.pid}/task")), threads + 1)
        p.terminate()
        self.assertEqual(list(said), [])
        p.communicate(timeout=PATIENCE)

    def test_what_asks_ends_with_it(self):
        at = self.serve()
        p = subprocess.Popen([collector("http-check"), "--print", "--timeout", "10m", at + "/hang"], stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE)
        self.addCleanup(p.communicate, timeout=PATIENCE)
        self.addCleanup(p.kill)

        def children():
            with open(f"/proc/{p.pid}/task/{p.pid}/children") as f:
                return f.read().split()
        wait_for("a process that asks", children)
        child, = children()
        p.terminate()
        p.wait(timeout=PATIENCE)
        wait_for("its end", lambda: not os.path.exists(f"/proc/{child}/exe"))

    def certificate(self, days):
        if shutil.which("openssl") is None:
            self.skipTest("openssl is not there, to make a certificate")
        pem = self.folder + "/pem"
        r = subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                            "-days", str(days), "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", pem,
                            "-out", pem + ".crt"], capture_output=True, text=True)
        self.assertEqual(r.returncode, 0, r.stderr)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem + ".crt", pem)
        return pem + ".crt", context

    def test_tls(self):
        crt, context = self.certificate(40)
        at = self.serve(context)
        got, err = self.one(at + "/good", "--ca", crt)
        self.assertEqual((got["http.ok"], err), (1, ""))
        self.assertTrue(39.5 < got["http.certificate"] <= 40, got)
        self.assertTrue(got["http.phase.tls"] > 0)
        self.assertEqual(len([k for k in got if k.startswith("http.phase.")]), 5)
        self.assertTrue(39.5 < self.one(at + "/good", "--insecure")[0]["http.certificate"] <= 40)
        got, err = self.one(at + "/good")
        self.assertEqual(got, {"http.ok": 0})
        self.assertIn("certificate", err)
        with self.subTest("a file that is not there says nothing of the server"):
            got, err = self.look("http-check", "--ca", self.folder + "/none", at + "/good", code=1)
            self.assertEqual(got, {})
            self.assertIn(self.folder + "/none", err)
        with self.subTest("one that sends no TLS"):
            plain = self.serve().replace("http:", "https:")
            self.assertEqual(self.one(plain + "/good", "--ca", crt)[0], {"http.ok": 0})

    def test_a_password_is_said_nowhere(self):
        url = f"http://user:secret@localhost:{free_port()}/"
        got, err = self.look("http-check", url)
        self.assertNotIn("secret", err + str(got))
        _, err = self.look("http-check", url, url, code=2)
        self.assertNotIn("secret", err)
        _, err = self.look("http-check", url, url.replace("secret", "other"), code=2)
        self.assertIn("is there twice", err)
        self.assertNotIn("secret", err)

    def test_wrong_usage(self):
        self.refuses("http-check", "URL... is missing")
        self.refuses("http-check", "only http, https and unix", "ftp://localhost/")
        self.refuses("http-check", "absolute path", "unix:x")
        self.refuses("http-check", "no URL such as", "http://")
        self.refuses("http-check", '--status "2xx" is no list of statuses', "--status", "2xx", "http://localhost/")
        self.refuses("http-check", "give a text", "--body", "", "http://localhost/")
        self.refuses("http-check", "give 1B to 1GiB", "--max-size", "0", "http://localhost/")
        self.refuses("http-check", "give 10ms to 10m", "--timeout", "1ms", "http://localhost/")


if __name__ == "__main__":
    main()
