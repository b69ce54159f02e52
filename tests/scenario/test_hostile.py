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
            s.sendall(b'{"ack":true}\n')
            self.assertEqual(read_reply(s)["accepted"], 0)
        with self.d.connect() as one_more:
            self.assertIn("too many connections", read_reply(one_more)["errors"][0]["error"])
            self.assertEqual(one_more.recv(1), b"")
        held.pop().close()
        wait_for("a place is free again", lambda: (self.d.send(GOOD) or {}).get("accepted") == 1)
        for s in held:
            s.close()


if __name__ == "__main__":
    main()
