"""garnetd -t: every error with its place, plugin options included, no I/O towards any endpoint, exit 0, 1 or 3."""
from harness import *


class Check(unittest.TestCase):
    def check(self, sinks, collectors=None):
        d = Daemon(self, sinks, collectors, start=False)
        code, out, err = d.check()
        return d, code, out, err.replace(d.dir + "/", "")

    def test_good(self):
        r = Receiver()
        self.addCleanup(r.stop)
        d, code, out, err = self.check("sinks:\n" + graphite_sink("main", f"tcp://127.0.0.1:{r.port}"),
                                       {"ok": "command: [/bin/true]\n"})
        self.assertEqual((code, err), (0, ""))
        self.assertIn("no errors", out)
        self.assertEqual(r.accepted, 0)
        self.assertFalse(os.path.exists(d.path("spool")))
        self.assertFalse(os.path.exists(d.path("run")))

    def test_all_errors_of_all_files_in_one_go(self):
        _, code, _, err = self.check(
            "sinks:\n" + graphite_sink("main", "tpc://x:1") + "  - {name: main, plugin: graphite, to: stdout}\n"
            "nonsense: 1\n",
            {"a": "command: [/bin/true]\ninterval: 10x\n", "b": "command: [/bin/true\n",
             "c": "command: [/does/not/exist]\n"})
        self.assertEqual(code, 1, "garnet.yaml's")
        for place in ("garnet.yaml:7:", "garnet.yaml:8:", "garnet.yaml:9:1: ", "collectors.d/a.yaml:2:11: ",
                      "collectors.d/b.yaml:", "collectors.d/c.yaml:1:11: "):
            self.assertIn(place, err)

    def test_errors_of_collectors_alone(self):
        _, code, out, err = self.check("sinks:\n" + graphite_sink("main", "stdout"),
                                       {"a": "command: [/bin/true]\ninterval: 10x\n", "ok": "command: [/bin/true]\n",
                                        "c": "command: [/does/not/exist]\n"})
        self.assertEqual(code, 3)
        self.assertIn("collectors.d/a.yaml:2:11: ", err)
        self.assertIn("collectors.d/c.yaml:1:11: ", err)
        self.assertNotIn("ok.yaml", err)
        self.assertIn("no errors but of what is refused", out)

    def test_plugin_options(self):
        _, code, _, err = self.check("sinks:\n  - name: main\n    plugin: graphite\n    to: stdout\n"
                                     "    pth: '{name}'\n")
        self.assertEqual(code, 1)
        self.assertRegex(err, r'^garnet\.yaml:10:5: .*"pth".*did you mean "path"')
        _, code, _, err = self.check("sinks:\n  - name: main\n    plugin: graphite\n    to: stdout\n"
                                     "    path: '{name'\n")
        self.assertEqual(code, 1)
        self.assertRegex(err, r"^garnet\.yaml:10:11: ")

    def test_a_key_of_every_sink_hides_no_option(self):
        """Also one that is wrong elsewhere in the file. Who a plugin would be checked as must be known."""
        _, code, _, err = self.check("nonsense: 1\nsinks:\n  - name: a\n    plugin: graphite\n    to: stdout\n    flush: soon\n"
                                     "    pth: '{name}'\n  - {name: b, plugin: graphite, to: stdout, user: [x], pth: y}\n"
                                     "  - {name: b, plugin: graphite, to: stdout, pth: y}\n")
        self.assertEqual(code, 1)
        lines = err.splitlines()
        self.assertEqual(len(lines), 5, err)
        for pattern in (r"\.yaml:6:1: .*nonsense", r"\.yaml:11:12: flush: ", r"\.yaml:12:5: .*\"pth\".*did you mean \"path\"",
                        r"\.yaml:13:\d+: user must be", r"\.yaml:14:\d+: name: \"b\" is already"):
            self.assertEqual(len([x for x in lines if re.search(pattern, x)]), 1, pattern + " in\n" + err)

    def test_keys_without_effect(self):
        """What a plugin makes no use of is an error, and not silently ignored."""
        _, code, _, err = self.check(
            "sinks:\n" + graphite_sink("a", "stdout", ", max_age: 5s") +
            graphite_sink("b", "stdout", ", counter_window: 5m") +
            graphite_sink("c", "stdout", ", counters: rate, counter_window: 5m") +
            "  - {name: d, plugin: statsd, to: tcp://h:1, confirm: {every: 5s}, max_age: 5s, counter_window: 5m}\n"
            "  - {name: e, plugin: statsd, to: tcp://h:1, counters: raw, counter_window: 5m}\n")
        self.assertEqual(code, 1)
        raw = "counter_window has no effect while counters are sent raw: remove it, or set \"counters\" to rate or delta"
        wanted = (r"7:\d+: max_age has no effect: plugin graphite sends the time of each metric: remove it",
                  r"8:\d+: " + raw,
                  r"10:\d+: confirm has no effect: plugin statsd is not idempotent, so nothing is sent again: remove it",
                  r"11:\d+: " + raw)
        self.assertEqual(len(err.splitlines()), len(wanted), err)
        for line, pattern in zip(err.splitlines(), wanted):
            self.assertRegex(line, "^garnet\\.yaml:" + pattern + "$")

    def test_unknown_group(self):
        _, code, _, err = self.check("socket: {path: run/s, group: nosuchgroup}\nsinks: []\n")
        self.assertEqual(code, 1)
        self.assertRegex(err, r"^garnet\.yaml:\d+:\d+: .*nosuchgroup")

    def test_a_plugin_that_is_none(self):
        d = Daemon(self, "sinks:\n  - {name: main, plugin: ./fake.so, to: stdout}\n", start=False)
        d.write("fake.so", "not an ELF file")
        code, _, err = d.check()
        self.assertEqual(code, 3)
        self.assertIn("garnet.yaml:", err)

    def test_start_with_errors(self):
        d = Daemon(self, "sinks:\n  - {name: main, plugin: graphite, too: stdout}\n", start=False)
        d.start(ready=False)
        self.assertEqual(d.process.wait(PATIENCE), 1)
        self.assertIn(f"{d.config_path}:", d.log())

    def test_no_such_file(self):
        d = Daemon(self, "sinks: []\n", start=False)
        os.unlink(d.config_path)
        code, _, err = d.check()
        self.assertEqual(code, 1)
        self.assertIn("does not exist", err)


if __name__ == "__main__":
    main()
