"""SIGHUP: never lost, what did not change is not touched, and neither is what has errors."""
from harness import *

TICK = '''#!/bin/sh
echo "{\\"name\\":\\"tick\\",\\"value\\":$$}" | garnet emit --socket "$1"
'''


def blocks(pid, signo):
    with open(f"/proc/{pid}/status") as f:
        mask = [line.split()[1] for line in f if line.startswith("SigBlk:")][0]
    return int(mask, 16) >> (signo - 1) & 1


class Reload(unittest.TestCase):
    def daemon(self, **kw):
        d = Daemon(self, "self_metrics: 0\nsinks:\n" + graphite_sink("main", "file:out.txt"), start=False, **kw)
        d.script("tick", TICK)
        d.collector("tick", f"command: [{d.path('tick')}]\ninterval: 1s\n")
        return d

    def test_invalid_file_changes_nothing_else(self):
        d = self.daemon()
        d.start()
        worker = d.worker("main")
        wait_for("it runs", lambda: d.file_lines("out.txt"))
        d.collector("broken", "command: [/bin/true]\nintervall: 1s\ntimeout: 10x\n")
        said = d.hup()
        self.assertIn(f"{d.path('collectors.d/broken.yaml')}:2:1: ", said)
        self.assertIn('did you mean "interval"', said)
        self.assertIn(f"{d.path('collectors.d/broken.yaml')}:3:10: ", said)
        n = len(d.file_lines("out.txt"))
        wait_for("the old collector goes on", lambda: len(d.file_lines("out.txt")) > n + 1)
        self.assertEqual(d.worker("main"), worker)

    def test_unchanged_sink_keeps_its_worker_and_connection(self):
        r = Receiver()
        self.addCleanup(r.stop)
        other = "file:other.txt"
        base = "self_metrics: 0\nsinks:\n" + graphite_sink("main", f"tcp://127.0.0.1:{r.port}", ", confirm: {every: 1h}")
        d = Daemon(self, base)
        self.assertEqual(d.send('{"name":"a","value":1}')["accepted"], 1)
        wait_for("first metric", lambda: len(r.lines()) == 1)
        worker = d.worker("main")
        d.configure(base + graphite_sink("extra", other))
        d.hup()
        d.send('{"name":"a","value":2}')
        wait_for("second metric", lambda: len(r.lines()) == 2)
        wait_for("the new sink has it too", lambda: len(d.file_lines("other.txt")) == 1)
        self.assertEqual((d.worker("main"), r.accepted), (worker, 1))
        d.configure(base.replace("100ms", "50ms"))
        d.hup()
        wait_for("a changed sink has a new worker", lambda: d.worker("main") != worker)
        d.send('{"name":"a","value":3}')
        wait_for("third metric", lambda: len(r.lines()) >= 3)
        wait_for("the removed sink's worker is gone",
                 lambda: not [a for _, a in d.left() if a.rstrip().endswith("run extra")])

    def test_a_removed_sink_comes_back(self):
        """It goes on where it was, also when garnetd was started anew meanwhile, or when it was down."""
        base = "self_metrics: 0\nsinks:\n" + graphite_sink("main", "file:out.txt")
        both = base + graphite_sink("other", "file:other.txt")
        d = Daemon(self, both)
        sent = 0

        def send():
            nonlocal sent
            self.assertEqual(d.send(f'{{"name":"a","value":{sent}}}')["accepted"], 1)
            sent += 1

        def has_all():
            return [x.split(" ")[1] for x in d.file_lines("other.txt")] == [str(i) for i in range(sent)]
        send()
        wait_for("the first", has_all)
        d.configure(base)
        d.hup()
        d.wait_log("sink other is no longer configured: its cursor is set aside for 24 h")
        send()
        d.terminate()
        self.assertEqual([n["queued"] for name, n in d.verify().items() if name.startswith("other, removed, set aside since 2")], [1])
        d.start()
        send()
        d.configure(both)
        d.hup()
        d.wait_log("sink other is back, and goes on where it was: 2 metrics are queued")
        wait_for("what came meanwhile", has_all)
        d.terminate()
        d.configure(base)
        d.start()
        send()
        d.terminate()
        d.configure(both)
        d.start()
        wait_for("likewise", has_all)

    def test_replaced_plugin_counts_as_a_change(self):
        d = Daemon(self, "self_metrics: 0\nsinks:\n"
                   "  - {name: main, plugin: ./mine.so, to: 'file:out.txt', flush: 0s}\n", start=False)
        shutil.copy(os.path.join(BUILD, "plugins/graphite.so"), d.path("mine.so"))
        d.start()
        worker = d.worker("main")
        d.hup()
        self.assertEqual(d.worker("main"), worker)
        shutil.copy(os.path.join(BUILD, "plugins/graphite.so"), d.path("mine.new"))
        os.rename(d.path("mine.new"), d.path("mine.so"))
        d.hup()
        wait_for("the worker is replaced", lambda: d.worker("main") != worker)

    def test_socket_and_spool_changes_are_refused(self):
        d = self.daemon()
        d.start()
        with open(d.config_path) as f:
            text = f.read()
        d.write("garnet.yaml", text.replace("run/garnet.sock", "run/other.sock"))
        self.assertIn("restart", d.hup("the old one stays"))
        d.write("garnet.yaml", text.replace("dir: spool", "dir: elsewhere"))
        self.assertIn("restart", d.hup("the old one stays"))
        self.assertFalse(os.path.exists(d.path("elsewhere")))

    def test_hups_are_coalesced_and_never_lost(self):
        d = self.daemon()
        d.start(ready=False)
        wait_for("it is about to start", lambda: blocks(d.process.pid, signal.SIGHUP))
        d.process.send_signal(signal.SIGHUP)
        d.wait_log("takes metrics at")
        for i in range(50):
            d.collector("late", f"command: [{d.path('tick')}, '{i}']\ninterval: 1s\n")
            d.process.send_signal(signal.SIGHUP)
        d.script("tick", '#!/bin/sh\nfor socket; do :; done\n'
                         'garnet emit "tick.$1" 1 --socket "$socket"\n')
        d.collector("late", f"command: [{d.path('tick')}, last]\ninterval: 1s\n")
        d.process.send_signal(signal.SIGHUP)
        wait_for("the last configuration is in force",
                 lambda: [x for x in d.file_lines("out.txt") if x.startswith("testhost.tick.last ")])

    def test_a_collector_that_is_dropped_ends(self):
        d = self.daemon()
        d.script("hang", "#!/bin/sh\nexec sleep 1000\n")
        d.collector("hang", f"command: [{d.path('hang')}]\ninterval: 1s\ntimeout: 900s\n")
        d.start()
        wait_for("it hangs", lambda: [a for _, a in d.left() if "sleep 1000" in a])
        os.unlink(d.path("collectors.d/hang.yaml"))
        d.hup()
        wait_for("it is gone", lambda: not [a for _, a in d.left() if "sleep 1000" in a])
        wait_for("so is its socket", lambda: not os.path.exists(d.path("run/collectors/hang.sock")))


if __name__ == "__main__":
    main()
