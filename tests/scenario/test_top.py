"""garnet top at a pseudo-terminal: what it shows, what keys do, and that the terminal is as it was whatever ends it."""
import fcntl
import pty
import struct
import termios

from harness import *

GARNET = os.path.join(BUILD, "garnet")


class Screen:
    """What a terminal would show of the bytes of TERM=xterm or vt100, as far as ncurses uses them here."""

    def __init__(self, lines, columns):
        self.y = self.x = 0
        self.rest = ""
        self.resize(lines, columns)

    def resize(self, lines, columns):
        self.lines, self.columns = lines, columns
        self.top, self.bottom = 0, lines
        self.cells = [[" "] * columns for _ in range(lines)]

    def text(self):
        return "\n".join("".join(row).rstrip() for row in self.cells)

    def clear(self, y, x, end_y, end_x):
        for at in range(y * self.columns + x, min(end_y * self.columns + end_x, self.lines * self.columns)):
            self.cells[at // self.columns][at % self.columns] = " "

    def control(self, args, end):
        n = [int(a or 0) for a in args.lstrip("?>").split(";")]
        one = max(n[0], 1)
        if end in "Hf":
            self.y, self.x = one - 1, max(n[1], 1) - 1 if len(n) > 1 else 0
        elif end in "ABCD":
            self.y += {"A": -one, "B": one}.get(end, 0)
            self.x += {"C": one, "D": -one}.get(end, 0)
        elif end in "Gd":
            self.x, self.y = (one - 1, self.y) if end == "G" else (self.x, one - 1)
        elif end == "Z":
            for _ in range(one):
                self.x = max(0, (self.x - 1) // 8 * 8)
        elif end == "b":
            for _ in range(one):
                self.put(self.last)
        elif end == "J":
            self.clear(*((0, 0) if n[0] == 2 else (self.y, self.x)), self.lines, 0)
        elif end == "K":
            self.clear(self.y, 0 if n[0] else self.x, self.y, self.x if n[0] == 1 else self.columns)
        elif end == "X":
            self.clear(self.y, self.x, self.y, min(self.x + one, self.columns))
        elif end == "P":
            row = self.cells[self.y]
            row[self.x:] = (row[self.x + one:] + [" "] * one)[:self.columns - self.x]
        elif end == "@":
            row = self.cells[self.y]
            row[self.x:] = ([" "] * one + row[self.x:])[:self.columns - self.x]
        elif end in "LMST":
            for _ in range(one):
                self.scroll(self.y if end in "LM" else self.top, down=end in "LT")
        elif end == "r":
            self.top, self.bottom = one - 1, n[1] if len(n) > 1 else self.lines
            self.y = self.x = 0

    def scroll(self, top, down):
        """Within the region, from `top` on."""
        row = [" "] * self.columns
        if down:
            self.cells.insert(top, row), self.cells.pop(self.bottom)
        else:
            self.cells.insert(self.bottom, row), self.cells.pop(top)

    def put(self, c):
        if self.x >= self.columns:
            self.y, self.x = self.y + 1, 0
        if self.y < self.lines:
            self.cells[self.y][self.x] = self.last = c
            self.x += 1

    def feed(self, text):
        self.rest += text
        while self.rest:
            if m := re.match(r"\x1b\[([?>0-9;]*)([@-~])|\x1b[()][0-9A-Z]|\x1b[=>78M]|[\x0e\x0f\x00\x07]", self.rest):
                if m[2]:
                    self.control(m[1], m[2])
                elif m[0] == "\x1bM" and self.y == self.top:
                    self.scroll(self.top, down=True)
                elif m[0] == "\x1bM":
                    self.y -= 1
                self.rest = self.rest[m.end():]
                continue
            if self.rest[0] == "\x1b":
                return  # more is to come
            c, self.rest = self.rest[0], self.rest[1:]
            if c >= " ":
                self.put(c)
                continue
            self.x = min(self.x, self.columns - 1)  # where it waits to go on in the next line
            if c == "\n" and self.y == self.bottom - 1:
                self.scroll(self.top, down=False)
            elif c == "\n":
                self.y = min(self.y + 1, self.lines - 1)
            elif c == "\r":
                self.x = 0
            elif c == "\b":
                self.x = max(self.x - 1, 0)
            elif c == "\t":
                self.x = min(self.x // 8 * 8 + 8, self.columns - 1)


class Terminal:
    """A program at a terminal of its own; `seen` is all that it has written."""

    def __init__(self, test, *argv, lines=24, columns=80, cwd=None, **env):
        self.screen, self.seen, self.lock = Screen(lines, columns), b"", threading.Lock()
        env = {"PATH": os.environ["PATH"], "TERM": "xterm", "LC_ALL": "C.UTF-8", **env}
        self.ours, self.its = pty.openpty()  # ours of both: its state is looked at when the program has ended
        test.addCleanup(self.close)
        self.size(lines, columns)
        self.before = termios.tcgetattr(self.its)
        self.process = subprocess.Popen(argv, stdin=self.its, stdout=self.its, stderr=self.its, cwd=cwd, env=env,
                                        preexec_fn=self.lead)
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def lead(self):
        os.setsid()
        fcntl.ioctl(self.its, termios.TIOCSCTTY, 0)

    def read(self):
        undecoded = b""
        while True:
            try:
                piece = os.read(self.ours, 4096)
            except OSError:
                return
            with self.lock:
                self.seen += piece
                undecoded += piece
                good = undecoded.decode("utf-8", "ignore")
                undecoded = undecoded[len(good.encode()):]
                self.screen.feed(good)

    def size(self, lines, columns):
        with self.lock:
            self.screen.resize(lines, columns)
        fcntl.ioctl(self.its, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def stop_output(self):
        """From now on it takes nothing more, as after Ctrl-S: writes wait, and it never becomes writable."""
        termios.tcflow(self.its, termios.TCOOFF)

    def press(self, keys):
        os.write(self.ours, keys.encode())

    def text(self):
        with self.lock:
            return self.screen.text()

    def until(self, wanted):
        """The screen, once it has the text, or matches where that is a pattern."""
        def there():
            text = self.text()
            return (wanted.search(text) if isinstance(wanted, re.Pattern) else wanted in text) and text
        try:
            return wait_for(f"the screen has {wanted!r}", there)
        except AssertionError as e:
            raise AssertionError(f"{e}; it is\n{self.text()}") from None

    def ended(self):
        return self.process.wait(PATIENCE)

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.its)
        self.reader.join(PATIENCE)
        os.close(self.ours)


class Top(unittest.TestCase):
    def daemon(self, **more):
        return Daemon(self, "self_metrics: 0\nsinks:\n" + graphite_sink("main", "file:out.txt") +
                      graphite_sink("dead", f"tcp://127.0.0.1:{free_port()}"),
                      {"good": f"command: [{GARNET}, emit, one, '1', --socket]\ninterval: 1s\n",
                       "failing": "command: [/bin/sh, -c, 'exit 3']\ninterval: 1s\n", **more})

    def top(self, d, *args, **more):
        return Terminal(self, GARNET, "top", "-c", d.config_path, *args, **more)

    def restored(self, t):
        self.assertEqual(termios.tcgetattr(t.its), t.before)
        wait_for("it has left the other screen", lambda: b"\x1b[?1049l" in t.seen[-200:])

    def quit(self, t):
        t.press("q")
        self.assertEqual(t.ended(), 0)
        self.restored(t)

    def test_tables_keys_and_sizes(self):
        t = self.top(self.daemon())
        t.until("degraded: ")
        t.until(re.compile(r"^failing +\w+ .* exit 3", re.M))
        text = t.until(re.compile(r"^good +(?:idle|running) +[01]\.\d .*[\u2581-\u2588]", re.M))
        self.assertRegex(text, r"(?m)^garnetd \S+ on testhost, up .* every 1s, by name$")
        self.assertRegex(text, r"(?m)^COLLECTOR +STATE +ACC/S")
        self.assertRegex(text, r"(?m)^main +running +[01]\.\d")
        self.assertIn(b"\x1b[3", t.seen, "colours")
        self.assertLess(text.index("\nfailing"), text.index("\ngood"))
        t.press("/GOOD")
        text = t.until("/GOOD_")
        self.assertNotIn("\nmain", text)
        t.press("\r")
        t.until('1 of 4 have "GOOD" in their name')
        t.press("\r")
        text = t.until("collector good")
        self.assertIn("  name                   good", text)
        t.press("\x1b")
        t.until("COLLECTOR")
        t.press("\x1b")
        t.until("\nmain ")
        t.press("l")
        t.until("by lag and failures")
        t.press("v")
        t.until("- sink dead is down: ")
        t.press("?")
        t.until("choose a row, or scroll")
        t.press("?\t")
        t.size(40, 120)
        t.until(re.compile(r"^.{100,120}$", re.M))
        t.press("\x1bOB\r")  # an arrow: the second of the sinks, by lag
        t.until("sink main")
        t.press("\x1b")
        for size in ((5, 20), (1, 1), (2, 300), (24, 80)):
            t.size(*size)
        t.until("COLLECTOR")
        self.quit(t)

    def test_it_says_when_garnetd_is_gone_and_goes_on(self):
        d = self.daemon()
        t = self.top(d, "--every", "100ms")
        t.until("\ngood ")
        d.kill()
        text = t.until(re.compile("^failing: ", re.M))
        self.assertIn("\ngood ", text, "the last table stays")
        wait_for("it is dim", lambda: re.search(rb"\x1b\[(0;)?2m", t.seen))
        d.start()
        t.until("degraded: ")
        os.kill(d.process.pid, signal.SIGSTOP)
        try:
            t.press("?")
            t.until("choose a row, or scroll")  # while no answer comes
            t.press("?")
            t.until("failing: garnetd is there, and does not answer")
        finally:
            os.kill(d.process.pid, signal.SIGCONT)
        t.until("degraded: ")
        self.quit(t)

    def test_plain_terminals(self):
        d = self.daemon()
        for env in ({"TERM": "vt100"}, {"NO_COLOR": "1"}, {"LC_ALL": "C", "TERM": "vt100"}):
            with self.subTest(env=env):
                t = self.top(d, "--every", "100ms", **env)
                text = t.until(re.compile(r"^good +idle +[01]\.\d .*[\u2582-\u2588.=+*#~-]", re.M))
                self.assertIsNone(re.search(rb"\x1b\[[0-9;]*[34][0-9][;m]", t.seen), "no colours")
                if "LC_ALL" in env:
                    self.assertTrue(text.isascii(), text)
                t.press("q")
                self.assertEqual(t.ended(), 0)
                self.assertEqual(termios.tcgetattr(t.its), t.before)

    def test_what_strangers_called_their_sinks_moves_nothing(self):
        d = self.daemon()
        d.terminate()
        with socket.socket(socket.AF_UNIX) as s:
            s.bind(d.path("run/control.sock"))
            s.listen()
            one = {"name": "x\x1b]0;pwned\x07\u202e\u009b2J\u4e2d", "state": "\x1b[2J", "last_error": {"at": 1, "text": "\x1b]0;pwned\x07"}}
            reply = json.dumps({"garnet": 1, "status": {"now": 2, "sinks": [one], "collectors": [one], "host": "\x1b]0;pwned\x07"}})

            def answer():
                with contextlib.suppress(OSError):
                    while True:
                        c = s.accept()[0]
                        c.recv(4096)
                        c.sendall(reply.encode() + b"\n")
                        c.close()
            threading.Thread(target=answer, daemon=True).start()
            t = self.top(d)
            t.until(r"x\x1b]0;pwned\x07")
            t.press("\r")
            t.until("last_error")
            t.press("\x1b")
            self.quit(t)
            s.shutdown(socket.SHUT_RDWR)
        self.assertNotIn(b"\x1b]0;pwned", t.seen)
        self.assertNotIn("\u202e".encode(), t.seen)

    def test_every_end_restores_the_terminal(self):
        d = self.daemon()
        for signo in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            t = self.top(d)
            t.until("\ngood ")
            if signo == signal.SIGINT:
                t.press("\x03")
            else:
                t.process.send_signal(signo)
            self.assertEqual(t.ended(), -signo)
            self.restored(t)
        t = self.top(d, "--every", "100ms")  # a terminal that takes nothing any more
        t.until("\ngood ")
        t.stop_output()
        t.process.send_signal(signal.SIGTERM)
        self.assertEqual(t.ended(), 128 + signal.SIGTERM)
        self.assertEqual(termios.tcgetattr(t.its), t.before)

    def test_stopped_and_continued(self):
        d = self.daemon()
        script = f"set -m; {GARNET} top -c {d.config_path}; echo stopped with $?; read x; fg; echo ended with $?"
        t = Terminal(self, "/bin/bash", "-c", script)
        t.until("\ngood ")
        t.press("\x1a")
        t.until("stopped with ")
        self.assertEqual(termios.tcgetattr(t.its), t.before)
        t.press("\n")
        t.until("\ngood ")
        t.press("q")
        t.until("ended with 0")
        self.assertEqual(t.ended(), 0)
        self.restored(t)

    def test_where_it_cannot_be(self):
        r = subprocess.run([GARNET, "top"], capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=PATIENCE)
        self.assertEqual((r.returncode, r.stdout), (2, ""))
        self.assertIn("needs a terminal", r.stderr)
        for args in (("--every", "1ms"), ("--every",), ("--nonsense",), ("x",), ("-c", "x", "--socket", "y"), ("-c", "/no/such/file")):
            r = subprocess.run([GARNET, "top", *args], capture_output=True, text=True, timeout=PATIENCE)
            self.assertEqual((r.returncode, r.stdout), (2, ""))
        for term, said in (("", "TERM is not set"), ("nonsense", "does not know"), ("dumb", "cannot move its cursor")):
            t = Terminal(self, GARNET, "top", "--socket", "/no/such/socket", TERM=term)
            self.assertEqual(t.ended(), 2)
            t.until(said)
        t = Terminal(self, GARNET, "top", "--socket", "/no/such/socket")
        t.until("failing: /no/such/socket: ")
        self.quit(t)


main(side_by_side=2)
