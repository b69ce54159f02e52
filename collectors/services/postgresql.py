#!/usr/bin/python3 -B
"""postgresql - connections, transactions, deadlocks, blocks, rows and size of the databases of a PostgreSQL, by psql

Its user needs no table, and for the size of databases that it may not connect to the role pg_read_all_stats.
"""
import csv
import io
import os
import subprocess

import service

# The server, too, gives up; not by $PGOPTIONS, which a pooler refuses and `options` in --connect would replace
ASK = """SET LOCAL statement_timeout = %d; SELECT s.*, current_setting('max_connections') AS max_connections,
    extract(epoch FROM now() - pg_postmaster_start_time()) AS uptime,
    CASE WHEN has_database_privilege(d.oid, 'CONNECT') OR pg_has_role('pg_read_all_stats', 'USAGE') THEN pg_database_size(d.oid) END AS size
    FROM pg_database d JOIN pg_stat_database s ON s.datid = d.oid WHERE NOT d.datistemplate ORDER BY d.datname"""
SERVER = {"max_connections": ("postgresql.connections.max", "conn"), "uptime": ("postgresql.uptime", "s")}  # the column -> our name, unit
GAUGES = {"numbackends": ("postgresql.db.connections", "conn"), "size": ("postgresql.db.size", "B")}
COUNTERS = {
    "xact_commit": ("postgresql.db.commits", "event"), "xact_rollback": ("postgresql.db.rollbacks", "event"),
    "deadlocks": ("postgresql.db.deadlocks", "event"), "conflicts": ("postgresql.db.conflicts", "event"),
    "blks_read": ("postgresql.db.blocks.read", "page"), "blks_hit": ("postgresql.db.blocks.hit", "page"),
    "tup_returned": ("postgresql.db.rows.returned", None), "tup_fetched": ("postgresql.db.rows.fetched", None),
    "tup_inserted": ("postgresql.db.rows.inserted", None), "tup_updated": ("postgresql.db.rows.updated", None),
    "tup_deleted": ("postgresql.db.rows.deleted", None),
    "temp_files": ("postgresql.db.temporary.files", "file"), "temp_bytes": ("postgresql.db.temporary.bytes", "B"),
}


def measure(options, out):
    command = ["psql", "--no-psqlrc", "--no-password", "--quiet", "--csv", "--dbname", options.connect,
               "--command", ASK % max(1, options.timeout * 1000)]
    try:
        r = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8", errors="backslashreplace",
                           env=dict(os.environ, PGAPPNAME="garnet", PGCLIENTENCODING="UTF8", LC_ALL="C.UTF-8"))
    except FileNotFoundError:
        raise service.Wrong("psql is not installed (Debian: apt install postgresql-client)") from None
    if r.returncode != 0:
        raise service.Wrong(" ".join(r.stderr.split()) or "psql has ended with status %d" % r.returncode)
    for n, row in enumerate(csv.DictReader(io.StringIO(r.stdout, newline=""))):
        out.gauges(GAUGES, row, db=row["datname"])
        out.counters(COUNTERS, row, db=row["datname"])
        if n == 0:  # the server's own are in each
            out.gauges(SERVER, row)


service.main("Sends connections, transactions, deadlocks, blocks, rows and size of the databases of a PostgreSQL, by psql.", measure,
             connect=("dbname=postgres", "as psql takes it; passwords are in ~/.pgpass, or $PGPASSFILE"))
