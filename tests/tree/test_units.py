"""A .c and its .h are a unit. Who calls whom is read from the symbols of the object files: units depend downwards only, so
there is no cycle, no arrow that the table of the folders does not allow, and no header that declares what another file
defines, or nobody. A call through a pointer leaves no symbol: each pointer to a function stands in pointers.txt with
its direction.
At the end the test breaks its own rules, to show that it would see it.
"""
import collections
import os
import re
import subprocess
import sys
import tempfile

from folders import MAY

SOURCE = os.environ["GARNET_SOURCE"]
BUILD = os.path.join(os.environ["GARNET_BUILD"], "units")
CORE = os.path.join(SOURCE, "core")
POINTERS = os.path.join(SOURCE, "tests/tree/pointers.txt")

# symbol -> unit, unit -> symbols, symbol -> units, and the units that have a table of their own functions for others
Graph = collections.namedtuple("Graph", "defined used static tables")
Listed = collections.namedtuple("Listed", "unit names callers called")  # a line of pointers.txt


def sources(ending):
    for folder, _, files in os.walk(CORE):
        for name in sorted(files):
            if name.endswith(ending):
                yield os.path.relpath(os.path.join(folder, name), CORE)


def build():
    """Without an optimiser, which would take calls away or merge them, and without the sanitizers."""
    subprocess.run(["cmake", "-S", SOURCE, "-B", BUILD, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Debug", "-DGARNET_TESTS=OFF"],
                   check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["cmake", "--build", BUILD, "--parallel", "2"], check=True, stdout=subprocess.DEVNULL)
    wanted = {name[:-2] for name in sources(".c")}
    objects = {}
    for folder, _, files in os.walk(BUILD):
        for name in files:
            path = os.path.join(folder, name)
            if name.endswith(".c.o") and "/core/" in path:
                unit = path.split("/core/", 1)[1][:-len(".c.o")]
                if unit in wanted:  # and not a file of before that was renamed
                    objects[unit] = path
    assert objects.keys() == wanted, f"not built: {sorted(wanted - objects.keys())}"
    return objects


def exports_a_table(path):
    """Whether a datum that others see holds the address of a function of this file."""
    places, functions, addresses, section = [], set(), [], ""
    for line in subprocess.run(["objdump", "-tr", path], check=True, capture_output=True, text=True).stdout.splitlines():
        if m := re.match(r"([0-9a-f]+) (.{7}) (\S+)\t([0-9a-f]+) (?:\.hidden )?(\S+)$", line):
            if "F" in m[2]:
                functions.add(m[5])
            elif "g" in m[2] and "O" in m[2]:
                places.append((m[3], int(m[1], 16), int(m[4], 16)))
        elif m := re.match(r"RELOCATION RECORDS FOR \[(\S+)\]", line):
            section = m[1]
        elif m := re.match(r"([0-9a-f]+) R_\S+\s+([^\s+-]+)", line):
            if m[2].startswith(".text") or m[2] in functions:
                addresses.append((section, int(m[1], 16)))
    return any(s == section and begin <= at < begin + size for section, at in addresses for s, begin, size in places)


def symbols(objects):
    g = Graph({}, collections.defaultdict(set), collections.defaultdict(set), set())
    for unit, path in objects.items():
        for line in subprocess.run(["nm", path], check=True, capture_output=True, text=True).stdout.splitlines():
            kind, symbol = line.split()[-2:]
            if kind == "U":
                g.used[unit].add(symbol)
            elif kind in "TDBRVWC":
                g.defined[symbol] = unit
            elif kind == "t" and "." not in symbol:
                g.static[symbol].add(unit)
        if exports_a_table(path):
            g.tables.add(unit)
    return g


def stripped(name):
    """A file without comments, texts and directives."""
    text = open(os.path.join(CORE, name)).read()
    text = re.sub(r"/\*.*?\*/", " ", text, flags=re.S)
    text = re.sub(r"^\s*#(?:[^\n\\]|\\\n|\\.)*", "", text, flags=re.M)
    return re.sub(r'"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', '""', text)


def pointers_declared():
    """(unit, name) of each pointer to a function that core has: a member, a parameter, a column of a table."""
    types = {}
    found = set()
    texts = {name: stripped(name) for ending in (".h", ".c") for name in sources(ending)}
    for text in texts.values():
        for t in re.findall(r"\btypedef\s+[^;{}()]*?\b(\w+)\s*\([^;]*\)\s*;", text):
            types[t] = re.compile(rf"\b{t}\s*\*\s*(\w+)")
        for t in re.findall(r"\btypedef\s+[^;{}()]*\(\s*\*\s*(\w+)\s*\)\s*\(", text):
            types[t] = re.compile(rf"\b{t}\s+(\w+)")
    for name, text in texts.items():
        unit = name[:-2]
        found |= {(unit, n) for n in re.findall(r"\(\s*\*\s*(\w+)\s*(?:\[[^\]]*\])?\s*\)\s*\(", text) if n not in types}
        for rx in types.values():
            found |= {(unit, n) for n in rx.findall(text)}
    return found


def pointers_listed():
    """UNIT NAME up, or UNIT NAME down CALLER... > CALLED...: those arrows are in no symbol table."""
    for line in open(POINTERS):
        words = line.split("#")[0].split()
        if not words:
            continue
        unit, names, direction, *rest = words
        assert direction == ("down" if ">" in rest else "up") and (rest == [] or direction == "down"), line
        at = rest.index(">") if rest else 0
        yield Listed(unit, set(names.split(",")), rest[:at], rest[at + 1:])


def fills(unit, names):
    """{.NAME = ...}, in its own file"""
    return re.search(rf"\.({'|'.join(names)})\s*=(?!=)", stripped(unit + ".c"))


def stale(g, listed):
    """What is called through a pointer fills it, or is named by the unit that has the pointer; and all tables are listed."""
    for row in listed:
        named = {g.defined.get(s) for s in g.used[row.unit]}
        for unit in row.called:
            if unit in g.used and unit not in named and not fills(unit, row.names):
                yield f"pointers.txt: {row.unit} {','.join(sorted(row.names))} does not lead to {unit}"
    for unit in sorted(g.tables - {unit for row in listed for unit in row.called}):
        yield f"pointers.txt: {unit} has a table of its functions for others, and no line says who calls it"


def arrows_of(g, listed):
    arrows = {(u, g.defined[s]) for u, used in g.used.items() for s in used if g.defined.get(s, u) != u}
    return arrows | {(a, b) for row in listed for a in row.callers for b in row.called if a != b}


def cycles(arrows):
    """Tarjan's: the sets of units that can reach one another."""
    to = collections.defaultdict(set)
    for a, b in arrows:
        to[a].add(b)
    index, low, stack, out = {}, {}, [], []

    def visit(v):
        index[v] = low[v] = len(index)
        stack.append(v)
        for w in to[v]:
            if w not in index:
                visit(w)
            if w in stack:
                low[v] = min(low[v], low[w])
        if low[v] == index[v]:
            circle = set(stack[stack.index(v):])
            del stack[stack.index(v):]
            if len(circle) > 1:
                out.append(sorted(circle))

    sys.setrecursionlimit(10000)
    for v in list(to):
        if v not in index:
            visit(v)
    return sorted(out)


def forbidden(arrows):
    for a, b in sorted(arrows):
        folder = os.path.dirname("core/" + a)
        while folder not in MAY:
            folder = os.path.dirname(folder)
        allowed = MAY[folder]
        if allowed is not None and b.split("/")[0] not in allowed:
            yield f"{a} calls {b}: {folder} may not use {b.split('/')[0]}"


def declarations(name):
    """The statements of a header, without bodies and types."""
    text = stripped(name)
    while re.search(r"\{[^{}]*\}", text):
        text = re.sub(r"\{[^{}]*\}", ";", text)
    return [statement for statement in text.split(";") if not re.match(r"\s*typedef\b", statement)]


def strays(g):
    """What a header declares, its own .c defines; what a header defines itself calls nobody else."""
    for name in sources(".h"):
        unit = name[:-2]
        for statement in declarations(name):
            for symbol in re.findall(r"\b(\w+)\s*(?:\(|\[|$|,)", statement):
                if g.defined.get(symbol, unit) != unit:
                    yield f"{name} declares {symbol}, which {g.defined[symbol]} defines"


def undefined(g):
    """TYPE NAME(: a function that no object file has."""
    for name in sources(".h"):
        for statement in declarations(name):
            m = re.match(r"\s*(?!static\b)\w[\w\s*]*?\b(\w+)\s*\(", statement)
            if m and m[1] not in g.defined:
                yield f"{name} declares {m[1]}(), which nobody defines"


def inline_calls(g):
    for name in sources(".h"):
        text, unit = stripped(name), name[:-2]
        for body in re.findall(r"\)\s*(\{(?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*\})", text):
            for symbol in re.findall(r"\b(\w+)\s*\(", body):
                if g.defined.get(symbol, unit) != unit:
                    yield f"{name}: an inline function calls {symbol} of {g.defined[symbol]}"


def twins(g):
    """A breakpoint on a static function means one place. (What headers have inline is in each object that uses it.)"""
    ours = {n for name in sources(".c") for n in re.findall(r"\bstatic\b[^;{}()=]*\b(\w+)\s*\(", stripped(name))}
    for symbol, units in sorted(g.static.items()):
        if len(units) > 1 and symbol in ours:
            yield f"two functions are called {symbol}: {' '.join(sorted(units))}"


def faults(g, listed):
    declared, known = pointers_declared(), {(row.unit, n) for row in listed for n in row.names}
    arrows = arrows_of(g, listed)
    units = set(g.used) | set(g.defined.values())
    out = [f"pointers.txt does not have {u} {n}" for u, n in sorted(declared - known)]
    out += [f"pointers.txt has {u} {n}, which is not there" for u, n in sorted(known - declared)]
    out += [f"pointers.txt: there is no unit {u}" for row in listed for u in row.callers + row.called if u not in units]
    out += list(stale(g, listed)) + list(forbidden(arrows)) + list(inline_calls(g))
    out += [f"a circle: {' '.join(c)}" for c in cycles(arrows)]
    out += sorted(set(strays(g))) + list(undefined(g))
    return out + list(twins(g))


def breaks_its_own_rules(objects, listed):
    """An arrow upwards, a circle, functions that are missing, a table and a pointer that leads elsewhere, from a file that is
    compiled and a line that is added: all must be seen."""
    with tempfile.TemporaryDirectory() as folder:
        source, path = os.path.join(folder, "x.c"), os.path.join(folder, "x.o")
        with open(source, "w") as f:
            f.write("void daemon_run(void); void arena_free(void); int log_line; void log_as(void);\n"
                    "void log_as(void) { daemon_run(); arena_free(); }\n"
                    "void (*const log_table[])(void) = {log_as};\n")
        subprocess.run(["cc", "-c", "-o", path, source], check=True)
        said = faults(symbols({**objects, "base/log": path}), listed + [Listed("garnet", {"run"}, ["garnet"], ["base/glob"])])
    for what, seen in (("an arrow upwards", "base may not use daemon"), ("a circle", "a circle: .* ?base/log "),
                        ("a missing function", r"declares log_open\(\), which nobody"), ("a table", "base/log has a table"),
                        ("a pointer that leads elsewhere", "garnet run does not lead to base/glob")):
        assert any(re.search(seen, s) for s in said), f"{what} was not seen"


def main():
    objects = build()
    g, listed = symbols(objects), list(pointers_listed())
    said = faults(g, listed)
    print(f"{len(objects)} units, {len(cycles(arrows_of(g, listed)))} circles")
    for line in said:
        print(line)
    if said:
        sys.exit(1)
    breaks_its_own_rules(objects, listed)


main()
