"""Who may send may not look into the spool, nor hold a lock in it: a user outside, and one in garnetd's group."""
import os
import re
import signal
import stat
import subprocess
import unittest

from harness import BUILD, PATIENCE, Daemon, main, needs_others, wait_for

SERVICE, MEMBER, STRANGER = 64901, 64902, 64903  # no such users are needed
SINK = "self_metrics: 0\nsinks:\n  - {name: main, plugin: graphite, to: 'file:out', flush: 100ms}\n"

HOLD = """import fcntl, sys
try:
    held = [open(p, "rb") for p in sys.argv[1:]]
    for f in held:
        fcntl.lockf(f, fcntl.LOCK_SH)
except OSError as e:
    print(e.strerror, flush=True)
else:
    print("held", flush=True)
    sys.stdin.read()
"""


def modes(folder):
    """Of everything in it, itself included: relative name -> mode."""
    found = {".": os.stat(folder)}
    for at, folders, files in os.walk(folder):
        for name in folders + files:
            path = os.path.join(at, name)
            found[os.path.relpath(path, folder)] = os.lstat(path)
    return {name: stat.S_IMODE(st.st_mode) for name, st in found.items()}


class SpoolRights(unittest.TestCase):
    def assert_closed(self, d):
        for name, mode in modes(d.path("spool")).items():
            folder = os.path.isdir(d.path("spool/" + name))
            self.assertEqual(mode, 0o700 if folder else 0o600, name)

    def test_whatever_the_umask_nothing_is_open(self):
        d = Daemon(self, SINK, start=False)
        before = os.umask(0)
        self.addCleanup(os.umask, before)
        d.start()
        self.assertEqual(d.send('{"name":"a","value":1}')["accepted"], 1)
        wait_for("the metric", lambda: d.file_lines("out"))
        self.assert_closed(d)
        self.assertEqual(d.terminate(), 0)
        # as an older garnetd has left it
        for name in modes(d.path("spool")):
            folder = os.path.isdir(d.path("spool/" + name))
            os.chmod(d.path("spool/" + name), 0o750 if folder else 0o640)
        d.start()
        d.send('{"name":"a","value":2}')
        wait_for("the next metric", lambda: len(d.file_lines("out")) == 2)
        self.assert_closed(d)

    def test_who_holds_a_cursor_is_named(self):
        d = Daemon(self, SINK)
        self.assertEqual(d.terminate(), 0)
        cursor = d.path("spool/cursors/main")
        holder = subprocess.Popen(["/usr/bin/python3", "-c", HOLD, cursor], stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE, text=True)
        self.addCleanup(holder.communicate)
        self.assertEqual(holder.stdout.readline(), "held\n")
        d.start()
        d.wait_log(f"this sink's cursor, {cursor}, is locked by process {holder.pid} (python3): nothing is sent until")
        d.send('{"name":"a","value":1}')
        holder.communicate()
        wait_for("the metric, once it has let go", lambda: d.file_lines("out"))


class Strangers(unittest.TestCase):
    """garnetd as its unit has it: a user of its own, UMask=0027, folders that group and all may come to."""

    def setUp(self):
        needs_others(self, STRANGER)
        self.daemon = Daemon(self, SINK, start=False)
        os.chmod(self.daemon.dir, 0o755)
        for name in ("run", "lib"):
            os.mkdir(self.daemon.path(name))
            os.chown(self.daemon.path(name), SERVICE, SERVICE)
            os.chmod(self.daemon.path(name), 0o750)
        self.daemon.configure(SINK.replace("file:out", "file:lib/out") + "spool: {dir: lib/spool}\n")
        os.chmod(self.daemon.config_path, 0o644)

    def run_as(self, user, group, *argv, **more):
        return subprocess.Popen(argv, user=user, group=group, extra_groups=[], umask=0o027, **more)

    def garnetd(self):
        d = self.daemon
        d.log_mark = d.log_size()
        with open(d.log_path, "ab") as log:
            d.process = self.run_as(SERVICE, SERVICE, os.path.join(BUILD, "garnetd"), "-c", d.config_path,
                                    stdin=subprocess.DEVNULL, stderr=log,
                                    env=dict(os.environ, GARNET_TEST_DIR=d.dir))
        d.wait_log("takes metrics at")

    def hold(self, user, group, path):
        """What it says: "held", or why not."""
        p = self.run_as(user, group, "/usr/bin/python3", "-c", HOLD, path, stdin=subprocess.PIPE,
                        stdout=subprocess.PIPE, text=True)
        self.addCleanup(p.communicate)
        return p.stdout.readline().strip()

    def verify(self, user, group):
        p = self.run_as(user, group, os.path.join(BUILD, "garnet"), "spool", "verify", self.daemon.path("lib/spool"),
                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        out, err = p.communicate(timeout=PATIENCE)
        return p.returncode, out, err

    def test_neither_a_member_nor_a_stranger_reads_or_locks_anything(self):
        d = self.daemon
        self.garnetd()
        self.assertEqual(d.send('{"name":"secret","value":1}')["accepted"], 1)
        wait_for("the metric", lambda: d.file_lines("lib/out"))
        spool = d.path("lib/spool")
        paths = [os.path.join(spool, name) for name in modes(spool) if not os.path.isdir(os.path.join(spool, name))]
        self.assertGreaterEqual(len(paths), 4)
        for user, group in ((MEMBER, SERVICE), (STRANGER, STRANGER)):
            for path in paths:
                self.assertEqual(self.hold(user, group, path), "Permission denied", path)
            status, out, err = self.verify(user, group)
            self.assertEqual((status, out), (111, ""))
            self.assertIn("Permission denied: only root and the user that garnetd runs as may read a spool", err)
        self.assertEqual(self.verify(SERVICE, SERVICE)[0], 0)
        # one cursor that cannot be read is no damage either
        os.chmod(d.path("lib"), 0o755)
        os.chmod(spool, 0o755)
        status, out, err = self.verify(STRANGER, STRANGER)
        self.assertEqual((status, out), (111, ""))
        self.assertIn("Permission denied: only root and", err)
        d.process.send_signal(signal.SIGTERM)
        self.assertEqual(d.process.wait(PATIENCE), 0)
        self.garnetd()
        self.assertFalse(re.search("is in use|is locked", d.log()))

    def test_preview_says_what_it_needs(self):
        d = self.daemon
        os.chmod(d.config_path, 0o600)
        p = self.run_as(STRANGER, STRANGER, os.path.join(BUILD, "garnet"), "plugin", "preview", "-c", d.config_path,
                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        out, err = p.communicate(timeout=PATIENCE)
        self.assertEqual((p.returncode, out), (1, ""))
        self.assertIn("garnet.yaml: cannot be read: Permission denied", err)
        self.assertIn(f"as a garnetd of user {STRANGER} would: where a right is missing, run it as root or as the user",
                      err)


if __name__ == "__main__":
    main()
