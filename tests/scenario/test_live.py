"""The page of the plugin live, by plain HTTP: who may read it, what it serves, and that nothing of it has no bound."""
import http.client
import urllib.parse

from harness import *

TOKEN = "a-token-of-the-test-0123456789"
POLICY = ("default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; "
          "form-action 'self'; frame-ancestors 'none'")


class Events:
    """A stream of the page's events, as far as it was read."""

    def __init__(self, test, port, rcvbuf=None):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        test.addCleanup(self.connection.close)
        if rcvbuf:
            self.connection.sock = socket.socket()
            self.connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
            self.connection.sock.settimeout(PATIENCE)
            self.connection.sock.connect(("127.0.0.1", port))
        self.connection.request("GET", "/api/events")
        self.answer = self.connection.getresponse()

    def next(self):
        while line := self.answer.readline():
            if line.startswith(b"data: "):
                return json.loads(line[6:])
        raise EOFError

    def until(self, what, found):
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            if value := found(self.next()):
                return value
        raise AssertionError(f"no event: {what}")


class Live(unittest.TestCase):
    def daemon(self, keys="", head="self_metrics: 0\n", **more):
        self.port = free_port()
        self.d = Daemon(self, self.config(keys, head), start=False, **more)

    def config(self, keys="", head="self_metrics: 0\n"):
        return f"{head}sinks:\n  - {{name: page, plugin: live, listen: '127.0.0.1:{self.port}', flush: 10ms{keys}}}\n"

    def start(self):
        self.d.start()
        self.d.wait_log(f"the page is at http://127.0.0.1:{self.port}/")

    def begin(self, keys="", **more):
        self.daemon(keys, **more)
        self.start()

    def ask(self, path, headers=None, method="GET", body=None):
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            c.request(method, path, body, headers or {})
            answer = c.getresponse()
            answer.text = answer.read().decode()
            return answer
        finally:
            c.close()

    def raw(self, text):
        with socket.create_connection(("127.0.0.1", self.port), PATIENCE) as s:
            s.sendall(text)
            return b"".join(iter(lambda: s.recv(65536), b"")).decode()

    def series(self):
        """name -> series"""
        return {s["n"]: s for s in json.loads(self.ask("/api/series").text)["series"]}

    def points(self, name):
        found = json.loads(self.ask(f"/api/points?i={self.series()[name]['i']}").text)
        return [(found[0]["b"] + t, v) for t, v in zip(found[0]["t"], found[0]["v"])]

    def send(self, *metrics):
        reply = self.d.send("".join(json.dumps(m) for m in metrics))
        self.assertEqual(reply["rejected"], 0, reply)

    def has(self, *names):
        wait_for(f"the page has {names}", lambda: set(names) <= self.series().keys())

    def is_guarded(self, answer):
        self.assertEqual(answer.headers["Content-Security-Policy"], POLICY)
        self.assertEqual(answer.headers["X-Content-Type-Options"], "nosniff")
        self.assertEqual(answer.headers["Referrer-Policy"], "no-referrer")
        self.assertEqual(answer.headers["Cross-Origin-Resource-Policy"], "same-origin")
        self.assertIsNone(answer.headers["Access-Control-Allow-Origin"])

    def test_its_files(self):
        self.begin()
        page = self.ask("/")
        self.is_guarded(page)
        self.assertEqual((page.status, page.headers["Content-Type"]), (200, "text/html; charset=utf-8"))
        self.assertEqual(self.ask("/", {"If-None-Match": page.headers["ETag"]}).status, 304)
        seen, kinds = set(), {"js": "text/javascript; charset=utf-8", "css": "text/css; charset=utf-8", "svg": "image/svg+xml"}
        todo = set(re.findall(r'(?:src|href)="(/[^"]+)"', page.text))
        while path := next(iter(todo - seen), None):
            seen.add(path)
            answer = self.ask(path)
            self.is_guarded(answer)
            self.assertEqual((answer.status, answer.headers["Content-Type"]), (200, kinds[path.rsplit(".", 1)[1]]), path)
            todo |= {"/" + x for x in re.findall(r'from "\./([^"]+)"', answer.text)}
        self.assertLessEqual({"/app.js", "/uplot.js", "/style.css", "/chart.js", "/model.js"}, seen)
        # Nothing that the policy would keep from running, and nothing that makes markup of a text.
        for path in {"/", "/login.html"} | {p for p in seen if p != "/uplot.js"}:
            text = self.ask(path).text
            self.assertNotRegex(text, r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|setAttribute\(.on", path)
            self.assertNotRegex(text, r"<[^>]+\s(style|on\w+)=|<style|<script>|javascript:|https?://(?!www\.w3\.org/2000/svg)", path)
        for path, method, status in (("/nothing", "GET", 404), ("/../../etc/passwd", "GET", 404), ("/", "PUT", 405), ("/", "HEAD", 200)):
            answer = self.ask(path, method=method)
            self.assertEqual(answer.status, status, path)
            self.is_guarded(answer)

    def test_who_may_read_without_a_token(self):
        self.begin()
        for host in ("localhost", f"127.0.0.1:{self.port}", "[::1]:1"):
            self.assertEqual(self.ask("/api/series", {"Host": host}).status, 200, host)
        for host in ("evil.example", f"evil.example:{self.port}", "localhost.evil.example", "testhost", ""):
            for path in ("/", "/api/series", "/api/events", "/app.js"):
                answer = self.ask(path, {"Host": host})
                self.assertEqual(answer.status, 421, host + path)
                self.is_guarded(answer)
        self.assertIn(" 421 ", self.raw(b"GET /api/series HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\nConnection: close\r\n\r\n"))
        self.assertRegex(self.raw(b"GET /api/series HTTP/1.0\r\n\r\n"), "^HTTP/1.[01] 4")
        self.assertEqual(self.ask("/api/series", {"Sec-Fetch-Site": "cross-site"}).status, 403)
        self.assertEqual(self.ask("/api/series", {"Sec-Fetch-Site": "same-origin"}).status, 200)
        self.raw(b"\x16\x03\x01garbage\r\n\r\n")
        self.assertEqual(self.ask("/").status, 200)

    def test_who_may_read_with_a_token(self):
        self.daemon(", token_file: token, hosts: [web01.example]")
        self.d.write("token", TOKEN + "\n", 0o600)
        self.start()
        for path in ("/api/series", "/api/events", "/api/points?i=0", "/app.js", "/index.html"):
            for headers in ({}, {"Authorization": "Bearer " + TOKEN[:-1]}, {"Cookie": "garnet_live=" + TOKEN + "x"}):
                answer = self.ask(path, headers)
                self.assertEqual(answer.status, 401, path)
                self.is_guarded(answer)
        self.assertEqual(self.ask("/api/series", {"Authorization": "Bearer " + TOKEN, "Host": "web01.example"}).status, 200)
        self.assertEqual(self.ask("/api/series", {"Authorization": "Bearer " + TOKEN, "Host": "web02.example"}).status, 421)
        form = self.ask("/")
        self.assertEqual(form.status, 401)
        self.assertIn('<form method="post" action="/login">', form.text)
        wrong = self.ask("/login", method="POST", body="token=nonsense")
        self.assertEqual((wrong.status, wrong.headers["Set-Cookie"]), (401, None))
        self.assertEqual(self.ask("/login", method="POST", body="token=" + "x" * 100000).status, 401)
        self.d.wait_log("had a wrong token")
        good = self.ask("/login", method="POST", body="token=" + urllib.parse.quote_plus(TOKEN))
        self.assertEqual((good.status, good.headers["Location"]), (303, "/"))
        cookie, _, rest = good.headers["Set-Cookie"].partition("; ")
        self.assertLessEqual({"HttpOnly", "SameSite=Strict", "Path=/"}, set(rest.split("; ")))
        self.assertEqual(self.ask("/api/series", {"Cookie": cookie}).status, 200)
        self.assertIn("app.js", self.ask("/", {"Cookie": cookie}).text)
        for headers in ({}, {"Cookie": cookie}):
            link = self.ask("/?token=" + TOKEN, headers)
            self.assertEqual(link.headers["Set-Cookie"], good.headers["Set-Cookie"])
            self.assertIn('http-equiv=refresh content="0;url=/"', link.text)
            self.assertNotIn(TOKEN, link.text)
        self.assertIsNone(self.ask("/?token=wrong").headers["Set-Cookie"])
        self.assertNotIn(TOKEN, self.d.log())
        self.d.write("token", TOKEN + "2\n", 0o600)
        self.d.hup()
        wait_for("the old token is none", lambda: self.ask_or_none("/api/series", {"Cookie": cookie}) == 401)

    def ask_or_none(self, path, headers=None):
        try:
            return self.ask(path, headers).status
        except OSError:
            return None

    def test_only_with_a_token_for_others(self):
        self.daemon()
        self.d.configure(self.config().replace("127.0.0.1", "0.0.0.0"))
        status, _, err = self.d.check()
        self.assertEqual(status, 1)
        self.assertRegex(err, r"listen: 0\.0\.0\.0:\d+ can be reached from other machines, where everybody could read all metrics: set token_file")
        self.d.write("token", TOKEN, 0o600)
        self.d.configure(self.config(", token_file: token").replace("127.0.0.1", "0.0.0.0"))
        self.assertEqual(self.d.check()[0], 0)

    def test_what_comes_shows_at_once_and_after_restarts(self):
        self.begin()
        events = Events(self, self.port)
        hello = events.next()["hello"]
        self.assertEqual((hello["sink"], hello["host"], hello["max"], hello["window"]), ("page", "testhost", 10000, 600000))
        now = int(time.time())
        hostile = {"name": "<b>x</b>\"'&\\", "value": 1, "tags": {"<i>": "</script>", "ü": "☃"}}
        self.send({"name": "a", "value": 1.5, "unit": "B", "time": now - 2}, hostile)
        new = events.until("both series", lambda e: len(e.get("s", [])) == 2 and e)
        first, second = sorted(new["s"], key=lambda s: len(s["n"]))
        self.assertEqual((first["n"], first["u"], first["y"], first["v"], first["t"]), ("a", "B", "gauge", 1.5, (now - 2) * 1000))
        self.assertEqual((second["n"], second["g"]), (hostile["name"], {**hostile["tags"], "host": "testhost"}))
        self.assertIn((now - 2) * 1000, new["p"])
        # Counters are rates, also over their restart.
        for t, v in ((5, 100), (4, 130), (3, 10), (2, 20)):
            self.send({"name": "c", "value": v, "type": "counter", "unit": "B", "time": now - t})
        wait_for("the rates", lambda: self.series().get("c", {}).get("t") == (now - 2) * 1000)
        self.assertEqual(self.series()["c"]["u"], "B/s")
        want = [((now - 4) * 1000, 30), ((now - 3) * 1000, 10), ((now - 2) * 1000, 10)]
        self.assertEqual(self.points("c"), want)
        for end in (lambda: os.kill(self.d.worker("page"), signal.SIGKILL), lambda: (self.d.terminate(), self.d.start())):
            mark = self.d.log_size()
            end()
            wait_for("the page is there again", lambda: self.d.log().count("the page is at", mark) > 0)
            self.has("a", hostile["name"], "c")
            wait_for("the rates, too", lambda: self.points("c") == want)
        with self.assertRaises((EOFError, http.client.HTTPException, OSError)):
            events.until("its end", lambda e: None)

    def test_more_than_max_series(self):
        self.begin(", max_series: 3")
        events = Events(self, self.port)
        self.send(*({"name": f"n{i}", "value": i} for i in range(5)))
        self.d.wait_log("the page has 3 series, which is max_series: metrics of others are left out")
        self.assertEqual(set(self.series()), {"n0", "n1", "n2"})
        status = events.until("it is said", lambda e: e.get("status", {}).get("full") and e["status"])
        self.assertEqual((status["max"], status["left_out"]), (3, 2))
        self.send({"name": "n1", "value": 7, "time": time.time() + 1})
        wait_for("the others go on", lambda: self.series()["n1"]["v"] == 7)
        wait_for("nothing waits, and nothing is dropped", lambda: self.d.verify()["page"].get("confirmed") == 6)

    def test_who_does_not_read_is_cut(self):
        self.begin()
        slow, quick = Events(self, self.port, rcvbuf=4096), Events(self, self.port)
        self.send({"name": "first", "value": 1})
        wait_for("it is there", self.series)
        before = rss_kib(self.d.worker("page"))
        done = []
        read = threading.Thread(target=lambda: done.append(quick.until("the last", lambda e: any(s["n"] == "last" for s in e.get("s", [])))))
        read.start()
        begin = int(time.time()) - 100
        for k in range(20):  # 3 MB of events, three times the ring
            self.d.send("".join('{"name":"n","time":%.2f,"values":{%s}}' % (begin + k + i / 50, ",".join(f'"{j}":{k}{j}{i}.12345' for j in range(200)))
                                for i in range(50)))
        self.send({"name": "last", "value": 1})
        read.join(PATIENCE)
        self.assertEqual(done, [True], "who reads gets all")
        if not SANITIZED:
            self.assertLess(rss_kib(self.d.worker("page")) - before, 12 * 1024)
        with self.assertRaises((EOFError, http.client.HTTPException, OSError)):
            while not any(s["n"] == "last" for s in slow.next().get("s", [])):
                pass

    def test_as_many_pages_as_max_clients(self):
        self.begin(", max_clients: 2")
        one, two = Events(self, self.port), Events(self, self.port)
        self.assertEqual((one.answer.status, two.answer.status), (200, 200))
        refused = self.ask("/api/events")
        self.assertEqual((refused.status, self.ask("/api/series").status), (503, 200))
        self.assertIn("max_clients", refused.text)
        one.connection.close()
        one.answer.close()

        def admitted():
            e = Events(self, self.port)
            e.connection.close()
            return e.answer.status == 200
        wait_for("its place is free again", admitted)

    def test_an_address_in_use(self):
        self.daemon()
        self.d.configure(self.config() + graphite_sink("file", "file:out"))
        with socket.create_server(("127.0.0.1", self.port)):
            self.d.start()
            self.d.wait_log(f"cannot listen at 127.0.0.1:{self.port}: Address already in use: end what serves there, or set another `listen`")
            self.send({"name": "a", "value": 1})
            wait_for("the other sink goes on", lambda: self.d.file_lines("out"))
        self.d.wait_log("the page is at")
        self.has("a")


if __name__ == "__main__":
    main(side_by_side=4)
