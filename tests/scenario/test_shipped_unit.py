"""The default set of collectors under the restrictions of the shipped unit, without systemd: as another user, without privileges, and with
the unit's system calls, address families and view of homes, which are read from the unit's own file."""
import ctypes
import errno
import functools
import os
import platform
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import unittest

from harness import BUILD, PATIENCE, needs_others, wait_for
from test_collectors import Case, collector

UNIT = os.path.join(os.environ["GARNET_SOURCE"], "config/garnet.service.in")
NUMBERS = "/usr/include/x86_64-linux-gnu/asm/unistd_64.h"
NOBODY = 65534
ALLOW, ERRNO, KILL = 0x7fff0000, 0x00050000, 0x80000000  # of seccomp
LIBC = ctypes.CDLL(None, use_errno=True)


def unit():
    with open(UNIT) as f:
        return dict(re.findall(r"(?m)^([A-Z]\w+)=(.*)$", f.read()))


@functools.cache
def listed(name):
    """The system calls of a set of systemd's, those of the sets in it too."""
    if not name.startswith("@"):
        return {name}
    out = subprocess.run(["systemd-analyze", "syscall-filter", name], stdout=subprocess.PIPE, text=True, check=True).stdout
    words = [w for line in out.splitlines()[1:] for w in line.split("#")[0].split()]
    return set().union(*(listed(w) for w in words))


def numbers():
    with open(NUMBERS) as f:
        return {name: int(n) for name, n in re.findall(r"#define __NR_(\w+) (\d+)", f.read())}


def step(code, k, jt=0, jf=0):
    return struct.pack("=HBBI", code, jt, jf, k)


def program(names, families, otherwise):
    """What systemd makes of SystemCallFilter= and RestrictAddressFamilies=: each call, and what socket() is asked for."""
    number = numbers()
    load, equal, give = 0x20, 0x15, 0x06
    steps = [step(load, 0), step(equal, number["socket"], 0, 2 + 2 * len(families)), step(load, 16)]
    for f in families:
        steps += [step(equal, f, 0, 1), step(give, ALLOW)]
    steps += [step(give, ERRNO | errno.EAFNOSUPPORT)]
    for name in sorted(names & number.keys()):
        steps += [step(equal, number[name], 0, 1), step(give, ALLOW)]
    return b"".join(steps) + step(give, otherwise), len(steps) + 1


class Filter(ctypes.Structure):
    _fields_ = [("n", ctypes.c_ushort), ("steps", ctypes.c_char_p)]


def must(result):
    if result != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def mount(source, target, kind, flags, data=None):
    must(LIBC.mount(source.encode(), target.encode(), kind and kind.encode(), ctypes.c_ulong(flags), data and data.encode()))


class Unit(Case):
    def setUp(self):
        super().setUp()
        if platform.machine() != "x86_64" or not os.path.exists(NUMBERS) or not shutil.which("systemd-analyze"):
            self.skipTest("system calls are known here by systemd-analyze, and their numbers on x86_64 alone")
        if os.geteuid() != 0:
            self.skipTest("only root can become another user")

    def restriction(self, lines, home=False):
        """What a process does before its exec to be as the unit's lines say; `home`: with a file system of homes of its own."""
        names = set().union(*(listed(name) for name in lines["SystemCallFilter"].split()))
        if lines.get("ProtectClock") == "yes":
            names -= listed("@clock")
        families = [getattr(socket, name) for name in lines["RestrictAddressFamilies"].split()]
        otherwise = ERRNO | errno.EPERM if lines.get("SystemCallErrorNumber") == "EPERM" else KILL
        text, n = program(names, families, otherwise)
        hidden = os.path.join(self.folder, "hidden")
        os.makedirs(hidden, mode=0, exist_ok=True)

        def restrict():
            must(LIBC.unshare(0x00020000))  # CLONE_NEWNS
            mount("none", "/", None, 0x44000)  # MS_REC | MS_PRIVATE
            if home:
                mount("tmpfs", "/home", "tmpfs", 0, "mode=755")
                if lines["ProtectHome"] == "yes":
                    mount(hidden, "/home", None, 0x1000)  # MS_BIND
                else:
                    mount("none", "/home", None, 0x1021)  # MS_BIND | MS_REMOUNT | MS_RDONLY
            for capability in range(41):
                LIBC.prctl(24, capability, 0, 0, 0)  # PR_CAPBSET_DROP
            os.setgroups([])
            os.setresgid(NOBODY, NOBODY, NOBODY)
            os.setresuid(NOBODY, NOBODY, NOBODY)
            must(LIBC.prctl(38, 1, 0, 0, 0))  # PR_SET_NO_NEW_PRIVS
            must(LIBC.prctl(22, 2, ctypes.byref(Filter(n, text)), 0, 0))  # PR_SET_SECCOMP

        return restrict

    def restricted(self, lines, *argv, home=False):
        done = subprocess.run(argv, capture_output=True, text=True, preexec_fn=self.restriction(lines, home), timeout=30,
                              env={**os.environ, "ASAN_OPTIONS": "detect_leaks=0"})  # which traces
        return done.returncode, done.stdout, done.stderr

    def reachable(self, name):
        """A copy that another user may run."""
        path = os.path.join(self.folder, name)
        os.chmod(self.folder, 0o755)
        shutil.copy(collector(name), path)
        return path

    def names(self, out):
        return {line.split()[0] for line in out.splitlines()}

    def test_the_default_set_has_all_that_root_has(self):
        host = self.reachable("host")
        code, out, err = self.restricted(unit(), host, "--print")
        free = self.run_program(host, "--print")
        self.assertEqual((code, err), (free[0], free[2]))
        self.assertEqual(self.names(out), self.names(free[1]))
        self.assertIn("clock.synchronized", self.names(out))

    def test_a_garnetd_with_the_default_set(self):
        os.chmod(self.folder, 0o755)
        needs_others(self, NOBODY)
        for name in ("run", "spool", "state", "collectors.d"):
            os.mkdir(os.path.join(self.folder, name))
            if name != "collectors.d":
                os.chown(os.path.join(self.folder, name), NOBODY, NOBODY)
        out = os.path.join(self.folder, "state/out")
        files = {"garnet.yaml": f"""
socket: {self.folder}/run/garnet.sock
collectors: collectors.d
plugin_path: [{BUILD}/plugins]
spool: {{dir: {self.folder}/spool}}
sinks:
  - {{name: file, plugin: metrics20, to: 'file:{out}', flush: 0s}}
"""}
        for name in ("host", "filesystems", "connections"):
            files[f"collectors.d/{name}.yaml"] = f"command: [{self.reachable(name)}, --every, 1s]\nmode: daemon\ninterval: 1s\n"
        for name, text in files.items():
            with open(os.path.join(self.folder, name), "w") as f:
                f.write(text)
        log = os.path.join(self.folder, "log")
        with open(log, "w") as f:
            p = subprocess.Popen([BUILD + "/garnetd", "-c", self.folder + "/garnet.yaml"], stderr=f, stdout=subprocess.DEVNULL,
                                 preexec_fn=self.restriction(unit()), env={**os.environ, "ASAN_OPTIONS": "detect_leaks=0"})
        self.addCleanup(p.wait)
        self.addCleanup(p.kill)

        def has_all():
            if not os.path.exists(out):
                return False
            with open(out) as f:
                text = f.read()
            return all(word in text for word in ("what=cpu.user", "what=clock.synchronized", "what=filesystem.size",
                                                 "what=connections.tcp.listen"))
        wait_for("all collectors' metrics are in the file", lambda: p.poll() is not None or has_all())
        p.terminate()
        self.assertEqual(p.wait(PATIENCE), 0)
        with open(log) as f:
            text = f.read()
        self.assertTrue(has_all(), text)
        self.assertNotRegex(text, "(?i)permitted|permission|signal 31|SIGSYS")

    def test_connections(self):
        code, out, err = self.restricted(unit(), self.reachable("connections"), "--print")
        self.assertEqual((code, err), (0, ""))
        self.assertEqual(len(self.names(out)), 11)

    def test_a_file_system_of_homes_is_measured(self):
        code, out, err = self.restricted(unit(), self.reachable("filesystems"), "--print", home=True)
        self.assertEqual((code, err), (0, ""))
        self.assertIn("filesystem.available{mount=/home,fstype=tmpfs}", self.names(out))

    def test_of_other_users_processes_io_is_missing_and_said(self):
        code, out, err = self.restricted(unit(), self.reachable("programs"), "--print", f"us={os.path.basename(__file__)}", "--io", "--pss")
        self.assertEqual(code, 1)
        self.assertRegex(err, r"^programs: us: its io: Permission denied: other users' take CAP_SYS_PTRACE \(and 1 more\)\n$")
        self.assertRegex(out, r"(?m)^program\.processes\{program=us\} +[1-9]")
        self.assertNotRegex(out, r"program\.(io|memory\.pss)")

    def test_what_the_unit_allows_is_what_it_takes(self):
        """Each line by itself, as it was: then something is missing, or dies."""
        clock, connections, filesystems = (self.reachable(name) for name in ("clock", "connections", "filesystems"))
        code, _, err = self.restricted({**unit(), "ProtectClock": "yes"}, clock, "--print")
        self.assertEqual(code, 1)
        self.assertIn("a filter of system calls may forbid it", err)
        before = {**unit(), "SystemCallFilter": "@system-service", "SystemCallErrorNumber": ""}
        self.assertEqual(self.restricted(before, clock, "--print")[0], -signal.SIGSYS)
        code, _, err = self.restricted({**unit(), "RestrictAddressFamilies": "AF_UNIX AF_INET AF_INET6"}, connections, "--print")
        self.assertEqual(code, 1)
        self.assertIn("a unit may forbid it (RestrictAddressFamilies=)", err)
        out = self.restricted({**unit(), "ProtectHome": "yes"}, filesystems, "--print", home=True)[1]
        self.assertNotIn("mount=/home", out)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], "-v"])
