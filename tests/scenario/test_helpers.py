"""Garnet's own helper processes may be killed or stopped, its cursor may be lost and nobody may read its log: it goes
on, and what it was in charge of is there again."""
from harness import *


EMIT_LONG = """until [ -e "$STOP" ]; do sleep 0.05; done
exit 3
"""


class Helpers(unittest.TestCase):
    def setUp(self):
        self.d = Daemon(self, "self_metrics: 0\nsinks:\n" + graphite_sink("main", "file:out.txt"))
        self.n = 0

    def helper(self, comm):
        return wait_for(f"a {comm}", lambda: [p for p, c in ours(self.d.process.pid).items() if c == comm])[0]

    def assert_works(self):
        self.n += 1
        self.assertEqual(self.d.send(f'{{"name":"n","value":{self.n},"time":1700000000}}')["accepted"], 1)
        wait_for("it arrives", lambda: f"testhost.n {self.n} 1700000000" in self.d.file_lines("out.txt"))

    def test_log_writer_killed(self):
        kill(self.helper("garnetd-log"))
        self.d.wait_log("the log writer had died; another one writes")
        self.assertIn("is in use", self.d.hup())
        self.assert_works()

    def test_log_that_nobody_reads(self):
        r, w = os.pipe()
        self.addCleanup(os.close, r)
        self.assertEqual(self.d.terminate(), 0)
        self.d.script("noisy", "#!/bin/sh\nyes a long line that fills the log | head -n 90\n")
        for i in range(20):
            self.d.collector(f"noisy{i}", f"command: [{self.d.path('noisy')}]\ninterval: 200ms\n")
        env = dict(os.environ, GARNET_TEST_DIR=self.d.dir)
        self.d.process = subprocess.Popen([os.path.join(BUILD, "garnetd"), "-c", self.d.config_path], stderr=w, env=env)
        os.close(w)
        wait_for("it listens", self.d.listens)
        for _ in range(20):
            self.assert_works()
        self.assertEqual(self.d.terminate(), 0)

    def test_sync_helper_killed_and_stopped(self):
        kill(self.helper("garnetd-sync"))
        self.assert_works()
        sync = self.helper("garnetd-sync")
        os.kill(sync, signal.SIGSTOP)
        self.assert_works()
        os.kill(sync, signal.SIGCONT)

    def test_keeper_killed(self):
        self.d.script("tree", "#!/bin/sh\nsetsid sleep 1000 &\nexec sleep 1001\n")
        self.d.collector("tree", f"command: [{self.d.path('tree')}]\ninterval: 1s\ntimeout: 900s\n")
        self.d.hup()
        wait_for("the tree", lambda: len([a for _, a in self.d.left() if a.startswith("sleep 100")]) == 2)
        before = {p for p, a in self.d.left() if a.startswith("sleep 100")}
        kill(self.helper("garnetd-keep"))
        wait_for("what it kept is gone", lambda: not [p for p in before if os.path.exists(f"/proc/{p}")])
        self.assert_works()

    def run_long(self):
        """A run that heeds no TERM and has left something behind, until there is a file "stop"."""
        self.d.script("long", "#!/bin/sh\nset -e\ntrap '' TERM\nsetsid sleep 1000 &\n" + EMIT_LONG)
        self.d.collector("long", f"command: [{self.d.path('long')}]\ninterval: 1s\ntimeout: 900s\n"
                                 f"env: {{STOP: {self.d.path('stop')}}}\n")
        self.d.hup()
        wait_for("the run", lambda: [a for _, a in self.d.left() if a.startswith("sleep 1000")])

    def test_nursery_killed(self):
        """The run that it finds goes on to its end; what its keeper had, killed later on, does not stay either."""
        self.run_long()
        kill(self.helper("garnetd-nursery"))
        self.d.wait_log("the nursery has died")
        self.helper("garnetd-nursery")
        self.assertTrue([a for _, a in self.d.left() if a.startswith("sleep 1000")], "the run goes on")
        self.d.write("stop", "")
        self.d.wait_log("collector long: exit status 3")
        self.assertNotIn("keeper was killed", self.d.log())
        os.unlink(self.d.path("stop"))
        wait_for("the next", lambda: [a for _, a in self.d.left() if a.startswith("sleep 1000")])
        kill(self.helper("garnetd-nursery"))
        wait_for("another one", lambda: self.d.log().count("the nursery has died") == 2)
        before = {p for p, a in self.d.left() if a.startswith("sleep 1000")}
        kill(self.helper("garnetd-keep"))
        self.d.wait_log("collector long: its keeper was killed")
        wait_for("what it kept is gone", lambda: not [p for p in before if os.path.exists(f"/proc/{p}")])
        self.assert_works()

    def test_guard_killed(self):
        """The nursery takes its place: neither a run, nor a worker, nor a reload notices."""
        self.run_long()
        worker, nursery = self.d.worker("main"), self.helper("garnetd-nursery")
        keeper = self.helper("garnetd-keep")
        kill(self.helper("garnetd-guard"))
        self.d.wait_log("the nursery's guard has died")
        wait_for("it is the guard", lambda: ours(nursery) and "garnetd-nursery" in ours(nursery).values())
        self.assertTrue(os.path.exists(f"/proc/{keeper}"))
        self.d.hup()
        self.assert_works()
        self.assertEqual(self.d.worker("main"), worker)
        self.d.write("stop", "")
        self.d.wait_log("collector long: exit status 3")
        os.unlink(self.d.path("stop"))
        wait_for("the next", lambda: [a for _, a in self.d.left() if a.startswith("sleep 1000")])
        self.assertNotIn("keeper was killed", self.d.log())
        kill(worker)
        self.d.wait_log("worker died from signal 9")
        self.assert_works()
        self.assertEqual(self.d.terminate(), 0)
        wait_for("nothing is left", lambda: not self.d.left())

    def test_a_workers_keeper_killed_and_stopped(self):
        worker = self.d.worker("main")
        kill(self.helper("garnetd-ward"))
        self.d.wait_log("sink main: its worker's keeper was killed, and with it the worker; starting it again")
        wait_for("it is gone", lambda: not os.path.exists(f"/proc/{worker}"))
        self.assert_works()
        os.kill(self.helper("garnetd-ward"), signal.SIGSTOP)
        self.assert_works()
        self.assertEqual(self.d.terminate(), 0)

    def test_a_worker_outlives_its_nursery(self):
        worker = self.d.worker("main")
        kill(self.helper("garnetd-nursery"))
        self.d.wait_log("the nursery has died")
        self.assert_works()
        self.assertEqual(self.d.worker("main"), worker)
        os.kill(worker, signal.SIGSTOP)
        self.d.wait_log("sink main: its worker is stopped, by a signal")
        os.kill(worker, signal.SIGCONT)
        kill(worker)
        self.d.wait_log("worker died from signal 9")
        self.assert_works()

    def test_cursor_lost_while_running(self):
        self.assert_works()
        os.unlink(self.d.path("spool/cursors/main"))
        kill(self.d.worker("main"))
        self.d.wait_log("its cursor is lost")
        self.assert_works()
        self.assertEqual(self.d.file_lines("out.txt").count("testhost.n 1 1700000000"), 2, "repeated, not lost")

    def test_reload_reaches_the_shared_socket(self):
        with open(self.d.config_path) as f:
            text = f.read()
        self.d.write("garnet.yaml", text.replace("host: testhost", "host: other\ntags: {env: prod}"))
        self.d.hup()
        self.d.send('{"name":"n","value":0,"time":1700000000}')
        wait_for("the new tags", lambda: "other.n.prod 0 1700000000" in self.d.file_lines("out.txt"))


class Endings(unittest.TestCase):
    """SIGTERM: bounded, and nothing that is queued is lost to the next start."""

    def test_a_backlog_survives_beside_another_one(self):
        ports = [free_port(), free_port()]
        sinks = "".join(graphite_sink(n, f"tcp://127.0.0.1:{p}") for n, p in zip("ab", ports))
        d = Daemon(self, "self_metrics: 0\nshutdown_timeout: 3s\nspool: {dir: spool, max_size: 64MiB, "
                   "segment_size: 64KiB}\nsinks:\n" + sinks)
        for i in range(20):
            text = "".join(f'{{"name":"seq","value":{i * 1000 + k},"time":1700000000}}\n' for k in range(1000))
            self.assertEqual(d.send(text)["accepted"], 1000)
        os.kill(d.worker("b"), signal.SIGSTOP)  # it cannot end until it is killed, while a's ends at once
        self.assertEqual(d.terminate(), 0)
        for port in ports:
            r = Receiver(port)
            self.addCleanup(r.stop)
        d.start()
        wait_for("all of it", lambda: r.data.count(b"\n") >= 20_000)

    def test_the_sinks_get_their_half_beside_a_collector_that_hangs(self):
        d = Daemon(self, "self_metrics: 0\nshutdown_timeout: 8s\nsinks:\n" + graphite_sink("main", "file:out.txt"), start=False)
        d.script("stubborn", "#!/bin/sh\ntrap '' TERM\necho up\nwhile :; do sleep 1; done\n")
        d.collector("stubborn", f"command: [{d.path('stubborn')}]\ninterval: 1s\ntimeout: 900s\ngrace: 1m\n")
        d.start()
        d.wait_log("]: up")
        self.assertEqual(d.send('{"name":"n","value":0,"time":1700000000}')["accepted"], 1)
        wait_for("it delivers", lambda: d.file_lines("out.txt"))
        worker = d.worker("main")
        os.kill(worker, signal.SIGSTOP)
        self.assertEqual(d.send('{"name":"n","value":1,"time":1700000000}')["accepted"], 1)
        d.process.send_signal(signal.SIGTERM)
        d.wait_log("collectors that still run are killed")
        os.kill(worker, signal.SIGCONT)
        self.assertEqual(d.process.wait(PATIENCE), 0)
        self.assertEqual(d.file_lines("out.txt"), ["testhost.n 0 1700000000", "testhost.n 1 1700000000"])
        wait_for("nothing is left", lambda: not d.left())

    def test_bounded_with_a_worker_that_hangs_in_the_kernel(self):
        d = Daemon(self, "self_metrics: {interval: 1s, level: full}\nshutdown_timeout: 2s\nsinks:\n" +
                   graphite_sink("main", "file:out.txt") + graphite_sink("dead", "file:m/out.txt"), start=False)
        run = lambda *argv: subprocess.run(argv, cwd=d.dir, capture_output=True).returncode == 0
        os.mkdir(d.path("m"))
        if not (run("truncate", "-s", "16M", "img") and run("mkfs.ext4", "-q", "img") and run("mount", "-o", "loop", "img", "m")):
            self.skipTest("may not mount an ext4 of its own")
        self.addCleanup(run, "umount", "m")
        d.start()
        self.assertEqual(d.send('{"name":"n","value":1,"time":1700000000}')["accepted"], 1)
        wait_for("both work", lambda: d.file_lines("out.txt") and d.file_lines("m/out.txt"))
        self.addCleanup(run, "fsfreeze", "-u", "m")
        self.assertTrue(run("fsfreeze", "-f", "m"))
        worker = d.worker("dead")
        self.assertEqual(d.send('{"name":"n","value":2,"time":1700000000}')["accepted"], 1)

        def stat():
            with open(f"/proc/{worker}/stat") as f:
                return f.read().rsplit(") ", 1)[1][0]
        wait_for("it hangs", lambda: stat() == "D")
        with open(d.config_path) as f:
            text = f.read()
        d.write("garnet.yaml", text.replace("name: dead", "name: other"))
        d.hup()
        d.wait_log("sink dead: KILL has not ended its worker")
        self.assertEqual(d.terminate(2 + 1 + PATIENCE / 4), 0)
        wait_for("it is said, by a log writer that may be slow", lambda:
                 "sink dead: its worker (process %d) has not ended in time" % worker in d.log())
        self.assertEqual(stat(), "D", "left behind")
        self.assertTrue(run("fsfreeze", "-u", "m"))
        wait_for("nothing is left", lambda: not d.left())

    def test_bounded_with_a_stopped_keeper_and_a_long_grace(self):
        d = Daemon(self, "self_metrics: 0\nshutdown_timeout: 1s\nsinks: []\n", start=False)
        d.script("stubborn", "#!/bin/sh\ntrap '' TERM\nwhile :; do sleep 1; done\n")
        for name in ("one", "two"):
            d.collector(name, f"command: [{d.path('stubborn')}]\ninterval: 1s\ntimeout: 900s\ngrace: 1m\n")
        d.start()
        keepers = wait_for("both run", lambda: [p for p, c in ours(d.process.pid).items()
                                                if c == "garnetd-keep"] if
                           len([a for _, a in d.left() if "stubborn" in a]) >= 2 else None)
        os.kill(keepers[0], signal.SIGSTOP)
        self.assertEqual(d.terminate(10), 0)
        wait_for("nothing is left", lambda: not d.left())

    def test_runs_whose_nursery_was_killed_or_stopped_end_with_garnetd(self):
        """Nobody but their keepers can see to them then, one of which is stopped; another nursery is."""
        d = Daemon(self, "self_metrics: 0\nshutdown_timeout: 1s\nsinks: []\n", start=False)
        d.script("stubborn", "#!/bin/sh\ntrap '' TERM\nsetsid sleep 1000 &\nwhile :; do sleep 1; done\n")
        for name in ("one", "two"):
            d.collector(name, f"command: [{d.path('stubborn')}]\ninterval: 1s\ntimeout: 900s\ngrace: 1m\n")
        d.start()
        keepers = wait_for("both run", lambda: [p for p, c in ours(d.process.pid).items() if c == "garnetd-keep"] if
                           len([a for _, a in d.left() if a.startswith("sleep 1000")]) == 2 else None)
        nursery = [p for p, c in ours(d.process.pid).items() if c == "garnetd-nursery"][0]
        kill(nursery)
        other = wait_for("another one", lambda: [p for p, c in ours(d.process.pid).items()
                                                 if c == "garnetd-nursery" and p != nursery])[0]
        os.kill(other, signal.SIGSTOP)
        os.kill(keepers[0], signal.SIGSTOP)
        self.assertEqual(d.terminate(10), 0)
        wait_for("nothing is left", lambda: not d.left())
        wait_for("nor of ours", lambda: not [p for p in [other, *keepers] if os.path.exists(f"/proc/{p}")])


if __name__ == "__main__":
    main(side_by_side=4)
