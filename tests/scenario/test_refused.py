"""A collector's file with errors costs that collector alone; what was refused for the world starts by itself."""
from harness import *

SECOND = """#!/bin/sh
garnet emit "$1.value" 1 --socket "$2"
"""
LOOK = 60  # seconds within which a look, every 30 s, has come


class Refused(unittest.TestCase):
    def daemon(self, **more):
        d = Daemon(self, "self_metrics: 1s\nsinks:\n" + graphite_sink("main", "file:out.txt"), start=False)
        d.script("second", SECOND)
        d.collector("good", f"command: [{d.path('second')}, good]\ninterval: 1s\n")
        for name, text in more.items():
            d.collector(name, text.replace("DIR", d.dir))
        return d

    def values(self, d, name):
        return [x.split(" ")[1] for x in d.file_lines("out.txt") if x.startswith(f"testhost.{name} ")]

    def slots(self, d, name):
        return [int(x.split(" ")[2]) for x in d.file_lines("out.txt") if x.startswith(f"testhost.{name}.value ")]

    def check_untouched(self, d, worker):
        """The collector, the sink and the user that are beside what is refused."""
        check_slots(self, "good", self.slots(d, "good"), lambda: d.file_lines("out.txt"))
        self.assertEqual(d.worker("main"), worker)
        self.assertEqual(d.send('{"name":"user","value":1}')["accepted"], 1)
        wait_for("the user's metric", lambda: self.values(d, "user"))

    def test_one_script_that_is_not_there(self):
        d = self.daemon(later="command: [DIR/later, later]\ninterval: 1s\n", wrong="command: [/bin/true]\ninterval: 1x\n",
                        user="command: [/bin/true]\nuser: no-such-user\n", yaml="command: [\n")
        self.assertEqual(d.check()[0], 3)
        d.start()
        worker = d.worker("main")
        for place in ("later.yaml:1:11: ", "wrong.yaml:2:11: ", "user.yaml:2:7: ", "yaml.yaml:"):
            self.assertIn(d.path("collectors.d/" + place), d.log())
        for name in ("later", "user"):
            self.assertIn(f"collector {name} is refused and does not run: it is looked at again every 30s", d.log())
        for name in ("wrong", "yaml"):
            self.assertIn(f"collector {name} is refused and does not run: mend its file", d.log())
        wait_for("a metric says so", lambda: "4" in self.values(d, "garnet.collectors.refused"))
        wait_for("by name, too", lambda: "1" in self.values(d, "garnet.collector.refused.later"))
        wait_for("the good one runs", lambda: len(self.slots(d, "good")) > 1)
        d.script("later", SECOND)
        wait_for("it starts by itself", lambda: self.slots(d, "later"), LOOK)
        d.wait_log("collector later is no longer refused")
        wait_for("the metric says so", lambda: self.values(d, "garnet.collectors.refused")[-1] == "3")
        self.assertEqual(self.values(d, "garnet.collector.refused.good")[-1], "0")
        self.assertEqual(d.log().count("collector user is refused"), 1, "once")
        self.assertNotIn("was reread", d.log())
        self.check_untouched(d, worker)

    def test_a_new_file_with_errors_at_a_reload(self):
        d = self.daemon()
        d.start()
        worker = d.worker("main")
        d.collector("later", f"command: [{d.path('later')}, later]\ninterval: 1s\n")
        d.collector("other", f"command: [{d.path('second')}, other]\ninterval: 1s\n")
        self.assertIn("collector later is refused", d.hup())
        wait_for("the other new one runs", lambda: self.slots(d, "other"))
        d.script("later", SECOND)
        d.hup()
        wait_for("it runs", lambda: self.slots(d, "later"))
        self.check_untouched(d, worker)

    def test_a_file_that_has_errors_at_a_reload(self):
        d = self.daemon(broken="command: [DIR/second, broken]\ninterval: 1s\n",
                        gone="command: [DIR/gone, gone]\ninterval: 1s\n",
                        changed="command: [DIR/second, changed]\ninterval: 1s\n")
        d.script("gone", SECOND)
        d.start()
        worker, names = d.worker("main"), ("good", "broken", "gone", "changed")
        wait_for("all run", lambda: all(self.slots(d, n) for n in names))
        d.collector("broken", "command: [/bin/true\n")
        d.collector("gone", f"command: [{d.path('elsewhere')}, elsewhere]\ninterval: 1s\n")
        d.collector("changed", f"command: [{d.path('second')}, other]\ninterval: 1s\n")
        said = d.hup()
        self.assertIn("collector broken is refused and runs on as it was: mend", said)
        self.assertIn("collector gone is refused and runs on as it was: it is looked at", said)
        wait_for("what was good is applied", lambda: self.slots(d, "other"))
        before = {n: len(self.slots(d, n)) for n in ("broken", "gone")}
        wait_for("the old versions run on", lambda: all(len(self.slots(d, n)) > before[n] + 1 for n in before))
        wait_for("a metric says so", lambda: self.values(d, "garnet.collector.refused.gone")[-1] == "1")
        for name in before:
            check_slots(self, name, self.slots(d, name), lambda: d.file_lines("out.txt"))
        self.check_untouched(d, worker)

    def test_a_folder_that_cannot_be_read(self):
        """It is said; it removes nothing at a reload, and it is tried again."""
        d = self.daemon()
        d.start()
        worker = d.worker("main")
        wait_for("it runs", lambda: self.slots(d, "good"))
        os.rename(d.path("collectors.d"), d.path("away"))
        d.write("collectors.d", "no folder")
        said = d.hup()
        self.assertIn("collectors.d\" is not a folder", said)
        n = len(self.slots(d, "good"))
        wait_for("it runs on", lambda: len(self.slots(d, "good")) > n + 1)
        self.check_untouched(d, worker)
        d.terminate()
        d.start()
        self.assertIn("collectors.d\" is not a folder", d.log())
        self.assertEqual(d.check()[0], 3)
        n = len(self.slots(d, "good"))
        os.unlink(d.path("collectors.d"))
        os.rename(d.path("away"), d.path("collectors.d"))
        wait_for("it starts by itself", lambda: len(self.slots(d, "good")) > n, LOOK)

    def test_two_files_that_clash(self):
        """The second is refused at the start, and at a reload who comes."""
        needs_others(self, 4711)
        theirs = "user: '{}'\ngroup: '4711'\ncommand: [/bin/true]\ninterval: 1s\n"
        d = self.daemon(first=theirs.format(4711) + "limits: {processes: 20}\n", second=theirs.format(4711))
        d.start()
        worker = d.worker("main")
        if "is refused" not in d.log():
            self.skipTest("there is a control group that counts processes")
        self.assertIn("collector second is refused and does not run", d.log())
        d.collector("a", theirs.format(4711))
        said = d.hup()
        for name in ("a", "second"):
            self.assertIn(f"collector {name} is refused and does not run", said)
        self.assertNotIn("collector first is refused", said)
        wait_for("good runs", lambda: len(self.slots(d, "good")) > 1)
        os.unlink(d.path("collectors.d/first.yaml"))
        self.assertNotIn("is refused", d.hup())
        self.check_untouched(d, worker)

    def test_a_sink_whose_plugin_is_not_there(self):
        d = self.daemon()
        late = "  - {name: late, plugin: ./late.so, to: 'file:late.txt', flush: 100ms}\n"
        d.configure("self_metrics: 1s\nsinks:\n" + graphite_sink("main", "file:out.txt") + late)
        self.assertEqual(d.check()[0], 3)
        d.start()
        worker = d.worker("main")
        self.assertIn("garnet.yaml:", d.log())
        self.assertIn("sink late is refused and does not run", d.log())
        sent = [d.send(f'{{"name":"x","value":{i}}}')["accepted"] for i in range(20)]
        self.assertEqual(sent, [1] * 20)
        wait_for("it is queued for it", lambda: any(float(x) >= 20 for x in self.values(d, "garnet.sink.queued.late")))
        self.assertEqual(self.values(d, "garnet.sink.refused.late")[-1], "1")
        self.assertEqual(self.values(d, "garnet.sink.refused.main")[-1], "0")
        shutil.copy(os.path.join(BUILD, "plugins/graphite.so"), d.path("late.new"))
        os.rename(d.path("late.new"), d.path("late.so"))
        wait_for("it starts by itself, and has all", lambda: [
            x.split(" ")[1] for x in d.file_lines("late.txt") if x.startswith("testhost.x ")] == [str(i) for i in range(20)],
                 LOOK)
        started = d.worker("late")
        os.unlink(d.path("late.so"))
        self.assertIn("sink late is refused", d.hup())
        self.assertEqual(d.send('{"name":"x","value":20}')["accepted"], 1)
        wait_for("it runs on", lambda: any(x.startswith("testhost.x 20 ") for x in d.file_lines("late.txt")))
        self.assertEqual(d.worker("late"), started)
        self.check_untouched(d, worker)

    def test_what_else_is_not_there_is_111(self):
        """A service manager tries again; what is wrong with the text it does not."""
        d = self.daemon()
        d.configure("socket: {path: run/garnet.sock, group: no-such-group}\nsinks: []\n")
        d.start(ready=False)
        self.assertEqual(d.process.wait(PATIENCE), 111)
        d.configure("nonsense: 1\n")
        d.start(ready=False)
        self.assertEqual(d.process.wait(PATIENCE), 1)

    def test_a_main_file_without_a_key(self):
        """Half of a file is not a configuration without sinks, which would cost them their places in the spool."""
        d = self.daemon()
        d.start()
        worker = d.worker("main")
        d.write("garnet.yaml", "# nothing yet\n")
        self.assertIn("garnet.yaml: has no key", d.hup("the old one stays"))
        self.assertEqual(d.send('{"name":"x","value":1}')["accepted"], 1)
        wait_for("it goes on", lambda: self.values(d, "x") and len(self.slots(d, "good")) > 2)
        self.check_untouched(d, worker)
        self.assertEqual(d.check()[0], 1)
        d.terminate()
        d.start(ready=False)
        self.assertEqual(d.process.wait(PATIENCE), 1)

    def test_a_wrong_main_file_at_a_reload(self):
        """The old one stays, whole; no collector's file waits for it."""
        d = self.daemon(changed="command: [DIR/second, changed]\ninterval: 1s\n")
        d.start()
        worker = d.worker("main")
        wait_for("both run", lambda: self.slots(d, "good") and self.slots(d, "changed"))
        wrong = (("self_metrics: 1s\ntags: {env: wrong}\nnonsense: 1\n", 'garnet.yaml:8:1: unknown key "nonsense"'),
                 ("self_metrics: 1s\nsinks:\n" + graphite_sink("main", "file:out.txt", ", pth: x"), 'did you mean "path"'))
        for i, (text, said) in enumerate(wrong):
            d.configure(text)
            d.collector("changed", f"command: [{d.path('second')}, other{i}]\ninterval: 1s\n")
            d.collector("odd", "intervall: 1s\n")
            log = d.hup("the old one stays; the collectors' files are applied")
            self.assertIn(said, log)
            d.wait_log("collector odd is refused")
            wait_for("what was good is applied", lambda: self.slots(d, f"other{i}"))
        os.unlink(d.path("collectors.d/changed.yaml"))
        d.hup("the old one stays")
        d.wait_log("collector changed")
        self.assertEqual(d.check()[0], 1)
        d.configure("self_metrics: 1s\nsinks:\n" + graphite_sink("main", "file:out.txt"))
        d.hup()
        self.assertGreaterEqual(float(self.values(d, "garnet.reload.failures")[-1]), 2)
        self.check_untouched(d, worker)

    def test_no_sink_is_a_warning(self):
        d = Daemon(self, "self_metrics: 0\nsinks: []\n", start=False)
        code, _, err = d.check()
        self.assertEqual((code, err.count("warning: ")), (0, 1))
        self.assertIn("garnet.yaml: there is no sink", err)
        d.start()
        self.assertIn("garnet.yaml: there is no sink", d.log())

    def test_the_units_reload(self):
        """Its line goes on at 0 and 3 alone."""
        with open(os.path.join(SOURCE, "config/garnet.service.in")) as f:
            line = re.search(r"^ExecReload=/bin/sh -c '(.*?)'$", f.read(), re.M | re.S)[1]
        line = line.replace("\\\n", " ").replace("$$", "$")
        line = re.sub("@[A-Z_]*SBINDIR@", BUILD, line)
        d = self.daemon()
        d.start()

        def reload(text=None, **collectors):
            if text is not None:
                d.configure(text)
            for name, said in collectors.items():
                d.collector(name, said)
            sh = re.sub(r"-c \S*garnet\.yaml", f"-c {d.config_path}", line)
            return subprocess.run(["/bin/sh", "-c", sh], env=dict(os.environ, MAINPID=str(d.process.pid)),
                                  capture_output=True, text=True, timeout=PATIENCE)
        mark = d.log_size()
        self.assertEqual(reload().returncode, 0)
        d.wait_log("is in use", mark)
        mark = d.log_size()
        r = reload(odd="command: [/no/such/thing]\n")
        self.assertEqual(r.returncode, 0)
        self.assertIn("odd.yaml:1:11: ", r.stderr)
        d.wait_log("is in use", mark)
        mark = d.log_size()
        self.assertEqual(reload("nonsense: 1\n").returncode, 1)
        self.assertNotIn("nonsense", d.log()[mark:], "no SIGHUP")


if __name__ == "__main__":
    main(side_by_side=4)
