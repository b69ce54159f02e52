"""Collectors that print their metrics, as scripts for others do: `output:` in their files.

Each goes through a converter of its own; what is wrong with a line is in the log and in the status with its place, and costs that line.
"""
from harness import *

GARNET = os.path.join(BUILD, "garnet")
SINK = "socket: {path: run/garnet.sock, mode: '0666'}\nself_metrics: 0\nsinks:\n" + graphite_sink("main", "file:out.txt", ", path: '{name}'")


class Output(unittest.TestCase):
    def daemon(self, **collectors):
        """name -> (output, script, more)"""
        self.d = Daemon(self, SINK, start=False)
        os.chmod(self.d.path(""), 0o755)  # some are other users
        for name, (output, script, more) in collectors.items():
            path = self.d.script(name, "#!/bin/sh\n" + script)
            self.d.collector(name, f"command: [{path}]\ninterval: 1s\noutput: {output}\n{more}")
        self.d.start()

    def arrives(self, *lines):
        """Each with its value; the time is another thing."""
        wait_for(f"{lines} are there", lambda: {x.rsplit(" ", 1)[0] for x in self.d.file_lines("out.txt")} >= set(lines))

    def status(self, name):
        return self.d.collectors()[name]

    def ran(self, name):
        """Its last run, once there is one."""
        wait_for(f"{name} has run", lambda: "last_run" in self.status(name))
        return self.status(name)["last_run"]

    def test_each_format(self):
        self.daemon(
            graphite=("lines", "echo 'disk.free 12.5'; echo 'disk.used 7 1700000000'\n", ""),
            telegraf=("influx", "printf 'weather,place=here temp=21.5,rain=3i,note=\"wet\"\\n'\n", ""),
            exporter=("prometheus", "printf '# TYPE http_requests_total counter\\nhttp_requests_total{code=\"200\"} 1027\\n'\n", ""),
            check_load=("nagios", "echo 'WARNING - load is high | load1=0.75;0.5;1;0; time=3ms'; exit 1\n", ""),
            df=("munin", "[ \"$1\" = config ] && { echo 'graph_title x'; exit; }; echo 'root.value 42'\n", ""),
            own=("json", "echo '{\"name\":\"own\",\"value\":5}'\n", ""))
        self.arrives("disk.free 12.5", "disk.used 7", "own 5")
        self.arrives("http_requests_total 1027", "weather.temp 21.5", "weather.rain 3", "root 42")
        wait_for("Nagios'", lambda: any(x.startswith("load1 0.75 ") or ".load1 0.75 " in x for x in self.d.file_lines("out.txt")))
        self.assertEqual(self.ran("check_load")["outcome"], "ok")
        self.assertEqual(self.ran("check_load")["exit_status"], 1)

    def test_a_bad_line_costs_itself(self):
        self.daemon(bad=("lines", "echo 'good 1'; echo 'broken x'; echo 'good2 2'\n", ""))
        self.arrives("good 1", "good2 2")
        self.d.wait_log("collector bad: line 2, byte 8: ")
        wait_for("it is in the status", lambda: "line 2, byte 8" in self.status("bad").get("last_error", {}).get("text", ""))
        self.assertEqual(self.ran("bad")["outcome"], "ok")
        self.assertGreaterEqual(self.ran("bad")["rejected"], 1)

    def test_a_daemon_streams(self):
        self.daemon(stream=("putval", "while :; do echo \"PUTVAL \\\"h/a/gauge-x\\\" interval=1 N:7\"; sleep 0.2; done\n", "mode: daemon\n"))
        wait_for("three of them", lambda: len(self.d.file_lines("out.txt")) >= 3)
        pid = self.status("stream")["pid"]
        self.assertEqual(self.status("stream")["state"], "running")
        self.assertEqual(pid, self.status("stream")["pid"])

    def test_no_argument_and_what_is_in_the_environment(self):
        self.daemon(env=("lines", "echo \"arguments $#\"; [ -S \"$GARNET_SOCKET\" ] && echo socket 1\n", ""))
        self.arrives("arguments 0", "socket 1")

    def test_who_is_another_user_and_opens_its_output_anew(self):
        needs_others(self, 65534, os.path.join(BUILD, "garnet-convert"))
        self.daemon(anew=("lines", "echo 'a 1' >/dev/stdout; echo said >/dev/stderr\n", "user: nobody\n"))
        self.d.wait_log("collector anew[")
        self.arrives("a 1")
        self.d.wait_log(": said")

    def test_its_converter_is_killed(self):
        self.daemon(slow=("lines", "echo 'a 1'; sleep 1000\n", "timeout: 60s\n"))
        self.arrives("a 1")
        pid = next(int(p) for p, args in processes(self.d.dir) if "garnet-convert" in args)
        kill(pid)
        wait_for("its run has ended", lambda: self.status("slow").get("last_run", {}).get("outcome") == "converter")
        self.assertIn("its converter (output: lines): killed by signal 9", self.status("slow")["last_run"]["error"])

    def test_nothing_is_left(self):
        self.daemon(slow=("lines", "trap '' TERM; while :; do echo 'a 1'; sleep 0.1; done\n", "timeout: 60s\ngrace: 500ms\n"))
        self.arrives("a 1")
        self.d.kill()
        wait_for("nothing is left", lambda: not self.d.left())

    def test_by_hand(self):
        self.daemon()
        self.d.script("once", "#!/bin/sh\necho 'disk.free 12.5'; echo 'bad'\n")
        with open(self.d.path("once.yaml"), "w") as f:
            f.write(f"command: [{self.d.path('once')}]\noutput: lines\n")
        r = subprocess.run([GARNET, "run", "-c", self.d.path("garnet.yaml"), self.d.path("once.yaml")], capture_output=True, text=True)
        self.assertIn("disk.free", r.stdout)
        self.assertIn("line 2", r.stdout + r.stderr)


if __name__ == "__main__":
    main()
