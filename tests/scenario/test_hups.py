"""Hundreds of SIGHUPs, half of them with a file that has become invalid, while twenty collectors run at 1 s and a script sends over the
shared socket: no slot missed, nothing lost, the last valid configuration in force, what did not change untouched."""
import shutil

from harness import *

HUPS = 1000 if LONG else 300 if not SANITIZED else 200
NAMES = [f"c{i:02d}" for i in range(20)]
BASE = "self_metrics: 1s\nsinks:\n" + graphite_sink(
    "main", "file:out.txt", ", path: '{host}.{collector}.{name}.{tags}'")
INVALID = ("interval: 1x\n", "command: [/no/such/program]\n", "comand: [/bin/true]\n", "command: [/bin/true\n")


class Sender(threading.Thread):
    """Numbered metrics over the shared socket, one connection after the other; each must be acknowledged."""

    def __init__(self, daemon):
        super().__init__(daemon=True)
        self.d, self.sent, self.wrong, self.ended = daemon, 0, [], threading.Event()
        self.start()

    def run(self):
        while not self.ended.is_set():
            reply = self.d.send("".join(f'{{"name":"seq","value":{self.sent + i}}}\n' for i in range(20)))
            if reply != {"accepted": 20, "rejected": 0, "errors": []}:
                self.wrong.append(reply)
            self.sent += 20
            self.ended.wait(0.02)

    def stop(self):
        self.ended.set()
        self.join()


class Hups(unittest.TestCase):
    def setUp(self):
        self.d = d = Daemon(self, BASE, start=False)
        shutil.copy(os.path.join(BUILD, "tests/programs/stamp"), d.path("stamp"))
        for name in NAMES:
            d.collector(name, f"command: [{d.path('stamp')}, --reply]\ninterval: 1s\n")
        d.start()
        wait_for("all run", lambda: all(self.slots(name) for name in NAMES))

    def slots(self, name):
        lines = [x.split(" ") for x in self.d.file_lines("out.txt") if x.startswith(f"testhost.{name}.start")]
        return [int(when) for _, _, when in lines]

    def answered(self, text, n):
        """The log is read from where it was: all of it, a thousand times, would be the test's own load."""
        self.log.seek(0, os.SEEK_CUR)
        self.said += self.log.read()
        return self.said.count(text) >= n

    def valid(self, i):
        self.d.configure(f"shutdown_timeout: {10 + i % 7}s\n" + BASE)
        self.d.collector("changing", f"command: [{self.d.path('stamp')}]\ninterval: 1s\ntags: {{version: '{i}'}}\n")

    def invalid(self, i):
        self.d.collector("changing", INVALID[i // 2 % len(INVALID)])

    def hup_many(self):
        text = "the configuration was reread and is in use"
        self.said, self.log = "", open(self.d.log_path)
        self.addCleanup(self.log.close)
        self.log.seek(0, os.SEEK_END)
        for i in range(HUPS):
            kind = i % 2
            (self.invalid if kind else self.valid)(i)
            self.d.process.send_signal(signal.SIGHUP)
            wait_for(f"an answer to HUP {i}", lambda: self.answered(text, i + 1))
        self.assertEqual(self.said.count("collector changing is refused and runs on as it was"), HUPS // 2)

    def size(self):
        """Descriptors and RSS of garnetd when no run is alive: the fewest seen during two slots."""
        pid, best = self.d.process.pid, []

        def look():
            keepers = list(ours(pid).values()).count("garnetd-keep")  # one each; first, since another one may come
            best.append(len(os.listdir(f"/proc/{pid}/fd")) - keepers)
            return time.monotonic() > deadline
        deadline = time.monotonic() + 2
        wait_for("two slots", look)
        return min(best), rss_kib(pid)

    def test_a_thousand(self):
        self.valid(-2)  # so that both sizes are after a reload, with all collectors
        self.d.hup()
        worker, (fds, rss) = self.d.worker("main"), self.size()
        sender, began = Sender(self.d), time.monotonic()
        self.addCleanup(sender.stop)
        self.hup_many()
        took = time.monotonic() - began
        sender.stop()
        print(f"{HUPS} HUPs in {took:.1f} s, {sender.sent} metrics on the shared socket")
        self.assertEqual(sender.wrong, [])
        self.check_in_force()
        self.check_nothing_missed(sender, int(took))
        self.assertEqual(self.d.worker("main"), worker, "the sink's worker is the same")
        self.check_not_grown(fds, rss)

    def check_in_force(self):
        last = HUPS - 2
        wait_for("the last valid configuration is in force", lambda: [
            x for x in self.d.file_lines("out.txt") if x.startswith(f"testhost.changing.start.{last} ")])

    def check_nothing_missed(self, sender, seconds):
        for name in NAMES:
            slots = self.slots(name)
            if SANITIZED:  # a reload takes ten times as long, and a busy machine then misses some, counted
                self.assertEqual(len(slots), len(set(slots)), f"{name}: none twice")
                continue
            self.assertGreaterEqual(len(slots), seconds * 9 // 10)
            check_slots(self, name, slots, lambda: self.d.file_lines("out.txt"))
            own = [x.split(" ")[:2] for x in self.d.file_lines("out.txt")
                   if x.startswith("testhost.garnet.collector.failures.") and f".{name}." in x.replace(" ", ".")]
            self.assertTrue(own)
            self.assertEqual([x for x in own if float(x[1]) > 0], [])
        got = [int(x.split(" ")[1]) for x in self.d.file_lines("out.txt") if x.startswith("testhost.seq ")]
        self.assertEqual(sorted(got), list(range(sender.sent)), "the shared socket's: none lost, none twice")

    def check_not_grown(self, fds, rss):
        now_fds, now_rss = self.size()
        print(f"garnetd: {fds} descriptors and {rss} KiB before, {now_fds} and {now_rss} KiB after")
        self.assertLessEqual(now_fds, fds)
        if not SANITIZED:
            self.assertLessEqual(now_rss, rss + 4096)


class Tags(unittest.TestCase):
    def test_new_global_tags_hold_for_the_shared_socket_too(self):
        d = Daemon(self, "tags: {env: old}\n" + BASE)
        self.assertEqual(d.send('{"name":"x","value":1}')["accepted"], 1)
        d.configure("tags: {env: new}\n" + BASE)
        d.hup()
        self.assertEqual(d.send('{"name":"x","value":2}')["accepted"], 1)
        wait_for("both are out", lambda: len([x for x in d.file_lines("out.txt") if x.startswith("testhost.x.")]) == 2)
        self.assertEqual([x.split(" ")[:2] for x in d.file_lines("out.txt") if x.startswith("testhost.x.")],
                         [["testhost.x.old", "1"], ["testhost.x.new", "2"]])


if __name__ == "__main__":
    main()
