"""docs/operations.md has every key of the configuration and every metric of garnetd's own, each with its level and all its
reasons, and no other."""
import os
import re
import subprocess
import sys

SOURCE, BUILD = os.environ["GARNET_SOURCE"], os.environ["GARNET_BUILD"]
REASONS = {  # of which metric -> where the list of their names is
    "garnet.collector.failures": ("core/collect/outcome.c", {"ok", "stopped"}),
    "garnet.collector.missed_by": ("core/collect/schedule.c", set()),
    "garnet.sink.dropped": ("core/spool/cursor.h", set()),
}


def text(name):
    with open(os.path.join(SOURCE, name)) as f:
        return f.read()


def rows(page, start, end):
    """The first cell's words in backquotes, a "`.word`" with the beginning of the one before it, and the last cell."""
    for line in page[page.index(start):page.index(end)].splitlines():
        cells = [c.strip() for c in re.split(r"\s\|(?=\s)", line.strip("|"))]
        if line.startswith("| `"):
            words = re.findall(r"`([^`]+)`", cells[0])
            yield [w if w[0] != "." else words[0].rpartition(".")[0] + w for w in words], cells


def differences(what, source, page):
    return [f"{what} {x} is not in docs/operations.md" for x in sorted(source - page)] + \
           [f"{what} {x} is in docs/operations.md and nowhere else" for x in sorted(page - source)]


def check_keys(page):
    r = subprocess.run(["/usr/bin/python3", "-B", os.path.join(SOURCE, "docs/keys.py"), os.path.join(BUILD, "garnet-keys"),
                        os.path.join(SOURCE, "docs/operations.md"), "-"], stdout=subprocess.PIPE, text=True, check=True)
    if r.stdout != page:
        yield "the keys in docs/operations.md are out of date: cmake --build BUILD --target keys"
    keys = [words[0] for words, _ in rows(page, "### garnet.yaml", "## Signals") if re.fullmatch(r"[a-z_.]+", words[0])]
    if len(keys) < 70 or not {"socket.path", "confirm.every", "limits.cpu"} <= set(keys):
        yield f"there are only {len(keys)} keys in docs/operations.md"


def check_metrics(page):
    files = [text("core/daemon/" + name) for name in sorted(os.listdir(os.path.join(SOURCE, "core/daemon")))]
    source = {name for f in files for name in re.findall(r'"(garnet\.[a-z_.]+)"', f)}
    told, level = {}, {}
    for words, cells in rows(page, "## Garnet's own metrics", "## The collectors that come"):
        told.update({w: cells[-1] for w in words})
        level.update({w: cells[2] for w in words})
    written = [r for f in files for r in re.findall(r'\bself_(?:count|gauge|real)\(&?at,\s*(BASIC|FULL),\s*"([^"]+)"', f)]
    yield from differences("row of metric", {name for _, name in written}, source)
    for what, name in written:
        if level.get(name) != what.lower():
            yield f"level of {name}: {what.lower()} in core/daemon, {level.get(name)} in docs/operations.md"
    if any('"garnet.sink.plugin.%s"' in f for f in files):  # whose names are the plugins'
        source.add("garnet.sink.plugin.NAME")
    yield from differences("metric", source, set(told))
    for name, (file, never) in REASONS.items():
        listed = re.search(r"\*const names\[\w*\] = \{([^}]*)\}", text(file)).group(1)
        for reason in set(re.findall(r'"(\w+)"', listed)) - never:
            if f"`{reason}`" not in told.get(name, ""):
                yield f"reason {reason} of {name} is not in docs/operations.md"


def main():
    page = text("docs/operations.md")
    wrong = list(check_keys(page)) + list(check_metrics(page))
    print("\n".join(wrong) or "all keys are there, and all metrics")
    sys.exit(1 if wrong else 0)


main()
