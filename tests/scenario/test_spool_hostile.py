"""What somebody who can write to the spool's folder, a plugin for one, may leave in it: garnetd and the sinks go on."""
import os
import stat
import subprocess
import unittest

from harness import BUILD, Daemon, main, wait_for

SINK = "self_metrics: 0\nsinks:\n  - {name: main, plugin: graphite, to: 'file:out', flush: 100ms}\n"


class HostileSpool(unittest.TestCase):
    def ended(self):
        """A garnetd that has delivered one metric and is gone."""
        d = Daemon(self, SINK)
        self.assertEqual(d.send('{"name":"a","value":1}')["accepted"], 1)
        wait_for("the metric", lambda: d.file_lines("out"))
        self.assertEqual(d.terminate(), 0)
        return d

    def begin_again(self, d, lines):
        """It starts, takes in and delivers."""
        d.start()
        self.assertEqual(d.send('{"name":"b","value":2}')["accepted"], 1)
        wait_for("the next metric", lambda: len(d.file_lines("out")) == lines)

    def test_a_fifo_under_a_temporary_name_stops_nothing(self):
        d = Daemon(self, SINK, start=False)
        os.makedirs(d.path("spool/cursors"))
        os.mkfifo(d.path("spool/.sinks.tmp"))
        os.mkfifo(d.path("spool/cursors/.main.tmp"))
        os.mkfifo(d.path("spool/.00000000000000000000.seg.tmp"))
        self.begin_again(d, 1)
        self.assertTrue(stat.S_ISREG(os.lstat(d.path("spool/sinks")).st_mode))
        self.assertEqual(d.terminate(), 0)

    def test_a_folder_under_a_temporary_name_is_named(self):
        d = Daemon(self, SINK, start=False)
        ways = [d.path("spool/.sinks.tmp"), d.path("spool/cursors/.main.tmp")]
        for way in ways:
            os.makedirs(way)
        d.start()
        for said in ("spool: the list of sinks cannot be written: " + d.path("spool/sinks"),
                     "sink main: its cursor cannot be made: " + d.path("spool/cursors/main")):
            d.wait_log(said + ": Is a directory: a folder is in the way, of that name or, with a dot before and .tmp "
                       "behind, of its temporary one: remove it")
        for way in ways:
            os.rmdir(way)
        self.assertEqual(d.send('{"name":"a","value":1}')["accepted"], 1)
        wait_for("the metric", lambda: d.file_lines("out"))
        self.assertEqual(d.terminate(), 0)

    def test_a_cursor_that_is_far_ahead_is_damage(self):
        for position in (2**64 - 1, 2**63 - 1, 2**62, 2**62 - 1, 2**61):
            d = self.ended()
            for name in ("main", "nobody"):
                subprocess.run([os.path.join(BUILD, "tests/programs/cursor"), d.path("spool"), name, str(position)],
                               check=True)
            verify = subprocess.run([os.path.join(BUILD, "garnet"), "spool", "verify", d.path("spool")],
                                    capture_output=True, text=True)
            self.assertEqual(verify.returncode, 1)
            self.assertIn("sink main: its cursor cannot be read", verify.stdout)
            self.begin_again(d, 3)  # the oldest metric once more, and the new one
            self.assertIn("sink main: its cursor is lost", d.log())
            self.assertEqual(d.verify()["main"]["accepted"], 2)
            self.assertEqual(d.terminate(), 0)

    def test_a_sparse_segment_costs_no_time(self):
        d = self.ended()
        segment = max(n for n in os.listdir(d.path("spool")) if n.endswith(".seg"))
        os.truncate(d.path("spool/" + segment), 1 << 43)  # were it read, that would take a day
        self.assertEqual(d.verify()["main"]["unexplained"], 0)
        self.begin_again(d, 2)


if __name__ == "__main__":
    main()
