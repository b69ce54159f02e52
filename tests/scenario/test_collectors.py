"""The collectors and `garnet emit` as people run them, against a stand-in for garnetd that keeps what it is sent.

What they send is compared with /proc itself. Every kind of bad other side is tried too: nobody there,
hanging up, silent, saying something else.
"""
import contextlib
import json
import os
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

BUILD = os.environ["GARNET_BUILD"]
GARNET = os.path.join(BUILD, "garnet")
ACCEPTED = b'{"accepted":1,"rejected":0,"errors":[]}\n'
REJECTED = (b'{"accepted":0,"rejected":1,"errors":[{"line":1,"byte":17,"field":"value",'
            b'"error":"must be a finite number"}]}\n')


def collector(name):
    return os.path.join(BUILD, "collectors", name)


class Peer:
    """Listens like garnetd. Serves one connection: reads to the end, answers, closes; `received` has the bytes."""

    def __init__(self, path, reply=ACCEPTED, read=True, hold=None):
        self.received = b""
        self.reply, self.read, self.hold = reply, read, hold
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen()
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        connection, _ = self.listener.accept()
        with connection:
            while self.read and (part := connection.recv(65536)):
                self.received += part
            if self.hold:
                self.hold.wait()
            with contextlib.suppress(BrokenPipeError):  # it may have given up
                connection.sendall(self.reply)

    def close(self):
        self.thread.join(timeout=10)
        self.listener.close()

    def objects(self):
        return [json.loads(line) for line in self.received.decode().split("\n") if line]


class Case(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="garnet-")
        self.path = os.path.join(self.folder, "s")
        self.peer = None

    def tearDown(self):
        if self.peer:
            self.peer.close()
        shutil.rmtree(self.folder)

    def listen(self, *args, **kwargs):
        if self.peer:
            self.peer.close()
            os.unlink(self.path)
        self.peer = Peer(self.path, *args, **kwargs)

    def run_program(self, *argv, stdin=b"", env=()):
        environment = {"PATH": BUILD + ":/usr/bin:/bin", **dict(env)}
        for key in ("ASAN_OPTIONS", "UBSAN_OPTIONS"):
            if key in os.environ:
                environment[key] = os.environ[key]
        done = subprocess.run(argv, input=stdin, capture_output=True, env=environment, timeout=30)
        return done.returncode, done.stdout.decode(), done.stderr.decode()

    def collect(self, *argv, env=()):
        """Runs a collector that must succeed in silence; returns the objects that it sent."""
        self.listen()
        self.assertEqual(self.run_program(*argv, self.path, env=env), (0, "", ""))
        self.peer.close()
        return self.peer.objects()


def numbers(objects):
    """(name, tags, value) of each metric in them."""
    for o in objects:
        for key, value in o.get("values", {None: o.get("value")}).items():
            yield o["name"] + (f".{key}" if key else ""), o.get("tags", {}), value


class Collectors(Case):
    COLUMNS = "user nice system idle iowait irq softirq steal guest guest_nice".split()

    def read_stat(self):
        """{"cpu": {"user": ms, ...}, "cpu0": ...}"""
        ms = 1000 // os.sysconf("SC_CLK_TCK")
        with open("/proc/stat") as f:
            rows = [line.split() for line in f if line.startswith("cpu")]
        return {row[0]: {k: int(v) * ms for k, v in zip(self.COLUMNS, row[1:])} for row in rows}

    def check_times(self, before, sent, after):
        self.assertEqual(list(sent), list(before))
        for kind in ("user", "system", "softirq"):  # those that never go back
            self.assertLessEqual(before[kind], sent[kind])
            self.assertLessEqual(sent[kind], after[kind])

    def test_cpu_total(self):
        before = self.read_stat()
        objects = self.collect(collector("cpu"))
        after = self.read_stat()
        self.assertEqual(len(objects), 1)
        values = objects[0].pop("values")
        self.assertEqual(objects[0], {"name": "cpu", "type": "counter", "unit": "ms"})
        self.check_times(before["cpu"], values, after["cpu"])

    def test_cpu_per_core(self):
        before = self.read_stat()
        total, *cores = self.collect(collector("cpu"), "--per-core")
        after = self.read_stat()
        self.check_times(before["cpu"], total["values"], after["cpu"])
        self.assertEqual({"cpu" + c["tags"]["core"] for c in cores}, set(before) - {"cpu"})
        for core in cores:
            name = "cpu" + core["tags"].pop("core")
            self.check_times(before[name], core.pop("values"), after[name])
            self.assertEqual(core, {"name": "cpu.core", "type": "counter", "unit": "ms", "tags": {}})

    def test_memory(self):
        (memory,) = self.collect(collector("memory"))
        with open("/proc/meminfo") as f:
            info = {key: int(rest.split()[0]) * 1024 for key, rest in (line.split(":") for line in f)}
        values = memory.pop("values")
        self.assertEqual(memory, {"name": "memory", "type": "gauge", "unit": "B"})
        self.assertEqual(values["total"], info["MemTotal"])
        self.assertEqual(values["swap_total"], info["SwapTotal"])
        self.assertEqual(set(values), set(
            "total free available buffers cached shmem slab slab_reclaimable dirty writeback "
            "swap_total swap_free swap_cached".split()))
        for key, field in (("free", "MemFree"), ("available", "MemAvailable")):
            self.assertAlmostEqual(values[key] / info["MemTotal"], info[field] / info["MemTotal"],
                                   delta=0.2)

    def test_loadavg(self):
        for _ in range(50):  # until /proc says the same before and after
            with open("/proc/loadavg") as f:
                before = f.read()
            load, counts = self.collect(collector("loadavg"))
            with open("/proc/loadavg") as f:
                after = f.read()
            if before.split()[:3] == after.split()[:3]:
                break
        else:
            self.fail("the load averages never stood still")
        values = {**load.pop("values"), **counts.pop("values")}
        self.assertEqual(load, {"name": "loadavg", "type": "gauge", "unit": "load"})
        self.assertEqual(counts, {"name": "loadavg", "type": "gauge", "unit": "thread"})
        self.assertEqual([values[k] for k in ("1m", "5m", "15m")],
                         [float(v) for v in before.split()[:3]])
        self.assertGreaterEqual(values["threads"], values["runnable"])
        self.assertGreaterEqual(values["runnable"], 1)  # the collector itself

    def test_uptime_example(self):
        with open("/proc/uptime") as f:
            before = float(f.read().split()[0])
        self.listen()
        self.assertEqual(self.run_program(collector("uptime.sh"), self.path,
                                          env={"GARNET_SOCKET": self.path}), (0, "", ""))
        self.peer.close()
        (uptime,) = self.peer.objects()
        self.assertEqual((uptime["name"], uptime["unit"]), ("uptime", "s"))
        self.assertTrue(before <= uptime["value"] <= before + 30)

    def test_disk_example(self):
        (disk,) = self.collect(collector("disk.py"))
        fs = os.statvfs("/")
        values = disk.pop("values")
        self.assertEqual(disk, {"name": "disk", "type": "gauge", "unit": "B", "tags": {"mount": "/"}})
        self.assertEqual(values["size"], fs.f_frsize * fs.f_blocks)
        self.assertLessEqual(values["available"], values["free"])
        self.listen(REJECTED)
        code, _, err = self.run_program(collector("disk.py"), self.folder, self.path)
        self.assertEqual((code, err), (1, "value: must be a finite number\n"))
        self.peer.close()
        self.assertEqual(self.peer.objects()[0]["tags"], {"mount": self.folder})

    def test_each_explains_itself(self):
        for name in ("cpu", "memory", "loadavg"):
            code, out, err = self.run_program(collector(name), "--help")
            self.assertEqual((code, err), (0, ""))
            self.assertTrue(out.startswith(f"usage: {name} "))
            code, out, err = self.run_program(collector(name), "--bogus", self.path)
            self.assertEqual((code, out), (2, ""))
            self.assertIn('unknown argument "--bogus"', err)

    def test_each_says_why_it_cannot_send(self):
        for name in ("cpu", "memory", "loadavg"):
            self.assertEqual(self.run_program(collector(name)),
                             (1, "", f"{name}: no socket: give its path as the last argument, or set "
                                     "GARNET_SOCKET\n"))
            code, _, err = self.run_program(collector(name), self.path)
            self.assertEqual(code, 1)
            self.assertIn("is garnetd running", err)

    def test_each_says_what_was_rejected(self):
        for name in ("cpu", "memory", "loadavg"):
            self.listen(REJECTED)
            code, _, err = self.run_program(collector(name), self.path)
            self.assertEqual(code, 1)
            self.assertTrue(err.startswith(f"{name}: not everything was accepted: {{"), err)
            self.assertIn("must be a finite number", err)

    def test_dead_socket(self):
        with socket.socket(socket.AF_UNIX) as s:
            s.bind(self.path)
        code, _, err = self.run_program(collector("loadavg"), self.path)
        self.assertEqual(code, 1)
        self.assertIn("nobody listens on it: garnetd is not running", err)

    def test_silent_peer_is_given_up_after_5_s(self):
        hold = threading.Event()
        self.listen(hold=hold)
        start = time.monotonic()
        code, _, err = self.run_program(collector("loadavg"), self.path)
        took = time.monotonic() - start
        hold.set()
        self.peer.thread.join(timeout=10)
        self.assertEqual(code, 1)
        self.assertIn("no answer within 5 s: what was accepted is not known", err)
        self.assertTrue(4.9 < took < 10, took)


class AckPeer:
    """Takes metrics as garnetd does from who goes on: answers each {"ack":true}. `rounds` has the objects before each, and
    `connections` how many there were."""

    def __init__(self, path):
        self.rounds, self.connections, self.reply = [], 0, ACCEPTED
        self.enough = threading.Condition()
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen()
        self.current = None
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        with contextlib.suppress(OSError):  # closed
            while True:
                self.current, _ = self.listener.accept()
                self.connections += 1
                self.serve_one(self.current)

    def serve_one(self, connection):
        now = []
        with connection, connection.makefile() as lines, contextlib.suppress(OSError):
            for line in lines:
                if json.loads(line) != {"ack": True}:
                    now.append(json.loads(line))
                    continue
                connection.sendall(self.reply)
                with self.enough:
                    self.rounds.append(now)
                    self.enough.notify()
                now = []

    def wait(self, n):
        with self.enough:
            if not self.enough.wait_for(lambda: len(self.rounds) >= n, timeout=20):
                raise AssertionError(f"{len(self.rounds)} rounds, not {n}")

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        if self.current:
            with contextlib.suppress(OSError):
                self.current.shutdown(socket.SHUT_RDWR)
        self.thread.join(timeout=10)


class Host(Case):
    ODD = os.path.join(os.environ["GARNET_SOURCE"], "tests/data/host/odd")

    def values(self, objects):
        """{(name, tag): value}"""
        out = {}
        for name, tags, value in numbers(objects):
            tag = next(iter(tags.values()), None)
            self.assertNotIn((name, tag), out)
            out[name, tag] = value
        return out

    def test_network_and_disks_agree_with_proc(self):
        def interfaces():
            with open("/proc/net/dev") as f:
                rows = [line.replace(":", " ").split() for line in f.readlines()[2:]]
            return {row[0]: [int(v) for v in row[1:]] for row in rows if not row[0].startswith("veth")}

        def disks():
            with open("/proc/diskstats") as f:
                rows = [line.split() for line in f]
            return {row[2]: [int(v) for v in row[3:]] for row in rows
                    if not os.path.exists(f"/sys/dev/block/{row[0]}:{row[1]}/partition")
                    and row[2].rstrip("0123456789") not in ("loop", "ram", "zram", "fd")}

        before = interfaces(), disks()
        sent = self.values(self.collect(collector("host"), "network", "disks"))
        after = interfaces(), disks()
        for key, column, n in (("rx_bytes", 0, 1), ("rx_packets", 1, 1), ("tx_bytes", 8, 1), ("tx_packets", 9, 1)):
            self.assertEqual({t for name, t in sent if name == "network." + key}, set(before[0]))
            for name in before[0]:
                self.assertTrue(before[0][name][column] * n <= sent["network." + key, name] <= after[0][name][column] * n)
        for key, column, n in (("reads", 0, 1), ("read_bytes", 2, 512), ("writes", 4, 1), ("written_bytes", 6, 512)):
            self.assertEqual({t for name, t in sent if name == "disk." + key}, set(before[1]))
            for name in before[1]:
                self.assertTrue(before[1][name][column] * n <= sent["disk." + key, name] <= after[1][name][column] * n)

    def test_a_program_alone_measures_what_host_does(self):
        names = [line.split()[0] for line in self.run_program(collector("host"), "--help")[1].split("\n\n")[0].splitlines()[2:]]
        self.assertGreater(len(names), 15)
        for name in names:
            with self.subTest(name=name):
                code, out, _ = self.run_program(collector(name), "--print", "--proc", self.ODD + "/proc")
                part = self.run_program(collector("host"), name, "--print", "--proc", self.ODD + "/proc")
                if name != "clock":  # which never shows the same twice
                    self.assertEqual((code, out), part[:2])

    def test_what_is_wrong_costs_itself(self):
        code, out, err = self.run_program(collector("host"), "loadavg", "memory", "--print", "--proc", self.ODD + "/proc")
        self.assertEqual(code, 1)
        self.assertEqual(err, f"host: memory: {self.ODD}/proc/meminfo: MemAvailable is no number in kB: -1 (and 2 more)\n")
        self.assertRegex(out, r"(?m)^loadavg\.1m +1024 load +gauge$")
        self.assertRegex(out, r"(?m)^memory\.free +524288000 B +gauge$")
        self.assertNotIn("available", out)

    def test_what_no_host_must_have_is_silent_unless_it_is_named(self):
        os.mkdir(self.folder + "/proc")
        shutil.copy("/proc/uptime", self.folder + "/proc/uptime")
        code, out, err = self.run_program(collector("host"), "--print", "--proc", self.folder + "/proc")
        self.assertEqual(code, 1)
        self.assertNotIn("pressure", err)
        self.assertIn("host: cpu: cannot open", err)
        self.assertIn("uptime", out)
        code, _, err = self.run_program(collector("pressure"), "--print", "--proc", self.folder + "/proc")
        self.assertEqual(code, 1)
        self.assertIn("pressure: cannot open", err)

    def test_rounds_on_the_grid_over_one_connection(self):
        peer = AckPeer(self.path)
        p = subprocess.Popen([collector("host"), "uptime", "loadavg", "--every", "100ms", self.path], stderr=subprocess.PIPE, text=True)
        peer.wait(6)
        fds = os.listdir(f"/proc/{p.pid}/fd")
        peer.wait(12)
        self.assertEqual(len(os.listdir(f"/proc/{p.pid}/fd")), len(fds))
        times = []
        for objects in peer.rounds:
            self.assertEqual([o["name"] for o in objects], ["loadavg", "loadavg", "uptime"])
            self.assertEqual(objects[0]["time"], objects[2]["time"])
            times.append(round(objects[0]["time"] * 10))
            self.assertAlmostEqual(objects[0]["time"] * 10, times[-1], places=3)
        self.assertEqual(sorted(set(times)), times)
        self.assertEqual(peer.connections, 1)
        self.finish(p, peer)

    def finish(self, p, peer):
        p.terminate()
        err = p.communicate(timeout=10)[1]
        self.assertEqual(p.returncode, -15)
        peer.close()
        return err

    def test_a_peer_that_goes_and_comes_is_said_once_each(self):
        peer = AckPeer(self.path)
        p = subprocess.Popen([collector("uptime"), "--every", "50ms", self.path], stderr=subprocess.PIPE, text=True)
        peer.wait(2)
        peer.close()
        os.unlink(self.path)
        line = p.stderr.readline()
        self.assertRegex(line, "^uptime: (cannot connect to|.*closed without a reply)")
        peer = AckPeer(self.path)
        self.assertEqual(p.stderr.readline(), "uptime: works again\n")
        peer.reply = REJECTED
        self.assertRegex(p.stderr.readline(), "^uptime: not everything was accepted: ")
        self.finish(p, peer)

    def test_each_trouble_is_said_once(self):
        path = self.folder + "/proc/uptime"
        os.mkdir(self.folder + "/proc")
        p = subprocess.Popen([collector("uptime"), "--every", "50ms", "--print", "--proc", self.folder + "/proc"],
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.assertIn("cannot open", p.stderr.readline())
        with open(path, "w", buffering=1) as f:
            f.write("x\n")
            self.assertIn("no number of seconds", p.stderr.readline())
            for _ in range(3):
                self.assertEqual(p.stdout.readline(), "\n")
            f.seek(0)
            f.write("5\n")
            self.assertEqual(p.stderr.readline(), "uptime: works again\n")
        p.terminate()
        self.assertEqual(p.communicate(timeout=10)[1], "")

    def program(self, name, *args):
        """A shell under that name; it ends with the test."""
        path = os.path.join(self.folder, name)
        if not os.path.exists(path):
            shutil.copy("/bin/dash" if os.path.exists("/bin/dash") else "/bin/sh", path)
        p = subprocess.Popen([path, *args], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.addCleanup(p.communicate)
        self.addCleanup(p.kill)
        p.stdin.write("echo ready\n")
        p.stdin.flush()
        self.assertEqual(p.stdout.readline(), "ready\n")
        return p

    def test_programs_by_name_and_by_command_line(self):
        odd = self.program("od) S (d\n\u00fc")
        long = self.program("a-name-of-more-than-15-bytes")
        self.program("a-name-of-more-than-15-others")
        two = [self.program("garnet-two", "-s", "x y", str(i)) for i in range(2)]
        sent = {}
        for o in self.collect(collector("programs"), "od) S (d\n\u00fc", "a-name-of-more-than-15-bytes",
                              "two=^/.*two -s x y [0-9]$", "nobody-s", "--descriptors", "--io", "--pss"):
            for key, v in o["values"].items():
                sent[o["tags"]["program"], o["name"] + "." + key] = v
        self.assertEqual({name for _, name in sent}, {"program." + key for key in (
            "processes", "threads", "memory.rss", "memory.pss", "descriptors")})  # one run has no counters
        for name, processes in (("$'od) S (d\\n\u00fc'", [odd]), ("a-name-of-more-than-15-bytes", [long]), ("two", two), ("nobody-s", [])):
            self.assertEqual(sent[name, "program.processes"], len(processes), name)
            self.assertEqual(sent[name, "program.threads"], len(processes))
            self.assertEqual(sent[name, "program.descriptors"], sum(len(os.listdir(f"/proc/{p.pid}/fd")) for p in processes))
            for key, field in (("rss", "VmRSS"), ("pss", "Pss")):
                kib = 0
                for p in processes:
                    with open(f"/proc/{p.pid}/" + ("status" if key == "rss" else "smaps_rollup")) as f:
                        kib += sum(int(line.split()[1]) for line in f if line.startswith(field + ":"))
                self.assertAlmostEqual(sent[name, "program.memory." + key], kib * 1024, delta=0.5 * kib * 1024)

    def printed(self, *argv, **options):
        r = subprocess.run([collector("programs"), "--print", *argv], capture_output=True, text=True, timeout=30, **options)
        return r.returncode, {line.split()[0]: line.split()[1] for line in r.stdout.splitlines()}, r.stderr

    def test_a_process_whose_first_thread_has_ended_counts(self):
        code = ("import ctypes, threading, time\nthreading.Thread(target=time.sleep, args=(60,)).start()\n"
                "ctypes.CDLL(None).syscall(ctypes.c_long(%d), 0)" % {"x86_64": 60}.get(os.uname().machine, 93))  # exit, of a thread
        p = subprocess.Popen([sys.executable, "-c", code, "garnet-headless"])
        self.addCleanup(p.wait)
        self.addCleanup(p.kill)
        deadline = time.monotonic() + 20
        state = ""
        while state != "Z":
            self.assertLess(time.monotonic(), deadline)
            with open(f"/proc/{p.pid}/stat") as f:
                state = f.read().rpartition(") ")[2][0]
        code, sent, err = self.printed("x= garnet-headless$", "--descriptors", "--pss")
        self.assertEqual((code, err), (0, ""))
        self.assertEqual((sent["program.processes{program=x}"], sent["program.threads{program=x}"]), ("1", "2"))  # both, as the kernel has it
        for key in ("memory.rss", "memory.pss", "descriptors"):
            self.assertGreater(int(sent[f"program.{key}{{program=x}}"]), 0)

    def test_the_collector_is_not_what_it_looks_for(self):
        self.assertEqual(self.printed("x=what-nobody-has")[1]["program.processes{program=x}"], "0")
        self.assertGreater(int(self.printed("programs")[1]["program.processes{program=programs}"]), 0)

    def test_processes_that_cannot_be_looked_at_are_not_none(self):
        def few():
            resource.setrlimit(resource.RLIMIT_NOFILE, (5, 5))
        code, sent, err = self.printed("sh", preexec_fn=few)
        self.assertEqual((code, sent), (1, {}))
        self.assertIn("Too many open files", err)

    def test_programs_that_end_take_nothing_back(self):
        peer = AckPeer(self.path)
        p = subprocess.Popen([collector("programs"), "garnet-busy", "--every", "50ms", self.path], stderr=subprocess.PIPE,
                             text=True)

        def last():
            peer.wait(len(peer.rounds) + 1)
            return {o["name"] + "." + key: v for o in peer.rounds[-1] for key, v in o["values"].items()}

        def burn(wanted):
            busy = self.program("garnet-busy")
            busy.stdin.write("while :; do :; done\n")
            busy.stdin.flush()
            deadline = time.monotonic() + 20
            while (now := last())["program.cpu.user"] < wanted:
                self.assertLess(time.monotonic(), deadline, now)
            self.assertEqual(now["program.processes"], 1)
            busy.kill()
            busy.wait()

        self.assertEqual(last()["program.cpu.user"], 0)
        burn(100)
        self.assertEqual((last(), last())[1]["program.processes"], 0)
        before = last()["program.cpu.user"]
        burn(before + 100)
        sums = [o["values"]["user"] for objects in peer.rounds for o in objects if "user" in o["values"]]
        self.assertEqual(sums, sorted(sums))
        self.ends_quietly(p, peer)

    def ends_quietly(self, p, peer):
        self.assertEqual([line for line in self.finish(p, peer).splitlines() if "due times were missed" not in line], [])

    def written(self):
        with open("/proc/self/io") as f:
            return next(int(line.split()[1]) for line in f if line.startswith("write_bytes"))

    def test_what_a_child_of_a_program_writes_counts_once(self):
        """Its bytes are in its parent's, too, as soon as that has waited for it."""
        before, size = self.written(), 3 << 20
        with open(self.folder + "/ours", "wb") as f:
            f.write(bytes(size))
        if self.written() < before + size:
            self.skipTest("the kernel counts no bytes that are written here, as on tmpfs")
        peer = AckPeer(self.path)
        p = subprocess.Popen([collector("programs"), "garnet-busy", "--io", "--every", "50ms", self.path], stderr=subprocess.PIPE,
                             text=True)

        def last():
            peer.wait(len(peer.rounds) + 1)
            return next(o["values"]["written_bytes"] for o in peer.rounds[-1] if "written_bytes" in o["values"])

        last()
        parent = self.program("garnet-busy")
        before = last()
        parent.stdin.write(f"{self.folder}/garnet-busy -c 'head -c {size} /dev/zero > {self.folder}/data; read x; :'; echo done\n")
        parent.stdin.flush()
        deadline = time.monotonic() + 20
        while (now := last()) < before + size:
            self.assertLess(time.monotonic(), deadline, now)
        parent.stdin.write("x\n")
        parent.stdin.flush()
        self.assertEqual(parent.stdout.readline(), "done\n")
        self.assertLess((last(), last())[1] - before, 1.5 * size)
        self.ends_quietly(p, peer)

    def test_wrong_usage(self):
        for args, text in (((), "NAME[=REGEX]... is missing"), (("a=",), "nothing behind the ="), (("a=[",), "no extended"), (("=a",), "no name"),
                           (("a", "a=b"), "that was there before"), (tuple(f"a{i}" for i in range(65)), "one too many")):
            code, out, err = self.run_program(collector("programs"), "--print", *args)
            self.assertEqual((code, out), (2, ""))
            self.assertIn(text, err)
        for args, text in ((("--every", "0"), "give 10ms to 1d"), (("--every", "x"), "give 10ms to 1d"), (("--every",), "nothing follows"),
                           (("--proc",), "nothing follows"), (("nonsense",), "unknown argument"), (("cpu", "/a", "/b"), "unknown argument")):
            code, out, err = self.run_program(collector("host"), *args)
            self.assertEqual((code, out), (2, ""))
            self.assertIn(text, err)


class Emit(Case):
    def emit(self, *args, **kwargs):
        return self.run_program(GARNET, "emit", *args, **kwargs)

    def test_one_metric(self):
        self.listen()
        self.assertEqual(self.emit("a.b", "-5", "--tag", "k=v", "--tag=l=w", "--unit", "B", "--type",
                                   "counter", "--time", "1700000000.25", "--socket", self.path),
                         (0, "", ""))
        self.peer.close()
        self.assertEqual(self.peer.objects(), [
            {"name": "a.b", "value": -5, "tags": {"k": "v", "l": "w"}, "unit": "B", "type": "counter",
             "time": 1700000000.25}])

    def test_digits_are_kept(self):
        self.listen()
        self.emit("a", "18446744073709551615", env={"GARNET_SOCKET": self.path})
        self.peer.close()
        self.assertEqual(self.peer.received, b'{"name":"a","value":18446744073709551615}\n')

    def test_hostile_strings_stay_strings(self):
        name = 'a","value":1}\n{"name":"\x1b\\'
        self.listen()
        self.emit(name, "2", "--tag", "é\t=" + name, "--socket", self.path)
        self.peer.close()
        self.assertEqual(self.peer.objects(), [{"name": name, "value": 2, "tags": {"é\t": name}}])

    def test_the_option_goes_before_the_environment(self):
        self.listen()
        self.assertEqual(self.emit("a", "1", "--socket", self.path, env={"GARNET_SOCKET": "/nowhere"})[0], 0)

    def test_standard_input_is_passed_through(self):
        data = b'[{"name":"a","value":1},\n' * 100000
        self.listen()
        self.assertEqual(self.emit("--socket", self.path, stdin=data), (0, "", ""))
        self.peer.close()
        self.assertEqual(self.peer.received, data)

    def test_rejected(self):
        self.listen(REJECTED)
        self.assertEqual(self.emit("a", "1", "--socket", self.path),
                         (1, "", "rejected: line 1, byte 17, value: must be a finite number\n"))

    def test_refused_at_once(self):
        full = b'{"accepted":0,"rejected":0,"errors":[{"error":"too many connections"}]}\n'
        self.listen(full, read=False)
        self.assertEqual(self.emit("--socket", self.path, stdin=b" " * 4000000),
                         (111, "", "refused: too many connections\n"))

    def test_hung_up(self):
        self.listen(b"")
        code, _, err = self.emit("a", "1", "--socket", self.path)
        self.assertEqual(code, 111)
        self.assertIn("closed without a reply: what was accepted is not known", err)

    def test_half_read_is_no_success(self):
        self.listen(ACCEPTED, read=False)
        code, _, err = self.emit("--socket", self.path, stdin=b" " * 4000000)
        self.assertEqual(code, 111)
        self.assertIn("closed before it had read everything", err)

    def test_nobody_there(self):
        code, _, err = self.emit("a", "1", "--socket", self.path)
        self.assertEqual(code, 111)
        self.assertIn("is garnetd running", err)

    def test_wrong_usage(self):
        for args, text in ((("a",), "VALUE is missing"), (("a", "nan"), "VALUE must be a number"),
                           (("a", "1", "--tag", "x"), "KEY=VALUE"), (("--unit", "B"), "NAME VALUE")):
            code, out, err = self.emit(*args)
            self.assertEqual((code, out), (2, ""))
            self.assertIn(text, err)

    def test_the_command_itself(self):
        self.assertRegex(self.run_program(GARNET, "version")[1], r"^garnet \d+\.\d+\.\d+\n$")
        code, out, err = self.run_program(GARNET, "help", "emit")
        self.assertEqual((code, err), (0, ""))
        self.assertTrue(out.startswith("usage: garnet emit NAME VALUE"))
        self.assertEqual(self.run_program(GARNET, "emit", "--help"), (0, out, ""))
        self.assertEqual(self.run_program(GARNET)[0], 2)
        self.assertEqual(self.run_program(GARNET, "bogus")[0], 2)
        self.assertEqual(self.run_program(GARNET, "help", "bogus")[0], 2)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], "-v"])
