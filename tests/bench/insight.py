#!/usr/bin/python3
"""What it costs intake and the sinks that somebody looks: `garnet tail` of everything, ten open pages, 1,000 silent and
100 hostile clients of the control socket. RATE metrics a second go through a garnetd with a Graphite sink and the page;
among them are stamped ones, whose delay at the sink's receiver counts, and requests, whose reply's time counts. Rounds
without anybody and with each of them take turns. Reported, never asserted.

Run: GARNET_BUILD=build/release GARNET_SOURCE=. tests/bench/insight.py [RATE] [ROUNDS] [SECONDS]
RATE 100,000 if left out; the delays are a batch's age (`flush`, FLUSH here) at most, and the rest of the road.
"""
import contextlib
import os
import statistics
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../scenario"))
from harness import *
from load import PROGRAMS, SERIES, block, cpu_seconds, died_with_us, family, pss_kib
from stamped import Stamped, quantile

RATE, ROUNDS, SECONDS = [int(sys.argv.pop(1)) if len(sys.argv) > 1 else n for n in (100_000, 5, 4)]
FLUSH = "20ms"
GARNET = os.path.join(BUILD, "garnet")
ASK = b'{"garnet":1,"ask":"status"}\n'
# 100 connections, each of which asks again as soon as it has its answer, connects anew, or sends nonsense.
HOSTILE = r'''
import random, socket, sys, threading
def one(seed):
    r = random.Random(seed)
    while True:
        try:
            with socket.socket(socket.AF_UNIX) as s:
                s.connect(sys.argv[1])
                for _ in range(r.choice((0, 1, 100))):
                    s.sendall(r.choice((b'{"garnet":1,"ask":"status"}\n', b'{"garnet":1,"ask":"explain","metric":"*a*b*c*"}\n',
                                        b"x" * 5000)))
                    s.recv(1 << 16)
        except OSError:
            pass
for i in range(100):
    threading.Thread(target=one, args=(i,), daemon=True).start()
print("ready", flush=True)
sys.stdin.read()
'''


@contextlib.contextmanager
def child(argv, **kw):
    p = subprocess.Popen(died_with_us(argv), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, **kw)
    try:
        p.stdout.readline()
        yield p
    finally:
        p.kill()
        p.communicate()


class Bench(unittest.TestCase):
    @contextlib.contextmanager
    def nobody(self, d):
        yield []

    @contextlib.contextmanager
    def tail(self, d):
        p = subprocess.Popen(died_with_us([GARNET, "tail", "-c", d.path("garnet.yaml"), "--json"]), stdout=subprocess.DEVNULL)
        try:
            yield [p.pid]
        finally:
            p.kill()
            p.wait()

    @contextlib.contextmanager
    def pages(self, d):
        """Ten streams of events, read by one process, as a browser would."""
        code = ("import http.client, selectors, sys\npoll = selectors.DefaultSelector()\n"
                "for i in range(10):\n c = http.client.HTTPConnection('127.0.0.1', int(sys.argv[1]))\n"
                " c.request('GET', '/api/events')\n c.getresponse()\n poll.register(c.sock or sys.exit('no socket'), 1, c)\n"
                "print('ready', flush=True)\nwhile True:\n for k, _ in poll.select():\n  k.fileobj.recv(1 << 16)\n")
        with child(["/usr/bin/python3", "-c", code, str(self.page)]):
            yield [d.worker("page")]

    @contextlib.contextmanager
    def silent_clients(self, d):
        with contextlib.ExitStack() as stack:
            for i in range(1000):
                s = stack.enter_context(socket.socket(socket.AF_UNIX))
                s.settimeout(PATIENCE)
                s.connect(d.path("run/control.sock"))
                if i % 100 == 99:
                    time.sleep(0.05)  # it accepts some at a time
            yield []

    @contextlib.contextmanager
    def hostile_clients(self, d):
        with child(["/usr/bin/python3", "-c", HOSTILE, d.path("run/control.sock")]):
            yield []

    def one(self, somebody):
        """A round: the sink's delays and intake's replies in ms; CPU time of garnetd and of who looks, PSS of these."""
        receiver = Stamped(self)
        self.page = free_port()
        d = Daemon(self, "self_metrics: 1s\nspool: {dir: spool, max_size: 4GiB}\nshutdown_timeout: 1s\n"
                   "intake: {per_user: {metrics: 0, bytes: 0, series: 0}}\nsinks:\n"
                   f"  - {{name: main, plugin: graphite, to: 'tcp://127.0.0.1:{receiver.port}', flush: {FLUSH}}}\n"
                   f"  - {{name: page, plugin: live, listen: '127.0.0.1:{self.page}', max_series: 20000}}\n")
        d.wait_log("the page is at ")
        path = block(d.dir, "JSON", SERIES)
        with somebody(d) as lookers:
            pump = subprocess.Popen(died_with_us([PROGRAMS + "/pump", d.path("run/garnet.sock"), path,
                                                  str(RATE * SECONDS), "1", "100", str(RATE)]), stdout=subprocess.DEVNULL)
            self.addCleanup(lambda: pump.poll() is None and (pump.kill(), pump.wait()))
            answers, n, before = [], 0, {p: cpu_seconds(p) for p in [d.process.pid, *lookers]}
            with d.connect() as s:
                while pump.poll() is None:
                    s.sendall(b'{"name":"stamp","value":%d,"time":1700000000}\n' % time.monotonic_ns())
                    n += 1
                    if n % 5 == 0:
                        asked = time.monotonic()
                        assert d.send('{"name":"asked","value":1}')["accepted"] == 1
                        answers.append((time.monotonic() - asked) * 1e3)
                    time.sleep(0.005)
                taken = {p: cpu_seconds(p) - before[p] for p in before}
                memory = sum(map(pss_kib, lookers))
                s.shutdown(socket.SHUT_WR)
                assert read_reply(s)["accepted"] == n
            time.sleep(0.5)  # the last ones arrive
        delays = receiver.delays()
        assert len(delays) == n, (len(delays), n)
        d.terminate()
        return delays, answers, taken.pop(d.process.pid) / SECONDS, sum(taken.values()) / SECONDS, memory

    def test_looking(self):
        kinds = [self.nobody, self.tail, self.pages, self.silent_clients, self.hostile_clients]
        rows = {k.__name__: [] for k in kinds}
        for i in range(ROUNDS):
            for k in kinds:
                rows[k.__name__].append(self.one(k))
        print(f"\n{RATE:,} metrics/s, flush {FLUSH}, {ROUNDS} rounds of {SECONDS} s each, in turns; ms, medians of the rounds;\n"
              "CPU in % of a core")
        print(f"{'':18}{'delay p50':>10}{'p99':>8}   {'reply p50':>10}{'p99':>8}   {'garnetd CPU':>12}{'theirs':>8}{'PSS MiB':>9}")
        for name, got in rows.items():
            cells = [statistics.median(quantile(r[k], q) for r in got) for k in (0, 1) for q in (0.5, 0.99)]
            cpu, theirs, memory = (statistics.median(r[k] for r in got) for k in (2, 3, 4))
            print(f"{name.replace('_', ' '):18}{cells[0]:10.2f}{cells[1]:8.2f}   {cells[2]:10.3f}{cells[3]:8.2f}   "
                  f"{cpu * 100:12.1f}{theirs * 100:8.1f}{memory / 1024:9.1f}")


if __name__ == "__main__":
    unittest.main(verbosity=0)
