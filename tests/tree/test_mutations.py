"""Each mutation of tests/mutate applies to the code as it is: its text stands in its file once, and there are tests to see it."""
import glob
import os
import re
import sys

SOURCE = os.environ["GARNET_SOURCE"]
sys.path.insert(0, os.path.join(SOURCE, "tests/mutate"))
from mutations import MUTATIONS


def tests():
    for path in glob.glob("unit/*/test_*.c", root_dir=SOURCE + "/tests") + glob.glob("scenario/test_*.py", root_dir=SOURCE + "/tests"):
        yield re.sub(r"/(test_)?", ".", path.rsplit(".", 1)[0])


def faults():
    names = list(tests())
    for m in MUTATIONS:
        path = os.path.join(SOURCE, m.file)
        n = open(path).read().count(m.old) if os.path.exists(path) else 0
        if n != 1:
            yield f"{m.name}: its text is in {m.file} {n} times, not once: mend tests/mutate/mutations.py"
        if not any(re.search(m.tests, name) for name in names):
            yield f"{m.name}: no test is called {m.tests}"


def main():
    said = list(faults())
    print("\n".join(said) or f"{len(MUTATIONS)} mutations apply")
    sys.exit(1 if said else 0)


main()
