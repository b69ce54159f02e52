"""Batches in flight, of a plugin that carries them itself: some fail, stay open, or come too late, and cost no other.

The plugin plays its peer (tests/plugins/flight.c), so each case is one sink of one garnetd."""
import time

from harness import *

PLUGINS = os.path.join(BUILD, "tests/plugins")
SHORT = 7  # seconds, of a shutdown_timeout of 30: a machine may be slow, and who waits in vain takes all of them


class Flight(unittest.TestCase):
    def begin(self, mode, more="", plugin="flight", top="shutdown_timeout: 30s\n"):
        self.top, self.sent = top, 0
        d = self.d = Daemon(self, self.config(mode, more, plugin), start=False)
        self.hold = d.path("out.hold")
        open(self.hold, "w").close()
        d.start()
        return d

    def config(self, mode, more="", plugin="flight"):
        return (f"self_metrics: 1s\n{self.top}sinks:\n" + graphite_sink("own", "file:own", ", path: '{name}.{tags}'") +
                f"  - {{name: p, plugin: {PLUGINS}/{plugin}.so, mode: {mode}, path: out, flush: 10ms, drop: garnet.*{more}}}\n")

    def send(self, n=1):
        """So many metrics, none of which is in a batch with any that came before, and its peer gets no rest."""
        for _ in range(n):
            self.d.send(json.dumps({"name": f"m.{self.sent}", "value": 1}))
            self.sent += 1

    def arrived(self):
        return [int(x.split(" ")[0].removeprefix("m.")) for x in self.d.file_lines("out")]

    def attempts(self):
        return [[int(n) for n in x.split(" ")] for x in self.d.file_lines("out.first")]

    def log_of_it(self):
        return [x for x in self.d.log().splitlines() if " garnet-sink[p] " in x]

    def says(self, what):
        return [x for x in self.log_of_it() if what in x]

    def own(self, name):
        """The last value of one of Garnet's own metrics of this sink."""
        found = [x.split(" ")[1] for x in self.d.file_lines("own") if x.startswith(f"garnet.sink.{name}.") and
                 ".p " in x]
        return float(found[-1]) if found else None

    def first_alone(self):
        """The first metric has been handed over by itself."""
        self.send()
        wait_for("the first batch is handed over", self.attempts)

    def end(self):
        began = time.monotonic()
        self.assertEqual(self.d.terminate(), 0)
        return time.monotonic() - began

    # --- one that fails or stays open ---

    def test_one_that_fails_stops_no_other_and_the_log_does_not_flap(self):
        self.begin("first")
        self.first_alone()
        while len(self.attempts()) < 5:
            self.send()
            wait_for("the others go on", lambda: self.arrived() == list(range(1, self.sent)))
        self.assertLessEqual(len(self.says("cannot deliver")), 1)
        self.assertLessEqual(len(self.says("delivers again")), 1)
        os.unlink(self.hold)
        wait_for("it arrives", lambda: sorted(self.arrived()) == list(range(self.sent)))

    def test_one_that_stays_open_stops_no_other(self):
        d = self.begin("stuck", top="shutdown_timeout: 1s\n")
        self.first_alone()
        for _ in range(40):
            self.send()
            wait_for("the others go on", lambda: self.arrived() == list(range(1, self.sent)))
        self.assertEqual(d.verify()["p"]["confirmed"], 0)

    def test_a_pause_that_the_peer_asks_for(self):
        self.begin("after", ", time: 2500ms")
        self.first_alone()
        self.send(5)
        wait_for("it arrives", lambda: 0 in self.arrived())
        self.assertEqual(self.arrived(), [1, 2, 3, 4, 5, 0])
        (_, first), (_, second) = self.attempts()
        self.assertGreaterEqual(second - first, 2500)

    def test_all_that_is_rejected_is_said_now_and_then_and_by_name(self):
        d = self.begin("reject")
        for i in range(20):
            self.send()
            wait_for("it is counted", lambda i=i: d.verify()["p"].get("rejected", 0) > i)
        self.assertEqual(len(self.log_of_it()), 3, self.log_of_it())
        self.assertRegex(self.log_of_it()[0], r'1 of a batch of 1 metrics are rejected, the first named being "m\.0": '
                         "it is not wanted")

    # --- an output without times ---

    def goes_out_late(self, mode):
        """What its peer did not take until it was older than max_age does not go out; what is young does."""
        d = self.begin(mode, ", max_age: 1s", "flight_untimed", top="shutdown_timeout: 1s\n")
        self.first_alone()
        self.send(4)
        old = time.monotonic() + 2
        wait_for("it has been tried again, and is old", lambda: len(self.attempts()) > 1 and time.monotonic() > old)
        os.unlink(self.hold)
        wait_for("what is young goes out", lambda: (self.send(), self.arrived())[1])
        self.assertFalse(set(self.arrived()) & set(range(5)), "old ones")
        wait_for("all that is left is counted", lambda: d.verify()["p"].get("stale", 0) >= 5)
        self.assertEqual(len(self.says("as stale")), 1)

    def test_a_batch_that_is_not_taken_is_made_anew(self):
        self.goes_out_late("down")

    def test_a_batch_that_fails_and_gets_old_is_dropped(self):
        self.goes_out_late("drops")

    # --- the end ---

    def test_a_peer_that_is_down_is_not_waited_for(self):
        self.begin("dead")
        self.send(5)
        wait_for("all have failed", lambda: self.says("cannot deliver") and len(self.attempts()) > 1)
        self.assertLess(self.end(), SHORT)
        self.assertEqual(self.d.verify()["p"]["confirmed"], 0)

    def test_what_is_pending_is_waited_for_although_no_more_is_taken(self):
        d = self.begin("mix", ", time: 4s")
        self.first_alone()
        self.send(3)
        wait_for("the second is refused", lambda: self.says("cannot deliver"))
        self.end()
        self.assertEqual(self.arrived(), [0])
        self.assertEqual(d.verify()["p"]["confirmed"], 1)

    def test_a_reload_waits_for_what_is_pending(self):
        d = self.begin("later", ", time: 4s", top="reload_grace: 25s\n")
        self.first_alone()
        d.configure(self.config("later", ", time: 1s"))
        d.hup()
        self.send()
        wait_for("the next worker delivers", lambda: 1 in self.arrived())
        self.assertEqual(self.arrived(), [0, 1])
        self.assertNotIn("did not finish in time", d.log())

    def test_a_plugin_that_confirms_nothing_is_stalled_and_not_waited_for(self):
        self.begin("open")
        self.send(3)
        wait_for("it is stalled", lambda: self.own("stalled") == 1, 60)
        self.assertTrue(self.says("stalled: of "))
        self.assertLess(self.end(), SHORT)


if __name__ == "__main__":
    main(side_by_side=4)
