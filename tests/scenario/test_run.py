"""`garnet run`: one run of a collector as garnetd would do it, by its name or of a file, and what it says of good and bad ones."""
import pty
import pwd
import select

from harness import *

GARNET = os.path.join(BUILD, "garnet")
GOOD = f"""#!/bin/sh
echo measuring
{GARNET} emit users 3 --unit U --tag room=kitchen --time 1700000000
{GARNET} emit disk.free 12.5 --type counter --time 1700000000
"""


class Scene(unittest.TestCase):
    def setUp(self):
        self.d = Daemon(self, f"sinks:\n  - {{name: main, plugin: graphite, to: 'tcp://127.0.0.1:1'}}\n", start=False)

    def probe(self, script, more=""):
        self.d.script("probe.sh", script)
        self.d.collector("probe", f"command: {self.d.path('probe.sh')}\n{more}")

    def argv(self, *args, config=None):
        return [GARNET, "run", "-c", config or self.d.config_path, *args]

    def env(self):
        return dict(os.environ, GARNET_TEST_DIR=self.d.dir)

    def run_it(self, *args, **more):
        more = {"env": self.env(), **more}
        r = subprocess.run(self.argv(*args), capture_output=True, text=True, timeout=PATIENCE, **more)
        return r.returncode, r.stdout, r.stderr

    def plain(self, text):
        """Without what differs from run to run."""
        text = re.sub(r"\d+\.\d+ (s|MiB)\b", r"N \1", text.replace(self.d.dir, "DIR"))
        return re.sub(r"\bprobe\[\d+\]", "probe[PID]", text)


class OneRun(Scene):
    def test_a_good_one(self):
        self.probe(GOOD)
        code, out, err = self.run_it("probe")
        user = pwd.getpwuid(os.geteuid()).pw_name
        self.assertEqual((code, self.plain(out)), (0, f"""\
2023-11-14T22:13:20Z users{{host=testhost,room=kitchen}} 3 U [probe]
2023-11-14T22:13:20Z disk.free{{host=testhost}} 12.5 counter [probe]
collector probe: ok: exit status 0
  metrics  2 accepted, 0 rejected
  took     N s; CPU N s (user N s, system N s); memory N MiB
  user     {user}
"""))
        self.assertEqual(self.plain(err), f"""\
running DIR/probe.sh as user {user}, 10s at most
info: collector probe[PID]: measuring
""")

    def test_what_is_rejected(self):
        self.probe(f"#!/bin/sh\nprintf '{{\"name\":\"a\",\"value\":1}}\\n{{\"name\":\"b\",\"vlaue\":2}}\\n' | {GARNET} emit\nexit 0\n")
        code, out, err = self.run_it("probe")
        self.assertEqual(code, 1)
        self.assertIn('warn: collector probe: line 2, byte 13: vlaue: unknown field: did you mean "value"?\n', err)
        self.assertIn("collector probe: ok: exit status 0\n  metrics  1 accepted, 1 rejected: the reasons are above\n", out)

    def test_ends_of_its_own(self):
        for script, more, want, said in (
                ("exit 3", "", "failed: exit status 3", "warn: collector probe: exit status 3\n"),
                ("kill -9 $$", "", "failed: killed by signal 9", "killed by signal 9"),
                ("sleep 1000 & exec sleep 1000", "timeout: 200ms\n", "failed: ended after its timeout of 0.2s", "timeout of 0.2s"),
                ("echo users 3", "", "ok: exit status 0", "send metrics to the socket that is its last argument"),
                ("setsid sleep 1000 &", "", "  left     1 process behind, killed", "left processes behind")):
            with self.subTest(script):
                self.probe(f"#!/bin/sh\n{script}\n", more)
                code, out, err = self.run_it("probe")
                self.assertEqual(code, 0 if "fail" not in want else 1)
                self.assertIn(want, out)
                self.assertIn(said, err)
                self.assertEqual(self.d.left(), [])

    def test_as_garnetd_would(self):
        """Its environment is a service's and not the caller's; its limits and its folder are its own."""
        self.probe('#!/bin/sh\necho "$PATH|$LC_ALL|$X|$GARNET_COLLECTOR|$GARNET_INTERVAL|$(pwd)|$(ulimit -n)|$1"\n',
                   "interval: 30s\nlimits: {files: 64}\ncwd: /usr\nenv: {X: y}\n")
        _, _, err = self.run_it("probe", env=dict(self.env(), PATH="/mine:/bin", LC_ALL="de_DE"))
        self.assertRegex(err, r": /usr/local/sbin:[^|]*:/bin\|\|y\|probe\|30\|/usr\|64\|/tmp/garnet-run\.\w+/probe\.sock\n")
        folder = os.path.dirname(re.search(r"\|(/tmp/\S+)", err)[1])
        self.assertFalse(os.path.exists(folder))

    def test_beside_a_garnetd(self):
        """That has the same collector."""
        self.probe(GOOD, "interval: 1s\ntimeout: 30s\n")
        self.d.start()
        self.assertEqual(self.run_it("probe")[0], 0)
        mark = self.d.log_size()
        self.d.wait_log("]: measuring", mark)

    def test_json(self):
        self.probe(GOOD + "exit 4\n")
        code, out, err = self.run_it("probe", "--json")
        lines = [json.loads(line) for line in out.splitlines()]
        self.assertEqual((code, err), (1, ""))
        self.assertEqual([m["metric"]["name"] for m in lines if "metric" in m], ["users", "disk.free"])
        self.assertEqual([m["text"] for m in lines if m.get("log") == "warn"], ["collector probe: exit status 4"])
        run = lines[-1]["run"]
        self.assertEqual([run[k] for k in ("collector", "success", "outcome", "exit_status", "accepted", "rejected")],
                         ["probe", False, "exit", 4, 2, 0])
        self.assertGreater(run["max_rss"], 100000)

    def test_its_sinks(self):
        plugin = os.path.join(BUILD, "tests/plugins/secret.so")
        self.d.configure("sinks:\n  - {name: main, plugin: graphite, to: 'tcp://127.0.0.1:1'}\n"
                         f"  - {{name: kept, plugin: {plugin}, to: 'file:out', path: given, key_file: key}}\n"
                         "  - {name: none, plugin: nothing, to: 'file:x'}\n")
        self.d.write("key", "tops3cret\n", 0o600)
        self.probe(GOOD)
        code, out, err = self.run_it("probe", "--sinks")
        self.assertEqual(code, 1, "one of them is refused")
        self.assertIn("==> sink main: graphite to tcp://127.0.0.1:1 <==\n"
                      "testhost.users.kitchen 3 1700000000\ntesthost.disk.free 12.5 1700000000\n", out)
        self.assertRegex(out, r"==> sink kept: [^\n]* <==\nusers \*\*\* none\ndisk.free \*\*\* none\n==> sink none: ")
        self.assertRegex(err, r'garnet.yaml:\d+:\d+: plugin: "nothing"')
        self.assertNotIn("tops3cret", out + err)

    def test_standard_output_that_is_full(self):
        self.probe(f"#!/bin/sh\nwhile {GARNET} emit x 1; do :; done\n", "mode: daemon\n")
        with open("/dev/full", "w") as full:
            r = subprocess.run(self.argv("probe"), stdout=full, stderr=subprocess.PIPE, env=self.env(), timeout=PATIENCE)
        self.assertEqual(r.returncode, 1)


class Which(Scene):
    def test_a_file_that_is_not_there_yet(self):
        self.d.script("mine.sh", GOOD)
        self.d.write("mine.yaml", "command: ./mine.sh\n")
        for name in ("mine.yaml", "./mine.yaml", self.d.path("mine.yaml")):
            code, out, err = self.run_it(name, cwd=self.d.dir)
            self.assertEqual((code, err.count("measuring")), (0, 1), err)
            self.assertIn("[mine]\n", out)

    def test_a_file_instead_of_the_one_in_use(self):
        self.probe("#!/bin/sh\necho old\n")
        os.mkdir(self.d.path("new"))
        self.d.write("new/probe.yaml", "command: [/bin/echo, new]\n")
        self.assertIn("]: new /tmp", self.run_it(self.d.path("new/probe.yaml"))[2])
        self.assertIn("]: old\n", self.run_it("probe")[2])

    def test_refused_as_garnetd_does_it(self):
        self.d.collector("other", "nonsense: 1\n")
        self.d.script("plain", "#!/bin/sh\n")
        os.chmod(self.d.path("plain"), 0o644)
        for text, want in (("command: /bin/true\nintervall: 3s\n", ':2:1: unknown key "intervall": did you mean "interval"?\n'),
                           (f"command: {self.d.path('plain')}\n", r" is not executable: chmod \+x it\n"),
                           ("command: /bin/true\nenabled: false\n", ": enabled: false, so garnetd does not run it")):
            with self.subTest(text):
                self.d.collector("probe", text)
                code, out, err = self.run_it("probe")
                self.assertEqual((code, out), (1, ""))
                self.assertRegex(err, want if "\\" in want else re.escape(want))
                self.assertTrue(err.startswith(self.d.path("collectors.d/probe.yaml:")), err)
                self.assertNotIn("other.yaml", err)

    def test_no_such_collector(self):
        self.probe(GOOD)
        code, out, err = self.run_it("porbe")
        self.assertEqual((code, out), (2, ""))
        self.assertIn('garnet run: there is no collector "porbe": did you mean "probe"?\n', err)
        self.assertIn("collectors.d has probe;", err)
        self.assertEqual(self.run_it("./no.yaml", cwd=self.d.dir)[::2], (1, self.d.path("no.yaml: does not exist\n")))
        code, _, err = self.run_it("./probe.sh", cwd=self.d.dir)
        self.assertEqual(code, 2)
        self.assertIn("a collector's file, which ends in .yaml", err)

    def test_a_wrong_main_file(self):
        self.probe(GOOD)
        self.d.configure("sinks: x\n")
        code, _, err = self.run_it("probe")
        self.assertEqual(code, 1)
        self.assertRegex(err, r"^\S+/garnet.yaml:\d+:\d+: sinks")
        self.assertEqual(self.run_it("-c", self.d.path("none"), "probe")[::2], (1, self.d.path("none: does not exist\n")))

    def test_what_only_garnetd_needs(self):
        """A socket that it could not have keeps no run from being tried."""
        self.probe(GOOD)
        os.mkdir(self.d.path("open"))
        os.chmod(self.d.path("open"), 0o777)
        self.d.configure("socket: open/garnet.sock\nsinks: []\n")
        code, _, err = self.run_it("probe")
        self.assertEqual(code, 0)
        self.assertRegex(err, r"^warning: \S+/garnet.yaml:\d+:\d+: path: everybody may write")

    def test_another_user(self):
        needs_others(self, pwd.getpwnam("nobody").pw_uid)
        os.chmod(self.d.dir, 0o755)
        self.probe("#!/bin/sh\nid -un; test -w \"$1\" && echo may\n", "user: nobody\n")
        code, out, err = self.run_it("probe")
        self.assertEqual(code, 0)
        self.assertRegex(self.plain(err), r"\]: nobody\n.*\]: may\n")
        self.assertTrue(out.endswith("  user     nobody\n"), out)

    def test_garnetds_user(self):
        """Where that is not root."""
        nobody = pwd.getpwnam("nobody")
        needs_others(self, nobody.pw_uid)
        os.chmod(self.d.dir, 0o755)
        os.mkdir(self.d.path("spool"))
        os.chown(self.d.path("spool"), nobody.pw_uid, nobody.pw_gid)
        self.probe("#!/bin/sh\nid -un; echo $USER\n")
        os.chown(self.d.path("probe.sh"), nobody.pw_uid, nobody.pw_gid)  # which root would not trust
        code, out, err = self.run_it("probe")
        self.assertEqual((code, err.count("]: nobody\n")), (0, 2))
        self.assertTrue(out.endswith("  user     nobody, who owns the spool\n"), out)
        shutil.rmtree(self.d.path("spool"))

    def test_another_user_without_the_right(self):
        needs_others(self, 1)
        os.chmod(self.d.dir, 0o755)
        self.probe(GOOD, "user: nobody\n")
        code, out, err = self.run_it("probe", user=1, group=1, extra_groups=[])
        self.assertEqual((code, out), (1, ""))
        self.assertRegex(err, r'probe.yaml:2:7: user: garnetd runs as user 1 without the privilege to become "nobody"')
        self.assertIn("run this as root: sudo garnet run", err)

    def test_wrong_usage(self):
        for args, want in (((), "which collector?"), (("a", "b"), "b: one collector at a time"), (("--nonsense",), "unknown option"),
                           (("a", "--for", "3"), '--for "3" has no unit'), (("a", "--for"), "--for needs a value"),
                           (("a", "--json", "--sinks"), "choose one")):
            code, out, err = self.run_it(*args)
            self.assertEqual((code, out), (2, ""))
            self.assertIn(want, err)


class Ends(Scene):
    DAEMON = f"#!/bin/sh\ntrap 'echo goodbye; exit 0' TERM\nwhile :; do {GARNET} emit beat 1; sleep 0.05 & wait $!; done\n"

    def at_a_terminal(self, *args):
        """Its process, and the pty that is its terminal."""
        ours, its = pty.openpty()
        self.addCleanup(os.close, ours)
        p = subprocess.Popen(["setsid", "--ctty", *self.argv(*args)], stdin=its, stdout=its, stderr=its, env=self.env())
        os.close(its)
        self.text = ""
        return p, ours

    def read_until(self, terminal, what):
        def look():
            if select.select([terminal], [], [], 0)[0]:
                self.text += os.read(terminal, 4096).decode().replace("\r\n", "\n")
            return what in self.text
        wait_for(f"the terminal shows {what!r}", look)

    def test_ctrl_c(self):
        self.probe(self.DAEMON, "mode: daemon\n")
        p, terminal = self.at_a_terminal("probe")
        self.read_until(terminal, "} 1 [probe]\n")
        os.write(terminal, b"\x03")
        self.read_until(terminal, "  user ")
        self.assertEqual(p.wait(PATIENCE), 0)
        self.assertIn("]: goodbye\n", self.text)
        self.assertIn("collector probe: ended because you asked: exit status 0\n", self.text)

    def test_ctrl_c_twice(self):
        self.probe("#!/bin/sh\ntrap 'echo no' TERM\necho begun\nwhile :; do sleep 0.05; done\n", "grace: 1m\ntimeout: 1h\n")  # 1m: more than PATIENCE
        p, terminal = self.at_a_terminal("probe")
        self.read_until(terminal, "]: begun\n")
        os.write(terminal, b"\x03")
        self.read_until(terminal, "]: no\n")
        os.write(terminal, b"\x03")
        self.read_until(terminal, "  user ")
        self.assertEqual(p.wait(PATIENCE), 1)
        self.assertIn("collector probe: killed because you asked twice\n", self.text)
        wait_for("nothing is left", lambda: not self.d.left())

    def test_for_a_time(self):
        self.probe(self.DAEMON, "mode: daemon\n")
        code, out, _ = self.run_it("probe", "--for", "500ms")
        self.assertEqual(code, 0)
        self.assertIn("collector probe: ended because its --for was over: exit status 0\n", out)

    def test_a_daemon_that_ends(self):
        self.probe("#!/bin/sh\nexit 2\n", "mode: daemon\n")
        code, out, _ = self.run_it("probe")
        self.assertEqual(code, 1)
        self.assertIn("failed: exit status 2; it is a daemon: garnetd would start it again\n", out)

    def test_killed(self):
        """Its keeper ends the run."""
        self.probe('#!/bin/sh\necho "begun $1"\nsetsid sleep 1000 & exec sleep 1000\n', "timeout: 1m\n")
        p = subprocess.Popen(self.argv("probe"), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=self.env())
        while "begun" not in (line := p.stderr.readline()):
            pass
        p.kill()
        p.wait()
        p.stderr.close()
        wait_for("nothing is left", lambda: not self.d.left())
        shutil.rmtree(os.path.dirname(line.split()[-1]))


if __name__ == "__main__":
    main()
