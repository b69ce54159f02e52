"""What scripts print for others: `garnet convert` by hand, and garnet-convert between a script and a real garnetd, as it comes,
with a receiver that is slow, gone, or ends the connection."""
import fcntl
import select
import struct
import termios

from harness import *

DATA = os.path.join(SOURCE, "tests/data/convert")
GARNET, CONVERT = os.path.join(BUILD, "garnet"), os.path.join(BUILD, "garnet-convert")
FORMATS = ("lines", "influx", "prometheus", "nagios", "munin", "putval")
SINK = "self_metrics: 0\nsinks:\n  - {name: file, plugin: graphite, to: 'file:out', path: '{name}', flush: 10ms}\n"


def run(*args, text="", **more):
    return subprocess.run(args, input=text, capture_output=True, text=True, timeout=PATIENCE, **more)


def read(*names):
    with open(os.path.join(DATA, *names), newline="") as f:
        return f.read()


class ByHand(unittest.TestCase):
    def test_each_format(self):
        for name in FORMATS:
            with self.subTest(format=name):
                folder = os.path.join(DATA, name, "units" if name == "nagios" else "crlf")
                r = run(GARNET, "convert", name, text=read(folder, "in"))
                self.assertEqual(r.stdout, read(folder, "out"))
        r = run(GARNET, "convert", "json", text='{"name":"a","value":1}')
        self.assertEqual((r.returncode, r.stdout, r.stderr), (0, '{"name":"a","value":1}', ""))

    def test_the_examples_of_the_documentation(self):
        with open(os.path.join(SOURCE, "docs/formats.md")) as f:
            sections = dict(re.findall(r"^## (\w+)\n(.*?)(?=^## |\Z)", f.read(), re.M | re.S))
        for name in FORMATS:
            with self.subTest(format=name):
                given, shown = re.findall(r"^```(?:json)?\n(.*?)^```$", sections[name], re.M | re.S)[:2]
                r = run(GARNET, "convert", name, text=given)
                self.assertEqual(r.stdout, shown)
                self.assertEqual(r.returncode, 0, r.stderr)

    def test_what_is_wrong(self):
        r = run(GARNET, "convert", "lines", text="a 1\nb x\nc\x1b[m 1\nd nan\nd nan\n")
        self.assertEqual(r.returncode, 1)
        self.assertEqual(r.stdout, '{"name":"a","value":1}\n')
        self.assertEqual(r.stderr.splitlines(), [
            'garnet convert: line 2, byte 3: value "x" is not a number: print one such as 12, -0.5 or 1e9',
            "garnet convert: line 3, byte 2: a metric's name has the control byte 0x1b in it: leave it out, or write a blank",
            "garnet convert: line 4, byte 3: value is not a number (NaN): left out",
            "garnet convert: 2 values that are not a number left out"])
        self.assertEqual(run(GARNET, "convert", "lines", text="d nan\n").returncode, 0)

    def test_no_more_lines_than_are_read(self):
        r = run(GARNET, "convert", "lines", text="bad\n" * 10000)
        self.assertEqual(r.returncode, 1)
        self.assertLess(len(r.stderr.splitlines()), 300)
        more = sum(int(n) for n in re.findall(r"(\d+) more like these", r.stderr))
        self.assertEqual(more + r.stderr.count("one word alone"), 10000)

    def test_the_exit_status_of_the_command(self):
        text = read("nagios", "good", "in")
        self.assertNotIn('"status"', run(GARNET, "convert", "nagios", text=text).stdout)
        self.assertIn('{"name":"status","value":2}\n', run(GARNET, "convert", "nagios", "--status", "2", text=text).stdout)
        for told, want in ((b"1\n", '{"name":"status","value":1}\n'), (b"", None), (b"1", None), (b"x\n", None)):
            with self.subTest(told=told):
                ours, theirs = os.pipe()
                os.write(theirs, told)
                os.close(theirs)
                r = run(GARNET, "convert", "nagios", "--status-fd", str(ours), text=text.rstrip("\n"), pass_fds=[ours])
                os.close(ours)
                if want:
                    self.assertIn(want, r.stdout)
                else:  # it was killed, so its last line may be half of one
                    self.assertEqual((r.returncode, r.stdout), (1, ""))
                    self.assertIn("may be half of one", r.stderr)

    def test_a_status_that_cannot_be_read_is_wrong_usage(self):
        for args, words in ((["--status-fd", "99"], "nothing is open there"), (["--status", "1", "--status-fd", "0"], "give one")):
            r = run(GARNET, "convert", "nagios", *args, text="OK | a=1\n")
            self.assertEqual((r.returncode, r.stdout), (2, ""))
            self.assertIn(words, r.stderr)

    def test_an_output_that_is_non_blocking_loses_nothing(self):
        ours, theirs = os.pipe()
        os.set_blocking(theirs, False)
        text = "".join(f"metric.{i} {i}\n" for i in range(5000))
        with subprocess.Popen([GARNET, "convert", "lines"], stdin=subprocess.PIPE, stdout=theirs, text=True) as p:
            os.close(theirs)
            feed = threading.Thread(target=lambda: (p.stdin.write(text), p.stdin.close()))
            feed.start()
            wait_for("it is full", lambda: struct.unpack("i", fcntl.ioctl(ours, termios.FIONREAD, b"    "))[0] > 60000)
            with open(ours) as f:
                self.assertEqual(len(f.readlines()), 5000)
            feed.join()
            self.assertEqual(p.wait(PATIENCE), 0)

    def test_output_that_fails(self):
        with open("/dev/full", "w") as full:
            r = subprocess.run([GARNET, "convert", "lines"], input="a 1\n", stdout=full, stderr=subprocess.PIPE, text=True)
        self.assertEqual(r.returncode, 111)
        self.assertIn("cannot write to standard output", r.stderr)


class Sent(unittest.TestCase):
    def test_to_a_real_garnetd(self):
        d = Daemon(self, SINK)
        r = run(CONVERT, "lines", d.socket_path, text="# a comment\nqueue.mail 5 1700000000\n\nqueue.news 7 1700000001\n")
        self.assertEqual((r.returncode, r.stdout, r.stderr), (0, "", ""))
        wait_for("both arrive", lambda: d.file_lines("out") == ["queue.mail 5 1700000000", "queue.news 7 1700000001"])
        r = run(CONVERT, "nagios", "--status", "1", text="OK | a=1;2\n", env={"GARNET_SOCKET": d.socket_path})
        self.assertEqual((r.returncode, r.stderr), (0, ""))
        wait_for("and these", lambda: len(d.file_lines("out")) == 4)
        d.terminate()

    def test_what_garnetd_rejects_has_the_line_of_the_script(self):
        d = Daemon(self, "self_metrics: 0\nsinks: []\n")
        r = run(CONVERT, "lines", d.socket_path, text="# one\na 1\n\ngarnet.x 1\nb 1\nbad\n")
        self.assertEqual(r.returncode, 1)
        self.assertIn("garnet-convert: line 6, byte 1: one word alone", r.stderr)
        self.assertRegex(r.stderr, r'"accepted":2,"rejected":1,"errors":\[\{"line":4,')
        d.terminate()

    def test_a_collector(self):
        d = Daemon(self, SINK, {"old": "command: [/bin/sh, -c, 'printf \"queue 5\\nbad\\ngarnet.x 1\\n\" | "
                                       f"{CONVERT} lines']\ninterval: 1s\n"})
        wait_for("its metric arrives", lambda: any(x.startswith("queue 5 ") for x in d.file_lines("out")))
        d.wait_log("collector old: line 2, byte 1: one word alone")
        d.wait_log('line 3, byte 9: name: begins with "garnet"')  # which garnetd says, and nobody else
        self.assertNotIn("not everything was accepted", d.log())
        d.terminate()

    def test_nobody_there(self):
        r = run(CONVERT, "lines", "/no/such/socket", text="a 1\n")
        self.assertEqual((r.returncode, r.stdout), (111, ""))
        self.assertIn("garnet-convert: cannot connect to /no/such/socket: there is no such socket", r.stderr)
        self.assertEqual(run(CONVERT, "lines", "/no/such/socket").returncode, 0)  # nothing was to be sent

    def start(self, path):
        p = subprocess.Popen([CONVERT, "lines", path], stdin=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0)
        self.addCleanup(lambda: (p.kill(), p.wait(), p.stdin.close(), p.stderr.close()))
        return p

    def test_as_it_comes_and_a_signal(self):
        d = Daemon(self, SINK)
        p = self.start(d.socket_path)
        for i in range(3):
            p.stdin.write(f"a {i} 1700000000\n".encode())
            wait_for("it arrives while the input goes on", lambda: len(d.file_lines("out")) == i + 1)
        p.stdin.write(b"b 1 1700000000\nc 1")  # the last line has no end yet
        p.send_signal(signal.SIGTERM)
        self.assertEqual(p.wait(PATIENCE), 1)
        self.assertIn(b"line 5, byte 1: the last line has no end", p.stderr.read())
        wait_for("what was in the pipe arrives", lambda: d.file_lines("out")[3:] == ["b 1 1700000000"])
        d.terminate()

    def test_garnetd_goes(self):
        d = Daemon(self, SINK)
        p = self.start(d.socket_path)
        p.stdin.write(b"a 1 1700000000\n")
        wait_for("it arrives", lambda: d.file_lines("out"))
        d.kill()
        with contextlib.suppress(BrokenPipeError):  # as it would end a script
            while p.poll() is None:
                p.stdin.write(b"a 1\n")
        self.assertEqual(p.wait(PATIENCE), 111)
        d.start()
        d.terminate()


class Peer(unittest.TestCase):
    """A stand-in for garnetd that does what that does seldom."""

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="garnet-")
        self.addCleanup(shutil.rmtree, self.folder)
        self.path = os.path.join(self.folder, "s")
        self.listener = socket.socket(socket.AF_UNIX)
        self.addCleanup(self.listener.close)
        self.listener.bind(self.path)
        self.listener.listen()
        self.listener.settimeout(PATIENCE)

    start = Sent.start

    def accept(self):
        s, _ = self.listener.accept()
        self.addCleanup(s.close)
        s.settimeout(PATIENCE)
        return s

    def test_a_connection_that_is_closed_between_lines(self):
        p = self.start(self.path)
        for i in range(3):
            p.stdin.write(b"a %d\n" % i)
            s = self.accept()
            self.assertIn(b'"value":%d' % i, s.recv(1000))
            s.sendall(b'{"accepted":1,"rejected":0,"errors":[{"error":"silent for 1s"}]}\n')
            s.close()
            wait_for("it is told", lambda: b"silent for 1s" in p.stderr.readline())
        p.stdin.close()
        self.assertEqual(p.wait(PATIENCE), 1)

    def test_silence_asks_for_the_reply(self):
        if not LONG:
            self.skipTest("takes 5 s: --long")
        p = self.start(self.path)
        p.stdin.write(b"a 1\n")
        s = self.accept()
        self.assertTrue(s.recv(1000))
        self.assertEqual(s.recv(1000), b"")
        s.sendall(b'{"accepted":1,"rejected":0,"errors":[]}\n')
        s.close()
        p.stdin.write(b"b 1\n")
        s = self.accept()
        self.assertIn(b'"b"', s.recv(1000))
        p.stdin.close()
        self.assertEqual(s.recv(1000), b"")
        s.sendall(b'{"accepted":1,"rejected":0,"errors":[]}\n')
        s.close()
        self.assertEqual(p.wait(PATIENCE), 0)

    def test_a_receiver_that_is_slow_holds_up_the_script(self):
        p = self.start(self.path)
        line, sent = b"a 1 1700000000\n" * 1000, 0
        os.set_blocking(p.stdin.fileno(), False)
        p.stdin.write(b"a 1\n")
        s = self.accept()  # and nothing is read
        while select.select([], [p.stdin], [], 1)[1]:
            with contextlib.suppress(BlockingIOError):
                sent += os.write(p.stdin.fileno(), line)
            self.assertLess(sent, 8 << 20, "it takes without end")
        self.assertIsNone(p.poll())
        if not SANITIZED:
            self.assertLess(rss_kib(p.pid), 16 << 10)
        os.set_blocking(p.stdin.fileno(), True)
        end = threading.Thread(target=p.stdin.close)
        end.start()
        got = b""
        while part := s.recv(1 << 20):
            got += part
        s.sendall(b'{"accepted":1,"rejected":0,"errors":[]}\n')
        s.close()
        end.join()
        self.assertIn(p.wait(PATIENCE), (0, 1))  # the last line may be half of one
        self.assertGreaterEqual(got.count(b'"name":"a"'), sent // 15)

    def test_a_receiver_that_hangs_and_a_signal(self):
        if not LONG:
            self.skipTest("takes 5 s: --long")
        p = self.start(self.path)
        p.stdin.write(b"a 1\n")
        s = self.accept()
        self.assertTrue(s.recv(1000))
        p.send_signal(signal.SIGTERM)
        self.assertEqual(s.recv(1000), b"")  # it asks for the reply, and gets none
        self.assertEqual(p.wait(PATIENCE), 111)
        self.assertIn(b"no answer within 5 s", p.stderr.read())


if __name__ == "__main__":
    main()
