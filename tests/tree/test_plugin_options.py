"""docs/plugin-options.md is what the plugins say of themselves, and docs/plugins.md shows the template as it is."""
import os
import subprocess
import sys

BUILD, SOURCE = os.environ["GARNET_BUILD"], os.environ["GARNET_SOURCE"]


def text(name):
    with open(os.path.join(SOURCE, name)) as f:
        return f.read()


def main():
    r = subprocess.run(["/usr/bin/python3", "-B", os.path.join(SOURCE, "docs/plugin-options.py"), BUILD, "-"],
                       stdout=subprocess.PIPE, text=True, check=True)
    wrong = []
    if r.stdout.count("\n## ") < 1:
        wrong.append("no plugin was built")
    if r.stdout != text("docs/plugin-options.md"):
        wrong.append("docs/plugin-options.md is out of date: cmake --build BUILD --target plugin-options")
    if text("examples/plugin/hello.c") not in text("docs/plugins.md"):
        wrong.append("docs/plugins.md does not hold examples/plugin/hello.c as it is")
    print("\n".join(wrong))
    sys.exit(1 if wrong else 0)


main()
