"""A command on a mount that does not answer costs its collector and nothing else; processes that hang there do not become more."""
from harness import *
from hung_fs import HungFs

EMIT = "#!/bin/sh\ngarnet emit %s.value 1 --socket \"$1\"\n"
LOOK = 90  # seconds within which a look, every 30 s, has come and got through


class Hung(unittest.TestCase):
    def daemon(self, **collectors):
        d = Daemon(self, "self_metrics: 1s\nsinks:\n" + graphite_sink("main", "file:out.txt"), start=False)
        fs = HungFs(self, d.path("mnt"), EMIT % "hung")
        d.prefix = fs.prefix
        d.script("well", EMIT % "good")
        d.collector("good", f"command: [{d.path('well')}]\ninterval: 1s\n")
        for name, command in collectors.items():
            d.collector(name, f"command: [{d.path(command)}]\ninterval: 1s\n")
        return d, fs

    def slots(self, d, name):
        return [int(x.split(" ")[2]) for x in d.file_lines("out.txt") if x.startswith(f"testhost.{name}.value ")]

    def asking(self, d, called="garnetd-ask"):
        """The processes of this garnetd that ask, hung ones included."""
        found, above = [], {d.process.pid}
        everyone = []
        for p in filter(str.isdigit, os.listdir("/proc")):
            with contextlib.suppress(OSError), open(f"/proc/{p}/stat") as f:
                stat = f.read()
                everyone.append((int(p), int(stat[stat.rindex(")") + 2:].split()[1]), stat[stat.index("(") + 1:stat.rindex(")")]))
        for _ in range(6):
            above |= {p for p, parent, _ in everyone if parent in above}
        return [p for p, _, comm in everyone if p in above and comm == called]

    def check_untouched(self, d, worker):
        check_slots(self, "good", self.slots(d, "good"), lambda: d.file_lines("out.txt"))
        self.assertEqual(d.worker("main"), worker)

    def test_one_command(self):
        d, fs = self.daemon(hung="mnt/check")
        d.start()
        worker = d.worker("main")
        self.assertIn("is on a file system that did not answer within 4s", d.log())
        self.assertIn("collector hung is refused and does not run: it is looked at again every 30s", d.log())
        wait_for("the good one runs", lambda: self.slots(d, "good"))
        for i in range(5):
            d.collector("other", f"command: [/bin/true]\ninterval: {i + 10}s\n")
            self.assertIn("collector hung is refused", d.hup())
        self.assertEqual(len(self.asking(d)), 1, "none is sent after the first")
        fs.answer()
        wait_for("it starts by itself", lambda: self.slots(d, "hung"), LOOK)
        d.wait_log("collector hung is no longer refused")
        wait_for("nobody hangs any more", lambda: not self.asking(d))
        self.check_untouched(d, worker)

    def test_a_mount_that_dies_while_its_collector_runs(self):
        d, fs = self.daemon(hung="mnt/check")
        fs.answer()
        d.start()
        worker = d.worker("main")
        wait_for("both run", lambda: self.slots(d, "good") and self.slots(d, "hung"))
        fs.hang()
        d.collector("other", "command: [/bin/true]\ninterval: 1h\n")
        said = d.hup()
        self.assertIn("collector hung is refused and runs on as it was: it is looked at", said)
        self.assertNotIn("collector good", said)
        n = len(self.slots(d, "good"))
        wait_for("the good one runs on", lambda: len(self.slots(d, "good")) > n + 1)
        n = len(self.slots(d, "hung"))
        fs.answer()
        wait_for("it runs on", lambda: len(self.slots(d, "hung")) > n + 1, LOOK)
        self.check_untouched(d, worker)

    def test_a_file_that_does_not_answer(self):
        """A link to it in the collectors' folder."""
        d, fs = self.daemon()
        os.symlink(d.path("mnt/check"), d.path("collectors.d/far.yaml"))
        d.start()
        worker = d.worker("main")
        self.assertIn("far.yaml: is on a file system that did not answer within 4s", d.log())
        self.assertIn("collector far is refused and does not run: it is looked at again every 30s", d.log())
        wait_for("the good one runs", lambda: self.slots(d, "good"))
        d.collector("other", "command: [/bin/true]\ninterval: 10s\n")
        self.assertIn("far is refused", d.hup())
        self.assertEqual(len(self.asking(d)), 1, "none is sent after the first")
        fs.answer()
        wait_for("it is read", lambda: "far.yaml:" in d.log().rpartition("did not answer within 4s")[2], LOOK)
        self.check_untouched(d, worker)

    def test_a_secret_of_a_sink(self):
        d, fs = self.daemon()
        with open(d.config_path, "a") as f:
            f.write(f"  - {{name: other, plugin: {BUILD}/tests/plugins/secret.so, to: stdout, key_file: mnt/check}}\n")
        d.start()
        worker = d.worker("main")
        self.assertRegex(d.log(), 'key_file: ".*/mnt/check" is on a file system that did not answer within 4s')
        wait_for("the good one runs", lambda: self.slots(d, "good"))
        self.assertEqual(len(self.asking(d)), 1)
        fs.answer()
        wait_for("it is judged", lambda: "/mnt/check\" is open to everybody" in d.log(), LOOK)
        self.check_untouched(d, worker)

    def test_a_mount_whose_size_is_asked_for(self):
        """By the collector's file as it is installed, but for the interval."""
        d, fs = self.daemon()
        with open(os.path.join(SOURCE, "config/collectors.d/filesystems.yaml.in")) as f:
            d.collector("filesystems", f.read().replace("@GARNET_LIBEXEC_DIR@", BUILD).replace("1m", "1s"))

        def rounds(dead):
            return {x.split(" ")[2] for x in d.file_lines("out.txt")
                    if x.startswith("testhost.filesystem.size.") and (os.path.basename(d.dir) in x) == dead}
        fs.answer()
        d.start()
        worker = d.worker("main")
        wait_for("all are measured", lambda: rounds(True) and rounds(False))
        fs.hang()
        d.wait_log("/mnt: does not answer")
        for _ in range(2):  # what was measured before may be on its way still
            well, dead = len(rounds(False)), len(rounds(True))
            wait_for("the others are measured again and again", lambda: len(rounds(False)) > well + 3)
        self.assertEqual(len(rounds(True)), dead)
        wait_for("one alone hangs, and one answers", lambda: len(self.asking(d, "asking")) == 2)
        fs.answer()
        wait_for("it is measured again", lambda: len(rounds(True)) > dead + 2)
        wait_for("nobody hangs any more", lambda: len(self.asking(d, "asking")) == 1)
        self.check_untouched(d, worker)

    def test_many_commands(self):
        d, fs = self.daemon(**{f"hung{i}": f"mnt/{i}" for i in range(40)})
        d.start()
        worker = d.worker("main")
        wait_for("the good one runs", lambda: self.slots(d, "good"))
        self.assertEqual(len(re.findall(r"collector hung\d+ is refused", d.log())), 40)
        for i in range(3):
            d.collector("other", f"command: [/bin/true]\ninterval: {i + 10}s\n")
            self.assertNotIn("collector good", d.hup())
        self.assertLessEqual(len(self.asking(d)), 16)
        fs.answer()
        wait_for("all are found not to be there", lambda: all(
            f'/{i}" does not exist' in d.log() for i in range(40)), LOOK)
        wait_for("nobody hangs any more", lambda: not self.asking(d))
        self.check_untouched(d, worker)


if __name__ == "__main__":
    main(side_by_side=4)
