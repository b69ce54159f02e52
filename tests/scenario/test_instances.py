"""Of two daemons on one socket or one spool, the second refuses, whichever way they race; and the end is clean."""
import grp

from harness import *


class Instances(unittest.TestCase):
    CONFIG = "self_metrics: 0\nsinks: []\n"

    def test_second_on_the_same_socket_refuses(self):
        d = Daemon(self, self.CONFIG)
        second = Daemon(self, f"socket: {d.socket_path}\nspool: {{dir: spool}}\nsinks: []\n", start=False)
        second.start(ready=False)
        self.assertEqual(second.process.wait(PATIENCE), 111)
        self.assertIn(f"is in use by process {d.process.pid}", second.log())
        self.assertEqual(d.send('{"name":"a","value":1}')["accepted"], 1)

    def test_second_on_the_same_spool_refuses(self):
        d = Daemon(self, self.CONFIG)
        second = Daemon(self, f"spool: {{dir: {d.path('spool')}}}\nsinks: []\n", start=False)
        second.start(ready=False)
        self.assertEqual(second.process.wait(PATIENCE), 111)
        self.assertIn(f"process {d.process.pid}", second.log())
        self.assertEqual(d.send('{"name":"a","value":1}')["accepted"], 1)

    def test_race(self):
        d = Daemon(self, self.CONFIG, start=False)
        racers = []
        for _ in range(8):
            d.start(ready=False)
            racers.append(d.process)
        wait_for("all but one have ended", lambda: sum(p.poll() is None for p in racers) == 1)
        self.assertEqual([p.returncode for p in racers if p.returncode is not None], [111] * 7)
        d.process = [p for p in racers if p.poll() is None][0]
        wait_for("the one left works", d.listens)
        self.assertEqual(d.send('{"name":"a","value":1}')["accepted"], 1)

    def test_stale_socket_is_replaced_and_other_files_are_not(self):
        d = Daemon(self, self.CONFIG)
        d.kill()
        self.assertTrue(os.path.exists(d.socket_path))
        d.start()
        self.assertEqual(d.send('{"name":"a","value":1}')["accepted"], 1)
        self.assertEqual(d.terminate(), 0)
        self.assertFalse(os.path.exists(d.socket_path))
        d.write("run/garnet.sock", "precious")
        d.start(ready=False)
        self.assertEqual(d.process.wait(PATIENCE), 111)
        self.assertIn("is not a socket", d.log())
        with open(d.socket_path) as f:
            self.assertEqual(f.read(), "precious")

    def test_socket_mode(self):
        group = "daemon" if os.geteuid() == 0 else grp.getgrgid(os.getegid()).gr_name  # others take root
        d = Daemon(self, f"socket: {{path: run/garnet.sock, mode: '0620', group: {group}}}\nsinks: []\n")
        st = os.stat(d.socket_path)
        self.assertEqual((st.st_mode & 0o777, grp.getgrgid(st.st_gid).gr_name), (0o620, group))

    def test_end_takes_in_what_was_sent_and_delivers_it(self):
        r = Receiver()
        self.addCleanup(r.stop)
        d = Daemon(self, "self_metrics: 0\nsinks:\n" + graphite_sink("main", f"tcp://127.0.0.1:{r.port}"),
                   start=False)
        d.script("slow", '#!/bin/sh\ntrap \'garnet emit last 1 --socket "$1"; exit\' TERM\n'
                         f': >{d.path("ready")}\nwhile :; do sleep 0.05; done\n')
        d.collector("last", f"command: [{d.path('slow')}]\ninterval: 1s\ntimeout: 100s\ngrace: 10s\n")
        d.start()
        wait_for("it can be asked to end", lambda: os.path.exists(d.path("ready")))
        stream = d.connect()
        self.addCleanup(stream.close)
        stream.sendall(b'{"name":"unread","value":1}\n')
        self.assertEqual(d.terminate(), 0)
        self.assertEqual({x.split(" ")[0] for x in r.lines()}, {"testhost.last", "testhost.unread"})
        self.assertEqual(d.left(), [])

    def test_end_with_a_dead_sink_is_bounded(self):
        d = Daemon(self, "shutdown_timeout: 1s\nself_metrics: 0\nsinks:\n" +
                   graphite_sink("main", f"tcp://127.0.0.1:{free_port()}"))
        d.send('{"name":"a","value":1}')
        self.assertEqual(d.terminate(), 0)


if __name__ == "__main__":
    main()
