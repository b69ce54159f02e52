"""All collectors of the host once a second under garnetd, each as a program of its own, and `host` as one that goes on: no due time is
missed, nothing is rejected, and the one that goes on opens no more files. And valgrind's look at it."""
from harness import *

SECONDS = 60
FOLDER = os.path.join(BUILD, "collectors")
SLOW = ("filesystems", "cgroups", "hwmon", "thermal")
VALGRIND = shutil.which("valgrind")


def subjects():
    """Those that this machine has: no sensors, say."""
    text = subprocess.run([FOLDER + "/host", "--help"], capture_output=True, text=True, timeout=PATIENCE).stdout
    names = [*re.findall(r"^  ([a-z]+)  ", text.split("\n\n")[0], re.M), *SLOW]
    looks = {n: subprocess.run([f"{FOLDER}/{n}", "--print"], capture_output=True, timeout=PATIENCE) for n in names}
    return [n for n, look in looks.items() if look.returncode == 0 and look.stdout]


class HostRounds(unittest.TestCase):
    def test_each_second_under_garnetd(self):
        names = subjects()
        self.assertGreater(len(names), 15)
        self.d = Daemon(self, "self_metrics: 0\nsinks:\n" + graphite_sink("main", "file:out.txt", ", path: '{collector}.{name}.{tags}'"), start=False,
                        collectors={n: f"command: [{FOLDER}/{n}]\ninterval: 1s\n" for n in names} |
                        {"all": f"command: [{FOLDER}/host, --every, 1s]\nmode: daemon\ninterval: 1s\n"})
        self.d.start()
        begun = time.monotonic()
        wait_for("the first rounds", lambda: all("last_run" in c for n, c in self.d.collectors().items() if n != "all"))
        pid = self.d.collectors()["all"]["pid"]
        wait_for("half of it", lambda: time.monotonic() - begun > SECONDS / 2, SECONDS)
        open_files = sorted(os.listdir(f"/proc/{pid}/fd"))
        wait_for("the rest", lambda: time.monotonic() - begun > SECONDS, SECONDS)
        self.assertEqual(sorted(os.listdir(f"/proc/{pid}/fd")), open_files)
        for name, c in self.d.collectors().items():
            self.assertEqual([c.get("missed", 0), c["rejected"], sum(c["failures"].values())], [0, 0, 0], f"{name}\n{self.d.log()}")
        self.assertEqual(self.d.terminate(), 0)
        times = {}
        for line in self.d.file_lines("out.txt"):
            path, _, at = line.split(" ")
            times.setdefault(path.split(".")[0], set()).add(int(at))
        for name, seen in times.items():
            self.assertEqual(sorted(seen), list(range(min(seen), max(seen) + 1)), name)
            self.assertGreaterEqual(len(seen), SECONDS - 2, name)

    @unittest.skipIf(not VALGRIND, "there is no valgrind")
    def test_valgrind(self):
        for argv in (["host", "--per-core", "--states", "--every", "100ms"], *([name, "--every", "100ms"] for name in SLOW)):
            with self.subTest(argv=argv):
                p = subprocess.Popen([VALGRIND, "--leak-check=full", "--track-fds=yes", FOLDER + "/" + argv[0], *argv[1:], "--print"],
                                     stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
                self.addCleanup(p.kill)
                for _ in range(400 if argv[0] == "host" else 5):
                    if not p.stdout.readline():
                        break
                p.terminate()
                _, err = p.communicate(timeout=PATIENCE)
                self.assertIn("ERROR SUMMARY: 0 errors", err)
                self.assertNotRegex(err, "Open file descriptor [0-9]+: (?!.*inherited)(?!/proc|/sys)")


if __name__ == "__main__":
    main()
