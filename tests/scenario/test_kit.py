"""The plugin kit, as somebody has it who has only an installed package: the template builds by make and by CMake with the
source out of sight, is tested, installed, loaded by the installed garnetd, and its bytes arrive; so do those of two
plugins of third parties. And `garnet plugin test` finds each thing that can be wrong with a plugin."""
import concurrent.futures

import harness
from installed import *
METRICS = '{"name":"two words","value":12.5,"time":1700000000.25,"tags":{"k":"a b"}}\n' \
          '{"name":"n","value":18446744073709551615,"time":1700000001}\n'


class Kit(Installed):
    def test_every_link_leads_somewhere(self):
        pages = [os.path.join(d, f) for d, _, files in os.walk(self.doc) for f in files if f.endswith(".md")]
        self.assertGreater(len(pages), 8)
        for page in pages:
            text = read(page)
            for link in re.findall(r"\]\(([^)#:]+)[^)]*\)", text):
                self.assertTrue(os.path.exists(os.path.join(os.path.dirname(page), link)), f"{page}: {link}")
            for word in ("./quickstart", "./run-tests"):
                self.assertFalse(word in text, f"{page}: {word}")

    def test_template_both_ways_to_a_receiver(self):
        template = self.doc + "/examples/plugin"
        d = self.make(template, "by-make")
        self.assertIn("ok   golden: 3 of 3", self.build("make", "check", cwd=d, PATH=os.environ["PATH"]))
        c = self.cmake(template, "by-cmake")
        self.build("ctest", "--test-dir", "build", "--output-on-failure", cwd=c)
        for where, args in ((d, ["make", "install"]), (c, ["cmake", "--install", "build"])):
            self.build(*args, cwd=where)
            self.assertTrue(os.path.exists(self.plugins + "/hello.so"), self.plugins)
            self.arrives()
            os.unlink(self.plugins + "/hello.so")

    def preview(self, d, *sinks):
        r = subprocess.run([self.prefix + "/bin/garnet", "plugin", "preview", "-c", d.config_path, *sinks],
                           input=METRICS, capture_output=True, text=True, timeout=PATIENCE)
        self.assertEqual(r.returncode, 0, r.stderr)
        return r.stdout

    def arrives(self):
        r = Receiver()
        self.addCleanup(r.stop)
        d = self.daemon(f"  - {{name: h, plugin: hello, to: 'tcp://127.0.0.1:{r.port}', flush: 50ms, before: s.}}\n")
        self.assertEqual(d.send(METRICS)["accepted"], 2)
        want = "s.two_words 12.5 1700000000\ns.n 18446744073709551615 1700000001\n"
        wait_for("the template's bytes", lambda: r.text() == want)
        self.assertEqual(self.preview(d), want)
        self.assertEqual(d.terminate(), 0)

    def test_third_parties(self):
        influx = self.cmake(ABI + "/influx", "influx")
        out = run([self.prefix + "/bin/garnet", "plugin", "test", influx + "/build/influx.so", "--golden",
                   influx + "/golden"], env=self.env)
        self.assertIn("ok   golden: 5 of 5", out)
        self.build("cmake", "--install", "build", cwd=influx)
        courier = self.make(ABI + "/courier", "courier")
        run(["garnet", "plugin", "test", courier + "/courier.so", "-o", "out=/dev/null"], env=self.env)
        self.build("make", "install", cwd=courier)
        d = self.daemon("  - {name: i, plugin: influx, to: 'file:influx', flush: 50ms, without: host}\n"
                        "  - {name: c, plugin: courier, flush: 50ms, out: out, orders: orders}\n")
        d.send(METRICS)
        wait_for("line protocol", lambda: d.file_lines("influx") == [
            r"two\ words,k=a\ b value=12.5 1700000000250000000"])
        wait_for("the courier's file", lambda: d.file_lines("out") == ["two words=12.5", "n=18446744073709551615"])
        self.orders(d)

    def orders(self, d):
        """The sink with a deliver() of its own: nothing is lost, and only itself is held up."""
        def send(n):
            d.send(f'{{"name":"m","value":{n}}}')

        d.write("orders", "retry")
        send(1)
        d.wait_log("ordered to retry")
        d.write("orders", "ok")
        wait_for("what was retried", lambda: d.file_lines("out")[2:] == ["m=1"])
        d.write("orders", "reject")
        send(2)
        d.wait_log("ordered to reject 1")
        d.write("orders", "reject-first")
        send(2.5)
        d.wait_log("ordered to reject the first")
        d.write("orders", "crash")
        pid = d.worker("c")
        send(3)
        wait_for("its end", lambda: not os.path.exists(f"/proc/{pid}"))  # the next one may end as soon as it is there
        d.write("orders", "ok")
        wait_for("what it crashed at", lambda: set(d.file_lines("out")[3:]) == {"m=2.5", "m=3"})  # a crash may repeat
        if LONG:  # after FATAL the next start is 10 s later
            self.gives_up(d, send)
        seen = d.file_lines("out")
        d.write("orders", "block")
        send(5)
        wait_for("the other sink goes on", lambda: "m value=5i" in d.file_lines("influx")[-1])
        self.assertEqual(d.terminate(), 0)
        d.write("orders", "ok")
        harness.BUILD = self.prefix + "/sbin"
        d.start()
        harness.BUILD = BUILD
        wait_for("what blocked", lambda: d.file_lines("out") == seen + ["m=5"])

    def gives_up(self, d, send):
        d.write("orders", "fatal")
        send(4)
        d.wait_log("ordered to give up")
        d.write("orders", "ok")
        wait_for("what it gave up at", lambda: d.file_lines("out")[-1] == "m=4")


# What is wrong -> the check that says so, and a part of how.
BAD = {
    "SURPLUS": ("symbols", "also exports helper: compile with -fvisibility=hidden"),
    "UNDEFINED": ("symbols", "uses json_object_seed, which neither it nor"),
    "OTHER_ABI": ("symbols", "wanted garnet_plugin_v1, found garnet_plugin_v2"),
    "CRASH": ("format", "crashed by SIGABRT (Aborted) in format() of a metric with 64 tags"),
    "HANG": ("format", "hung for 3 s in format() of a metric with 64 tags"),
    "EXITS": ("format", "ended its process, with exit status 0, in format()"),
    "DIFFERS": ("format", "must be a function of the metric alone"),
    "LINES": ("format", "whole lines; .lines = 1"),
    "BREAKS_OUT": ("hostile", '" " in the value of a tag'),
    "QUOTES": ("hostile", '""" in its name'),
    "PERCENT": ("hostile", "as the format of putf()"),
    "TOO_LONG": ("format", "alone it is longer than"),
    "ANSWERS": ("format", "answered 77; it may answer OK, SKIP, FATAL"),
    "BEGIN": ("format", "begin() must forget a batch that was discarded"),
    "OPEN_FAILS": ("open", "open() answers RETRY: nobody listens"),
    "FD_LEFT": ("close", "(/dev/null) is still open after close()"),
    "FD_CLOSED": ("open", "closes descriptors that it did not open: 0"),
    "CLOSES_ALL": ("open", "closes descriptors that it did not open: 0, 1, 2, "),
    "PRINTS": ("format", 'writes to standard output, "debugging '),
    "MEMORY": ("close", "bytes of memory each round"),
    "MEMORY_CLOSE": ("close", "bytes of memory behind"),
}
if SANITIZED:  # whose malloc does not count
    del BAD["MEMORY"], BAD["MEMORY_CLOSE"]


class Tester(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix="garnet-kit-")
        self.addCleanup(shutil.rmtree, self.dir)

    def compile(self, bad):
        so = os.path.join(self.dir, bad.lower() + ".so")
        run(["cc", "-O1", "-fPIC", "-shared", "-fvisibility=hidden", "-I", SOURCE + "/core/include", "-DBAD=" + bad,
             "-o", so, ABI + "/bad.c"])
        return so

    def verdict(self, *args):
        r = subprocess.run([BUILD + "/garnet", "plugin", "test", *args], capture_output=True, text=True, timeout=60)
        return r.returncode, r.stdout + r.stderr

    def test_each_fault_is_told(self):
        def one(bad):
            return bad, self.verdict(self.compile(bad))
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            found = dict(pool.map(one, ["NOTHING"] + list(BAD)))
        self.assertEqual(found.pop("NOTHING")[0], 0)
        for bad, (status, out) in found.items():
            check, part = BAD[bad]
            with self.subTest(bad):
                self.assertEqual(status, 1, out)
                fails = [line for line in out.splitlines() if line.startswith(f"FAIL {check}: ")]
                self.assertTrue(any(part in line for line in fails), out)

    def test_what_a_library_cannot_help_is_told_and_hides_nothing(self):
        status, out = self.verdict(self.compile("FD_INHERITED"))
        self.assertEqual(status, 0, out)
        self.assertIn("(/dev/null) without close-on-exec: O_CLOEXEC", out)
        self.assertEqual(re.findall(r"(?m)^(look|ok  ) (\w+)", out), [("ok  ", "symbols"), ("ok  ", "load"), ("ok  ", "options"),
                         ("look", "open")] + [("ok  ", c) for c in ("open", "format", "hostile", "batch", "close")])

    def test_a_text_up_to_the_end_of_a_line_is_free(self):
        status, out = self.verdict(f"{BUILD}/tests/plugins/free_text.so")
        self.assertEqual(status, 0, out)
        self.assertEqual(re.findall("(?m)^look hostile: (.*?) ends a line, and (.*?) in it", out), [("its name", '" #:"')])
        status, out = self.verdict(f"{BUILD}/tests/plugins/free_text_inside.so")
        self.assertEqual(status, 1, out)
        self.assertIn('FAIL hostile: " " in its name changes how many " " stand between the fields', out)

    def test_a_crash_names_the_metric(self):
        status, out = self.verdict(self.compile("CRASH"))
        shown = re.search("     that metric is (.*)\n", out).group(1)
        self.assertEqual(len(json.loads(shown)["tags"]), 64, out)
        self.assertRegex(shown, r'"time":\d+\.\d{9},')
        self.assertIn("gdb -ex 'set follow-fork-mode child'", out)

    def test_help_and_wrong_usage(self):
        for args, status, part in ((("plugin", "test", "--help"), 0, "usage: garnet plugin"),
                                   (("emit", "-s", "x", "a.b", "1"), 2, "unknown option -s")):
            r = subprocess.run([BUILD + "/garnet", *args], capture_output=True, text=True, timeout=60)
            self.assertEqual(r.returncode, status)
            self.assertIn(part, r.stdout + r.stderr)

    def test_what_it_prints_is_no_data(self):
        so = self.compile("PRINTS")
        d = Daemon(self, f"self_metrics: 0\nsinks:\n  - {{name: p, plugin: {so}, to: stdout, flush: 50ms}}\n",
                   start=False)
        r = subprocess.run([BUILD + "/garnet", "plugin", "preview", "-c", d.config_path], input='{"name":"a","value":1}',
                           capture_output=True, text=True, timeout=PATIENCE)
        self.assertEqual((r.stdout, r.stderr, r.returncode), ('"a" testhost 1\n', "debugging a\n", 0))
        d.start()
        d.send('{"name":"a","value":1}')
        wait_for("the bytes", lambda: read(d.out_path) == '"a" testhost 1\n')
        d.wait_log("debugging a")
        self.assertEqual(d.terminate(), 0)
        self.assertEqual(read(d.out_path), '"a" testhost 1\n')

    def test_what_is_no_plugin(self):
        path = os.path.join(self.dir, "text.so")
        for text, part in (("", "it is empty"), ("#!/bin/sh\n", "not a shared object for this machine"),
                           ("\x7fELF" + "x" * 100, "not a shared object for this machine")):
            with open(path, "w") as f:
                f.write(text)
            status, out = self.verdict(path)
            self.assertEqual(status, 1)
            self.assertIn(part, out)
        self.assertIn("No such file", self.verdict(self.dir + "/none.so")[1])
        for name, part in (("small", "wanted a garnet_plugin of at least"), ("row_BOUND", 'max "10 parsecs"'),
                           ("row_CLASH", "has the name of a key that every sink has")):
            status, out = self.verdict(f"{BUILD}/tests/plugins/{name}.so")
            self.assertEqual(status, 1)
            self.assertRegex(out, "FAIL load: .*" + part)

    def test_options_and_golden(self):
        so = os.path.join(BUILD, "plugins/graphite.so")
        self.assertEqual(self.verdict(so, "-o", "host=keep", "-o", "path='{host}.{name}'")[0], 0)
        status, out = self.verdict(so, "-o", "host=keep", "-o", "path='{name'")
        self.assertEqual(status, 1)
        self.assertIn("-o:2:7: path: ", out)
        case = os.path.join(self.dir, "golden", "one")
        os.makedirs(case)
        for name, text in (("metrics.json", '{"name":"a","value":1,"time":1700000000}\n'), ("want", "b 1 1700000000\n"),
                           ("options.yaml", "path: '{name}'\n")):
            with open(os.path.join(case, name), "w") as f:
                f.write(text)
        status, out = self.verdict(so, "--golden", os.path.dirname(case))
        self.assertEqual(status, 1)
        self.assertIn('FAIL golden one: line 1 of the output is "a 1 1700000000\\n", wanted "b 1 1700000000\\n"', out)
        self.assertEqual(self.verdict(so, "--nonsense")[0], 2)

    def test_describe(self):
        so = os.path.join(BUILD, "plugins/graphite.so")
        d = json.loads(run([BUILD + "/garnet", "plugin", "describe", so, "--json"]))
        self.assertEqual((d["name"], d["abi"], d["roles"], d["lines"]), ("graphite", "1.0", ["formatter"], 1))
        self.assertIn("path", [o["name"] for o in d["options"]])
        self.assertIn("choice underscore|keep|reverse, default underscore",
                      run([BUILD + "/garnet", "plugin", "describe", so]))
        so = os.path.join(BUILD, "tests/plugins/ordered.so")
        self.assertEqual(json.loads(run([BUILD + "/garnet", "plugin", "describe", so, "--json"]))["flags"], ["ordered"])
        self.assertIn("flags:    ordered\n", run([BUILD + "/garnet", "plugin", "describe", so]))
        so = os.path.join(BUILD, "tests/plugins/few.so")
        d = json.loads(run([BUILD + "/garnet", "plugin", "describe", so, "--json"]))
        self.assertEqual((d["flush"], d["batch_size"], d["batch_metrics"]), ("5s", "512", 3))
        self.assertIn("batches:  flush 5s, batch_size 512, at most 3 metrics\n",
                      run([BUILD + "/garnet", "plugin", "describe", so]))
        r = subprocess.run([BUILD + "/garnet", "plugin", "describe", "./none.so"], capture_output=True, text=True)
        self.assertEqual(r.returncode, 1)
        self.assertIn("cannot load ./none.so", r.stderr)

    def test_preview(self):
        config = os.path.join(self.dir, "garnet.yaml")
        with open(config, "w") as f:
            f.write(f"socket: {{path: s}}\nspool: {{dir: spool}}\nhost: h\nplugin_path: [{BUILD}/plugins]\ntags: {{e: p}}\n"
                    "sinks:\n  - {name: a, plugin: graphite, to: 'tcp://127.0.0.1:1', path: '{e}.{name}'}\n"
                    "  - {name: b, plugin: graphite, to: stdout}\n")

        def preview(text, *sinks):
            r = subprocess.run([BUILD + "/garnet", "plugin", "preview", "-c", config, *sinks], input=text,
                               capture_output=True, text=True, timeout=60)
            return r.returncode, r.stdout, r.stderr
        one = '{"name":"m","value":1,"time":1700000000}'
        self.assertEqual(preview(one), (0, "p.m 1 1700000000\nh.m.p 1 1700000000\n", "==> a <==\n==> b <==\n"))
        self.assertEqual(preview("", "b"), (0, "", ""))
        many = one * 5000  # several batches
        self.assertEqual(preview(many, "a"), (0, "p.m 1 1700000000\n" * 5000, ""))
        status, out, err = preview(one + '\n{"name":"x","value":NaN}\n{"name":"...","value":1}', "a")
        self.assertEqual((status, out), (1, "p.m 1 1700000000\n"))
        self.assertIn('sink a: skipped metric "..."', err)
        self.assertIn("standard input:2:21: value: must be a finite number", err)
        self.assertEqual(preview(one, "c")[0], 2)
        with open(config, "a") as f:
            f.write("  - {name: r, plugin: graphite, to: stdout, path: '{name}', only: [c*], counters: rate}\n")
        count = '{"name":"c","type":"counter","value":%d,"time":%d}'
        status, out, err = preview(one + count % (1, 1700000000) + count % (21, 1700000010), "r")
        self.assertEqual((status, out), (0, "c 2 1700000010\n"))
        self.assertIn('deselected metric "m"', err)
        self.assertIn('skipped metric "c": a counter', err)
        self.assertFalse(os.path.exists(os.path.join(self.dir, "spool")))


if __name__ == "__main__":
    main()
