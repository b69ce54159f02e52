"""A collector's configuration, of a folder that is laid out as Diamond's:

    diamond.conf               [collectors], there [[default]] and [[NAME]]; and [configs], more files like it
    collectors/NAME.conf       goes before what diamond.conf says

Without a folder there is nothing but the collector's own defaults.
"""
import os

import configobj


class Unusable(Exception):
    """What to tell somebody, with the place."""


def _read(path):
    try:
        return configobj.ConfigObj(path, file_error=True, raise_errors=True)
    except configobj.ConfigObjError as e:
        raise Unusable("%s:%s: %s" % (path, e.line_number or 1, e)) from e
    except (OSError, UnicodeError) as e:
        raise Unusable("%s: %s" % (path, getattr(e, "strerror", None) or e)) from e


def _main(folder):
    """diamond.conf, and what its [configs] adds."""
    path = os.path.join(folder, "diamond.conf")
    if not os.path.exists(path):
        return configobj.ConfigObj()
    main = _read(path)
    more = main.get("configs", {})
    if "path" in more:
        top = os.path.join(folder, more["path"])
        try:
            names = sorted(os.listdir(top))
        except OSError as e:
            raise Unusable("%s: [configs] path = %s: %s" % (path, more["path"], e.strerror)) from e
        for name in names:
            if name.endswith(more.get("extension", ".conf")):
                main.merge(_read(os.path.join(top, name)))
    return main


def sections(folder, name):
    """(what Collector() takes, the file that has disabled it or None)"""
    if folder is None:
        return {"collectors": {"default": {}, name: {"enabled": True}}}, None
    if not os.path.isdir(folder):
        raise Unusable("%s: there is no such folder" % folder)
    main = _main(folder)
    all_of_them = main.get("collectors", {})
    if not isinstance(all_of_them, dict):
        raise Unusable("%s: collectors is no section: write [collectors]" % os.path.join(folder, "diamond.conf"))
    default, own = all_of_them.get("default", {}), configobj.ConfigObj()
    own.merge(all_of_them.get(name, {}))
    file = os.path.join(folder, "diamond.conf")
    theirs = os.path.join(folder, "collectors")
    if not os.path.isdir(theirs):
        theirs = main.get("server", {}).get("collectors_config_path", theirs)
    path = os.path.join(theirs, name + ".conf")
    if os.path.exists(path):
        said = _read(path)
        own.merge(said)
        file = path if "enabled" in said else file
    enabled = own.get("enabled", default.get("enabled", True))
    own["enabled"] = True
    return {"collectors": {"default": default, name: own}}, file if _is_false(enabled) else None


def _is_false(value):
    return str(value).strip().lower() in ("false", "f", "no", "n", "")
