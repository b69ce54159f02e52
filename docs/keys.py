#!/usr/bin/python3
"""keys.py PROGRAM PAGE [-]: puts the tables that PROGRAM (docs/keys.c, docs/collectors.c) prints into PAGE, each between the
lines "<!-- keys of NAME ... -->" and "<!-- end of keys -->", or with "metrics" for "keys"; "-": writes the page to standard
output instead."""
import re
import subprocess
import sys


def main():
    program, path = sys.argv[1:3]
    printed = subprocess.run([program], stdout=subprocess.PIPE, text=True, check=True).stdout
    with open(path) as f:
        page = f.read()
    for table in printed.split("@")[1:]:
        name, rows = table.split("\n", 1)
        place = re.compile(rf"(<!-- (?:keys|metrics) of {re.escape(name)}\b.*?-->\n).*?(<!-- end of (?:keys|metrics) -->\n)", re.S)
        page, n = place.subn(lambda m: m.group(1) + rows + m.group(2), page)
        if n != 1:
            sys.exit(f"{path} has {n} places for the keys of {name}")
    if sys.argv[3:] == ["-"]:
        sys.stdout.write(page)
    else:
        with open(path, "w") as f:
            f.write(page)


main()
