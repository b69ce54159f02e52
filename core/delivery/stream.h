/* delivery/stream.h - bytes to one endpoint, over one connection after another, and how much has arrived
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
 * The owner chooses the endpoint, opens `cur`, and looks whether it has fallen; it may set `finish`. The
 * other fields are there to be read.
 */
#pragma once
#include "conf/conf.h"
#include "delivery/halfclose.h"
#include "delivery/link.h"

struct stream {
    struct loop *loop;
    const struct conf_sink *sink;
    bool repeatable;      /* what is in doubt may be sent again: rotation makes sense */
    bool ordered;         /* a successor is written on when its predecessor has ended */
    bool finish;          /* all that is out is to be confirmed now; or, false, in its time */
    struct link cur;      /* the one that is written on */
    struct link next;     /* its successor, while that is being opened */
    struct halfclose old; /* its predecessor */
    struct loop_fd old_watch;
    bool mid;             /* half a batch is out, so the connection must stay */
    int64_t pace_ns;      /* between two looks at what has arrived */
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
    bool late;            /* stalled: the predecessor does not end */
    const char *why;      /* what the loss was that the last turn has found */
};

enum stream_verdict {
    STREAM_GOES_ON,
    STREAM_LOST, /* the endpoint has failed */
    STREAM_DOUBT /* it is up: only what was sent is in doubt */
};

struct stream_loss { /* how much of the stream that is over */
    uint64_t kept;   /* was settled, */
    uint64_t sure;   /* of which what is beyond this was refused, or may have been; */
    bool certain;    /* that there was but one datagram, which cannot have arrived; */
    bool doubtful;   /* that something may have been read and not kept */
};

/* `repeatable`: what is in doubt may be sent again, since the plugin is idempotent. */
void stream_init(struct stream *s, struct loop *l, const struct conf_sink *sink, bool repeatable,
                 bool ordered);
/* Bytes taken; 0 when it takes none now, or went down. Always all that is left of a batch. */
size_t stream_write(struct stream *s, const void *p, size_t n);
bool stream_look(struct stream *s); /* at what has arrived by now. True: more has */
uint64_t stream_written(const struct stream *s);
uint64_t stream_acked(const struct stream *s);
/* The offset that the position may follow: confirmed, or kernel-acknowledged where no more is to be
 * had or what was acknowledged must not be repeated. */
uint64_t stream_settled(const struct stream *s);
/* Up to where nothing can be refused any more: at most that. */
uint64_t stream_sure(const struct stream *s);
/* `cur` is up. Rotates and looks as it is time. May block in a name look-up. */
enum stream_verdict stream_turn(struct stream *s, int64_t now);
int64_t stream_due(const struct stream *s, int64_t now); /* ns until that is wanted; -1: no need */
/* Closes all: since it `failed`, or to go on elsewhere. What is not settled is to be sent again. */
struct stream_loss stream_anew(struct stream *s, bool failed);
/* `cur` goes to that one of the sink's endpoints from now on, or again. */
void stream_use(struct stream *s, size_t endpoint);
