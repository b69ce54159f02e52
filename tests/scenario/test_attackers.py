"""Local attackers, each trying what it should not be able to: a user outside, a user of the socket's group, a
collector with and without a user of its own, a plugin. As root, since they are other users: numeric ones, that
need no account. A case says who it is, what it tries, and what is left unharmed; more of them belong here.
"""
import os
import re
import subprocess
import time
import unittest

from harness import BUILD, Daemon, PATIENCE, children, graphite_sink, main, needs_others, wait_for

SERVICE, COLLECTOR, STRANGER, MEMBER, GROUP = 4711, 4712, 4713, 4714, 4715

PROBE = """#!/usr/bin/python3
import os, sys
def line(*what): print(*what, flush=True)
with open("/proc/self/status") as f:
    for s in f:
        if s.startswith(("Cap", "NoNewPrivs")): line("status", *s.split())
line("fds", *sorted(fd for fd in os.listdir("/proc/self/fd") if os.path.exists("/proc/self/fd/" + fd)))
keeper = os.getppid()
def parent(pid):
    with open(f"/proc/{pid}/stat") as f: return int(f.read().rsplit(")", 1)[1].split()[1])
nursery = parent(keeper)
guard = parent(nursery)
garnetd = parent(guard)
def tries(what, fn, *args):
    try:
        fn(*args)
        line("CAN", what)
    except OSError as e:
        line("cannot", what, e.strerror)
for name, pid in [("keeper", keeper), ("nursery", nursery), ("guard", guard), ("garnetd", garnetd)]:
    tries("signal " + name, os.kill, pid, 0)
    tries("write memory of " + name, lambda: open(f"/proc/{pid}/mem", "r+b"))
    tries("environ of " + name, lambda: open(f"/proc/{pid}/environ").read())
    tries("descriptors of " + name, os.readlink, f"/proc/{pid}/fd/0")
tries("become root", os.setuid, 0)
tries("list spool", os.listdir, os.environ["SPOOL"])
tries("read cursor", open, os.environ["SPOOL"] + "/cursors/main")
tries("write config", open, os.environ["CONFIG"], "a")
line("done")
"""


def as_user(uid, gid, code, *args):
    """What a python3 of that user prints."""
    r = subprocess.run(["setpriv", f"--reuid={uid}", f"--regid={gid}", "--clear-groups",
                        "/usr/bin/python3", "-c", code, *args],
                       capture_output=True, text=True, timeout=PATIENCE)
    return r.stdout + r.stderr


def read(path):
    with open(path) as f:
        return f.read()


def status(pid, *keys):
    pairs = dict(line.split(":\t", 1) for line in read(f"/proc/{pid}/status").splitlines() if ":\t" in line)
    return [pairs[k] for k in keys]


class Attackers(unittest.TestCase):
    CONFIG = "self_metrics: 0\nsinks:\n" + graphite_sink("main", "file:spool/out.txt")

    def setUp(self):
        needs_others(self, STRANGER)

    def daemon(self, config=None, **kw):
        d = Daemon(self, config or self.CONFIG, start=False, **kw)
        os.chmod(d.dir, 0o755)
        return d

    def probe(self, d, more=""):
        d.script("probe", PROBE)
        d.collector("probe", f"command: [{d.path('probe')}]\ninterval: 1s\n{more}env: {{SPOOL: {d.path('spool')}, "
                             f"CONFIG: {d.config_path}}}\n")

    def said(self, d):
        """What the first run of the probe has printed, without what stands before."""
        d.wait_log("]: done")
        return re.findall(r"collector probe\[\d+\]: (.*)", d.log().split("]: done")[0])

    def assert_no_capabilities(self, said):
        self.assertIn("status NoNewPrivs: 1", said)
        for s in ("Inh", "Prm", "Eff", "Amb"):
            self.assertIn(f"status Cap{s}: 0000000000000000", said)

    # ---- collectors

    def test_a_collector_with_a_user_reaches_nothing_of_ours(self):
        d = self.daemon()
        self.probe(d, f"user: {COLLECTOR}\ngroup: {COLLECTOR}\n")
        d.start()
        said = self.said(d)
        self.assert_no_capabilities(said)
        self.assertIn("status CapBnd: 0000000000000000", said)
        self.assertIn("fds 0 1 2", said)
        self.assertEqual([s for s in said if s.startswith("CAN")], [])
        self.assertEqual(len([s for s in said if s.startswith("cannot")]), 20, said)

    def test_a_collector_of_roots_has_no_more_than_roots_files(self):
        d = self.daemon()
        self.probe(d)
        d.start()
        said = self.said(d)
        self.assert_no_capabilities(said)
        self.assertIn("fds 0 1 2", said)
        for what in ("write memory of keeper", "write memory of garnetd", "descriptors of garnetd"):
            self.assertTrue(any(s.startswith("cannot " + what) for s in said), said)

    def capable(self):
        """A garnetd that is nobody special, but may switch users."""
        d = self.daemon()
        for name in ("run", "spool"):
            os.mkdir(d.path(name))
            os.chown(d.path(name), SERVICE, SERVICE)
        caps = "+setuid,+setgid,+kill"
        d.prefix = ["setpriv", f"--reuid={SERVICE}", f"--regid={SERVICE}", "--clear-groups",
                    f"--inh-caps={caps}", f"--ambient-caps={caps}"]
        return d

    def test_capabilities_that_switch_users_are_garnetds_alone(self):
        d = self.capable()
        self.probe(d)
        d.start()
        said = self.said(d)
        self.assert_no_capabilities(said)
        self.assertTrue(any(s.startswith("cannot become root") for s in said), said)
        self.assertTrue(any(s.startswith("cannot write memory of garnetd") for s in said), said)

    def test_a_worker_has_none_either(self):
        d = self.capable()
        d.start()
        worker = d.worker("main")
        wait_for("it has dropped them", lambda: status(worker, "NoNewPrivs") == ["1"])
        self.assertEqual(status(worker, "CapInh", "CapPrm", "CapEff", "CapAmb"), ["0" * 16] * 4)
        self.assertNotEqual(status(d.process.pid, "CapEff"), ["0" * 16])

    def test_garnetd_as_root_needs_no_more_than_the_documents_say(self):
        """The capabilities and the umask of the unit, as docs/security.md changes it."""
        d = self.daemon()
        d.script("c", "#!/usr/bin/python3\nimport socket, sys\ns = socket.socket(socket.AF_UNIX)\n"
                      "s.connect(sys.argv[-1])\ns.sendall(b'{\"name\": \"a\", \"value\": 1}')\n")
        d.collector("c", f"command: [{d.path('c')}]\ninterval: 1s\nuser: {COLLECTOR}\ngroup: {COLLECTOR}\n")
        d.prefix = ["setpriv", "--bounding-set=-all,+setuid,+setgid,+kill,+chown", "--no-new-privs",
                    "sh", "-c", "umask 027; exec \"$@\"", "sh"]
        d.start()
        wait_for("its metrics are delivered", lambda: d.file_lines("spool/out.txt"))
        s = os.stat(d.path("run/collectors/c.sock"))
        self.assertEqual((s.st_uid, s.st_gid, s.st_mode & 0o7777), (COLLECTOR, COLLECTOR, 0o600))

    def test_what_it_prints_is_escaped(self):
        d = self.daemon()
        d.script("evil", "#!/bin/sh\nprintf 'a\\033[2Jb\\n2026-01-01T00:00:00.000Z garnetd error: forged\\n'\n")
        d.collector("evil", f"command: [{d.path('evil')}]\ninterval: 1s\nuser: {COLLECTOR}\ngroup: {COLLECTOR}\n")
        d.start()
        d.wait_log("forged")
        self.assertNotIn("\033", d.log())
        self.assertFalse(any(line.startswith("2026-01-01T") for line in d.log().splitlines()))

    # ---- sinks

    def test_a_sink_with_a_user_reads_the_spool_and_nothing_else(self):
        """nobody has an account everywhere; its worker goes over to new segments, is killed, and goes on."""
        d = self.daemon("self_metrics: 0\nspool: {dir: spool, segment_size: 64KiB}\nsinks:\n" +
                        graphite_sink("main", "file:out/lines", ", user: nobody, start: oldest, batch_size: 4KiB"))
        os.mkdir(d.path("out"))
        os.chown(d.path("out"), 65534, -1)
        d.start()

        def send(first):
            for at in range(first, first + 1000, 100):  # what comes at once may be one frame, and that is in one segment
                text = "".join(f'{{"name": "m.{i}", "value": {i}, "tags": {{"filler": "{"x" * 200}"}}}}\n'
                               for i in range(at, at + 100))
                self.assertEqual(d.send(text)["accepted"], 100)

        def delivered():
            return {int(x) for x in re.findall(r"(?m)^testhost\.m\.(\d+)\.", "\n".join(d.file_lines("out/lines")))}
        send(0)
        wait_for("all is there", lambda: delivered() == set(range(1000)))
        # The name is the first metric's number, and no segment holds 400 of these: this is the third at least.
        # Counting them would not do: those that everybody has read are being removed.
        self.assertGreater(max(int(f[:-4]) for f in os.listdir(d.path("spool")) if f.endswith(".seg")), 400)
        worker = d.worker("main")
        self.assertEqual(status(worker, "Uid", "CapEff", "NoNewPrivs"), ["65534\t" * 3 + "65534", "0" * 16, "1"])
        for f in ("", "/cursors/main", "/lock"):
            self.assertEqual(as_user(65534, 65534, f"import os\ntry: os.open({d.path('spool') + f!r}, 0); print('CAN')\n"
                                                   "except OSError: pass"), "")
        os.kill(worker, 9)
        send(1000)
        wait_for("the next worker goes on", lambda: delivered() == set(range(2000)))
        worker = d.worker("main")
        opener = [p for p, name in children(worker).items() if name == "garnet-opener"][0]
        os.kill(opener, 9)  # then the worker ends, and another comes with another opener
        d.wait_log("its opener, without which it cannot read the spool, has been ended")
        wait_for("another worker", lambda: d.worker("main") != worker)
        worker = d.worker("main")  # now: one that starts after the next line may be the new folder's
        os.rename(d.path("spool"), d.path("spool.old"))  # and with a folder that is replaced
        wait_for("another one, of the new folder", lambda: os.path.exists(d.path("spool/lock")) and d.worker("main") != worker)
        send(2000)
        wait_for("the rest is there", lambda: delivered() == set(range(3000)))
        self.assertEqual(d.terminate(), 0)

    # ---- users of the machine

    TRY = ("import os, socket, sys\n"
           "def tries(what, fn, *args):\n"
           "    try: fn(*args); print('CAN', what)\n"
           "    except OSError as e: print('cannot', what)\n"
           "sock, spool, pid, own = sys.argv[1:]\n"
           "tries('send', socket.socket(socket.AF_UNIX).connect, sock)\n"
           "tries('send as a collector', socket.socket(socket.AF_UNIX).connect, own)\n"
           "for f in ('', '/lock', '/sinks', '/cursors/main'):\n"
           "    tries('open spool' + f, os.open, spool + f, os.O_RDONLY)\n"
           "tries('stop garnetd', os.kill, int(pid), 19)\n"
           "tries('put a socket', socket.socket(socket.AF_UNIX).bind, os.path.dirname(sock) + '/x.sock')\n"
           "tries('remove the socket', os.unlink, sock)\n"
           "tries('remove the spool', os.rename, spool, spool + '2')\n")

    def tried(self, d, uid, gid):
        out = as_user(uid, gid, self.TRY, d.socket_path, d.path("spool"), str(d.process.pid),
                      d.path("run/collectors/probe.sock"))
        self.assertEqual(len(out.splitlines()), 10, out)
        return [line for line in out.splitlines() if line.startswith("CAN")]

    def test_users_may_send_if_they_are_in_the_group_and_nothing_else(self):
        d = self.daemon(f"socket: {{path: run/garnet.sock, mode: '0660', group: '{GROUP}'}}\n" + self.CONFIG)
        self.probe(d, f"user: {COLLECTOR}\ngroup: {COLLECTOR}\n")
        d.start()
        d.worker("main")
        self.assertEqual(self.tried(d, STRANGER, STRANGER), [])
        self.assertEqual(self.tried(d, MEMBER, GROUP), ["CAN send"])

    PASS = ("import array, os, socket, struct, sys\n"
            "server = socket.create_server(('127.0.0.1', 0), backlog=16)\n"  # reads nothing
            "for i in range(8):\n"
            "    if os.fork(): os.wait(); continue\n"
            "    s = socket.create_connection(server.getsockname())\n"
            "    s.setblocking(False)\n"
            "    try:\n"
            "        while True: s.send(bytes(65536))\n"
            "    except BlockingIOError: pass\n"
            "    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 3600))\n"
            "    fds = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', [s.fileno()]).tobytes())]\n"
            "    c = socket.socket(socket.AF_UNIX)\n"
            "    c.connect(sys.argv[1])\n"
            "    try: c.sendmsg([b'{}'], fds)\n"
            "    finally: os._exit(0)\n"  # without lingering: whoever reads is the last to close it, if he comes later
            "print('passed', flush=True)\n"
            "sys.stdin.read()\n")

    def test_a_descriptor_that_lasts_to_be_closed_is_not_closed_by_garnetd(self):
        """A TCP socket closes as slowly as its sender says; whoever reads bytes that come with one closes it."""
        d = self.daemon("socket: {path: run/garnet.sock, mode: '0666'}\n" + self.CONFIG)
        d.start()
        p = subprocess.Popen(["setpriv", f"--reuid={STRANGER}", f"--regid={STRANGER}", "--clear-groups",
                              "/usr/bin/python3", "-c", self.PASS, d.socket_path],
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.addCleanup(p.wait)
        self.addCleanup(p.kill)
        self.addCleanup(p.stdout.close)
        self.addCleanup(p.stdin.close)
        self.assertEqual(p.stdout.readline(), b"passed\n")
        self.assertEqual(d.send('{"name": "a", "value": 1}'), {"accepted": 1, "rejected": 0, "errors": []})
        self.assertEqual(d.terminate(), 0)

    # ---- paths

    def swap(self, d):
        """What a stranger would run as somebody else, put in place of a folder that he may write to."""
        code = ("import os, sys\nbin = sys.argv[1]\nos.rename(bin, bin + '.old'); os.mkdir(bin)\n"
                "with open(bin + '/c', 'w') as f: f.write('#!/bin/sh\\necho the strangers program runs\\n')\n"
                "os.chmod(bin + '/c', 0o755)\n")
        self.assertEqual(as_user(STRANGER, STRANGER, code, d.path("team/bin")), "")

    def test_a_command_is_looked_at_again_before_each_run(self):
        d = self.daemon()
        os.makedirs(d.path("team/bin"))
        d.script("team/bin/c", "#!/bin/sh\necho the right one\n")
        os.symlink(d.path("team/bin/c"), d.path("link"))
        d.collector("c", f"command: [{d.path('team/bin/c')}]\ninterval: 1s\n")
        d.collector("l", f"command: [{d.path('link')}]\ninterval: 1s\n")
        d.script("beside", "#!/bin/sh\necho a slot\n")
        d.collector("beside", f"command: [{d.path('beside')}]\ninterval: 1s\n")
        d.start()
        d.wait_log("the right one")
        os.chmod(d.path("team"), 0o777)  # somebody's mistake, long after the check
        for name in ("c", "l"):
            command = d.path("link" if name == "l" else "team/bin/c")
            wait_for(f"collector {name} does not run", lambda: re.search(
                f"collector {name}: missed .*: cannot run {command}: it goes through {d.path('team')}, which", d.log()))
        self.swap(d)  # only now: a run that was looked at before the mistake may be about to begin
        slots = d.log().count("a slot")
        wait_for("a whole slot after it", lambda: d.log().count("a slot") >= slots + 2)
        self.assertIn(f"it goes through {d.path('team')}, which can be altered by everybody: chmod go-w it", d.log())
        self.assertNotIn("strangers program", d.log())
        code, _, errors = d.check()
        self.assertEqual(code, 3)
        self.assertEqual(errors.count(f"goes through {d.path('team')}, which can be altered by everybody: chmod go-w it, "
                                      "or set allow_writable: true"), 2, errors)
        for name in ("c", "l"):
            d.collector(name, f"enabled: false\ncommand: [{d.path('link')}]\n")
        d.hup()

    def test_a_plugin_is_looked_at_again_before_each_load(self):
        d = self.daemon()
        os.mkdir(d.path("plugins"))
        with open(BUILD + "/plugins/graphite.so", "rb") as f, open(d.path("plugins/mine.so"), "wb") as out:
            out.write(f.read())
        d.configure(f"self_metrics: 0\nplugin_path: [{d.path('plugins')}]\nsinks:\n"
                    "  - {name: main, plugin: mine, to: 'file:spool/out.txt'}\n")
        d.start()
        worker = d.worker("main")
        wait_for("it has loaded the plugin", lambda: "mine.so" in read(f"/proc/{worker}/maps"))
        os.chmod(d.path("plugins"), 0o777)
        os.kill(worker, 9)
        d.wait_log(f"plugin: \"{d.path('plugins/mine.so')}\" goes through {d.path('plugins')}, which can be altered by "
                   "everybody: chmod go-w it, or set allow_writable: true")
        os.chmod(d.path("plugins"), 0o755)

    def test_what_strangers_can_write_is_no_configuration(self):
        d = self.daemon()
        d.collector("c", "command: [/bin/true]\n")
        for path, mode, good, said in (("garnet.yaml", 0o666, 0o644, "garnet.yaml: can be altered by everybody"),
                                       ("collectors.d", 0o777, 0o755, "collectors.d\" can be altered by everybody"),
                                       ("collectors.d/c.yaml", 0o664, 0o644, "c.yaml: can be altered by its group"),
                                       ("", 0o777, 0o755, "which can be altered by everybody")):
            os.chmod(d.path(path), mode)
            os.chown(d.path(path), 0, 1 if mode == 0o664 else 0)
            code, _, errors = d.check()
            self.assertEqual(code, 3 if path.startswith("collectors.d") else 1, path)
            self.assertIn(said + ": chmod go-w it", errors)
            os.chmod(d.path(path), good)
        os.chown(d.path("collectors.d/c.yaml"), STRANGER, STRANGER)
        code, _, errors = d.check()
        self.assertEqual(code, 3)
        self.assertIn(f"c.yaml: belongs to user {STRANGER}, who could alter it: chown it to root", errors)
        os.chown(d.path("collectors.d/c.yaml"), 0, 0)
        self.assertEqual(d.check()[0], 0)


if __name__ == "__main__":
    main()
