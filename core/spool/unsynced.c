/* spool/unsynced.c - arithmetic on a few numbers; nothing in here fails */
#include "spool/unsynced.h"

#include <errno.h>
#include <stddef.h>

void unsynced_ask(struct unsynced *u, uint64_t segment, uint64_t seq)
{
    u->next = (struct sync_order){.segment = segment, .seq = seq};
    u->waiting = true;
}

const struct sync_order *unsynced_next(struct unsynced *u)
{
    if (u->busy || !u->waiting)
        return NULL;
    u->next.again = u->failed;
    u->next.from = u->from;
    u->next.to = u->to;
    return &u->next;
}

void unsynced_sent(struct unsynced *u)
{
    u->sent = u->next;
    u->busy = true;
    u->waiting = false;
}

enum sync_verdict unsynced_done(struct unsynced *u)
{
    u->busy = u->failed = false;
    u->clean = u->sent.segment;
    return SYNC_SAFE;
}

enum sync_verdict unsynced_failed(struct unsynced *u, int error, uint64_t failed, uint64_t sealed)
{
    bool was_again = u->sent.again;

    u->busy = false;
    if (was_again && error == EBADMSG) { /* there is nothing left to do it from */
        u->failed = false;
        return SYNC_UNSAFE;
    }
    if (failed == SYNC_FOLDER)
        failed = u->clean;
    if (failed != SYNC_REWRITE) {
        u->from = u->failed && u->from < failed ? u->from : failed;
        u->to = sealed;
    }
    u->failed = true;
    if (was_again)
        return SYNC_UNSAFE;
    if (!u->waiting)
        u->next = u->sent;
    u->waiting = true;
    return SYNC_AGAIN;
}

enum sync_verdict unsynced_died(struct unsynced *u, uint64_t sealed)
{
    return unsynced_failed(u, EOWNERDEAD, u->clean, sealed);
}
