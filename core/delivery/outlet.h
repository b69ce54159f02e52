/* delivery/outlet.h - a sink's endpoints as one stream of bytes
 *
 * Puts together the connection that is written on (delivery/link.h), which endpoint that goes to
 * (delivery/endpoints.h) and how much of it has arrived (delivery/confirm.h). Offsets count bytes since
 * the stream began; it begins anew, at 0, after every loss, and outlet_turn() alone says so: until then
 * an outlet that has lost its connection is only not up. It waits for nothing but a name look-up; the
 * loop's events are looked at in the turn that follows.
 *
 * Stalled is an endpoint that takes no bytes for 20 s, or that does not end what is to be confirmed; it
 * is left if there is another. That is all that can be seen: a peer's kernel takes bytes for a process
 * that is stopped until its buffer is full, and shows it by nothing. So a peer that stops reading is
 * found out 20 s after its buffer (some 130 KiB to start with, more where it has read fast) or, with so
 * few bytes that it would take longer, after the next rotation.
 */
#ifndef DELIVERY_OUTLET_H
#define DELIVERY_OUTLET_H
#include "delivery/confirm.h"
#include "delivery/endpoints.h"

struct outlet {
    bool ordered;    /* a successor is written on when the old connection has ended */
    struct link cur; /* the one that is written on */
    struct endpoints endpoints;
    struct confirm confirm;
    bool mid;        /* half a batch is out, so the connection must stay */
    bool stalled;    /* it takes no bytes */
    int64_t pace_ns; /* between two looks at what has arrived */
};

struct outlet_loss { /* how much of the stream that is over */
    uint64_t kept;   /* was settled, */
    uint64_t sure;   /* of which what is beyond this was refused, or may have been; */
    bool certain;    /* that there was but one datagram, which cannot have arrived; */
    bool doubtful;   /* that something may have been read and not kept */
};

/* `repeatable`: what is in doubt may be sent again, since the plugin is idempotent. */
void outlet_init(struct outlet *o, struct loop *l, const struct conf_sink *sink, bool repeatable,
                 bool ordered);
/* Opens, rotates and confirms as it is time. True: the stream begins anew, and *loss is how the one
 * before it ended. May block in a name look-up. */
bool outlet_turn(struct outlet *o, int64_t now, struct outlet_loss *loss);
bool outlet_up(const struct outlet *o);
bool outlet_stalled(const struct outlet *o);
void outlet_hurry(struct outlet *o); /* what is down is tried at the next turn, not later */
/* All that is out is to be confirmed now; or, false, in its time again. */
void outlet_finish(struct outlet *o, bool finish);
/* Bytes taken; 0 when it takes none now, or went down. Always all that is left of a batch. */
size_t outlet_write(struct outlet *o, const void *p, size_t n);
void outlet_look(struct outlet *o); /* at what has arrived by now */
uint64_t outlet_written(const struct outlet *o);
uint64_t outlet_acked(const struct outlet *o);   /* likewise, in the stream */
uint64_t outlet_settled(const struct outlet *o); /* see confirm_settled() */
uint64_t outlet_sure(const struct outlet *o);    /* see confirm_sure() */
int64_t outlet_due(const struct outlet *o,
                   int64_t now); /* ns until outlet_turn() is wanted; -1: no need */
void outlet_free(struct outlet *o);

#endif
