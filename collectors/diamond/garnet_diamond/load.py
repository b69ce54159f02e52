"""A collector's class, of its file.

Collectors import files beside theirs, and in other folders of --path. All of these are searched last: there are an http.py and
a redis.py among collectors, which would hide what everybody else means by these names.
"""
import importlib.util
import os
import sys

from diamond.collector import Collector


class Missing:
    """The last to be asked for a module: so what it is asked for is not there. Many collectors go on without, and publish nothing."""

    def __init__(self):
        self.names = []
        sys.meta_path.append(self)

    def find_spec(self, name, path=None, target=None):
        if name not in self.names:
            self.names.append(name)


class NoCollector(Exception):
    """What to tell somebody."""


def collector_class(name, path, files):
    """Whatever its file raises comes out of here."""
    for file in (path, *files):  # a folder of folders would be an empty package by each of their names
        folder = os.path.dirname(os.path.abspath(file))
        if folder not in sys.path:
            sys.path.append(folder)
    module_name = "collector_" + os.path.basename(path)[:-len(".py")]
    spec = importlib.util.spec_from_file_location(module_name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module
    spec.loader.exec_module(module)
    found = getattr(module, name, None)
    if found is None:
        raise NoCollector("%s: it has no class %s when it is loaded" % (path, name))
    if not (isinstance(found, type) and issubclass(found, Collector)):
        raise NoCollector("%s: it is not derived from diamond.collector.Collector" % path)
    return found
