"""A plugin that reaches for what is not its own (tests/plugins/meddle.c): the configuration that all workers get, and
garnetd's log, which it can neither block, nor fill, nor write into but under its sink's name."""
from harness import *

MEDDLE = os.path.join(BUILD, "tests/plugins/meddle.so")


def meddler(how):
    return f"  - {{name: bad, plugin: {MEDDLE}, how: {how}, flush: 100ms, to: 'file:bad.txt'}}\n"


class Meddling(unittest.TestCase):
    def test_what_other_sinks_are_told(self):
        d = Daemon(self, "self_metrics: 0\nsinks:\n" + graphite_sink("main", "file:good.txt") + meddler("snapshot"))
        d.send('{"name":"a","value":1}')
        wait_for("both sinks deliver", lambda: d.file_lines("good.txt") and d.file_lines("bad.txt"))
        os.kill(d.worker("main"), signal.SIGKILL)
        d.wait_log("sink main: worker died")
        d.send('{"name":"b","value":1}')
        wait_for("the next worker delivers where it is to",  # what the last one had sent may come once more
                 lambda: any(re.search(r"\bb 1 ", x) for x in d.file_lines("good.txt")))
        self.assertFalse(os.path.exists(d.path("evil.txt")))
        for name in ("main", "bad"):
            self.assertEqual([x for x in descriptors(d.worker(name)) if "memfd" in x], [], "closed once read")

    def test_a_log_that_nobody_reads(self):
        """A plugin that makes what it finds open blocking, as many runtimes do with their stdio, holds up nobody."""
        config = "self_metrics: 1s\nsinks:\n" + graphite_sink("main", "file:good.txt") + meddler("unblock")
        d = Daemon(self, config, start=False)
        os.mkfifo(d.log_path)
        log = os.open(d.log_path, os.O_RDWR)
        self.addCleanup(os.close, log)
        d.log = lambda: ""
        d.start(ready=False)
        wait_for("the plugin has done it", lambda: d.file_lines("bad.txt"))
        d.configure(config + "".join(f"nonsense{i}: 1\n" for i in range(900)))
        for n in range(1, 5):  # each an error of 900 lines: more than pipe, log writer and FIFO hold
            d.process.send_signal(signal.SIGHUP)
            wait_for("it is refused", lambda: any(
                x.split(" ")[1] == str(n) for x in d.file_lines("good.txt") if ".garnet.reload.failures" in x))
        self.assertEqual(d.send('{"name":"a","value":1}')["accepted"], 1)

    def test_what_it_prints(self):
        d = Daemon(self, "self_metrics: 0\nsinks:\n" + meddler("print"))
        d.send('{"name":"a","value":1}')
        wait_for("it has printed", lambda: d.file_lines("bad.txt"))
        self.assertEqual(d.terminate(), 0)
        log = d.log()
        self.assertRegex(log, r"sink bad: its worker printed \d+ more lines, not logged")
        self.assertEqual(re.sub("[\n -~]", "", log), "", "nothing that a terminal would obey")
        for line in log.splitlines():
            self.assertRegex(line, r"^20\d\d-[-0-9T:.]*Z (garnetd|garnet-sink\[bad\]) [a-z]*: ")
        forged = [x for x in log.splitlines() if "damaged" in x or "half a line" in x]
        self.assertEqual([x.split(" ", 1)[1] for x in forged][:1],
                         ["garnet-sink[bad] warn: printed: 2026-01-01T00:00:00.000Z garnetd error: spool: "
                          "damaged\\x1b[2J"])
        self.assertTrue(all(" garnet-sink[bad] warn: printed: " in x for x in forged))
        self.assertIn("ended", log, "garnetd's own words are not drowned")
        self.assertLess(len(log), 400 * 1024)

    def test_what_a_check_prints(self):
        d = Daemon(self, "sinks:\n" + meddler("refuse"), start=False)
        code, out, err = d.check()
        self.assertEqual(code, 1)
        self.assertNotIn("\033", err)
        place = re.escape(d.config_path) + r":\d+:\d+: "
        self.assertEqual(len(err), len("".join(x + "\n" for x in err.splitlines())))
        for line in err.splitlines():
            self.assertRegex(line, "^" + place)
        self.assertRegex(err, "(?m)^" + place + "how: it will not do$")
        self.assertRegex(err, "(?m)^" + place + r"sink bad: its check printed: .* garnetd error: spool: damaged\\x1b")
        self.assertRegex(err, "(?m)^" + place + "sink bad: its check printed more, which is not shown$")
        self.assertLess(len(err), 64 * 1024)
        d.start(ready=False)
        self.assertEqual(d.process.wait(PATIENCE), 1)
        for line in d.log().splitlines():
            self.assertRegex(line, r"^20\d\d-[-0-9T:.]*Z garnetd error: " + place)

    def test_a_watch_that_nobody_answers(self):
        """It would be ready for ever, and the worker busy."""
        d = Daemon(self, "self_metrics: 0\nsinks:\n" + meddler("watch"))
        d.wait_log("garnet-sink[bad] error: the plugin gives up: it calls watch() and has no event()")


class Shared(unittest.TestCase):
    def test_a_standard_input_that_somebody_has_made_non_blocking(self):
        d = Daemon(self, "self_metrics: 0\nsinks: []\n")
        theirs, ours = os.pipe()
        os.set_blocking(theirs, False)
        emit = subprocess.Popen([os.path.join(BUILD, "garnet"), "emit", "--socket", d.socket_path], stdin=theirs)
        os.close(theirs)
        wait_for("it waits", lambda: emit.poll() is not None or
                 open(f"/proc/{emit.pid}/stat").read().rsplit(")", 1)[1].split()[0] == "S")
        os.write(ours, b'{"name":"a","value":1}\n')
        os.close(ours)
        self.assertEqual(emit.wait(PATIENCE), 0)


if __name__ == "__main__":
    main()
