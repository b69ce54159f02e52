/* spool/cursor.h - a sink's position in the spool, and what it dropped
 *
 * "cursors/NAME": two 512-byte slots written alternately, each with a generation and a checksum;
 * the newest valid one counts. garnetd creates it; the sink's worker alone locks and writes it;
 * garnetd reads it for retention and self-metrics. Conservation holds by its numbers over every
 * restart:
 *   position - start = confirmed + sum of dropped
 * "sinks" lists the sinks that have a cursor, so that a lost cursor is noticed: it starts at the
 * oldest.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Stored: never renumber. A new one is a row here and below, and what drops says so. */
enum drop_reason {
    DROP_EXPIRED,     /* retention removed it before this sink had sent it */
    DROP_DAMAGED,     /* unreadable in the spool */
    DROP_SKIPPED,     /* the plugin has no form for it */
    DROP_REJECTED,    /* the plugin or its peer will never take it */
    DROP_QUARANTINED, /* the plugin died of it, again and again: it is in a file */
    DROP_STALE,       /* too old for a plugin whose lines carry no time */
    DROP_DESELECTED,  /* the sink's `only` or `drop` says so */
    DROP_COUNT,       /* how many there are */
};

static inline const char *drop_reason_name(unsigned reason) /* NULL beyond the last */
{
    static const char *const names[] = {
        [DROP_EXPIRED] = "expired",         [DROP_DAMAGED] = "damaged",
        [DROP_SKIPPED] = "skipped",         [DROP_REJECTED] = "rejected",
        [DROP_QUARANTINED] = "quarantined", [DROP_STALE] = "stale",
        [DROP_DESELECTED] = "deselected",
    };
    _Static_assert(sizeof names / sizeof *names == DROP_COUNT, "the last reason has no name");

    return reason < DROP_COUNT ? names[reason] : NULL;
}

/* What is left out as it was configured: `only` and `drop` say so, or the plugin has no form for it, as for a counter's first
 * value. */
static inline bool drop_is_meant(unsigned reason)
{
    return reason == DROP_SKIPPED || reason == DROP_DESELECTED;
}

enum { DROP_REASONS = 16, CURSOR_TRAIL = 16 }; /* that a cursor has room for */

/* All but the last member is stored word by word, in this order: see cursor.c. */
struct cursor_state {
    uint64_t start;    /* sequence at which the sink was created */
    uint64_t position; /* next metric to deliver: all before are confirmed or dropped */
    uint64_t dropped[DROP_REASONS];
    uint64_t keep;   /* at most position: from here on metrics may be asked for again */
    uint64_t owed;   /* metrics before position that are being sent again: in doubt later */
    uint64_t window; /* metrics behind keep that are only read: rates depend on them */
    /* By the clock of the boot (mono); sink/position.c says how it is read after another one. */
    int64_t moved_ns;           /* since when the position is what it is */
    int64_t stored_ns, wall_ns; /* when this was stored, and that by the wall clock */
    struct cursor_trail {       /* what the position was, and since when; ascending */
        int64_t at_ns;
        uint64_t seq;
    } trail[CURSOR_TRAIL];
    /* What the worker that holds it has in memory (spool/account.h); nothing once it has let go. An older
     * version's are 0, which nobody believes. */
    uint64_t taken, lost;
    /* Of a plugin that must get nothing twice: what may have come twice since the sink began, and up to
     * where metrics may have left, though the position is not there. */
    uint64_t in_doubt, sent;
    uint64_t ntrail; /* 0: stored before there was a trail */
};

/* garnetd's side. NAME has been validated by the configuration. All return 0, or -1 with errno. */
int cursor_create(int dirfd, const char *name, uint64_t start);
/* As it was, after its file has been taken away. */
int cursor_restore(int dirfd, const char *name, const struct cursor_state *s);
int cursor_read(int dirfd, const char *name,
                struct cursor_state *s); /* EBADMSG: no valid slot, or one beyond SEQ_MAX */
/* Whether it may be true where the segments, or the writer, go as far as `next`. After a power failure
 * it may be ahead of them, but it is not to use up the numbers (spool/segment.h). */
bool cursor_believed(const struct cursor_state *s, uint64_t next);
/* Whether the errno of a read is of us or the machine (no descriptor, no memory), so that the cursor
 * may well be there. */
bool cursor_passing(int error);
/* The process that holds its lock; 0: none, or that is not known. */
pid_t cursor_holder(int dirfd, const char *name);
int cursor_remove(int dirfd, const char *name);
bool cursor_listed(int dirfd, const char *name);
int cursor_list_write(int dirfd, const char *const *names, unsigned n); /* published by rename */
/* Files with room for a few new cursors, and for a list, for when the disk is full: those that are not there. They
 * are used where a cursor or a list is made. May block. */
void cursor_make_spares(int dirfd);
/* Calls fn for every listed name. */
int cursor_list_each(int dirfd, void (*fn)(void *arg, const char *name), void *arg);

/* The worker's side. */
struct cursor {
    int fd;
    pid_t holder; /* after EAGAIN: the process that has it; 0 when that is not known */
    uint64_t generation;
    struct cursor_state state;
};
/* Opens and locks. -1 with errno: EAGAIN when another process holds it, EBADMSG as above. */
int cursor_open(struct cursor *c, int dirfd, const char *name);
int cursor_store(struct cursor *c); /* c->state into the older slot; no sync */
int cursor_sync(struct cursor *c);  /* fdatasync; may block */
void cursor_close(struct cursor *c);
