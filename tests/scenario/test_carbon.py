"""A real carbon-cache receives several collectors, and tags: every expected point is in its whisper files, none
elsewhere."""
import glob
import time
from urllib.parse import unquote

from harness import *
from peers import ENVIRONMENT, found

try:
    import whisper  # Debian's python3-whisper
    from carbon.util import TaggedSeries  # and graphite-carbon
    MISSING = None
except ImportError as e:
    MISSING = str(e)

SECONDS = 30 if LONG else 6

SCRIPT = '''#!/usr/bin/python3
import json, socket, sys, time
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[-1])
s.sendall(json.dumps({"name": "probe", "values": {"a": %(n)d, "b": 0.1}, "tags": {"unit no": "%(n)d/x"}}).encode())
'''


# As names, keys and values; dots, blanks of Unicode, and what means something to carbon.
HOSTILE = ["a;b", "a;b=c", "a=b", "=", "~a", "~", "a~", "!", "a!b", "^", "a b", " ", "%", "%20", "a%3Bb", '"', 'a"}',
           '{a="b"}', "'", "\\", "/", "../..", "/etc/passwd", "..", ".", "a..b", ".a", "a.", "10.0.0.1", "*?[0]", "(a,b)",
           "größe", "温度", "😀", "a\u00a0b", "a\u2028b", "a\u200bb", "name", "_name", "host ", "k2", "k", "k-", "K", "-1",
           "#", "x" * 240]


def hostile_metrics(now):
    """(name, tags, value, time) of metrics no two of which are one series."""
    shapes = [("n", {})] + [(h, {"k": "v"}) for h in HOSTILE] + [("n", {h: "v"}) for h in HOSTILE]
    shapes += [("n", {"v": h}) for h in HOSTILE] + [("all", {h: h for h in HOSTILE})]
    return [(name, dict(tags, host="testhost"), i + 0.5, now - i % 60) for i, (name, tags) in enumerate(shapes)]


def tagged_file(path):
    return TaggedSeries.encode(path, "/", hash_only=True) + ".wsp"


class Carbon(unittest.TestCase):
    def setUp(self):
        if MISSING or not found("carbon-cache"):
            self.skipTest(f"graphite-carbon is not there: {MISSING or 'no carbon-cache'}")

    def carbon(self, d):
        port = free_port()
        os.makedirs(d.path("carbon/conf"))
        d.write("carbon/conf/carbon.conf",
                "[cache]\nSTORAGE_DIR = %s\nCONF_DIR = %s\nLOG_DIR = %s\nPID_DIR = %s\nLOCAL_DATA_DIR = %s\n"
                "LINE_RECEIVER_INTERFACE = 127.0.0.1\nLINE_RECEIVER_PORT = %d\nPICKLE_RECEIVER_PORT = 0\n"
                "CACHE_QUERY_PORT = 0\nMAX_CREATES_PER_MINUTE = inf\nMAX_UPDATES_PER_SECOND = inf\n"
                "ENABLE_TAGS = False\nLOG_CREATES = True\nCARBON_METRIC_INTERVAL = 0\nMAX_CACHE_SIZE = inf\nUSER =\n"
                % (d.path("carbon"), d.path("carbon/conf"), d.path("carbon/log"), d.path("carbon"),
                   d.path("carbon/whisper"), port))
        d.write("carbon/conf/storage-schemas.conf", "[all]\npattern = .*\nretentions = 1s:10m\n")
        log = open(d.path("carbon/out"), "wb")
        self.addCleanup(log.close)
        p = subprocess.Popen(["/usr/bin/python3", found("carbon-cache"), "--nodaemon", "--config",
                              d.path("carbon/conf/carbon.conf"), "--logdir", d.path("carbon/log"), "start"], stdout=log,
                             stderr=subprocess.STDOUT, env=dict(os.environ, GARNET_TEST_DIR=d.dir, **ENVIRONMENT))
        self.addCleanup(p.wait)
        self.addCleanup(p.kill)

        def listening():
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                return True
            except OSError:
                self.assertIsNone(p.poll(), "carbon-cache has ended")
                return False
        wait_for("carbon-cache listens", listening, 60)
        return port

    def points(self, d, name, began):
        """time -> value in one whisper file."""
        try:
            file = d.path("carbon/whisper/" + name)
            (start, end, step), values = whisper.fetch(file, int(began) - 1, int(time.time()))
        except OSError:
            return {}
        return {start + i * step: v for i, v in enumerate(values) if v is not None}

    def files(self, d):
        found = glob.glob(d.path("carbon/whisper/**/*.wsp"), recursive=True)
        return {f for f in (os.path.relpath(f, d.path("carbon/whisper")) for f in found) if not f.startswith("carbon/")}

    def test_every_second(self):
        d = Daemon(self, "sinks: []\n", start=False)
        port = self.carbon(d)
        d.configure("self_metrics: 0\nsinks:\n" + graphite_sink("carbon", f"tcp://127.0.0.1:{port}"))
        for n in range(5):
            d.script(f"probe{n}", SCRIPT % {"n": n})
            d.collector(f"probe{n}", f"command: [{d.path(f'probe{n}')}]\ninterval: 1s\ntimeout: 30s\n")
        began = time.time()
        d.start()
        wait_for("seconds of runs", lambda: time.time() - began > SECONDS + 1, 60)
        self.assertEqual(d.terminate(), 0)
        expected = {f"testhost/probe/{v}/{n}_x.wsp": value for n in range(5) for v, value in
                    (("a", n), ("b", 0.1))}
        for name, value in expected.items():
            # On a slow machine a run may last a second and more: then the next is missed, and told.
            told = re.findall(rf"collector probe{name.split('/')[3][0]}: missed (?:(\d+) more|the) run", d.log())
            missed = sum(int(more or 1) for more in told)
            wait_for(f"points in {name}", lambda n=name, m=missed: len(self.points(d, n, began)) >= SECONDS - 1 - m)
            got = self.points(d, name, began)
            self.assertLessEqual(max(got) - min(got) + 1 - len(got), missed, name)
            self.assertEqual(set(got.values()), {value}, name)
        self.assertEqual(self.files(d), set(expected))

    def stored(self, d):
        """The series that carbon has made files of, as it calls them; its own left out."""
        with open(d.path("carbon/out")) as f:
            return [p for p in re.findall(r"new metric (.*) matched schema", f.read()) if not p.startswith("carbon.")]

    def identities(self, paths):
        """(name, tags) -> path, as carbon reads them, with what the plugin has escaped undone."""
        out = {}
        for path in paths:
            series = TaggedSeries.parse(path)
            self.assertEqual(series.path, path)
            tags = {k: v for k, v in series.tags.items() if k != "name"}
            out[unquote(series.metric), frozenset((unquote(k), unquote(v)) for k, v in tags.items())] = path
        return out

    def test_tagged(self):
        d = Daemon(self, "sinks: []\n", start=False)
        port = self.carbon(d)
        d.configure("self_metrics: 0\nintake: {max_tags: 64}\nsinks:\n" +
                    graphite_sink("carbon", f"tcp://127.0.0.1:{port}", ", style: tagged") +
                    graphite_sink("lines", f"file://{d.path('lines')}", ", style: tagged"))
        d.start()
        now = int(time.time())
        metrics = hostile_metrics(now)
        text = "".join(json.dumps({"name": n, "tags": t, "value": v, "time": at}) + "\n" for n, t, v, at in metrics)
        text += json.dumps({"name": "long", "value": 1, "tags": {f"k{i}": "v" * 250 for i in range(20)}}) + "\n"
        self.assertEqual(d.send(text)["errors"], [])
        wait_for("carbon has made all files", lambda: len(self.stored(d)) >= len(metrics))
        wait_for("all lines", lambda: len(d.file_lines("lines")) >= len(metrics))
        self.assertEqual(d.terminate(), 0)
        self.assertEqual(d.verify()["carbon"]["dropped"], 1)  # the long one
        self.assertEqual(sorted(line.split()[0] for line in d.file_lines("lines")),
                         sorted(self.stored(d)))  # in carbon's order on the wire already
        paths = self.identities(self.stored(d))
        self.assertEqual(set(paths), {(n, frozenset(t.items())) for n, t, _, _ in metrics})
        files = set()
        for name, tags, value, at in metrics:
            path = paths[name, frozenset(tags.items())]
            file = tagged_file(path)
            wait_for(f"the point of {path}", lambda f=file: self.points(d, f, now - 100))
            self.assertEqual(self.points(d, file, now - 100), {at: value}, path)
            files.add(file)
        self.assertEqual(self.files(d), files)
        with open(d.path("carbon/out")) as f:
            self.assertNotRegex(f.read(), "Error|invalid line")
        with socket.create_connection(("127.0.0.1", port)) as s:  # what Garnet must not send, and how it would look
            s.sendall(b"n;k=~v 1 %d\n" % now)
        wait_for("a garbage series", lambda: self.files(d) == files | {tagged_file("n;k=~v")})


if __name__ == "__main__":
    main()
