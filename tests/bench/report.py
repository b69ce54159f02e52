"""What compare writes: Markdown, a picture, and both into the documents, between the lines that mark what is made."""
import datetime
import glob
import os
import platform
import re
import subprocess

from harness import SOURCE
from peers import UNPACKED, found
from rows import mid, mib, ratios, small, speed, times

PAGE = os.path.join(SOURCE, "docs/performance.md")
PICTURE = os.path.join(SOURCE, "docs/performance.svg")
README = os.path.join(SOURCE, "README.md")


def table(heads, rows):
    lines = [heads, ["---"] + ["--:"] * (len(heads) - 1), *rows]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


# --- where, and who ---

def read(path, pattern, default="unknown"):
    try:
        with open(path) as f:
            m = re.search(pattern, f.read(), re.M)
    except OSError:
        return default
    return m[1].strip().strip('"') if m else default


def machine():
    memory = int(read("/proc/meminfo", r"^MemTotal: +(\d+)", "0")) / (1 << 20)
    cpu = read("/proc/cpuinfo", r"^model name\s*: (.*)", platform.machine())
    idle = os.sched_getscheduler(0) == os.SCHED_IDLE
    return (f"{read('/proc/cpuinfo', r'^model name' + chr(92) + 's*: (.*)', platform.machine())}, "
            f"{len(os.sched_getaffinity(0))} cores, {memory:.0f} GiB; Linux {platform.release()}, "
            f"{read('/etc/os-release', r'^PRETTY_NAME=(.*)')}; {datetime.date.today().isoformat()}" +
            ("; in the idle class, beside other work, so not for comparison" if idle else ""))


def markdown(bench, absent):
    turns = f"Medians of {bench.turns} turns" if bench.turns > 1 else "One turn"
    text = f"{machine()}. {turns}, each measurement about {bench.seconds:g} s long.\n\n"
    text += "".join(f"- **{c.name}**{' ' + c.version() if c.version() else ''}: {c.fed}.\n" for c in bench.here)
    text += "".join(f"- {name} was left out: {why}.\n" for name, why in absent.items())
    for row in bench.rows.values():
        text += f"\n### {row.title}\n\n" + table(row.heads, row.table) + (f"\n{row.note.strip()}\n" if row.note else "")
    return text


# --- the picture ---

def gnuplot(script=None):
    """Debian's gnuplot-nox: a script of some lines draws all, and it brings along four packages, python3-matplotlib
    forty. Installed, or unpacked beside the peers."""
    libraries = glob.glob(UNPACKED + "/usr/lib/*-linux-gnu")
    return subprocess.run([found("gnuplot") or found("gnuplot-nox"), *([] if script else ["--version"])], input=script,
                          capture_output=True, text=True, env=dict(os.environ, LD_LIBRARY_PATH=":".join(libraries)))


def no_gnuplot():
    """Why it cannot be used, if so."""
    if not (found("gnuplot") or found("gnuplot-nox")):
        return "there is no gnuplot here (Debian: gnuplot-nox)"
    r = gnuplot()
    return r.stderr.strip() if r.returncode else None


PANELS = [("one", "rate", 1e3, "Thousand lines/s, one connection"),
          ("four", "rate", 1e3, "Thousand lines/s, four connections"),
          ("one", "cpu", 1, "CPU s per million, one connection"),
          ("memory", "flat", 1024, "Memory (PSS), four connections, MiB")]


def label(x):
    return f"{x:,.0f}" if x >= 100 else f"{x:.3g}"


def panel(row, what, unit, title):
    """Points on a logarithmic scale: the copy loop is a hundred times as fast as others, and bars would need a zero."""
    values = {n: [v / unit for v in g if v] for n, g in row.figures[what].items()}
    values = [(n, g) for n, g in values.items() if g][::-1]
    ticks = ", ".join(f'"{n}" {i}' for i, (n, _) in enumerate(values))
    rows = "".join(f'{mid(g)} {i} {min(g)} {max(g)} "{label(mid(g))}" {int(n == "Garnet")}\n'
                   for i, (n, g) in enumerate(values))
    most, least = max(max(g) for _, g in values), min(min(g) for _, g in values)
    return (f"$d << EOD\n{rows}EOD\nset title \"{title}\"\nset ytics ({ticks})\nset yrange [-0.6:{len(values) - 0.4}]\n"
            f"set xrange [{least / 2}:{most * 6}]\n"
            "plot $d using 1:2:3:4 with xerrorbars pt 7 ps 0.7 lc rgb '#777777', "
            "'' using ($6 > 0.5 ? $1 : NaN):2 with points pt 7 ps 0.9 lc rgb '#b01030', "
            "'' using 4:2:5 with labels left offset 0.8,0 font ',11'\n")


def draw(bench, path):
    """Why it could not be drawn, if so."""
    panels = [p for p in PANELS if p[0] in bench.rows]
    if not panels:
        return "no row of it was measured"
    if why := no_gnuplot():
        return why
    high, wide = (len(panels) + 1) // 2, min(2, len(panels))
    script = (f"set terminal svg size 900,{20 + 190 * high} font 'sans-serif,12' background rgb 'white' noenhanced\n"
              f"set output '{path}'\nset multiplot layout {high},{wide}\nunset key\nset logscale x\nset border 1\n"
              "set tics nomirror out scale 0.5\nset grid xtics lc rgb '#dddddd' lt 1\nset lmargin 16\nset bars 0.6\n")
    script += "".join(panel(bench.rows[r], w, u, title) for r, w, u, title in panels) + "unset multiplot\n"
    r = gnuplot(script)
    return r.stderr.strip() if r.returncode else None


# --- the documents ---

def between(path, text):
    """Replaces what stands between the marks in a document."""
    with open(path) as f:
        old = f.read()
    new, n = re.subn(r"(<!-- figures: .*?-->\n).*?(<!-- end of figures -->)", lambda m: m[1] + text + m[2], old,
                     flags=re.S)
    if n != 1:
        raise SystemExit(f"{path} has {n} places for figures")
    with open(path, "w") as f:
        f.write(new)


def telling(bench):
    """The README's three."""
    one, memory, peer = bench.rows["one"], bench.rows["memory"], "collectd"
    rate, cpu, pss = one.figures["rate"], one.figures["cpu"], memory.figures["flat"]
    if peer not in rate:
        peer = "copy loop"
    return table(["", "Garnet", peer, ""], [
        ["metrics a second, one connection to Graphite over TCP", speed(mid(rate["Garnet"])), speed(mid(rate[peer])),
         times(mid(ratios(rate["Garnet"], rate[peer]))) + " times as many"],
        ["CPU seconds per million of them, all processes", small(mid(cpu["Garnet"])), small(mid(cpu[peer])),
         times(mid(ratios(cpu[peer], cpu["Garnet"]))) + " times less"],
        ["memory of all processes, four connections flat out, MiB", mib(mid(pss["Garnet"])), mib(mid(pss[peer])),
         times(mid(ratios(pss[peer], pss["Garnet"]))) + " times less"]])


def write(bench, absent):
    why = draw(bench, PICTURE)
    between(PAGE, markdown(bench, absent))
    if "one" in bench.rows and "memory" in bench.rows:
        between(README, telling(bench))
    return why
