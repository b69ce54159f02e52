"""garnet tail, and garnet spool list and cat: what is in the spool, as people and programs read it, while garnetd writes, goes
and comes back, and never at anybody's cost."""
import fcntl
import pwd
import struct
import termios

from harness import *

GARNET = os.path.join(BUILD, "garnet")
SMALL = "spool: {dir: spool, max_size: 1MiB, segment_size: 64KiB}\n"
SECRET = (f"  - {{name: keyed, plugin: {BUILD}/tests/plugins/secret.so, to: 'file:keyed.txt', key: tops3cret, "
          "other_file: other, more: [th1rd, f0urth], headers: {auth: f1fth}}\n")


def run(*args, **more):
    return subprocess.run([GARNET, *args], capture_output=True, text=True, timeout=PATIENCE, stdin=subprocess.DEVNULL, **more)


class Tail:
    """A garnet tail that has said what it shows; what it prints is read as it comes, or for read=False not at all."""

    def __init__(self, test, d, *args, read=True):
        self.text = bytearray()
        self.said_path = d.path(f"said{id(self)}")
        self.from_log = open(self.said_path, "wb")
        self.process = subprocess.Popen([GARNET, "tail", "-c", d.config_path, *args], stdout=subprocess.PIPE,
                                        stderr=self.from_log, stdin=subprocess.DEVNULL)
        test.addCleanup(self.end)
        wait_for("tail says what it shows", lambda: "\n" in self.said())
        self.reader = threading.Thread(target=self.read, daemon=True)
        if read:
            self.reader.start()

    def read(self):
        while chunk := os.read(self.process.stdout.fileno(), 1 << 16):
            self.text += chunk

    def said(self):
        with open(self.said_path) as f:
            return f.read()

    def lines(self):
        return self.text.decode().split("\n")[:-1]

    def segments(self):
        return [p for p in descriptors(self.process.pid) if ".seg" in p]

    def unread(self):
        return struct.unpack("i", fcntl.ioctl(self.process.stdout.fileno(), termios.FIONREAD, b"\0" * 4))[0]

    def end(self, signo=signal.SIGINT):
        """Its exit status, once all that it has printed is read."""
        if self.process.poll() is None:
            self.process.send_signal(signo)
        status = self.process.wait(PATIENCE)
        if self.reader.is_alive():
            self.reader.join(PATIENCE)
        if not self.process.stdout.closed:
            self.process.stdout.close()
            self.from_log.close()
        return status


def metric(name, value=1, **more):
    return json.dumps(dict({"name": name, "value": value, "time": 1700000000}, **more))


def left_out(text, reason):
    return sum(int(n) for n in re.findall(rf"left out (\d+) \({reason}\)", text))


class Shown(unittest.TestCase):
    def daemon(self, config="self_metrics: 0\nsinks: []\n", **more):
        return Daemon(self, config, **more)

    def test_as_they_come(self):
        d = self.daemon(collectors={"one": f"command: [/bin/sh, -c, '{GARNET} emit by.one 7']\ninterval: 1s\n"})
        d.send(metric("before"))
        people, programs, some = Tail(self, d), Tail(self, d, "--json"), Tail(self, d, "a.*")
        ones = Tail(self, d, "--collector", "one")
        d.send(metric("a.b", 1.5, unit="B", type="counter", tags={"k": "two words", "host": "h"}) + metric("\u202e"))
        for t in (people, programs):
            wait_for("both are shown", lambda: sum(".one" not in x for x in t.lines()) == 2)
        shown = [x for x in people.lines() if "by.one" not in x]
        self.assertEqual(shown, ['2023-11-14T22:13:20Z a.b{host=h,k="two words"} 1.5 B counter',
                                 "2023-11-14T22:13:20Z \\xe2\\x80\\xae{host=testhost} 1"])
        objects = [json.loads(x) for x in programs.lines() if ".one" not in x]
        self.assertEqual((objects[0]["name"], objects[0]["tags"]), ("a.b", {"host": "h", "k": "two words"}))
        self.assertGreater(objects[1]["seq"], objects[0]["seq"])
        wait_for("the pattern's", lambda: some.lines() == shown[:1])
        wait_for("the collector's", lambda: len(ones.lines()) >= 2)
        self.assertRegex(ones.lines()[0], r"^\S+Z by\.one\{host=testhost\} 7 \[one\]$")
        self.assertEqual(people.said(), f"garnet tail: metrics as they come into {d.path('spool')}\n")
        self.assertNotIn(b"\x1b", people.text)
        for t in (people, programs, some, ones):
            self.assertEqual(t.end(), -signal.SIGINT)
            self.assertEqual(t.said().count("\n"), 1)

    def test_from_the_start_until_the_reader_goes(self):
        d = self.daemon()
        d.send("".join(metric(f"m{i}") for i in range(3)))
        t = Tail(self, d, "--from-start", read=False)
        got = os.read(t.process.stdout.fileno(), 1 << 16).decode()
        self.assertEqual(re.findall(r" (m\d)\{", got), ["m0", "m1", "m2"])
        t.process.stdout.close()
        wait_for("it ends without another metric", lambda: t.process.poll() is not None)
        self.assertEqual((t.process.returncode, t.said().count("\n")), (0, 1))

    def test_as_a_sink_sends_it(self):
        d = self.daemon("self_metrics: 0\nsinks:\n" + graphite_sink("main", "file:main.txt", ", drop: [b*]") + SECRET,
                        start=False)
        d.write("other", "s3cond\n", 0o600)
        d.start()
        main, keyed = Tail(self, d, "--sink", "main"), Tail(self, d, "--sink", "keyed")
        d.send(metric("a") + metric("b"))
        wait_for("the sinks have it", lambda: d.file_lines("keyed.txt") == [m + " tops3cret s3cond th1rd f0urth auth=f1fth" for m in "ab"] and
                 d.file_lines("main.txt") == ["testhost.a 1 1700000000"])
        wait_for("and so has tail", lambda: main.lines() == d.file_lines("main.txt"))
        wait_for("but for the secrets", lambda: keyed.lines() == [m + " *** *** *** *** auth=***" for m in "ab"])
        r = run("tail", "-c", d.config_path, "--sink", "nothing")
        self.assertEqual((r.returncode, r.stdout), (2, ""))
        self.assertIn('has no sink "nothing"', r.stderr)

    def test_rates_begin_with_what_came_before(self):
        d = self.daemon("self_metrics: 0\nsinks:\n" + graphite_sink("main", "file:main.txt", ", counters: delta"))
        d.send(metric("c", 10, type="counter"))
        t = Tail(self, d, "--sink", "main")
        d.send(metric("c", 15, type="counter", time=1700000001))
        wait_for("the difference", lambda: t.lines() == ["testhost.c 5 1700000001"])


class LeftOut(unittest.TestCase):
    def flood(self, d, n=20000):
        """More than the spool keeps; the number of metrics."""
        with d.connect() as s:
            s.sendall(b"".join(b'{"name":"flood.%d","value":1}' % i for i in range(n)))
            s.shutdown(socket.SHUT_WR)
            self.assertEqual(read_reply(s)["accepted"], n)
        return n

    def test_what_retention_takes_meanwhile(self):
        d = Daemon(self, SMALL + "self_metrics: 0\nsinks: []\n")
        d.send(metric("first"))  # an empty spool does not say which number comes next
        t, j = Tail(self, d), Tail(self, d, "--json")
        for x in (t, j):
            x.process.send_signal(signal.SIGSTOP)
        n = self.flood(d)
        wait_for("retention", lambda: min(int(x[:-4]) for x in d.segments()) > 0)
        for x in (t, j):
            x.process.send_signal(signal.SIGCONT)
        d.send(metric("last"))
        wait_for("it goes on", lambda: " last{" in t.lines()[-1] if t.lines() else False)
        self.assertGreater(left_out(t.said(), "expired"), 0)
        self.assertEqual(left_out(t.said(), "expired") + len(t.lines()), n + 1)
        wait_for("as JSON, too", lambda: j.lines() and '"last"' in j.lines()[-1])
        objects = [json.loads(x) for x in j.lines()]
        gone = [o for o in objects if "left_out" in o]
        self.assertEqual([o["reason"] for o in gone], ["expired"] * len(gone))
        self.assertEqual(sum(o["left_out"] for o in gone) + len(objects) - len(gone), n + 1)
        self.assertEqual(j.said().count("\n"), 1)

    def test_a_reader_that_does_not_read_holds_nothing(self):
        d = Daemon(self, SMALL + "self_metrics: 0\nsinks: []\n")
        d.send(metric("first"))  # an empty spool does not say which number comes next
        t = Tail(self, d, read=False)
        n = self.flood(d) + self.flood(d)
        wait_for("the pipe is full, and it lets go of the segment", lambda: t.unread() > 60000 and not t.segments())
        wait_for("retention", lambda: min(int(x[:-4]) for x in d.segments()) > 10000)  # some 1000 are in the pipe
        self.assertLess(rss_kib(t.process.pid), 400000 if SANITIZED else 30000)
        t.reader.start()
        d.send(metric("last"))
        wait_for("it goes on", lambda: t.lines() and " last{" in t.lines()[-1])
        gone = left_out(t.said(), "expired") + left_out(t.said(), "too slow")
        self.assertGreater(gone, 0)
        self.assertEqual(gone + len(t.lines()), n + 1)

    @unittest.skipUnless(LONG, "takes as long as a reader may fall behind")
    def test_who_is_too_slow_gets_the_newest(self):
        d = Daemon(self, "self_metrics: 0\nsinks: []\n")
        t = Tail(self, d, read=False)
        n = self.flood(d)
        since = time.monotonic()
        wait_for("it is late", lambda: time.monotonic() - since > 11)
        t.reader.start()
        wait_for("it is told", lambda: left_out(t.said(), "too slow") > 0)
        wait_for("all is shown or left out", lambda: left_out(t.said(), "too slow") + len(t.lines()) == n)
        d.send(metric("last"))
        wait_for("it goes on", lambda: " last{" in t.lines()[-1])


class Gone(unittest.TestCase):
    def test_garnetd_starts_again(self):
        d = Daemon(self, "self_metrics: 0\nsinks: []\n")
        t = Tail(self, d)
        d.send(metric("one"))
        d.kill()
        d.start()
        d.send(metric("two"))
        wait_for("both", lambda: re.findall(r" (\w+)\{", t.text.decode()) == ["one", "two"])
        self.assertEqual(t.said().count("\n"), 1)

    def test_the_folder_is_replaced(self):
        d = Daemon(self, "self_metrics: 0\nsinks: []\n")
        t = Tail(self, d)
        d.send(metric("one"))
        wait_for("the first", lambda: len(t.lines()) == 1)
        os.rename(d.path("spool"), d.path("away"))
        d.wait_log("removed")
        d.send(metric("two"))
        wait_for("it goes on in the new one", lambda: [x.split("{")[0].split()[-1] for x in t.lines()] == ["one", "two"])
        self.assertIn("was replaced by another folder", t.said())

    def test_the_spool_begins_anew(self):
        d = Daemon(self, "self_metrics: 0\nsinks: []\n")
        d.send("".join(metric(f"m{i}") for i in range(10)))
        t = Tail(self, d)
        d.terminate()
        shutil.rmtree(d.path("spool"))
        d.start()
        d.send(metric("fresh"))
        wait_for("it is shown", lambda: any("fresh" in x for x in t.lines()))
        self.assertIn("have begun anew", t.said())

    def test_no_spool(self):
        d = Daemon(self, "sinks: []\n", start=False)
        for args in (("tail", "-c", d.config_path), ("tail", "--spool", d.path("spool")), ("spool", "list", d.path("spool")),
                     ("spool", "cat", d.path("spool"))):
            r = run(*args)
            self.assertEqual((r.returncode, r.stdout), (111, ""))
            self.assertIn(f"{d.path('spool')}: cannot be read: No such file or directory: either garnetd has not run yet",
                          r.stderr)

    def test_no_rights(self):
        nobody = pwd.getpwnam("nobody").pw_uid
        needs_others(self, nobody)
        d = Daemon(self, "sinks: []\n")
        os.chmod(d.dir, 0o755)
        for args in (("tail", "-c", d.config_path), ("spool", "list", d.path("spool")), ("spool", "cat", d.path("spool"))):
            r = run(*args, user=nobody, group=nobody, extra_groups=[])
            self.assertEqual((r.returncode, r.stdout), (111, ""))
            self.assertIn("Permission denied: only root and the user that garnetd runs as may read a spool", r.stderr)

    def test_wrong_usage(self):
        for args in (("a", "b"), ("--nonsense",), ("[",), ("--sink",), ("--json", "--sink", "x")):
            r = run("tail", *args)
            self.assertEqual((r.returncode, r.stdout), (2, ""), args)
            self.assertIn("garnet tail: ", r.stderr)
        r = run("tail", "-c", "/no/such/file")
        self.assertEqual((r.returncode, r.stderr), (1, "/no/such/file: does not exist\n"))


class Spool(unittest.TestCase):
    def test_list_and_cat(self):
        d = Daemon(self, "self_metrics: 0\nsinks:\n" + graphite_sink("main", "tcp://127.0.0.1:1"))
        d.send(metric("a") + metric("b", tags={"k": "v"}))
        r = wait_for("the worker has its cursor", lambda: (r := run("spool", "list", d.path("spool"))).stdout.endswith(
            "its worker runs\n") and r)
        self.assertEqual(r.returncode, 0, r.stderr)
        when = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"
        self.assertRegex(r.stdout, "^" + "\n".join([
            rf"spool {d.path('spool')}: 1 segments, \d+ bytes; sequence 0\.\.2",
            rf"segment 0: 2 metrics, \d+ bytes, made {when}, written {when}",
            r"reserve: \d+ files, \d+ bytes",
            rf"sink main: position 0, 2 metrics behind, the oldest accepted {when[:-1]}(\.\d+)?Z, \d+\.\d s ago, its worker runs",
        ]) + "\n$")
        r = run("spool", "cat", d.path("spool"))
        self.assertEqual((r.returncode, r.stdout, r.stderr), (0, "2023-11-14T22:13:20Z a{host=testhost} 1\n"
                                                              "2023-11-14T22:13:20Z b{host=testhost,k=v} 1\n", ""))
        r = run("spool", "cat", "--json", "--from", "1", d.path("spool"))
        self.assertEqual([json.loads(x)["seq"] for x in r.stdout.splitlines()], [1])
        r = run("spool", "cat", "--from", "5", d.path("spool"))
        self.assertEqual((r.returncode, r.stdout, r.stderr), (0, "", "garnet: there is nothing from 5 on\n"))

    def test_cat_says_what_is_gone(self):
        d = Daemon(self, SMALL + "self_metrics: 0\nsinks: []\n")
        d.send("".join(metric(f"m{i}") for i in range(20000)))
        wait_for("retention", lambda: min(int(x[:-4]) for x in d.segments()) > 1)
        d.terminate()
        first = min(int(x[:-4]) for x in d.segments())
        r = run("spool", "cat", "--from", "1", d.path("spool"))
        self.assertEqual(r.stderr, f"garnet: left out {first - 1} (expired)\n")
        self.assertEqual(len(r.stdout.splitlines()), 20000 - first)
        r = run("spool", "cat", "--from", "1", "--json", d.path("spool"))
        self.assertEqual(json.loads(r.stdout.splitlines()[0]), {"seq": 1, "left_out": first - 1, "reason": "expired"})
        self.assertEqual(r.stderr, "")
        name = max(d.segments())
        with open(d.path(f"spool/{name}"), "r+b") as f:
            f.seek(128)
            f.write(b"\xff" * 40)
        r = run("spool", "cat", d.path("spool"))
        self.assertEqual(first + len(r.stdout.splitlines()) + left_out(r.stderr, "damaged"), 20000)
        self.assertGreater(left_out(r.stderr, "damaged"), 0)


if __name__ == "__main__":
    main()
