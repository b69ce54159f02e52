"""Signals that come before a program has handlers for them: none ends it, none is lost."""
import shims
from harness import *

SINK = "sinks:\n" + graphite_sink("main", "file:out.txt")


class Early(unittest.TestCase):
    def daemon(self, who, signals):
        d = Daemon(self, SINK, {"ok": "command: [/bin/true]\ninterval: 1s\n"}, start=False)
        d.env = {"LD_PRELOAD": shims.preload("early"), "GARNET_SHIM_EARLY": who, "GARNET_SHIM_SIGNALS": signals,
                 "GARNET_SHIM_SENT": d.path("sent")}
        return d

    def test_garnetd_rereads_for_a_hup(self):
        d = self.daemon("garnetd", "1 1")
        d.start()
        d.wait_log("the configuration was reread and is in use")
        self.assertEqual(d.file_lines("sent"), ["garnetd"])
        self.assertEqual(d.terminate(), 0)

    def test_garnetd_ends_as_asked_for_a_term(self):
        d = self.daemon("garnetd", "15")
        d.start(ready=False)
        self.assertEqual(d.process.wait(PATIENCE), 0)
        self.assertEqual(d.file_lines("sent"), ["garnetd"])

    def test_a_check_has_no_handlers(self):
        d = self.daemon("garnetd", "15")
        r = subprocess.run([os.path.join(BUILD, "garnetd"), "-t", "-c", d.config_path], env=dict(os.environ, **d.env))
        self.assertEqual(r.returncode, -signal.SIGTERM)

    def test_a_worker_ends_in_order_and_ignores_a_hup(self):
        for signals, said in (("15", "got SIGTERM: ends"), ("1", None)):
            with self.subTest(signals=signals):
                d = self.daemon("garnet-sink", signals)
                d.start()
                if said:
                    d.wait_log(said)
                else:
                    self.assertEqual(d.send('{"name":"x","value":1}')["accepted"], 1)
                    wait_for("it is delivered", lambda: d.file_lines("out.txt"))
                self.assertNotIn("signal", d.log())
                d.terminate()

    def test_helpers_that_outlive_the_end(self):
        helpers = {"garnetd-guard", "garnetd-nursery", "garnetd-keep", "garnetd-ward", "garnetd-log", "garnetd-sync"}
        d = self.daemon(" ".join(helpers), "1 15 2")
        d.start()
        self.assertEqual(d.send('{"name":"x","value":1}')["accepted"], 1)
        wait_for("all have been sent theirs", lambda: helpers <= set(d.file_lines("sent")))
        wait_for("three runs", lambda: sum("collector.duration" in x for x in d.file_lines("out.txt")) >= 3)
        for wrong in ("sync helper", "log writer had died", "killed"):
            self.assertNotIn(wrong, d.log())
        self.assertEqual(d.terminate(), 0)


if __name__ == "__main__":
    main()
