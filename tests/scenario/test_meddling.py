"""A plugin that reaches for what is not its own (tests/plugins/meddle.c): the configuration that all workers get."""
from harness import *

MEDDLE = os.path.join(BUILD, "tests/plugins/meddle.so")


def meddler(how):
    return f"  - {{name: bad, plugin: {MEDDLE}, how: {how}, flush: 100ms, to: 'file:bad.txt'}}\n"


class Meddling(unittest.TestCase):
    def test_what_other_sinks_are_told(self):
        d = Daemon(self, "self_metrics: 0\nsinks:\n" + graphite_sink("main", "file:good.txt") + meddler("snapshot"))
        d.send('{"name":"a","value":1}')
        wait_for("both sinks deliver", lambda: d.file_lines("good.txt") and d.file_lines("bad.txt"))
        os.kill(d.worker("main"), signal.SIGKILL)
        d.wait_log("sink main: worker died")
        d.send('{"name":"b","value":1}')
        wait_for("the next worker delivers where it is to", lambda: len(d.file_lines("good.txt")) == 2)
        self.assertFalse(os.path.exists(d.path("evil.txt")))
        for name in ("main", "bad"):
            left = [os.readlink(f"/proc/{d.worker(name)}/fd/{fd}") for fd in os.listdir(f"/proc/{d.worker(name)}/fd")]
            self.assertEqual([x for x in left if "memfd" in x], [], "closed once read")


if __name__ == "__main__":
    main()
