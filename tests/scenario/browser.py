"""A real browser for scenario tests: Debian's chromium, driven by its chromedriver with plain HTTP (WebDriver, W3C)."""
import base64
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import urllib.error
import urllib.request

PATIENCE = 60.0  # seconds, for one answer: a browser that starts on a busy machine is slow


def missing():
    """What is not installed, or None."""
    return next((f"{p} is not installed" for p in ("chromium", "chromedriver") if shutil.which(p) is None), None)


class Browser:
    """Its profile is a folder below `folder`; close() ends all that it started."""

    def __init__(self, folder, width=1280, height=800, dark=False, touch=False):
        self.profile = tempfile.mkdtemp(dir=folder)
        self.driver = subprocess.Popen(["chromedriver", "--port=0"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                       stderr=subprocess.DEVNULL, text=True, start_new_session=True,
                                       env=dict(os.environ, HOME=self.profile, XDG_CONFIG_HOME=self.profile, XDG_CACHE_HOME=self.profile))
        try:
            for line in self.driver.stdout:
                if m := re.search(r"started successfully on port (\d+)", line):
                    break
            else:
                raise AssertionError("chromedriver did not start")
            self.base, self.session = f"http://127.0.0.1:{m[1]}", ""
            self.begin(width, height, dark, touch)
        except BaseException:
            self.close()
            raise

    def begin(self, width, height, dark, touch):
        args = ["--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--hide-scrollbars",
                f"--window-size={width},{height}", f"--user-data-dir={self.profile}/chromium"]
        options = {"args": args}
        if touch:
            options["mobileEmulation"] = {"deviceMetrics": {"width": width, "height": height, "pixelRatio": 2, "touch": True}}
        answer = self.call("POST", "/session", {"capabilities": {"alwaysMatch": {
            "browserName": "chrome", "goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}}})
        self.session = "/session/" + answer["sessionId"]
        if dark:
            self.devtools("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": "dark"}]})

    def call(self, method, path, data=None):
        body = json.dumps(data).encode() if data is not None else None
        request = urllib.request.Request(self.base + path, body, {"Content-Type": "application/json"}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as e:
            raise AssertionError(f"chromedriver: {path}: {e.read().decode()[:1000]}") from None

    def devtools(self, command, params):
        return self.call("POST", self.session + "/goog/cdp/execute", {"cmd": command, "params": params})

    def open(self, url):
        self.call("POST", self.session + "/url", {"url": url})

    def run(self, script, *args):
        """What a script, a function's body, returns."""
        return self.call("POST", self.session + "/execute/sync", {"script": script, "args": list(args)})

    def text(self, selector):
        """That of each element."""
        return self.run("return [...document.querySelectorAll(arguments[0])].map(e => e.textContent)", selector)

    def click(self, selector):
        self.run("document.querySelector(arguments[0]).click()", selector)

    def fill(self, selector, text):
        self.run("const e = document.querySelector(arguments[0]); e.value = arguments[1]; "
                 "e.dispatchEvent(new Event('input', {bubbles: true}))", selector, text)

    def log(self):
        """What the page has said to the console since the last look: errors, and what its policy has kept from running."""
        return [e["message"] for e in self.call("POST", self.session + "/se/log", {"type": "browser"})]

    def screenshot(self, path):
        with open(path, "wb") as f:
            f.write(base64.b64decode(self.call("GET", self.session + "/screenshot")))

    def close(self):
        try:
            if getattr(self, "session", ""):
                self.call("DELETE", self.session)
        finally:
            for how in (signal.SIGTERM, signal.SIGKILL):  # chromedriver, and a browser that it left
                try:
                    os.killpg(self.driver.pid, how)
                except ProcessLookupError:
                    break
            self.driver.wait()
            self.driver.stdout.close()
            shutil.rmtree(self.profile, ignore_errors=True)
