#!/usr/bin/python3
"""What each stage of a metric's road costs by itself: ns of processor time for a metric, and where valgrind is there
instructions, which do not depend on who else is on the machine. Two runs of different length tell them, so that what
comes before the first metric does not count. Reported, never asserted.
Run: GARNET_BUILD=build/release tests/bench/stages.py [STAGE...]
"""
import os
import re
import shutil
import subprocess
import sys

STAGES = os.path.join(os.environ["GARNET_BUILD"], "tests/stages")
FEW, MANY = 2000, 12000


def instructions(stage, metrics):
    """All of a run, by callgrind; None where it cannot tell."""
    r = subprocess.run(["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", STAGES, stage, str(metrics)],
                       capture_output=True, text=True)
    found = re.search(r"Collected : (\d+)", r.stderr)
    return int(found[1]) if r.returncode == 0 and found else None


def main():
    wanted = sys.argv[1:]
    out = subprocess.run([STAGES], capture_output=True, text=True, check=True).stdout
    print(f"{'':16}{'ns':>8}{'instructions':>14}")
    for line in out.splitlines():
        stage, ns = line.split()
        if wanted and stage not in wanted:
            continue
        counted = ""
        if shutil.which("valgrind") and stage != "send":  # of which the kernel has nearly all
            few, many = instructions(stage, FEW), instructions(stage, MANY)
            counted = f"{(many - few) / (MANY - FEW):14.0f}" if few and many else ""
        print(f"{stage:16}{ns:>8}{counted}", flush=True)


if __name__ == "__main__":
    main()
