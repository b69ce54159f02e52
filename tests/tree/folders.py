"""Who may use whom: docs/architecture.md's table, for the test of the includes and that of the calls."""
MAY = {
    "core/base": {"base"},
    "core/model": {"model", "base"},
    "core/convert": {"convert", "base", "model"},
    "core/conf": {"conf", "base"},
    "core/keep": {"keep", "base"},
    "core/collect": {"collect", "base", "conf", "keep"},
    "core/supervise": {"supervise", "base", "model", "conf", "keep"},
    "core/intake": {"intake", "base", "model", "conf"},
    "core/spool": {"spool", "base"},
    "core/control": {"control", "base"},
    "core/plugin": {"plugin", "base", "model", "conf", "garnet"},
    "core/delivery": {"delivery", "base", "conf"},
    "core/sink": {"sink", "base", "model", "conf", "spool", "plugin", "delivery", "garnet"},
    "core/daemon": {"daemon", "base", "model", "conf", "keep", "collect", "supervise", "intake", "spool", "control"},
    "core/plugintest": {"plugintest", "base", "model", "conf", "intake", "plugin", "garnet"},
    "core/cli": None,  # with the mains: anything
    "core/include": set(),
    "core": None,
    "client": {"client", "base", "garnet"},
    "client/include": set(),
    "collectors": {"client", "base"},
    "plugins": {"garnet"},
}
PARTS = {folder.split("/")[1] for folder in MAY if folder.startswith("core/")} - {"include"} | {"garnet"}
