"""Real receivers and proxies that end with unread data, or lie about it: everything sent is at the successor.

One garnetd with a sink for each of them and one load for all; while it runs each peer in turn is stopped for a moment
and then ended. What has arrived is judged by what the peer, or the one behind it, has written.
"""
import random

from harness import *
from peers import *

CONFIRM = ", confirm: {every: 1s, bytes: 64KiB, replay: 20s}"  # longer than any machine has a peer stopped
RATE = 3000  # metrics a second
ROWS = {  # name: the peer, and whether it is in the short form
    "carbon-cache": (CarbonCache, True),
    "carbon-c-relay": (CarbonRelay, True),
    "haproxy": (Haproxy, True),
    "nginx": (Nginx, True),
    "nginx-early-fin": (NginxEarly, True),
    "socat": (Socat, True),
    "socat-to-a-file": (SocatFile, False),
    "ncat-closed-input": (Ncat, True),
    "syslog-ng": (SyslogNg, True),
}


class Receivers(unittest.TestCase):
    def setUp(self):
        self.random = random.Random(5)
        self.d = Daemon(self, "sinks: []\n", start=False)
        self.peers = []
        for name, (kind, short) in ROWS.items():
            missing = [p for p in kind.programs if not found(p)]
            if kind.__name__.startswith("Nginx") and not os.path.exists(kind.module):
                missing.append(kind.module)
            if missing:
                print(f"left out, since {missing[0]} is not installed: {name}")
            elif short or LONG:
                self.peers.append(kind(self, self.d, name))
        if not self.peers:
            self.skipTest("none of the receivers is installed")

    def test_all_that_was_sent_is_at_the_successor(self):
        d = self.d
        for p in self.peers:
            p.start()
        d.configure("self_metrics: 0\nsinks:\n" + "".join(
            graphite_sink(p.name, f"tcp://127.0.0.1:{p.port}", CONFIRM) for p in self.peers))
        d.start()
        self.addCleanup(lambda: d.process.poll() is None and d.terminate())  # while its peers are there
        load = Load(d, RATE)
        self.addCleanup(load.stop)
        wait_for("some load", lambda: load.sent > RATE)
        for n in range(2 if not LONG else 6):
            for p in self.random.sample(self.peers, len(self.peers)):
                if n < len(p.signals) or LONG:
                    p.hurt(p.signals[n % len(p.signals)])
        wait_for("load after the last", lambda n=load.sent: load.sent > n + RATE // 2)
        sent = load.stop()
        lost = []
        for p in self.peers:
            began = time.monotonic()
            try:
                wait_for(f"everything is at {p.name}", lambda: p.numbers() >= set(range(sent)))
            except AssertionError:
                missing = sorted(set(range(sent)) - p.numbers())
                lost.append(f"{p.name}: {len(missing)} missing, {missing[0]}..{missing[-1]}")
            print(f"{p.name}: {sent} sent, {p.lines} arrived, all of them "
                  f"{time.monotonic() - began:.1f} s after the one before")
        self.assertEqual(lost, [])


if __name__ == "__main__":
    main()
