"""A real statsd for the scenario tests: its npm package, at one version, run by node.

Its core needs no other package. It is fetched once into the build folder, by npm where that is installed (which knows
the machine's registry), else straight from the registry, and is used only if its bytes are the known ones.
"""
import hashlib
import io
import json
import re
import shutil
import tarfile
import urllib.request

from harness import *

VERSION = "0.9.0"
SHA512 = ("0f0403019de8b26e59690b21abb67f0bc9f1a6a5a38fb3550661e4c592ed6bd9"
          "433987a53d9f2f47defa394d53087460180d5b481b81ea094ec3d705931972cc")
URL = f"https://registry.npmjs.org/statsd/-/statsd-{VERSION}.tgz"
FOLDER = os.path.join(BUILD, f"statsd-{VERSION}")
NODE = shutil.which("node") or shutil.which("nodejs")


def download():
    if shutil.which("npm"):
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run(["npm", "pack", f"statsd@{VERSION}"], cwd=folder, check=True, timeout=60,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            with open(os.path.join(folder, f"statsd-{VERSION}.tgz"), "rb") as f:
                return f.read()
    with urllib.request.urlopen(URL, timeout=60) as r:
        return r.read()


def fetch():
    """Why there is no statsd here, or None."""
    if not NODE:
        return "node is not installed (Debian: nodejs)"
    if os.path.isdir(FOLDER):
        return None
    try:
        data = download()
    except (OSError, subprocess.SubprocessError) as e:
        return f"statsd {VERSION} could not be fetched from the npm registry: {e}"
    if hashlib.sha512(data).hexdigest() != SHA512:
        raise AssertionError(f"statsd {VERSION} is not what it was: its SHA-512 differs")
    with tempfile.TemporaryDirectory(dir=BUILD) as folder:
        with tarfile.open(fileobj=io.BytesIO(data)) as tar:
            tar.extractall(folder)
        os.rename(os.path.join(folder, "package"), FOLDER)
    return None


class Statsd:
    """One that listens on UDP, TCP and a Unix socket, and never flushes. Ended by the test's clean-up."""

    def __init__(self, test, d):
        self.udp, self.tcp, self.mgmt = free_port(), free_port(), free_port()
        self.path = d.path("statsd.sock")
        self.log = d.path("statsd.log")
        here = {"address": "127.0.0.1"}
        config = {"servers": [dict(here, server="./servers/udp", port=self.udp),
                              dict(here, server="./servers/tcp", port=self.tcp),
                              dict(server="./servers/tcp", socket=self.path)],
                  "mgmt_address": "127.0.0.1", "mgmt_port": self.mgmt, "backends": [], "flushInterval": 86400000,
                  "automaticConfigReload": False}
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                [NODE, "stats.js", d.write("statsd.js", json.dumps(config))], cwd=FOLDER, stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, env=dict(os.environ, GARNET_TEST_DIR=d.dir))
        test.addCleanup(self.process.wait)
        test.addCleanup(self.process.kill)
        wait_for("statsd listens", lambda: self._listens(test), 60)

    def _listens(self, test):
        if self.process.poll() is not None:
            with open(self.log, errors="replace") as f:
                test.fail("statsd has ended: " + f.read())
        try:
            socket.create_connection(("127.0.0.1", self.mgmt), 1).close()
            socket.create_connection(("127.0.0.1", self.tcp), 1).close()
        except OSError:
            return False
        return os.path.exists(self.path)

    def ask(self, what):
        """What its management port says of "counters", "gauges" or "timers": path -> text of the value."""
        with socket.create_connection(("127.0.0.1", self.mgmt), PATIENCE) as s:
            s.sendall(what.encode() + b"\n")
            text = b""
            while not text.endswith(b"END\n\n"):
                chunk = s.recv(65536)
                if not chunk:
                    break
                text += chunk
        found = re.findall(r"(?:'([^']*)'|([A-Za-z_$][\w$]*)): (\[[^\]]*\]|[^\s,}]+)", text.decode())
        return {a or b: value for a, b, value in found}

    def numbers(self, what):
        """Without those about statsd itself."""
        return {k: float(v) for k, v in self.ask(what).items() if not k.startswith("statsd.")}
