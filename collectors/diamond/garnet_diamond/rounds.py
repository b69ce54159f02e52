"""A collector's life: one round, or one after the other at multiples of its interval, as garnetd's own clock has them.

An exception costs the rest of its round: it is told once, and that it is over once. What was published before it is sent. A round that takes
too long ends the process, with the line at which it stands: nothing else would end it where it hangs in a library, and of what it
has started garnetd ends the rest, and starts the collector again.
"""
import contextlib
import faulthandler
import signal
import sys
import time

from garnet_diamond import packages, report


class Rounds:
    def __init__(self, collector, sender, tops, missing, say):
        self.collector, self.sender, self.tops = collector, sender, tops
        self.missing = missing
        self.say = say
        self.failing = {"collect": None, "send": None}

    def once(self, timeout):
        """The exit status."""
        good = self._collect(timeout)
        if self.collector.remembers:
            self.say("it compares with its last round, and has none with --once: run it without, in mode: daemon")
            good = False
        return self._send() or (0 if good else 1)

    def forever(self, every, timeout):
        before = None
        while True:
            due = int(time.time() // every) + 1
            if before is not None:
                due += due == before  # it woke up a little early
                if due > before + 1:
                    self.say("%d due times were missed: the round before took too long, or this machine stood still"
                             % (due - before - 1))
            time.sleep(max(0, due * every - time.time()))
            self.sender.time = due * every
            self._collect(timeout)
            self._send()
            before = due

    def _collect(self, timeout):
        self.sender.count = 0
        if timeout:
            faulthandler.dump_traceback_later(timeout, exit=True)
        faulthandler.register(signal.SIGTERM, chain=True)  # garnetd's end of a run tells where that was
        try:
            with contextlib.redirect_stdout(sys.stderr):
                self.collector._run()
        except (Exception, SystemExit) as e:
            self._tell("collect", report.describe(e, self.tops), e)
            return False
        finally:
            faulthandler.unregister(signal.SIGTERM)
            faulthandler.cancel_dump_traceback_later()
        why = packages.lacking(self.missing.names)
        self._tell("collect", None if self.sender.count else "it has published nothing" + (": " + why if why else ""))
        return True

    def _send(self):
        wrong, away = self.sender.send()
        self._tell("send", wrong)
        return 0 if wrong is None else 111 if away else 1

    def _tell(self, what, wrong, error=None):
        if wrong is not None and wrong != self.failing[what]:
            self.say(wrong, error)
        elif wrong is None and self.failing[what] is not None:
            self.say("works again")
        self.failing[what] = wrong
