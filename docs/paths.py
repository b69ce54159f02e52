#!/usr/bin/python3
"""paths.py collectd|Diamond: from the tables of docs/collectors.md, the option `paths` of the graphite plugin that gives the host's
metrics the paths that they had there. Standard output."""
import os
import re
import sys

PAGE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "collectors.md")

COLLECTD = """\
# The paths that collectd's write_graphite gives these metrics, for a sink with `plugin: graphite` and `counters: rate`.
# Before each stands the host; what your Prefix and Postfix added, add here. Made from docs/collectors.md.
#
# Four of these numbers have another unit than there. Processor time is in ms a second, ten times collectd's ticks; what was swapped and
# paged is in bytes, not in pages or KiB. Not here: what collectd calls by names that nothing here has (sensors, mount points, swap devices).
"""
DIAMOND = """\
# The paths that Diamond's own collectors give these metrics, for a sink with `plugin: graphite` and `counters: rate`.
# `servers` is Diamond's path_prefix: write yours. Made from docs/collectors.md.
#
# Some of these numbers have another unit than there. Processor time is in ms a second, ten times Diamond's ticks; all that is in bytes
# is so in Diamond with `byte_unit = byte`. Not here: mount points, which Diamond writes in a way of its own.
"""

# What no template makes: names for mount points and the like that are written in ways of their own, a sum of several, minutes.
NONE = re.compile("MOUNT|CHIP|zoneN|swap-DEVICE|[(]|[.]minutes$")


def path(other):
    """What the table calls it there, as a path with our tags in it."""
    other = other.replace("DEVICE", "{device}")
    return re.sub("[/ ]", ".", re.sub(r"\b(cpu-?)N\b", r"\1{core}", other))


def main():
    column, head, before = {"collectd": (6, COLLECTD, "{host}"), "Diamond": (5, DIAMOND, "servers.{host}")}[sys.argv[1]]
    print(head + "paths:")
    with open(PAGE) as f:
        rows = [[c.strip().strip("`") for c in line[2:].split(" |")] for line in f if line.startswith("| `")]
    for row in rows:
        if len(row) > 7 and row[column] and not NONE.search(row[column]):
            print(f'  {row[0]}: "{before}.{path(row[column])}"')


main()
