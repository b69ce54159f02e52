"""One user floods the shared socket while every receiver is away: what all others have sent is delivered all the same."""
import sys

from harness import *

FLOODER = r"""
import json, socket, sys
line = b'{"name":"flood","value":%d,"time":1700000000}\n'
accepted = 0
for at in range(0, int(sys.argv[2]), 10000):
    s = socket.socket(socket.AF_UNIX)
    s.connect(sys.argv[1])
    s.sendall(b"".join(line % i for i in range(at, at + 10000)))
    s.shutdown(socket.SHUT_WR)
    reply = json.loads(s.makefile().read())
    accepted += reply["accepted"]
    assert reply["accepted"] + reply["rejected"] == 10000, reply
    for e in reply["errors"]:
        assert e["error"].startswith("more than the 1000 metrics a second that user "), e
print(accepted)
"""
CONFIG = "self_metrics: 1s\nspool: {dir: spool, max_size: 16MiB}\nintake: {per_user: {metrics: 1000}}\n"
N = 500_000  # each some 50 bytes in the spool: several times what that holds


class PerUser(unittest.TestCase):
    def flood(self, d, **who):
        began = time.monotonic()
        r = subprocess.run([sys.executable, "-c", FLOODER, d.socket_path, str(N)], capture_output=True, text=True,
                           timeout=10 * PATIENCE, **who)
        self.assertEqual(r.returncode, 0, r.stderr)
        self.assertLessEqual(int(r.stdout), 1000 * (10 + time.monotonic() - began) + 1)
        self.assertGreaterEqual(int(r.stdout), 10_000)
        return int(r.stdout)

    def test_a_flood_and_others(self):
        needs_others(self, 65534)
        receiver = Receiver(start=False)
        self.addCleanup(receiver.stop)
        d = Daemon(self, "socket: {path: run/garnet.sock, mode: '0666'}\n" + CONFIG + "sinks:\n" +
                   graphite_sink("main", f"tcp://127.0.0.1:{receiver.port}"), {"own": "command: [/bin/true]\ninterval: 1d\n"},
                   start=False)
        os.chmod(d.dir, 0o755)
        d.start()
        self.assertEqual(d.send('{"name":"before","value":1}')["accepted"], 1)
        taken = self.flood(d, user=65534, group=65534, extra_groups=[])
        text = "".join(f'{{"name":"mine","value":{i},"time":1700000000}}\n' for i in range(5000))
        self.assertEqual(d.send(text)["accepted"], 5000)
        many = text.replace("mine", "own") * 10  # a collector's own socket has limits of its own
        self.assertEqual(d.send(many, "own")["accepted"], 50_000)
        receiver.start()
        wait_for("all of it", lambda: receiver.data.count(b"testhost.own ") >= 50_000, 3 * PATIENCE)
        self.assertEqual([receiver.data.count(b"testhost.%s " % x) for x in (b"before", b"mine", b"flood")],
                         [1, 5000, taken])
        self.assertEqual(d.log().count("what is more than the 1000 metrics a second that user 65534 may send is refused"), 1)
        self.assertNotIn("uid 65534: ", d.log())  # each refusal would fill it
        refused = b"testhost.garnet.intake.limited.65534.metrics "
        wait_for("they are counted", lambda: refused + b"%d " % (N - taken) in receiver.data)
        self.assertEqual(receiver.data.split(refused, 1)[1].split()[0], b"0", "a counter begins with nothing")
        wait_for("its end is logged", lambda: re.search(
            f"nothing of user 65534 is refused any more for intake.per_user.metrics: it was {N - taken} metrics", d.log()),
            2 * PATIENCE)

    def test_the_defaults(self):
        """What a large host's own agent sends is below them, and what a loop that has run wild sends is not."""
        d = Daemon(self, "self_metrics: 0\nintake: {}\nsinks: []\n")
        text = "".join(f'{{"name":"container.cpu","value":{i},"tags":{{"id":"{i:032x}"}}}}\n' for i in range(11_000))
        for _ in range(2):
            self.assertEqual(d.send(text)["rejected"], 0)
        reply = {"rejected": 0}
        deadline = time.monotonic() + PATIENCE
        while not reply["rejected"] and time.monotonic() < deadline:
            reply = d.send(text)
        self.assertIn("that user %d may send: send less, or raise intake.per_user." % os.getuid(), reply["errors"][0]["error"])


if __name__ == "__main__":
    main()
