/* delivery/outlet.h - the sink's list of endpoints as one stream that is up or down
 *
 * Policy over the transports: which endpoint next, how long to wait, when to rotate, what the log
 * hears. Offsets count bytes since the stream began; it begins anew, at 0, after every loss.
 *
 * Endpoints. When one fails the next in the list is tried at once; after a whole round comes a
 * pause: anything up to a second, then up to twice as much, up to 30 s, so that a fleet whose
 * receiver is back does not come all at once. An endpoint counts as working once bytes were
 * acknowledged, not when it merely connects. A stalled one is left if there is another. While a
 * later one is in use the first is tried in the background, and taken back when it has held a
 * connection for 60 s.
 *
 * A datagram that is refused is of an earlier time, and puts in doubt all that was sent to that address
 * in the second before (delivery/silence.h): it is sent again, to the next address of the name, then to
 * the next endpoint; each gets one datagram and a second to refuse it. The name is looked up again
 * for each of these attempts, which come every 1 to 3 s once all have refused.
 *
 * Confirmation, for connections that are confirmed by closing. After `every` or `bytes` a successor
 * is opened, written on, and the old connection is half-closed; its clean end (delivery/confirm.h)
 * confirms all of it. Delivery does not pause. Anything else is a loss: the worker goes back to what
 * is settled, and by `replay` further. Each anomaly halves both for what comes next, each clean end
 * doubles them again; a new worker begins at a 64th (not sooner than a second), so that workers or
 * peers that die early cannot keep everything in doubt.
 *
 * A peer that resets when we half-close, three times in a row with its next connection alive, or
 * that has never closed and does not for three times `every`, is said so in the log once; from then
 * on kernel-acknowledged is what counts for it.
 *
 * Stalled is an endpoint that takes no bytes for 20 s, or that has ended connections before and does
 * not end this one for 20 s and a second for each 400 bytes on it: slower than that is not reading.
 * That is all that can be seen: a peer's kernel takes bytes for a process that is stopped until its
 * buffer is full, and shows it by nothing. So a peer that stops reading is found out 20 s after its
 * buffer (some 130 KiB to start with, more where it has read fast) or, with so few bytes that it
 * would take longer, after the next rotation.
 */
#ifndef DELIVERY_OUTLET_H
#define DELIVERY_OUTLET_H
#include "base/loop.h"
#include "base/throttle.h"
#include "conf/conf.h"
#include "delivery/confirm.h"
#include "delivery/transport.h"

struct outlet;
struct link { /* one connection */
    struct outlet *outlet;
    struct transport t;   /* to->v[at] */
    struct loop_fd watch; /* on t.fd, where that can be watched (a regular file cannot) */
    size_t at;
    bool was_up;
};

struct outlet {
    struct loop *loop;
    const struct strings *to;
    struct conf_confirm confirm;
    bool repeatable;    /* the plugin is idempotent: what is in doubt may be sent again */
    bool ordered;       /* set by the owner: a successor is written on when the old one has ended */
    struct link cur;    /* the one that is written on */
    struct link next;   /* its successor, while that is being opened */
    struct link first;  /* the first endpoint, on probation while a later one is in use */
    struct confirm old; /* the one before, half-closed */
    struct loop_fd old_watch;
    /* offsets in the stream */
    uint64_t base;      /* where cur began */
    uint64_t confirmed; /* everything below is */
    /* endpoints */
    size_t tried;        /* that failed since the last pause */
    unsigned addresses;  /* of cur's host, that have refused since it was chosen */
    bool went_back;      /* cur is the first endpoint, on trial after a later one */
    unsigned returns;    /* that came to nothing, in a row: each doubles the time before the next */
    size_t told;         /* failures told in the log since it last worked */
    struct outlet_said { /* a loss of a connection that was up: what was said last, */
        char why[256];
        int64_t at;    /* mono: when, or when its count was */
        uint64_t more; /* and the same since then */
    } said;
    bool works;     /* bytes were acknowledged since cur was opened */
    bool announced; /* and the log has heard of it */
    bool stalled;
    unsigned losses; /* times that what was not settled was lost: the stream begins anew */
    uint64_t kept;   /* what was settled at the last of them, */
    uint64_t sure;   /* of which what is beyond this was refused, or may have been; */
    bool certain;    /* and that there was but one datagram, which cannot have arrived */
    bool doubtful;   /* and something may have been read and not kept */
    struct throttle throttle;
    int64_t retry_ns;     /* mono: when DOWN, the next attempt */
    int64_t next_ns;      /* mono: the next attempt at a successor */
    unsigned next_failed; /* such attempts in a row */
    int64_t first_try_ns; /* mono: the next attempt at the first endpoint */
    int64_t pace_ns;      /* between two looks at what is acked */
    uint64_t acked;       /* of cur, at the last look; or confirmed, if it may be refused */
    /* rotation */
    bool mid;           /* set by the worker: half a batch is out, so the connection must stay */
    bool finish;        /* confirm all that is out now */
    uint64_t mute;      /* endpoints, by bit, that do not confirm by closing */
    uint64_t closers;   /* endpoints, by bit, that have done so */
    bool late;          /* the log has heard that the predecessor takes long */
    unsigned anomalies; /* in a row, and at the start some: each halves `every` and `bytes` */
    unsigned resets;    /* in a row, by a peer that was alive */
    int64_t since_ns;   /* mono: when the first byte on cur went out; 0: none has */
};

/* The bytes of a batch: where any endpoint takes datagrams, those of one. */
size_t outlet_batch_size(const struct conf_sink *sink);
bool outlet_datagrams(const struct conf_sink *sink); /* whether any does */
void outlet_init(struct outlet *o, struct loop *l, const struct conf_sink *sink, bool repeatable);
/* Opens, rotates and confirms as it is time. May block in a name look-up. */
void outlet_turn(struct outlet *o, int64_t now);
bool outlet_up(const struct outlet *o);
bool outlet_stalled(const struct outlet *o);
void outlet_hurry(struct outlet *o); /* what is down is tried at the next turn, not later */
/* Bytes taken; 0 when it takes none now, or went down. */
size_t outlet_write(struct outlet *o, const void *p, size_t n);
uint64_t outlet_written(const struct outlet *o);
uint64_t outlet_acked(const struct outlet *o); /* likewise, in the stream */
/* The offset that the cursor may follow: confirmed, or kernel-acknowledged where no more is to be
 * had or what was acknowledged must not be repeated. */
uint64_t outlet_settled(const struct outlet *o);
/* Up to where nothing can be refused any more: at most that. */
uint64_t outlet_sure(const struct outlet *o);
int64_t outlet_due(const struct outlet *o,
                   int64_t now); /* ns until outlet_turn() is wanted; -1: no need */
void outlet_free(struct outlet *o);

#endif
