"""A plugin that is asked for the present (tests/plugins/pull.c) is whole again after each restart, whatever ended it."""
from harness import *

PULL = f"{BUILD}/tests/plugins/pull.so"


class Pull(unittest.TestCase):
    def daemon(self, keys):
        self.d = Daemon(self, self.config(keys))

    def config(self, keys):
        return f"self_metrics: 0\nsinks:\n  - {{name: page, plugin: {PULL}, path: page, flush: 10ms{keys}}}\n"

    def page(self):
        """What the plugin has been given since its start; None while nobody serves it."""
        try:
            with socket.socket(socket.AF_UNIX) as s:
                s.settimeout(PATIENCE)
                s.connect(self.d.path("page"))
                return b"".join(iter(lambda: s.recv(4096), b"")).decode()
        except (ConnectionError, FileNotFoundError):
            return None

    def has(self, *names):
        wait_for(f"the page has {names}", lambda: self.page() == "".join(f"{n} 1\n" for n in names))

    def send(self, *names):
        self.d.send("".join(f'{{"name": "{n}", "value": 1}}' for n in names))

    def account(self):
        n = self.d.verify()["page"]
        return {k: n.get(k, 0) for k in ("accepted", "confirmed", "stale", "dropped")}

    def delivered(self, confirmed, stale=0):
        want = {"accepted": confirmed + stale, "confirmed": confirmed, "stale": stale, "dropped": stale}
        wait_for(f"the account is {want}", lambda: self.account() == want)

    def test_it_is_whole_after_each_restart(self):
        self.daemon("")
        self.send("a", "b")
        self.has("a", "b")
        self.delivered(2)
        old = self.d.worker("page")
        os.kill(old, signal.SIGSTOP)  # so that this comes while none is there
        self.send("c")
        os.kill(old, signal.SIGKILL)
        self.has("a", "b", "c")
        self.delivered(3)
        self.d.configure(self.config(", rejects: false"))
        self.d.hup()
        self.has("a", "b", "c")
        self.assertEqual(self.d.terminate(), 0)
        self.d.start()
        self.has("a", "b", "c")
        self.send("d")
        self.has("a", "b", "c", "d")
        self.delivered(4)
        self.d.kill()
        wait_for("what it had started is gone", lambda: not self.d.left())
        self.d.start()
        self.has("a", "b", "c", "d")
        self.delivered(4)

    def test_without_warm_it_begins_at_the_end(self):
        self.daemon(", warm: 0")

        def begun():
            self.send("a")  # until it has begun they are stale
            return self.page()
        wait_for("it has begun", begun)
        wait_for("nothing waits", lambda: self.account()["confirmed"] + self.account()["stale"] == self.account()["accepted"])
        before, old = self.account(), self.d.worker("page")
        os.kill(old, signal.SIGSTOP)
        self.send("c")
        os.kill(old, signal.SIGKILL)
        self.delivered(before["confirmed"], before["stale"] + 1)
        self.has()

    def test_who_is_not_asked_for_the_present_has_no_such_key(self):
        self.daemon("")
        self.d.configure("sinks:\n" + graphite_sink("g", "stdout", ", warm: 5m"))
        status, _, err = self.d.check()
        self.assertEqual(status, 1)
        self.assertRegex(err, r"warm has no effect: plugin graphite is not one that is asked for the present "
                         r"\(GARNET_LIVE\): remove it")


if __name__ == "__main__":
    main(side_by_side=4)
