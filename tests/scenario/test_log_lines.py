"""One event is one line of the log, whoever could say it; and journald gets priorities."""
from harness import *


class LogLines(unittest.TestCase):
    def lines(self, d, text):
        return [x for x in d.log().splitlines() if text in x]

    def test_a_rejected_metric(self):
        """By garnetd, not by emit again: its standard error is that log."""
        d = Daemon(self, "self_metrics: 0\nsinks: []\n", start=False)
        d.script("bad", f"#!/bin/sh\necho '{{\"name\":\"wrong\",\"value\":\"x\"}}' | {BUILD}/garnet emit\n"
                        f"echo over >>{d.path('runs')}\n")
        d.collector("bad", f"command: [{d.path('bad')}]\ninterval: 1s\n")
        d.start()
        wait_for("a run", lambda: len(d.file_lines("runs")) >= 2)
        said = self.lines(d, "collector bad: ")
        self.assertTrue([x for x in said if "value" in x], said)
        self.assertEqual([x for x in said if "rejected: " in x], [])
        by_hand = subprocess.run([BUILD + "/garnet", "emit", "--socket", d.socket_path], text=True, capture_output=True,
                                 input='{"name":"wrong","value":"x"}\n', timeout=PATIENCE)
        self.assertEqual(by_hand.returncode, 1)
        self.assertIn("rejected: ", by_hand.stderr)

    def test_a_chmod_changes_nothing(self):
        d = Daemon(self, "self_metrics: 0\nsinks: []\n", start=False)
        d.script("one", "#!/bin/sh\n")
        d.collector("one", f"command: [{d.path('one')}]\ninterval: 1s\n")
        d.start()
        os.chmod(d.path("one"), 0o700)
        self.assertNotIn("changed", d.hup())
        d.script("one", "#!/bin/sh\n:\n")
        self.assertIn("collector one changed", d.hup())

    def test_a_proxy_that_closes_idle_connections(self):
        r = Receiver()
        self.addCleanup(r.stop)
        d = Daemon(self, "self_metrics: 0\nsinks:\n" + graphite_sink("main", f"tcp://127.0.0.1:{r.port}"))
        for n in range(1, 11):
            d.send('{"name":"n","value":%d,"time":1700000000}' % n)
            wait_for("it arrives", lambda: any(x == f"testhost.n {n} 1700000000" for x in r.lines()))
            accepted = r.accepted
            for c in r.connections:
                try:
                    c.shutdown(socket.SHUT_WR)
                except OSError:
                    pass
            wait_for("another connection", lambda: r.accepted > accepted)
        said = self.lines(d, f":{r.port}")
        self.assertLessEqual(len(said), 4, said)
        d.send('{"name":"n","value":11,"time":1700000000}')
        wait_for("it works", lambda: any(x == "testhost.n 11 1700000000" for x in r.lines()))
        mark = d.log_size()
        r.stop()
        d.send('{"name":"n","value":0}')
        d.wait_log("; trying again, metrics wait in the spool", mark)

    def test_journald(self):
        d = Daemon(self, "self_metrics: 0\nsinks:\n" + graphite_sink("main", "tcp://127.0.0.1:1"), start=False)
        with open(d.log_path, "w") as f:
            st = os.fstat(f.fileno())
        d.env = {"JOURNAL_STREAM": f"{st.st_dev}:{st.st_ino}"}
        d.start()
        d.send('{"name":"n","value":1}')
        d.wait_log("trying again")
        self.assertEqual(d.terminate(), 0)
        for line in d.log().splitlines():
            self.assertRegex(line, r"^<[346]>(garnetd|garnet-sink\[main\]) (error|warn|info): ")
        self.assertTrue(self.lines(d, "<4>garnet-sink[main] warn: "))
        self.assertTrue(self.lines(d, "<6>garnetd info: "))


if __name__ == "__main__":
    main()
