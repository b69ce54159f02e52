"""Hostile input on a real socket: the next line is accepted, memory stays bounded, and others do not wait."""
import random
import time

from harness import *

GOOD = b'{"name":"good","value":1}\n'
BAD = {
    "not JSON": b"hello, world\n",
    "truncated": b'{"name":"a","value":1\n',
    "in a string": b'{"name":"a\n',
    "deep": b'{"name":' + b"[" * 100_000 + b"\n",
    "NaN": b'{"name":"a","value":NaN}\n',
    "1e400": b'{"name":"a","value":1e400}\n',
    "2^64": b'{"name":"a","value":18446744073709551616}\n',
    "NUL": b'{"name":"a\0b","value":1}\n',
    "invalid UTF-8": b'{"name":"a\xff\xfe","value":1}\n',
    "newline in a name": b'{"name":"a\\nb","value":1}\n',
    "newline in a tag": b'{"name":"a","value":1,"tags":{"k":"a\\nb"}}\n',
    "milliseconds": b'{"name":"a","value":1,"time":1700000000000}\n',
    "string value": b'{"name":"a","value":"1"}\n',
}


class Hostile(unittest.TestCase):
    def setUp(self):
        self.d = Daemon(self, "self_metrics: 0\nintake: {max_connections_per_user: 1000}\nsinks:\n" + graphite_sink("main", "file:out.txt"))

    def test_each_costs_only_itself(self):
        for what, bad in BAD.items():
            with self.subTest(what):
                reply = self.d.send(GOOD + bad + GOOD)
                self.assertEqual(reply["accepted"], 2)
                self.assertGreaterEqual(reply["rejected"], 1)
                first = reply["errors"][0]
                self.assertIn(first["line"], (2, 3))  # a truncated object is found out at what follows it
                self.assertTrue(first["byte"] >= 1 and first["error"])
        n = 2 * len(BAD)
        wait_for("all good ones", lambda: len(self.d.file_lines("out.txt")) == n)
        self.assertEqual({x.split(" ")[0] for x in self.d.file_lines("out.txt")}, {"testhost.good"})

    def test_exact_integers(self):
        numbers = ["18446744073709551615", "9223372036854775808", "-9223372036854775808", "9007199254740993"]
        self.assertEqual(self.d.send("".join(f'{{"name":"n","value":{n}}}\n' for n in numbers))["accepted"], 4)
        wait_for("all", lambda: [x.split(" ")[1] for x in self.d.file_lines("out.txt")] == numbers)

    def test_a_64_mib_line_in_bounded_memory(self):
        self.d.send(GOOD)
        before = rss_kib(self.d.process.pid)
        with self.d.connect() as s:
            s.sendall(b'{"name":"')
            for _ in range(64):
                s.sendall(b"x" * (1 << 20))
            s.sendall(b'"}\n' + GOOD)
            s.shutdown(socket.SHUT_WR)
            reply = read_reply(s)
        self.assertEqual((reply["accepted"], reply["rejected"]), (1, 1))
        growth = rss_kib(self.d.process.pid) - before
        print(f"RSS grew by {growth} KiB")
        if not SANITIZED:
            self.assertLess(growth, 1024)

    def test_others_are_served_beside_a_flood(self):
        stop = threading.Event()

        def flood():
            with self.d.connect() as s:
                junk = random.Random(1).randbytes(1 << 20)
                while not stop.is_set():
                    try:
                        s.sendall(junk)
                    except OSError:
                        return
        threads = [threading.Thread(target=flood) for _ in range(3)]
        for t in threads:
            t.start()
        try:
            slowest = 0
            for _ in range(50):
                began = time.monotonic()
                self.assertEqual(self.d.send(GOOD)["accepted"], 1)
                slowest = max(slowest, time.monotonic() - began)
            print(f"slowest reply beside three floods: {slowest * 1e3:.1f} ms")
        finally:
            stop.set()
            for t in threads:
                t.join()

    def test_too_many_connections(self):
        held = []
        for _ in range(512):
            held.append(self.d.connect())
        for s in held:
            s.sendall(b'{"name":"held","value":1}\n{"ack":true}\n{"name":')
            self.assertEqual(read_reply(s)["accepted"], 1)
        held[0].sendall(b'"still here","value":1}\n{"ack":true}\n')
        self.assertEqual(read_reply(held[0])["accepted"], 1)
        self.assertEqual(self.d.send(GOOD)["accepted"], 1)  # as the 513th
        reply = read_reply(held[1])
        self.assertRegex(reply["errors"][0]["error"],
                         "^silent for .*, and there are too many connections: connect again$")
        self.assertEqual((reply["accepted"], reply["rejected"]), (0, 1))  # the unfinished one
        self.assertEqual(held[1].recv(1), b"")
        for s in held[:1] + held[2:]:
            s.sendall(b'{"ack":true}\n' if s is held[0] else b'"again","value":1}\n{"ack":true}\n')
            self.assertEqual(read_reply(s)["errors"], [])
        self.assertEqual(self.d.log().count("too many connections: connect again"), 1)
        for s in held:
            s.close()

    def test_collectors_have_places_of_their_own(self):
        """Whatever the shared socket is full of, and a collector's own of what is silent."""
        self.d.configure("self_metrics: 0\nintake: {max_connections: 8, max_connections_per_user: 8, idle: 200ms}\n"
                         "sinks:\n" + graphite_sink("main", "file:out.txt"))
        self.d.collector("c", "command: [/bin/sh, -c, exec sleep 1000]\nmode: daemon\ninterval: 1s\n")
        self.d.hup()
        held = [self.d.connect() for _ in range(8)]
        for s in held:
            s.sendall(b'{"ack":true}\n')
            self.assertEqual(read_reply(s)["errors"], [])
        silent = [self.d.connect("c") for _ in range(8)]
        for s in silent:
            s.sendall(b'{"ack":true}\n')
            self.assertEqual(read_reply(s)["errors"], [])

        def gets_in():
            try:
                return self.d.send(GOOD, "c")["accepted"] == 1
            except OSError:  # refused before it had sent
                return False
        wait_for("they are silent for long enough", gets_in)
        self.assertIn("there are too many connections", read_reply(silent[0])["errors"][0]["error"])
        self.d.wait_log("collector c: closed: silent for")
        for s in held + silent:
            s.close()


if __name__ == "__main__":
    main()
