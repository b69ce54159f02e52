"""The page of the plugin live in a real browser: it loads and moves, finds, holds 2,000 series, shows names as text, and comes back
after restarts."""
from browser import Browser, missing
from harness import *

HOSTILE = ["<img src=x onerror=alert(1)>", "</script><script>document.title='taken'</script>", "\"'><svg onload=alert(2)>", "{{7*7}} ${7*7}"]
POINTS = "return [...document.querySelectorAll('.chart')].filter(c => c.dataset.metric === arguments[0] && c.chart?.u)" \
    ".map(c => c.chart.u.data[0].length)[0] ?? 0"


class LivePage(unittest.TestCase):
    def setUp(self):
        if missing():
            self.skipTest(missing())
        self.port = free_port()
        self.d = Daemon(self, f"self_metrics: 1s\nsinks:\n  - {{name: page, plugin: live, listen: '127.0.0.1:{self.port}'}}\n",
                        {"load": f"command: [{BUILD}/collectors/loadavg]\ninterval: 1s\n", "bad": "command: [/bin/false]\ninterval: 1s\n"})
        self.d.wait_log("the page is at")

    def browse(self, fragment="", **how):
        self.b = Browser(self.d.dir, **how)
        self.addCleanup(self.b.close)
        self.b.open(f"http://127.0.0.1:{self.port}/{fragment}")

    def names(self):
        return [n for n in self.b.text(".chart h3 button")]

    def search(self, text, *names):
        self.b.fill("#search", text)
        wait_for(f"{text}: {names}", lambda: sorted(self.names()) == sorted(names))

    def quiet(self, allowed="nothing"):
        """Nothing in the console: no error, and nothing that the policy has kept from running."""
        said = [m for m in self.b.log() if not re.search(allowed, m)]
        self.assertEqual(said, [])

    def test_it_loads_moves_finds_and_comes_back(self):
        self.browse()
        wait_for("the load averages", lambda: {"loadavg.1m", "loadavg.threads"} <= set(self.names()))
        wait_for("a line", lambda: self.b.run(POINTS, "loadavg.1m") >= 2)
        n = self.b.run(POINTS, "loadavg.1m")
        wait_for("it grows", lambda: self.b.run(POINTS, "loadavg.1m") >= n + 2)
        wait_for("a failing collector is told of", lambda: "look at bad" in "".join(self.b.text("#health-toggle span")))
        self.b.click("#health-toggle")
        wait_for("why", lambda: any("exit" in t for t in self.b.text("#health-more td")))

        # A search by name and by tag, which a link keeps.
        for i in range(3):
            self.d.send(f'{{"name":"disk.used","value":{i},"unit":"B","tags":{{"mount":"/m{i}"}}}}')
        self.search("disk.used", "disk.used")
        wait_for("a line for each set of tags", lambda: self.b.text(".legend .label") == ["/m0", "/m1", "/m2"])
        self.search("disk mount=/m1", "disk.used")
        wait_for("one of them", lambda: self.b.run("return document.querySelector('.chart').chart.lines.map(s => s.tags.mount)") == ["/m1"])
        self.search("disk -mount=/m*")
        self.assertIn("Nothing is called so", "".join(self.b.text(".empty")))
        self.search("mount=/m2", "disk.used")
        address = self.b.run("return location.hash")
        self.assertEqual(address, "#q=mount%3D%2Fm2")
        self.b.open(f"http://127.0.0.1:{self.port}/?again{address}")
        wait_for("the link keeps the view", lambda: self.names() == ["disk.used"])
        self.search("loadavg.1m", "loadavg.1m")

        # Pause: nothing is read, and nothing moves.
        wait_for("its line", lambda: self.b.run(POINTS, "loadavg.1m") >= 2)
        self.b.click("#pause")
        n = self.b.run(POINTS, "loadavg.1m")
        wait_for("the stream is closed", lambda: self.b.run("return document.body.dataset.connection") == "off")
        wait_for("the next second", lambda: self.b.run("return Date.now() - (window.since ??= Date.now()) > 2500"))
        self.assertLessEqual(self.b.run(POINTS, "loadavg.1m"), n + 1)
        self.b.click("#pause")
        wait_for("it has caught up", lambda: self.b.run(POINTS, "loadavg.1m") >= n + 2)

        # A hidden tab: no connection, and all that was missed afterwards.
        hide = "const on = arguments[0]; Object.defineProperty(document, 'hidden', {configurable: true, get: () => on}); " \
            "document.dispatchEvent(new Event('visibilitychange'))"
        self.b.run(hide, True)
        wait_for("the stream is closed", lambda: self.b.run("return document.body.dataset.connection") == "off")
        self.d.send('{"name":"loadavg.1m.meanwhile","value":1}')
        self.assertEqual(self.names(), ["loadavg.1m"])
        self.b.run(hide, False)
        wait_for("what came meanwhile", lambda: self.names() == ["loadavg.1m", "loadavg.1m.meanwhile"])
        self.quiet()

        self.assertEqual(self.d.terminate(), 0)
        wait_for("it says so", lambda: any("does not answer" in t for t in self.b.text("#notices p")))
        n = self.b.run(POINTS, "loadavg.1m")
        self.d.start()
        wait_for("it is connected again", lambda: self.b.run("return document.body.dataset.connection") == "on" and not self.b.text("#notices p"))
        wait_for("it has all of before, and goes on", lambda: self.b.run(POINTS, "loadavg.1m") >= n + 2)
        with open(self.d.config_path) as f:
            config = f.read()
        self.d.configure(config.replace(", listen:", ", drop: garnet.*, listen:"))
        self.d.hup()
        wait_for("without Garnet's own metrics it says so", lambda: "Nothing is known of collectors and sinks" in "".join(self.b.text("#health-toggle")))
        self.quiet("ERR_CONNECTION_REFUSED|ERR_INCOMPLETE_CHUNKED|ERR_EMPTY_RESPONSE|ERR_CONNECTION_RESET")

    def test_two_thousand_series_hostile_names_and_a_phone(self):
        for name in HOSTILE:
            self.d.send(json.dumps({"name": "evil." + name, "value": 1, "unit": name[:20], "tags": {name: name, "more": "1"}}) +
                        json.dumps({"name": "evil." + name, "value": 2, "unit": name[:20], "tags": {name: "x", "more": "2"}}))
        self.d.send("".join('{"name":"many","tags":{"disk":"sd%d"},"values":{%s}}' % (i, ",".join(f'"m{k}":{k}' for k in range(100))) for i in range(20)))
        self.browse(width=390, height=844, touch=True, dark=True)
        wait_for("all groups", lambda: "many100" in self.b.text("#groups a"))
        wait_for("all series", lambda: re.search(r"2,0\d\d series", "".join(self.b.text("#health-toggle"))))
        self.assertIn("100 metrics, 2,000 series", "".join(self.b.text(".group h2")))
        self.assertLess(self.b.run("return document.querySelectorAll('canvas').length"), 40, "only what is near is drawn")
        self.assertLessEqual(self.b.run("return document.documentElement.scrollWidth"), 390, "nothing is wider than the phone")
        self.search("many.m7 disk=sd3", "many.m7", *(f"many.m7{i}" for i in range(10)))
        self.search("evil", *("evil." + n for n in HOSTILE))
        wait_for("tags are text, too", lambda: f"{HOSTILE[0]}={HOSTILE[0]}" in "".join(self.b.text(".legend .label")))
        self.assertEqual(self.b.run("return document.querySelectorAll('main img, main script, main svg').length"), 0)
        self.d.send('{"name":"proto","value":1,"tags":{"constructor":"x","__proto__":"y"}}{"name":"proto","value":1}')
        self.search("proto", "proto")
        wait_for("a tag is one that was sent", lambda: self.b.text(".legend .label") == ["__proto__=y  constructor=x", "(no tags)"] or
                 self.b.text(".legend .label") == ["(no tags)", "__proto__=y  constructor=x"])
        self.search("evil", *("evil." + n for n in HOSTILE))
        self.b.run("document.querySelector('.chart h3 button').click()")
        wait_for("one alone", lambda: self.b.run("return document.querySelectorAll('.chart.big canvas').length") == 1)
        self.assertIn("Garnet", self.b.run("return document.title"))
        self.assertNotIn("taken", self.b.run("return document.title").split(" – ")[-1])
        self.assertEqual(self.b.run("return getComputedStyle(document.documentElement).colorScheme"), "dark")
        self.b.click("#theme")
        self.assertEqual(self.b.run("return getComputedStyle(document.documentElement).colorScheme"), "light")
        self.quiet()


if __name__ == "__main__":
    main(side_by_side=2)
