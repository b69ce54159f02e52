"""What ./quickstart shows: its own configuration, on a terminal and elsewhere, until Ctrl-C."""
import fcntl
import pty
import struct
import termios
import urllib.request

from harness import *

SCREEN = os.path.join(SOURCE, ".ci/screen.py")


class Quickstart(unittest.TestCase):
    def setUp(self):
        self.d = Daemon(self, "sinks: []\n", start=False)
        os.mkdir(self.d.path("quickstart.d"))
        self.port = free_port()
        for name in ("quickstart.yaml", *os.listdir(os.path.join(SOURCE, "config/quickstart.d"))):
            folder = "" if name == "quickstart.yaml" else "quickstart.d/"
            with open(os.path.join(SOURCE, "config", folder + name)) as f:
                text = f.read()
            for own in ("run", "spool"):
                text = text.replace(f"../build/quickstart/{own}", own)
            text = text.replace("127.0.0.1:8200", f"127.0.0.1:{self.port}")
            self.d.write(folder + name, text.replace("../../build/", "../build/").replace("../build/quickstart", BUILD))

    def test_a_second_run_of_the_tests_at_once_is_refused(self):
        folder = self.d.path("a clone")
        os.makedirs(folder + "/.ci")
        os.makedirs(folder + "/build/logs")
        for name in ("run-tests", ".ci/steps.sh"):
            shutil.copy(os.path.join(SOURCE, name), os.path.join(folder, name))
        with open(folder + "/build/logs/lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            r = subprocess.run([folder + "/run-tests", "--fast"], capture_output=True, text=True, timeout=PATIENCE)
        self.assertEqual(r.returncode, 1)
        self.assertIn("Another run-tests is at work in this folder", r.stderr)

    def begin(self, stdout, term):
        env = dict(os.environ, GARNET_TEST_DIR=self.d.dir, PATH=BUILD + ":" + os.environ["PATH"], TERM=term)
        p = subprocess.Popen(["/usr/bin/python3", "-B", SCREEN, BUILD + "/garnetd", "-c", self.d.path("quickstart.yaml")],
                             stdout=stdout, stderr=subprocess.STDOUT, env=env)
        self.addCleanup(p.wait)
        self.addCleanup(p.kill)
        return p

    def ends_well(self, p, text):
        self.assertEqual(p.wait(PATIENCE), 0)
        shown = text()
        self.assertRegex(shown, r"Seen in \d+ s: [\d,]+ metrics of \d+ series: cpu, disk /, loadavg, memory, uptime\.")
        self.assertIn("Where to go on from here:", shown)
        late = r"garnetd warn: collector \w+: (missed the run due at|ended after its timeout of)"  # as they are on a slow machine
        self.assertNotRegex(re.sub(late, "", shown), "warn|error")
        return shown

    def test_a_line_a_second_at_most(self):
        out = self.d.path("shown")

        def text():
            with open(out) as f:
                return f.read()
        with open(out, "w") as f:
            began = time.monotonic()
            p = self.begin(f, "dumb")
        for word in (r"cpu       user [\d,.]+ ms/s   nice ", "disk /    size [0-9.]+ [KMGT]iB", "uptime    [0-9]", "loadavg   1m"):
            wait_for(word, lambda w=word: re.search("^" + w, text(), re.M))
        wait_for("the page", lambda: "the page is at" in text())
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/api/series", timeout=PATIENCE) as answer:
            names = {s["n"] for s in json.load(answer)["series"]}
        self.assertLessEqual({"cpu.user", "memory.free", "uptime", "disk.free", "garnet.collector.runs"}, names)
        p.send_signal(signal.SIGINT)
        shown = self.ends_well(p, text)
        lines = [x for x in shown[:shown.index("Seen in")].split("\n") if x and not re.match(r"\d{4}-", x)]
        self.assertLessEqual(len(lines), time.monotonic() - began)

    def test_a_table_that_stays(self):
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        p = self.begin(theirs, "xterm")
        os.close(theirs)
        self.addCleanup(os.close, ours)
        data = bytearray()

        def look():
            try:
                data.extend(os.read(ours, 65536))
            except OSError:  # EIO: nobody has it any more
                return
        reader = threading.Thread(target=lambda: [look() for _ in iter(lambda: p.poll() is None, False)], daemon=True)
        reader.start()

        def text():
            return data.decode(errors="replace").replace("\r\n", "\n")
        wait_for("three tables", lambda: len(re.findall("^uptime ", text(), re.M)) > 3 and "cpu       user" in text())
        p.send_signal(signal.SIGINT)
        wait_for("the end", lambda: p.poll() is not None)
        reader.join(1)
        shown = self.ends_well(p, text)
        rows = high = 0  # lines that the screen has scrolled by at most
        for up, _ in re.findall(r"\x1b\[(\d+)A\x1b\[J|(\n)", shown[:shown.index("Seen in")]):
            rows += -int(up) if up else 1
            high = max(high, rows)
        messages = len(re.findall(r"^\S*?\d{4}-\d\d-\d\dT", shown, re.M))
        self.assertLessEqual(high, 14 + messages, "the introduction's ten lines stay, with it")


if __name__ == "__main__":
    main()
