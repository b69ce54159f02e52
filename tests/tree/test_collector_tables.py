"""docs/collectors.md has the tables that the collectors are made of, and each metric of them keeps to the rules: one name, one
meaning; a unit that the plugin metrics20 knows; a section in the page for each subject. So have the
paths of others that are made from it."""
import os
import re
import subprocess
import sys

SOURCE, BUILD = os.environ["GARNET_SOURCE"], os.environ["GARNET_BUILD"]
PAGE = os.path.join(SOURCE, "docs/collectors.md")
PROGRAM = os.path.join(BUILD, "garnet-collectors")
WITHOUT_UNIT = {"hwmon.fan_rpm",  # Metrics 2.0 has no turns a minute
                "clock.synchronized"}  # 0 or 1


def output(*argv):
    return subprocess.run(argv, stdout=subprocess.PIPE, text=True, check=True).stdout


def units():
    """What plugins/metrics20/unit.c lists, without prefixes."""
    with open(os.path.join(SOURCE, "plugins/metrics20/unit.c")) as f:
        tables = re.findall(r"\*const (?:measured|frequency|counted|share)\[\] = \{(.*?)\};", f.read(), re.S)
    return set(re.findall(r'"([^"]+)"', " ".join(tables))) | {"ms", "us", "us/s", "uJ", "\u00b0C"}


def faults():
    with open(PAGE) as f:
        page = f.read()
    if output("/usr/bin/python3", "-B", os.path.join(SOURCE, "docs/keys.py"), PROGRAM, PAGE, "-") != page:
        yield "docs/collectors.md is out of date: cmake --build BUILD --target collector-tables"
    for other in ("collectd", "Diamond"):
        with open(os.path.join(SOURCE, f"examples/paths/{other.lower()}.yaml")) as f:
            if output("/usr/bin/python3", "-B", os.path.join(SOURCE, "docs/paths.py"), other) != f.read():
                yield f"examples/paths/{other.lower()}.yaml is out of date: cmake --build BUILD --target collector-tables"
    known, seen = units(), set()
    for table in output(PROGRAM).split("@")[1:]:
        subject, _, _, *rows = table.splitlines()
        for row in rows:
            name, unit, kind, _, source = [c.strip(" `") for c in row.strip("|").split("|")[:5]]
            if name in seen:
                yield f"{name} is there twice"
            seen.add(name)
            if not re.fullmatch(r"[a-z0-9_]+(\.[a-z0-9_]+)*", name):
                yield f"{name}: lower case, digits, _ and dots"
            if not unit and name not in WITHOUT_UNIT:
                yield f"{name} has no unit"
            if unit and unit not in known:
                yield f"{name}: the unit {unit} is not in plugins/metrics20/unit.c"
            if kind not in ("gauge", "counter"):
                yield f"{name}: what type is {kind}?"
            if not re.match(r"/(proc|sys)/|adjtimex\(\)", source):
                yield f"{name}: its source {source} is neither in /proc or /sys nor a call that is known"
    if len(seen) < 40:
        yield f"there are only {len(seen)} metrics"


def main():
    wrong = list(faults())
    print("\n".join(wrong) or "all tables are there")
    sys.exit(1 if wrong else 0)


main()
