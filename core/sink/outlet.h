/* sink/outlet.h - the sink's list of endpoints as one that is up or down
 *
 * Policy over the transports: which endpoint next, how long to wait, what the log hears. When one
 * fails the next in the list is tried at once; after a whole round comes a pause, 100 ms growing to
 * 30 s, with jitter. An endpoint counts as working once bytes were acknowledged, not when it merely
 * connects.
 */
#ifndef SINK_OUTLET_H
#define SINK_OUTLET_H
#include "base/loop.h"
#include "base/throttle.h"
#include "conf/option.h"
#include "sink/transport.h"

struct outlet {
    struct loop *loop;
    const struct strings *to;
    struct transport t;   /* to->v[at] */
    struct loop_fd watch; /* on t.fd; a regular file cannot be watched, nor need be */
    size_t at;
    size_t tried;    /* endpoints that failed since the last pause */
    size_t told;     /* failures told in the log since it last worked */
    bool works;      /* bytes were acknowledged since it was opened */
    bool announced;  /* and the log has heard of it */
    unsigned losses; /* times it was open and went down: send again what was not acked */
    struct throttle throttle;
    int64_t retry_ns; /* mono: when DOWN, the next attempt */
    int64_t pace_ns;  /* between two looks at what is acked */
    uint64_t acked;   /* at the last look */
};

void outlet_init(struct outlet *o, struct loop *l, const struct strings *to);
/* Opens when it is time, looks at what was acknowledged. May block in a name look-up. */
void outlet_turn(struct outlet *o, int64_t now);
bool outlet_up(const struct outlet *o);
/* Bytes taken; 0 when it takes none now, or went down. */
size_t outlet_write(struct outlet *o, const void *p, size_t n);
int64_t outlet_due(const struct outlet *o,
                   int64_t now); /* ns until outlet_turn() is wanted; -1: no need */
void outlet_free(struct outlet *o);

#endif
