"""Real receivers and proxies, each with a configuration in a folder of the test's and on ports of the loopback.

A peer is started, hurt (its unread data lost with it) and replaced by a successor on the same port; numbers() is
what has come through it to where a person would look for it. The load is metric `seq` with value i at time
BASE + i, so that a line that was cut and glued cannot pass for another. What a peer starts dies with the test.
"""
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

from harness import SOURCE, free_port, wait_for

BASE = int(time.time()) - 250_000  # within the three days that a whisper file of these tests covers
LINE = re.compile(rb"^testhost\.seq (\d+) (\d+)\r?$", re.M)

UNPACKED = os.path.join(SOURCE, "build/peers")  # by run-tests: Debian's packages, not installed
PYTHON = os.path.join(UNPACKED, "usr/lib/python3/dist-packages")  # graphite-carbon's
sys.path.insert(0, PYTHON)
ENVIRONMENT = {"PYTHONPATH": PYTHON, "LD_LIBRARY_PATH": os.path.join(UNPACKED, "usr/lib/syslog-ng")}


def found(program):
    """Its path: the unpacked one, else one that is installed."""
    folders = [os.path.join(UNPACKED, x) for x in ("usr/bin", "usr/sbin")]
    return shutil.which(program, path=":".join([*folders, os.environ["PATH"], "/usr/sbin", "/sbin"]))


def installed(path):
    """Likewise of a file or folder."""
    return UNPACKED + path if os.path.exists(UNPACKED + path) else path


def listens(address, port):
    try:
        socket.create_connection((address, port), 1).close()
        return True
    except OSError:
        return False


COLLECTD_PLUGINS = "cpu load memory swap vmem contextswitch processes interface disk protocols uptime conntrack".split()


def collectd(folder, port, more=(), options=""):
    """The command of a collectd that measures this host each second, with these plugins and options more, and sends to that port by
    write_graphite."""
    path = os.path.join(folder, "collectd.conf")
    with open(path, "w") as f:
        f.write(f'BaseDir "{folder}"\nPIDFile "{folder}/pid"\nHostname "testhost"\nFQDNLookup false\nInterval 1\n'
                f'PluginDir "{installed("/usr/lib/collectd")}"\nTypesDB "{installed("/usr/share/collectd/types.db")}"\n'
                + "".join(f"LoadPlugin {p}\n" for p in [*COLLECTD_PLUGINS, *more, "write_graphite"]) +
                '<Plugin protocols>\n Value "/./"\n IgnoreSelected false\n</Plugin>\n<Plugin vmem>\n Verbose true\n</Plugin>\n'
                + options +
                f'<Plugin write_graphite>\n <Node "main">\n  Host "127.0.0.1"\n  Port "{port}"\n  Protocol "tcp"\n'
                "  StoreRates true\n </Node>\n</Plugin>\n")
    return [found("collectd"), "-f", "-C", path]


class Load:
    """Numbered metrics from a thread of its own, each batch acknowledged; remembers the slowest answer."""

    def __init__(self, d, rate, most=249_000):
        self.d, self.rate, self.most, self.sent, self.slowest = d, rate, most, 0, 0.0
        self.failure = None
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        each, due = max(1, self.rate // 20), time.monotonic()
        try:
            while not self.stopping.is_set() and self.sent < self.most:
                began = time.monotonic()
                reply = self.d.send("".join(f'{{"name":"seq","value":{i},"time":{BASE + i}}}\n'
                                            for i in range(self.sent, self.sent + each)))
                assert reply["accepted"] == each, reply
                self.slowest = max(self.slowest, time.monotonic() - began)
                self.sent += each
                due += each / self.rate
                self.stopping.wait(max(0, due - time.monotonic()))
        except Exception as e:
            self.failure = e

    def stop(self):
        self.stopping.set()
        self.thread.join()
        if self.failure:
            raise self.failure
        return self.sent


class Peer:
    """A receiver by itself: receiver.py, which writes what it has read to a file. Others derive from it."""
    programs = ()
    signals = [signal.SIGKILL]
    address, within = "127.0.0.1", []  # and the command that runs another in the peer's network
    quiet = 0.3  # seconds for which it is stopped, and does not read what is sent, before it is ended

    def __init__(self, test, d, name):
        self.test, self.d, self.name = test, d, name
        self.dir = d.path(name)
        os.mkdir(self.dir)
        self.port, self.file = free_port(), self.path("received")
        self.process, self.args, self.read, self.got, self.lines = None, [], 0, set(), 0
        test.addCleanup(self.end, signal.SIGKILL)

    def path(self, name):
        return os.path.join(self.dir, name)

    def write(self, name, text):
        with open(self.path(name), "w") as f:
            f.write(text)
        return self.path(name)

    def argv(self):
        return ["/usr/bin/python3", os.path.join(SOURCE, "tests/scenario/receiver.py"), str(self.port), self.file,
                *self.args]

    def start(self, argv=None):
        with open(self.path("log"), "ab") as log, open(self.path("out"), "ab") as out:
            self.process = subprocess.Popen(
                [*self.within, "setpriv", "--pdeathsig", "KILL", *(argv or self.argv())], stdin=subprocess.DEVNULL,
                stdout=out, stderr=log, env=dict(os.environ, GARNET_TEST_DIR=self.d.dir, **ENVIRONMENT),
                start_new_session=True)
        wait_for(f"{self.name} listens",
                 lambda: self.test.assertIsNone(self.process.poll()) or listens(self.address, self.port))

    def signal(self, sig):
        try:
            os.killpg(self.process.pid, sig)
        except ProcessLookupError:
            pass

    def end(self, sig):
        """All of it; a child that TERM leaves behind (socat's, say) ends with its parent."""
        if self.process:
            self.signal(sig)
            self.signal(signal.SIGCONT)
            try:
                self.process.wait(20)
            finally:
                self.signal(signal.SIGKILL)
                self.process.wait()
            self.process = None

    def hurt(self, sig):
        self.signal(signal.SIGSTOP)
        time.sleep(self.quiet)
        self.end(sig)
        self.start()

    def numbers(self):
        try:
            with open(self.file, "rb") as f:
                f.seek(self.read)
                data = f.read()
        except FileNotFoundError:
            return self.got
        data = data[:data.rfind(b"\n") + 1]
        self.read += len(data)
        for value, at in LINE.findall(data):
            if int(at) == BASE + int(value):
                self.got.add(int(value))
                self.lines += 1
        return self.got


class Proxy(Peer):
    """Before a backend, which is what is hurt."""

    def __init__(self, test, d, name):
        super().__init__(test, d, name)
        self.backend = Peer(test, d, name + "-backend")

    def start(self, argv=None):
        self.backend.start()
        super().start(argv)

    def hurt(self, sig):
        self.backend.hurt(sig)

    def numbers(self):
        got = self.backend.numbers()
        self.lines = self.backend.lines
        return got


class CarbonCache(Peer):
    programs = ("carbon-cache",)
    signals = [signal.SIGTERM, signal.SIGKILL]

    def argv(self):
        self.write("storage-schemas.conf", "[all]\npattern = .*\nretentions = 1s:3d\n")
        conf = self.write("carbon.conf", "[cache]\n" + "".join(
            f"{key}_DIR = {self.dir}\n" for key in ("STORAGE", "CONF", "LOG", "PID")) +
            f"LOCAL_DATA_DIR = {self.path('whisper')}\nLINE_RECEIVER_INTERFACE = 127.0.0.1\n"
            f"LINE_RECEIVER_PORT = {self.port}\nPICKLE_RECEIVER_PORT = 0\nCACHE_QUERY_PORT = 0\n"
            "MAX_CREATES_PER_MINUTE = inf\nMAX_UPDATES_PER_SECOND = inf\nENABLE_TAGS = False\n"
            "CARBON_METRIC_INTERVAL = 0\nMAX_CACHE_SIZE = inf\nUSER =\n")
        if os.path.exists(self.path("carbon-cache-a.pid")):  # that of a killed one
            os.unlink(self.path("carbon-cache-a.pid"))
        return ["/usr/bin/python3", found("carbon-cache"), "--nodaemon", "--config", conf, "--logdir", self.dir,
                "start"]

    def numbers(self):
        import whisper  # comes with graphite-carbon
        try:
            _, values = whisper.fetch(self.path("whisper/testhost/seq.wsp"), BASE - 1, BASE + 250_000)
        except OSError:
            return set()
        self.lines = sum(v is not None for v in values)
        return {i for i, v in enumerate(values) if v == i}


class CarbonRelay(Proxy):
    """Ended itself: it keeps what it has read in memory until its destination has it. Its queue has room for all of a
    load: of what comes at once after a loss it would drop what is more than 25,000 lines, where its destination is slow."""
    programs = ("carbon-c-relay",)
    signals = [signal.SIGKILL, signal.SIGTERM]

    def argv(self):
        conf = self.write("relay.conf", f"cluster all forward 127.0.0.1:{self.backend.port};\n"
                          f"match * send to all stop;\nlisten type linemode 127.0.0.1:{self.port} proto tcp;\n")
        return [found("carbon-c-relay"), "-f", conf, "-w", "1", "-q", "1000000"]

    def start(self, argv=None):
        if self.backend.process is None:
            self.backend.start()
        Peer.start(self, argv)

    def hurt(self, sig):
        Peer.hurt(self, sig)


class Haproxy(Proxy):
    programs = ("haproxy",)

    def argv(self):
        return [found("haproxy"), "-db", "-f", self.write(
            "haproxy.cfg", "defaults\n mode tcp\n timeout connect 1s\n timeout client 1m\n timeout server 1m\n"
            f"listen it\n bind 127.0.0.1:{self.port}\n server s 127.0.0.1:{self.backend.port}\n")]


class Nginx(Proxy):
    programs = ("nginx",)
    module = installed("/usr/lib/nginx/modules/ngx_stream_module.so")
    half_close = "on"

    def argv(self):
        conf = self.write(
            "nginx.conf", f"load_module {self.module};\ndaemon off;\nmaster_process off;\n"
            f"pid {self.path('pid')};\nerror_log {self.path('error')};\nevents {{}}\n"
            f"stream {{ server {{ listen 127.0.0.1:{self.port}; proxy_pass 127.0.0.1:{self.backend.port};\n"
            f"proxy_half_close {self.half_close}; }} }}\n")
        return [found("nginx"), "-p", self.dir, "-e", self.path("error"), "-c", conf]


class NginxEarly(Nginx):
    half_close = "off"  # its default: it answers a FIN with its own at once


class Socat(Proxy):
    programs = ("socat",)

    def argv(self):
        return [found("socat"), f"TCP-LISTEN:{self.port},bind=127.0.0.1,reuseaddr,fork",
                f"TCP:127.0.0.1:{self.backend.port}"]


class SocatFile(Peer):
    programs = ("socat",)

    def argv(self):
        return [found("socat"), "-u", f"TCP-LISTEN:{self.port},bind=127.0.0.1,reuseaddr,fork",
                f"OPEN:{self.file},creat,append"]


class Ncat(Peer):
    """Its input is closed, so it closes each connection for writing as soon as it has it: nothing can be known of
    what it reads. Its successor is a receiver that can."""
    programs = ("ncat",)

    def argv(self):
        return [found("ncat"), "-lk", "127.0.0.1", str(self.port), "-o", self.file, "--append-output"]

    def hurt(self, sig):
        self.signal(signal.SIGSTOP)
        time.sleep(self.quiet)
        self.end(sig)
        self.start(Peer.argv(self))


class SyslogNg(Peer):
    programs = ("syslog-ng",)
    signals = [signal.SIGTERM, signal.SIGKILL]

    def argv(self):
        conf = self.write(
            "syslog-ng.conf", '@version: 3.38\noptions { stats-freq(0); };\n'
            f'source s {{ network(ip("127.0.0.1") port({self.port}) transport("tcp") flags(no-parse)); }};\n'
            f'destination d {{ file("{self.file}" template("$MSG\\n")); }};\nlog {{ source(s); destination(d); }};\n')
        return [found("syslog-ng"), "-F", "-f", conf, "--no-caps", "--module-path", installed("/usr/lib/syslog-ng/3.38"),
                "-R", self.path("persist"), "-p", self.path("pid"), "-c", self.path("ctl")]
