#!/usr/bin/python3 -B
"""postgresql - connections, transactions, blocks, rows, locks and size of the databases of a PostgreSQL, by psql

Its user needs no table, and for the size of databases that it may not connect to the role pg_read_all_stats.
"""
import csv
import io
import os
import subprocess

import service

ROWS = """SELECT s.*, current_setting('max_connections') AS max_connections,
    extract(epoch FROM now() - pg_postmaster_start_time()) AS uptime,
    CASE WHEN has_database_privilege(d.oid, 'CONNECT') OR pg_has_role('pg_read_all_stats', 'USAGE') THEN pg_database_size(d.oid) END AS size
    FROM pg_database d JOIN pg_stat_database s ON s.datid = d.oid WHERE NOT d.datistemplate ORDER BY d.datname"""
GAUGES = {"numbackends": ("connections", "conn"), "size": ("size", "B")}  # the column -> our name, unit
COUNTERS = {
    "xact_commit": ("commits", "event"), "xact_rollback": ("rollbacks", "event"), "deadlocks": ("deadlocks", "event"),
    "conflicts": ("conflicts", "event"), "blks_read": ("blocks.read", "page"), "blks_hit": ("blocks.hit", "page"),
    "tup_returned": ("rows.returned", None), "tup_fetched": ("rows.fetched", None), "tup_inserted": ("rows.inserted", None),
    "tup_updated": ("rows.updated", None), "tup_deleted": ("rows.deleted", None),
    "temp_files": ("temporary.files", "file"), "temp_bytes": ("temporary.bytes", "B"),
}


def rows(options):
    env = dict(os.environ, PGAPPNAME="garnet", PGCLIENTENCODING="UTF8", LC_ALL="C.UTF-8",
               PGOPTIONS="-c statement_timeout=%d" % max(1, options.timeout * 1000))  # the server, too, gives up
    command = ["psql", "--no-psqlrc", "--no-password", "--csv", "--dbname", options.connect, "--command", ROWS]
    try:
        r = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8", errors="backslashreplace", env=env)
    except FileNotFoundError:
        raise service.Wrong("psql is not installed (Debian: apt install postgresql-client)") from None
    if r.returncode != 0:
        raise service.Wrong(" ".join(r.stderr.split()) or "psql has ended with status %d" % r.returncode)
    return list(csv.DictReader(io.StringIO(r.stdout, newline="")))


def measure(options, out):
    databases = rows(options)
    for row in databases:
        for table, add in ((GAUGES, out.gauge), (COUNTERS, out.counter)):
            for column, (name, unit) in table.items():
                add("postgresql.db." + name, service.number(row.get(column, "")), unit, db=row["datname"])
    for row in databases[:1]:  # the server's own are in each
        out.gauge("postgresql.connections.max", service.number(row["max_connections"]), "conn")
        out.gauge("postgresql.uptime", service.number(row["uptime"]), "s")


service.main("Sends connections, transactions, blocks, rows and size of the databases of a PostgreSQL, by psql.", measure,
             connect=("dbname=postgres", "as psql takes it; passwords are in ~/.pgpass, or $PGPASSFILE"))
