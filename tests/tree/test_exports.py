"""A plugin exports garnet_plugin_v1 and nothing else, and needs nothing but libc, and what it alone is for."""
import glob
import os
import subprocess
import sys

BUILD = os.environ["GARNET_BUILD"]
MORE = {"live.so": {"libmicrohttpd.so.12"}}
SANITIZED = os.path.exists(os.path.join(BUILD, "sanitized"))


def main():
    plugins = glob.glob(os.path.join(BUILD, "plugins/*.so"))
    wrong = [] if plugins else ["no plugin was built"]
    for so in plugins:
        out = subprocess.run(["nm", "-D", "--defined-only", so], capture_output=True, text=True, check=True).stdout
        names = [line.split()[-1] for line in out.splitlines()]
        if not SANITIZED and names != ["garnet_plugin_v1"]:
            wrong.append(f"{so} exports {names}")
        dynamic = subprocess.run(["readelf", "-d", so], capture_output=True, text=True, check=True).stdout
        needed = [line.split("[")[1].rstrip("]") for line in dynamic.splitlines() if "(NEEDED)" in line]
        if not SANITIZED and set(needed) - {"libc.so.6", "libm.so.6"} - MORE.get(os.path.basename(so), set()):
            wrong.append(f"{so} needs {needed}")
    print(f"{len(plugins)} plugins looked at")
    print("\n".join(wrong))
    sys.exit(1 if wrong else 0)


main()
