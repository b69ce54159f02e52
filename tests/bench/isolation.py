#!/usr/bin/python3
"""What three bad sinks cost a healthy one and intake: one whose receiver is stopped, one whose receiver reads 1 KB/s,
one whose plugin crashes. The healthy sink's delay (stamped by the sender in the value, seen by the receiver) and the
time until intake answers, with and without the three, in rounds that take turns; then how far the RSS of each process
grows over METRICS queued ones. Reported, never asserted.

Run: GARNET_BUILD=build/release GARNET_SOURCE=. tests/bench/isolation.py [METRICS] [ROUNDS] [SECONDS]
METRICS 1,000,000 if left out; the delays are a batch's age (`flush`, FLUSH here) at most, and the rest of the road.
"""
import os
import statistics
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../scenario"))
from harness import *
from peers import Peer
from stamped import Stamped, quantile

METRICS, ROUNDS, SECONDS = [int(sys.argv.pop(1)) if len(sys.argv) > 1 else n for n in (1_000_000, 7, 5)]
RATE, EACH = 2000, 10  # metrics a second, and in one write
FLUSH = "20ms"


class Bench(unittest.TestCase):
    def begin(self, bad, more=""):
        """A daemon with the healthy sink and, if so, with the bad ones; and the healthy one's receiver."""
        d = Daemon(self, "sinks: []\n", start=False)
        receiver = Stamped(self)
        port = receiver.port
        sinks = f"  - {{name: healthy, plugin: graphite, to: 'tcp://127.0.0.1:{port}', flush: {FLUSH}}}\n"
        peers = [Peer(self, d, name) for name in (("stopped", "slow") if bad else ())]
        for p in peers:
            p.args = ["1000" if p.name == "slow" else "0", "--buffer=4096"]
            p.start()
            sinks += f"  - {{name: {p.name}, plugin: graphite, to: 'tcp://127.0.0.1:{p.port}', flush: {FLUSH}}}\n"
        if bad:
            sinks += (f"  - {{name: crashing, plugin: {BUILD}/tests/plugins/poison.so, "
                      f"to: 'tcp://127.0.0.1:{port}', flush: {FLUSH}}}\n")
            peers[0].signal(signal.SIGSTOP)
        d.configure(f"self_metrics: 0\n{more}shutdown_timeout: 1s\nsinks:\n{sinks}")
        d.start()
        return d, receiver

    def one(self, bad):
        """A round: the healthy sink's delays and intake's answers, in ms."""
        d, receiver = self.begin(bad)
        answers, began = [], time.monotonic()
        with d.connect() as s:
            for i in range(SECONDS * RATE // EACH):
                while time.monotonic() < began + i * EACH / RATE:
                    time.sleep(0.0005)
                s.sendall("".join(f'{{"name":"stamp","value":{time.monotonic_ns()},"time":1700000000}}\n'
                                  for _ in range(EACH)).encode())
                if i % 20 == 0:  # ten a second; and as often something to crash of
                    asked = time.monotonic()
                    assert d.send('{"name":"bench.segv","value":1}')["accepted"] == 1
                    answers.append((time.monotonic() - asked) * 1e3)
            s.shutdown(socket.SHUT_WR)
            assert read_reply(s)["accepted"] == SECONDS * RATE
        time.sleep(0.5)  # the last ones arrive
        delays = receiver.delays()
        assert len(delays) >= SECONDS * RATE, len(delays)
        crashes = d.log().count("sink crashing")
        d.terminate()
        return delays, answers, crashes

    def test_delays(self):
        rows = {False: [], True: []}
        for i in range(2 * ROUNDS):
            rows[i % 2 == 1].append(self.one(i % 2 == 1))
        print(f"\n{RATE} metrics/s, flush {FLUSH}, {ROUNDS} rounds of {SECONDS} s each way, in turns; ms, medians of "
              "the rounds")
        print(f"{'':24}{'delay p50':>10}{'p99':>8}{'max':>8}   {'answer p50':>10}{'p99':>8}{'max':>8}")
        table = {}
        for bad, name in ((False, "the healthy one alone"), (True, "with the three bad ones")):
            cells = [[quantile(r[k], q) for k in (0, 1) for q in (0.5, 0.99, 1)] for r in rows[bad]]
            table[bad] = [statistics.median(c) for c in zip(*cells)]
            a = table[bad]
            print(f"{name:24}{a[0]:10.1f}{a[1]:8.1f}{a[2]:8.1f}   {a[3]:10.2f}{a[4]:8.2f}{a[5]:8.2f}")
        print(f"{'moved by':24}" + "".join(
            f"{(b - a) / a * 100:{w - 1}.1f}%" + gap for a, b, w, gap in zip(
                table[False], table[True], (10, 8, 8, 10, 8, 8), ("", "", "   ", "", "", ""))))
        print(f"lines in the log about the crashing one: {sum(r[2] for r in rows[True])}")

    def test_memory(self):
        d, receiver = self.begin(True, "spool: {dir: spool, max_size: 64GiB}\n")
        d.send('{"name":"stamp","value":1}')
        pids = {"garnetd": d.process.pid, **{n: d.worker(n) for n in ("healthy", "stopped", "slow")}}
        chunk = 10_000
        block = "".join(f'{{"name":"seq","value":{i},"time":1700000000}}\n' for i in range(chunk)).encode()
        assert d.send(block)["accepted"] == chunk
        time.sleep(1)  # all have seen their first batches
        before = {n: rss_kib(p) for n, p in pids.items()}
        most, began = dict(before), time.monotonic()
        for i in range(METRICS // chunk):
            assert d.send(block)["accepted"] == chunk
            if i % 10 == 0:
                most = {n: max(most[n], rss_kib(p)) for n, p in pids.items()}
        most = {n: max(most[n], rss_kib(p)) for n, p in pids.items()}
        print(f"\n{METRICS} metrics queued in {time.monotonic() - began:.0f} s; RSS in KiB before, most, growth")
        for n in pids:
            print(f"{n:10}{before[n]:8}{most[n]:8}{most[n] - before[n]:8}")
        d.terminate()
        print("still queued: " + ", ".join(f"{n} {row['queued']}" for n, row in d.verify().items()))


if __name__ == "__main__":
    unittest.main(verbosity=0)
