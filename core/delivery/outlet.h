/* delivery/outlet.h - a sink's endpoints as one stream of bytes
 *
 * Which endpoint is used (delivery/endpoints.h), and what is written to it and has arrived there
 * (delivery/stream.h). The stream begins anew after every loss, and outlet_turn() alone says so: until
 * then one that has lost its connection is only not up. It waits for nothing but a name look-up; the
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
#include "delivery/endpoints.h"
#include "delivery/stream.h"

struct outlet {
    struct stream stream; /* its owner writes to it, asks it, and may set its `finish` */
    struct endpoints endpoints;
    bool stalled; /* it takes no bytes */
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

#endif
