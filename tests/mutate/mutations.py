"""What mutate.py takes away, one thing at a time, and which tests must notice."""
from collections import namedtuple

Mutation = namedtuple("Mutation", "name file old new tests")

SPOOL = "unit.test_(append|tail|segment|cursor|sync|rewrite|bitflip|model|crash|faultsweep|folder)|scenario.disk"
CONFIRM = "unit.test_(confirm|outlet|worker)$|scenario.confirm"
CURSOR = "unit.test_(position|cursor|worker|crash)|scenario.kill9"

MUTATIONS = [
    # syncs
    Mutation("a segment is not synced", "core/spool/sync.c",
             "if (fdatasync(fd) < 0 || fstat(fd, &st) < 0)", "if (fstat(fd, &st) < 0)", SPOOL),
    Mutation("the folder of a new segment is not synced", "core/spool/sync.c",
             "last != h->segment) && fsync(h->dirfd) < 0)", "last != h->segment) && h->dirfd < 0)", SPOOL),
    Mutation("where sinks begin is not synced", "core/spool/sync.c",
             "e = sync_sinks(h);", "e = h->list.st_ino != 0 ? sync_sinks(h) : 0;", SPOOL),
    Mutation("only the newest segment is synced", "core/spool/sync.c",
             "if (h->inode == 0 || l.first_seq[i] >= h->segment)", "if (l.first_seq[i] == last)", SPOOL),
    Mutation("what is written again is not synced", "core/spool/rewrite.c",
             "fdatasync(copy) < 0 || fstat(fd, &st) < 0", "fstat(fd, &st) < 0", SPOOL),
    Mutation("a failed sync is tried again instead", "core/spool/sync.c",
             "int e = q->again ? write_again(h, &q->failed, failed) : 0;",
             "int e = q->again && q->seq == UINT64_MAX ? write_again(h, &q->failed, failed) : 0;", SPOOL),
    Mutation("a cursor is not synced", "core/spool/cursor.c",
             "return fdatasync(c->fd);", "return c->fd < 0 ? -1 : 0;", CURSOR),
    # cursor writes
    Mutation("a cursor is not stored as it moves", "core/sink/position.c",
             "if (p->dirty && (soon || now - p->stored_ns >= STORE_EVERY))\n        (void)store(p, now);",
             "(void)soon;", CURSOR),
    Mutation("a cursor is not stored at the end", "core/sink/position.c",
             "return (!p->dirty || store(p, now)) &&", "return", CURSOR),
    # checksums
    Mutation("a frame's header is believed", "core/spool/segment.c",
             "if (le32_get(in) != FRAME_MAGIC || le64_get(in + 32) != XXH3_64bits_withSeed(in, 32, salt))",
             "(void)salt;\n    if (le32_get(in) != FRAME_MAGIC)", SPOOL),
    Mutation("a frame's trailer is believed", "core/spool/segment.c",
             "if (le32_get(in) != TRAILER_MAGIC || le64_get(in + 24) != XXH3_64bits_withSeed(in, 24, salt))",
             "(void)salt;\n    if (le32_get(in) != TRAILER_MAGIC)", SPOOL),
    Mutation("a payload is believed", "core/spool/tail.c",
             "return frame_sum(t->buf + (off - t->at) + FRAME_HEADER, h->length, t->salt) == h->payload_sum",
             "return true || frame_sum(t->buf + (off - t->at) + FRAME_HEADER, h->length, t->salt) == h->payload_sum",
             SPOOL),
    Mutation("what is written again is believed", "core/spool/rewrite.c",
             "if (frame_sum(p + at + FRAME_HEADER, h.length, salt) != h.payload_sum)", "if (h.length > n)", SPOOL),
    Mutation("a segment's header is believed", "core/spool/segment.c",
             "le64_get(in + 56) != XXH3_64bits(in, 56))", "false)", SPOOL),
    Mutation("a cursor's slot is believed", "core/spool/cursor.c",
             "le64_get(in + SUM_AT) != XXH3_64bits(in, SUM_AT))", "false)", CURSOR),
    # what confirms
    Mutation("a peer that has closed first confirms", "core/sink/confirm.c",
             "else if (open == 0 || !confirm_established(fd))", "else if (open == 77)", CONFIRM),
    Mutation("bytes left in the send queue confirm", "core/sink/confirm.c",
             "if (left != 0)\n", "if (left == -77)\n", CONFIRM),
    Mutation("a broken connection confirms", "core/sink/confirm.c",
             "c->broken = open < 0;\n    if (open == 0)", "c->broken = false;\n    if (open <= 0)", CONFIRM),
    Mutation("a dead successor confirms", "core/sink/confirm.c",
             "if (!alive(canary))\n", "if (canary == -77)\n", CONFIRM),
    # what is acknowledged
    Mutation("what is held in memory is acknowledged", "core/daemon/store.c",
             "arm(d);\n    return 1;", "arm(d);\n    return 0;", SPOOL),
    Mutation("durable acknowledges before the sync", "core/daemon/store.c",
             "request_sync(d);\n    return true;", "request_sync(d);\n    return false;",
             SPOOL),
]
