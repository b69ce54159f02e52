"""./run-tests NAME: a test's file and its name lead to that test, and a name that is none is told what is near."""
import glob
import os
import re
import sys
import unittest

TESTS = os.path.join(os.environ["GARNET_SOURCE"], "tests")
sys.path.insert(0, TESTS)
from names import meant, near


def files():
    """file -> test, as CMakeLists.txt calls it"""
    out = {}
    for path in glob.glob(TESTS + "/unit/*/test_*.c") + glob.glob(TESTS + "/scenario/test_*.py") + \
            glob.glob(TESTS + "/tree/test_*.py") + glob.glob(TESTS + "/fuzz/fuzz_*.c"):
        name = os.path.relpath(path, TESTS)
        out["tests/" + name] = re.sub(r"/(test|fuzz)_", ".", name.rsplit(".", 1)[0]).replace("/", ".")
    return out


class Names(unittest.TestCase):
    def test_each_leads_to_its_test(self):
        tests = list(files().values())
        for path, test in files().items():
            self.assertEqual(meant(path, tests), [test])
            self.assertEqual(meant(test, tests), [test])
            self.assertIn(test, meant(os.path.basename(path), tests))
            self.assertIn(test, meant(test.split(".")[-1], tests))

    def test_a_folder_is_all_that_is_in_it(self):
        tests = list(files().values())
        self.assertEqual(set(meant("unit.spool", tests)), {t for t in tests if t.startswith("unit.spool.")})

    def test_what_is_none(self):
        tests = list(files().values())
        self.assertEqual(meant("spool.snyc", tests), [])
        self.assertEqual(near("spool.snyc", tests)[0], "unit.spool.sync")
        self.assertIn("scenario.sinks", near("snks", tests))


unittest.main()
