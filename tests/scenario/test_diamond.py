"""garnet-diamond: collectors of Diamond's, ten that each use another part of its interface, and those that cannot run or go wrong.

All ten through one garnetd, with one that hangs and one that raises beside them; what exactly they publish, and what is said of what is
wrong, by the program alone.
"""
from harness import *

PROGRAM = os.path.join(BUILD, "garnet-diamond")
DATA = os.path.join(SOURCE, "tests/data/diamond")
GOOD, BROKEN, ODD, CONF = (os.path.join(DATA, name) for name in ("collectors", "broken", "odd", "conf"))
SINK = "self_metrics: 0\nsinks:\n" + graphite_sink("main", "file:out.txt", ", path: '{host}.{name}.{instance}'")
TEN = {  # the last metric of each
    "Gauges": "gauges.gauge -3", "Counters": "counters.both 1060", "Derivatives": "derivatives.round3.down -70", "Printer": "printer.lost 1",
    "Places": "top.vm2 4", "Devices": "devices.dated 16", "Units": "units.refused 1", "Configured": "configured.again 8080",
    "Filtered": "filtered.collector_time_ms 0", "Neighbours": "neighbours.untagged 4",
}


def setUpModule():
    if subprocess.run(["/usr/bin/python3", "-c", "import configobj"], stderr=subprocess.DEVNULL).returncode:
        raise unittest.SkipTest("python3-configobj is not installed")


def diamond(*args, path=GOOD, **env):
    r = subprocess.run([PROGRAM, "--path", path, *args], env=dict(os.environ, **env), stdin=subprocess.DEVNULL, capture_output=True,
                       text=True, timeout=PATIENCE)
    return r.returncode, r.stdout, r.stderr


class Alone(unittest.TestCase):
    maxDiff = None

    def prints(self, name, *args, status=0, err="", **env):
        """{"NAME": "VALUE TYPE TAGS..."} of one round."""
        code, out, said = diamond("--once", "--print", *args, name, **env)
        self.assertEqual((code, said), (status, err))
        rows = [re.fullmatch(r"(.*?) {2,}(\S+)  (\w+)((?: \w+=\S+)*)", line).groups() for line in out.splitlines()]
        self.assertEqual(len({r[0] + r[3] for r in rows}), len(rows))
        return {name + tags: f"{value} {kind}" for name, value, kind, tags in rows}

    def test_values_stay_what_they_are(self):
        self.assertEqual(self.prints("Gauges", err="what a collector prints is no metric\n"), {
            "gauges.whole": "42 gauge", "gauges.part": "0.5 gauge", "gauges.text": "17 gauge", "gauges.text_part": "2.75 gauge",
            "gauges.flag": "1 gauge", "gauges.large": "18446744073709551615 gauge", "gauges.gauge": "-3 gauge"})

    def test_counters_are_sent_as_they_are(self):
        self.assertEqual(self.prints("Counters"), {
            "counters.requests": "1060 counter", "counters.bytes": f"{1060 * 2 ** 40} counter", "counters.sum": "1060 counter",
            "counters.labelled": "1060 counter", "counters.both": "1060 counter"})

    def test_a_derivative_needs_a_round_before(self):
        code, out, err = diamond("--once", "--print", "Derivatives")
        self.assertEqual((code, err), (1, "garnet-diamond: DerivativesCollector: it compares with its last round, and has none with "
                                          "--once: run it without, in mode: daemon\n"))
        self.assertRegex(out, r"(?m)^derivatives.round1.down +0  gauge$")

    def test_a_program_is_run(self):
        self.assertEqual(self.prints("Printer"), {"printer.one": "1 gauge", "printer.two": "2 gauge", "printer.arguments": "5 gauge",
                                                  "printer.lost": "1 gauge"})
        for name in ("PrinterCollector", "process"):
            self.assertEqual(len(self.prints(name)), 4)
        top = tempfile.mkdtemp(prefix="garnet-")
        self.addCleanup(shutil.rmtree, top)
        os.mkdir(top + "/collectors")
        for sudo, is_there in (("/usr/bin/env", True), ("/no/such/sudo", False)):
            with open(top + "/collectors/PrinterCollector.conf", "w") as f:
                f.write(f"use_sudo = yes\nsudo_cmd = {sudo}\n")
            code, out, err = diamond("--once", "--print", "--config", top, "Printer")
            self.assertEqual((code, len(out.splitlines())), (0, 4) if is_there else (1, 0), err)
        self.assertIn("ERROR: cannot run /no/such/sudo ", err)

    def test_names_below_the_host(self):
        self.assertEqual(self.prints("Places"), {
            "rack7.places.here": "1 gauge", "places.there instance=vm.1": "2 gauge", "rack7.top": "3 gauge", "top instance=vm2": "4 gauge"})
        self.assertEqual(self.prints("Devices"), {
            "ports.up host=switch1": "12 gauge", "ports.up host=switch2": "13 gauge", "ports.up": "14 counter", "ports.timed": "14 counter",
            "elsewhere.ports.up": "15 gauge", "devices.dated": "16 gauge"})

    def test_units(self):
        self.assertEqual(self.prints("Units"), {
            "units.free_bytes": "3145728.0 gauge", "units.free_megabytes": "3.0 gauge", "units.bits": "8192.0 gauge",
            "units.minutes": "90.0 gauge", "units.ms": "0.25 gauge", "units.max_used_mb": "1 gauge", "units.refused": "1 gauge"})

    CONFIGURED = {"configured.port": "8080 gauge", "configured.queue.mail": "1 gauge", "configured.queue.odd name": "1 gauge",
                  "configured.deep": "1 gauge", "configured.weight": "4 gauge", "configured.of_default": "3 gauge",
                  "configured.of_more": "5 gauge", "configured.level": "9 gauge", "configured.interval": "60 gauge",
                  "configured.enabled": "1 gauge", "configured.again": "8080 gauge"}

    def test_configuration(self):
        self.assertEqual(self.prints("Configured", "--config", CONF), self.CONFIGURED)
        self.assertEqual(self.prints("Configured", "--config", CONF, GARNET_INTERVAL="2.5"),
                         {**self.CONFIGURED, "configured.interval": "2.5 gauge"})
        code, out, err = diamond("--options", "--config", CONF, "Configured")
        self.assertEqual((code, err), (0, ""))
        self.assertRegex(out, r"(?m)^  port = 8080 +Where it listens$")
        self.assertRegex(out, r"(?m)^  queues = mail, odd name +Which queues to count$")

    def test_what_is_disabled_or_unreadable(self):
        self.assertEqual(diamond("--once", "--print", "--config", CONF, "Gauges"), (
            1, "", f"garnet-diamond: GaugesCollector: is not to run: {CONF}/collectors/GaugesCollector.cfg has enabled = False for it\n"))
        self.assertEqual(diamond("--check", "--config", CONF, "Gauges"), (0, "can be loaded\n", ""))
        top = tempfile.mkdtemp(prefix="garnet-")
        self.addCleanup(shutil.rmtree, top)
        self.assertEqual(diamond("--check", "--config", top, "Gauges"), (
            111, "", f"garnet-diamond: {top}: it has neither diamond.conf nor collectors: give a folder like /etc/diamond\n"))
        main = top + "/diamond.conf"
        section = "[collectors]\n[[GaugesCollector]]\n"
        for text, status, said in (
                ("[collectors]\n[[default]]\nnonsense\n", 111, f"{main}:3: "),
                ("[collectors]\n[[default]]\nmetrics_whitelist = (\n", 1,
                 "GaugesCollector: diamond.error.DiamondException: metrics_whitelist: '(' is no pattern: "),
                (section + "enabled = no\n[[default]]\nenabled = yes\n", 1, f"GaugesCollector: is not to run: {main} has"),
                (section + "interval = 1, 2\n", 111, "GaugesCollector: its interval is ['1', '2']: give seconds")):
            with self.subTest(text=text):
                with open(main, "w") as f:
                    f.write(text)
                code, out, err = diamond("--once", "--print", "--config", top, "Gauges")
                self.assertEqual((code, out), (status, ""), err)
                self.assertTrue(err.startswith("garnet-diamond: " + said), err)
        sys.path.insert(0, SOURCE + "/collectors/diamond")
        self.addCleanup(sys.path.remove, SOURCE + "/collectors/diamond")
        from garnet_diamond import config
        for text, said in (
                ("[collectors]\nGaugesCollector = 3\n", f"{main}: GaugesCollector is to be a section, in brackets"),
                ("collectors = 3\n", f"{main}: collectors is to be a section, in brackets"),
                ("server = 3\n", f"{main}: server is to be a section, in brackets"),
                ("[configs]\npath = a, b\n", f"{main}: path is to be one text"),
                ("[configs]\npath = nowhere\n", f"{main}: [configs] path = {top}/nowhere: No such file or directory"),
                (section + "user = %(nobody)s\n", f'{main}: missing option "nobody" in interpolation.'),
                (section + "enabled = off\n", f"{main}: enabled: 'off' is neither true nor false"),
                (section + "caf\udce9 = 1\n", f"{main}: 'utf-8' codec can't decode")):
            with self.subTest(text=text):
                with open(main, "w", errors="surrogateescape") as f:
                    f.write(text)
                with self.assertRaises(config.Unusable) as caught:
                    config.Configuration(top, "GaugesCollector")
                self.assertTrue(str(caught.exception).startswith(said), caught.exception)

    def test_where_its_file_is(self):
        top = tempfile.mkdtemp(prefix="garnet-")
        self.addCleanup(shutil.rmtree, top)
        for folder, port in (("collectors", 1), ("elsewhere", 2)):
            os.mkdir(os.path.join(top, folder))
            with open(os.path.join(top, folder, "ConfiguredCollector.conf"), "w") as f:
                f.write(f"port = {port}\n")
        for server, folder in (("", "collectors"), (f"collectors_config_path = {top}/elsewhere", "elsewhere"),
                               ("collectors_config_path = gone", "collectors")):
            with open(top + "/diamond.conf", "w") as f:
                f.write(f"[server]\n{server}\n")
            code, out, err = diamond("--options", "--config", top, "Configured")
            self.assertEqual((code, err), (0, ""))
            self.assertIn(f"configured by {top}/diamond.conf, {top}/{folder}/ConfiguredCollector.conf\n", out)
            self.assertRegex(out, r"(?m)^  port = %d " % (1 if folder == "collectors" else 2))

    def test_filters(self):
        names = lambda *args: {re.sub(r"\d+ ", "", k): v for k, v in self.prints("Filtered", *args).items()}
        all_of_them = names()
        self.assertEqual(set(all_of_them), {"filtered." + n for n in ("disk.free", "disk.used", "net.rx", "allowed", "collector_time_ms")})
        self.assertEqual(all_of_them["filtered.allowed"], "1 gauge")
        chosen = names("--config", CONF)
        self.assertEqual(set(chosen), {"filtered." + n for n in ("disk.free", "disk.used", "allowed", "collector_time_ms")})
        self.assertEqual(chosen["filtered.allowed"], "0 gauge")

    def test_imports_of_neighbours_and_threads(self):
        self.assertEqual(self.prints("Neighbours"), {"neighbours.family": "81 gauge", "neighbours.thread": "2 gauge",
                                                     "neighbours.tagged queue=mail": "3 gauge", "neighbours.untagged": "4 gauge"})

    def says(self, name, *texts, status=1, args=("--once", "--print"), path=BROKEN):
        code, out, err = diamond(*args, name, path=path)
        self.assertEqual(code, status, err)
        for text in texts:
            self.assertIn(text, err)
        self.assertNotIn("Traceback", err)
        return out

    def test_python_2_is_told_where_and_what_to_do(self):
        self.says("Old", f"OldCollector: {BROKEN}/old.py:7: SyntaxError: Missing parentheses in call to 'print'",
                  f": this is Python 2. `2to3 -w {BROKEN}/old.py`")
        self.says("OldImport", f"{BROKEN}/oldimport.py:2: ModuleNotFoundError", "in Python 3 it is urllib.request")
        out = self.says("OldCalls", f"{BROKEN}/oldcalls.py:7: AttributeError", "iteritems was Python 2's: in Python 3 it is items()")
        self.assertIn("OldCallsCollector.before", out)
        self.says("Names", f"{ODD}/odd.py:60: TypeError", "Python 2 took bytes for text", path=ODD)

    def test_modules_that_are_missing(self):
        self.says("Lacking", f"{BROKEN}/lacking.py:2: ModuleNotFoundError: No module named 'psycopg2_of_nobody': this Python module is not installed")
        if subprocess.run(["/usr/bin/python3", "-c", "import MySQLdb"], stderr=subprocess.DEVNULL).returncode:
            self.says("Optional", "ERROR: Unable to import MySQLdb\n",
                      "it has published nothing: it lacks MySQLdb (Debian: apt install python3-mysqldb)\n", status=0)

    def test_what_goes_wrong_in_a_round(self):
        out = self.says("Raising", f"RaisingCollector: {BROKEN}/raising.py:12: ValueError: no such queue\n")
        self.assertRegex(out, r"^RaisingCollector.before +1  gauge\n$")
        self.says("Leaving", f"{BROKEN}/leaving.py:8: it has called sys.exit('I have had enough')\n")
        self.says("Hollow", "NotImplementedError: HollowCollector has no collect()\n")
        self.says("Hanging", "Timeout (0:00:00.5", f'File "{BROKEN}/hanging.py", line 13 in collect\n',
                  args=("--once", "--print", "--timeout", "0.5"))
        code, _, err = diamond("--once", "--print", "--debug", "Raising", path=BROKEN)
        self.assertEqual(code, 1)
        self.assertIn("Traceback (most recent call last):", err)

    def test_what_no_collector_should_do(self):
        odd = lambda name, *texts, **more: self.says(name, *texts, path=ODD, **more)
        self.assertEqual(odd("Printing", "by a child\n", "by itself\n", status=0), "PrintingCollector.a  1  gauge\n")
        self.assertEqual(odd("Forking", "a process that it has forked came back from collect()", status=0), "ForkingCollector.parent  1  gauge\n")
        self.assertEqual(odd("Stopping", f"{ODD}/odd.py:37: ", "str() failed"), "StoppingCollector.before  1  gauge\n")
        self.assertEqual(odd("Thread", status=0), "ThreadCollector.a  1  gauge\n")
        self.assertEqual(odd("Nested", status=0), "NestedCollector.a  1  gauge\n")
        odd("Hanging", "Timeout (0:00:00.5", f'File "{ODD}/odd.py", line 67 in __init__\n', args=("--timeout", "0.5"))
        odd("Refusing", f"RefusingCollector: {ODD}/odd.py:74: KeyError: 'port'\n")
        odd("Soon", "SoonCollector: its interval is 'soon': give seconds", status=111)
        odd("Headless", "HeadlessCollector: AttributeError: 'HeadlessCollector' object has no attribute 'config'\n")
        odd("Local", "it has no class LocalCollector when it is loaded\n")

    def test_numbers_beyond_64_bits(self):
        out = self.says("Numbers", path=ODD, status=0)
        self.assertEqual([line.split(None, 1)[1] for line in re.sub("  +", " ", out).splitlines()], [
            "1e+25 gauge", "-1e+25 gauge", "18446744073709551615 gauge", "inf gauge (no number that can be sent)",
            "inf gauge (no number that can be sent)", "1e+25 counter", "1 gauge"])
        self.assertIn("NumbersCollector.größe.näme ", out)

    def test_files_that_cannot_be_read(self):
        top = tempfile.mkdtemp(prefix="garnet-")
        self.addCleanup(shutil.rmtree, top)
        shutil.copy(GOOD + "/gauges.py", top)
        os.symlink("nowhere", top + "/dangling.py")
        os.mkfifo(top + "/fifo.py")
        os.mkdir(top + "/folder.py")
        os.symlink(".", top + "/loop")
        self.assertEqual(diamond("--check", "Gauges", path=top), (0, "can be loaded\n", ""))
        needs_others(self, 65534, SOURCE)
        os.chmod(top, 0o755)
        with open(top + "/secret.py", "w") as f:
            os.fchmod(f.fileno(), 0)
        r = subprocess.run([PROGRAM, "--path", top, "--check", "Gauges"], capture_output=True, text=True, timeout=PATIENCE,
                           user=65534, group=65534, extra_groups=[])
        self.assertEqual((r.returncode, r.stdout, r.stderr), (
            0, "can be loaded\n", f"garnet-diamond: {top}/secret.py: Permission denied: it is left out\n"))

    def test_who_is_ended_says_where_it_was(self):
        p = subprocess.Popen([PROGRAM, "--path", BROKEN, "--once", "--print", "Sleeping"], stderr=subprocess.PIPE, text=True)
        self.addCleanup(p.kill)
        self.assertEqual(p.stderr.readline(), "WARNING: asleep\n")
        p.terminate()
        self.assertRegex(p.communicate(timeout=PATIENCE)[1], re.escape(f'File "{BROKEN}/sleeping.py"') + r", line \d+ in collect\n")
        self.assertEqual(p.returncode, -signal.SIGTERM)

    def test_a_list_of_what_is_there(self):
        code, out, err = diamond("--list", path=BROKEN)
        self.assertEqual((code, err), (0, ""))
        said = dict(re.split(" +", line, maxsplit=1) for line in out.splitlines())
        self.assertEqual(said.pop("9"), "of 12 can be loaded")
        self.assertEqual(len(said), 12)
        self.assertEqual(said["RaisingCollector"], "can be loaded")
        self.assertIn("old.py:7: SyntaxError", said["OldCollector"])

    def test_which_one_is_meant(self):
        for name, status, text in (("Gauge", 111, "did you mean GaugesCollector?"), ("xyzzy", 111, "--list has those that are there")):
            code, out, err = diamond("--check", name)
            self.assertEqual((code, out), (status, ""))
            self.assertIn(text, err)
        self.assertEqual(diamond("--check", "gauges"), (0, "can be loaded\n", ""))
        self.says("hollow", "has several: HollowCollector, TwinCollector", status=111)
        self.says("NoneAtAll", "it is not derived from diamond.collector.Collector")

    def test_wrong_usage(self):
        for args, text in (((), "NAME is missing"), (("--list", "Gauges"), "--list takes no NAME"), (("--timeout", "0", "Gauges"), "more than 0"),
                           (("--timeout", "1e300", "Gauges"), "at most 100000000"),
                           (("--nonsense", "Gauges"), "--nonsense"), (("Gauges", "/a", "/b"), "/b")):
            code, out, err = diamond(*args)
            self.assertEqual((code, out), (2, ""))
            self.assertIn(text, err)
        code, _, err = diamond("Gauges", GARNET_INTERVAL="soon")
        self.assertEqual(code, 111)
        self.assertIn("$GARNET_INTERVAL is 'soon': give seconds, more than 0", err)


class UnderGarnet(unittest.TestCase):
    def sent(self, d):
        """NAME VALUE -> its times."""
        out = {}
        for line in d.file_lines("out.txt"):
            metric, _, at = line.rpartition(" ")
            out.setdefault(metric.replace("testhost.", "", 1), []).append(int(at))
        return out

    def test_ten_beside_one_that_hangs_and_one_that_raises(self):
        d = Daemon(self, SINK, start=False)
        for name in (*TEN, "Raising", "Hanging"):
            config = f", --config, {CONF}" if name in ("Configured", "Filtered") else ""
            path = GOOD if name in TEN else BROKEN
            d.collector(name, f"command: [{PROGRAM}, --path, {path}{config}, {name}]\nmode: daemon\ninterval: 1s\n")
        d.start()
        wait_for("each of the ten", lambda: all(m in self.sent(d) or name == "Filtered" and any(
            k.startswith("filtered.collector_time_ms") for k in self.sent(d)) for name, m in TEN.items()))
        sent = self.sent(d)
        for round_, values in enumerate(((0, 0, 0, 0, 0), (60, 6, 60, 60, 60), (0, 0, 0, 186, -70)), start=1):
            for name, value in zip(("rate", "of_ten", "in_all", "wrapped", "down"), values):
                self.assertIn(f"derivatives.round{round_}.{name} {value}", sent)
        self.assertEqual(sent["switch1.ports.up 12"][0], 1700000000)
        self.assertEqual(sent["devices.dated 16"][0], 1700000001)
        self.assertIn("configured.interval 1", sent)

        d.wait_log("RaisingCollector: works again, after 3 rounds")
        wait_for("what is there when it works", lambda: "RaisingCollector.after 4" in self.sent(d))
        for n in (1, 2, 3):
            self.assertIn(f"RaisingCollector.before {n}", self.sent(d))
        self.assertEqual(d.log().count("raising.py:12: ValueError: no such queue"), 1)

        d.wait_log('hanging.py", line 13 in collect')
        after = len(self.sent(d)["gauges.whole 42"])
        wait_for("the others go on", lambda: len(self.sent(d)["gauges.whole 42"]) >= after + 2)
        times = self.sent(d)["gauges.whole 42"]
        self.assertEqual(times, sorted(set(times)))
        self.assertFalse([k for k in self.sent(d) if k.startswith("HangingCollector")])

    def test_by_hand(self):
        d = Daemon(self, SINK)
        self.assertEqual(diamond("--once", "Counters", d.socket_path), (0, "", ""))
        wait_for("they are there", lambda: "counters.sum 1060" in self.sent(d))
        code, out, err = diamond("--once", "Refused", path=BROKEN, GARNET_SOCKET=d.socket_path)
        self.assertEqual((code, out), (1, ""))
        self.assertRegex(err, "RefusedCollector: not everything was accepted: .*RefusedCollector.nothing: value must be a finite number"
                              ".*, and 1 more\n$")
        wait_for("the good one is", lambda: "RefusedCollector.good 1" in self.sent(d))
        d.terminate()
        code, _, err = diamond("--once", "Counters", d.socket_path)
        self.assertEqual(code, 111)
        self.assertIn("is garnetd running", err)

    def test_garnetd_goes_away_and_comes_back(self):
        d = Daemon(self, SINK)
        p = subprocess.Popen([PROGRAM, "--path", GOOD, "Counters", d.socket_path], env=dict(os.environ, GARNET_INTERVAL="0.2"),
                             stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        self.addCleanup(p.__exit__, None, None, None)
        self.addCleanup(p.kill)
        wait_for("its first round", lambda: "counters.sum 1060" in self.sent(d))
        d.terminate()
        self.assertIn("garnet-diamond: CountersCollector: " + d.socket_path, p.stderr.readline())
        d.start()
        self.assertTrue(any(re.search(r"CountersCollector: works again, after \d+ rounds?\n", line) for line in p.stderr))
        known = len(self.sent(d))
        wait_for("more of them", lambda: len(self.sent(d)) > known)
        p.terminate()
        self.assertEqual(p.wait(timeout=PATIENCE), -signal.SIGTERM)


if __name__ == "__main__":
    main()
