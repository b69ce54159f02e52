"""names.py NAME...: which tests are meant, one a line, of those whose names come on standard input.

A name is a test's (unit.spool.sync), its end (spool.sync, sync), what it begins with (unit.spool: all of them), or a file
(tests/unit/spool/test_sync.c, test_sync, fuzz_conf). Where one is none, what is near goes to standard error, and the
exit status is 1.
"""
import difflib
import re
import sys


def parts(name):
    words = [w for w in re.split(r"[/.]", re.sub(r"\.(c|py)$", "", name)) if w and w != "tests"]
    if not words:
        return ["?"]
    kind, _, rest = words[-1].partition("_")
    if kind == "fuzz" and rest:
        return ["fuzz", rest]
    return words[:-1] + [rest if kind == "test" and rest else words[-1]]


def meant(name, tests):
    for words in (name.split("."), parts(name)):
        at = ".".join(words)
        for found in ([t for t in tests if t == at],
                      [t for t in tests if t.endswith("." + at)],
                      [t for t in tests if f".{t}".find(f".{at}.") >= 0]):
            if found:
                return found
    return []


def near(name, tests):
    word = parts(name)[-1]
    ends = {}
    for t in tests:
        for end in (t, t.split(".")[-1]):
            ends.setdefault(end, []).append(t)
    close = [t for e in difflib.get_close_matches(word, ends, n=8, cutoff=0.6) for t in ends[e]]
    close += [t for t in tests if word in t]
    close += [t for e in difflib.get_close_matches(name, ends, n=4, cutoff=0.6) for t in ends[e]]
    return sorted(set(close), key=close.index)[:8]


def main():
    tests = sys.stdin.read().split()
    found = []
    for name in sys.argv[1:]:
        these = meant(name, tests)
        if not these:
            hints = near(name, tests)
            sys.exit(f"There is no test called {name}. " +
                     (f"Near are: {', '.join(hints)}" if hints else "All are: " + " ".join(tests)))
        found += [t for t in these if t not in found]
    print("\n".join(found))


main()
