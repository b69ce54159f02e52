"""get_hostname(): what Diamond calls this host, by `hostname` and `hostname_method` of a configuration.

`smart`, which is what it is without one, is the short name as the kernel has it. Diamond asks DNS first and takes the first
label, too; here nothing waits for DNS unless fqdn is asked for. A name is found out once.
"""
import socket
import subprocess

from diamond.error import DiamondException


def _first(name):
    return name.split(".")[0]


def _reverse(name):
    return ".".join(reversed(name.split(".")))


METHODS = {
    "smart": lambda: _first(socket.gethostname()),
    "fqdn_short": lambda: _first(socket.getfqdn()),
    "fqdn": lambda: socket.getfqdn().replace(".", "_"),
    "fqdn_rev": lambda: _reverse(socket.getfqdn()),
    "uname_short": lambda: _first(socket.gethostname()),
    "uname_rev": lambda: _reverse(socket.gethostname()),
    "hostname": socket.gethostname,
    "hostname_short": lambda: _first(socket.gethostname()),
    "hostname_rev": lambda: _reverse(socket.gethostname()),
}


def get_hostname(config, method=None):
    """The name, or None where the configuration says that there is to be none."""
    method = (method or config.get("hostname_method") or "smart").lower()
    if method == "none":
        return config.get("hostname")
    if method != "shell":
        if "hostname" in config:
            return config["hostname"]
        if method not in METHODS:
            raise NotImplementedError("hostname_method = %s is unknown: use shell, none, %s" % (method, ", ".join(METHODS)))
    elif "hostname" not in config:
        raise DiamondException("hostname_method = shell needs a command in hostname")
    known = get_hostname.cached_results
    if method not in known:
        if method == "shell":
            known[method] = subprocess.run(config["hostname"], shell=True, check=True, text=True,
                                           stdout=subprocess.PIPE).stdout.strip()
        else:
            known[method] = METHODS[method]()
        if not known[method]:
            raise DiamondException("hostname_method = %s gives an empty name" % method)
    return known[method]


get_hostname.cached_results = {}
