"""For people: which collectors there are, and what can be configured of one."""
import os
import subprocess
import sys


def all_of_them(args, found, patience):
    """Each is loaded by a process of its own, since one may hang, or end it."""
    good = 0
    for name, path in found:
        argv = [sys.executable, "-B", sys.argv[0], "--path", os.path.dirname(path)]
        for folder in args.path:
            argv += ["--path", folder]
        if args.config:
            argv += ["--config", args.config]
        try:
            r = subprocess.run([*argv, "--check", name], stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8", errors="replace",
                               timeout=patience)
            good += r.returncode == 0
            said = (r.stderr if r.returncode else r.stdout).strip().splitlines() or ["it ended with %d" % r.returncode]
            verdict = said[-1].replace("garnet-diamond: %s: " % name, "", 1)
        except subprocess.TimeoutExpired:
            verdict = "it hangs when it is loaded"
        print("%-32s %s" % (name, verdict), flush=True)
    print("%d of %d can be loaded" % (good, len(found)))
    return 0


def options(collector, path, files, out):
    print("%s, in %s" % (collector.name, path), file=out)
    if files:
        print("configured by %s" % ", ".join(files), file=out)
    texts = collector.get_default_config_help()
    names = sorted({*texts, *(collector.get_default_config() or {})})
    for name in names:
        text = " ".join(str(texts.get(name, "")).split())
        print("  %-40s %s" % ("%s = %s" % (name, shown(collector.config.get(name))), text), file=out)
    out.flush()
    return 0


def shown(value):
    if isinstance(value, (list, tuple)):
        return ", ".join(getattr(v, "pattern", None) or str(v) for v in value)
    return "" if value is None else str(value)
