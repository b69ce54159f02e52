"""`systemd-units` against a bus that speaks as systemd does on it, and one that does not: the protocol of D-Bus by hand, so that
each message can be as wrong as it likes."""
import struct

from harness import *

PROGRAM = os.path.join(BUILD, "collectors", "systemd-units")
UNKNOWN = "org.freedesktop.DBus.Error.UnknownInterface"


class Out:
    """A message's body, little-endian."""

    def __init__(self):
        self.b = b""

    def align(self, n):
        self.b += bytes(-len(self.b) % n)
        return self

    def u(self, v):
        self.align(4).b += struct.pack("<I", v)
        return self

    def t(self, v):
        self.align(8).b += struct.pack("<Q", v)
        return self

    def s(self, text):
        self.u(len(text.encode())).b += text.encode() + b"\0"
        return self

    def g(self, text):
        self.b += bytes([len(text)]) + text.encode() + b"\0"
        return self

    def units(self, units):
        """a(ssssssouso)"""
        inner = Out()
        for name, state in units:
            inner.align(8)
            for text in (name, "about it", "loaded", state, "running", "", "/org/freedesktop/systemd1/unit/x" + name.encode().hex()):
                inner.s(text)
            inner.u(0).s("").s("/")
        self.u(len(inner.b)).align(8).b += inner.b
        return self

    def variant(self, kind, v):
        self.g(kind)
        return getattr(self, kind)(v)


def message(kind, serial, to, signature, body):
    """A reply (2), or an error (3), whose name is then the signature's place"""
    fields = Out()
    fields.align(8).b += b"\5"
    fields.variant("u", to)
    fields.align(8).b += b"\7"
    fields.variant("s", ":1.1")
    if kind == 3:
        fields.align(8).b += b"\4"
        fields.variant("s", signature)
        signature = "s"
    fields.align(8).b += b"\x08"
    fields.variant("g", signature)
    head = struct.pack("<cBBBIII", b"l", kind, 1, 1, len(body), serial, len(fields.b)) + fields.b
    return head + bytes(-len(head) % 8) + body


def strings_of(data):
    """The texts in a message of a client, in their order: enough to know what it wants."""
    return [m[1].decode() for m in re.finditer(rb"([A-Za-z0-9_./:-]{3,})\0", data)]


class Bus:
    """`units`: what ListUnits says; `properties`: {(unit, property): (kind, value)}. `hang` is at what it stops for ever: "connect",
    "hello", "ListUnits" or a property; `instead` {"ListUnits": bytes of a message, made of its serial}."""

    def __init__(self, test, units=(), properties={}, hang=None, instead={}):
        self.units, self.properties, self.hang, self.instead = units, properties, hang, instead
        self.folder = tempfile.mkdtemp(prefix="garnet-")
        test.addCleanup(shutil.rmtree, self.folder)
        self.path = self.folder + "/bus"
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.bind(self.path)
        self.socket.listen()
        self.over = threading.Event()
        self.asked = []
        test.addCleanup(self.close)
        threading.Thread(target=self.accept, daemon=True).start()

    def close(self):
        self.over.set()
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.socket.accept()
                threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, c):
        with c, contextlib.suppress(ConnectionError, EOFError):
            self.c, self.left = c, b""
            if self.hang == "connect":
                self.over.wait()
            while True:
                line = self.take(self.left.index(b"\r\n") + 2 if b"\r\n" in self.left else 0)
                if line.lstrip(b"\0").startswith(b"AUTH EXTERNAL "):
                    c.sendall(b"OK " + b"0" * 32 + b"\r\n")
                elif line.lstrip(b"\0").startswith(b"AUTH"):
                    c.sendall(b"DATA\r\n")
                elif line.startswith(b"DATA"):
                    c.sendall(b"OK " + b"0" * 32 + b"\r\n")
                elif line.startswith(b"NEGOTIATE"):
                    c.sendall(b"AGREE_UNIX_FD\r\n")
                elif line.startswith(b"BEGIN"):
                    break
            serial = 0
            while True:
                head = self.take(16)
                body, number, fields = struct.unpack("<4xIII", head)
                words = strings_of(self.take(fields + -fields % 8 + body))
                serial += 1
                if (answer := self.answer(number, serial, words)) is None:
                    self.over.wait()
                    return
                c.sendall(answer)

    def take(self, n):
        """n bytes; 0: more of them first"""
        while len(self.left) < max(n, 1) or n == 0:
            part = self.c.recv(65536)
            if not part:
                raise EOFError
            self.left += part
            if n == 0:
                return b""
        out, self.left = self.left[:n], self.left[n:]
        return out

    def answer(self, to, serial, words):
        if "Hello" in words:
            return message(2, serial, to, "s", Out().s(":1.7").b) if self.hang != "hello" else None
        if "ListUnits" in words:
            if self.hang == "ListUnits":
                return None
            if "ListUnits" in self.instead:
                return self.instead["ListUnits"](serial, to)
            return message(2, serial, to, "a(ssssssouso)", Out().units(self.units).b)
        path, name = next(w for w in words if "/systemd1/unit/" in w).rsplit("/", 1)[1], words[-1]
        # as it was listed, or as whoever asks has made it of the name
        unit = bytes.fromhex(path[1:]).decode() if re.fullmatch("x([0-9a-f]{2})+", path) else \
            re.sub("_([0-9a-f]{2})", lambda m: chr(int(m[1], 16)), path)
        self.asked.append((unit, words[-2].rsplit(".", 1)[1], name))
        if self.hang == name:
            return None
        if (unit, name) not in self.properties:
            return message(3, serial, to, UNKNOWN, Out().s("no such thing").b)
        kind, v = self.properties[unit, name]
        return message(2, serial, to, "v", Out().variant(kind, v).b)


@unittest.skipUnless(os.path.exists(PROGRAM), "systemd-units was not built: there is no libsystemd")
class Units(unittest.TestCase):
    def look(self, bus, *args, code=0):
        path = bus if isinstance(bus, str) else bus.path
        r = subprocess.run([PROGRAM, "--print", *args], capture_output=True, timeout=PATIENCE, text=True,
                           env={**os.environ, "DBUS_SYSTEM_BUS_ADDRESS": "unix:path=" + path})
        self.assertEqual(r.returncode, code, r.stderr)
        out = {}
        for m in re.finditer(r"(?m)^systemd\.([a-z.]+)\{[a-z]+=(.*?)\} +(\S+)", r.stdout):
            self.assertNotIn((m[1], m[2]), out)
            out[m[1], m[2]] = float(m[3])
        return out, r.stderr

    UNITS = [("a.service", "active"), ("b.service", "failed"), ("c.timer", "active"), ("d.mount", "inactive"), ("e.service", "activating"),
             ("getty@tty1.service", "reloading")]

    def test_how_many_in_which_state(self):
        got, err = self.look(Bus(self, self.UNITS[:1] + self.UNITS[2:]))
        self.assertEqual(err, "")
        self.assertEqual(got, {("units", s): n for s, n in dict(active=2, inactive=1, failed=0, activating=1, deactivating=0,
                                                                reloading=1).items()})
        self.assertEqual(self.look(Bus(self, [("x.service", "dancing")]))[0]["units", "other"], 1)
        self.assertEqual(set(self.look(Bus(self, []))[0].values()), {0})

    def test_failed_ones_where_none_is_named(self):
        got, _ = self.look(Bus(self, self.UNITS))
        self.assertEqual({k: v for k, v in got.items() if k[0] != "units"}, {("unit.active", "b.service"): 0, ("unit.failed", "b.service"): 1})

    def test_those_that_are_named(self):
        now = time.monotonic_ns() // 1000
        bus = Bus(self, self.UNITS, {("a.service", "StateChangeTimestampMonotonic"): ("t", now - 5000000),
                                     ("a.service", "NRestarts"): ("u", 3), ("a.service", "MemoryCurrent"): ("t", 12345678),
                                     ("e.service", "MemoryCurrent"): ("t", 2**64 - 1),
                                     ("e.service", "StateChangeTimestampMonotonic"): ("t", 0),
                                     ("e.service", "NRestarts"): ("s", "many"),
                                     ("gone.service", "ActiveState"): ("s", "inactive"),
                                     ("getty@tty1.service", "StateChangeTimestampMonotonic"): ("t", now + 10**12)})
        got, err = self.look(bus, "[ae].service", "getty@*", "c.timer", "gone.service")
        self.assertEqual(err, "")
        self.assertTrue(5 <= got.pop(("unit.unchanged", "a.service")) < 5 + PATIENCE)
        self.assertEqual({k: v for k, v in got.items() if k[0] != "units"}, {
            ("unit.active", "a.service"): 1, ("unit.failed", "a.service"): 0, ("unit.restarts", "a.service"): 3,
            ("unit.memory", "a.service"): 12345678, ("unit.active", "e.service"): 0, ("unit.failed", "e.service"): 0,
            ("unit.active", "getty@tty1.service"): 1, ("unit.failed", "getty@tty1.service"): 0,
            ("unit.active", "c.timer"): 1, ("unit.failed", "c.timer"): 0,
            ("unit.active", "gone.service"): 0, ("unit.failed", "gone.service"): 0})
        self.assertIn(("a.service", "Service", "NRestarts"), bus.asked)
        self.assertIn(("a.service", "Unit", "StateChangeTimestampMonotonic"), bus.asked)
        self.assertNotIn("c.timer", {unit for unit, _, name in bus.asked if name != "StateChangeTimestampMonotonic"})

    def test_another_name_of_a_unit(self):
        bus = Bus(self, self.UNITS, {("sshd@1.service", "ActiveState"): ("s", "active"), ("sshd@1.service", "NRestarts"): ("u", 2),
                                     ("odd.service", "ActiveState"): ("u", 1)})
        got, err = self.look(bus, "sshd@1.service", "odd.service", "no.service", code=1)
        self.assertEqual({k: v for k, v in got.items() if k[0] != "units"}, {
            ("unit.active", "sshd@1.service"): 1, ("unit.failed", "sshd@1.service"): 0, ("unit.restarts", "sshd@1.service"): 2})
        self.assertEqual(err, "systemd-units: odd.service: systemd does not say its state: No such device or address (and 1 more)\n")
        self.assertEqual(self.look(bus, "no.service", code=1)[1], "systemd-units: no.service: systemd does not say its state: no such thing\n")
        got, err = self.look(Bus(self, self.UNITS, hang="ActiveState"), "--timeout", "300ms", "sshd.service", "a.service", code=1)
        self.assertNotIn(("unit.active", "sshd.service"), got)  # it is not known
        self.assertEqual(got["unit.active", "a.service"], 1)

    def test_not_too_many(self):
        got, err = self.look(Bus(self, [(f"u{i}.service", "active") for i in range(1000)]), "--timeout", "20s", "*", code=1)
        self.assertEqual(got["units", "active"], 1000)
        self.assertEqual(len([k for k in got if k[0] == "unit.active"]), 256)
        self.assertIn("more than 256 units are chosen: what is beyond is left out\n", err)

    def test_what_does_not_answer(self):
        for at in ("connect", "hello", "ListUnits", "MemoryCurrent"):
            with self.subTest(at=at):
                begin = time.monotonic()
                got, err = self.look(Bus(self, self.UNITS, hang=at), "--timeout", "300ms", "a.service", code=1)
                self.assertEqual(err, "systemd-units: the system bus: no answer within --timeout 300ms\n")
                self.assertLess(time.monotonic() - begin, PATIENCE / 2)
                self.assertEqual(("unit.active", "a.service") in got, at == "MemoryCurrent")

    def test_nobody_there(self):
        folder = tempfile.mkdtemp(prefix="garnet-")
        self.addCleanup(shutil.rmtree, folder)
        got, err = self.look(folder + "/none", code=1)
        self.assertEqual((got, err), ({}, "systemd-units: the system bus: No such file or directory: does systemd run this host?\n"))
        with socket.socket(socket.AF_UNIX) as s:
            s.bind(folder + "/dead")
        self.assertIn("Connection refused", self.look(folder + "/dead", code=1)[1])

    def test_wrong_answers(self):
        for answer, words in ((lambda serial, to: message(3, serial, to, UNKNOWN, Out().s("not here").b), "does not list its units: not here"),
                              (lambda serial, to: message(2, serial, to, "s", Out().s("x").b), "cannot be read"),
                              (lambda serial, to: message(2, serial, to, "a(ssss)", Out().u(0).align(8).b), "cannot be read"),
                              (lambda serial, to: b"\xff" * 100, "the system bus: "),
                              (lambda serial, to: message(2, serial, to, "a(ssssssouso)", Out().units(self.UNITS).b)[:-100] + bytes(100),
                               "system"),
                              (lambda serial, to: b"l\2\1\1\xff\xff\xff\x7f" + bytes(8), "the system bus: ")):
            got, err = self.look(Bus(self, instead={"ListUnits": answer}), "--timeout", "1s", code=1)
            self.assertEqual(got, {})
            self.assertIn(words, err)

    def test_names_that_are_hostile(self):
        name = "a\x1b\n\u00e9 \\x2d.service"
        got, err = self.look(Bus(self, [(name, "failed")]))
        self.assertEqual(got["unit.failed", "$'a\\x1b\\n\u00e9 \\\\x2d.service'"], 1)

    def test_wrong_usage(self):
        for args, words in ((("cron",), "give its kind, too, as in cron.service"), (("[",), "has a [ without its ]"),
                            (("--timeout", "1"), "has no unit")):
            self.assertIn(words, self.look("/none", *args, code=2)[1])


if __name__ == "__main__":
    main()
