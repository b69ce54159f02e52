"""A collector that takes too long, or is ended, tells the line at which it stands; and one that takes too long is ended.

This is by C, since nothing else would end it where it hangs in a library. Of what it has started garnetd ends the rest, and starts the
collector again.
"""
import contextlib
import faulthandler
import signal

STDERR = 2  # whatever the collector has made of sys.stderr


@contextlib.contextmanager
def watched(timeout):
    """`timeout` in seconds; None is none."""
    if timeout is not None:
        faulthandler.dump_traceback_later(timeout, exit=True, file=STDERR)
    faulthandler.register(signal.SIGTERM, chain=True, file=STDERR)  # garnetd's end of a run tells where that was
    try:
        yield
    finally:
        faulthandler.unregister(signal.SIGTERM)
        faulthandler.cancel_dump_traceback_later()
