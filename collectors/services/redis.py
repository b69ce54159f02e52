#!/usr/bin/python3 -B
"""redis - clients, memory, commands, keys and traffic of a Redis, or a Valkey, by its INFO"""
import service

GAUGES = {  # INFO's name -> ours, unit
    "uptime_in_seconds": ("redis.uptime", "s"),
    "connected_clients": ("redis.clients.connected", "conn"), "blocked_clients": ("redis.clients.blocked", "conn"),
    "used_memory": ("redis.memory.used", "B"), "used_memory_rss": ("redis.memory.rss", "B"), "maxmemory": ("redis.memory.max", "B"),
    "connected_slaves": ("redis.replicas", "conn"), "rdb_changes_since_last_save": ("redis.unsaved", "event"),
}
COUNTERS = {
    "total_connections_received": ("redis.connections.received", "conn"), "rejected_connections": ("redis.connections.rejected", "conn"),
    "total_commands_processed": ("redis.commands", "req"), "keyspace_hits": ("redis.hits", "req"), "keyspace_misses": ("redis.misses", "req"),
    "expired_keys": ("redis.expired", "event"), "evicted_keys": ("redis.evicted", "event"),
    "total_net_input_bytes": ("redis.network.rx_bytes", "B"), "total_net_output_bytes": ("redis.network.tx_bytes", "B"),
    "used_cpu_user": ("redis.cpu.user", "s"), "used_cpu_sys": ("redis.cpu.system", "s"),
}
OF_DB = {"keys": ("redis.db.keys", None), "expires": ("redis.db.expiring", None)}


def ask(stream, *words):
    """What Redis answers; an error is Wrong."""
    stream.write(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in words))
    stream.flush()
    line = stream.readline(1000).strip()
    if line.startswith(b"$") and line[1:].isdigit() and int(line[1:]) <= service.MAX_ANSWER:
        line = stream.read(int(line[1:]) + 2)
        if not line.endswith(b"\r\n"):
            raise service.Wrong("it has hung up in the middle of its answer")
    elif not line.startswith(b"+"):
        line = line.partition(b", with args")[0]  # some errors repeat what was said, which may be a password
        text = service.shown(line.decode("utf-8", "backslashreplace"))
        raise service.Wrong(text[1:] if text.startswith("-") else "this is no Redis: " + (text or "it has hung up"))
    return line.decode("utf-8", "backslashreplace")


def measure(options, out):
    with service.connect(options.address) as s, s.makefile("rwb") as stream:
        if options.password_file:
            with open(options.password_file, "rb") as f:
                ask(stream, b"AUTH", *([options.user.encode()] if options.user else []), f.readline(1000).rstrip(b"\r\n"))
        info = dict(line.split(":", 1) for line in ask(stream, b"INFO").splitlines() if ":" in line)
    out.gauges(GAUGES, info)
    out.counters(COUNTERS, info)
    for key, text in info.items():  # db0:keys=1,expires=0,avg_ttl=0
        if key.startswith("db") and key[2:].isdecimal():
            out.gauges(OF_DB, dict(pair.split("=", 1) for pair in text.split(",") if "=" in pair), db=key[2:])


service.main("Sends clients, memory, commands, keys and traffic of a Redis, by its INFO.", measure,
             address=("127.0.0.1:6379", "HOST:PORT, or the /PATH of its socket"),
             user=(None, "of an access list, where it is not the default one"),
             password_file=(None, "a file, with the password in its first line"))
