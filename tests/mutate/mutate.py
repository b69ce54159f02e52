"""The mutation check: is there a test for each thing that durability and delivery rest on?

For each row of mutations.py one line of the product is taken away in a copy of the tree, what is needed is
built, and the tests named in the row are run: at least one must fail. A row whose text is no longer found
exactly once is an error, so that the table cannot rot in silence. Nothing of the real tree is touched.

usage: mutate.py SOURCE SCRATCH [NAME...]
"""
import os
import shutil
import subprocess
import sys
import time

from mutations import MUTATIONS

SOURCE, SCRATCH, ONLY = sys.argv[1], sys.argv[2], sys.argv[3:]
TREE, BUILD = os.path.join(SCRATCH, "tree"), os.path.join(SCRATCH, "build")
PATIENCE = 600  # seconds for the tests of one row: a mutant may hang, which counts as failing


def run(*argv, timeout=None):
    return subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, timeout=timeout)


def must(*argv):
    r = run(*argv)
    if r.returncode != 0:
        sys.exit(f"{' '.join(argv)}:\n{r.stdout[-4000:]}")


def tests_fail(pattern):
    try:
        r = run("ctest", "--test-dir", BUILD, "--no-tests=error", "--stop-on-failure", "-R", pattern, timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        return True
    if "No tests were found" in r.stdout:
        sys.exit(f"no test is called {pattern}")
    return r.returncode != 0


def check(m):
    """None when the mutant was noticed, else what is wrong."""
    path = os.path.join(TREE, m.file)
    with open(path) as f:
        text = f.read()
    if text.count(m.old) != 1:
        return f"its text is in {m.file} {text.count(m.old)} times, not once: mend the table"
    try:
        with open(path, "w") as f:
            f.write(text.replace(m.old, m.new))
        built = run("cmake", "--build", BUILD)
        if built.returncode != 0:
            return f"it does not compile: {built.stdout[-1500:]}"
        return None if tests_fail(m.tests) else f"nobody noticed, not even {m.tests}"
    finally:
        with open(path, "w") as f:
            f.write(text)


def main():
    shutil.rmtree(TREE, ignore_errors=True)
    shutil.copytree(SOURCE, TREE, ignore=shutil.ignore_patterns("build", ".git", "node_modules"), symlinks=True)
    must("cmake", "-S", TREE, "-B", BUILD, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Release", "-DCMAKE_C_FLAGS=-Wno-error")
    must("cmake", "--build", BUILD)
    rows = [m for m in MUTATIONS if not ONLY or m.name in ONLY]
    for pattern in sorted({m.tests for m in rows}):
        if tests_fail(pattern):
            sys.exit(f"{pattern} fails without any mutation")
    survived = 0
    for m in rows:
        began = time.monotonic()
        wrong = check(m)
        survived += wrong is not None
        print(f"{'SURVIVED' if wrong else 'noticed '} {m.name} ({time.monotonic() - began:.0f} s)"
              + (f": {wrong}" if wrong else ""), flush=True)
    print(f"{len(rows) - survived} of {len(rows)} mutants were noticed")
    return survived > 0 or not rows


sys.exit(main())
