#!/usr/bin/python3
"""plugin-options.py BUILD FILE: writes the options of every plugin in BUILD/plugins, as `garnet plugin describe` tells
them, to FILE ("-": standard output)."""
import glob
import json
import os
import subprocess
import sys

HEAD = """# The options of the plugins

Made by `cmake --build build/release --target plugin-options` from what each plugin says of itself
(`garnet plugin describe NAME`): do not edit. What every sink has besides is in [operations.md](operations.md). How names,
tags and values are written stands in each plugin's README (installed as plugins/NAME.md beside this page).
"""


def cell(text):
    return text.replace("|", "\\|")


def row(o):
    kind = o["type"]
    if "choices" in o:
        kind = ", ".join(f"`{c}`" for c in o["choices"])
    bounds = [f"at least {o['min']}"] if "min" in o else []
    bounds += [f"at most {o['max']}"] if "max" in o else []
    default = "required" if o["required"] else f"`{o['default']}`" if o.get("default") else ""
    return f"| `{o['name']}` | {cell(', '.join([kind] + bounds))} | {cell(default)} | {cell(o['help'])} |\n"


def section(d):
    out = f"\n## {d['name']}\n\n{d['about']}\n\n"
    out += f"A {' and '.join(d['roles'])}; {', '.join(d['flags']) or 'no flags'}; "
    out += f"{d['lines']} line(s) per metric" if d["lines"] else "not made of lines"
    out += f"; counters: {d['counters']}"
    out += "".join(f"; {key}: {d[key]}" for key in ("flush", "batch_size", "batch_metrics") if key in d) + ".\n\n"
    if not d["options"]:
        return out + "It has no options.\n"
    return out + "| option | type | default | |\n|---|---|---|---|\n" + "".join(row(o) for o in d["options"])


def reference(build):
    out = HEAD
    for so in sorted(glob.glob(os.path.join(build, "plugins/*.so"))):
        r = subprocess.run([os.path.join(build, "garnet"), "plugin", "describe", so, "--json"],
                           stdout=subprocess.PIPE, check=True)
        out += section(json.loads(r.stdout))
    return out


def main():
    text = reference(sys.argv[1])
    if sys.argv[2] == "-":
        sys.stdout.write(text)
    else:
        with open(sys.argv[2], "w") as f:
            f.write(text)


if __name__ == "__main__":
    main()
