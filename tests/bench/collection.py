#!/usr/bin/python3
"""What it costs to measure a host each second: Garnet's default set with garnetd and a sink, collectd with the plugins for the same and
write_graphite, node_exporter scraped each second, and Netdata where it is there. Rounds of each take turns. CPU in % of a core and
PSS in MiB are of all processes of each; who scrapes or receives is nobody's. Reported, never asserted.

Run: GARNET_BUILD=build/release GARNET_SOURCE=. tests/bench/collection.py [SECONDS] [ROUNDS]
"""
import contextlib
import os
import statistics
import sys
import tempfile
import time
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../scenario"))
import peers
from harness import *
from load import Tally, cpu_seconds, died_with_us, family, pss_kib

SECONDS, ROUNDS = [int(sys.argv.pop(1)) if len(sys.argv) > 1 else n for n in (30, 3)]
COLLECTORS = os.path.join(BUILD, "collectors")


def started(argv):
    return subprocess.Popen(died_with_us(argv), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


class Bench(unittest.TestCase):
    @contextlib.contextmanager
    def garnet(self):
        tally = Tally(self.folder)
        d = Daemon(self, "sinks:\n" + graphite_sink("main", f"tcp://127.0.0.1:{tally.port}"), start=False, collectors={
            name: f"command: [{COLLECTORS}/{name}, --every, 1s]\nmode: daemon\ninterval: 1s\n" for name in ("host", "filesystems")})
        d.start()
        yield d.process.pid, lambda: tally.lines
        d.terminate()
        tally.stop()

    @contextlib.contextmanager
    def collectd(self):
        tally = Tally(self.folder)
        p = started(peers.collectd(self.folder, tally.port, more=["df"]))
        yield p.pid, lambda: tally.lines
        p.kill()
        p.wait()
        tally.stop()

    @contextlib.contextmanager
    def node_exporter(self):
        port, seen, ending = free_port(), [0], threading.Event()
        p = started([peers.found("prometheus-node-exporter"), f"--web.listen-address=127.0.0.1:{port}"])
        wait_for("node_exporter", lambda: peers.listens("127.0.0.1", port))

        def scrape():
            while not ending.wait(1 - time.time() % 1):
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=PATIENCE) as answer:
                    seen[0] += sum(1 for line in answer if not line.startswith(b"#"))
        thread = threading.Thread(target=scrape)
        thread.start()
        yield p.pid, lambda: seen[0]
        ending.set()
        thread.join()
        p.kill()
        p.wait()

    @contextlib.contextmanager
    def netdata(self):
        p = started([peers.found("netdata"), "-D"])
        yield p.pid, lambda: 0
        p.kill()
        p.wait()

    def one_round(self, contestant):
        """Series, % of a core, MiB."""
        with contestant() as (pid, count):
            time.sleep(5)  # it has come to its pace, which is what is measured: no condition says so
            before, lines, begin = {p: cpu_seconds(p) for p in family(pid)}, count(), time.monotonic()
            time.sleep(SECONDS)
            took, lines = time.monotonic() - begin, count() - lines
            now = family(pid)
            cpu = sum(cpu_seconds(p) - before.get(p, 0) for p in now)
            return lines / took, cpu / took * 100, sum(pss_kib(p) for p in now) / 1024

    def test_all(self):
        contestants = {"garnet": self.garnet}
        contestants |= {name: run for name, program, run in (
            ("collectd", "collectd", self.collectd), ("node_exporter", "prometheus-node-exporter", self.node_exporter),
            ("netdata", "netdata", self.netdata)) if peers.found(program)}
        rows = {name: [] for name in contestants}
        for _ in range(ROUNDS):
            for name, run in contestants.items():
                with tempfile.TemporaryDirectory(prefix="garnet-") as self.folder:
                    rows[name].append(self.one_round(run))
        print(f"\n{'':16}{'series/s':>10}{'CPU %':>10}{'PSS MiB':>10}{'ms CPU per 1000':>18}")
        for name, got in rows.items():
            series, cpu, memory = [statistics.median(x) for x in zip(*got)]
            print(f"{name:16}{series:10.0f}{cpu:10.2f}{memory:10.1f}{cpu * 10 / series * 1000 if series else 0:18.2f}")


if __name__ == "__main__":
    unittest.main()
