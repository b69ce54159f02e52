/* delivery/endpoints.h - which endpoint of `to` is used, when it is tried again, and what the log says of it
 *
 * When one fails the next in the list is tried at once; after a whole round comes a pause: anything up
 * to a second, then up to twice as much, up to 30 s, so that a fleet whose receiver is back does not
 * come all at once. An endpoint counts as working once bytes have arrived, not when it merely connects.
 * While a later one is in use the first is tried in the background, and is to be taken back when it has
 * held a connection for 60 s; each return that comes to nothing doubles that, up to an hour.
 *
 * A datagram that is refused is of an earlier time, and puts in doubt all that was sent to that address
 * in the second before (delivery/silence.h): it is sent again, to the next address of the name, then to
 * the next endpoint; each gets one datagram and a second to refuse it. The name is looked up again
 * for each of these attempts, which come every 1 to 3 s once all have refused.
 *
 * The log has one line per endpoint when it goes down, with the reason, one when it works again, and
 * none for the attempts in between.
 */
#ifndef DELIVERY_ENDPOINTS_H
#define DELIVERY_ENDPOINTS_H
#include "base/throttle.h"
#include "conf/conf.h"
#include "delivery/link.h"

struct endpoints { /* to be read; the owner may hasten retry_ns */
    const struct strings *to;
    size_t at;          /* in `to`: the one that is used */
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
    bool announced;         /* it knows that delivery works */
    size_t complaints;      /* failures in it since delivery last worked: if any, it is on trial */
    struct endpoints_said { /* a loss of a connection that was up: the last in the log, */
        struct why why;
        int64_t at;    /* mono: when, or when its count was */
        uint64_t more; /* and the same since then */
    } said;
};

void endpoints_init(struct endpoints *e, struct loop *l, const struct strings *to);
void endpoints_arrived(struct endpoints *e); /* bytes have */
/* `k`, to the endpoint in use, has failed: chooses the next one, or the same where only what was sent
 * is in doubt, and when. */
void endpoints_failed(struct endpoints *e, const struct link *k, const char *why, bool same);
/* Counts in the log, once a minute, what would be said there again and again. */
void endpoints_report(struct endpoints *e, int64_t now);
/* Tries the first as it is time. True: it has held for long enough, and may be taken back. May block
 * in a name look-up. */
bool endpoints_try_first(struct endpoints *e, int64_t now);
void endpoints_take_first(struct endpoints *e, struct link *cur); /* back to it; `cur` is closed */

#endif
