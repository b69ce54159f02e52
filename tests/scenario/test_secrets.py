"""A secret of a plugin that is in a file, by the key NAME_file: read with the configuration, and never shown."""
import pwd

from harness import *

PLUGIN = os.path.join(BUILD, "tests/plugins/secret.so")
LOOK = 60  # seconds within which a look, every 30 s, has come


def sink(options):
    return f"  - {{name: main, plugin: {PLUGIN}, to: 'file:out.txt', path: given, {options}}}\n"


class Secrets(unittest.TestCase):
    def daemon(self, options="key_file: key", **texts):
        d = Daemon(self, "sinks:\n" + sink(options), start=False)
        for name, text in texts.items():
            d.write(name, text, 0o600)
        self.addCleanup(lambda: self.assertNotRegex(d.log(), "tops|second-one"))
        return d

    def given(self, d):
        return d.file_lines("given")

    def test_a_file_that_changes(self):
        d = self.daemon(key="tops3cret\n")
        d.start()
        wait_for("it has it", lambda: self.given(d) == ["tops3cret"])
        first = d.worker("main")
        os.utime(d.path("key"))
        d.hup()
        self.assertEqual(d.worker("main"), first, "its text is the same")
        d.write("key", "second-one", 0o600)
        d.hup()
        wait_for("it has the new one", lambda: self.given(d) == ["tops3cret", "second-one"])
        d.send('{"name":"a","value":1}')
        wait_for("and writes it", lambda: "a second-one none" in d.file_lines("out.txt"))
        wait_for("in another process", lambda: d.worker("main") != first)

    def test_one_that_is_not_there_yet(self):
        d = self.daemon()
        code, _, err = d.check()
        self.assertEqual(code, 3)
        self.assertRegex(err, r'garnet\.yaml:\d+:\d+: key_file: "[^"]*/key" does not exist\n')
        d.start()
        self.assertRegex(d.log(), r'key_file: "[^"]*/key" does not exist')
        d.write("key", "tops3cret\n", 0o600)
        wait_for("it starts by itself", lambda: self.given(d) == ["tops3cret"], LOOK)

    def test_one_that_others_may_read(self):
        d = self.daemon()
        d.write("key", "tops3cret\n", 0o644)
        code, _, err = d.check()
        self.assertEqual(code, 3)
        self.assertRegex(err, r'key_file: "[^"]*/key" is open to everybody: chmod o-rwx it\n')
        self.assertNotIn("tops3cret", err)
        os.chmod(d.path("key"), 0o640)
        self.assertEqual(d.check()[0], 0)

    @unittest.skipIf(os.geteuid(), "needs root, to be another user")
    def test_one_that_the_sinks_user_leads_to(self):
        d = self.daemon("user: nobody, key_file: home/key")
        nobody = pwd.getpwnam("nobody")
        d.write("roots", "tops3cret\n", 0o600)
        os.mkdir(d.path("home"))
        os.symlink(d.path("roots"), d.path("home/key"))
        for path in ("home", "home/key"):
            os.chown(d.path(path), nobody.pw_uid, nobody.pw_gid, follow_symlinks=False)
        code, _, err = d.check()
        self.assertEqual(code, 3)
        self.assertRegex(err, r'key_file: .*/home, which belongs to user \d+, who could alter it')
        os.unlink(d.path("home/key"))
        d.write("home/key", "tops3cret\r\n", 0o600)
        os.chown(d.path("home/key"), nobody.pw_uid, nobody.pw_gid)
        self.assertEqual(d.check()[0], 0, "what is his is his to read")

    def test_both_ways(self):
        d = self.daemon("key: tops, key_file: key", key="tops3cret\n")
        code, _, err = d.check()
        self.assertEqual(code, 1)
        self.assertRegex(err, r"garnet\.yaml:\d+:\d+: key_file and key are both there: remove one of them\n")
        self.assertNotIn("tops", err)

    def test_preview_has_it(self):
        d = self.daemon(key="tops3cret\n")
        r = subprocess.run([BUILD + "/garnet", "plugin", "preview", "-c", d.config_path], text=True, capture_output=True,
                           input='{"name":"a","value":1}\n', timeout=PATIENCE)
        self.assertEqual(r.stdout, "a tops3cret none\n", r.stderr)

    def test_describe_shows_the_key(self):
        text = subprocess.run([BUILD + "/garnet", "plugin", "describe", PLUGIN], text=True, capture_output=True).stdout
        self.assertIn("  key_file: path\n      A file that holds key, in place of the option itself.\n", text)


if __name__ == "__main__":
    main()
