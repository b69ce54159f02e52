"""The scenario tests' own tools: a real garnetd in a temporary folder, receivers, and waiting for conditions.

Nothing here sleeps to let something happen: wait_for() looks for a condition until a deadline, and a test
that fails prints the end of the daemon's log. Every Daemon is ended, and its folder removed, by the test's
clean-up, and no process of it may be left then.
"""
import concurrent.futures
import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

BUILD = os.path.abspath(os.environ["GARNET_BUILD"])  # its programs run in other folders
SOURCE = os.environ["GARNET_SOURCE"]
LONG = os.environ.get("GARNET_TEST_LONG") == "1"
SANITIZED = os.path.exists(os.path.join(BUILD, "sanitized"))
PATIENCE = 30.0  # seconds: for what must happen, however slow the machine


def wait_for(what, condition, timeout=PATIENCE):
    """The first true value of condition(), or a failure that says what was waited for."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout:g} s: {what}")
        time.sleep(0.01)


def until_says(text, run, timeout=PATIENCE):
    """The first run of a command whose output has this text."""
    last = []

    def says():
        last.append(run())
        return text in last[-1].stdout
    try:
        wait_for(f"{text!r} is said", says, timeout)
    except AssertionError as e:
        raise AssertionError(f"{e}: {last[-1].stdout}{last[-1].stderr}") from None
    return last[-1]


def needs_mounts(test):
    """Skips the test where it cannot mount in a namespace of its own (`unshare -m`)."""
    if os.geteuid():
        test.skipTest("needs root to mount")
    r = subprocess.run(["unshare", "-m", "true"], capture_output=True, text=True, timeout=PATIENCE)
    if r.returncode != 0:  # in a chroot / is no mount
        test.skipTest("its mounts cannot be made private here, as in a chroot: " + r.stderr.strip())


def needs_others(test, uid, *paths):
    """Skips the test where it cannot become uid, or that user cannot get to the programs, to its temporary folder and
    to `paths`."""
    if os.geteuid():
        test.skipTest("needs root to become somebody else")
    for path in (os.path.join(BUILD, "garnetd"), tempfile.gettempdir(), *paths):
        if subprocess.run(["/usr/bin/test", "-x", path], user=uid, group=uid, extra_groups=[]).returncode != 0:
            test.skipTest(f"{path} is closed to other users")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def processes(marker):
    """Every process with `marker` in its environment or arguments, zombies of this test's own excluded."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        if int(pid) == os.getpid():
            continue
        try:
            with open(f"/proc/{pid}/environ", "rb") as f:
                env = f.read()
            with open(f"/proc/{pid}/cmdline", "rb") as f:
                args = f.read()
        except OSError:
            continue
        if marker.encode() in env or marker.encode() in args:
            found.append((int(pid), args.replace(b"\0", b" ").decode("utf-8", "replace")))
    return found


def kill(pid, signo=signal.SIGKILL):
    """It may just have ended."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signo)


def rss_kib(pid):
    with open(f"/proc/{pid}/status") as f:
        for line in f:
            if line.startswith("VmRSS:"):
                return int(line.split()[1])
    return 0


def descriptors(pid):
    """What each open descriptor of the process leads to; one that is closed as we look is none."""
    out = []
    for fd in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(FileNotFoundError):
            out.append(os.readlink(f"/proc/{pid}/fd/{fd}"))
    return out


def children(pid):
    """pid -> comm of its direct children."""
    out = {}
    for p in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{p}/stat") as f:
                stat = f.read()
        except OSError:
            continue
        comm, rest = stat[stat.index("(") + 1:stat.rindex(")")], stat[stat.rindex(")") + 2:].split()
        if int(rest[1]) == pid:
            out[int(p)] = comm
    return out


def children_quick(pid):
    """The same of a process with one thread, without a look at all others, for who looks often: these take turns in
    one interpreter, and may then hardly ever see what is over soon. Where children end meanwhile some may be missing."""
    if not os.path.exists("/proc/self/task/%d/children" % os.getpid()):  # CONFIG_PROC_CHILDREN
        return children(pid)
    out = {}
    with contextlib.suppress(OSError), open(f"/proc/{pid}/task/{pid}/children") as f:
        for p in f.read().split():
            with contextlib.suppress(OSError), open(f"/proc/{p}/comm") as comm:
                out[int(p)] = comm.read().rstrip("\n")
    return out


def ours(pid):
    """pid -> comm of garnetd's children, its guard's and the nursery's."""
    out = children_quick(pid)
    for p in [p for p, comm in out.items() if comm in ("garnetd-guard", "garnetd-nursery")]:
        out.update(ours(p))
    return out


def failed(test):
    """So far: its clean-ups are judged by themselves."""
    result = test._outcome.result
    return any(getattr(t, "test_case", t) is test for t, _ in result.failures + result.errors)


class Receiver:
    """A TCP server that keeps every line it read, in this process; stop() and start() keep the port."""

    def __init__(self, port=None, start=True):
        self.port = port or free_port()
        self.data = bytearray()
        self.lock = threading.Lock()
        self.server = None
        self.connections = []
        self.accepted = 0
        if start:
            self.start()

    def start(self):
        self.server = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._accept, args=(self.server,), daemon=True).start()

    def _accept(self, server):
        while True:
            try:
                c, _ = server.accept()
            except OSError:
                return
            with self.lock:
                if self.server is not server:  # stopped meanwhile
                    c.close()
                    return
                self.accepted += 1
                self.connections.append(c)
            threading.Thread(target=self._read, args=(c,), daemon=True).start()

    def _read(self, c):
        rest = b""  # each connection's own: while one is being confirmed, its successor is written on
        while True:
            try:
                chunk = c.recv(1 << 16)
            except OSError:
                return
            if not chunk:
                c.close()
                return
            rest += chunk
            whole = rest.rfind(b"\n") + 1
            with self.lock:
                self.data += rest[:whole]
            rest = rest[whole:]

    def text(self):
        with self.lock:
            return self.data.decode()

    def lines(self):
        """Whole lines only."""
        return self.text().split("\n")[:-1]

    def stop(self):
        with self.lock:
            server, self.server = self.server, None
            connections, self.connections = self.connections, []
        if server:
            server.shutdown(socket.SHUT_RDWR)
            server.close()
        for c in connections:
            try:
                c.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            c.close()


class Daemon:
    def __init__(self, test, config, collectors=None, start=True, env=None):
        self.test = test
        self.dir = tempfile.mkdtemp(prefix="garnet-")
        self.config_path = self.path("garnet.yaml")
        self.socket_path = self.path("run/garnet.sock")
        self.process = None
        self.prefix = []  # what starts garnetd
        self.log_path = self.path("log")
        self.out_path = self.path("stdout")
        self.env = env or {}
        os.mkdir(self.path("collectors.d"))
        test.addCleanup(self._clean)
        self.configure(config)
        for name, text in (collectors or {}).items():
            self.collector(name, text)
        if start:
            self.start()

    def path(self, name):
        return os.path.join(self.dir, name)

    def write(self, name, text, mode=0o644):
        path = self.path(name)
        with open(path + ".new", "w") as f:
            f.write(text)
        os.chmod(path + ".new", mode)
        os.rename(path + ".new", path)
        return path

    def configure(self, text):
        """The main file; what every test needs is put before it. One user here sends as much as many do elsewhere."""
        head = (f"socket: {{path: run/garnet.sock}}\nhost: testhost\nspool: {{dir: spool}}\n"
                f"plugin_path: [{BUILD}/plugins]\nintake: {{per_user: {{metrics: 0, bytes: 0, series: 0}}}}\n")
        keys = [line.split(":")[0] for line in text.splitlines() if line[:1].isalpha()]
        head = "".join(h + "\n" for h in head.splitlines() if h.split(":")[0] not in keys)
        self.write("garnet.yaml", head + text)

    def collector(self, name, text):
        self.write(f"collectors.d/{name}.yaml", text)

    def script(self, name, text):
        return self.write(name, text, 0o755)

    def start(self, ready=True):
        env = dict(os.environ, GARNET_TEST_DIR=self.dir, PATH=BUILD + ":" + os.environ["PATH"], **self.env)
        self.log_mark = self.log_size()
        with open(self.log_path, "ab") as log, open(self.out_path, "ab") as out:
            self.process = subprocess.Popen([*self.prefix, os.path.join(BUILD, "garnetd"), "-c", self.config_path],
                                            stdin=subprocess.DEVNULL, stdout=out, stderr=log, env=env)
        if ready:
            self.wait_log("takes metrics at")

    def log(self):
        try:
            with open(self.log_path, errors="replace") as f:
                return f.read()
        except FileNotFoundError:
            return ""

    def log_size(self):
        return len(self.log())

    def wait_log(self, text, after=None, timeout=PATIENCE):
        """Waits for text in the log, from `after` (default: since the last start) on."""
        after = self.log_mark if after is None else after

        def found():
            if text in self.log()[after:]:
                return True
            if self.process.poll() is not None and text not in self.log()[after:]:
                raise AssertionError(f"garnetd ended with {self.process.returncode} before: {text}")
            return False
        wait_for(f"log says {text!r}", found, timeout)

    def hup(self, expect="is in use"):
        mark = self.log_size()
        self.process.send_signal(signal.SIGHUP)
        self.wait_log(expect, mark)
        return self.log()[mark:]

    def terminate(self, timeout=PATIENCE):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def check(self):
        r = subprocess.run([os.path.join(BUILD, "garnetd"), "-t", "-c", self.config_path],
                           capture_output=True, text=True, timeout=PATIENCE)
        return r.returncode, r.stdout, r.stderr

    def left(self):
        return [p for p in processes(self.dir)]

    def listens(self):
        """Its socket is there a moment earlier."""
        try:
            self.connect().close()
        except OSError:
            return False
        return True

    def connect(self, name=None):
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(PATIENCE)
        try:
            s.connect(self.path(f"run/collectors/{name}.sock") if name else self.socket_path)
        except OSError:
            s.close()
            raise
        return s

    def send(self, data, name=None):
        """Sends all, half-closes, returns the reply as a dict."""
        with self.connect(name) as s:
            s.sendall(data if isinstance(data, bytes) else data.encode())
            s.shutdown(socket.SHUT_WR)
            return read_reply(s)

    def worker(self, name):
        """The pid of a sink's worker, once it runs."""
        def look():
            return [p for p, args in processes(self.dir) if args.rstrip().endswith("run " + name)]
        return wait_for(f"a worker of sink {name}", look)[0]

    def file_lines(self, name):
        try:
            with open(self.path(name)) as f:
                return f.read().split("\n")[:-1]
        except FileNotFoundError:
            return []

    def segments(self, spool="spool"):
        """name -> os.stat() of each segment that is there: retention may take one away as we look."""
        found = {}
        for name in os.listdir(self.path(spool)):
            if name.endswith(".seg"):
                with contextlib.suppress(FileNotFoundError):
                    found[name] = os.stat(self.path(f"{spool}/{name}"))
        return found

    def collectors(self):
        """What `garnet status` says of each: by name."""
        r = subprocess.run([os.path.join(BUILD, "garnet"), "status", "--json", "--socket", self.path("run/control.sock")],
                           capture_output=True, text=True, timeout=PATIENCE)
        return {c["name"]: c for c in json.loads(r.stdout)["collectors"]}

    def verify(self):
        """What `garnet spool verify` finds: sink -> {accepted, confirmed, unconfirmed, queued, dropped,
        unexplained, a reason...}."""
        r = subprocess.run([os.path.join(BUILD, "garnet"), "spool", "verify", self.path("spool")],
                           capture_output=True, text=True, timeout=PATIENCE)
        if r.returncode not in (0, 1):  # 1: damage, which some tests make
            raise AssertionError(f"garnet spool verify: {r.returncode}: {r.stderr}")
        sinks = {}
        for line in r.stdout.splitlines():
            if m := re.match(r"sink (.+?): (accepted .*)", line):
                sinks[m[1]] = {k: int(v) for k, v in re.findall(r"([a-z]+)[ =](\d+)", m[2])}
        return sinks

    def assert_conserved(self):
        """accepted = confirmed + unconfirmed + queued + dropped, of every sink, as the bytes on the disk have it."""
        if not os.path.isdir(self.path("spool")):
            return
        for name, n in self.verify().items():
            if n["unexplained"] or n["accepted"] != n["confirmed"] + n["unconfirmed"] + n["queued"] + n["dropped"]:
                raise AssertionError(f"sink {name} does not add up: {n}")

    def _clean(self):
        try:
            if self.process and self.process.poll() is None:
                self.terminate()
            wait_for("no process of the daemon's or a collector's is left", lambda: not self.left(), 10)
            self.assert_conserved()
        finally:
            for pid, _ in self.left():
                kill(pid)
            if failed(self.test):
                print("\n".join(["--- the end of the log:"] + self.log().splitlines()[-40:]), flush=True)
            shutil.rmtree(self.dir, ignore_errors=True)


def check_slots(test, name, slots, lines, one_in=10):
    """The slots at which a collector ran, every second: in order, none twice, and none missing but those that Garnet itself
    counts as missed, in the lines() of a sink. These are few: a slow machine may stop a run for more than a second, but
    where collectors wait for each other it is many."""
    test.assertEqual(slots, sorted(set(slots)), f"{name}: in order, none twice")
    missing = slots[-1] - slots[0] + 1 - len(slots)
    own = f"testhost.garnet.collector.missed.{name} "
    if missing:
        wait_for(f"{name}: {missing} missed slots are counted", lambda: any(
            float(x.split(" ")[1]) >= missing for x in lines() if x.startswith(own)))
        print(f"{name}: {missing} of {len(slots)} slots missed, and counted")
    test.assertLessEqual(missing, max(1, len(slots) // one_in), f"{name}: hardly any missing: {slots}")


def all_settled(n):
    """Of one sink of verify(): nothing waits, and nothing is on its way."""
    return n["queued"] == n["unconfirmed"] == 0


def read_reply(s):
    data = b""
    while not data.endswith(b"\n"):
        chunk = s.recv(65536)
        if not chunk:
            break
        data += chunk
    return json.loads(data) if data else None


def graphite_sink(name, to, more=""):
    return f"  - {{name: {name}, plugin: graphite, to: '{to}', flush: 100ms{more}}}\n"


def main(side_by_side=1):
    """All tests of a file; so many at once, each in a process of its own, of a file whose tests do little but wait."""
    if side_by_side == 1 or len(sys.argv) > 1:
        unittest.main(verbosity=2)
    suite = unittest.defaultTestLoader.loadTestsFromModule(sys.modules["__main__"])
    names = [test.id().removeprefix("__main__.") for case in suite for test in case]
    with concurrent.futures.ThreadPoolExecutor(side_by_side) as pool:
        runs = [pool.submit(subprocess.run, [sys.executable, "-B", sys.argv[0], name], stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, text=True, errors="replace") for name in names]
        for run in concurrent.futures.as_completed(runs):
            print(run.result().stdout, end="", flush=True)
    sys.exit(any(run.result().returncode for run in runs))
