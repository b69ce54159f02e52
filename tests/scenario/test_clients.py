"""The clients, as somebody has them who has only an installed package: the C library by gcc and as C++, shared and static, by
make and by CMake; the Python module; the shell's functions; and the examples of docs/protocol.md in each language that
is here. Against a real garnetd, and against every kind of bad other side."""
import ast
import datetime
import unittest.mock
from decimal import Decimal
from fractions import Fraction

from installed import *
from test_collectors import REJECTED, Peer

SINK = "self_metrics: 0\nsinks:\n" + graphite_sink("main", "file:out.txt", ", path: '{name}'")
SANITIZE = "-fsanitize=address,undefined" if SANITIZED else ""
UNCLEAN = r'a"b\c' + "\u00e9\u2028" + '}],\'$x`'


def started(argv, **more):
    return subprocess.run(argv, capture_output=True, text=True, timeout=PATIENCE, **more)


class Other:
    """A listening socket of its own, `path`, and a Peer there."""

    def other(self, *args, **more):
        if not hasattr(self, "folder"):
            self.folder = tempfile.mkdtemp(prefix="garnet-")
            self.addCleanup(shutil.rmtree, self.folder)
            self.peers = 0
        self.peers += 1
        path = os.path.join(self.folder, f"s{self.peers}")
        peer = Peer(path, *args, **more)
        self.addCleanup(peer.close)
        return path, peer


CXX = r"""
#include <cmath>
#include <cstdio>
#include <garnet/client.h>
#include <garnet/plugin.h>

static void flush(garnet_client *g)
{
    int answer = garnet_client_flush(g);
    std::printf("%d %s\n", answer, garnet_client_error(g));
}

int main(int argc, char **argv)
{
    garnet_client *g = garnet_client_open(garnet_client_last_argument(argc, argv));
    garnet_client_metric m = {}, bad = {};
    const garnet_client_tag tags[] = {{"k", "v"}};
    const garnet_client_value values[] = {garnet_client_value_i64("i", -1), garnet_client_value_f64("f", 0.5)};
    m.name = "first";
    m.tags = tags;
    m.ntags = 1;
    m.type = "gauge";
    m.time = 1700000000.5;
    garnet_client_add(g, &m, values, 2);
    garnet_client_f64(g, &m, NAN);
    flush(g);
    bad.name = "second";
    bad.unit = "\n";
    garnet_client_u64(g, &bad, 1);
    bad.unit = "B";
    garnet_client_u64(g, &bad, 18446744073709551615U);
    flush(g);
    const garnet_client_reply *r = garnet_client_last_reply(g);
    std::printf("%d %d %d\n", (int)r->accepted, (int)r->rejected, (int)r->nfaults);
    int status = garnet_client_finish(g);
    garnet_client_free(g);
    return status;
}
"""


class Library(Installed, Other):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.libdir = run(["pkg-config", "--variable=libdir", "garnet-client"], env=cls.env).strip()
        cls.runs = dict(os.environ, LD_LIBRARY_PATH=cls.libdir)

    def symbols(self, *args):
        return {line.split()[-1] for line in run(["nm", *args]).splitlines() if re.match(r"[0-9a-f]+ [A-Z] ", line)}

    def test_only_its_interface_is_visible(self):
        with open(self.prefix + "/include/garnet/client.h") as f:
            told = set(re.findall(r"(?s)GARNET_CLIENT_API [^;(]*?(garnet_client_\w+)\(", f.read()))
        self.assertGreater(len(told), 7)
        self.assertEqual(run(["pkg-config", "--modversion", "garnet-client"], env=self.env), "1.0\n")
        said = run(["readelf", "-d", self.libdir + "/libgarnet-client.so"])
        self.assertIn("soname: [libgarnet-client.so.1]", said)
        if not SANITIZED:
            self.assertEqual(re.findall(r"\(NEEDED\).*\[(.*)\]", said), ["libc.so.6"])
            self.assertEqual(self.symbols("--extern-only", "--defined-only", self.libdir + "/libgarnet-client.a"), told)
            self.assertEqual(self.symbols("-D", "--defined-only", self.libdir + "/libgarnet-client.so"), told)

    def arrives(self, program, d):
        """The example as a collector by hand: two metrics for its folder."""
        os.makedirs(d.path("queue"), exist_ok=True)
        d.write("queue/one", "12345")
        r = started([program, d.path("queue"), d.socket_path], env=self.runs)
        self.assertEqual((r.returncode, r.stdout, r.stderr), (0, "", ""))
        self.arrived = getattr(self, "arrived", []) + ["queue.files 1", "queue.size 5"]
        wait_for("its metrics", lambda: [x.rpartition(" ")[0] for x in d.file_lines("out.txt")] == self.arrived)

    def test_the_example_each_way(self):
        d = Daemon(self, SINK)
        source = self.doc + "/examples/client"
        c = self.copy(source, "client-make")
        for target in ("queue", "queue-static"):
            self.build("make", target, "CFLAGS=-Wall -Wextra -Werror " + SANITIZE, cwd=c)
            self.arrives(c + "/" + target, d)
        needed = run(["readelf", "-d", c + "/queue"]), run(["readelf", "-d", c + "/queue-static"])
        self.assertEqual(["libgarnet-client.so.1" in n for n in needed], [True, False])
        c = self.copy(source, "client-cmake")
        self.build("cmake", "-B", "build", "-DCMAKE_C_FLAGS=" + SANITIZE, cwd=c)
        self.build("cmake", "--build", "build", cwd=c)
        self.arrives(c + "/build/queue", d)
        d.terminate()
        r = started([c + "/build/queue", d.path("queue"), d.socket_path], env=self.runs)
        self.assertEqual(r.returncode, 2)
        self.assertRegex(r.stderr, "^queue: cannot connect to .*garnetd")
        path, _ = self.other(REJECTED)
        r = started([c + "/build/queue", d.path("queue"), path], env=self.runs)
        self.assertEqual((r.returncode, r.stderr), (1, "queue: line 1, byte 17, value: must be a finite number\n"))

    def test_as_cxx(self):
        cxx = next((c for c in ("g++",) + ("clang++",) * (not SANITIZED) if shutil.which(c)), None)
        if cxx is None:
            self.skipTest("no C++ compiler is there")
        d = Daemon(self, SINK)
        source = os.path.join(self.top, "cxx.cc")
        with open(source, "w") as f:
            f.write(CXX)
        flags = run(["pkg-config", "--cflags", "garnet-client", "garnet"], env=self.env).split() + SANITIZE.split()
        shared = run(["pkg-config", "--libs", "garnet-client"], env=self.env).split()
        for standard, libraries in (("c++11", shared), ("c++20", [self.libdir + "/libgarnet-client.a"])):
            run([*self.hide, cxx, "-std=" + standard, "-Wall", "-Wextra", "-Wpedantic", "-Werror", *flags,
                 "-o", source + ".out", source, *libraries])
            r = started([source + ".out", d.socket_path], env=self.runs)
            self.assertRegex(r.stdout, "^1 first: value: must be a finite number, not nan: leave it out when there is none\n"
                                       r"1 line 3, byte \d+, unit: has a control character at byte 1\n1 1 1\n$")
            self.assertEqual((r.returncode, r.stderr), (0, ""))
        want = ["first.i -1", "first.f 0.5", "second 18446744073709551615"] * 2
        wait_for("all of it", lambda: [x.rpartition(" ")[0] for x in d.file_lines("out.txt")] == want)
        d.terminate()

    def test_what_comes_with_it(self):
        python = next(d for d, _, files in os.walk(self.prefix) if "garnet.py" in files and "/diamond" not in d)
        r = started(["/usr/bin/python3", "-B", "-c", "import garnet; print(garnet.__version__)"],
                    env=dict(os.environ, PYTHONPATH=python))
        self.assertEqual((r.stdout, r.stderr), ("1.0\n", ""))
        self.assertEqual(read(self.prefix + "/share/garnet/garnet.sh"), read(SOURCE + "/client/shell/garnet.sh"))


class Python(unittest.TestCase, Other):
    @classmethod
    def setUpClass(cls):
        sys.path.insert(0, SOURCE + "/client/python")
        sys.dont_write_bytecode = True
        global garnet
        import garnet

    def test_it_is_python_3_7(self):
        ast.parse(read(SOURCE + "/client/python/garnet.py"), feature_version=(3, 7))

    def test_the_shared_socket_is_garnetds(self):
        self.assertIn(f'CONF_SOCKET "{garnet.SHARED_SOCKET}"', read(SOURCE + "/core/conf/socket.h"))

    def test_what_is_written(self):
        path, peer = self.other()
        with garnet.Client(path) as g:
            g.gauge("a", True, unit="B", tags={"k": 1, "q": UNCLEAN}, meta={"m": "n"}, time=1700000000.25)
            g.counter("b", {"x": 2**64 - 1, "y": -0.5})
        peer.close()
        self.assertEqual(peer.objects(), [
            {"name": "a", "type": "gauge", "unit": "B", "tags": {"k": "1", "q": UNCLEAN}, "meta": {"m": "n"},
             "time": 1700000000.25, "value": 1},
            {"name": "b", "type": "counter", "values": {"x": 2**64 - 1, "y": -0.5}}])

    def test_garnetd(self):
        d = Daemon(self, SINK)
        g = garnet.Client(d.socket_path)
        g.rate("a", 1.5, time=1700000000)
        self.assertEqual(g.flush().accepted, 1)
        g.gauge("nan", float("nan"))
        g.gauge("large", 2**64)
        g.gauge("broken\udcff", 1)
        g.gauge("...", 1, unit="\n")
        g.gauge("b", 2, time=1700000000)
        with self.assertRaises(garnet.Rejected) as e:
            g.flush()
        self.assertEqual((e.exception.reply.accepted, e.exception.reply.rejected), (1, 4))
        self.assertEqual(str(e.exception),
                         "nan: value must be a finite number, not nan: leave it out when there is none, and 3 more")
        self.assertRegex(str(e.exception.reply.errors[-1]), "^line 3, byte [0-9]+, unit: has a control character")
        self.assertEqual(g.flush().accepted, 0)
        d.terminate()
        g.gauge("lost", 1)
        with self.assertRaisesRegex(garnet.Error, "garnetd"):
            g.flush()
        d.start()
        g.gauge("c", 3, time=1700000000)
        self.assertEqual(g.close().accepted, 1)
        wait_for("what was accepted", lambda: [x.split(" ")[1] for x in d.file_lines("out.txt")] == ["1.5", "2", "3"])
        d.terminate()

    def test_wrong_types_are_the_scripts_errors(self):
        g = garnet.Client("/nonexistent")
        for args, more in ((("a", "1"), {}), (("a", None), {}), (("a", [1]), {}), ((1, 1), {}), (("a", {"k": "1"}), {}),
                           (("a", 1), {"tags": {"k": 1.5}}), (("a", 1), {"unit": 1}), (("a", 1), {"time": "now"})):
            with self.subTest(args=args, more=more), self.assertRaises(TypeError):
                g.gauge(*args, **more)
        g.close()

    def test_numbers_that_cannot_be_sent_are_refused_and_not_the_scripts_errors(self):
        g = garnet.Client("/nonexistent")
        for value, more in ((Fraction(10**400), {}), (Decimal("sNaN"), {}), (10**400, {}), (1, {"tags": {"k": 10**5000}}),
                            (1, {"time": 10**400}), (1, {"time": Fraction(10**400)})):
            g.gauge("a", value, **more)
        g.timestamp("a", datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone.utc))
        self.assertEqual(json.loads(bytes(g._waiting))["value"], 1577836800)
        with self.assertRaises(garnet.Error) as e:
            g.flush()
        self.assertNotIsInstance(e.exception, garnet.Rejected)
        for _ in range(100):
            g.gauge("nan", float("nan"))
        self.assertEqual(len(g._refused), garnet.MAX_REFUSED)
        with self.assertRaises(garnet.Rejected) as e:  # also for what the flush that failed could not tell
            g.flush()
        self.assertEqual(e.exception.reply.rejected, 106)
        self.assertEqual(g.flush().rejected, 0)

    def test_true_is_one_in_every_python(self):
        g = garnet.Client("/nonexistent")
        with unittest.mock.patch.object(garnet.operator, "index", lambda v: v):  # as 3.7 to 3.9 have it
            g.gauge("a", True)
        self.assertIn(b'"value":1}', g._waiting)

    def test_a_time_limit_there_always_is(self):
        for given, kept in ((0, 5), (-1, 5), (None, 5), (float("inf"), 5), (float("nan"), 5), (0.2, 0.2), (1e300, 1e8)):
            self.assertEqual(garnet.Client("/nonexistent", timeout=given).timeout, kept)

    def test_an_exception_of_its_own_sends_nothing(self):
        with self.assertRaises(ZeroDivisionError), garnet.Client("/nonexistent") as g:
            g.gauge("a", 1)
            1 / 0
        self.assertEqual(g.close().accepted, 0)

    def fails(self, words, *args, timeout=5.0, **more):
        path, _ = self.other(*args, **more)
        with self.assertRaisesRegex(garnet.Error, words) as e, garnet.Client(path, timeout=timeout) as g:
            g.gauge("a", 1)
        self.assertNotIsInstance(e.exception, garnet.Rejected)
        return e.exception

    def test_bad_other_sides(self):
        self.fails("closed without a reply", b"")
        self.fails("not a reply of garnetd: b'hello'", b"hello\n")
        self.fails("not a reply of garnetd", b'{"accepted":"1","rejected":0}\n')
        self.fails("not a reply of garnetd", b'{"accepted":1,"rejected":-1}\n')
        self.fails("not a reply of garnetd", b'{"accepted":0,"rejected":1,"errors":[{"error":5}]}\n')
        self.fails("not a reply of garnetd", b"[" * 200000 + b"\n")
        e = self.fails(r"^\?31mred \?\[31m$", b'{"accepted":0,"rejected":0,"errors":[{"error":"\xc2\x9b31mred \\u001b[31m"}]}\n')
        self.assertEqual((e.reply.accepted, len(e.reply.errors)), (0, 1))
        self.fails("too many connections", b'{"accepted":0,"rejected":0,"errors":[{"error":"too many connections"}]}\n')
        hold = threading.Event()
        self.fails("no answer in time", timeout=0.2, hold=hold)
        hold.set()
        for path, words in (("/nonexistent/s", "is garnetd running"), ("/" + "x" * 200, "too long")):
            with self.assertRaisesRegex(garnet.Error, words), garnet.Client(path) as g:
                g.gauge("a", 1)

    def test_a_queue_that_is_full_is_waited_for_and_not_for_ever(self):
        folder = tempfile.mkdtemp(prefix="garnet-")
        self.addCleanup(shutil.rmtree, folder)
        with socket.socket(socket.AF_UNIX) as s, socket.socket(socket.AF_UNIX) as first:
            s.bind(folder + "/s")
            s.listen(0)
            first.connect(folder + "/s")
            with self.assertRaisesRegex(garnet.Error, "it has taken no connection in time"), \
                    garnet.Client(folder + "/s", timeout=0.2) as g:
                g.gauge("a", 1)
            seen = []
            before = signal.signal(signal.SIGALRM, lambda *_: seen.append(0))
            self.addCleanup(signal.signal, signal.SIGALRM, before)
            signal.setitimer(signal.ITIMER_REAL, 0.05)  # a handler that returns ends the wait for nobody
            with self.assertRaisesRegex(garnet.Error, "it has taken no connection in time"), \
                    garnet.Client(folder + "/s", timeout=0.3) as g:
                g.gauge("a", 1)
            self.assertEqual(seen, [0])

    def test_who_hangs_up_says_why(self):
        folder = tempfile.mkdtemp(prefix="garnet-")
        self.addCleanup(shutil.rmtree, folder)
        with socket.socket(socket.AF_UNIX) as s:
            s.bind(folder + "/s")
            s.listen()

            def hang_up():
                c, _ = s.accept()
                c.recv(1000)
                c.sendall(b'{"accepted":1,"rejected":1,"errors":[{"error":"more than one may send"}]}\n')
                c.close()

            t = threading.Thread(target=hang_up)
            t.start()
            g = garnet.Client(folder + "/s")
            for i in range(20000):
                g.gauge("a", i, tags={"t": "x" * 50})
            with self.assertRaisesRegex(garnet.Error, "closed before it had read everything: more than one may send") as e:
                g.close()
            self.assertNotIsInstance(e.exception, garnet.Rejected)
            self.assertEqual((e.exception.reply.accepted, e.exception.reply.rejected), (1, 1))
            t.join()

    def test_one_connection_for_many_flushes(self):
        d = Daemon(self, SINK)
        g = garnet.Client(d.socket_path)
        used = set()
        for _ in range(3):
            g.gauge("a", 1)
            g.flush()
            used.add(g._socket)
        self.assertEqual(len(used), 1)
        g.close()
        self.assertIsNone(g._socket)
        d.terminate()


class Shell(unittest.TestCase, Other):
    SHELLS = [["dash"], ["bash", "--posix"]]

    def emit(self, shell, script, *args, path, locale="C"):
        text = f'set -eu\n. "$GARNET_SH"\n{script}'
        env = {"PATH": BUILD + ":/usr/bin:/bin", "GARNET_SH": SOURCE + "/client/shell/garnet.sh", "GARNET_SOCKET": path,
               "LC_ALL": locale, **{k: v for k, v in os.environ.items() if k.endswith("SAN_OPTIONS")}}
        r = subprocess.run([*shell, "-c", text, "sh", *args], env=env, capture_output=True, timeout=PATIENCE)
        return r.returncode, r.stderr.decode()

    def objects(self, peer):
        peer.close()
        return [json.loads(line.decode("utf-8", "surrogateescape")) for line in peer.received.split(b"\n")[:-1]]

    def test_any_bytes(self):
        characters = bytes(range(1, 256)).decode("latin-1").encode()
        for shell in self.SHELLS:
            for locale in ("C", "C.UTF-8") if shell[0] == "bash" else ("C",):  # dash has no others
                for text in (characters, bytes(range(1, 256)), UNCLEAN.encode()):
                    with self.subTest(shell=shell, locale=locale, text=text):
                        path, peer = self.other()
                        said = self.emit(shell, 'garnet_metric "$1" -1.5e3 --tag "k=$1" --time 17.5 --type=gauge | garnet emit',
                                         text, path=path, locale=locale)
                        self.assertEqual(said, (0, ""))
                        t = text.decode("utf-8", "surrogateescape")
                        self.assertEqual(self.objects(peer), [
                            {"name": t, "value": -1500.0, "tags": {"k": t}, "time": 17.5, "type": "gauge"}])

    def test_every_option(self):
        path, peer = self.other()
        self.emit(["dash"], """garnet_metric a 1 --tag 'k"=v=w' --tag=l= --meta m=n --meta='o=\\p' --unit '"' --time 1e9 | garnet emit""",
                  path=path)
        self.assertEqual(self.objects(peer), [{"name": "a", "value": 1, "tags": {'k"': "v=w", "l": ""}, "unit": '"', "time": 1e9,
                                               "meta": {"m": "n", "o": "\\p"}}])

    def test_no_value_is_more_than_one(self):
        for shell in self.SHELLS:
            path, peer = self.other()
            self.emit(shell, """garnet_metric a '1,"tags":{"x":"y"}' | garnet emit""", path=path)
            self.assertEqual(self.objects(peer), [{"name": "a", "value": '1,"tags":{"x":"y"}'}])

    def test_garnetd_judges(self):
        d = Daemon(self, SINK)
        for shell in self.SHELLS:
            code, err = self.emit(shell, """{
                set +e
                garnet_metric a 1 --tag k='a "b"' --time 1700000000
                printf '2\\n3\\n' | while read -r n; do garnet_metric b "$n" --time 1700000000; done
                garnet_metric c NaN
                garnet_metric d ''
                garnet_metric e
                garnet_metric f 1 --colour red
                garnet_metric g 1 --tag red
                garnet_metric h 4 --time 1700000000
            } | garnet emit""", path=d.socket_path)
            self.assertEqual(code, 1)
            self.assertIn("garnet_metric: unknown option --colour", err)
            self.assertIn("garnet_metric: --tag red: write it as KEY=VALUE", err)
            self.assertIn("garnet_metric: usage: ", err)
            self.assertIn("value: must be a finite number", err)
            self.assertEqual(err.count("rejected: line "), 5)
        wait_for("all others", lambda: [x.split(" ")[1] for x in d.file_lines("out.txt")] == ["1", "2", "3", "4"] * 2)
        code, err = self.emit(["dash"], "garnet_metric a 1 | garnet emit", path="/nonexistent")
        self.assertEqual(code, 111)
        d.terminate()


# Of docs/protocol.md: how a block calls its language -> what runs it, and what succeeds where all is there that it needs.
LANGUAGES = {"python": ("python3", "-V"), "perl": ("perl", "-MJSON::PP", "-e1"), "ruby": ("ruby", "-rjson", "-e1"),
             "js": ("node", "-v"), "go": ("go", "version"), "php": ("php", "-v")}


class Languages(unittest.TestCase, Other):
    """The example of each language, as docs/protocol.md has it, is a collector of a real garnetd; and it says what is wrong."""

    def command(self, language, folder):
        """What runs it. None: the language is not there."""
        name, *probe = LANGUAGES[language]
        program = shutil.which(name, path="/usr/bin:/usr/local/bin")
        if program is None or started([program, *probe]).returncode != 0:
            print(f"left out, since {name} is not there, or not all of it: its example", flush=True)
            return None
        path = os.path.join(folder, "load." + language)
        with open(path, "w") as f:
            f.write(re.search(rf"(?ms)^```{language}\n(.*?)^```", read(SOURCE + "/docs/protocol.md"))[1])
        if language != "go":
            return [program, path]
        run([program, "build", "-o", path + ".out", path],
            env={"PATH": os.environ["PATH"], "HOME": folder, "GO111MODULE": "off", "CGO_ENABLED": "0"})
        return [path + ".out"]

    def test_each_is_a_collector(self):
        d = Daemon(self, SINK.replace("{name}", "{collector}.{name}"), start=False)
        commands = {language: c for language in LANGUAGES if (c := self.command(language, d.dir))}
        for language, command in commands.items():
            d.collector(language, f"command: {json.dumps(command)}\ninterval: 3s\ntimeout: 30s\n")
        d.start()
        want = {f"{language}.load.{n}m" for language in commands for n in (1, 5)}
        wait_for("what each sends", lambda: want <= {x.split(" ")[0] for x in d.file_lines("out.txt")})
        self.assertNotIn(": exit status", d.log())
        d.terminate()
        for language, command in commands.items():
            with self.subTest(language=language):
                self.says_what_is_wrong(command)

    def says_what_is_wrong(self, command):
        path, peer = self.other(REJECTED)
        r = started([*command, path])
        self.assertNotEqual(r.returncode, 0)
        self.assertIn("must be a finite number", r.stderr)
        peer.close()
        sent = json.loads(peer.received.decode())
        self.assertEqual((sent["name"], set(sent["values"])), ("load", {"1m", "5m"}))
        self.assertTrue(all(isinstance(v, (int, float)) for v in sent["values"].values()), sent)
        for reply in (b"", b'{"accepted":0,"rejected":0,"errors":[{"error":"too many connections"}]}\n'):
            path, _ = self.other(reply)
            self.assertNotEqual(started([*command, path]).returncode, 0, f"the reply is {reply}")
        self.assertNotEqual(started([*command, "/nonexistent/s"]).returncode, 0)


if __name__ == "__main__":
    main()
