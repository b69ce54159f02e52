/* cli/spool_verify.h - `garnet spool verify`: a spool, read from its oldest metric to its newest, and what each
 * sink has of it
 *
 * Reads only, takes no lock: also while garnetd runs, where the numbers are those of a moment. What
 * must hold for every sink, and is computed here from the frames and from the cursor apart:
 *   accepted since its creation = confirmed + unconfirmed + queued + sum of dropped{reason}
 *   queued = readable + unreadable (of which the worker will count every single one)
 * by spool/account.h. What its worker has in memory is what that has last put down, at most 100 ms ago.
 * What does not add up is `unexplained`.
 */
#pragma once
#include "base/arena.h"
#include "base/why.h"
#include "spool/account.h"

struct audit_damage { /* numbers that no reader will get metrics for */
    uint64_t seq, count;
    bool expired; /* not damage: retention unlinked them */
    struct audit_damage *next;
};
struct audit_sink {
    const char *name;
    int error;          /* its cursor cannot be read: errno, EBADMSG no valid slot, ENOENT none */
    const char *broken; /* what that means for it */
    struct cursor_state cursor;
    bool held;                     /* by a worker: what it has in memory counts */
    uint64_t from;                 /* what is before has been read, or is gone */
    uint64_t readable, unreadable; /* from there on */
    struct account account;
    uint64_t unexplained;
    struct audit_sink *next;
};
struct audit {
    struct arena arena; /* owns everything below */
    uint64_t segments, bytes;
    uint64_t frames, metrics; /* whole and valid */
    uint64_t bad_records;     /* metrics of a valid frame that are no records */
    uint64_t first, next;     /* sequence numbers */
    uint64_t lost;            /* sum of damage that is not expired */
    struct audit_damage *damage;
    struct audit_sink *sinks; /* as listed */
};

/* False, with a sentence, when the folder cannot be read at all; the arena is to be freed either way. */
bool audit_spool(struct audit *a, const char *dir, struct why *why);
/* Its first step, into *a that is all zero: the segments, and of each sink what stands in its cursor. False with errno. */
bool audit_folder(struct audit *a, int dirfd);

/* The command. 0: sound. 1: damage, or numbers that do not add up. EXIT_WORLD. */
int spool_verify(const char *dir);
