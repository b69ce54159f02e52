"""The paths of examples/paths are those that collectd gives the same numbers: the real one runs beside, with write_graphite."""
import peers
from harness import *

COLLECTD = peers.found("collectd")
PLUGINS = "cpu load memory swap vmem contextswitch processes interface disk protocols uptime conntrack tcpconns".split()
ONCE_SEEN = "pending_operations"  # sent by collectd once there has been one


class PathsOfBefore(unittest.TestCase):
    def paths(self, file):
        """{pattern: template}, as the page has it."""
        with open(os.path.join(SOURCE, "examples/paths", file)) as f:
            return dict(re.findall(r'^  (\S+): "(\S+)"$', f.read(), re.M))

    def collectd(self, d):
        listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listener.close)
        d.write("collectd.conf", f'BaseDir "{d.dir}"\nPIDFile "{d.path("pid")}"\nHostname "testhost"\nFQDNLookup false\nInterval 1\n'
                f'PluginDir "{peers.installed("/usr/lib/collectd")}"\nTypesDB "{peers.installed("/usr/share/collectd/types.db")}"\n'
                + "".join(f"LoadPlugin {p}\n" for p in [*PLUGINS, "write_graphite"]) +
                '<Plugin protocols>\n Value "/./"\n IgnoreSelected false\n</Plugin>\n<Plugin vmem>\n Verbose true\n</Plugin>\n'
                '<Plugin tcpconns>\n AllPortsSummary true\n</Plugin>\n'
                '<Plugin processes>\n CollectFileDescriptor true\n Process "collectd"\n</Plugin>\n'
                f'<Plugin write_graphite>\n <Node "main">\n  Host "127.0.0.1"\n  Port "{listener.getsockname()[1]}"\n'
                '  Protocol "tcp"\n  StoreRates true\n </Node>\n</Plugin>\n')
        with open(d.path("collectd.out"), "w") as out:
            p = subprocess.Popen([COLLECTD, "-f", "-C", d.path("collectd.conf")], stdout=out, stderr=out,
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
                  for t in self.paths("collectd.yaml").values()]
        paths = {p for p in ours if any(m.match(p) for m in mapped)}
        self.assertGreater(len(paths), 80)
        for one in ("tcpconns-all.tcp_connections-SYN_RECV", "processes-collectd.ps_count.threads", "processes-collectd.file_handles"):
            self.assertIn("testhost." + one, paths)
        self.assertEqual([p for p in sorted(paths - theirs) if not p.endswith(ONCE_SEEN)], [])


if __name__ == "__main__":
    main()
