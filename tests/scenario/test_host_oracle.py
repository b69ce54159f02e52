"""The host's collectors against others that read the same: node_exporter on the same trees, and free, df, vmstat, iostat and ss on
this machine. docs/collectors.md says what is the same, in which unit; so the page is tested with them.

The trees: this machine's own /proc, copied; the odd one of tests/data; and made ones, of many cores, disks and interfaces with
random numbers of up to 63 bits.
"""
import contextlib
import glob
import math
import random
import socket
import urllib.request

import peers
import test_collectors
from harness import *

TABLES = os.path.join(SOURCE, "docs/collectors.md")
DATA = os.path.join(SOURCE, "tests/data/host")
EXPORTER = peers.found("prometheus-node-exporter")
IOSTAT = peers.found("iostat")
COPIED = ("stat", "meminfo", "vmstat", "loadavg", "diskstats", "swaps", "uptime", "net/[a-z]*", "net/stat/nf_conntrack", "pressure/*", "sys/fs/file-nr",
          "sys/net/netfilter/*", "sys/kernel/pid_max", "sys/kernel/threads-max", "[0-9]*/stat", "[0-9]*/status")
PAGE = os.sysconf("SC_PAGE_SIZE")

# Our unit for one of theirs, by the end of their name; where they have no unit in it, by the whole name.
UNITS = {"ms": ("seconds", 1000), "us": ("seconds", 1_000_000), "uJ": ("joule", 1_000_000), "us/s": ("ratio", 1_000_000)}
FACTORS = {"node_vmstat_pswpin": PAGE, "node_vmstat_pswpout": PAGE, "node_vmstat_pgpgin": 1024, "node_vmstat_pgpgout": 1024,
           "node_sockstat_TCP_mem": PAGE, "node_sockstat_UDP_mem": PAGE, "node_disk_discarded_sectors_total": 512}
TAGS = {"core": "cpu", "kind": "type"}

# What Debian 12's node_exporter does not have, or has of another source than the tree.
NEWER = re.compile(r"node_swap_|node_pressure_irq_|node_softirqs_total|node_sockstat_sockets_used$")
LIVE = re.compile(r"node_timex_|node_time_seconds|node_filesystem_|node_nf_conntrack_entries|node_processes_threads")


class Row:
    """A line of the page's tables that has a name of node_exporter's."""

    def __init__(self, cells):
        self.name, self.unit, self.tags = cells[0], cells[1], re.findall(r"\w+", cells[3])
        self.theirs, labels = re.match(r"(\w+)(?:\{(.*)\})?", cells[7]).groups()
        self.labels = dict(re.findall(r'(\w+)="([^"]*)"', labels or ""))
        self.simple = " - " not in cells[7]
        self.factor = FACTORS.get(self.theirs, 1)
        end, factor = UNITS.get(self.unit, (None, 1))
        if end and re.search(end + "(_total)?$", self.theirs):
            self.factor = factor


def rows():
    with open(TABLES) as f:
        for line in f:
            cells = [c.strip().strip("`") for c in line.split(" |")]
            if line.startswith("| `") and cells[7:] and cells[7].startswith("node_"):
                cells[0] = cells[0][2:].strip().strip("`")
                yield Row(cells)


def parse(text):
    """{name: {labels: value}} of an exposition."""
    found = {}
    for name, labels, value in re.findall(r"^(\w+)(?:\{(.*)\})? (\S+)$", text, re.M):
        pairs = frozenset((k, v.replace("\\\\", "\\")) for k, v in re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', labels))
        found.setdefault(name, {})[pairs] = float(value)
    return found


def make_tree(tree, chance, cores, disks, interfaces):
    """linux-6.18 with other numbers and more things."""
    def number():
        return chance.getrandbits(chance.randint(1, 53))

    def numbers(n):
        return " ".join(str(number()) for _ in range(n))

    shutil.copytree(DATA + "/linux-6.18/proc", tree + "/proc")
    os.makedirs(tree + "/sys")
    for folder, _, files in os.walk(tree + "/proc"):
        for name in files:
            if name not in ("loadavg", "uptime"):
                with open(os.path.join(folder, name)) as f:
                    text = f.read()
                with open(os.path.join(folder, name), "w") as f:
                    f.write(re.sub(r"(?<=[ \t=])\d+(?=\s)", lambda _: str(number()), text))
    with open(tree + "/proc/stat", "w") as f:
        f.write(f"cpu  {numbers(10)}\n" + "".join(f"cpu{i} {numbers(10)}\n" for i in range(cores)))
        f.write(f"intr {numbers(4000)}\nctxt {number()}\nbtime 1700000000\nprocesses {number()}\nprocs_running {number()}\n"
                f"procs_blocked {number()}\nsoftirq {numbers(11)}\n")
    with open(tree + "/proc/diskstats", "w") as f:
        for i in range(disks):
            f.write(f"{259:4} {i:7} nvme{i}n1 {numbers(chance.choice((11, 15, 17, 20)))}\n")
    with open(tree + "/proc/net/dev", "w") as f:
        f.write("Inter-|   Receive                   |  Transmit\n face |bytes    packets errs drop fifo frame compressed multicast"
                "|bytes    packets errs drop fifo colls carrier compressed\n")
        for i in range(interfaces):
            f.write(f"{chance.choice(('eth', 'wlp0s', 'br-', 'v.')) + str(i):>6}:{' ' * chance.randint(0, 3)}{numbers(16)}\n")


class Others(test_collectors.Case):
    maxDiff = None

    def ours(self, *argv):
        """{name: [(tags, value)]}"""
        self.listen()
        self.run_program(test_collectors.collector(argv[0]), *argv[1:], self.path)
        with socket.socket(socket.AF_UNIX) as s:  # one that had nothing to send has not connected, for which the peer still waits
            s.connect(self.path)
        self.peer.close()
        found = {}
        for name, tags, value in test_collectors.numbers(self.peer.objects()):
            found.setdefault(name, []).append((tags, value))
        return found


@unittest.skipIf(not EXPORTER, "there is no prometheus-node-exporter")
class Oracle(Others):
    def exporter(self, proc, sys):
        port = free_port()
        options = [f"--path.procfs={proc}", f"--path.sysfs={sys}", f"--path.udev.data={self.folder}", "--no-collector.netdev.netlink",
                   "--collector.processes", "--collector.stat.softirq", "--collector.netstat.fields=.*", "--collector.vmstat.fields=.*",
                   "--collector.netdev.device-exclude=^$", "--collector.diskstats.device-exclude=^(ram|loop|fd|zram)\\d+$",
                   f"--web.listen-address=127.0.0.1:{port}"]
        p = subprocess.Popen([EXPORTER, *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            wait_for("node_exporter", lambda: p.poll() is not None or peers.listens("127.0.0.1", port))
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=PATIENCE) as answer:
                return parse(answer.read().decode())
        finally:
            p.kill()
            p.wait()

    def compare(self, tree):
        """How many numbers agree; fails with all that do not."""
        proc, sys = tree + "/proc", tree + "/sys"
        theirs = self.exporter(proc, sys)
        ours = self.ours("host", "--per-core", "--states", "--proc", proc, "--sys", sys)
        for program in ("hwmon", "thermal"):
            ours.update(self.ours(program, "--sys", sys))
        same, wrong = 0, []
        for row in rows():
            if LIVE.match(row.theirs) or not row.simple:
                continue
            for tags, value in ours.get(row.name, []):
                want = {**row.labels, **{TAGS.get(k, k): v for k, v in tags.items()}}
                there = theirs.get(row.theirs, {}).get(frozenset(want.items()))
                if there is None and row.name.startswith("processes.state."):  # they have those that there are
                    there = 0.0
                if there is None:
                    if row.theirs in theirs or not NEWER.match(row.theirs):
                        wrong.append(f"{row.name} {tags}: they have no {row.theirs} {want}")
                elif not math.isclose(value, there * row.factor, rel_tol=1e-9, abs_tol=1e-9):
                    wrong.append(f"{row.name} {tags}: {value}, they have {there} * {row.factor}")
                else:
                    same += 1
        self.assertEqual(wrong, [])
        return same

    def copy(self, path, tree):
        """A file of /proc, which tells its size only by being read; nothing where it cannot be."""
        with contextlib.suppress(OSError), open(path, "rb") as f:
            data = f.read()
            os.makedirs(os.path.dirname(tree + path), exist_ok=True)
            with open(tree + path, "wb") as copy:
                copy.write(data)

    def test_node_exporter_on_this_machine(self):
        tree = self.folder + "/tree"
        os.makedirs(tree + "/sys")
        for pattern in COPIED:
            for path in glob.glob("/proc/" + pattern):
                self.copy(path, tree)
        self.assertGreater(self.compare(tree), 150)

    def test_node_exporter_on_made_trees(self):
        for seed in range(3):
            with self.subTest(seed=seed):
                tree = f"{self.folder}/{seed}"
                make_tree(tree, random.Random(seed), *((2, 1, 1), (64, 20, 8), (256, 300, 200))[seed])
                self.assertGreater(self.compare(tree), 200)


class Tools(Others):
    """This machine as the usual tools see it, which read the kernel themselves."""

    def said(self, *argv):
        env = {"PATH": os.environ["PATH"], "LC_ALL": "C"}
        return subprocess.run(argv, capture_output=True, text=True, timeout=PATIENCE, check=True, env=env).stdout

    def one(self, found, name):
        ((_, value),) = found[name]
        return value

    def compare(self, see, measure):
        """Both give {what: number}. Ours lies between what the tool saw before and after; else it is looked at again."""
        end = time.monotonic() + PATIENCE
        while True:
            before, ours, after = see(), measure(), see()
            wrong = {k: (before.get(k), v, after.get(k)) for k, v in ours.items()
                     if k not in before or k not in after or not min(before[k], after[k]) <= v <= max(before[k], after[k])}
            if not wrong or time.monotonic() > end:
                self.assertEqual(wrong, {})
                return self.assertGreater(len(ours), 0)

    def test_free(self):
        def see():
            rows = [line.split() for line in self.said(peers.found("free"), "-b").splitlines()]
            return {"memory.total": int(rows[1][1]), "memory.swap_total": int(rows[2][1]), "memory.swap_free": int(rows[2][3])}

        def measure():
            ours = self.ours("memory")
            return {name: self.one(ours, name) for name in ("memory.total", "memory.swap_total", "memory.swap_free")}
        self.compare(see, measure)

    def test_vmstat(self):
        names = {"interrupts": "interrupts.total", "CPU context switches": "processes.context_switches", "forks": "processes.forks",
                 "K paged in": "vmstat.pgpgin", "K paged out": "vmstat.pgpgout", "pages swapped in": "swap.in"}

        def see():
            seen = {what: int(n) for n, what in re.findall(r"^ *(\d+) (.*)$", self.said(peers.found("vmstat"), "-s"), re.M)}
            return {name: seen[what] * (1024 if what[0] == "K" else PAGE if what[:5] == "pages" else 1) for what, name in names.items()}

        def measure():
            ours = self.ours("host")
            return {name: self.one(ours, name) for name in names.values()}
        self.compare(see, measure)

    def test_df(self):
        columns = "size", "used", "available", "inodes", "inodes_free"

        def see():
            seen = {}
            for line in self.said("df", "-B1", "-a", "--output=target,fstype,size,used,avail,itotal,iavail").splitlines()[1:]:
                target, fstype, *numbers = line.rsplit(None, 6)
                seen.update({(target.strip(), fstype, c): int(n) for c, n in zip(columns, numbers) if n != "-"})
            return seen

        def measure():
            ours = self.ours("filesystems")
            return {(tags["mount"], tags["fstype"], c): value for c in columns for tags, value in ours["filesystem." + c]}
        self.compare(see, measure)

    @unittest.skipIf(not IOSTAT, "there is no iostat")
    @unittest.skipIf(not glob.glob("/sys/block/[!lrzf]*"), "this machine has no disk")
    def test_iostat(self):
        keys = {"kB_read": "disk.read_bytes", "kB_wrtn": "disk.written_bytes"}

        def see():
            disks = json.loads(self.said(IOSTAT, "-d", "-k", "-o", "JSON"))["sysstat"]["hosts"][0]["statistics"][0]["disk"]
            return {(d["disk_device"], name): d[key] for d in disks for key, name in keys.items()}

        def measure():
            ours = self.ours("disks")
            return {(tags["device"], name): value // 1024 for name in keys.values() for tags, value in ours[name]}
        self.compare(see, measure)

    def test_ss(self):
        self.compare(lambda: {"established": len(self.said("ss", "-tanH", "state", "established").splitlines())},
                     lambda: {"established": self.one(self.ours("tcp"), "tcp.curr_estab")})


if __name__ == "__main__":
    main()
