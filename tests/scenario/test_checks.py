"""The collectors that are told what to look at, against what answers, what does not and what lies: `paths`."""
from harness import *


def collector(name):
    return os.path.join(BUILD, "collectors", name)


class Case(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="garnet-")
        self.addCleanup(shutil.rmtree, self.folder)

    def look(self, name, *args, code=0, **env):
        """{(metric, first tag): value} of --print, and what is said"""
        r = subprocess.run([collector(name), "--print", *args], capture_output=True, timeout=PATIENCE, text=True,
                           env={**os.environ, **env})
        self.assertEqual(r.returncode, code, r.stderr)
        values = {}
        for line in r.stdout.splitlines():
            m = re.match(r"([a-z0-9_.]+)(?:\{[a-z]+=(.*?)(?:,[a-z]+=.*)?\})? +(\S+) ", line)
            self.assertNotIn((m[1], m[2]), values)
            values[m[1], m[2]] = float(m[3])
        return values, r.stderr

    def refuses(self, name, words, *args):
        values, err = self.look(name, *args, code=2)
        self.assertEqual(values, {})
        self.assertIn(words, err)


class Paths(Case):
    def test_what_is_there(self):
        for name, size in (("a.log", 5), ("b.log", 7), ("c", 11)):
            with open(f"{self.folder}/{name}", "wb") as f:
                f.write(bytes(size))
        got, err = self.look("paths", "--match", "*.log", self.folder, self.folder + "/c", self.folder + "/none")
        self.assertEqual(err, "")
        self.assertEqual(got["path.files", self.folder], 2)
        self.assertEqual(got["path.bytes", self.folder], 12)
        self.assertEqual(got["path.size", self.folder + "/c"], 11)
        self.assertTrue(0 <= got["path.age", self.folder + "/c"] < PATIENCE)
        self.assertEqual({k: v for (k, path), v in got.items() if path == self.folder + "/none"}, {"path.exists": 0})

    def test_wrong_usage(self):
        self.refuses("paths", "PATH... is missing")
        self.refuses("paths", "absolute path", "x")
        self.refuses("paths", '"/a" is there twice', "/a", "/a")
        self.refuses("paths", "give 1 to 32", "--depth", "33", "/a")
        self.refuses("paths", 'unknown argument "--proc"', "--proc", "/proc", "/a")

    def test_who_has_no_right(self):
        if os.geteuid() != 0 or not shutil.which("setpriv"):
            self.skipTest("needs root, and setpriv")
        os.mkdir(self.folder + "/closed", 0o700)
        os.chmod(self.folder, 0o755)
        program = shutil.copy(collector("paths"), self.folder)  # the build may be in a folder that is closed, too
        r = subprocess.run(["setpriv", "--reuid=65534", "--clear-groups", program, "--print", self.folder + "/closed/x",
                            self.folder + "/closed", self.folder], capture_output=True, timeout=PATIENCE, text=True)
        self.assertEqual(r.returncode, 1)
        self.assertIn(f"{self.folder}/closed/x: Permission denied (and 1 more)", r.stderr)
        self.assertNotIn("/closed/x", r.stdout)
        self.assertNotRegex(r.stdout, r"files\{path=[^ ]*/closed\}")
        self.assertRegex(r.stdout, r"files\{path=[^ ]*\} +1 file")


if __name__ == "__main__":
    main()
