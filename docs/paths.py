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
# To be copied below the sink, indented as its other keys. `cpu.core.*` takes the option --per-core of `host`, and `processes.state.*` --states.
#
# Some of these numbers have another unit than there. Processor time is in ms a second, ten times collectd's ticks, and of programs a
# thousandth of its us; what was swapped and paged is in bytes, not in pages or KiB. Not here: what collectd calls by names that nothing here
# has (sensors, mount points, swap devices, files, URLs).
"""
DIAMOND = """\
# The paths that Diamond's own collectors give these metrics, for a sink with `plugin: graphite` and `counters: rate`.
# `servers` is Diamond's path_prefix: write yours. Made from docs/collectors.md.
# To be copied below the sink, indented as its other keys. `cpu.core.*` takes the option --per-core of `host`, and `processes.state.*` --states.
#
# Some of these numbers have another unit than there. Processor time is in ms a second, ten times Diamond's ticks; all that is in bytes
# is so in Diamond with `byte_unit = byte`. Not here: mount points, files and URLs, which Diamond writes in a way of its own, and processor
# time and io of programs, which it adds up over those that run.
"""


# What no template makes: a sum of several, minutes, a swap device as collectd writes it. Nor what Diamond adds up over processes: a sum that goes
# back, ours is a rate.
NONE = re.compile("[(]|[.]minutes$|swap-")
NO_RATE = re.compile(r"process[.]NAME[.](cpu_times|io_counters)[.]")


def path(other, tags):
    """What the table calls it there, as a path with our tags in it. None: it lacks a tag, so that several series would be one, and is
    written there in a way of its own: mount points, sensors, URLs."""
    for theirs, ours in ((r"DEVICE", "{device}"), (r"\b(cpu-?)N\b", r"\1{core}"), (r"\b(process[.]|processes-)NAME\b", r"\1{program}")):
        other = re.sub(theirs, ours, other)
    if NONE.search(other) or not all("{%s}" % tag in other for tag in tags):
        return None
    return re.sub("[/ ]", ".", other)


def rows(page):
    """Those of our own tables. The others, of services, have names that are cut short."""
    for table in re.findall(r"<!-- metrics of .*?-->\n(.*?)<!-- end of metrics", page, re.S):
        for line in table.splitlines()[2:]:
            yield [c.strip().strip("`") for c in line[2:].split(" |")]


def main():
    column, head, before = {"collectd": (6, COLLECTD, "{host}"), "Diamond": (5, DIAMOND, "servers.{host}")}[sys.argv[1]]
    print(head + "paths:")
    with open(PAGE) as f:
        page = f.read()
    for row in rows(page):
        made = None if NO_RATE.match(row[column]) else path(row[column], re.findall(r"\w+", row[3]))
        if made:
            print(f'  {row[0]}: "{before}.{made}"')


main()
