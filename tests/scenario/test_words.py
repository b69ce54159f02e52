"""What garnetd says of a program that cannot be run: in -t, and in the log when it broke after that."""
from harness import *


class Programs(unittest.TestCase):
    def test_a_mount_with_noexec(self):
        if os.geteuid():
            self.skipTest("needs root to mount")
        d = Daemon(self, "sinks: []\n", {"a": "command: [../disk/script]\n"}, start=False)
        os.mkdir(d.path("disk"))
        mounted = subprocess.run(
            ["unshare", "-m", "/bin/sh", "-c",
             'mount -t tmpfs -o noexec none "$1" || exit 77; printf "#!/bin/sh\\n" >"$1/script"; chmod +x "$1/script"; '
             'exec "$2" -t -c "$3"', "sh", d.path("disk"), os.path.join(BUILD, "garnetd"), d.config_path],
            capture_output=True, text=True, timeout=PATIENCE)
        if mounted.returncode == 77:
            self.skipTest("cannot mount: " + mounted.stderr)
        self.assertEqual(mounted.returncode, 1)
        self.assertIn('a.yaml:1:11: command: "../disk/script" is on a file system that is mounted noexec: ', mounted.stderr)

    def test_what_breaks_after_the_check_is_named_in_the_log(self):
        d = Daemon(self, "sinks: []\n", start=False)
        d.script("script", "#!/bin/sh\n")
        d.collector("a", "command: [../script]\ninterval: 1s\n")
        d.start()
        d.script("script", "#!/bin/sh\r\n")
        d.wait_log("/script: it has a carriage return at the end of its first line")
        d.script("script", "#!/no/such/interpreter\n")
        d.wait_log("it names the interpreter /no/such/interpreter in its first line, which does not exist")
        d.terminate()


if __name__ == "__main__":
    main()
