"""The paths of examples/paths are those that collectd gives the same numbers: the real one runs beside, with write_graphite."""
import peers
from harness import *

COLLECTD = peers.found("collectd")
OPTIONS = """<Plugin tcpconns>
 AllPortsSummary true
</Plugin>
<Plugin processes>
 CollectFileDescriptor true
 Process "collectd"
</Plugin>
"""
ONCE_SEEN = "pending_operations"  # sent by collectd once there has been one


class PathsOfBefore(unittest.TestCase):
    def collectd(self, d):
        listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listener.close)
        with open(d.path("collectd.out"), "w") as out:
            p = subprocess.Popen(peers.collectd(d.dir, listener.getsockname()[1], ["tcpconns"], OPTIONS), stdout=out, stderr=out,
                                 env=dict(os.environ, GARNET_TEST_DIR=d.dir))
        self.addCleanup(p.wait)
        self.addCleanup(p.kill)
        listener.settimeout(PATIENCE)
        connection, _ = listener.accept()
        self.addCleanup(connection.close)
        return connection

    @unittest.skipIf(not COLLECTD, "there is no collectd")
    def test_collectd_has_them(self):
        d = Daemon(self, "sinks: []\n", start=False)
        lines = self.collectd(d).makefile()
        theirs, rounds = set(), 0
        for line in lines:  # a rate takes it two
            theirs.add(line.split()[0])
            rounds += line.startswith("testhost.load.load.shortterm ")
            if rounds == 4:
                break
        with open(os.path.join(SOURCE, "examples/paths/collectd.yaml")) as f:
            block = "".join("    " + line for line in f if line[0] != "#")
        d.configure("self_metrics: 0\nsinks:\n  - name: paths\n    plugin: graphite\n"
                    f"    to: file://{d.path('lines')}\n" + block)
        d.start()
        for name, *args in (("host", "--per-core", "--states"), ("connections",), ("programs", "--descriptors", "collectd")):
            subprocess.run([os.path.join(BUILD, "collectors", name), *args, d.socket_path], check=False, timeout=PATIENCE)
        self.assertEqual(d.terminate(), 0)
        ours = {line.split()[0] for line in d.file_lines("lines")}
        mapped = [re.compile(re.sub(r"\\{(device|core|program)\\}", ".+", re.escape(t.replace("{host}", "testhost"))) + "$")
                  for t in re.findall(r'^ +\S+: "(\S+)"$', block, re.M)]
        paths = {p for p in ours if any(m.match(p) for m in mapped)}
        self.assertGreater(len(paths), 80)
        for one in ("tcpconns-all.tcp_connections-SYN_RECV", "processes-collectd.ps_count.threads", "processes-collectd.file_handles"):
            self.assertIn("testhost." + one, paths)
        self.assertEqual([p for p in sorted(paths - theirs) if not p.endswith(ONCE_SEEN)], [])


if __name__ == "__main__":
    main()
