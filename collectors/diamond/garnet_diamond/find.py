"""Where a collector is, by the text of the files alone: none is run to find another, and one for Python 2 is found, too."""
import difflib
import os
import re

NOT_FOR_COLLECTORS = ("test", "tests", "fixtures", "__pycache__")
CLASS = re.compile(r"^[ \t]*class[ \t]+(\w+)[ \t]*(?:\(([^)]*)\))?[ \t]*:", re.MULTILINE)


class NotFound(Exception):
    """What to tell somebody."""


class Files:
    """The Python files of these folders and of all below, but for tests; links are followed, each folder comes once.

    What cannot be read is told, and the rest is there: a file that is for another user is none of this collector's business.
    """

    def __init__(self, tops, complain):
        self.tops, self._complain = tops, complain
        self.paths = []
        self._classes = None
        seen, left = set(), list(reversed(tops))
        while left:
            top = left.pop()
            real = os.path.realpath(top)
            if real not in seen:
                seen.add(real)
                left += reversed(self._look_into(top))

    def _look_into(self, top):
        """The folders in it."""
        try:
            with os.scandir(top) as entries:
                entries = sorted((e for e in entries if e.name[0] != "."), key=lambda e: e.name)
                self.paths += [e.path for e in entries if e.name.endswith(".py") and not e.name.startswith("test") and e.is_file()]
                return [e.path for e in entries if e.name not in NOT_FOR_COLLECTORS and e.is_dir()]
        except OSError as e:
            self._complain("%s: %s" % (top, e.strerror))
            return []

    def classes(self):
        """(name, whether it is a collector's, path) of each class, in order."""
        if self._classes is None:
            found = {}
            for path in self.paths:
                try:
                    with open(path, encoding="utf-8", errors="replace") as f:
                        text = f.read()
                except OSError as e:
                    self._complain("%s: %s" % (path, e.strerror))
                    continue
                for name, bases in CLASS.findall(text):
                    found[name, path] = found.get((name, path), False) or "Collector" in bases
            self._classes = [(name, is_one, path) for (name, path), is_one in found.items()]
        return self._classes

    def collectors(self):
        """(name, path) of each."""
        return [(name, path) for name, is_one, path in self.classes() if is_one]

    def collector(self, wanted):
        """(name, path) of the one that is meant: a class, with or without "Collector", or the file that has no other."""
        known = self.collectors()
        for name in (wanted, wanted + "Collector"):
            found = [(n, path) for n, path in known if n == name] or [(n, path) for n, _, path in self.classes() if n == name]
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
            wanted, ", ".join(self.tops), "did you mean %s?" % short[near[0]] if near else "--list has those that are there"))
