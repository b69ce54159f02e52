"""A collector's life: one round, or one after the other at multiples of its interval, as garnetd's own clock has them.

An exception costs the rest of its round: it is told once, and that it is over once. What was published before it is sent. A round that takes
too long ends the process (watch.py).
"""
import os
import time

from garnet_diamond import packages, report, watch


class Rounds:
    def __init__(self, collector, sender, tops, missing, say):
        self.collector, self.sender, self.tops = collector, sender, tops
        self.missing = missing
        self.say = say
        self.pid = os.getpid()
        self.failing = {"collect": (None, 0), "send": (None, 0)}  # what was told last, and for how many rounds it has failed

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
        try:
            with watch.watched(timeout):
                self.collector._run()
        except KeyboardInterrupt:
            raise
        except BaseException as e:
            self._tell("collect", report.describe(e, self.tops), e)
            return False
        finally:
            if os.getpid() != self.pid:
                self.say("a process that it has forked came back from collect(), where it would be this collector twice: it is ended, "
                         "and what it has published is not sent")
                os._exit(1)
        why = packages.lacking(self.missing.names)
        self._tell("collect", None if self.sender.count else "it has published nothing" + (": " + why if why else ""))
        return True

    def _send(self):
        wrong, away = self.sender.send()
        self._tell("send", wrong)
        return 0 if wrong is None else 111 if away else 1

    def _tell(self, what, wrong, error=None):
        told, rounds = self.failing[what]
        if wrong is not None and wrong != told:
            self.say(wrong, error)
        elif wrong is None and told is not None:
            self.say("works again, after %d round%s" % (rounds, "" if rounds == 1 else "s"))
        self.failing[what] = (wrong, 0 if wrong is None else rounds + 1)
