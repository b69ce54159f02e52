/* delivery/outlet.h - a sink's endpoints as one stream of bytes: which one is used, and when it is tried again
 *
 * What is written and has arrived is the stream's (delivery/stream.h). It begins anew after every loss,
 * and outlet_turn() alone says so: until then an outlet that has lost its connection is only not up. It
 * waits for nothing but a name look-up; the loop's events are looked at in the turn that follows.
 *
 * When an endpoint fails the next in the list is tried at once; after a whole round comes a pause: anything
 * up to a second, then up to twice as much, up to 30 s, so that a fleet whose receiver is back does not
 * come all at once. An endpoint counts as working once bytes have arrived, not when it merely connects.
 * While a later one is in use the first is tried in the background, and is taken back when it has
 * held a connection for 60 s; each return that comes to nothing doubles that, up to an hour.
 *
 * A datagram that is refused is of an earlier time, and puts in doubt all that was sent to that address
 * in the second before (delivery/silence.h): it is sent again, to the next address of the name, then to
 * the next endpoint; each gets one datagram and a second to refuse it. The name is looked up again
 * for each of these attempts, which come every 1 to 3 s once all have refused.
 *
 * Stalled is an endpoint that takes no bytes for 20 s, or that does not end what is to be confirmed; it
 * is left if there is another. That is all that can be seen: a peer's kernel takes bytes for a process
 * that is stopped until its buffer is full, and shows it by nothing. So a peer that stops reading is
 * found out 20 s after its buffer (some 130 KiB to start with, more where it has read fast) or, with so
 * few bytes that it would take longer, after the next rotation.
 *
 * The log has one line per endpoint when it goes down, with the reason, one when it works again, and
 * none for the attempts in between.
 */
#pragma once
#include "base/throttle.h"
#include "delivery/stream.h"

struct outlet {           /* to be read */
    struct stream stream; /* its owner writes to it, asks it, and may set its `finish` */
    bool stalled;         /* it takes no bytes */
    /* the endpoint in use */
    const struct strings *to;
    size_t at;          /* in `to` */
    size_t tried;       /* that failed since the last pause */
    unsigned addresses; /* of its host, that have refused since it was chosen */
    bool works;         /* bytes have arrived since it was chosen */
    struct throttle throttle;
    int64_t retry_ns; /* mono: the next attempt */
    /* the first, while a later one is in use */
    struct link first;
    int64_t first_ns; /* mono: the next attempt at it */
    bool returned;    /* the one in use is the first, on trial after a later one */
    unsigned returns; /* that came to nothing, in a row */
    /* the log */
    bool announced;      /* it knows that delivery works */
    size_t complaints;   /* failures in it since delivery last worked: if any, it is on trial */
    struct outlet_said { /* a loss of a connection that was up: the last in the log, */
        struct why why;
        int64_t at;    /* mono: when, or when its count was */
        uint64_t more; /* and the same since then */
    } said;
};

/* `repeatable`: what is in doubt may be sent again, since the plugin is idempotent. */
void outlet_init(struct outlet *o, struct loop *l, const struct conf_sink *sink, bool repeatable,
                 bool ordered);
/* Opens, rotates and confirms as it is time. True: the stream begins anew, and *loss is how the one
 * before it ended. May block in a name look-up. */
bool outlet_turn(struct outlet *o, int64_t now, struct stream_loss *loss);
bool outlet_up(const struct outlet *o);
bool outlet_stalled(const struct outlet *o);
void outlet_hurry(struct outlet *o); /* what is down is tried at the next turn, not later */
/* ns until outlet_turn() is wanted; -1: no need. */
int64_t outlet_due(const struct outlet *o, int64_t now);
void outlet_free(struct outlet *o);
