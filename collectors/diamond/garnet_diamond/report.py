"""What is wrong with a collector, in a line: where in its own files, what, and what to do about it."""
import os
import traceback

from garnet_diamond import packages, python2

REWRITE = "`2to3 -w FILE` rewrites most of what differs (Debian: apt install 2to3)"


def _place(error, tops):
    """The innermost line that is below one of `tops`: what is ours tells nobody anything."""
    if isinstance(error, SyntaxError) and error.filename:
        return error.filename, error.lineno or 1
    frames = [(f.filename, f.lineno) for f in traceback.extract_tb(error.__traceback__)]
    tops = [os.path.join(os.path.realpath(top), "") for top in tops]
    theirs = [f for f in frames if os.path.realpath(f[0]).startswith(tuple(tops))]
    return (theirs or [(None, None)])[-1]


def describe(error, tops):
    """FILE:LINE: the traceback's last line: what to do."""
    file, line = _place(error, tops)
    text = " ".join(traceback.format_exception_only(type(error), error)[-1].split())
    if isinstance(error, SystemExit):
        text = "it has called sys.exit(%s)" % ("" if error.code is None else repr(error.code))
    what_to_do = advice(error, file)
    return "".join(("%s:%s: " % (file, line) if file else "", text, ": " + what_to_do if what_to_do else ""))


def advice(error, file):
    try:
        old = python2.advice(error)
    except Exception:  # it cannot even say what it is
        return None
    if old:
        return "%s. %s" % (old, REWRITE.replace("FILE", file or "FILE"))
    if isinstance(error, ImportError) and error.name:
        if error.name.split(".")[0] == "diamond":
            return "Garnet has only what collectors of Diamond's import themselves: Collector, Metric, convertor, error, pycompat"
        if isinstance(error, ModuleNotFoundError):
            return packages.advice(error.name)
    return None
