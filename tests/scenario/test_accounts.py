"""What has become of all that a sink was to have, sampled each 100 ms from Garnet's own metrics and `garnet spool verify`
while workers, garnetd and peers die, the spool overflows, and sinks change, go and come back.

Their sum is an identity and proves nothing. So each term is held to what the test knows by itself: the answers, the
receiver's bytes, the segments that are gone. And no counter goes back.
"""
import collections
import random

from harness import *

SECONDS = 60 if LONG else 6
EACH = 100  # metrics a batch: what a worker without a peer has in memory is at most a frame, and that a few of them
COUNTERS = ("confirmed", "dropped", "in_doubt")  # `restarts` and `losses` count since garnetd's start
OWN = "  - {name: own, plugin: graphite, to: 'file:own.txt', flush: 50ms, only: ['garnet.sink.*']}\n"
CONFIRM = ", confirm: {every: 1s, replay: 100ms}"
SMALL = "spool: {dir: spool, max_size: 1MiB, segment_size: 64KiB}\n"


def main_sink(port, more=CONFIRM, plugin="graphite"):
    return (f"  - {{name: main, plugin: {plugin}, to: 'tcp://127.0.0.1:{port}', flush: 50ms, path: '{{name}}', "
            f"only: ['load.*']{more}}}\n")


class Load:
    """Numbered metrics; what was answered is accepted, whatever dies then."""

    def __init__(self, d, rate=2000):
        self.d, self.rate, self.next, self.acknowledged = d, rate, 0, 0
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)

    def batch(self):
        text = "".join(f'{{"name":"load.{i}","value":{i}}}\n' for i in range(self.next, self.next + EACH))
        self.next += EACH
        try:
            self.acknowledged += (self.d.send(text) or {"accepted": 0})["accepted"]
        except OSError:  # garnetd was killed
            pass

    def run(self):
        while not self.stopping.is_set():
            self.batch()
            self.stopping.wait(EACH / self.rate)

    def stop(self):
        self.stopping.set()
        self.thread.join()


class Accounts(unittest.TestCase):
    def begin(self, spool="", peer=True, **kinds):
        self.r = Receiver(start=peer)
        self.d = Daemon(self, "sinks: []\n", start=False)
        self.more = "self_metrics: {interval: 100ms, level: full}\n" + spool + "sinks:\n" + OWN
        self.d.configure(self.more + main_sink(self.r.port, **kinds))
        self.d.start()
        self.load = Load(self.d)
        self.wrong, self.seen = [], set()

    # --- what the test knows ---

    def received(self):
        """The numbers that have come, each once."""
        self.seen = {line.split(" ")[0] for line in self.r.lines() if line.startswith("load.")}
        return self.seen

    def oldest(self):
        """Where the spool begins: the first number of its oldest segment."""
        return min((int(name.split(".")[0]) for name in self.d.segments()), default=0)  # none is there yet

    # --- what is said ---

    def sample(self):
        """One look of spool verify, between two looks at the facts."""
        acknowledged, oldest = self.load.acknowledged, self.oldest()
        n = self.d.verify().get("main")
        if n is None:
            return None
        received, gone = self.received(), self.oldest()
        expired = n.get("expired", 0)
        for what, holds in {
            "it adds up": n["unexplained"] == 0 and
                n["accepted"] == n["confirmed"] + n["unconfirmed"] + n["queued"] + n["dropped"],
            "the answers' sum is accepted": n["accepted"] >= acknowledged,
            "confirmed is what the receiver has": n["confirmed"] <= len(received),
            "what he has not is somewhere": n["unconfirmed"] + n["queued"] + expired >= acknowledged - len(received),
            "expired is gone": expired <= gone,
            "queued is in the spool": n["queued"] <= n["accepted"] - oldest,
        }.items():
            if not holds:
                self.wrong.append(f"{what}: {n}, {acknowledged} acknowledged, {len(received)} received, "
                                  f"{oldest}..{gone} oldest")
        return n

    def sample_until(self, condition, timeout=PATIENCE):
        deadline = time.monotonic() + timeout
        while not condition():
            self.assertLess(time.monotonic(), deadline)
            self.sample()
            self.assertEqual(self.wrong, [])
            time.sleep(0.1)  # how often is what the test is about

    def rows(self):
        """path below garnet.sink -> [(second, value)] of its own metrics; some may be there twice."""
        out = collections.defaultdict(list)
        for line in self.d.file_lines("own.txt"):
            path, value, at = line.split(" ")
            out[path.removeprefix("testhost.garnet.sink.")].append((int(at), int(float(value))))
        return out

    def last(self, name):
        """The newest row's value."""
        return self.rows().get(name, [(0, None)])[-1][1]

    def some_rows_more(self):
        n = len(self.rows()["in_doubt.main"])
        wait_for("rows", lambda: len(self.rows()["in_doubt.main"]) > n + 5)

    def none_goes_back(self):
        for path, points in self.rows().items():
            if path.split(".")[0] not in COUNTERS:
                continue
            seconds = collections.defaultdict(list)
            for at, value in points:
                seconds[at].append(value)
            most = 0
            for at in sorted(seconds):
                self.assertGreaterEqual(min(seconds[at]), most, f"{path} went back at {at}: {points}")
                most = max(seconds[at])

    def finish(self):
        """Ends garnetd, once all is delivered; what is in the cursor then."""
        self.assertEqual(self.d.terminate(), 0)
        n = self.d.verify()["main"]
        self.assertEqual((n["unconfirmed"], n["queued"], n["unexplained"]), (0, 0, 0), n)
        self.assertEqual(n["accepted"], n["confirmed"] + n["dropped"])
        return n

    # --- the cases ---

    def test_a_storm_of_kills(self):
        """Of workers, of garnetd, of the peer: nothing expires, and all comes to the receiver."""
        self.begin()
        self.load.thread.start()
        dice, ends = random.Random(20261129), time.monotonic() + SECONDS
        while time.monotonic() < ends:
            until = time.monotonic() + dice.uniform(0.1, 0.8)
            self.sample_until(lambda: time.monotonic() > until)
            what = dice.randrange(4)
            if what == 0:
                self.d.kill()
                self.d.start()
            elif what == 1:
                self.r.stop()
                self.r.start()
            else:
                kill(self.d.worker("main"))
        self.load.stop()
        # Nothing queued: the worker that was killed last may have delivered all, and the next one has to begin before the end.
        self.sample_until(lambda: len(self.received()) >= self.load.acknowledged and self.d.verify()["main"]["queued"] == 0)
        n = self.finish()
        self.assertEqual(n["confirmed"], len(self.received()), n)
        self.assertEqual(n["dropped"], n.get("deselected", 0))
        self.none_goes_back()

    def test_an_outage_beyond_the_spool(self):
        """What retention deletes is expired at that moment, and logged; what waits is what can be read."""
        self.begin(spool=SMALL, peer=False)
        loss = re.compile(r"sink main: (\d+) metrics that it had not sent are gone")
        frame = 0

        def overflow(segments):
            target = self.oldest() + segments * 500
            while self.oldest() < target:
                self.load.batch()
                self.sample()
                self.assertEqual(self.wrong, [])

        def is_exact():
            """All that is gone has expired, but for the frame that the worker has in its hand."""
            gone, n = self.oldest(), self.d.verify()["main"]
            return gone == self.oldest() and 0 <= gone - n.get("expired", 0) <= frame and \
                n["unconfirmed"] <= frame and n["confirmed"] == 0
        overflow(2)
        frame = 3 * EACH
        wait_for("expired is what is gone", is_exact)
        wait_for("the log has the number", lambda: loss.search(self.d.log()))
        wait_for("so has the row", lambda: (self.last("dropped.main.expired") or 0) > self.oldest() - frame)
        kill(self.d.worker("main"))
        overflow(2)
        wait_for("another worker", lambda: (self.last("restarts.main") or 0) > 0)
        wait_for("expired is what is gone", is_exact)
        self.d.kill()
        wait_for("its worker has ended", lambda: not self.d.left())
        known = self.d.verify()["main"]["expired"]
        self.d.start()
        overflow(2)
        wait_for("expired is what is gone", is_exact)
        before = self.d.verify()["main"]["expired"]
        self.assertEqual(self.d.terminate(), 0)
        n = self.d.verify()["main"]
        said = re.search(r"ended.*; sink main: (\d+) metrics wait", self.d.log().splitlines()[-1])
        self.assertEqual(int(said[1]), n["queued"])
        self.assertEqual((n["unconfirmed"], n["queued"]), (0, n["accepted"] - self.oldest()))
        self.assertEqual(n["expired"], self.oldest())
        self.assertGreaterEqual(n["expired"], before)
        self.assertEqual(int(loss.findall(self.d.log())[-1]), n["expired"] - known, "the sum is logged at the end")
        self.r.start()
        self.d.start()
        wait_for("the newest", lambda: f"load.{self.load.next - 1}" in self.received())
        n = self.finish()
        self.assertEqual(n["confirmed"], len(self.received()), n)
        self.assertEqual(n["dropped"], n.get("deselected", 0) + n["expired"])
        self.none_goes_back()

    def test_a_sink_at_the_edge_of_retention(self):
        """It catches up more slowly than retention removes: each metric comes, or has expired."""
        self.begin(spool=SMALL, peer=False, more=", catch_up_rate: 2000" + CONFIRM)
        self.load.rate = 20000
        self.load.thread.start()
        self.sample_until(lambda: self.oldest() > 0)
        before = self.d.verify()["main"]["expired"]
        self.r.start()
        ends = time.monotonic() + SECONDS / 2
        self.sample_until(lambda: time.monotonic() > ends and self.received() and
                          self.d.verify()["main"]["expired"] > before + EACH)
        self.load.stop()
        self.d.configure(self.more + main_sink(self.r.port))
        self.d.hup()
        self.sample_until(lambda: f"load.{self.load.next - 1}" in self.received())
        n = self.finish()
        # what was on its way when retention removed it has expired, though it may have come
        self.assertLessEqual(n["confirmed"], len(self.received()), n)
        self.assertLessEqual(self.load.next - n["confirmed"], n["expired"] + n.get("deselected", 0), n)
        self.assertLessEqual(self.load.next - len(self.received()), n["expired"])
        self.none_goes_back()

    def test_in_doubt_is_not_forgotten(self):
        """Over a reload that replaces the worker, and over a restart; nor are the worker's restarts over the reload."""
        self.begin(plugin="statsd", more=", max_age: 1h")
        self.load.thread.start()
        n = 0
        while n < 3 or not self.last("in_doubt.main"):  # of a worker that had everything confirmed nothing is in doubt
            seen, n = len(self.r.lines()), n + 1
            wait_for("it delivers", lambda: len(self.r.lines()) > seen + 100)
            kill(self.d.worker("main"))
            wait_for("another worker", lambda: (self.last("restarts.main") or 0) >= n)
            self.assertLess(n, 30, "nothing is ever in doubt")
        self.load.stop()
        doubt, restarts = self.last("in_doubt.main"), self.last("restarts.main")
        self.d.configure(self.more + main_sink(self.r.port, more=", max_age: 2h", plugin="statsd"))
        self.d.hup()
        self.d.wait_log("its worker is replaced")
        self.some_rows_more()
        self.assertGreaterEqual(self.last("restarts.main"), restarts)
        self.assertEqual(self.d.terminate(), 0)
        self.d.start()
        self.some_rows_more()
        self.assertGreaterEqual(self.last("in_doubt.main"), doubt)
        self.none_goes_back()

    def test_a_sink_that_is_removed_and_comes_back(self):
        """Its account is its cursor's: it goes on with it."""
        self.begin()
        self.load.batch()
        self.sample_until(lambda: len(self.received()) == EACH)
        self.d.configure(self.more)
        self.d.hup()
        wait_for("its cursor is gone", lambda: "main" not in self.d.verify())
        self.load.batch()
        self.d.configure(self.more + main_sink(self.r.port))
        self.d.hup()
        wait_for("it is back", lambda: "main" in self.d.verify())
        self.load.batch()
        self.sample_until(lambda: len(self.received()) == 3 * EACH)
        n = self.finish()
        self.assertEqual(n["confirmed"], len(self.received()), n)
        self.assertEqual(n["dropped"], n.get("deselected", 0))
        self.none_goes_back()


if __name__ == "__main__":
    main()
