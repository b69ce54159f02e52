"""A real carbon-cache receives several collectors: every expected point is in its whisper files, none elsewhere."""
import glob
import time

from harness import *

import whisper  # Debian's python3-whisper, which graphite-carbon brings

SCRIPT = '''#!/usr/bin/python3
import json, socket, sys, time
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[-1])
s.sendall(json.dumps({"name": "probe", "values": {"a": %(n)d, "b": 0.1}, "tags": {"unit no": "%(n)d/x"}}).encode())
'''


class Carbon(unittest.TestCase):
    def carbon(self, d):
        port = free_port()
        os.makedirs(d.path("carbon/conf"))
        d.write("carbon/conf/carbon.conf",
                "[cache]\nSTORAGE_DIR = %s\nCONF_DIR = %s\nLOG_DIR = %s\nPID_DIR = %s\nLOCAL_DATA_DIR = %s\n"
                "LINE_RECEIVER_INTERFACE = 127.0.0.1\nLINE_RECEIVER_PORT = %d\nPICKLE_RECEIVER_PORT = 0\n"
                "CACHE_QUERY_PORT = 0\nMAX_CREATES_PER_MINUTE = inf\nMAX_UPDATES_PER_SECOND = inf\n"
                "ENABLE_TAGS = False\nCARBON_METRIC_INTERVAL = 0\nMAX_CACHE_SIZE = inf\nUSER =\n"
                % (d.path("carbon"), d.path("carbon/conf"), d.path("carbon/log"), d.path("carbon"),
                   d.path("carbon/whisper"), port))
        d.write("carbon/conf/storage-schemas.conf", "[all]\npattern = .*\nretentions = 1s:10m\n")
        p = subprocess.Popen(["/usr/bin/carbon-cache", "--nodaemon", "--config", d.path("carbon/conf/carbon.conf"),
                              "--logdir", d.path("carbon/log"), "start"], stdout=subprocess.DEVNULL,
                             stderr=subprocess.STDOUT, env=dict(os.environ, GARNET_TEST_DIR=d.dir))
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

    def test_thirty_seconds(self):
        d = Daemon(self, "sinks: []\n", start=False)
        port = self.carbon(d)
        d.configure("self_metrics: 0\nsinks:\n" + graphite_sink("carbon", f"tcp://127.0.0.1:{port}"))
        for n in range(5):
            d.script(f"probe{n}", SCRIPT % {"n": n})
            d.collector(f"probe{n}", f"command: [{d.path(f'probe{n}')}]\ninterval: 1s\n")
        began = time.time()
        d.start()
        wait_for("thirty seconds of runs", lambda: time.time() - began > 31, 40)
        self.assertEqual(d.terminate(), 0)
        ended = int(time.time())
        expected = {f"testhost/probe/{v}/{n}_x.wsp": value for n in range(5) for v, value in
                    (("a", n), ("b", 0.1))}

        def points(name):
            try:
                (start, end, step), values = whisper.fetch(d.path("carbon/whisper/" + name), int(began) - 1, ended)
            except OSError:
                return {}
            return {start + i * step: v for i, v in enumerate(values) if v is not None}
        for name, value in expected.items():
            wait_for(f"points in {name}", lambda n=name: len(points(n)) >= 29)
            got = points(name)
            times = sorted(got)
            self.assertEqual(times, list(range(times[0], times[0] + len(times))), name)
            self.assertEqual(set(got.values()), {value}, name)
        found = {os.path.relpath(f, d.path("carbon/whisper"))
                 for f in glob.glob(d.path("carbon/whisper/**/*.wsp"), recursive=True)}
        self.assertEqual({f for f in found if not f.startswith("carbon/")}, set(expected))


if __name__ == "__main__":
    main()
