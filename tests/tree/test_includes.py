"""Who may include whom, as docs/architecture.md has it: data flows one way, and this is what keeps it so."""
import os
import re
import sys

from folders import MAY, PARTS

SOURCE = os.environ["GARNET_SOURCE"]
ONLY = {  # a library's header -> the one place that knows the library
    "yaml.h": re.compile(r"core/conf/"),
    "jansson.h": re.compile(r"core/intake/json|core/control/request|core/cli/"),
    "xxhash.h": re.compile(r"core/(conf|spool)/|core/intake/quota|core/sink/counters|plugins/live/store"),
    "microhttpd.h": re.compile(r"plugins/live/(http|streams|answers)"),
    "curses.h": re.compile(r"core/cli/top_screen"),
    "term.h": re.compile(r"core/cli/top_screen"),
    "curl/curl.h": re.compile(r"collectors/http\.h"),
    "systemd/sd-bus.h": re.compile(r"collectors/checks/systemd_units"),
    "dlfcn.h": re.compile(r"core/plugin/plugin|core/plugintest/elf"),
}


def rule(path):
    folder = os.path.dirname(path)
    while folder not in MAY:
        folder = os.path.dirname(folder)
    return MAY[folder]


def main():
    checked, wrong = 0, []
    for top in ("core", "plugins", "client", "collectors"):
        for folder, _, files in os.walk(os.path.join(SOURCE, top)):
            for name in sorted(f for f in files if f.endswith((".c", ".h"))):
                path = os.path.relpath(os.path.join(folder, name), SOURCE)
                allowed = rule(path)
                for line in open(os.path.join(SOURCE, path)):
                    m = re.match(r'\s*#\s*include\s*[<"]([^>"]+)[>"]', line)
                    if not m:
                        continue
                    checked += 1
                    header = m.group(1)
                    part = header.split("/")[0] if "/" in header else header[:-2]
                    known = part in PARTS or part == "client"
                    if known and allowed is not None and part not in allowed:
                        wrong.append(f"{path} may not include {header}")
                    if header in ONLY and not ONLY[header].match(path):
                        wrong.append(f"{path} may not include {header}: one file knows that library")
    print(f"{checked} includes looked at")
    for w in wrong:
        print(w)
    sys.exit(1 if wrong or checked < 100 else 0)


main()
