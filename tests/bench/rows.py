"""What compare measures: a function for each row, in ROWS. Each gives a Row: a table for people, and figures for the
picture and the README.

Who is compared takes turns, each started anew: Garnet, peer, peer, copy loop, Garnet, ... Medians are of all turns;
ratios are made within each turn, where the machine was the same for both, and then their median.
"""
import contextlib
import os
import resource
import statistics
import time
from dataclasses import dataclass, field

from contestants import Garnet
from harness import free_port, wait_for
from load import (SERIES, Tally, block, cpu_seconds, family, idle_connections, measure, pss_kib, send,
                  wakeups)

WARM = 50_000  # lines before each measurement, which tell how many it takes
MOST = 30_000_000  # lines of one
PACE = 10_000  # lines a second of the paced load, ten in each send()


@dataclass
class Row:
    title: str
    heads: list
    table: list
    note: str = ""
    figures: dict = field(default_factory=dict)  # what -> {name: [a value each turn]}


@dataclass
class Bench:
    folder: str
    tally: Tally
    here: list  # classes, in the order of their turns
    turns: int
    seconds: float  # that one measurement is to take, about
    queued: int
    most_series: int
    most_connections: int
    say: object
    rows: dict = field(default_factory=dict)  # those that are done

    @contextlib.contextmanager
    def running(self, contestant):
        try:
            yield contestant.start()
        finally:
            contestant.stop()

    def enough(self, rate, least=WARM):
        """Lines for a measurement, at this speed."""
        return max(least, min(MOST, int(rate * self.seconds))) // 1000 * 1000

    def flat_out(self, who, least=WARM, **load):
        rate = measure(who, self.folder, self.tally, WARM, **load).rate
        return measure(who, self.folder, self.tally, self.enough(rate, least), **load)

    def paced(self, who, **load):
        load = dict(load, rate=PACE, each=10)
        measure(who, self.folder, self.tally, PACE // 2, **load)
        return measure(who, self.folder, self.tally, int(PACE * self.seconds * 2), **load)


def mid(values):
    values = [v for v in values if v is not None]
    return statistics.median(values) if values else None


def ratios(a, b):
    """Turn by turn; where one has failed there is none."""
    return [x / y if x and y else None for x, y in zip(a, b)]


def speed(x):
    return "–" if x is None else f"{x / 1e6:.2f} M" if x >= 1e6 else f"{x / 1e3:.0f} k"


def small(x, digits=2):
    return "–" if x is None else f"{x:.{digits}f}"


def times(x):
    return "–" if x is None else f"{x:.0f}" if x >= 10 else f"{x:.1f}" if x >= 1 else f"{x:.2f}"


def mib(kib):
    return "–" if kib is None else f"{kib / 1024:.1f}" if kib < 102400 else f"{kib / 1024:.0f}"


def span(values, show):
    values = [v for v in values if v is not None]
    return f"{show(min(values))} to {show(max(values))}" if values else "–"


# --- beside the peers ---

def race(bench, name, one, what):
    """one(who) for all in turns: name -> [what it gave each turn, None where it failed]; and what went wrong."""
    got, wrong = {c.name: [] for c in bench.here}, {}
    for turn in range(bench.turns):
        for c in bench.here:
            try:
                got[c.name].append(one(c))
                bench.say(f"{name}, turn {turn + 1} of {bench.turns}: {c.name} {what(got[c.name][-1])}")
            except (AssertionError, OSError) as e:
                got[c.name].append(None)
                wrong[c.name] = str(e)
                bench.say(f"{name}, turn {turn + 1} of {bench.turns}: {c.name} failed: {e}")
    return got, wrong


def lost(name, got):
    n = sum(m.lost for m in got if m)
    return f"{name} (lost {n / sum(m.lines for m in got if m):.2%})" if n else name


def failures(wrong):
    return "".join(f"{n} failed: {why}. " for n, why in wrong.items())


def around(got):
    """What else the load takes of the machine."""
    of = lambda f: span([mid([f(m) for m in g if m]) for g in got.values()], small)
    return (f"Beside these run, on the same cores, who sends ({of(lambda m: m.sender)} CPU s per million) and who "
            f"receives ({of(lambda m: m.receiver)}). ")


def flat(bench, name, title, **load):
    def one(c):
        with bench.running(c(bench.folder, bench.tally)) as who:
            return bench.flat_out(who, **load)
    got, wrong = race(bench, name, one, lambda m: f"{speed(m.rate)} lines/s, {m.cpu:.2f} CPU s per million" +
                      (f", {m.lost} lost" if m.lost else ""))
    rate = {n: [m and m.rate for m in g] for n, g in got.items()}
    cpu = {n: [m and m.cpu for m in g] for n, g in got.items()}
    table = [[lost(n, got[n]), speed(mid(rate[n])), span(rate[n], speed), times(mid(ratios(rate["Garnet"], rate[n]))),
              small(mid(cpu[n])), times(mid(ratios(cpu[n], cpu["Garnet"])))] for n in got]
    heads = ["", "lines/s", "least to most", "Garnet's speed, times this", "CPU s per million", "times Garnet's"]
    return Row(title, heads, table, around(got) + failures(wrong), {"rate": rate, "cpu": cpu})


def one_connection(bench):
    return flat(bench, "one", "Flat out, one connection")


def four_connections(bench):
    return flat(bench, "four", "Flat out, four connections", connections=4)


def single(bench):
    return flat(bench, "single", "Flat out, one connection, each line in its own send()", each=1)


def paced(bench):
    def one(c):
        with bench.running(c(bench.folder, bench.tally, flat_out=False)) as who:
            return bench.paced(who)
    got, wrong = race(bench, "paced", one, lambda m: f"{m.cpu:.2f} CPU s per million, {mib(m.pss)} MiB")
    cpu = {n: [m and m.cpu for m in g] for n, g in got.items()}
    pss = {n: [m and m.pss for m in g] for n, g in got.items()}
    table = [[lost(n, got[n]), small(mid(cpu[n])), span(cpu[n], small), times(mid(ratios(cpu[n], cpu["Garnet"]))),
              mib(mid(pss[n]))] for n in got]
    return Row(f"{PACE:,} metrics a second, ten in each send()",
               ["", "CPU s per million", "least to most", "times Garnet's", "PSS, MiB"], table, failures(wrong),
               {"cpu": cpu, "pss": pss})


def memory(bench):
    def one(c):
        with bench.running(c(bench.folder, bench.tally)) as who:
            time.sleep(0.5)  # not for anything to happen: what a start brings is over
            idle = sum(map(pss_kib, family(who.process.pid)))
            return idle, bench.flat_out(who, connections=4, look=True).pss
    got, wrong = race(bench, "memory", one, lambda m: f"{mib(m[0])} MiB idle, {mib(m[1])} flat out")
    kinds = {what: {n: [m and m[i] for m in g] for n, g in got.items()} for i, what in enumerate(("idle", "flat"))}
    table = [[n] + [x for k in kinds.values() for x in (mib(mid(k[n])), times(mid(ratios(k[n], k["Garnet"]))))]
             for n in got]
    heads = ["", "idle, MiB", "times Garnet's", "the most, flat out on four connections, MiB", "times Garnet's"]
    return Row("Memory: PSS of all processes", heads, table, failures(wrong), kinds)


def wakes(bench):
    """All at once: who is idle does not disturb."""
    window, windows = 4 * bench.seconds, 5  # in all two reports of Garnet on itself
    with contextlib.ExitStack() as stack:
        more = {Garnet: dict(self_metrics="10s", collector=True)}
        running = [stack.enter_context(bench.running(c(bench.folder, bench.tally, flat_out=False, **more.get(c, {}))))
                   for c in bench.here]
        garnet = running[0].process.pid
        wait_for("the collector's keeper", lambda: "garnetd-keep" in family(garnet).values())
        time.sleep(2)  # what a start brings is over
        names = {p: comm for w in running[:1] for p, comm in family(w.process.pid).items()}
        pids = {w.name: list(family(w.process.pid)) for w in running[1:]}
        looks = []
        for i in range(windows + 1):
            looks.append(dict({p: wakeups(p) for p in names}, **{n: sum(map(wakeups, p)) for n, p in pids.items()}))
            if i < windows:
                bench.say(f"wakeups, {i + 1} of {windows}: {window:g} s without a load")
                time.sleep(window)
        mean = {k: (looks[-1][k] - looks[0][k]) / (window * windows) for k in looks[0]}
    wanted = ("garnetd", "garnet-sink", "garnetd-keep", "garnetd-ward", "garnetd-nursery", "garnetd-guard",
              "garnetd-sync", "garnetd-log")
    table = []
    for comm in wanted:
        these = [mean[p] for p, n in names.items() if n == comm]
        if these:
            table.append([f"`{comm}`" + (f" (of {len(these)}, the most)" if len(these) > 1 else ""), small(max(these))])
    table += [[n, small(mean[n])] for n in pids]
    return Row("Idle: wake-ups a second", ["", "wake-ups a second"], table,
               f"Means of {window * windows:g} s. Garnet with a sink, a collector that stays (so there is a keeper), "
               "and its own metrics every 10 s, as by default; the others without anything to read.")


# --- how Garnet grows ---

def growth(bench, name, title, unit, sizes, one, columns=(), note=""):
    """one(size) for each in turns; the cost is compared with that of the smallest in the same turn."""
    got = {s: [] for s in sizes}
    for turn in range(bench.turns):
        for s in sizes:
            got[s].append(one(s))
            m = got[s][-1]
            bench.say(f"{name}, turn {turn + 1} of {bench.turns}: {s:,} {unit}: {speed(m.rate)} metrics/s, "
                      f"{m.cpu:.2f} CPU s per million, {mib(m.pss)} MiB" + (f", {m.lost} lost" if m.lost else ""))
    cpu = {s: [m.cpu for m in g] for s, g in got.items()}
    table = [[lost(f"{s:,}", got[s]), speed(mid([m.rate for m in got[s]])), small(mid(cpu[s])),
              times(mid(ratios(cpu[s], cpu[sizes[0]]))), mib(mid([m.pss for m in got[s]])),
              *(f(s, cpu) for _, f in columns)] for s in sizes]
    heads = [unit, "metrics/s", "CPU s per million", "times the smallest", "PSS, MiB", *(h for h, _ in columns)]
    return Row(title, heads, table, note, {"cpu": {str(s): c for s, c in cpu.items()}})


def steps(least, most):
    """From the least to the most, a hundred times as many each time."""
    while least < most:
        yield least
        least *= 100
    yield most


def series(bench):
    def one(n):
        with bench.running(Garnet(bench.folder, bench.tally)) as who:
            return bench.flat_out(who, least=max(WARM, n), series=n)
    return growth(bench, "series", "Growth: series, without a limit of them", "series",
                  list(steps(10, bench.most_series)), one)


def connections(bench):
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0] - 100

    def one(n):
        with bench.running(Garnet(bench.folder, bench.tally)) as who, idle_connections(who.to, n - 1):
            return bench.flat_out(who)
    sizes = list(steps(1, min(bench.most_connections, limit)))
    return growth(bench, "connections", "Growth: connections, all but one of them idle", "connections", sizes, one,
                  note="" if limit >= bench.most_connections else f"More than {limit:,} files may not be open here. ")


def sinks(bench):
    def one(n):
        with bench.running(Garnet(bench.folder, bench.tally, sinks=n)) as who:
            return bench.flat_out(who)

    def added(n, cpu):
        return "–" if n == 1 else small(mid([(a - b) / (n - 1) for a, b in zip(cpu[n], cpu[1])]))
    return growth(bench, "sinks", "Growth: sinks, each of which delivers all", "sinks", [1, 2, 4, 8, 16], one,
                  [("CPU s per million that each further sink adds", added)],
                  "All deliver to one receiver, which runs on the same cores. A metric counts once, when all have "
                  "delivered it. ")


def queued(bench):
    """Once, since it takes long: all comes while the sink's receiver is away, garnetd ends, the receiver is there,
    garnetd starts."""
    folder, port = os.path.join(bench.folder, "queued"), free_port()
    os.mkdir(folder)
    who = Garnet(folder, bench.tally, port=port)
    try:
        sent = send(who.start(), block(bench.folder, who.text, SERIES), bench.queued)
        if '"rejected":0' not in sent.reply:
            raise AssertionError(f"not all was accepted: {sent.reply}")
        accepted = bench.queued / ((sent.ended - sent.began) / 1e9)
        bench.say(f"queued: {bench.queued:,} accepted, {speed(accepted)}/s")
        who.end()
        tally = Tally(folder, port)
        try:
            tally.arm(bench.queued)
            began = time.monotonic_ns()
            pids = family(who.start().process.pid)
            lost = bench.queued - tally.wait(bench.queued, quiet=30)
            first = (tally.first - began) / 1e9
            drained = bench.queued * 0.9 / max(1e-9, (tally.reached - tally.first) / 1e9) if tally.reached else None
            cpu, pss = sum(map(cpu_seconds, pids)), sum(map(pss_kib, pids))
        finally:
            tally.stop()
    finally:
        who.stop()
    bench.say(f"queued: first byte after {first:.2f} s, drained at {speed(drained)}/s")
    live = bench.rows.get("one")
    live = live and mid(live.figures["rate"]["Garnet"])
    return Row("A queue that has grown while the receiver was away", ["", ""], [
        ["metrics queued", f"{bench.queued:,}" + (f" (lost {lost:,})" if lost else "")],
        ["accepted at, while nobody was there", speed(accepted) + "/s"],
        ["from the start of garnetd to the first byte out", f"{first:.2f} s"],
        ["drained at", speed(drained) + "/s"],
        ["which is, of the speed of the first table", times(drained and live and drained / live)],
        ["CPU s per million, draining", small(cpu / bench.queued * 1e6)],
        ["PSS at the end, MiB", mib(pss)]], "Measured once; what is queued is still in the page cache. ")


ROWS = {"one": one_connection, "four": four_connections, "single": single, "paced": paced, "memory": memory,
        "wakeups": wakes, "series": series, "connections": connections, "sinks": sinks, "queued": queued}
