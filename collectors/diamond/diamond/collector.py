"""Collector: what every collector of Diamond's is derived from; ProcessCollector: one that runs a program.

A collector has `config`, `handlers`, `log` and `name`, measures in collect(), and publishes. Its configuration is, each over the
one before: get_default_config(), the section [[default]], the section of its own name; all from `config`, a dict with "collectors",
which is put together by who makes the collector.
"""
import logging
import os
import re
import shutil
import subprocess
import time

import configobj

from diamond.error import DiamondException
from diamond.hostname import get_hostname
from diamond.metric import Metric

MAX_COUNTER = 2 ** 64 - 1
MORE_PATHS = ("/usr/bin", "/bin", "/usr/local/bin", "/usr/sbin", "/sbin", "/usr/local/sbin")
WORDS = {"true": True, "t": True, "yes": True, "y": True, "false": False, "f": False, "no": False, "n": False, "": False}


def str_to_bool(value):
    """What a configuration says as text; anything else stays as it is."""
    if not isinstance(value, str):
        return value
    try:
        return WORDS[value.strip().lower()]
    except KeyError:
        raise NotImplementedError("%r is neither true nor false" % value) from None


class Collector:
    remembers = False  # whether it has asked for what a value was before

    def __init__(self, config=None, handlers=(), name=None, configfile=None):
        self.log = logging.getLogger("diamond")
        self.name = name or type(self).__name__
        self.handlers = handlers
        self.last_values = {}
        self.configfile = configfile
        self.default_dimensions = self.dimensions = None
        self._given = config
        self.load_config()

    # --- configuration ---

    def load_config(self, configfile=None, override_config=None):
        """Anew, as it was given or as it is given now."""
        self._given = override_config or self._given
        self.config = configobj.ConfigObj()
        self.config.merge(self.get_default_config() or {})
        sections = (self._given or {}).get("collectors", {})
        for section in ("default", self.name):
            self.config.merge(sections.get(section, {}))
        self.process_config()

    def process_config(self):
        config = self.config
        if isinstance(config.get("byte_unit"), str):
            config["byte_unit"] = config["byte_unit"].split()
        for key in ("enabled", "measure_collector_time"):
            if key in config:
                config[key] = str_to_bool(config[key])
        if config.get("metrics_whitelist") and config.get("metrics_blacklist"):
            raise DiamondException("%s has metrics_whitelist and metrics_blacklist: one of them, please" % self.name)
        for key in ("metrics_whitelist", "metrics_blacklist"):
            patterns = config.get(key) or []
            config[key] = [_compiled(key, p) for p in ([patterns] if isinstance(patterns, str) else patterns)]

    def get_default_config_help(self):
        return {
            "enabled": "whether it collects",
            "byte_unit": "the units in which it gives bytes, with blanks between them",
            "measure_collector_time": "whether it tells how long collecting takes, in ms",
            "metrics_whitelist": "patterns of metrics to take; not beside metrics_blacklist",
            "metrics_blacklist": "patterns of metrics to leave out; not beside metrics_whitelist",
        }

    def get_default_config(self):
        return {
            "enabled": False,
            "path_prefix": "servers",
            "path_suffix": "",
            "instance_prefix": "instances",
            "interval": 300,
            "stagger_collection": True,
            "ttl_multiplier": 2,
            "byte_unit": "byte",
            "measure_collector_time": False,
            "metrics_whitelist": None,
            "metrics_blacklist": None,
        }

    # --- names ---

    def get_hostname(self):
        return get_hostname(self.config)

    def get_metric_path(self, name, instance=None):
        """prefix.HOST.suffix.PATH.name; of a virtual machine instances.INSTANCE.PATH.name."""
        path = self.config.get("path", type(self).__name__)
        if instance is not None:
            before = [self.config.get("instance_prefix", "instances"), instance]
        else:
            before = [self.config.get("path_prefix", "systems"), self.get_hostname(), self.config.get("path_suffix")]
        return ".".join([node for node in (*before, "" if path == "." else path) if node] + [name])

    def metric_allowed(self, metric):
        allowed, refused = self.config["metrics_whitelist"], self.config["metrics_blacklist"]
        return (not allowed or any(p.match(metric) for p in allowed)) and not any(p.match(metric) for p in refused)

    # --- values ---

    def collect(self):
        raise NotImplementedError("%s has no collect()" % self.name)

    def publish(self, name, value, raw_value=None, precision=0, metric_type="GAUGE", instance=None, timestamp=None):
        """Gives a value to the handlers."""
        tags, self.dimensions = self.dimensions, None
        if not self.metric_allowed(name):
            return
        ttl = float(self.config["interval"]) * float(self.config["ttl_multiplier"])
        try:
            metric = Metric(self.get_metric_path(name, instance=instance), value, raw_value=raw_value, timestamp=timestamp,
                            precision=precision, host=self.get_hostname(), metric_type=metric_type, ttl=ttl,
                            dimensions={**(self.default_dimensions or {}), **(tags or {})}, instance=instance)
        except DiamondException as e:
            self.log.error("%s: %s", self.name, e)
            raise
        metric.counter = raw_value
        self.publish_metric(metric)

    def publish_metric(self, metric):
        for handler in self.handlers:
            handler._process(metric)

    def publish_gauge(self, name, value, precision=0, instance=None):
        return self.publish(name, value, precision=precision, metric_type="GAUGE", instance=instance)

    def publish_counter(self, name, value, precision=0, max_value=0, time_delta=True, interval=None, allow_negative=False,
                        instance=None):
        """What it grew by; raw_value is the counter. What may go down, too, is none, and so a gauge."""
        remembers = self.remembers
        grown = self.derivative(name, value, max_value=max_value, time_delta=time_delta, interval=interval,
                                allow_negative=allow_negative, instance=instance)
        self.remembers = remembers or allow_negative
        return self.publish(name, grown, raw_value=value, precision=precision, instance=instance,
                            metric_type="GAUGE" if allow_negative else "COUNTER")

    def publish_cumulative_counter(self, name, value, precision=0, instance=None):
        """Fullerite's: the counter itself."""
        return self.publish(name, value, precision=precision, metric_type="CUMCOUNTER", instance=instance)

    def derivative(self, name, new, max_value=0, time_delta=True, interval=None, allow_negative=False, instance=None):
        """What the value grew by since the last time, for each second of the interval, or with time_delta=False in all.

        The first time there is nothing to compare with: 0. What is less than before has begun anew at max_value.
        """
        self.remembers = True
        path = self.get_metric_path(name, instance=instance)
        old, self.last_values[path] = self.last_values.get(path), new
        if old is None:
            return 0
        grown = new - old + (max_value if new < old else 0)
        if grown < 0 and not allow_negative:
            return 0
        return float(grown) / (float(self.config["interval"] if interval is None else interval) if time_delta else 1)

    def _run(self):
        """One round."""
        began = time.monotonic()
        self.collect()
        if self.config.get("measure_collector_time"):
            self.publish("collector_time_ms", int((time.monotonic() - began) * 1000))

    # --- programs ---

    def find_binary(self, binary):
        """Where this program is; what cannot be found stays as it is."""
        if os.path.exists(binary):
            return binary
        paths = os.environ.get("PATH", "").split(":")
        return shutil.which(os.path.basename(binary), mode=os.F_OK, path=":".join([*paths, *MORE_PATHS])) or binary


def _compiled(key, pattern):
    try:
        return re.compile(pattern)
    except (re.error, TypeError) as e:
        raise DiamondException("%s: %r is no pattern: %s" % (key, pattern, e)) from e


class ProcessCollector(Collector):
    """`bin` is the program that it runs."""

    def get_default_config_help(self):
        return {**super().get_default_config_help(), "use_sudo": "whether it is run by sudo", "sudo_cmd": "where sudo is"}

    def get_default_config(self):
        return {**super().get_default_config(), "use_sudo": False, "sudo_cmd": self.find_binary("/usr/bin/sudo")}

    def run_command(self, args):
        """(what it printed, None), as text; None if it cannot be run."""
        if "bin" not in self.config:
            raise DiamondException("%s has no bin: the program to run" % self.name)
        if not os.access(self.config["bin"], os.X_OK):
            raise DiamondException("%s is not executable" % self.config["bin"])
        command = [self.config["bin"], *args]
        if str_to_bool(self.config["use_sudo"]):
            command.insert(0, self.config["sudo_cmd"])
        try:
            r = subprocess.run(command, stdout=subprocess.PIPE, encoding="utf-8", errors="replace", check=False)
        except OSError:
            self.log.exception("cannot run %s", " ".join(command))
            return None
        return r.stdout, r.stderr
