"""A file that a comment or a document names is there."""
import os
import re
import sys

SOURCE = os.environ["GARNET_SOURCE"]
ROOTS = ("", "core", "core/include", "client/include", "plugins", "tests", "docs")
NAMED = re.compile(r"(?<![\w./{*-])(?!sys/|linux/|curl/)((?:[a-z][a-z0-9_]*/)+[a-z0-9_]+)\.(\[ch\]|[ch]|py|md)\b(?![\w/])")


def texts():
    for top in ("core", "plugins", "client", "collectors", "tests", "docs"):
        for folder, _, files in os.walk(os.path.join(SOURCE, top)):
            for name in sorted(files):
                path = os.path.join(folder, name)
                if name.endswith((".c", ".h")):
                    yield path, "\n".join(re.findall(r"/\*.*?\*/", open(path).read(), flags=re.S))
                elif name.endswith((".py", ".md")) and "data" not in folder:
                    yield path, open(path).read()
    yield "README.md", open(os.path.join(SOURCE, "README.md")).read()


def is_there(stem, ending, beside):
    return all(any(os.path.exists(os.path.join(root, f"{stem}.{e}"))
                   for root in [beside] + [os.path.join(SOURCE, r) for r in ROOTS])
               for e in (("c", "h") if ending == "[ch]" else (ending,)))


def main():
    seen, wrong = 0, []
    for path, text in texts():
        for stem, ending in NAMED.findall(text):
            seen += 1
            if not is_there(stem, ending, os.path.dirname(path)):
                wrong.append(f"{os.path.relpath(path, SOURCE)} names {stem}.{ending}, which is not there")
    print(f"{seen} files are named")
    for line in sorted(set(wrong)):
        print(line)
    sys.exit(1 if wrong or seen < 50 else 0)


main()
