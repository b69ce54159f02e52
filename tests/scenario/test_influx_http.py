"""A third party's plugin that carries its batches by libcurl's multi interface (tests/abi/influx_http), built against an
installed prefix alone: what each answer of the peer's comes to, and that nothing acknowledged is lost over kill -9 of the
worker and of the peer, under load."""
from installed import *


class InfluxHttp(Installed, UnderLoad):
    def setUp(self):
        self.needs("libcurl", "libcurl4-openssl-dev")
        if not os.path.exists(self.plugins + "/influx_http.so"):
            self.build("make", "install", cwd=self.make(ABI + "/influx_http", "influx_http"))

    def begin(self, mode, more="", top="self_metrics: 0\n"):
        self.folder = tempfile.mkdtemp(prefix="garnet-influx-")
        self.addCleanup(shutil.rmtree, self.folder)
        self.port = free_port()
        self.set(mode)
        self.start_peer()
        self.addCleanup(lambda: (self.peer.kill(), self.peer.wait()))
        self.d = self.daemon(graphite_sink("own", "file:own", ", path: '{name}.{tags}'") +
                             f"  - {{name: p, plugin: influx_http, url: 'http://127.0.0.1:{self.port}/write', flush: 20ms, "
                             f"drop: garnet.*{more}}}\n", top)

    def start_peer(self):
        self.peer = subprocess.Popen(["/usr/bin/python3", "-B", SOURCE + "/tests/scenario/influx_server.py", str(self.port),
                                      self.folder])
        wait_for("it listens", self.listens)

    def listens(self):
        with socket.socket() as s:
            return s.connect_ex(("127.0.0.1", self.port)) == 0

    def set(self, mode):
        path = os.path.join(self.folder, "mode")
        with open(path + ".new", "w") as f:
            f.write(mode)
        os.rename(path + ".new", path)

    def lines(self, name):
        path = os.path.join(self.folder, name)
        return read(path).splitlines() if os.path.exists(path) else []

    def names(self):
        return [re.split("[ ,]", x, 1)[0] for x in self.lines("lines")]

    def done(self):
        return [x.split(" ")[1] for x in self.lines("requests")]

    def arrives(self, name):
        wait_for(f"{name} is there", lambda: name in self.names())

    def send(self, name):
        self.assertEqual(self.d.send(json.dumps({"name": name, "value": 1}))["accepted"], 1)

    def test_what_garnet_plugin_test_says(self):
        out = self.build("garnet", "plugin", "test", self.plugins + "/influx_http.so", "-o", "url=http://127.0.0.1:1", cwd=self.top)
        self.assertIn("ok   close: ", out)
        r = subprocess.run(["garnet", "plugin", "test", self.plugins + "/influx_http.so", "-o", "url=ftp://x"], env=self.env,
                           stdout=subprocess.PIPE, text=True)
        self.assertIn('url: "ftp://x" must begin with http:// or https://', r.stdout)

    def test_what_it_sends(self):
        self.begin("204", ", token: secret")
        self.d.send('{"name":"a b","value":12.5,"time":1700000000.25,"tags":{"k":"v=1, 2"}}')
        wait_for("it is there", lambda: self.lines("lines") == [
            r"a\ b,host=testhost,k=v\=1\,\ 2 value=12.5 1700000000250000000"])
        wait_for("so is what it came with", lambda: self.lines("requests"))
        self.assertEqual(self.lines("requests")[0].split(" ", 2)[2], "Token secret")

    def test_what_it_refuses(self):
        self.begin("400")
        self.send("refused")
        self.d.wait_log("HTTP 400: field type conflict")
        wait_for("it is counted", lambda: self.d.verify()["p"].get("rejected") == 1)
        self.set("204")
        self.send("taken")
        self.arrives("taken")
        self.assertEqual(self.names(), ["taken"])

    def test_a_pause_that_it_asks_for(self):
        self.begin("429")
        self.send("a")
        wait_for("it is asked", lambda: "429" in self.done())
        self.set("204")
        self.send("b")
        self.arrives("b")
        self.assertNotIn("a", self.names(), "it waits alone")
        self.arrives("a")
        at = [float(x.split(" ")[0]) for x in self.lines("requests")]
        self.assertGreaterEqual(at[-1] - at[0], 2)

    def test_what_fails_comes_again(self):
        self.begin("503", ", timeout: 1s", top="self_metrics: 1s\n")
        for mode in ("503", "drop", "hang"):
            self.set(mode)
            self.send("after." + mode)
            wait_for(f"two end by {mode}", lambda: self.done().count(mode) >= 2)  # libcurl tries once more by itself
            self.set("204")
            self.arrives("after." + mode)

        def own(name):
            return [float(x.split(" ")[1]) for x in self.d.file_lines("own") if x.startswith(f"garnet.sink.plugin.{name}.")]
        self.d.wait_log("HTTP 503: field type conflict")
        wait_for("it has counted that", lambda: own("failed") and own("failed")[-1] >= 3 and own("requests")[-1] >= 6)
        wait_for("none is left", lambda: own("in_flight")[-1] == 0)
        self.peer.kill()
        self.peer.wait()
        before = own("failed")[-1]
        self.send("without.peer")
        wait_for("it finds no peer", lambda: own("failed")[-1] > before)
        self.start_peer()
        self.arrives("without.peer")

    def test_nothing_acknowledged_is_lost(self):
        self.begin("mix")

        def kill_peer():
            self.peer.kill()
            self.peer.wait()
            self.start_peer()
        self.under_load(kill_peer)
        self.assertEqual(set(self.done()) & {"late", "drop", "503"}, {"late", "drop", "503"})

    def test_the_drill(self):
        if not LONG:
            self.skipTest("takes half a minute: with --long")
        self.begin("204")
        out = run(["garnet", "plugin", "test", self.plugins + "/influx_http.so", "-o", f"url=http://127.0.0.1:{self.port}/write",
                   "-o", "timeout=1s", "--deliver", "--received", f"cat {self.folder}/lines", "--break", f"kill -STOP {self.peer.pid}",
                   "--mend", f"kill -CONT {self.peer.pid}"], env=self.env)
        self.assertIn("ok   deliver: nothing is lost", out)


if __name__ == "__main__":
    main(side_by_side=4)
