"""Through a real carbon-c-relay: what differs in tags is as many series behind it as before it, under the names it came with."""
from urllib.parse import unquote

from harness import *
from peers import found

NAMES = ["a..b", "a.b", "a...b", ".a.b", "..a.b", "a.b.", "a.b..", "..", ".", "a", "a b", "ä", "a;b", "a=b", "a%2E.b", "~a"]
BASE = 1700000000


class Relay(unittest.TestCase):
    def test_series_stay_apart(self):
        program = found("carbon-c-relay")
        if not program:
            self.skipTest("carbon-c-relay is not installed")
        behind, port = Receiver(), free_port()
        self.addCleanup(behind.stop)
        d = Daemon(self, "self_metrics: 0\nsinks:\n" + graphite_sink("main", f"tcp://127.0.0.1:{port}", ", style: tagged"),
                   start=False)
        conf = d.write("relay.conf", f"cluster all forward 127.0.0.1:{behind.port};\nmatch * send to all stop;\n"
                       f"listen type linemode 127.0.0.1:{port} proto tcp;\n")
        relay = subprocess.Popen([program, "-f", conf, "-w", "1"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                 cwd=d.dir)
        self.addCleanup(relay.wait)
        self.addCleanup(relay.kill)
        d.start()
        sent = [{k: v} for n in NAMES for k, v in ((n, "v"), ("k", n))]
        d.send("".join(json.dumps({"name": "n", "value": i, "time": BASE + i, "tags": t}) + "\n"
                       for i, t in enumerate(sent)))

        def got():
            lines = bytes(behind.data).decode().splitlines()
            return lines if len(lines) >= len(sent) else None
        series = {}
        for line in wait_for("all lines", got):
            name, value, _ = line.split(" ")
            tags = dict(tag.split("=", 1) for tag in name.split(";")[1:])
            tags.pop("host")
            series.setdefault(name, []).append({unquote(k): unquote(v) for k, v in tags.items()})
        self.assertEqual(len(series), len(sent))
        self.assertCountEqual([t for ts in series.values() for t in ts], sent)
        d.terminate()


if __name__ == "__main__":
    main()
