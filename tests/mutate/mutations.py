"""What mutate.py takes away, one thing at a time, and which tests must notice."""
from collections import namedtuple

Mutation = namedtuple("Mutation", "name file old new tests")

SPOOL = "unit.spool.(append|tail|segment|cursor|sync|rewrite|bitflip|recovery|commit|crash|faultsweep|folder)|scenario.disk"
CONFIRM = "unit.(delivery|sink).(halfclose|outlet|worker)$|scenario.confirm"
CURSOR = "unit.(sink|spool).(position|cursor|worker|crash)|scenario.kill9"
LOADS = "unit.(conf|daemon).(askers|look|kept|beside|removed)$"
ACCOUNTS = "unit.(spool|sink|daemon).(append_retain|feed|sinks)$|scenario.accounts"

MUTATIONS = [
    # syncs
    Mutation("a segment is not synced", "core/spool/sync_helper.c",
             "if (fdatasync(fd) < 0 || fstat(fd, &st) < 0)", "if (fstat(fd, &st) < 0)", SPOOL),
    Mutation("the folder of a new segment is not synced", "core/spool/sync_helper.c",
             "if (changed && fsync(h->dirfd) < 0)", "if (changed && h->dirfd < 0)", SPOOL),
    Mutation("where sinks begin is not synced", "core/spool/sync_helper.c",
             "return sync_sinks(h, o->again);", "return h->list.st_ino != 0 ? sync_sinks(h, o->again) : 0;", SPOOL),
    Mutation("a list that could not be synced is called clean", "core/spool/sync_helper.c",
             '(e = again ? touch(h->dirfd, "sinks") : 0) == 0 &&', "", SPOOL),
    Mutation("only the newest segment is synced", "core/spool/sync_helper.c",
             "if (h->inode == 0 || l.first_seq[i] >= h->segment)", "if (l.first_seq[i] == last)", SPOOL),
    Mutation("what is written again is not synced", "core/spool/sync_helper.c",
             "fd_write_all(copy, p, n) < 0 || fdatasync(copy) < 0 ?", "fd_write_all(copy, p, n) < 0 ?", SPOOL),
    Mutation("a failed sync is tried again instead", "core/spool/sync_helper.c",
             "if (o->again)\n        r->error = write_again(h, o, &r->failed);",
             "if (o->again && o->seq == UINT64_MAX)\n        r->error = write_again(h, o, &r->failed);", SPOOL),
    Mutation("a range to write again ends where it is written", "core/spool/unsynced.c",
             "u->to = sealed;", "u->to = sealed + 1;", SPOOL),
    Mutation("a file with the old name is replaced, whichever it is", "core/spool/sync_helper.c",
             "return mine.st_ino == there.st_ino && mine.st_dev == there.st_dev;", "return true;", SPOOL),
    Mutation("no order follows a failed one", "core/spool/unsynced.c",
             "    u->waiting = true;\n    return SYNC_AGAIN;", "    return SYNC_AGAIN;", SPOOL),
    Mutation("an order that nobody answered was served", "core/spool/unsynced.c",
             "return unsynced_failed(u, EOWNERDEAD, u->clean, sealed);", "(void)sealed;\n    return unsynced_done(u);",
             SPOOL),
    Mutation("no last sync without a helper", "core/spool/sync.c",
             "if (s->fd < 0 && start_helper(s) < 0)", "if (s->fd < 0)", SPOOL),
    Mutation("a cursor is not synced", "core/spool/cursor.c",
             "return fdatasync(c->fd);", "return c->fd < 0 ? -1 : 0;", CURSOR),
    # cursor writes
    Mutation("a cursor is not stored as it moves", "core/sink/position.c",
             "if ((p->dirty || p->noted) && (soon || now - p->stored_ns >= STORE_EVERY))\n        (void)store(p, now);",
             "(void)soon;", CURSOR),
    Mutation("a cursor is not stored at the end", "core/sink/position.c",
             "return ((!p->dirty && !p->noted) || store(p, now)) &&", "return", CURSOR),
    # accounts
    Mutation("what was given up is sent all the same", "core/sink/feed.c",
             "oldest = b != NULL ? atomic_load(&b->oldest) : 0;", "oldest = b == NULL;", ACCOUNTS),
    Mutation("what has expired may go back", "core/daemon/sink_cursor.c",
             "if (c->ours)\n        hold_expired(c, a);", "(void)hold_expired;", ACCOUNTS),
    Mutation("retention is not announced", "core/spool/append.c",
             "if (a->ev.begins != NULL)\n            a->ev.begins(a->ev.arg, a->oldest);", "", ACCOUNTS),
    # configuration by file
    Mutation("another one is sent after one that hangs", "core/conf/hung.c",
             "            return HUNG_SAME;", "            return HUNG_SOME;", LOADS),
    Mutation("what is near to one that hangs is not put off", "core/conf/askers.c",
             "return near == HUNG_MANY || (near == HUNG_SOME && !later);", "return near == HUNG_MANY && later;", LOADS),
    Mutation("where a link leads is not known", "core/conf/askers.c",
             "hung_at(w->place, way.at);", "hung_at(w->place, what);", LOADS),
    Mutation("a look asks nothing again for a sink", "core/conf/sink.c",
             "p->anew = s->name != NULL && fact_is_anew(p, s->name) ? s->name : NULL;", "p->anew = NULL;", LOADS),
    Mutation("a removed sink's place is whoever's has its name", "core/daemon/removed.c",
             "if (a->id != 0 && a->id != s->id)", "if (a->id == 1)", LOADS),
    Mutation("a removed sink holds the whole spool", "core/daemon/removed.c",
             "held = why == 0 && c.keep > l->half ? c.keep : l->half;", "held = c.keep;", LOADS),
    # checksums
    Mutation("a frame's header is believed", "core/spool/segment.c",
             "if (le32_get(in) != FRAME_MAGIC || le64_get(in + 32) != XXH3_64bits_withSeed(in, 32, salt))",
             "(void)salt;\n    if (le32_get(in) != FRAME_MAGIC)", SPOOL),
    Mutation("a frame's trailer is believed", "core/spool/segment.c",
             "if (le32_get(in) != TRAILER_MAGIC || le64_get(in + 24) != XXH3_64bits_withSeed(in, 24, salt))",
             "(void)salt;\n    if (le32_get(in) != TRAILER_MAGIC)", SPOOL),
    Mutation("a payload is believed", "core/spool/tail.c",
             "return sum == h->payload_sum ?", "return true || sum == h->payload_sum ?", SPOOL),
    Mutation("what is written again is believed", "core/spool/sync_helper.c",
             "if (frame_sum(p + at + FRAME_HEADER, h.length, salt) != h.payload_sum)", "if (h.length > n)", SPOOL),
    Mutation("a segment's header is believed", "core/spool/segment.c",
             "le64_get(in + 56) != XXH3_64bits(in, 56))", "false)", SPOOL),
    Mutation("a cursor's slot is believed", "core/spool/cursor.c",
             "le64_get(in + SUM_AT) != XXH3_64bits(in, SUM_AT))", "false)", CURSOR),
    # what confirms
    Mutation("a peer that has closed first confirms", "core/delivery/halfclose.c",
             "else if (open == 0 || !socket_established(fd))", "else if (open == 77)", CONFIRM),
    Mutation("bytes left in the send queue confirm", "core/delivery/halfclose.c",
             "if (left != 0)\n", "if (left == -77)\n", CONFIRM),
    Mutation("a broken connection confirms", "core/delivery/halfclose.c",
             "c->broken = open < 0;\n    if (open == 0)", "c->broken = false;\n    if (open <= 0)", CONFIRM),
    Mutation("a dead successor confirms", "core/delivery/halfclose.c",
             "if (!canary_lives(canary))\n", "if (canary == -77)\n", CONFIRM),
    # what is acknowledged
    Mutation("what is held in memory is acknowledged", "core/spool/commit.c",
             "*ticket = ++c->last;\n    return 1;", "*ticket = ++c->last;\n    return 0;", SPOOL),
    Mutation("durable acknowledges before the sync", "core/spool/commit.c",
             "return c->durable;", "return false;", SPOOL),
    Mutation("what the helper was asked about takes more", "core/spool/commit.c",
             "|| c->written <= asked)", "|| c->written < asked)", SPOOL),
    Mutation("what is held is refused with what was lost", "core/spool/commit.c",
             "decide(c, c->written,\n           \"the spool was removed",
             "decide(c, c->last,\n           \"the spool was removed", SPOOL),
]
