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
    "total_net_input_bytes": ("redis.network.in", "B"), "total_net_output_bytes": ("redis.network.out", "B"),
    "used_cpu_user": ("redis.cpu.user", "s"), "used_cpu_sys": ("redis.cpu.system", "s"),
}


def ask(stream, *words):
    """What Redis answers, as text: an error is Wrong."""
    stream.write(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in map(str.encode, words)))
    stream.flush()
    line = stream.readline(1000).decode("utf-8", "backslashreplace").strip()
    if line.startswith("+"):
        return line
    if line.startswith("$") and line[1:].isdecimal() and int(line[1:]) <= service.MAX_ANSWER:
        answer = stream.read(int(line[1:]) + 2).decode("utf-8", "backslashreplace")
        if not answer.endswith("\r\n"):
            raise service.Wrong("it has hung up in the middle of its answer")
        return answer
    raise service.Wrong(service.shown(line[1:]) if line.startswith("-") else "this is no Redis: " + service.shown(line))


def measure(options, out):
    with service.connect(options.address) as s, s.makefile("rwb") as stream:
        if options.password_file:
            with open(options.password_file) as f:
                ask(stream, "AUTH", *filter(None, [options.user]), f.readline().rstrip("\n"))
        info = dict(line.split(":", 1) for line in ask(stream, "INFO").splitlines() if ":" in line)
    for table, add in ((GAUGES, out.gauge), (COUNTERS, out.counter)):
        for key, (name, unit) in table.items():
            add(name, service.number(info.get(key, "")), unit)
    for key, value in info.items():  # db0:keys=1,expires=0,avg_ttl=0
        if key.startswith("db") and key[2:].isdecimal():
            of = dict(pair.split("=", 1) for pair in value.split(",") if "=" in pair)
            out.gauge("redis.db.keys", service.number(of.get("keys", "")), db=key[2:])
            out.gauge("redis.db.expiring", service.number(of.get("expires", "")), db=key[2:])
    if not out.all:
        raise service.Wrong("its INFO has nothing that is known")


service.main("Sends clients, memory, commands, keys and traffic of a Redis, by its INFO.", measure,
             address=("127.0.0.1:6379", "HOST:PORT, or the /PATH of its socket"),
             user=(None, "of an access list, where it is not the default one"),
             password_file=(None, "a file, with the password in its first line"))
