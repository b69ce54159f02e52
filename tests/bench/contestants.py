"""Who is compared, each with the configuration and the text that is right for it: Garnet, its peers, a bare copy loop.

Each is started in a folder of its own, takes lines at `to`, and sends what it makes of them to the receiver. Peers
are Debian's packages, unpacked and not installed (tests/scenario/peers.py says where), or what is on the machine.
"""
import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import tempfile

from harness import BUILD, PATIENCE, SOURCE, free_port, wait_for
from load import PROGRAMS, died_with_us, family
from peers import ENVIRONMENT, found, installed, listens, UNPACKED


def takes(path):
    """Whether somebody listens at a Unix socket."""
    with socket.socket(socket.AF_UNIX) as s:
        return s.connect_ex(path) == 0


class Contestant:
    name = text = fed = ""  # fed: what with, and why; for the table
    package = None  # Debian's
    copies = 1  # lines that come of each
    counts = False  # it says itself how many lines it has taken; else the receiver counts

    def __init__(self, folder, tally, flat_out=True):
        self.dir, self.tally, self.process = tempfile.mkdtemp(dir=folder), tally, None
        self.to = os.path.join(self.dir, "socket")

    @classmethod
    def missing(cls):
        """Why it is not here, if so."""
        return None if found(cls.program) else f"no {cls.program} was found"

    @classmethod
    def version(cls):
        return ""

    def path(self, name):
        return os.path.join(self.dir, name)

    def write(self, name, text):
        with open(self.path(name), "w") as f:
            f.write(text)
        return self.path(name)

    def argv(self):
        raise NotImplementedError

    def listening(self):
        return listens("127.0.0.1", int(self.to)) if self.to.isdigit() else takes(self.to)

    def start(self):
        with open(self.path("log"), "ab") as log:
            self.process = subprocess.Popen(
                died_with_us(self.argv()), stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.dir,
                env=dict(os.environ, GARNET_TEST_DIR=self.dir, **ENVIRONMENT), start_new_session=True)

        def ready():
            if self.process.poll() is not None:
                raise AssertionError(f"{self.name} ended: {self.log()}")
            return self.listening()
        wait_for(f"{self.name} listens", ready)
        return self

    def log(self):
        with open(self.path("log"), errors="replace") as f:
            return f.read()[-500:]

    def nudge(self):
        """Called while the receiver waits for what is missing."""

    def taken(self):
        """Lines so far, of one that counts itself."""
        return 0

    def end(self):
        """Of peers without ado: nothing of theirs is needed again, and some take seconds."""
        if self.process:
            self.process.kill()
            self.process.wait()

    def stop(self):
        self.end()
        shutil.rmtree(self.dir, ignore_errors=True)


class Garnet(Contestant):
    name, text = "Garnet", "JSON"
    fed = ("JSON objects on its Unix socket; Graphite over TCP from its plugin. Every metric goes through the spool, "
           "whose size is raised, as are the limits of a user; all else is as it comes")

    def __init__(self, folder, tally, flat_out=True, sinks=1, port=None, self_metrics="0", collector=False):
        super().__init__(folder, tally)
        self.copies = sinks
        os.mkdir(self.path("collectors.d"))
        if collector:
            os.chmod(self.write("stays", "#!/bin/sh\nexec sleep 1000\n"), 0o755)
            self.write("collectors.d/stays.yaml", f"command: [{self.path('stays')}]\nmode: daemon\n")
        # One user here sends as much as many do elsewhere, and what is queued is to fit; all else is as it comes.
        self.write("garnet.yaml", "socket: {path: run/socket}\nhost: web01\n"
                   f"spool: {{dir: spool, max_size: 16GiB}}\nplugin_path: [{BUILD}/plugins]\n"
                   "intake: {max_connections: 20000, max_connections_per_user: 20000, "
                   "per_user: {metrics: 0, bytes: 0, series: 0}}\n"
                   f"self_metrics: {self_metrics}\nshutdown_timeout: 2s\nsinks:\n" + "".join(
                       f"  - {{name: s{i}, plugin: graphite, to: 'tcp://127.0.0.1:{port or tally.port}'}}\n"
                       for i in range(sinks)))
        self.to = self.path("run/socket")

    @classmethod
    def missing(cls):
        return None

    @classmethod
    def version(cls):
        git = subprocess.run(["git", "-C", SOURCE, "describe", "--always", "--dirty"], capture_output=True, text=True)
        own = subprocess.run([BUILD + "/garnetd", "--version"], capture_output=True, text=True).stdout.split()[-1]
        return f"{own} {git.stdout.strip()}".strip()

    def argv(self):
        return [BUILD + "/garnetd", "-c", self.path("garnet.yaml")]

    def end(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(PATIENCE)
        super().end()

    def listening(self):
        return takes(self.to) and list(family(self.process.pid).values()).count("garnet-sink") >= self.copies


class Collectd(Contestant):
    name, text, package, program = "collectd", "PUTVAL", "collectd-core", "collectd"
    fed = ("`PUTVAL` lines, one a metric, on the socket of its `unixsock` plugin; Graphite over TCP from "
           "`write_graphite`. It has no JSON input, and no tags: they are in the identifier. The time is `N` (now), "
           "since it wants each newer than the last of its series. Replies are read as they come. It sends only whole "
           "buffers, so it is told to `FLUSH` at the end")

    @classmethod
    def version(cls):
        out = subprocess.run([found("collectd"), "-h"], capture_output=True, text=True).stdout
        return re.search(r"collectd (\d+[.\d]*\d)", out)[1]

    def argv(self):
        conf = self.write("conf", f'BaseDir "{self.dir}"\nPIDFile "{self.path("pid")}"\nHostname "web01"\n'
                          f'FQDNLookup false\nPluginDir "{installed("/usr/lib/collectd")}"\n'
                          f'TypesDB "{installed("/usr/share/collectd/types.db")}"\nInterval 10\n'
                          "LoadPlugin unixsock\nLoadPlugin write_graphite\n"
                          f'<Plugin unixsock>\n SocketFile "{self.to}"\n</Plugin>\n<Plugin write_graphite>\n'
                          f' <Node "main">\n  Host "127.0.0.1"\n  Port "{self.tally.port}"\n  Protocol "tcp"\n'
                          "  StoreRates false\n </Node>\n</Plugin>\n")
        return [found("collectd"), "-f", "-C", conf]

    def nudge(self):
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(PATIENCE)
            s.connect(self.to)
            s.sendall(b"FLUSH\n")
            s.recv(1000)


class CarbonRelay(Contestant):
    name, text, package, program = "carbon-c-relay", "Graphite", "carbon-c-relay", "carbon-c-relay"
    fed = ("Graphite lines over TCP, which it passes on as lines: no JSON, no tags to place, nothing on the disk. Flat "
           "out, its queue (`-q`) is a million long, since it drops what does not fit")

    def __init__(self, folder, tally, flat_out=True):
        super().__init__(folder, tally)
        self.to, self.queue = str(free_port()), 1_000_000 if flat_out else 25_000  # its default

    @classmethod
    def version(cls):
        out = subprocess.run([found(cls.program), "-v"], capture_output=True, text=True).stdout
        return re.search(r"v(\d[.\d]*)", out)[1]

    def argv(self):
        conf = self.write("conf", f"cluster all forward 127.0.0.1:{self.tally.port};\nmatch * send to all stop;\n"
                          "statistics submit every 3600 seconds;\n"
                          f"listen type linemode 127.0.0.1:{self.to} proto tcp;\n")
        return [found(self.program), "-f", conf, "-q", str(self.queue)]


class FluentBit(Contestant):
    name, text, program = "Fluent Bit", "JSON", "fluent-bit"
    fed = ("the same JSON objects over TCP; out they go as JSON lines over TCP, since it has no Graphite output. It "
           "keeps them in memory, as by default, and tries again for ever, so that nothing is lost")

    def __init__(self, folder, tally, flat_out=True):
        super().__init__(folder, tally)
        self.to = str(free_port())

    @classmethod
    def version(cls):
        out = subprocess.run([found(cls.program), "--version"], capture_output=True, text=True).stdout
        return re.search(r"v?(\d+\.\d[.\d]*)", out)[1]

    def argv(self):
        return [found(self.program), "-c", self.write(
            "conf", "[SERVICE]\n    flush 1\n    log_level error\n"
            f"[INPUT]\n    name tcp\n    listen 127.0.0.1\n    port {self.to}\n    format json\n"
            "    chunk_size 64\n    buffer_size 1024\n"
            f"[OUTPUT]\n    name tcp\n    match *\n    host 127.0.0.1\n    port {self.tally.port}\n"
            "    format json_lines\n    retry_limit no_limits\n")]


class StatsD(Contestant):
    name, text, counts = "statsd", "StatsD", True
    fed = ("its own text, counters `name:1|c`, over TCP. It adds up, and sends the sums at each flush, which is put "
           "off here so that its count can be read: its speed is that of taking them in alone")

    def __init__(self, folder, tally, flat_out=True):
        super().__init__(folder, tally)
        self.to, self.admin = str(free_port()), free_port()

    @staticmethod
    def folder():
        """Where npm has put it: `npm install --prefix build/peers --ignore-scripts statsd`, or for all users."""
        for base in (UNPACKED + "/node_modules", "/usr/local/lib/node_modules", "/usr/lib/node_modules"):
            if os.path.exists(base + "/statsd/stats.js"):
                return base + "/statsd"
        return None

    @classmethod
    def missing(cls):
        if not found("node"):
            return "no node was found"
        return None if cls.folder() else "none was found (npm install --prefix build/peers --ignore-scripts statsd)"

    @classmethod
    def version(cls):
        with open(cls.folder() + "/package.json") as f:
            node = subprocess.run([found("node"), "--version"], capture_output=True, text=True).stdout.strip()
            return f"{json.load(f)['version']} (node {node})"

    def argv(self):
        conf = self.write("conf.js", json.dumps({
            "servers": [{"server": "./servers/tcp", "address": "127.0.0.1", "port": int(self.to)}],
            "mgmt_address": "127.0.0.1", "mgmt_port": self.admin, "backends": ["./backends/graphite"],
            "graphiteHost": "127.0.0.1", "graphitePort": self.tally.port, "flushInterval": 3_600_000}))
        return [found("node"), self.folder() + "/stats.js", conf]

    def taken(self):
        with socket.create_connection(("127.0.0.1", self.admin), PATIENCE) as s:
            s.sendall(b"counters\n")
            text = b""
            while b"END" not in text:
                text += s.recv(1 << 16)
        return sum(int(x) for x in re.findall(rb"'?app\.requests[^:]*: (\d+)", text))


class CopyLoop(Contestant):
    name, text = "copy loop", "JSON"
    fed = "the same JSON objects on a Unix socket; out they go over TCP as they are. It reads and writes, nothing else"

    @classmethod
    def missing(cls):
        return None

    def argv(self):
        return [PROGRAMS + "/copyloop", self.to, str(self.tally.port)]


PEERS = (Collectd, CarbonRelay, FluentBit, StatsD)


def present():
    """Those that are here, in the order in which they take turns, and why the others are not: name -> reason."""
    reasons = {c.name: c.missing() for c in PEERS}
    return [Garnet, *(c for c in PEERS if not reasons[c.name]), CopyLoop], {n: r for n, r in reasons.items() if r}
