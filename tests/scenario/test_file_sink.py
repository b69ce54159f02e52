"""The file transport: an unfinished last line is cut at the start, and a rotated file is followed."""
from harness import *


class FileSink(unittest.TestCase):
    CONFIG = "self_metrics: 0\nsinks:\n" + graphite_sink("main", "file:out.txt")

    def test_unfinished_last_line_is_cut(self):
        d = Daemon(self, self.CONFIG, start=False)
        d.write("out.txt", "whole 1 1700000000\ncut 2 17000")
        d.start()
        d.send('{"name":"new","value":3,"time":1700000001}')
        wait_for("both lines", lambda: d.file_lines("out.txt") == ["whole 1 1700000000", "testhost.new 3 1700000001"])

    def test_logrotate(self):
        d = Daemon(self, self.CONFIG)
        d.send('{"name":"a","value":1,"time":1700000001}')
        wait_for("the first", lambda: len(d.file_lines("out.txt")) == 1)
        os.rename(d.path("out.txt"), d.path("out.txt.1"))
        n = 0

        def in_the_new_file():
            nonlocal n
            n += 1
            d.send(f'{{"name":"a","value":{n},"time":1700000002}}')
            return d.file_lines("out.txt")
        wait_for("the new file fills", in_the_new_file)
        wait_for("nothing is lost between the two",
                 lambda: len(d.file_lines("out.txt")) + len(d.file_lines("out.txt.1")) == n + 1)

    def test_folder_that_is_not_there_yet(self):
        d = Daemon(self, "self_metrics: 0\nsinks:\n" + graphite_sink("main", "file:later/out.txt"))
        self.assertEqual(d.send('{"name":"a","value":1,"time":1700000001}')["accepted"], 1)
        d.wait_log("No such file or directory")
        os.mkdir(d.path("later"))
        wait_for("it arrives", lambda: d.file_lines("later/out.txt") == ["testhost.a 1 1700000001"])


if __name__ == "__main__":
    main()
