"""garnet status and garnet reload: what a person asks first, against good and broken states."""
import json
import stat

from harness import *

GARNET = os.path.join(BUILD, "garnet")


def garnet(*args, **more):
    return subprocess.run([GARNET, *args], capture_output=True, text=True, timeout=PATIENCE, **more)


class Asked(unittest.TestCase):
    def start(self, config="", collectors=None, sinks=None):
        sinks = graphite_sink("main", "file:out.txt") if sinks is None else sinks
        return Daemon(self, config + "self_metrics: 0\nsinks:" + ("\n" + sinks if sinks else " []\n"), collectors or {})

    def status(self, d, *args):
        r = garnet("status", "-c", d.path("garnet.yaml"), *args)
        self.assertIn(r.returncode, (0, 1, 2), r.stderr)
        r.lines = r.stdout.splitlines()
        r.stdout = r.stdout.replace("\n            ", " ")  # what was too long for a line
        return r

    def until(self, d, text, *args):
        return until_says(text, lambda: self.status(d, *args))


class Status(Asked):
    def test_healthy(self):
        d = self.start(collectors={"good": f"command: [{GARNET}, emit, one, '1', --socket]\ninterval: 1s\n"})
        d.send('{"name":"a","value":1}\n')
        r = self.until(d, "\ngood       idle      ok ")
        self.assertEqual(r.returncode, 0, r.stdout)
        self.assertEqual(r.lines[0], "healthy")
        self.assertLessEqual(max(len(x) for x in r.lines if d.path("") not in x and "file:" not in x), 80)
        self.assertNotIn("\x1b", r.stdout)
        said = json.loads(self.status(d, "--json").stdout)
        self.assertEqual((said["verdict"], said["reasons"]), ("healthy", []))
        self.assertEqual(said["intake"]["accepted"], 1)
        self.assertEqual(stat.S_IMODE(os.stat(d.path("run/control.sock")).st_mode), 0o600)

    def test_collectors_of_every_kind(self):
        d = self.start(collectors={
            "failing": "command: [/bin/sh, -c, 'exit 3']\ninterval: 1s\n",
            "hung": "command: [/bin/sh, -c, 'exec sleep 60']\ninterval: 100ms\ntimeout: 60s\n",
            "silent": "command: [/bin/true]\ninterval: 1s\n",
            "wrong": "command: [/bin/sh, -c, 'echo \"{\\\"name\\\":\\\"x\\\",\\\"value\\\":\\\"y\\\"}\" | " + GARNET + " emit --socket $0']\ninterval: 1s\n",
            "refused": "command: [/no/such/file]\ninterval: 1s\n"})
        for text in ("collector refused is refused: ", "/no/such/file", "collector failing: its last run failed",
                     "exit status 3", "collector hung has been running for ", "line 1, byte 21: value: must be a number",
                     "collector silent: its runs end well, and it has sent no"):
            r = self.until(d, text)
        self.assertEqual(r.returncode, 1)
        one = self.status(d, "failing")
        self.assertTrue(one.stdout.startswith("degraded: collector failing: its last run failed"), one.stdout)
        self.assertIn("    exit_status          3\n", one.stdout)
        self.assertNotIn("hung", one.stdout)
        self.assertIn("old_runs", self.status(d, "refused").stdout)
        r = garnet("status", "-c", d.path("garnet.yaml"), "nobody")
        self.assertEqual((r.returncode, r.stderr), (2, 'garnet status: there is no collector and no sink called "nobody"\n'))

    def test_sinks(self):
        d = self.start(sinks=graphite_sink("dead", f"tcp://127.0.0.1:{free_port()}") + graphite_sink("main", "file:out.txt"))
        d.send('{"name":"a","value":1}\n')
        r = self.until(d, "sink dead is down: ")
        self.assertEqual(r.returncode, 1)
        self.assertIn("Connection refused", r.stdout)
        r = self.until(d, "sink dead: its lag is ", "--max-lag", "100ms")
        self.assertEqual(self.status(d, "main", "--max-lag", "1h").returncode, 0)
        numbers = {s["name"]: s for s in json.loads(self.status(d, "--json").stdout)["sinks"]}
        self.assertEqual(numbers["dead"]["unconfirmed"] + numbers["dead"]["queued"], 1)
        self.assertEqual(numbers["main"]["endpoint"], "file://" + d.path("out.txt"))

    def test_one_that_is_refused_or_unknown_is_not_healthy(self):
        d = self.start(collectors={"refused": "command: [/no/such/file]\ninterval: 1s\n"})
        for more in ((), ("--json",)):
            r = self.status(d, "refused", *more)
            self.assertEqual((r.returncode, "refused: " in r.stdout), (1, True), r.stdout)
            r = garnet("status", "-c", d.path("garnet.yaml"), "nobody", *more)
            self.assertEqual((r.returncode, r.stdout), (2, ""))

    def test_a_worker_that_is_stopped(self):
        d = self.start()
        pid = d.worker("main")
        os.kill(pid, signal.SIGSTOP)
        try:
            r = self.until(d, "sink main is stopped: its worker is stopped, by a signal")
        finally:
            os.kill(pid, signal.SIGCONT)
        self.assertEqual(r.returncode, 1)

    @unittest.skipUnless(os.geteuid() == 0, "needs root, to be several users")
    def test_who_sends_more_than_he_may(self):
        d = self.start(config="intake: {per_user: {series: 1}}\nsocket: {path: run/garnet.sock, mode: '0666'}\n")
        os.chmod(d.path(""), 0o755)
        for uid in (65533, 65534):
            for name in ("a", "b"):
                garnet("emit", name, "1", "--socket", d.path("run/garnet.sock"), user=uid, group=uid, extra_groups=[])
        r = self.until(d, "the shared socket: something was rejected ")
        self.assertIn("series", r.stdout)
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(d.path("run/control.sock"))
            s.sendall(b'{"garnet":1,"ask":"status"}\n')
            line = s.makefile().readline()

        def unique(pairs):
            self.assertEqual(len(pairs), len(dict(pairs)), pairs)
            return dict(pairs)
        intake = json.loads(line, object_pairs_hook=unique)["status"]["intake"]
        self.assertEqual((intake["limited_65533"]["series"], intake["limited_65534"]["series"]), (1, 1), intake)

    def test_no_sink_and_no_garnetd(self):
        d = self.start(sinks="")
        self.assertTrue(self.until(d, "there is no sink").stdout.startswith("degraded: there is no sink"))
        d.terminate()
        r = self.status(d)
        self.assertEqual(r.returncode, 2)
        self.assertTrue(r.stdout.startswith("failing: "), r.stdout)
        self.assertIn("no garnetd runs", r.stdout)
        self.assertIn("spool " + d.path("spool"), r.stdout)
        self.assertEqual(json.loads(self.status(d, "--json").stdout)["verdict"], "failing")

    def test_one_that_does_not_answer(self):
        d = self.start()
        os.kill(d.process.pid, signal.SIGSTOP)
        try:
            r = self.status(d)
        finally:
            os.kill(d.process.pid, signal.SIGCONT)
        self.assertEqual((r.returncode, r.stdout.splitlines()[0]), (2, "failing: garnetd is there, and does not answer"))

    def test_one_of_another_version(self):
        d = self.start()
        d.terminate()
        with socket.socket(socket.AF_UNIX) as s:
            s.bind(d.path("run/control.sock"))
            s.listen()

            def answer():
                c = s.accept()[0]
                c.recv(4096)
                c.sendall(b'{"garnet":2,"error":"version 1 is not spoken here, but 2"}\n')
                c.close()
            threading.Thread(target=answer, daemon=True).start()
            r = self.status(d)
        self.assertEqual((r.returncode, "version 1 is not spoken here, but 2" in r.stdout), (2, True))

    @unittest.skipUnless(os.geteuid() == 0, "needs root, to be somebody else")
    def test_who_may_not(self):
        d = self.start()
        os.chmod(d.path(""), 0o755)
        for command in ("status", "reload"):
            r = garnet(command, "--socket", d.path("run/control.sock"), user=65534, group=65534, extra_groups=[])
            self.assertEqual(r.returncode, 3 if command == "status" else 111)
            self.assertIn("Permission denied", r.stderr)
            self.assertIn("use sudo", r.stderr)

    @unittest.skipUnless(os.geteuid() == 0, "needs root, for a group")
    def test_a_group_may_look_and_no_more(self):
        d = self.start(config="control: {group: 65534}\n")
        os.chmod(d.path(""), 0o755)
        other = dict(user=65533, group=65534, extra_groups=[])
        self.assertEqual(garnet("status", "--socket", d.path("run/control.sock"), **other).returncode, 0)
        r = garnet("reload", "--socket", d.path("run/control.sock"), **other)
        self.assertEqual((r.returncode, "for root and for garnetd's own user" in r.stderr), (111, True))

    def test_the_command_line(self):
        for args in (("--max-lag", "x"), ("--max-lag",), ("--max-queued", "-1"), ("--nonsense",), ("a", "b"),
                     ("-c", "x", "--socket", "y"), ("-c", "/no/such/file")):
            with self.subTest(args=args):
                r = garnet("status", *args)
                self.assertEqual((r.returncode, r.stdout), (2, ""))
                self.assertNotEqual(r.stderr, "")


class Reload(Asked):
    def reload(self, d):
        return garnet("reload", "-c", d.path("garnet.yaml"))

    def test_what_came_of_it(self):
        d = self.start(collectors={"stays": "command: [/bin/true]\ninterval: 1h\n", "goes": "command: [/bin/true]\ninterval: 1h\n",
                                   "alters": "command: [/bin/true]\ninterval: 1h\n"})
        r = self.reload(d)
        self.assertEqual((r.returncode, r.stdout, r.stderr), (0, "the configuration is in use; nothing has changed\n", ""))
        os.remove(d.path("collectors.d/goes.yaml"))
        d.collector("alters", "command: [/bin/false]\ninterval: 1h\n")
        d.collector("comes", "command: [/bin/true]\ninterval: 1h\n")
        r = self.reload(d)
        self.assertEqual((r.returncode, r.stdout), (0, "restarts  collector alters\nstarts    collector comes\n"
                                                       "stops     collector goes\nthe configuration is in use\n"))

    def test_as_json(self):
        d = self.start()
        r = garnet("reload", "--json", "-c", d.path("garnet.yaml"))
        self.assertEqual((r.returncode, json.loads(r.stdout)["result"]), (0, "applied"))

    def test_two_at_once_are_told_of_both(self):
        d = self.start(collectors={"stays": "command: [/bin/true]\ninterval: 1h\n"})
        d.collector("comes", "command: [/bin/true]\ninterval: 1h\n")
        with socket.socket(socket.AF_UNIX) as a, socket.socket(socket.AF_UNIX) as b:
            for s in (a, b):
                s.connect(d.path("run/control.sock"))
                s.settimeout(PATIENCE)
            for s in (a, b):
                s.sendall(b'{"garnet":1,"ask":"reload"}\n')
            for s in (a, b):
                receipt = json.loads(s.makefile().readline())["reload"]
                self.assertEqual((receipt["result"], receipt["changes"]), ("applied", [{"collector": "comes", "change": "starts"}]))

    def test_partly_and_refused(self):
        d = self.start()
        d.collector("bad", "command: [/bin/true]\ninterval: soon\n")
        r = self.reload(d)
        self.assertEqual(r.returncode, 3)
        self.assertIn(d.path("collectors.d/bad.yaml") + ":2:11: interval", r.stderr)
        d.write("garnet.yaml", "nonsense: 1\n")
        r = garnet("reload", "--socket", d.path("run/control.sock"))
        self.assertEqual(r.returncode, 3, "beside a garnet.yaml with errors collectors' files are applied")
        self.assertIn("garnet.yaml:1:1: ", r.stderr)
        r = garnet("status", "-c", d.path("garnet.yaml"))
        self.assertEqual((r.returncode, "give --socket PATH instead" in r.stderr), (2, True), r.stderr)
        self.assertIn("garnet.yaml is not in use", garnet("status", "--socket", d.path("run/control.sock")).stdout.replace("\n            ", " "))


main()
