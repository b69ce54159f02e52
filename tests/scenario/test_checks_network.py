"""`ping-check` in a network of its own, with and without a privilege: hosts that answer, are silent, or lie; and look-ups of names
that nobody answers, for `http-check` too."""
import struct

import netns
from harness import *

NOBODY = 65534
RESOLVER = tempfile.mkdtemp(prefix="garnet-")


def setUpModule():
    if os.geteuid():
        raise unittest.SkipTest("needs root for a network of its own")
    netns.enter()


def tearDownModule():
    shutil.rmtree(RESOLVER)


def sysctl(name, value):
    with open(f"/proc/sys/net/{name}", "w") as f:
        f.write(value)


def checksum(packet):
    s = sum(struct.unpack(f">{len(packet) // 2}H", packet))
    while s >> 16:
        s = (s & 0xffff) + (s >> 16)
    return ~s & 0xffff


class Liar:
    """Answers echo requests to 127.0.0.1 as `answers` says: that gets one, and gives packets, without checksums."""

    def __init__(self, test, answers):
        sysctl("ipv4/icmp_echo_ignore_all", "1")
        test.addCleanup(sysctl, "ipv4/icmp_echo_ignore_all", "0")
        self.answers, self.seen = answers, []
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
        self.socket.settimeout(0.05)
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()
        test.addCleanup(self.close)

    def serve(self):
        while not self.over.is_set():
            with contextlib.suppress(TimeoutError):
                packet = self.socket.recv(2000)[20:]
                if packet[0] == 8:
                    self.seen.append(packet)
                    for answer in self.answers(packet):
                        self.send(answer)

    def send(self, answer):
        if len(answer) >= 8 and answer[2:4] == b"\0\0":
            answer = answer[:2] + struct.pack(">H", checksum(answer)) + answer[4:]
        self.socket.sendto(answer, ("127.0.0.1", 0))

    def close(self):
        self.over.set()
        self.thread.join(timeout=PATIENCE)
        self.socket.close()


def right(request):
    return b"\0\0\0\0" + request[4:]


class Case(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="garnet-")
        self.addCleanup(shutil.rmtree, self.folder)
        os.chmod(self.folder, 0o755)

    def look(self, *args, code=0, nobody=False):
        program = os.path.join(BUILD, "collectors", args[0])
        if nobody:
            program = shutil.copy(program, self.folder)
        argv = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"] if nobody else []
        r = subprocess.run([*argv, program, "--print", *args[1:]], capture_output=True, timeout=PATIENCE, text=True)
        self.assertEqual(r.returncode, code, r.stderr)
        return {(m[1], m[2]): float(m[3])
                for m in re.finditer(r"(?m)^([a-z_.]+)\{[a-z]+=(.*?)\} +(\S+)", r.stdout)}, r.stderr


class Ping(Case):
    def both(self, *args):
        """As root, with a raw socket, and as nobody, with one of datagrams."""
        sysctl("ipv4/ping_group_range", "1 0")
        yield self.look("ping-check", *args)
        sysctl("ipv4/ping_group_range", f"{NOBODY} {NOBODY}")
        yield self.look("ping-check", *args, nobody=True)
        sysctl("ipv4/ping_group_range", "1 0")

    def test_hosts_that_answer(self):
        for got, err in self.both("127.0.0.1", "::1", "--count", "2"):
            self.assertEqual(err, "")
            for host in ("127.0.0.1", "::1"):
                self.assertEqual((got["ping.sent", host], got["ping.received", host]), (2, 2))
                least, mean, most = (got["ping.rtt." + k, host] for k in ("min", "avg", "max"))
                self.assertTrue(0 < least <= mean <= most < PATIENCE * 1000)

    def test_who_may_not(self):
        sysctl("ipv4/ping_group_range", "1 0")
        got, err = self.look("ping-check", "127.0.0.1", code=1, nobody=True)
        self.assertEqual(got, {})
        self.assertEqual(err, "ping-check: no right to send echo requests: let the sysctl net.ipv4.ping_group_range have "
                              f"group {NOBODY}, or give this CAP_NET_RAW\n")

    def test_hosts_that_are_silent_or_cannot_be_reached(self):
        sysctl("ipv4/icmp_echo_ignore_all", "1")
        self.addCleanup(sysctl, "ipv4/icmp_echo_ignore_all", "0")
        for got, err in self.both("127.0.0.1", "::1", "192.0.2.1", "--count", "2", "--timeout", "100ms"):
            self.assertEqual(got["ping.sent", "127.0.0.1"], 2)
            self.assertEqual(got["ping.received", "127.0.0.1"], 0)
            self.assertNotIn(("ping.rtt.avg", "127.0.0.1"), got)
            self.assertEqual(got["ping.received", "::1"], 2)
            self.assertEqual((got["ping.sent", "192.0.2.1"], got["ping.received", "192.0.2.1"]), (0, 0))
            self.assertEqual(err, "ping-check: 192.0.2.1: cannot send to it: Network is unreachable\n")

    def test_what_lies_does_not_count(self):
        def lies(request):
            good = right(request)
            yield good[:8] + bytes(8) + good[16:]              # another token
            yield good[:16] + b"\0\0\0\1" + good[20:]          # of a host that there is not
            yield good[:20] + b"\0\0\0\x63"                    # a request that was never sent
            yield good[:20] + b"\xff\xff\xff\xff"
            yield good[:-2]                                    # cut off
            yield good + b"\0\0"                               # and longer
            yield good[:8]
            yield good[:2] + b"\1\1" + good[4:]                # another checksum
            yield b"\3\1\0\0" + good[4:]                       # no reply
        liar = Liar(self, lies)
        for got, err in self.both("127.0.0.1", "--count", "2", "--timeout", "300ms"):
            self.assertEqual((got["ping.sent", "127.0.0.1"], got["ping.received", "127.0.0.1"]), (2, 0))
        self.assertEqual(len(liar.seen), 4)
        tokens = [p[8:16] for p in liar.seen]
        self.assertEqual((tokens[0], tokens[2]), (tokens[1], tokens[3]))
        self.assertNotEqual(tokens[0], tokens[2])

    def test_one_host_does_not_answer_for_another(self):
        def other(request):  # each says that it is the other one, with the number that it was told itself
            host, = struct.unpack(">I", request[16:20])
            yield right(request)[:16] + struct.pack(">I", 1 - host) + request[20:]
        Liar(self, other)
        for got, err in self.both("127.0.0.1", "127.0.0.2", "--count", "1", "--timeout", "300ms"):
            self.assertEqual({k: v for k, v in got.items() if k[0] == "ping.received"},
                             {("ping.received", "127.0.0.1"): 0, ("ping.received", "127.0.0.2"): 0})

    def test_many_dead_ones_take_no_room_from_who_lives(self):
        """A request to one waits for its address, in the room of its socket."""
        netns.Host(self, 1)
        dead = [f"10.9.1.{i}" for i in range(3, 253)]
        for got, err in self.both("--count", "4", "--timeout", "100ms", *dead, "127.0.0.1"):
            self.assertEqual(err, "")
            self.assertEqual({h: v for (name, h), v in got.items() if name == "ping.sent" and v != 4}, {})
            self.assertEqual(sum(v for (name, _), v in got.items() if name == "ping.received"), got["ping.received", "127.0.0.1"])

    def test_each_counts_once(self):
        Liar(self, lambda request: [right(request)] * 5)
        for got, err in self.both("127.0.0.1", "--count", "2", "--timeout", "10s"):
            self.assertEqual((got["ping.sent", "127.0.0.1"], got["ping.received", "127.0.0.1"]), (2, 2))

    def test_one_that_is_late_does_not_count(self):
        requests = []

        def late(request):  # that to the first comes when the third is sent, 400 ms later
            requests.append(request)
            return [right(requests[0]), right(request)] if len(requests) == 3 else []
        Liar(self, late)
        got, err = self.look("ping-check", "127.0.0.1", "--timeout", "350ms")
        self.assertEqual(got["ping.sent", "127.0.0.1"], 3)
        self.assertLessEqual(got["ping.received", "127.0.0.1"], 1)  # that to the third, if this machine is not too slow

    def test_one_of_the_round_before_does_not_count(self):
        requests = []

        def before(request):
            requests.append(request)
            return [right(requests[-2])] if len(requests) > 1 else []
        liar = Liar(self, before)
        p = subprocess.Popen([os.path.join(BUILD, "collectors", "ping-check"), "--print", "--every", "300ms", "--count", "1", "--timeout",
                              "200ms", "127.0.0.1"], stdout=subprocess.PIPE, text=True)
        received = []
        while len(received) < 4:
            if m := re.match(r"ping\.received\S+ +(\d+)", p.stdout.readline()):
                received.append(m[1])
        p.terminate()
        p.communicate(timeout=PATIENCE)
        self.assertEqual(received, ["0"] * 4)
        self.assertGreaterEqual(len(liar.seen), 4)

    def test_many(self):
        hosts = [f"127.0.1.{i}" for i in range(1, 255)]
        got, err = self.look("ping-check", "--count", "2", "--timeout", "10s", *hosts)
        self.assertEqual(err, "")
        self.assertEqual([got["ping.received", h] for h in hosts], [2] * len(hosts))

    def test_wrong_usage(self):
        for words, *args in (("HOST... is missing",), ("give 1 to 20", "--count", "0", "a"), ("give 1 to 20", "--count", "21", "a"),
                             ("give 10ms to 10m", "--timeout", "0", "a"), ("are the same", "a", "a")):
            self.assertIn(words, self.look("ping-check", *args, code=2)[1])


class NobodyLooksUp(Case):
    """The resolver takes what it is asked, and says nothing."""

    def setUp(self):
        super().setUp()
        self.silent = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.silent.bind(("127.0.0.1", 53))
        self.addCleanup(self.silent.close)
        netns.resolver(RESOLVER + "/resolv.conf", "nameserver 127.0.0.1\noptions timeout:30 attempts:1\n")
        self.addCleanup(netns.run, "umount", "/etc/resolv.conf")

    def test_ping(self):
        begin = time.monotonic()
        got, err = self.look("ping-check", "a.example", "127.0.0.1", "b.example", "--count", "1", code=1)
        self.assertLess(time.monotonic() - begin, PATIENCE / 2)
        self.assertEqual(got["ping.received", "127.0.0.1"], 1)
        self.assertEqual((got["ping.sent", "a.example"], got["ping.received", "a.example"]), (0, 0))
        self.assertIn("the look-up of a.example: does not answer (and 1 more)", err)

    def test_http(self):
        if not os.path.exists(os.path.join(BUILD, "collectors", "http-check")):
            self.skipTest("http-check was not built: there is no libcurl")
        begin = time.monotonic()
        got, err = self.look("http-check", "--timeout", "300ms", "http://a.example/", f"http://127.0.0.1:{free_port()}/")
        self.assertLess(time.monotonic() - begin, PATIENCE / 2)
        self.assertEqual(got["http.ok", "http://a.example/"], 0)
        self.assertIn("http://a.example/: no whole answer within --timeout 300ms (and 1 more)", err)

    def test_http_leaves_no_thread_behind(self):
        if not os.path.exists(os.path.join(BUILD, "collectors", "http-check")):
            self.skipTest("http-check was not built: there is no libcurl")
        p = subprocess.Popen([os.path.join(BUILD, "collectors", "http-check"), "--print", "--every", "50ms", "--timeout", "50ms",
                              "http://a.example/"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        for _ in range(6):
            while p.stdout.readline() not in ("", "\n"):
                pass
        tasks = len(os.listdir(f"/proc/{p.pid}/task"))
        with open(f"/proc/{p.pid}/task/{p.pid}/children") as f:
            children = f.read().split()
        p.kill()
        p.communicate(timeout=PATIENCE)
        self.assertEqual(tasks, 1)
        self.assertLessEqual(len(children), 1)  # that of the round that it is at


if __name__ == "__main__":
    main()
