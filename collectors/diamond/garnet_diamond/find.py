"""Where a collector is, by the text of the files alone: none is run to find another, and one for Python 2 is found, too."""
import difflib
import os
import re

NOT_FOR_COLLECTORS = ("test", "tests", "fixtures", "__pycache__")
CLASS = re.compile(r"^class[ \t]+(\w+)[ \t]*(?:\(([^)]*)\))?[ \t]*:", re.MULTILINE)


class NotFound(Exception):
    """What to tell somebody."""


def folders(tops):
    """These and all below, but for tests; links are followed, each folder comes once."""
    seen, left = set(), list(reversed(tops))
    while left:
        top = left.pop()
        real = os.path.realpath(top)
        if real in seen:
            continue
        seen.add(real)
        yield top
        with os.scandir(top) as entries:
            below = sorted(e.path for e in entries
                           if e.is_dir() and e.name[0] != "." and e.name not in NOT_FOR_COLLECTORS)
        left += reversed(below)


def files(tops):
    for folder in folders(tops):
        for name in sorted(os.listdir(folder)):
            if name.endswith(".py") and not name.startswith(("test", ".")):
                yield os.path.join(folder, name)


def classes(path):
    """(name, whether it is a collector's) of each."""
    with open(path, encoding="utf-8", errors="replace") as f:
        return [(name, "Collector" in bases) for name, bases in CLASS.findall(f.read())]


def collectors(tops):
    """(name, file) of all, in order."""
    return [(name, path) for path in files(tops) for name, is_one in classes(path) if is_one]


def collector(tops, wanted):
    """(name, file) of the one that is meant: a class, with or without "Collector", or the file that has no other."""
    known = collectors(tops)
    for name in (wanted, wanted + "Collector"):
        found = [(n, path) for n, path in known if n == name]
        if not found:
            found = [(n, path) for path in files(tops) for n, _ in classes(path) if n == name]
        if len(found) == 1:
            return found[0]
        if found:
            raise NotFound("%s is in %s: name one of these folders with --path" % (name, " and in ".join(path for _, path in found)))
    inside = [(n, path) for n, path in known if os.path.basename(path) == wanted + ".py"]
    if len(inside) == 1:
        return inside[0]
    if inside:
        raise NotFound("%s has several: %s" % (inside[0][1], ", ".join(n for n, _ in inside)))
    short = {}
    for n, path in known:
        short.update({n.lower(): n, n.lower().replace("collector", ""): n, os.path.basename(path)[:-len(".py")].lower(): n})
    near = difflib.get_close_matches(wanted.lower(), short, 1)
    raise NotFound("no collector %s in %s: %s" % (
        wanted, ", ".join(tops), "did you mean %s?" % short[near[0]] if near else "--list has those that are there"))
