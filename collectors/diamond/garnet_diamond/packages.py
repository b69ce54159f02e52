"""The package of Debian that a Python module is in, for those that collectors are known to need."""

PACKAGES = {
    "MySQLdb": "python3-mysqldb", "Xlib": "python3-xlib", "bs4": "python3-bs4", "configobj": "python3-configobj", "dateutil": "python3-dateutil",
    "dns": "python3-dnspython", "docker": "python3-docker", "feedparser": "python3-feedparser", "httplib2": "python3-httplib2",
    "kafka": "python3-kafka", "kazoo": "python3-kazoo", "ldap": "python3-ldap", "libvirt": "python3-libvirt", "lxml": "python3-lxml",
    "memcache": "python3-memcache", "netifaces": "python3-netifaces", "numpy": "python3-numpy", "paramiko": "python3-paramiko",
    "pika": "python3-pika", "psutil": "python3-psutil", "psycopg2": "python3-psycopg2", "pylibmc": "python3-pylibmc",
    "pymongo": "python3-pymongo", "pymysql": "python3-pymysql", "pysnmp": "python3-pysnmp4", "pyudev": "python3-pyudev",
    "redis": "python3-redis", "requests": "python3-requests", "setproctitle": "python3-setproctitle", "simplejson": "python3-simplejson",
    "six": "python3-six", "supervisor": "supervisor", "yaml": "python3-yaml", "zmq": "python3-zmq",
}


OF_USE_TO_NOBODY = ("configobj", "setproctitle", "simplejson", "six")  # there is another way, which is taken


def lacking(names):
    """Which of these modules, none of which is there, a collector may well need; as text, or None."""
    known = [n for n in names if n in PACKAGES and n not in OF_USE_TO_NOBODY]
    if not known:
        return None
    return "it lacks %s (Debian: apt install %s)" % (" and ".join(known), " ".join(PACKAGES[n] for n in known))


def advice(module):
    package = PACKAGES.get(module.split(".")[0])
    if package:
        return "Debian: apt install %s" % package
    return "this Python module is not installed, or its folder is not among those of --path"
