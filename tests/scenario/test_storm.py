"""SIGKILL at random moments of everything: garnetd, workers, and the receivers of a fast and of a slow sink with what
they have not read. Nothing acknowledged is lost, repeats stay within the windows, and a restart delivers at once.

Judged by the receivers' files. What the cursors say is only the measure that the number of repeats is held against.
"""
import random

from harness import *
from peers import *

KILLS = 1000 if LONG else 40
CALM = 20 if LONG else 10**9  # kills between two moments of calm
RATE = 3000  # metrics a second
REPLAY = 0.3  # seconds: the replay of below, and how finely it is remembered
CONFIRM = ", confirm: {every: 1s, bytes: 64KiB, replay: 100ms}"
TICK = os.sysconf("SC_CLK_TCK")


def stat(pid):
    """From the third field on; none of a process that is gone."""
    try:
        with open(f"/proc/{pid}/stat") as f:
            return f.read().rsplit(") ", 1)[1].split()
    except OSError:  # perhaps between the two calls
        return ["", ""]


def started(pid):
    """When a process was, in seconds of CLOCK_BOOTTIME, a tick too early at most."""
    return int(stat(pid)[19]) / TICK


class Load:
    """Numbered metrics from a thread of its own, over every death of garnetd; remembers what was acknowledged."""

    def __init__(self, d, rate=RATE):
        self.d, self.rate, self.next, self.acknowledged, self.slowest = d, rate, 0, [], 0.0
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        each, due = 100, time.monotonic()
        while not self.stopping.is_set():
            mine = range(self.next, self.next + each)
            text = "".join(f'{{"name":"seq","value":{i},"time":{BASE + i}}}\n' for i in mine)
            try:
                with self.d.connect() as s:
                    self.next += each
                    s.sendall(text.encode())
                    s.shutdown(socket.SHUT_WR)
                    reply = read_reply(s)
                if reply and reply["accepted"] == each:
                    self.acknowledged.extend(mine)
            except OSError:  # garnetd was killed
                pass
            due = max(due + each / self.rate, time.monotonic() - 1)
            self.stopping.wait(max(0, due - time.monotonic()))

    def stop(self):
        self.stopping.set()
        self.thread.join()
        return set(self.acknowledged)


class Storm(unittest.TestCase):
    def setUp(self):
        self.random = random.Random(20261124)

    def begin(self, *speeds, confirm=CONFIRM):
        self.d = Daemon(self, "sinks: []\n", start=False)
        self.peers = {}
        for i, speed in enumerate(speeds):
            p = Peer(self, self.d, f"to{i}")
            p.args = [str(speed), f"--stamps={p.path('stamps')}"]
            p.start()
            self.peers[p.name] = p
        self.d.configure("self_metrics: 0\nsinks:\n" + "".join(
            graphite_sink(n, f"tcp://127.0.0.1:{p.port}", confirm) for n, p in self.peers.items()))
        self.d.start()
        self.addCleanup(lambda: self.d.process.poll() is None and self.d.terminate())  # while its peers are there

    def cursor(self, name):
        """The position: all before is confirmed."""
        with open(self.d.path("spool/cursors/" + name), "rb") as f:
            data = f.read()
        slots = [data[i:i + 512] for i in (0, 512)]
        newest = max((s for s in slots if s[:8] == b"GARNCURS"), key=lambda s: int.from_bytes(s[16:24], "little"))
        return int.from_bytes(newest[32:40], "little")

    def first_byte(self, name, pid):
        """Seconds from the start of this worker to its first byte at the receiver."""
        began = started(pid)

        def look():
            try:
                with open(self.peers[name].path("stamps")) as f:
                    stamps = [tuple(map(float, x.split())) for x in f.read().split("\n")[:-1]]
            except FileNotFoundError:
                return None
            return [first for accepted, first in stamps if accepted > began]
        return wait_for(f"a byte of {name}'s new worker", look)[0] - began

    def workers(self, name):
        return {p for p, args in processes(self.d.dir) if args.rstrip().endswith("run " + name)}

    def next_worker(self, name, old):
        """Of this garnetd: the one before may have started another just before it was killed."""
        def look():
            keepers = {str(p) for p in ours(self.d.process.pid)}
            return [p for p in self.workers(name) - old if stat(p)[1] in keepers]
        return wait_for(f"the next worker of {name}", look).pop()

    def kill_worker(self, name):
        kill(self.d.worker(name))

    def kill_garnetd(self):
        """Started again at once: the workers of the one before may still be there for a moment."""
        self.d.kill()
        self.d.start()

    def kill_receiver(self, name):
        """With what came in up to half a second unread: more than a replay would cover."""
        self.peers[name].quiet = self.random.random() * 0.5
        self.peers[name].hurt(signal.SIGKILL)

    def assert_all_arrived(self, acknowledged):
        for name, p in self.peers.items():
            try:
                wait_for(f"everything is at {name}", lambda: p.numbers() >= acknowledged, 90)
            except AssertionError:
                missing = sorted(acknowledged - p.numbers())
                raise AssertionError(f"lost at {name}: {len(missing)}, {missing[:10]}") from None

    def calm(self, load):
        """Leaves all alone until what has been sent by now is confirmed: a slow reader that is killed eight times a
        second, or its worker, never gets as far as closing a connection, and all of it stays in doubt."""
        now = len(load.acknowledged)
        for n in self.peers:
            wait_for(f"{n} has confirmed what was sent before", lambda: self.cursor(n) >= now)

    def test_everything_is_killed(self):
        self.begin(0, 400_000)
        load = Load(self.d)
        self.addCleanup(load.stop)
        wait_for("load", lambda: load.next > RATE / 2)
        windows, times = dict.fromkeys(self.peers, 0), []
        what = ["garnetd"] + [f"{kind} {n}" for n in self.peers for kind in ("worker", "receiver")]
        done = dict.fromkeys(what, 0)
        for i in range(KILLS):
            time.sleep(self.random.random() * 0.15)
            if i % CALM == CALM - 1:
                self.calm(load)
            victim = self.random.choice(what)
            for n in self.peers:
                if victim in ("garnetd", f"worker {n}", f"receiver {n}"):
                    windows[n] += load.next - self.cursor(n) + int(REPLAY * RATE)
            done[victim] += 1
            old = self.workers("to0")
            if victim == "garnetd":
                self.kill_garnetd()
            elif victim.startswith("receiver"):
                self.kill_receiver(victim.split()[1])
            else:
                self.kill_worker(victim.split()[1])
            if victim in ("garnetd", "worker to0") and self.random.random() < 0.5:
                times.append(self.first_byte("to0", self.next_worker("to0", old)))
        acknowledged = load.stop()
        self.assert_all_arrived(acknowledged)
        print(", ".join(f"{n} {v}" for v, n in done.items()) + f" killed; {len(acknowledged)} acknowledged")
        for n, p in self.peers.items():
            repeats = p.lines - len(p.numbers())
            print(f"{n}: {p.lines} lines, {repeats} repeats, {windows[n]} within the windows")
            self.assertLessEqual(repeats, windows[n], n)
        self.report(times)

    def report(self, times):
        if times:
            times.sort()
            print(f"start of a worker to its first byte: median {times[len(times) // 2] * 1e3:.0f} ms, "
                  f"max {times[-1] * 1e3:.0f} ms of {len(times)}")
            self.assertLess(times[-1], 5)  # to read all that is queued would take longer

    def test_repeats_are_within_the_windows(self):
        """Kills that are further apart than a confirmation takes: each repeats what those seconds brought, at most."""
        self.begin(0)
        load = Load(self.d)
        self.addCleanup(load.stop)
        wait_for("load", lambda: load.next > RATE)
        kills = 3 if not LONG else 12
        for i in range(kills):
            (lambda: self.kill_receiver("to0"), lambda: self.kill_worker("to0"), self.kill_garnetd)[i % 3]()
            mark = load.next
            wait_for("three seconds of load", lambda: load.next > mark + 3 * RATE)
        self.assert_all_arrived(load.stop())
        p = self.peers["to0"]
        repeats = p.lines - len(p.numbers())
        # every 1 s, the end and a look at the canary 0.2 s, the replay, and a second for the machine.
        print(f"{kills} kills, {repeats} repeats: {repeats / kills / RATE:.2f} s of load each")
        self.assertLessEqual(repeats, kills * RATE * (2.2 + REPLAY))

    def test_the_backlog_does_not_matter(self):
        self.begin(0)
        n, times = 300_000 if not LONG else 3_000_000, []
        if SANITIZED:
            n //= 10
        self.peers["to0"].end(signal.SIGKILL)
        for at in range(0, n, 10_000):
            text = "".join(f'{{"name":"seq","value":{i},"time":{BASE + i}}}\n' for i in range(at, at + 10_000))
            self.assertEqual(self.d.send(text)["accepted"], 10_000)
        self.peers["to0"].start()
        old = self.workers("to0")
        self.kill_worker("to0")
        times.append(self.first_byte("to0", self.next_worker("to0", old)))
        self.d.kill()
        self.d.start()
        times.append(self.first_byte("to0", self.d.worker("to0")))
        self.assert_all_arrived(set(range(n)))
        self.report(times)


if __name__ == "__main__":
    main()
