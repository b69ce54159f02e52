"""Scripts and exporters as Debian has them, and as people write them for others, run unmodified under one garnetd.

What arrives is compared with what each prints by hand: nothing is missing, nothing is rejected, and no run has failed.
"""
import http.server

import peers
from harness import *

NAGIOS = peers.installed("/usr/lib/nagios/plugins")
MUNIN = peers.installed("/usr/share/munin")
PERL = peers.installed("/usr/share/perl5")
GARNET = os.path.join(BUILD, "garnet")
PS = os.path.exists("/bin/ps")  # by that path, in some of them
SINK = "self_metrics: 0\nsinks:\n" + graphite_sink("main", "file:out.txt", ", path: '{host}.{collector}.{name}.{tags}'")

# The example of collectd-exec(5), what its users begin with; Telegraf's of inputs.exec and inputs.execd; Diamond's user script.
PUTVAL = """#!/bin/bash
HOSTNAME="${COLLECTD_HOSTNAME:-localhost}"
INTERVAL="${COLLECTD_INTERVAL:-60}"
while sleep "$INTERVAL"; do
    echo "PUTVAL \\"$HOSTNAME/exec-magic/gauge-magic_level\\" interval=$INTERVAL N:42"
done
"""
EXEC = "#!/bin/sh\necho 'example,tag1=a,tag2=b i=42i,j=43i,k=44i'\n"
EXECD = "#!/bin/sh\nwhile :; do echo \"counter_bash count=$((n += 1))\"; sleep 1; done\n"
DIAMOND = "#!/bin/sh\necho example.1 42\necho example.2 24 $(date +%s)\necho 'example.3 24.5'\n"


def own(names):
    """Without the file systems that other tests mount for a moment."""
    return {n for n in names if not re.search("garnet|loop", n)}


class Silent(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


class Unmodified(unittest.TestCase):
    def daemon(self, collectors):
        """{name: (format, argv, more)}"""
        self.d = Daemon(self, SINK, start=False, collectors={
            name: f"command: {json.dumps(argv)}\noutput: {output}\ninterval: 5s\n{more or 'timeout: 20s'}\n"
            for name, (output, argv, more) in collectors.items()})
        self.d.start()

    def ran(self, name):
        """The names that it has sent, once a run has ended well."""
        wait_for(f"{name} has run", lambda: "last_run" in self.d.collectors()[name], 60)
        run = self.d.collectors()[name]["last_run"]
        self.assertEqual((run["outcome"], run["rejected"]), ("ok", 0), f"{name}: {run}\n{self.d.log()}")
        return self.names(name, 1)

    def names(self, name, least):
        def look():
            before = f"testhost.{name}."
            return {line.split(" ")[0].removeprefix(before) for line in self.d.file_lines("out.txt") if line.startswith(before)}
        wait_for(f"{name} sends {least}", lambda: len(look()) >= least)
        return look()

    @unittest.skipIf(not os.path.exists(NAGIOS), "there are no Nagios plugins")
    def test_nagios(self):
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Silent)
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        port = str(server.server_port)
        plugins = {  # and the labels that they give
            "load": (["check_load", "-w", "0,0,0", "-c", "1000,1000,1000"], {"load1", "load5", "load15"}),
            "disk": (["check_disk", "-w", "1%", "-c", "1%", "-p", "/"], {"_"}),
            "swap": (["check_swap", "-w", "1%", "-c", "1%", "-n", "ok"], {"swap"}),
            "users": (["check_users", "-w", "1000", "-c", "1000"], {"users"}),
            "procs": (["check_procs", "-w", "1:100000"], {"procs"}),
            "tcp": (["check_tcp", "-H", "127.0.0.1", "-p", port], {"time"}),
            "http": (["check_http", "-H", "127.0.0.1", "-p", port], {"time", "size"}),
            "age": (["check_file_age", "-f", os.path.abspath(__file__), "-w", "1", "-c", "0"], {"age", "size"}),
            "nobody": (["check_tcp", "-H", "127.0.0.1", "-p", str(free_port())], set()),
        }
        if not PS:
            del plugins["procs"]
        self.daemon({name: ("nagios", [f"{NAGIOS}/{argv[0]}", *argv[1:]], "") for name, (argv, _) in plugins.items()})
        for name, (_, labels) in plugins.items():
            self.assertEqual(self.ran(name), {"status", *labels}, name)
        self.assertEqual(self.d.collectors()["nobody"]["last_run"]["exit_status"], 2)

    @unittest.skipIf(not os.path.exists(MUNIN + "/plugins/load"), "there are no plugins for Munin")
    def test_munin(self):
        folder = tempfile.mkdtemp(prefix="garnet-")
        self.addCleanup(shutil.rmtree, folder)
        os.symlink(f"{MUNIN}/plugins/if_", f"{folder}/if_lo")
        env = {"MUNIN_LIBDIR": MUNIN, "PERL5LIB": PERL, "MUNIN_PLUGSTATE": folder, "MUNIN_STATEFILE": f"{folder}/diskstats"}
        plugins = {name: f"{MUNIN}/plugins/{name}" for name in
                   "load cpu memory df df_inode uptime forks interrupts swap vmstat open_files open_inodes diskstats".split()
                   + ["processes", "threads"] * PS}
        plugins["if_lo"] = f"{folder}/if_lo"
        more = f"env: {json.dumps(env)}\ntimeout: 20s"
        self.daemon({name: ("munin", ["/bin/sh", "-c", f"{path} config; exec {path}"], more) for name, path in plugins.items()})
        for name, path in plugins.items():
            self.ran(name)
            wait_for(f"{name} sends what it prints",
                     lambda n=name, p=path: own(self.names(n, 1)) == own(self.fields(p, env)) != set(), 60)

    def fields(self, path, env):
        """What this plugin of Munin's prints by hand, by the names that it has here."""
        env = {**os.environ, **env, "MUNIN_CAP_MULTIGRAPH": "1"}
        by_hand = subprocess.run([path], capture_output=True, text=True, timeout=PATIENCE, env=env)
        names, graph = set(), ""
        for line in by_hand.stdout.splitlines():
            if m := re.match(r"multigraph (\S+)$", line):
                graph = m[1] + "."
            elif m := re.match(r"(\w+)\.value +-?[0-9.]+(?:e[-+]\d+)?$", line):
                names.add(graph + m[1])
        self.assertGreater(len(names), 0, f"{path}: {by_hand.stdout}{by_hand.stderr}")
        return names

    def test_exporters(self):
        exporters = {name: peers.found(program) for name, program in
                     (("node", "prometheus-node-exporter"), ("process", "prometheus-process-exporter"))}
        ports = {name: free_port() for name, program in exporters.items() if program}
        if not ports:
            self.skipTest("there is no exporter")
        collectors = {}
        for name, port in ports.items():
            more = ["-procnames", "systemd,init,python3,garnetd"] if name == "process" else []
            p = subprocess.Popen([exporters[name], f"--web.listen-address=127.0.0.1:{port}", *more], stdout=subprocess.DEVNULL,
                                 stderr=subprocess.DEVNULL)
            self.addCleanup(p.wait)
            self.addCleanup(p.kill)
            collectors[name] = ("prometheus", [GARNET, "scrape", f"http://127.0.0.1:{port}/metrics"], "")
        for port in ports.values():
            wait_for("it listens", lambda p=port: peers.listens("127.0.0.1", p))
        self.daemon(collectors)
        for name, port in ports.items():
            names = self.ran(name)
            text = subprocess.run(collectors[name][1], capture_output=True, text=True, timeout=PATIENCE).stdout
            samples = {re.match(r"[\w:]+", line)[0] for line in text.splitlines() if line[:1].isalpha() and not line.endswith((" NaN", "Inf"))}
            self.assertGreater(len(samples), 50)
            self.assertEqual(samples - {n.split(".")[0] for n in names}, set())

    def test_as_people_write_them(self):
        scripts = {"collectd": PUTVAL, "exec": EXEC, "execd": EXECD, "diamond": DIAMOND}
        folder = tempfile.mkdtemp(prefix="garnet-")
        self.addCleanup(shutil.rmtree, folder)
        for name, text in scripts.items():
            with open(f"{folder}/{name}", "w") as f:
                f.write(text)
            os.chmod(f.name, 0o755)
        self.daemon({"collectd": ("putval", [f"{folder}/collectd"], "mode: daemon"), "exec": ("influx", [f"{folder}/exec"], ""),
                     "execd": ("influx", [f"{folder}/execd"], "mode: daemon"), "diamond": ("lines", [f"{folder}/diamond"], "")})
        self.assertEqual(self.ran("exec"), {f"example.{k}.a.b" for k in "ijk"})
        self.assertEqual(self.ran("diamond"), {f"example.{i}" for i in (1, 2, 3)})
        self.assertEqual(self.names("execd", 1), {"counter_bash.count"})
        self.assertEqual(self.names("collectd", 1), {"exec.gauge.magic.magic_level"})


if __name__ == "__main__":
    main(4)
