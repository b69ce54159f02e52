#!/usr/bin/python3
"""Start lateness (ms) and CPU (ms a run) of one-shot collectors at 1 s: 50, 200 and 1000 of them, all due at the same
moment or spread over the second, with and without a tenth of them hung. Beside them, in the same run, a bare
posix_spawn+wait loop of the same program (the limit), and collectd's exec plugin at 50 (where collectd is
installed: Debian's collectd-core). Reported, never asserted. Run: GARNET_BUILD=build/release GARNET_SOURCE=.
tests/bench/lateness.py [SECONDS-PER-ROW]; without an argument each row has 1,000 runs or more.

The program stamps its own start (tests/programs/stamp.c). Lateness counts from the slot; in spread rows from each
collector's earliest start within its second, which says nothing where slots are missed; for collectd, which keeps
to no grid, from the earliest of all. "CPU/run" is everything: the daemon, the keepers and the program itself;
the bare loop's is the program and its spawn. "daemon": the daemon's own share of that. A run is missed when no
start came from it in that slot.
"""
import os
import shutil
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../scenario"))
from harness import *

SECONDS = int(sys.argv.pop(1)) if len(sys.argv) > 1 else None
STAMP = os.path.join(BUILD, "tests/programs/stamp")
LOOP = os.path.join(BUILD, "tests/programs/spawnloop")
SECOND = 10**9


def seconds(n):
    return SECONDS or max(10, 1200 // n)


def cpu_seconds(pid):
    """Of a process and all that it has waited for; of itself alone."""
    with open(f"/proc/{pid}/stat") as f:
        ticks = [int(x) / os.sysconf("SC_CLK_TCK") for x in f.read().rsplit(") ", 1)[1].split()[11:15]]
    return sum(ticks), sum(ticks[:2])


def garnet_seconds(pid):
    """Of garnetd with the nursery, the keepers and their runs; of garnetd itself alone."""
    whole, own = cpu_seconds(pid)
    for p, comm in ours(pid).items():
        if comm in ("garnetd-guard", "garnetd-nursery", "garnetd-keep"):
            whole += cpu_seconds(p)[0]
    return whole, own


def row(what, n, late, missed, cpu, own=None):
    late = sorted(late)
    at = lambda part: late[min(len(late) - 1, int(len(late) * part))] / 1e6
    own = f"{own / len(late) * 1e3:7.2f}" if own is not None else "      -"
    print(f"{what:24}{n:6}{len(late):8}{missed:8}{at(0.5):9.1f}{at(0.99):9.1f}{at(1):9.1f}"
          f"{cpu / len(late) * 1e3:9.2f}{own}", flush=True)


def from_earliest(times):
    """Against the phase at which each second's starts begin: where the longest silence of the second ends."""
    phases = sorted(t % SECOND for t in times)
    gaps = [(b - a) % SECOND for a, b in zip(phases[-1:] + phases, phases)]
    begin = phases[gaps.index(max(gaps))]
    return [(t - begin) % SECOND for t in times]


class Bench(unittest.TestCase):
    def test_lateness(self):
        print(f"\n{'':24}{'a s':>6}{'runs':>8}{'missed':>8}{'p50':>9}{'p99':>9}{'max':>9}{'CPU/run':>9}{'daemon':>7}")
        for n in (50, 200, 1000):
            self.bare(n)
            for more, name in (("", "aligned"), ("splay: 1s\n", "splayed")):
                for hung in (0, n // 10):
                    with self.subTest(f"{n} {name} {hung}"):
                        self.garnet(n, hung, more, name)
            if n == 50:
                self.collectd(n)

    def bare(self, n):
        folder = tempfile.mkdtemp(prefix="garnet-")
        try:
            done = subprocess.run([LOOP, str(n), str(seconds(n)), STAMP, os.path.join(folder, "s")], check=True,
                                  capture_output=True, text=True)
        finally:
            shutil.rmtree(folder)
        row("bare posix_spawn", n, map(int, done.stdout.split()), 0, sum(map(float, done.stderr.split())))

    def garnet(self, n, hung, more, name):
        limits = "log_level: error\nintake: {max_connections: 4096, max_connections_per_user: 4096}\n"
        d = Daemon(self, limits + "sinks:\n" + graphite_sink(
            "main", "file:out.txt", ", path: '{host}.{collector}.{name}.{tags}'"), start=False)
        d.script("hung", "#!/bin/sh\nexec sleep 1000\n")
        for i in range(n):
            command = d.path("hung") if i < hung else STAMP
            d.collector(f"c{i:04d}", f"command: [{command}]\ninterval: 1s\n" +
                        (more if i >= hung else "timeout: 10s\n"))
        if d.check()[0] != 0:
            print(f"garnet {name}: skipped, this garnetd has no `splay`")
            return
        d.start(ready=False)
        wait_for("the start", lambda: os.path.exists(d.socket_path))
        time.sleep(3)  # not for anything to happen: it is the load itself that runs
        (all_before, own_before), began = garnet_seconds(d.process.pid), time.time()
        time.sleep(seconds(n))
        (all_after, own_after), ended = garnet_seconds(d.process.pid), time.time()
        time.sleep(2)
        starts, missed = self.read(d, began, ended)
        late = [x for s in starts for x in (from_earliest([t for _, t in s]) if more else [t - at for at, t in s])]
        row(f"garnet {name}" + (", 10 % hung" if hung else ""), n, late, missed, all_after - all_before,
            own_after - own_before)
        d.terminate()

    def read(self, d, began, ended):
        """Per collector [(slot in ns, start in ns)], and how many slots the healthy ones have missed."""
        starts, slots = {}, 0
        for line in d.file_lines("out.txt"):
            path, value, slot = line.split(" ")
            if path.endswith(".start") and began <= int(slot) < ended:
                starts.setdefault(path, []).append((int(slot) * SECOND, int(value)))
        for times in starts.values():
            slots += int(ended) - int(began)
        return list(starts.values()), slots - sum(map(len, starts.values()))

    def collectd(self, n):
        program = shutil.which("collectd") or shutil.which("collectd", path="/usr/sbin")
        if not program:
            print("collectd exec: skipped, there is no collectd here (Debian: collectd-core)")
            return
        folder = tempfile.mkdtemp(prefix="garnet-")
        self.addCleanup(shutil.rmtree, folder)
        os.chmod(folder, 0o755)
        starts = [[] for _ in range(n)]
        listeners = [listen(os.path.join(folder, f"{i}"), starts[i]) for i in range(n)]
        shutil.copy(STAMP, os.path.join(folder, "stamp"))  # one that `nobody` may run
        with open(os.path.join(folder, "conf"), "w") as f:
            f.write(f'BaseDir "{folder}"\nPIDFile "{folder}/pid"\nInterval 1\nLoadPlugin exec\n<Plugin exec>\n')
            for i in range(n):
                f.write(f'  Exec "nobody:nogroup" "{folder}/stamp" "{folder}/{i}"\n')
            f.write("</Plugin>\n")
        p = subprocess.Popen([program, "-f", "-C", os.path.join(folder, "conf")], stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL)
        try:
            time.sleep(3)
            before, began = cpu_seconds(p.pid), time.time_ns()
            time.sleep(seconds(n))
            after, ended = cpu_seconds(p.pid), time.time_ns()
        finally:
            p.terminate()
            p.wait(30)
            for s in listeners:
                s.close()
        # One read of the plugin starts them all: its phase is that of the earliest of all.
        late = from_earliest([t for times in starts for t in times if began <= t < ended])
        row("collectd exec", n, late, max(0, n * seconds(n) - len(late)), after[0] - before[0], after[1] - before[1])


def listen(path, times):
    s = socket.socket(socket.AF_UNIX)
    s.bind(path)
    os.chmod(path, 0o777)
    s.listen(4096)

    def serve():
        while True:
            try:
                c, _ = s.accept()
            except OSError:
                return
            with c:
                times.append(json.loads(c.recv(4096))["value"])
    threading.Thread(target=serve, daemon=True).start()
    return s


if __name__ == "__main__":
    unittest.main(verbosity=0)
