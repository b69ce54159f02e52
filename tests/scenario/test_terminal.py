"""What the command line prints of strangers (names in files, replies, a plugin's texts) does nothing to a terminal."""
import os
import pty
import re
import socket
import subprocess
import tempfile
import threading
import unittest

from harness import BUILD, PATIENCE, main

HOSTILE = "\x1b]0;pwned\x07\x1b[2J\r\x7f\x9b2J"
GARNET = os.path.join(BUILD, "garnet")


class Terminal(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="garnet-")
        self.addCleanup(folder.cleanup)
        self.dir = folder.name

    def path(self, name):
        return os.path.join(self.dir, name)

    def write(self, name, data):
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        with open(self.path(name), "wb") as f:
            f.write(data if isinstance(data, bytes) else data.encode())
        return self.path(name)

    def run_it(self, *argv, shown="pwned", data=b""):
        """All that it prints, of which no byte may be for the terminal."""
        p = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, input=data,
                           timeout=PATIENCE)
        self.assertIsNone(re.search(rb"[\x00-\x09\x0b-\x1f\x7f]|\xc2[\x80-\x9f]", p.stdout), p.stdout)
        p.stdout.decode()  # whole UTF-8
        self.assertIn(shown.encode(), p.stdout)
        return p.stdout

    def test_spool_verify(self):
        self.write("spool/sinks", f"main{HOSTILE}\n")
        out = self.run_it(GARNET, "spool", "verify", self.path("spool"))
        self.assertIn(rb"sink main\x1b]0;pwned\x07\x1b[2J\r\x7f\xc2\x9b2J: ", out)
        os.mkdir(self.path("x" + HOSTILE))
        self.run_it(GARNET, "spool", "verify", self.path("x" + HOSTILE))
        self.run_it(GARNET, "spool", "verify", self.path("none" + HOSTILE))

    def reply(self, data):
        """A socket that gives this to whoever comes, once it has sent all."""
        s = socket.socket(socket.AF_UNIX)
        self.addCleanup(s.close)
        path = self.path(f"sock{len(os.listdir(self.dir))}")
        s.bind(path)
        s.listen()

        def serve():
            c, _ = s.accept()
            with c:
                while c.recv(65536):
                    pass
                c.sendall(data)
        threading.Thread(target=serve, daemon=True).start()
        return path

    def test_replies(self):
        escaped = "x\\u001b]0;pwned\\u0007\\u009b2J\\nforged"
        whole = ('{"accepted":0,"rejected":1,"errors":[{"line":1,"byte":2,"field":"f%s","error":"%s"}]}\n' %
                 (escaped, escaped)).encode()
        out = self.run_it(GARNET, "emit", "--socket", self.reply(whole), "a", "1")
        self.assertEqual(out.count(b"\n"), 1)
        for data in (whole, b"no json \x1b[2J\x9b pwned\n", b'{"accepted":0,"rejected":1}\x1bpwned\n'):
            self.run_it(GARNET, "emit", "--socket", self.reply(data), "a", "1")
        self.run_it(os.path.join(BUILD, "collectors/loadavg"), self.reply(b'{"accepted":0,"rejected":1,"x":"\x1b[2Jpwned"}\n'))

    def test_arguments(self):
        for argv in (("emit", "--x" + HOSTILE), ("emit", "a", "1", "b" + HOSTILE), ("no" + HOSTILE,), ("help", HOSTILE),
                     ("plugin", "no" + HOSTILE), ("plugin", "describe", "no" + HOSTILE),
                     ("plugin", "preview", "-c", self.path("no" + HOSTILE)),
                     ("emit", "a", "1", "--socket", self.path("no" + HOSTILE))):
            self.run_it(GARNET, *argv)
        self.run_it(os.path.join(BUILD, "garnetd"), "-c", "x", HOSTILE)

    def test_what_a_plugin_says_of_itself(self):
        plugin = os.path.join(BUILD, "tests/plugins/escapes.so")
        conf = self.write("c.yaml", self.CONF.format(BUILD, f"sinks: [{{name: main, plugin: '{plugin}', to: stdout}}]"))
        os.mkdir(self.path("collectors.d"))
        for argv in (("describe", plugin), ("describe", "--json", plugin), ("test", plugin)):
            self.run_it(GARNET, "plugin", *argv)
        self.run_it(GARNET, "plugin", "preview", "-c", conf, data=b'{"name":"a","value":1}',
                    shown="skips \\x1b")

    CONF = "socket: {{path: s}}\nspool: {{dir: spool}}\nplugin_path: [{0}/plugins]\n{1}\n"

    def test_configuration(self):
        """File names, values, and those of the sinks in it."""
        name = self.write("x" + HOSTILE + ".yaml", self.CONF.format(BUILD, "sinks: []"))
        os.mkdir(self.path("collectors.d"))
        self.run_it(os.path.join(BUILD, "garnetd"), "-t", "-c", name)
        self.write(f"collectors.d/a{HOSTILE}.yaml", "command: 7\n")
        bad = self.write("bad.yaml", self.CONF.format(BUILD, 'host: "\\e]0;pwned\\a"\nsinks: [{plugin: "\\e]0;pwned", to: '
                                                             '"\\e[2J"}]'))
        for argv in ((os.path.join(BUILD, "garnetd"), "-t", "-c", bad), (GARNET, "plugin", "preview", "-c", bad)):
            self.run_it(*argv)

    def test_preview_shows_a_terminal_what_it_would_send(self):
        conf = self.write("c.yaml", self.CONF.format(BUILD, "sinks: [{name: main, plugin: graphite, to: stdout}]"))
        os.mkdir(self.path("collectors.d"))
        ours, its = pty.openpty()
        self.addCleanup(os.close, ours)
        metric = self.write("m.json", '{"name":"a","value":1,"time":1700000000}')
        with open(metric, "rb") as f:
            p = subprocess.run([GARNET, "plugin", "preview", "-c", conf], stdin=f, stdout=its, stderr=subprocess.PIPE,
                               timeout=PATIENCE)
        os.close(its)
        self.assertEqual((p.returncode, p.stderr), (0, b""))
        self.assertRegex(os.read(ours, 4096), rb"^\S+\.a 1 1700000000\r\n$")


if __name__ == "__main__":
    main()
