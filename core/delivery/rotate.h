/* delivery/rotate.h - the confirming half of an outlet; for outlet.c alone
 *
 * A successor is opened, the old connection is half-closed and watched to its end; see outlet.h.
 */
#ifndef DELIVERY_ROTATE_H
#define DELIVERY_ROTATE_H
#include "delivery/outlet.h"

enum {
    MOST_HALVINGS = 20, /* of `bytes` and `every` */
    FIRST_HALVINGS = 6, /* of a new worker: nothing is known of the peer yet */
    STALLED_S = 20,
};

void rotate_turn(struct outlet *o, int64_t now); /* cur is UP */
int64_t rotate_due(const struct outlet *o, int64_t now);
void rotate_failed(struct link *k);    /* the successor, or the first endpoint, went down */
void rotate_drop(struct outlet *o);    /* closes successor and predecessor */
void rotate_abandon(struct outlet *o); /* and the first endpoint's connection */

/* outlet.c, for rotate.c */
void link_init(struct link *k, struct outlet *o, size_t at);
int link_open(struct link *k); /* 0, or -1 and t.why */
int link_watch(struct link *k);
void link_settle(struct link *k);
void link_move(struct link *to, struct link *from);
void link_close(struct link *k);
void outlet_lose(struct outlet *o, const char *why);
void outlet_doubt(struct outlet *o, const char *why);
void outlet_go_back(struct outlet *o);

#endif
