"""The command line of garnet-diamond, and what it says."""
import argparse
import logging
import os
import sys
import threading
import traceback

HELP = """usage: garnet-diamond --path FOLDER [OPTION]... NAME [SOCKET]
       garnet-diamond --path FOLDER --list

Runs one of Diamond's Python collectors, unmodified. NAME is its class (CPUCollector, or CPU), or its file without .py.
Its metrics go to SOCKET, else to $GARNET_SOCKET, with the names that they have in Diamond below the host.

  --path FOLDER      where collectors are; may be given several times
  --config FOLDER    their configuration, as in /etc/diamond: diamond.conf, collectors/NAMECollector.conf
  --once             one round; else one each $GARNET_INTERVAL seconds, or what the configuration has as its interval
  --print            shows the metrics and sends nothing
  --timeout SECONDS  ends a round that takes longer, and says where it was; default the interval, with --once none; 20 s to be loaded
  --check            loads it, and says what is wrong
  --options          what can be configured, with the values that it has now and the files that they are from
  --list             all collectors that are there, and for each whether it can be loaded
  --debug            all that collectors log, and where exceptions come from
"""
EXIT_FAILED, EXIT_USAGE, EXIT_WORLD = 1, 2, 111
PATIENCE = 20  # seconds: for one that hangs when it is loaded, or made
MAX_SECONDS = 1e8


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
    if args.timeout is not None and not 0 < args.timeout <= MAX_SECONDS:
        fail(EXIT_USAGE, "--timeout: give seconds, more than 0 and at most %d" % MAX_SECONDS)


def interval(what, said):
    """In seconds, of what garnetd or the collector says."""
    try:
        seconds = float(said)
    except (TypeError, ValueError):
        seconds = 0
    if not 0 < seconds <= MAX_SECONDS:
        fail(EXIT_WORLD, "%s is %r: give seconds, more than 0 and at most %d" % (what, said, MAX_SECONDS))
    return int(seconds) if seconds == int(seconds) else seconds


def take_standard_output():
    """For us alone: what the collector prints, or a program that it runs, goes to standard error."""
    out = open(os.dup(1), "w", encoding="utf-8", errors="backslashreplace")
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    return out


def load_and_make(args, name, path, files, configuration, handler, say):
    """The collector, and what it has as its interval; None, None where it could not be made, which is told."""
    from garnet_diamond import load, report, watch

    patience = PATIENCE
    due = os.environ.get("GARNET_INTERVAL")
    if due is not None:
        configuration.given["collectors"][name]["interval"] = every = interval("$GARNET_INTERVAL", due)
        patience = max(every, PATIENCE)
    try:
        with watch.watched(args.timeout or patience):
            collector = handler.collector = load.collector_class(name, path, files.paths)(configuration.given, [handler])
            return collector, collector.config.get("interval")
    except load.NoCollector as e:
        say(str(e))
    except KeyboardInterrupt:
        raise
    except BaseException as e:
        say(report.describe(e, args.path), e)
    return None, None


def run(args):
    try:
        import configobj  # noqa: F401
    except ImportError:
        fail(EXIT_WORLD, "needs the Python module configobj, which Diamond's configuration is read by (Debian: apt install python3-configobj)")
    import garnet
    from garnet_diamond import config, find, load, packages, rounds, sender, show

    try:
        files = find.Files(args.path, lambda text: sys.stderr.write("garnet-diamond: %s: it is left out\n" % text))
        if args.list:
            return show.all_of_them(args, files.collectors(), PATIENCE)
        name, path = files.collector(args.name)
        configuration = config.Configuration(args.config, name)
    except (find.NotFound, config.Unusable) as e:
        fail(EXIT_WORLD, e)
    if configuration.disabled and not args.check and not args.options:
        fail(EXIT_FAILED, "%s: is not to run: %s has enabled = False for it" % (name, configuration.disabled))

    def say(text, error=None):
        sys.stderr.write("garnet-diamond: %s: %s\n" % (name, text))
        if args.debug and error is not None:
            traceback.print_exception(type(error), error, error.__traceback__)

    logging.basicConfig(stream=sys.stderr, level=logging.DEBUG if args.debug else logging.WARNING, format="%(levelname)s: %(message)s")
    out = take_standard_output()
    handler = sender.Sender(sender.Table(out) if args.print else garnet.Client(args.socket))
    missing = load.Missing()
    collector, every = load_and_make(args, name, path, files, configuration, handler, say)
    if collector is None:
        return EXIT_FAILED
    if args.options:
        return show.options(collector, path, configuration.files, out)
    if args.check:
        lacks = packages.lacking(missing.names)
        print("can be loaded" + (", but " + lacks if lacks else ""), file=out, flush=True)
        return 0
    every = interval("%s: its interval" % name, every)
    life = rounds.Rounds(collector, handler, args.path, missing, say)
    if args.once:
        return life.once(args.timeout)
    return life.forever(every, args.timeout or max(every, 1))


def end(status):
    """Of this program, whatever threads the collector has: those that are no daemons would be waited for."""
    if any(not t.daemon for t in threading.enumerate() if t is not threading.main_thread()):
        sys.stderr.flush()
        os._exit(status)
    return status


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
            return end(run(args))
        sys.stdout.flush()
    except KeyboardInterrupt:
        return end(130)
    except OSError as e:
        # What fails here is standard output: all else is told where it is.
        sys.stdout = None
        fail(EXIT_WORLD, "cannot write to standard output: %s" % e.strerror)
    return 0
