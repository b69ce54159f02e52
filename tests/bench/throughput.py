#!/usr/bin/python3
"""Metrics per second and CPU seconds per million, socket to a TCP reader, for 1 and 4 connections; PSS of all of
Garnet's processes, idle and at the peak. Reported, never asserted. Run: GARNET_BUILD=build/release
GARNET_SOURCE=. tests/bench/throughput.py [METRICS]
"""
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../scenario"))
from harness import *

COUNT = int(sys.argv.pop(1)) if len(sys.argv) > 1 else 1_000_000
ROUNDS = 5
LINE = ('{"name":"cpu.user","value":%d.5,"time":1700000000.25,"type":"gauge","unit":"%%",'
        '"tags":{"cpu":"%d"},"meta":{"agent":"cpu.py"}}\n')


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat") as f:
        fields = f.read().rsplit(") ", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def pss_kib(pid):
    with open(f"/proc/{pid}/smaps_rollup") as f:
        for line in f:
            if line.startswith("Pss:"):
                return int(line.split()[1])
    return 0


def names(pids):
    out = {}
    for pid in pids:
        with open(f"/proc/{pid}/comm") as f:
            out[pid] = f.read().strip()
    return out


class Bench(unittest.TestCase):
    def test_throughput(self):
        receiver = Receiver()
        self.addCleanup(receiver.stop)
        d = Daemon(self, "self_metrics: 0\nspool: {dir: spool, max_size: 4GiB}\nsinks:\n" +
                   graphite_sink("main", f"tcp://127.0.0.1:{receiver.port}"))
        d.send(LINE % (0, 0))
        wait_for("warm", lambda: receiver.data)
        pids = [d.process.pid] + [p for p, _ in d.left() if p != d.process.pid]
        print("\nPSS idle: " + ", ".join(f"{n} {pss_kib(p)} KiB" for p, n in names(pids).items()))
        block = "".join(LINE % (i % 100, i % 8) for i in range(10_000)).encode()
        print(f"{len(block) / 10_000:.0f} bytes a metric, {COUNT} metrics a round, {ROUNDS} rounds")
        for connections in (1, 4):
            rows = sorted(self.one(d, receiver, pids, block, connections) for _ in range(ROUNDS))
            intake, all_out, cpu, peak = rows[len(rows) // 2]
            print(f"{connections} connections: accepted {intake / 1e3:.0f} k/s, delivered {all_out / 1e3:.0f} k/s, "
                  f"{cpu:.2f} CPU s per million, PSS at the peak {peak} KiB  (median of {ROUNDS})")

    def one(self, d, receiver, pids, block, connections):
        start_bytes, each = receiver.data.count(b"\n"), COUNT // connections
        cpu = sum(map(cpu_seconds, pids))
        peak = [0]
        began = time.monotonic()

        def send():
            with d.connect() as s:
                for _ in range(each // 10_000):
                    s.sendall(block)
                    peak[0] = max(peak[0], sum(map(pss_kib, pids)))
                s.shutdown(socket.SHUT_WR)
                assert read_reply(s)["accepted"] == each // 10_000 * 10_000
        threads = [threading.Thread(target=send) for _ in range(connections)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        accepted = time.monotonic() - began
        n = each // 10_000 * 10_000 * connections
        wait_for("all delivered", lambda: receiver.data.count(b"\n") - start_bytes >= n, 300)
        delivered = time.monotonic() - began
        receiver.data.clear()
        return (n / accepted, n / delivered, (sum(map(cpu_seconds, pids)) - cpu) / n * 1e6, peak[0])


if __name__ == "__main__":
    unittest.main(verbosity=0)
