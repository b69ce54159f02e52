"""The command line of garnet-diamond, and what it says."""
import argparse
import contextlib
import logging
import os
import subprocess
import sys
import traceback

HELP = """usage: garnet-diamond --path FOLDER [OPTION]... NAME [SOCKET]
       garnet-diamond --path FOLDER --list

Runs one of Diamond's Python collectors, unmodified. NAME is its class (CPUCollector, or CPU), or its file without .py.
Its metrics go to SOCKET, else to $GARNET_SOCKET, with the names that they have in Diamond below the host.

  --path FOLDER      where collectors are; may be given several times
  --config FOLDER    their configuration, as in /etc/diamond: diamond.conf, collectors/NAMECollector.conf
  --once             one round; else one each $GARNET_INTERVAL seconds, or what the configuration has as its interval
  --print            shows the metrics and sends nothing
  --timeout SECONDS  ends a round that takes longer, and says where it was; default the interval, with --once none
  --check            loads it, and says what is wrong
  --options          what can be configured, with the values that it has now
  --list             all collectors that are there, and for each whether it can be loaded
  --debug            all that collectors log, and where exceptions come from
"""
EXIT_FAILED, EXIT_USAGE, EXIT_WORLD = 1, 2, 111
PATIENCE = 20  # seconds: for one that hangs when it is loaded


class Arguments(argparse.ArgumentParser):
    def error(self, message):
        fail(EXIT_USAGE, "%s\nTry: garnet-diamond --help" % message)


def fail(status, text):
    sys.stderr.write("garnet-diamond: %s\n" % text)
    sys.exit(status)


def arguments(argv):
    p = Arguments(prog="garnet-diamond", add_help=False, allow_abbrev=False)
    p.add_argument("--path", action="append", default=[])
    p.add_argument("--config")
    p.add_argument("--timeout", type=float)
    for flag in ("--once", "--print", "--check", "--options", "--list", "--debug"):
        p.add_argument(flag, action="store_true")
    p.add_argument("--help", "-h", action="store_true")
    p.add_argument("--version", "-V", action="store_true")
    p.add_argument("name", nargs="?")
    p.add_argument("socket", nargs="?")
    known, _ = p.parse_known_args(argv) if {"--help", "-h", "--version", "-V"} & set(argv) else (p.parse_intermixed_args(argv), None)
    return known


def judge(args):
    """What is wrong with the command line ends the program."""
    if not args.path:
        fail(EXIT_USAGE, "--path is missing: the folder of the collectors")
    for folder in args.path:
        if not os.path.isdir(folder):
            fail(EXIT_WORLD, "%s: there is no such folder" % folder)
    if args.name is None and not args.list:
        fail(EXIT_USAGE, "NAME is missing: --list has the collectors that are there")
    if args.name is not None and args.list:
        fail(EXIT_USAGE, "--list takes no NAME")
    if args.timeout is not None and not args.timeout > 0:
        fail(EXIT_USAGE, "--timeout: give seconds, more than 0")


def interval(config, name):
    """In seconds: garnetd's, else the configuration's."""
    said, text = "$GARNET_INTERVAL", os.environ.get("GARNET_INTERVAL")
    if text is None:
        said, text = "its interval", config["collectors"][name].get("interval", config["collectors"]["default"].get("interval"))
    if text is None:
        return None
    try:
        seconds = float(text)
        if seconds > 0:
            return int(seconds) if seconds == int(seconds) else seconds
    except (ValueError, OverflowError):
        pass
    fail(EXIT_WORLD, "%s: %s is %r: give seconds, more than 0" % (name, said, text))


def list_all(args, found):
    """Each is loaded by a process of its own, since one may hang, or end it."""
    good = 0
    for name, path in found:
        argv = [sys.executable, "-B", sys.argv[0], "--path", os.path.dirname(path)]
        for folder in args.path:
            argv += ["--path", folder]
        if args.config:
            argv += ["--config", args.config]
        verdict = "it hangs when it is loaded"
        with contextlib.suppress(subprocess.TimeoutExpired):
            r = subprocess.run([*argv, "--check", name], stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8", errors="replace",
                               timeout=PATIENCE)
            good += r.returncode == 0
            said = (r.stderr if r.returncode else r.stdout).strip().splitlines() or ["it ended with %d" % r.returncode]
            verdict = said[-1].replace("garnet-diamond: %s: " % name, "", 1)
        print("%-32s %s" % (name, verdict), flush=True)
    print("%d of %d can be loaded" % (good, len(found)))
    return 0


def show_options(collector, path):
    print("%s, in %s" % (collector.name, path))
    texts = collector.get_default_config_help()
    names = sorted({*texts, *(collector.get_default_config() or {})})
    for name in names:
        text = " ".join(str(texts.get(name, "")).split())
        print("  %-40s %s" % ("%s = %s" % (name, shown(collector.config.get(name))), text))
    return 0


def shown(value):
    if isinstance(value, (list, tuple)):
        return ", ".join(getattr(v, "pattern", None) or str(v) for v in value)
    return "" if value is None else str(value)


def run(args):
    try:
        import configobj  # noqa: F401
    except ImportError:
        fail(EXIT_WORLD, "needs the Python module configobj, which Diamond's configuration is read by (Debian: apt install python3-configobj)")
    import garnet
    from garnet_diamond import config, find, load, packages, report, rounds, sender

    try:
        if args.list:
            return list_all(args, find.collectors(args.path))
        name, path = find.collector(args.path, args.name)
        sections, disabled = config.sections(args.config, name)
    except (find.NotFound, config.Unusable) as e:
        fail(EXIT_WORLD, e)
    if disabled and not args.check and not args.options:
        fail(EXIT_FAILED, "%s: is not to run: %s has enabled = False for it" % (name, disabled))

    def say(text, error=None):
        sys.stderr.write("garnet-diamond: %s: %s\n" % (name, text))
        if args.debug and error is not None:
            traceback.print_exception(error)

    every = interval(sections, name)
    if every is not None:
        sections["collectors"][name]["interval"] = every
    logging.basicConfig(stream=sys.stderr, level=logging.DEBUG if args.debug else logging.WARNING, format="%(levelname)s: %(message)s")
    handler = sender.Sender(sender.Table(sys.stdout) if args.print else garnet.Client(args.socket))
    missing = load.Missing()
    try:
        with contextlib.redirect_stdout(sys.stderr):
            collector = handler.collector = load.collector_class(name, path, args.path)(sections, [handler])
    except load.NoCollector as e:
        fail(EXIT_FAILED, "%s: %s" % (name, e))
    except (Exception, SystemExit) as e:
        say(report.describe(e, args.path), e)
        return EXIT_FAILED
    if args.options:
        return show_options(collector, path)
    if args.check:
        lacks = packages.lacking(missing.names)
        print("can be loaded" + (", but " + lacks if lacks else ""))
        return 0
    life = rounds.Rounds(collector, handler, args.path, missing, say)
    if args.once:
        return life.once(args.timeout)
    every = float(collector.config["interval"])
    return life.forever(every, args.timeout or max(every, 1))


def main(version):
    """The exit status; where there is one, by sys.exit()."""
    args = arguments(sys.argv[1:])
    try:
        if args.help:
            sys.stdout.write(HELP)
        elif args.version:
            print("garnet-diamond " + version)
        else:
            judge(args)
            status = run(args)
            sys.stdout.flush()
            return status
        sys.stdout.flush()
    except KeyboardInterrupt:
        return 130
    except OSError as e:
        # What fails here is standard output: all else is told where it is.
        sys.stdout = None
        fail(EXIT_WORLD, "cannot write to standard output: %s" % e.strerror)
    return 0
