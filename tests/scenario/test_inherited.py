"""What a plugin's process has from garnetd is what docs/plugins.md says, and no more: environment and signals."""
from harness import *

PLUGIN = os.path.join(BUILD, "tests/plugins/inherits.so")
ENVIRONMENT = {"PATH", "LANG", "LC_ALL", "TZ", "TMPDIR"}
FOR_DEBUGGING = re.compile("LD_.*|GARNET_.*|.*SAN_OPTIONS")


def numbers(mask):
    return {n for n in range(1, 65) if int(mask, 16) >> (n - 1) & 1}


class Inherited(unittest.TestCase):
    def test_environment_and_signals(self):
        d = Daemon(self, f"sinks:\n  - {{name: main, plugin: {PLUGIN}, path: found, to: 'file:out.txt'}}\n", start=False)
        d.env = {"SECRET_OF_SOMEBODY": "x", "LANG": "C.UTF-8", "HOME": "/nonexistent", "NOTIFY_SOCKET": "/nonexistent"}
        d.start()
        wait_for("it can use alarm()", lambda: "rang" in d.file_lines("found"))
        d.send('{"name":"a","value":1}')
        wait_for("and works", lambda: "a" in d.file_lines("out.txt"))
        lines = [x.split() for x in d.file_lines("found")]
        names = {x[1] for x in lines if x[0] == "env"}
        self.assertIn("LANG", names)
        self.assertIn("PATH", names)
        self.assertEqual({n for n in names - ENVIRONMENT if not FOR_DEBUGGING.fullmatch(n)}, set())
        masks = {x[0].rstrip(":"): numbers(x[1]) for x in lines if x[0].startswith("Sig")}
        self.assertEqual(masks["SigIgn"], {signal.SIGPIPE, signal.SIGXFSZ})
        self.assertEqual(masks["SigBlk"], {signal.SIGCHLD, signal.SIGHUP, signal.SIGINT})
        if not SANITIZED:
            self.assertEqual(masks["SigCgt"], {signal.SIGTERM, signal.SIGRTMAX})
        with open(f"/proc/{d.worker('main')}/environ") as f:
            self.assertNotIn("SECRET_OF_SOMEBODY", f.read(), "nor where it only looks like it")


if __name__ == "__main__":
    main()
