"""Datagrams that are refused: they go to the name's next address, then to the next endpoint, and none is lost.

In network namespaces, since it takes an /etc/hosts of its own, and since over a cable the other kernel says only once a
second that nobody listens.
"""
import sys

from harness import *
import netns

CONFIG = ("self_metrics: {every}\nsinks:\n  - {{name: s, plugin: {plugin}, flush: 20ms, path: '{{name}}', "
          "to: [{to}]}}\n")


class Datagrams(threading.Thread):
    """A receiver of datagrams: in this process, or on another host, where a program prints what it gets."""
    PROGRAM = ("import socket, sys\ns = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
               "s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)\n"
               "s.bind((sys.argv[1], int(sys.argv[2])))\nprint('ready', flush=True)\n"
               "while True:\n    sys.stdout.buffer.write(s.recv(65536)); sys.stdout.buffer.flush()\n")

    def __init__(self, test, address, port, within=()):
        super().__init__(daemon=True)
        self.process = subprocess.Popen([*within, sys.executable, "-c", self.PROGRAM, address, str(port)],
                                        stdout=subprocess.PIPE, env=dict(os.environ, GARNET_TEST_DIR=test.d.dir))
        test.addCleanup(self.stop)
        assert self.process.stdout.readline() == b"ready\n"
        self.data = b""
        self.start()

    def run(self):
        while more := self.process.stdout.read1(65536):
            self.data += more

    def values(self):
        return [int(line.split(b":")[1].split(b"|")[0] if b":" in line else line.split(b" ")[1])
                for line in self.data.splitlines()]

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.join(PATIENCE)
        self.process.stdout.close()


class Udp(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        netns.enter()

    def setUp(self):
        self.d = Daemon(self, "sinks: []\n", start=False)
        self.n = 0

    def configure(self, *to, plugin="statsd", every=0):
        self.d.configure(CONFIG.format(plugin=plugin, to=", ".join(f"'{u}'" for u in to), every=every))

    def emits(self, n, every=0.01):
        for _ in range(n):
            self.d.send('{"name": "m", "value": %d}' % self.n)
            self.n += 1
            time.sleep(every)

    def hosts(self, text):
        netns.run("mount", "--bind", self.d.write("hosts", text), "/etc/hosts")
        self.addCleanup(netns.run, "umount", "/etc/hosts")

    def all_at(self, *receivers):
        """Each metric has arrived, at one of them or at several."""
        wait_for("all metrics", lambda: {v for r in receivers for v in r.values()} == set(range(self.n)))

    def test_the_names_next_address(self):
        self.hosts("127.0.0.1 localhost\n::1 localhost\n")
        port = free_port()
        r = Datagrams(self, "127.0.0.1", port)
        self.configure(f"udp://localhost:{port}")
        self.d.start()
        self.emits(8, 0.1)
        self.all_at(r)
        self.assertEqual(sorted(r.values()), list(range(8)))
        self.d.wait_log(f"delivers to udp://localhost:{port}")
        self.assertEqual(self.d.log().count("nobody listens at ::1; trying again"), 1)
        self.assertEqual(self.d.terminate(), 0)
        self.d.assert_conserved()
        self.assertTrue(all_settled(self.d.verify()["s"]))

    def test_nobody_anywhere(self):
        """They wait in the spool, and go to whoever comes."""
        port = free_port()
        self.configure(f"udp://127.0.0.1:{port}", plugin="graphite")
        self.d.start()
        self.emits(20, 0.05)
        self.assertEqual(self.d.verify()["s"].get("confirmed", 0), 0)
        self.assertFalse(all_settled(self.d.verify()["s"]))
        r = Datagrams(self, "127.0.0.1", port)
        self.all_at(r)
        wait_for("all confirmed", lambda: all_settled(self.d.verify()["s"]))
        self.assertEqual(self.d.log().count("nobody listens"), 1)

    def receiver_dies(self, plugin):
        host = netns.Host(self, 1)
        first, second = (Datagrams(self, host.address, p, host.within()) for p in (2001, 2002))
        self.configure(f"udp://{host.address}:2001", f"udp://{host.address}:2002", plugin=plugin)
        self.d.start()
        self.emits(200)
        wait_for("the first has all", lambda: set(first.values()) == set(range(self.n)))
        first.stop()
        before = self.n
        self.emits(300)
        self.all_at(first, second)
        # what was sent in the second before the refusal, and no more, is there twice
        twice = len(first.values()) + len(second.values()) - self.n
        self.assertLess(twice, before)
        self.assertEqual(len(set(first.values())), len(first.values()))
        self.assertEqual(len(set(second.values())), len(second.values()))
        self.assertEqual(self.d.terminate(), 0)
        self.d.assert_conserved()

    def test_a_receiver_that_dies_at_100_a_second(self):
        self.receiver_dies("statsd")

    def test_likewise_where_repeats_are_harmless(self):
        self.receiver_dies("graphite")

    def test_a_host_that_says_it_once_a_second(self):
        """Nobody listens at two of three ports of one host, which has no more than one error a second for them all."""
        host = netns.Host(self, 1)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            for _ in range(20):  # those that it may send at once are used up
                s.sendto(b"", (host.address, 2000))
        r = Datagrams(self, host.address, 2003, host.within())
        self.configure(*(f"udp://{host.address}:{p}" for p in (2001, 2002, 2003)))
        self.d.start()
        self.emits(300)
        try:
            self.all_at(r)
        except AssertionError:
            # Sent, and then nothing for a second, in which the host would have said it: that is taken for silence.
            if any(f"delivers to udp://{host.address}:{p}" in self.d.log() for p in (2001, 2002)):
                self.skipTest("this machine has stood still for a second")
            raise

    def test_no_counter_twice_over_reload_and_kill(self):
        """The position has moved when the kernel has taken it, though it may yet be refused."""
        port = free_port()
        r = Datagrams(self, "127.0.0.1", port)
        self.configure(f"udp://127.0.0.1:{port}")
        self.d.start()
        for _ in range(3):
            self.emits(20)
            self.all_at(r)
            wait_for("it is in the cursor", lambda: all_settled(self.d.verify()["s"]))
            os.kill(self.d.worker("s"), signal.SIGKILL)
            self.emits(20)
            self.all_at(r)
            self.d.configure(CONFIG.format(plugin="statsd", to=f"'udp://127.0.0.1:{port}'", every=0)
                             .replace("20ms", f"{21 + self.n}ms"))
            self.d.hup("its worker is replaced")
        self.emits(1)
        self.all_at(r)
        self.assertEqual(sorted(r.values()), list(range(self.n)))

    def test_a_reload_amid_metrics(self):
        """A datagram is sure after a second without another word, and metrics come all the time: the worker that is replaced
        ends with what was there, and does not wait for a second in which nothing comes."""
        port = free_port()
        r = Datagrams(self, "127.0.0.1", port)
        to = f"udp://127.0.0.1:{port}"
        self.configure(to, plugin="graphite")
        self.d.start()
        self.emits(20)
        sender = threading.Thread(target=self.emits, args=(300,))
        sender.start()
        self.d.configure(CONFIG.format(plugin="graphite", to=f"'{to}'", every=0).replace("20ms", "21ms"))
        self.d.hup("its worker is replaced")
        sender.join(PATIENCE)
        self.all_at(r)
        self.assertEqual(self.d.terminate(), 0)
        self.assertNotIn("did not finish in time", self.d.log())
        self.assertEqual(sorted(r.values()), list(range(self.n)))
        self.d.assert_conserved()

    def test_a_host_that_is_not_there(self):
        """Its own kernel says nothing, ours does after some seconds; what was sent in the last of them is sent again."""
        host = netns.Host(self, 1)
        r = Datagrams(self, "127.0.0.1", port := free_port())
        self.configure(f"udp://10.9.1.77:2001", f"udp://127.0.0.1:{port}", plugin="graphite")
        self.d.start()
        self.emits(1)
        self.d.wait_log("cannot send to 10.9.1.77: No route to host")
        wait_for("a metric at the next endpoint", lambda: self.emits(1) or r.values())


if __name__ == "__main__":
    main(side_by_side=4)
