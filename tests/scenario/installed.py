"""Garnet as somebody has it who has only an installed package: a prefix in a temporary folder, plugins built against
nothing else, with the source out of sight where the kernel lets us, and the installed garnetd."""
import harness
from harness import *

ABI = os.path.join(SOURCE, "tests/abi")


def run(args, **more):
    r = subprocess.run(args, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120, **more)
    if r.returncode != 0:
        raise AssertionError(f"{args} ended with {r.returncode}:\n{r.stdout}")
    return r.stdout


def read(path):
    with open(path) as f:
        return f.read()


def cache(name):
    with open(os.path.join(BUILD, "CMakeCache.txt")) as f:
        return next(line.split("=", 1)[1].strip() for line in f if line.startswith(name + ":"))


def hidden():
    """What to put before a command so that it cannot see the source; nothing where the kernel does not let us."""
    hide = ["unshare", "-rm", "/bin/sh", "-c", 'mount -t tmpfs none "$0" && exec "$@"', SOURCE]
    try:
        ok = subprocess.run(hide + ["test", "!", "-e", SOURCE + "/CMakeLists.txt"],
                            stderr=subprocess.DEVNULL, timeout=30).returncode == 0
    except FileNotFoundError:
        ok = False
    return hide if ok else []


class Installed(unittest.TestCase):
    """Tests that build plugins against an installed prefix, and run its garnetd."""

    @classmethod
    def setUpClass(cls):
        cls.top = tempfile.mkdtemp(prefix="garnet-kit-")
        cls.addClassCleanup(shutil.rmtree, cls.top)
        stage = os.path.join(cls.top, "stage")
        run(["cmake", "--install", BUILD], env=dict(os.environ, DESTDIR=stage))
        cls.prefix = stage + cache("CMAKE_INSTALL_PREFIX")
        pc = next(os.path.join(d, "garnet.pc") for d, _, files in os.walk(stage) if "garnet.pc" in files)
        cls.doc = next(d for d, _, files in os.walk(stage) if "plugins.md" in files)
        cls.env = {"PATH": cls.prefix + "/bin:" + os.environ["PATH"], "HOME": cls.top,
                   "PKG_CONFIG_PATH": os.path.dirname(pc), "CMAKE_PREFIX_PATH": cls.prefix}
        if SANITIZED:
            cls.env["ASAN_OPTIONS"] = os.environ.get("ASAN_OPTIONS", "")
        cls.plugins = run(["pkg-config", "--variable=plugindir", "garnet"], env=cls.env).strip()
        cls.hide = hidden()
        # garnetd looks beside itself first; where it was really meant to be installed there is nothing.
        sink = next(os.path.join(d, "garnet-sink") for d, _, files in os.walk(stage) if "garnet-sink" in files)
        os.symlink(sink, cls.prefix + "/sbin/garnet-sink")

    def copy(self, source, name):
        to = os.path.join(self.top, name)
        shutil.copytree(source, to)
        return to

    def sees_no_source(self, text):
        self.assertNotRegex(text.replace(BUILD + "/", ""), r"""(?m)(^|[\s"'=:]|-[IL])""" + re.escape(SOURCE + "/"))

    def build(self, *args, cwd, **env):
        out = run(self.hide + list(args), cwd=cwd, env=dict(self.env, **env))
        self.sees_no_source(out)
        return out

    def make(self, source, name):
        d = self.copy(source, name)
        self.build("make", cwd=d)
        return d

    def cmake(self, source, name):
        d = self.copy(source, name)
        self.build("cmake", "-B", "build", cwd=d)
        self.build("cmake", "--build", "build", "--verbose", cwd=d)
        with open(d + "/build/CMakeCache.txt") as f:
            self.sees_no_source(f.read())
        return d

    def daemon(self, sinks, more="self_metrics: 0\n"):
        harness.BUILD = self.prefix + "/sbin"
        try:
            return Daemon(self, f"{more}shutdown_timeout: 500ms\nplugin_path: ['{self.plugins}']\nsinks:\n{sinks}")
        finally:
            harness.BUILD = BUILD

    def needs(self, module, package):
        """Skips the test where a library that its plugin is made with is not there."""
        if subprocess.run(["pkg-config", "--exists", module]).returncode != 0:
            self.skipTest(f"{module} is not there: install {package}")


class UnderLoad:
    """For a test whose daemon `d` has a sink `p`, which hands the peer what names() finds there, repeats and all."""

    def under_load(self, kill_peer, rounds=6 if LONG else 3):
        """Kills the worker and the peer in turn while metrics come. All arrive, and what was acknowledged has arrived by then."""
        self.sent = 0
        stop = threading.Event()

        def load():
            while not stop.wait(0.002):  # no more than a slow machine hands over, too
                batch = "".join(json.dumps({"name": f"m.{self.sent + i}", "value": 1}) for i in range(20))
                self.sent += self.d.send(batch)["accepted"]
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            sender = pool.submit(load)
            try:
                for _ in range(rounds):
                    self.hands_over_more()
                    kill(self.d.worker("p"))
                    self.hands_over_more()
                    kill_peer()
                self.hands_over_more()
            finally:
                stop.set()
            sender.result()
        want = {f"m.{i}" for i in range(self.sent)}
        wait_for("all is acknowledged", lambda: self.d.verify()["p"]["confirmed"] == self.sent, 2 * PATIENCE)
        wait_for("all is there", lambda: set(self.names()) == want)
        print(f"{self.sent} metrics, {rounds} kill -9 of the worker and of the peer each: none lost, "
              f"{len(self.names()) - self.sent} came twice", flush=True)

    def hands_over_more(self):
        """Some hundred metrics more are acknowledged; the peer has all that are."""
        before = self.d.verify()["p"]["confirmed"]
        wait_for("more is acknowledged", lambda: self.d.verify()["p"]["confirmed"] >= before + 200, 2 * PATIENCE)
        acknowledged = {f"m.{i}" for i in range(self.d.verify()["p"]["confirmed"])}
        wait_for("the peer has all that it has acknowledged", lambda: acknowledged <= set(self.names()))
