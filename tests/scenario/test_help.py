"""--help and --version of every program and subcommand: on standard output, with status 0, whatever else is asked for."""
from harness import *


def commands():
    """As `garnet help` lists them, so that a new one is tested without a word here."""
    text = subprocess.run([os.path.join(BUILD, "garnet"), "help"], capture_output=True, text=True, timeout=PATIENCE).stdout
    return [line.split()[0] for line in text.splitlines() if line.startswith("  ")]


PROGRAMS = [("garnetd",), ("garnet-sink",), ("garnet-convert",), ("garnet-diamond",), ("garnet",)] + \
           [("collectors/" + c,) for c in ("host", "cpu", "memory", "loadavg", "disks", "network", "paths", "ping-check")] + \
           [("collectors/" + c,) for c in ("http-check", "systemd-units") if os.path.exists(os.path.join(BUILD, "collectors", c))] + \
           [("garnet", c) for c in commands()] + \
           [("garnet", "plugin", c) for c in ("describe", "preview", "test")] + \
           [("garnet", "spool", c) for c in ("list", "cat", "verify")]


def run(*args, **more):
    program = os.path.join(BUILD, args[0])
    return subprocess.run([program, *args[1:]], capture_output=True, text=True, timeout=PATIENCE, stdin=subprocess.DEVNULL,
                          **more)


class Help(unittest.TestCase):
    def test_the_list_is_read(self):
        self.assertGreaterEqual(set(commands()), {"emit", "spool", "plugin", "version", "help"})

    def test_help(self):
        for program in PROGRAMS:
            for flag in ("--help", "-h"):
                with self.subTest(program=program, flag=flag):
                    r = run(*program, flag)
                    self.assertEqual((r.returncode, r.stderr), (0, ""))
                    self.assertTrue(r.stdout.startswith("usage: " + os.path.basename(program[0])), r.stdout)

    def test_version(self):
        version = run("garnet", "version").stdout.split()[1]
        for program in PROGRAMS:
            for flag in ("--version", "-V"):
                with self.subTest(program=program, flag=flag):
                    r = run(*program, flag)
                    self.assertEqual((r.returncode, r.stdout, r.stderr),
                                     (0, f"{os.path.basename(program[0])} {version}\n", ""))

    def test_beside_other_arguments(self):
        self.assertIn("usage: garnetd", run("garnetd", "-t", "-c", "/no/such/file", "--help").stdout)
        self.assertIn("usage: garnet emit", run("garnet", "emit", "name", "1", "--help").stdout)

    def test_a_standard_output_that_is_full(self):
        for program in (("garnetd",), ("garnet",), ("garnet", "emit"), ("garnet-sink",), ("garnet-convert",), ("garnet-diamond",)):
            with self.subTest(program=program), open("/dev/full", "w") as full:
                r = subprocess.run([os.path.join(BUILD, program[0]), *program[1:], "--help"], stdout=full,
                                   stderr=subprocess.PIPE, text=True)
                self.assertEqual(r.returncode, 111)
                self.assertIn("cannot write to standard output", r.stderr)

    def test_wrong_usage(self):
        for program in (("garnetd", "-x"), ("garnet",), ("garnet", "nonsense"), ("garnet", "spool"), ("garnet", "plugin"),
                        ("garnet-sink",), ("collectors/cpu", "--nonsense"), ("garnet", "emit", "--nonsense"),
                        ("garnet-diamond",), ("garnet-convert",), ("garnet-convert", "nonsense", "/x"), ("garnet-convert", "lines"), ("garnet", "convert"),
                        ("garnet", "convert", "nonsense"), ("garnet", "convert", "lines", "/no/socket")):
            with self.subTest(program=program):
                r = run(*program)
                self.assertEqual((r.returncode, r.stdout), (2, ""))
                self.assertTrue(r.stderr)


class Configuration(unittest.TestCase):
    def test_garnetd_without_one(self):
        said = run("garnetd", "--help").stdout
        default = re.search(r"default (\S+)\)", said)[1]
        hide = []
        if os.path.exists(default):
            needs_mounts(self)  # to hide it
            hide = ["unshare", "-m", "/bin/sh", "-c", 'mount -t tmpfs none "$0" && exec "$@"', os.path.dirname(default)]
        for args in ((), ("-t",)):
            r = subprocess.run([*hide, os.path.join(BUILD, "garnetd"), *args], capture_output=True, text=True)
            self.assertEqual((r.returncode, r.stdout), (2, ""), r.stderr)
            self.assertTrue(r.stderr.startswith(f"garnetd: there is no {default}: name the configuration with -c FILE"), r.stderr)

    def test_emit_finds_the_socket(self):
        d = Daemon(self, "sinks: []\n", {"broken": "nonsense\n"}, start=False)
        r = run("garnet", "emit", "-c", d.config_path, "a", "1")
        self.assertEqual(r.returncode, 111)
        self.assertIn(d.socket_path, r.stderr)
        os.unlink(d.path("collectors.d/broken.yaml"))
        d.start()
        env = dict(os.environ, GARNET_SOCKET="/no/such/socket")
        for args in (("-c", "garnet.yaml", "a", "1"), ("a", "1", "-c", d.config_path), ("a", "1", "--config=garnet.yaml")):
            r = run("garnet", "emit", *args, cwd=d.dir, env=env)
            self.assertEqual((r.returncode, r.stderr), (0, ""))
        d.terminate()

    def test_emit_and_a_wrong_configuration(self):
        d = Daemon(self, "sinks: x\n", start=False)
        r = run("garnet", "emit", "-c", d.config_path, "a", "1")
        self.assertEqual(r.returncode, 2)
        self.assertTrue(r.stderr.startswith(d.config_path + ":"), r.stderr)
        r = run("garnet", "emit", "-c", "/no/such/file", "a", "1")
        self.assertEqual((r.returncode, r.stderr), (2, "/no/such/file: does not exist\n"))
        r = run("garnet", "emit", "-c", d.config_path, "--socket", "/x", "a", "1")
        self.assertEqual(r.returncode, 2)
        self.assertIn("--socket and -c", r.stderr)


if __name__ == "__main__":
    main()
