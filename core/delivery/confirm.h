/* delivery/confirm.h - how much of the stream has arrived: rotation, and what counts without it
 *
 * Offsets count bytes since the stream began; it begins anew, at 0, after every loss. A connection that
 * is confirmed by closing is rotated: after `every` or `bytes` a successor is opened and written on, and
 * the old connection is half-closed; its clean end (delivery/halfclose.h) confirms all of it. Delivery
 * does not pause. Anything else is a loss, which the owner gets as a verdict. Each anomaly halves `every`
 * and `bytes` for what comes next, each clean end doubles them again; a new worker begins at a 64th (not
 * sooner than a second), so that workers or peers that die early cannot keep everything in doubt.
 *
 * A reader gets 20 s and a second for each 400 bytes on a connection to end it: slower than that is not
 * reading. One that has ended connections before and does not end this one in that time is stalled.
 * For one that never has, nor in three times `every` (ten minutes are enough), and for one that resets
 * when we half-close, three times in a row with its next connection alive, kernel-acknowledged is
 * what counts from then on; it is reported once.
 *
 * The owner has the connection that is written on (`cur`) and hands it in; only confirm_turn()
 * replaces it.
 */
#ifndef DELIVERY_CONFIRM_H
#define DELIVERY_CONFIRM_H
#include "conf/conf.h"
#include "delivery/halfclose.h"
#include "delivery/link.h"

enum confirm_verdict {
    CONFIRM_GOES_ON,
    CONFIRM_LOST, /* the endpoint has failed */
    CONFIRM_DOUBT /* it is up: only what was sent is in doubt */
};

struct confirm {
    struct loop *loop;
    struct conf_confirm conf;
    bool repeatable;      /* what is in doubt may be sent again: rotation makes sense */
    bool alternatives;    /* there is another endpoint: a stalled one is left */
    struct link next;     /* the successor of `cur`, while that is being opened */
    struct halfclose old; /* its predecessor */
    struct loop_fd old_watch;
    uint64_t base;        /* the offset where cur began */
    uint64_t confirmed;   /* everything below is */
    int64_t since_ns;     /* mono: when the first byte on cur went out; 0: none has */
    int64_t next_ns;      /* mono: the next attempt at a successor */
    unsigned next_failed; /* such attempts in a row */
    uint64_t endpoint;    /* the one that cur goes to, a bit: those from the 64th on share one */
    uint64_t mute;        /* endpoints, by bit, that do not confirm by closing */
    uint64_t closers;     /* endpoints, by bit, that have done so */
    unsigned anomalies;   /* in a row, and at the start some: each halves `every` and `bytes` */
    unsigned resets;      /* in a row, by a peer that was alive */
    bool finish;          /* all that is out is to be confirmed now */
    bool late;            /* stalled: the predecessor does not end */
};

void confirm_init(struct confirm *c, struct loop *l, const struct conf_sink *sink, bool repeatable);
void confirm_use(struct confirm *c, size_t endpoint); /* the one that cur goes to, by its number */
void confirm_wrote(struct confirm *c);                /* something, on cur */
void confirm_finish(struct confirm *c, bool finish);
bool confirm_waits(const struct confirm *c); /* for the predecessor to end */
uint64_t confirm_written(const struct confirm *c, const struct link *cur);
/* The offset that the position may follow: confirmed, or kernel-acknowledged where no more is to be
 * had or what was acknowledged must not be repeated. */
uint64_t confirm_settled(const struct confirm *c, const struct link *cur);
/* Up to where nothing can be refused any more: at most that. */
uint64_t confirm_sure(const struct confirm *c, const struct link *cur);
/* `cur` is up. Rotates and looks as it is time; not while `mid`, in the middle of a batch. *why is what
 * a loss was, until confirm_anew(). May block in a name look-up. */
enum confirm_verdict confirm_turn(struct confirm *c, struct link *cur, bool mid, int64_t now,
                                  const char **why);
int64_t confirm_due(const struct confirm *c, const struct link *cur,
                    int64_t now);                               /* ns; -1: no need */
void confirm_failed(struct confirm *c, const struct link *cur); /* what is not settled is lost */
void confirm_anew(struct confirm *c); /* the stream begins anew: closes all but cur */

#endif
