"""What networks do: silence, resets, hosts that vanish, peers that are stopped or slow, names that fail and change.

One garnetd with a sink for each of these, all at once, in network namespaces. A dead peer is noticed within 10 s and
a stalled one is said to be within 30 s; nothing accepted is lost at the receivers, a healthy sink delivers all
the time, and intake never waits.
"""
import struct

from harness import *
import netns
from peers import *

RATE = 1000  # metrics a second
DEAD, STALLED = 10.0, 30.0  # seconds: promised
SLACK = 1.5 if not SANITIZED else 5.0
CONFIRM = ", confirm: {every: 1s, bytes: 64KiB, replay: 5s}"
RESTARTS = 60 if LONG else 10


class Names(threading.Thread):
    """A name server: one address for every question, or SERVFAIL while it has none."""

    def __init__(self):
        super().__init__(daemon=True)
        self.address, self.asked = None, 0
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 53))
        self.start()

    def run(self):
        while True:
            try:
                question, peer = self.socket.recvfrom(512)
                if not question:
                    return
                self.asked += 1
                self.socket.sendto(self.answer(question), peer)
            except OSError:
                return

    def answer(self, q):
        end = q.index(b"\0", 12) + 5  # of the one question
        kind = struct.unpack(">H", q[end - 4:end - 2])[0]
        is_a, code = self.address is not None and kind == 1, 0 if self.address else 2
        head = q[:2] + struct.pack(">HHHHH", 0x8180 | code, 1, 1 if is_a else 0, 0, 0)
        row = b"\xc0\x0c" + struct.pack(">HHIH", 1, 1, 0, 4) + socket.inet_aton(self.address) if is_a else b""
        return head + q[12:end] + row


class Network(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        netns.enter()

    def setUp(self):
        self.d = Daemon(self, "sinks: []\n", start=False)
        self.names = Names()
        self.addCleanup(self.names.socket.close)
        netns.resolver(self.d.path("resolv.conf"), "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")
        self.addCleanup(netns.run, "umount", "/etc/resolv.conf")
        self.hosts, self.peers, self.to = {}, {}, {}

    def peer(self, name, *args, far=True):
        """A receiver on a host of its own; its sink is to be made by start()."""
        p = Peer(self, self.d, name)
        if far:
            h = self.hosts[name] = netns.Host(self, len(self.hosts) + 1)
            p.address, p.within = h.address, h.within()
        p.args = [*args, f"--bind={p.address}"]
        p.start()
        self.peers[name] = p
        self.to[name] = f"tcp://{p.address}:{p.port}"
        return p

    def start(self):
        self.d.configure("self_metrics: 0\nsinks:\n" + "".join(
            graphite_sink(name, to, CONFIRM) for name, to in self.to.items()))
        self.d.start()
        self.addCleanup(lambda: self.d.process.poll() is None and self.d.terminate())

    def said(self, name, text, since=0):
        return [x for x in self.d.log()[since:].splitlines() if f"{self.to[name]}" in x and re.search(text, x)]

    def seconds_until_said(self, rows, timeout):
        """{sink: seconds from now until the log has the text}, for all of them at once."""
        began, mark, out = time.monotonic(), self.d.log_size(), {}

        def look():
            for name, text in rows.items():
                if name not in out and self.said(name, text, mark):
                    out[name] = time.monotonic() - began
            return len(out) == len(rows)
        try:
            wait_for("said", look, timeout)
        except AssertionError:
            raise AssertionError(f"not said within {timeout:g} s: {set(rows) - set(out)}") from None
        return out

    def watch_healthy(self, load):
        """How far the healthy sink was ever behind, in metrics."""
        self.behind, stop = 0, threading.Event()

        def watch():
            while not stop.wait(0.2):
                sent = load.sent
                stop.wait(1.0)
                self.behind = max(self.behind, sent - len(self.peers["healthy"].numbers()))
        t = threading.Thread(target=watch, daemon=True)
        t.start()

        def end():
            stop.set()
            t.join()
        return end

    def restart_each_second(self, peer, done):
        for _ in range(RESTARTS):
            if done.wait(1.0):
                return
            peer.end(signal.SIGKILL)
            peer.start()

    def assert_all_arrived(self, sent, together=()):
        everything, lost = set(range(sent)), []
        for name in self.to:
            peers = [self.peers[n] for n in (together if name in together else [name])]

            def got():
                return set().union(*(p.numbers() for p in peers))
            try:
                wait_for(name, lambda: got() >= everything)
            except AssertionError:
                missing = sorted(everything - got())
                lost.append(f"{name}: {len(missing)}, {missing[0]}..{missing[-1]}")
        self.assertEqual(lost, [])

    def with_nothing_to_send(self, peer):
        """A garnetd of its own, whose only metric has been confirmed and whose connection is idle."""
        d = Daemon(self, "self_metrics: 0\nsinks:\n" + graphite_sink("idle", self.to["idle"], CONFIRM))
        d.send('{"name":"idle","value":1}')
        wait_for("it arrives", lambda: self.d.file_lines("idle/received"))
        wait_for("it is confirmed", lambda: d.verify()["idle"]["confirmed"] == 1)
        return d

    def test_all_at_once(self):
        p = {name: self.peer(name) for name in ("cable", "mute", "reset", "vanished", "named")}
        self.peer("healthy", far=False)
        restarted = self.peer("restarted", far=False)
        zombie = self.peer("zombie", "0", "--buffer=4096")
        slow = self.peer("slow", "1000", "--buffer=4096")
        other = self.peer("other")
        idle = self.with_nothing_to_send(self.peer("idle"))
        del self.to["other"], self.to["idle"]
        self.to["named"] = f"tcp://receiver.test:{p['named'].port}"
        other.end(signal.SIGKILL)
        other.port = p["named"].port
        self.start()
        load = Load(self.d, RATE)
        self.addCleanup(load.stop)
        end_watch = self.watch_healthy(load)
        self.addCleanup(end_watch)

        wait_for("asked for a name in vain", lambda: self.said("named", "cannot look up"))
        self.names.address = p["named"].address
        wait_for("the name is known", lambda: len(p["named"].numbers()) > RATE)
        wait_for("load", lambda: load.sent > 2 * RATE)

        done = threading.Event()
        restarts = threading.Thread(target=self.restart_each_second, args=(restarted, done))
        zombie.signal(signal.SIGSTOP)
        began = time.monotonic()
        self.hosts["cable"].cable("down")
        self.hosts["mute"].mute()
        self.hosts["idle"].cable("down")
        p["vanished"].signal(signal.SIGSTOP)
        self.hosts["vanished"].cable("down")
        p["vanished"].end(signal.SIGKILL)  # its FIN and its resets do not get out
        self.hosts["reset"].run("ss", "-K", "state", "established", "sport", "=",
                               f":{p['reset'].port}")
        other.start()
        p["named"].end(signal.SIGKILL)
        self.names.address = other.address
        restarts.start()

        # Which of the two depends on whether bytes were under way just then: it is the kernel's keepalive else.
        gone = "acknowledged nothing|Connection timed out"
        took = self.seconds_until_said({n: gone for n in ("cable", "mute", "vanished")}, 20)
        print("\nnoticed after: " + ", ".join(f"{n} {s:.1f} s" for n, s in took.items()))
        self.assertLess(max(took.values()), DEAD + SLACK)
        idle.wait_log("timed out", timeout=max(0.1, began + DEAD + SLACK - time.monotonic()))
        self.assertTrue(self.said("reset", "broke"))
        self.hosts["cable"].cable("up")
        self.hosts["idle"].cable("up")
        self.hosts["mute"].unmute()
        self.hosts["vanished"].vanish()
        self.hosts["vanished"].begin()
        p["vanished"].within = self.hosts["vanished"].within()
        p["vanished"].start()

        wait_for("the stopped one is flagged", lambda: self.said("zombie", "stalled"), STALLED)
        print(f"flagged as stalled after {time.monotonic() - began:.1f} s")
        self.assertLess(time.monotonic() - began, STALLED)
        zombie.signal(signal.SIGCONT)
        restarts.join()
        restarted.end(signal.SIGKILL)
        restarted.start()  # by a thread that stays, since what it starts ends with it
        slow.args = slow.args[1:]
        slow.end(signal.SIGKILL)
        print(f"at 1 KB/s {len(slow.numbers())} of {load.sent} metrics had arrived, in {slow.lines} lines")
        slow.start()
        sent = load.stop()
        end_watch()
        idle.send('{"name":"idle","value":2}')
        wait_for("the idle one gets on", lambda: [x for x in self.d.file_lines("idle/received") if " 2 " in x])
        self.peers["named"], self.to["other"] = p["named"], self.to["named"]
        self.assert_all_arrived(sent, ("named", "other"))
        print(f"{sent} metrics; healthy never more than {self.behind} metrics behind those of a second ago; "
              f"slowest answer of intake {load.slowest * 1e3:.0f} ms")
        self.assertLessEqual(self.behind, RATE)
        self.assertLess(load.slowest, 5)  # to wait for one of the peers would take longer; a busy machine may take 2 s


if __name__ == "__main__":
    main()
