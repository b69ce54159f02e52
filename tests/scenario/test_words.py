"""What garnetd says of a program that cannot be run, in -t and in the log when it broke after that; of files that are
not read; of a machine without a name, and what it does when that gets one."""
import ctypes

from harness import *

CLONE_NEWUTS = 0x04000000


class Programs(unittest.TestCase):
    def test_a_mount_with_noexec(self):
        needs_mounts(self)
        d = Daemon(self, "sinks: []\n", {"a": "command: [../disk/script]\n"}, start=False)
        os.mkdir(d.path("disk"))
        mounted = subprocess.run(
            ["unshare", "-m", "/bin/sh", "-c",
             'mount -t tmpfs -o noexec none "$1" || exit 77; printf "#!/bin/sh\\n" >"$1/script"; chmod +x "$1/script"; '
             'exec "$2" -t -c "$3"', "sh", d.path("disk"), os.path.join(BUILD, "garnetd"), d.config_path],
            capture_output=True, text=True, timeout=PATIENCE)
        if mounted.returncode == 77:
            self.skipTest("cannot mount: " + mounted.stderr)
        self.assertEqual(mounted.returncode, 3)
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


class Folders(unittest.TestCase):
    """One that cannot be made is told with the reason that the system gives."""
    MOUNTS = {"Read-only file system": "-o ro", "No space left on device": "-o nr_inodes=1"}

    def setUp(self):
        needs_mounts(self)
        needs_others(self, 65534)

    def refused(self, config, prepare, words):
        d = Daemon(self, config + "sinks: []\n", start=False)
        os.mkdir(d.path("disk"))
        os.chmod(d.dir, 0o755)
        r = subprocess.run(["unshare", "-m", "/bin/sh", "-c", f'cd "$1" && {prepare} "$2" -c garnet.yaml', "sh", d.dir,
                            os.path.join(BUILD, "garnetd")], capture_output=True, text=True, timeout=PATIENCE)
        self.assertEqual(r.returncode, 111, r.stderr)
        self.assertIn(words.replace("DIR", d.dir), r.stderr)

    def test_the_spool(self):
        for reason, how in self.MOUNTS.items():
            with self.subTest(reason=reason):
                self.refused("spool: {dir: disk/a/spool}\n", f"mount -t tmpfs {how} none disk && exec",
                             f"spool DIR/disk/a/spool cannot be created: DIR/disk/a: {reason}")
        with self.subTest("permission"):
            self.refused("spool: {dir: disk/a/spool}\nsocket: disk/run/garnet.sock\n",
                         "mkdir disk/run && chown 65534 disk/run && exec setpriv --reuid=65534 --regid=65534 --clear-groups",
                         "spool DIR/disk/a/spool cannot be created: DIR/disk/a: Permission denied")

    def test_the_sockets(self):
        for reason, how in self.MOUNTS.items():
            with self.subTest(reason=reason):
                self.refused("socket: disk/run/garnet.sock\n", f"mount -t tmpfs {how} none disk && exec",
                             f"socket: cannot make the folder DIR/disk/run: {reason}")
        with self.subTest("permission"):
            self.refused("socket: disk/run/garnet.sock\n", "exec setpriv --reuid=65534 --regid=65534 --clear-groups",
                         "socket: cannot make the folder DIR/disk/run: Permission denied")


class Warnings(unittest.TestCase):
    def test_a_file_that_is_not_read_keeps_nothing_from_running(self):
        d = Daemon(self, "sinks:\n" + graphite_sink("main", "file:out.txt"), start=False)
        d.write("collectors.d/cpu.yml", "command: [/bin/true]\n")
        said = f"{d.path('collectors.d/cpu.yml')}: is not read: name it cpu.yaml"
        code, out, err = d.check()
        self.assertEqual((code, err), (0, "warning: " + said + "\n"))
        self.assertIn("no errors", out)
        d.start()
        self.assertIn("garnetd warn: " + said, d.log())
        self.assertIn("garnetd warn: " + said, d.hup())
        d.terminate()


class Host(unittest.TestCase):
    def test_a_sighup_reads_the_machines_name_again(self):
        if os.geteuid() or ctypes.CDLL(None).unshare(CLONE_NEWUTS) != 0:
            self.skipTest("needs root, for a host name of its own")
        socket.sethostname("(none)")
        d = Daemon(self, "", start=False)
        d.write("garnet.yaml", "socket: {path: run/garnet.sock}\nspool: {dir: spool}\nself_metrics: 1s\n"
                f"plugin_path: [{BUILD}/plugins]\nsinks:\n" + graphite_sink("main", "file:out.txt"))
        d.start()
        self.assertIn("""warn: """ + d.config_path + """: this machine's name is "(none)": """, d.log())
        self.assertEqual(d.send('{"name":"x","value":1}')["accepted"], 1)
        wait_for("x and own metrics", lambda: {"x", "garnet"} <= self.names(d, "_none_"))
        socket.sethostname("named")
        self.assertNotIn("this machine's name", d.hup())
        self.assertEqual(d.send('{"name":"y","value":1}')["accepted"], 1)
        wait_for("y and own metrics", lambda: {"y", "garnet"} <= self.names(d, "named"))
        d.terminate()

    def names(self, d, host):
        return {x.split(".")[1].split(" ")[0] for x in d.file_lines("out.txt") if x.startswith(host + ".")}


if __name__ == "__main__":
    main()
