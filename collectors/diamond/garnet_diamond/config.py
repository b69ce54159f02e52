"""A collector's configuration, of a folder that is laid out as Diamond's:

    diamond.conf               [collectors], there [[default]] and [[NAME]]; and [configs], more files like it
    collectors/NAME.conf       goes before what diamond.conf says; collectors_config_path in its [server] is another folder for these

Without a folder there is nothing but the collector's own defaults.
"""
import os

import configobj
from diamond.collector import str_to_bool


class Unusable(Exception):
    """What to tell somebody, with the place."""


class Configuration:
    """`given` is what Collector() takes, `files` which ones it is of, `disabled` the one that has disabled the collector, or None."""

    def __init__(self, folder, name):
        sections = self._sections = {"default": configobj.ConfigObj(), name: configobj.ConfigObj()}
        self.given = {"collectors": sections}
        self.files = []
        self._runs = {}  # section -> what it says of `enabled`, and where
        if folder is not None:
            self._read_all(folder, name)
        runs, path = self._runs.get(name) or self._runs.get("default") or (True, None)
        sections[name]["enabled"] = runs
        self.disabled = None if runs else path

    def _read_all(self, folder, name):
        if not os.path.isdir(folder):
            raise Unusable("%s: there is no such folder" % folder)
        main = os.path.join(folder, "diamond.conf")
        below = os.path.join(folder, "collectors")
        extension = ".conf"
        if os.path.exists(main):
            said = self._read(main)
            server, configs = _section(said, "server", main), _section(said, "configs", main)
            extension = _text(configs, "extension", main) or extension
            self._take(said, name, main)
            more = _text(configs, "path", main)
            if more is not None:
                for path in _files(os.path.join(folder, more), extension, main):
                    self._take(self._read(path), name, path)
            other = _text(server, "collectors_config_path", main)
            if other is not None and os.path.isdir(os.path.join(folder, other)):
                below = os.path.join(folder, other)
        elif not os.path.isdir(below):
            raise Unusable("%s: it has neither diamond.conf nor collectors: give a folder like /etc/diamond" % folder)
        own = os.path.join(below, name + extension)
        if os.path.exists(own):
            self._over(name, self._read(own), own)

    def _read(self, path):
        self.files.append(path)
        try:
            return configobj.ConfigObj(path, file_error=True, raise_errors=True)
        except configobj.ConfigObjError as e:
            raise Unusable("%s:%s: %s" % (path, e.line_number or 1, e)) from e
        except (OSError, UnicodeError) as e:
            raise Unusable("%s: %s" % (path, getattr(e, "strerror", None) or e)) from e

    def _take(self, said, name, path):
        sections = _section(said, "collectors", path)
        for section in ("default", name):
            self._over(section, _section(sections, section, path), path)

    def _over(self, section, said, path):
        """What this file says goes over what was said before."""
        try:
            self._sections[section].merge(said)
            if "enabled" in said:
                self._runs[section] = str_to_bool(said["enabled"]), path
        except configobj.ConfigObjError as e:  # a replacement, %(NAME)s, by what is not there
            raise Unusable("%s: %s" % (path, e)) from e
        except NotImplementedError as e:
            raise Unusable("%s: enabled: %s" % (path, e)) from e


def _section(within, name, path):
    section = within.get(name, {})
    if not isinstance(section, dict):
        raise Unusable("%s: %s is to be a section, in brackets" % (path, name))
    return section


def _text(section, key, path):
    try:
        value = section.get(key)
    except configobj.ConfigObjError as e:
        raise Unusable("%s: %s" % (path, e)) from e
    if value is not None and not isinstance(value, str):
        raise Unusable("%s: %s is to be one text" % (path, key))
    return value


def _files(folder, extension, path):
    try:
        return [os.path.join(folder, name) for name in sorted(os.listdir(folder)) if name.endswith(extension)]
    except OSError as e:
        raise Unusable("%s: [configs] path = %s: %s" % (path, folder, e.strerror)) from e
