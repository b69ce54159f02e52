"""The clients, as somebody has them who has only an installed package: the C library by gcc and as C++, shared and static, by
make and by CMake. Against a real garnetd, and against every kind of bad other side."""
from installed import *
from test_collectors import REJECTED, Peer

SINK = "self_metrics: 0\nsinks:\n" + graphite_sink("main", "file:out.txt", ", path: '{name}'")
SANITIZE = "-fsanitize=address,undefined" if SANITIZED else ""


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


if __name__ == "__main__":
    main()
