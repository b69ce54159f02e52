"""StatsD: a real statsd has what was sent, packets are whole and no longer than they may be, and nothing comes late."""
import statsd
from harness import *

WHY = statsd.fetch()
NEEDED = os.environ.get("GARNET_TEST_COMPLETE") == "1"  # set where a test that is skipped must fail
CONFIG = "self_metrics: 0\nsinks:\n  - {name: s, plugin: statsd, to: '%s', flush: 50ms, path: '{name}.{a}.{b}'%s}\n"


def lines(*metrics):
    return "".join(json.dumps(m) + "\n" for m in metrics)


def gauges(values):
    return [{"name": k, "value": v} for k, v in values]


class Real(unittest.TestCase):
    def setUp(self):
        if WHY and NEEDED:
            self.fail(WHY)
        if WHY:
            self.skipTest(WHY)

    def begin(self, endpoint, more=""):
        d = Daemon(self, "sinks: []\n", start=False)
        real = statsd.Statsd(self, d)
        d.configure(CONFIG % (endpoint(real), more))
        d.start()
        return d, real

    def every_type(self, endpoint):
        d, real = self.begin(endpoint, ", timers: ['*.latency']")
        values = [("up", 10), ("up", -3), ("half", 0.1), ("least", 5e-324), ("most", 1.7976931348623157e308),
                  ("large", 2**64 - 1), ("small", -2**63), ("nil", -0.0), ("a b/c:d|e@f#g;h=i", 1), ("größe", 2),
                  ("late", -1), ("late", -2)]
        counts = [{"name": "c", "value": v, "type": "count"} for v in (3, 4, 0.5, -1)]
        counters = [{"name": "total", "value": v, "type": "counter", "time": int(time.time()) - 3 + i}
                    for i, v in enumerate((100, 130, 190))]
        timers = [{"name": "db.latency", "value": 0.25, "unit": "s"}, {"name": "db.latency", "value": 7}]
        reply = d.send(lines(*gauges(values), *counts, *counters, *timers))
        self.assertEqual(reply["rejected"], 0, reply)
        wait_for("the timers, which came last", lambda: real.ask("timers").get("db.latency") == "[ 250, 7 ]")
        self.assertEqual(real.numbers("gauges"), {
            "up": -3, "half": 0.1, "least": 5e-324, "most": 1.7976931348623157e308, "large": 2.0**64,
            "small": -2.0**63, "nil": 0, "a_b_c_d_e_f_g_h_i": 1, "gr__e": 2, "late": -2})
        self.assertEqual(real.numbers("counters"), {"c": 6.5, "total": 90})
        own = real.ask("counters")
        self.assertEqual(own["statsd.bad_lines_seen"], "0")
        self.assertEqual(int(own["statsd.metrics_received"]), len(values) + 5 + len(counts) + 2 + len(timers))
        self.assertEqual(d.terminate(), 0)
        self.assertTrue(all_settled(d.verify()["s"]))

    def test_udp(self):
        self.every_type(lambda s: f"udp://127.0.0.1:{s.udp}")

    def test_tcp(self):
        self.every_type(lambda s: f"tcp://127.0.0.1:{s.tcp}")

    def test_unix_stream(self):
        self.every_type(lambda s: f"unix://{s.path}")


class Packets(unittest.TestCase):
    """A receiver of datagrams in this process."""

    def receive(self, family, address):
        s = socket.socket(family, socket.SOCK_DGRAM)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        s.settimeout(0.05)
        s.bind(address)
        self.addCleanup(s.close)
        return s

    def collect(self, s, packets, enough):
        deadline = time.monotonic() + PATIENCE
        while not enough(packets):
            self.assertLess(time.monotonic(), deadline, f"{len(packets)} packets, not enough")
            try:
                packets.append(s.recv(1 << 16))
            except TimeoutError:
                pass

    def check(self, packets, most, values):
        """Whole lines, in order, each once; a zero and the negative value that it is for in one packet."""
        got = []
        for p in packets:
            self.assertLessEqual(len(p), most)
            self.assertTrue(p.endswith(b"\n"), p)
            got += (rows := p.decode().split("\n")[:-1])
            for at, row in enumerate(rows):
                name, value = row.removesuffix("|g").split(":")
                if value.startswith("-"):
                    self.assertGreater(at, 0, p)
                    self.assertEqual(rows[at - 1], f"{name}:0|g")
        want = []
        for name, v in values:
            want += [f"{name}:0|g"] if v < 0 else []
            want.append(f"{name}:{v}|g")
        self.assertEqual(got, want)
        least = sum(map(len, packets)) / most
        self.assertLess(len(packets), least * 1.3 + 3, "packets are not filled")

    def packed(self, s, to, most, more=""):
        d = Daemon(self, CONFIG % (to, more))
        values = [(f"m{i}.x" + "x" * (i * 7 % 90), i if i % 3 else -i - 1) for i in range(2000)]
        too_long = {"name": "y" * 240, "value": 1, "tags": {k: "z" * 240 for k in "ab"}}
        packets = []
        sender = threading.Thread(target=d.send, args=(
            lines(*gauges(values[:1000]), too_long, *gauges(values[1000:])),))
        sender.start()
        last = f"{values[-1][0]}:{values[-1][1]}|g\n".encode()
        self.collect(s, packets, lambda p: p and p[-1].endswith(last))
        sender.join(PATIENCE)
        self.check(packets, most, values if most < 800 else
                   values[:1000] + [(f"{'y' * 240}.{'z' * 240}.{'z' * 240}", 1)] + values[1000:])
        self.assertEqual(d.terminate(), 0)
        n = d.verify()["s"]
        self.assertEqual((n["queued"], n.get("rejected", 0)), (0, 1 if most < 800 else 0))

    def test_udp(self):
        s = self.receive(socket.AF_INET, ("127.0.0.1", 0))
        self.packed(s, f"udp://127.0.0.1:{s.getsockname()[1]}", 512, ", max_packet: 512")

    def test_udp_default(self):
        s = self.receive(socket.AF_INET6, ("::1", 0))
        self.packed(s, f"udp://[::1]:{s.getsockname()[1]}", 1432)

    def test_unixgram(self):
        folder = tempfile.mkdtemp(prefix="garnet-")
        self.addCleanup(shutil.rmtree, folder)
        s = self.receive(socket.AF_UNIX, folder + "/s")
        self.packed(s, f"unixgram://{folder}/s", 8192)


class Outages(unittest.TestCase):
    def test_nothing_is_sent_late(self):
        r = Receiver(start=False)
        d = Daemon(self, CONFIG % (f"tcp://127.0.0.1:{r.port}", ", max_age: 2s"))
        now = time.time()
        d.send(lines(*gauges((f"old{i}", i) for i in range(100))))
        wait_for("they are stale", lambda: time.time() > now + 2.5)
        r.start()
        self.addCleanup(r.stop)

        def arrives():
            d.send(lines(*gauges([("new", 1)])))  # those before may be stale when the next attempt comes
            return r.lines()
        wait_for("a metric that is not", arrives)
        self.assertEqual(d.terminate(), 0)
        n = d.verify()["s"]
        wait_for("all that were not", lambda: len(r.lines()) == n["confirmed"])
        self.assertEqual(set(r.lines()), {"new:1|g"})
        self.assertGreaterEqual(n["stale"], 100)
        self.assertEqual((n["queued"], n["dropped"]), (0, n["stale"]))

    def test_a_run_that_takes_long_is_live(self):
        """Its metrics have the time of their slot, which is older than max_age when they come."""
        r = Receiver()
        self.addCleanup(r.stop)
        d = Daemon(self, CONFIG % (f"tcp://127.0.0.1:{r.port}", ", max_age: 1s"), start=False)
        d.script("slow", '#!/bin/sh\nsleep 2\ngarnet emit slow 1 --socket "$1"\n')
        d.collector("slow", "command: [%s]\ninterval: 3s\n" % d.path("slow"))
        d.start()
        wait_for("a metric of it", lambda: "slow:1|g" in r.lines())
        d.send(lines({"name": "old", "value": 1, "time": int(time.time()) - 60}))
        d.wait_log('drops metrics as stale, "old" being the first: its sender says that it is of 6')
        wait_for("it is counted", lambda: d.verify()["s"].get("stale") == 1)

    def graphite(self, to, more=""):
        d = Daemon(self, "sinks: []\n", start=False)
        d.configure("self_metrics: 0\nsinks:\n" + graphite_sink("g", to(d), ", path: '{name}'" + more))
        d.start()
        return d

    def values(self, rows):
        return [int(row.split(" ")[1]) for row in rows]

    def test_a_socket_that_is_not_there(self):
        """Datagrams wait for a receiver, and lose only what one had not read when it ended."""
        d = self.graphite(lambda d: f"unixgram://{d.path('r')}")
        got = []
        d.wait_log("cannot connect: No such file or directory")
        for n in range(3):
            d.send(lines(*gauges([("m", n)])))
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
                s.bind(d.path("r"))
                s.settimeout(PATIENCE)
                got += s.recv(8192).decode().splitlines()
            os.unlink(d.path("r"))
        self.assertEqual(self.values(got), [0, 1, 2])
        self.assertEqual(d.terminate(), 0)
        self.assertTrue(all_settled(d.verify()["g"]))

    def test_a_receiver_that_binds_anew(self):
        """The old socket is still held, by a process that does not read it: what comes now is for the new one."""
        d = self.graphite(lambda d: f"unixgram://{d.path('r')}")
        got = []
        for n in range(3):
            s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            self.addCleanup(s.close)
            if os.path.exists(d.path("r")):
                os.unlink(d.path("r"))
            s.bind(d.path("r"))
            s.settimeout(PATIENCE)
            d.send(lines(*gauges([("m", n)])))
            got += s.recv(8192).decode().splitlines()
        self.assertEqual(self.values(got), [0, 1, 2])

    def test_a_listener_that_binds_anew(self):
        """Likewise, with a connection that nobody reads: what was on it comes again."""
        d = self.graphite(lambda d: f"unix://{d.path('r')}")
        got = []
        for n in range(2):
            l = socket.socket(socket.AF_UNIX)
            self.addCleanup(l.close)
            if os.path.exists(d.path("r")):
                os.unlink(d.path("r"))
            l.bind(d.path("r"))
            l.listen()
            l.settimeout(PATIENCE)
            d.send(lines(*gauges([("m", n)])))
            c, _ = l.accept()
            self.addCleanup(c.close)
            if n == 1:
                threading.Thread(target=lambda: got.extend(c.makefile()), daemon=True).start()
        wait_for("both are there", lambda: set(self.values(got)) == {0, 1})

    def test_a_stream_is_confirmed_and_what_was_unread_comes_again(self):
        d = self.graphite(lambda d: f"unix://{d.path('r')}", ", confirm: {every: 1s}")
        for n in range(3):
            d.send(lines(*gauges([("m", n)])))
            with socket.socket(socket.AF_UNIX) as l:
                l.bind(d.path("r"))
                l.listen()
                l.settimeout(PATIENCE)
                c, _ = l.accept()
                c.close()  # unread
            os.unlink(d.path("r"))
        rows = []
        with socket.socket(socket.AF_UNIX) as l:
            l.bind(d.path("r"))
            l.listen()
            threading.Thread(target=self.reads, args=(l, rows), daemon=True).start()
            wait_for("all three are there", lambda: set(self.values(rows)) == {0, 1, 2})
            wait_for("and confirmed", lambda: all_settled(d.verify()["g"]))
            self.assertEqual(d.terminate(), 0)
            l.shutdown(socket.SHUT_RDWR)

    def reads(self, l, rows):
        def read(c):
            with c, c.makefile() as f:
                for row in f:
                    rows.append(row)
        while True:
            try:
                c, _ = l.accept()
            except OSError:
                return
            threading.Thread(target=read, args=(c,), daemon=True).start()


if __name__ == "__main__":
    main(side_by_side=4)
