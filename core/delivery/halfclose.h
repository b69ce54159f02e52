/* delivery/halfclose.h - a half-close that ends cleanly: what proves that a peer has read everything
 *
 * That send() succeeded, or that the peer's kernel has acknowledged, proves nothing, and neither
 * does a FIN alone: measured on real receivers and proxies, a carbon-cache that is being stopped
 * and every user-space proxy sends one with bytes unread. Everything sent on a connection counts as
 * read by the peer only if all of these hold:
 *
 *   1. no send or shutdown on it ever failed (its owner has seen to that);
 *   2. just before the shutdown for writing recv() said EAGAIN, and the state was ESTABLISHED;
 *   3. then recv() returned 0;
 *   4. 50 ms later the send queue is empty and no error is pending;
 *   5. a second connection to the same peer, opened before the shutdown (the canary: the one that
 *      is written on meanwhile), is still ESTABLISHED 100 ms after that.
 *
 * Anything else is an anomaly, with a reason. Waiting is neither: a peer may take as long as it
 * likes. A reset is reported once the canary, too, has been looked at 100 ms later: a peer that
 * resets one connection and keeps the other has a habit, one that loses both was killed. Nothing in
 * here waits, and what is proved is what the next hop has read, never what it stores.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/why.h"

enum halfclose_result { HALFCLOSE_WAIT, HALFCLOSE_CLEAN, HALFCLOSE_ANOMALY };

struct halfclose {
    int fd;                     /* -1: nothing is being confirmed */
    int64_t began_ns, ended_ns; /* mono; ended_ns 0: neither a FIN nor a reset has been seen */
    bool broken;                /* it ended by a reset */
    bool settled;               /* rule 4 has been looked at */
    bool reset;                 /* the anomaly: reset by the peer, and the canary lives on */
    struct why why;
};

/* Half-closes the connection, which whoever has this closes in the end. False: an anomaly already. */
bool halfclose_begin(struct halfclose *c, int fd, int64_t now);
enum halfclose_result halfclose_look(struct halfclose *c, int canary, int64_t now);
/* ns until look() is wanted; -1: at the next event. Once it is not -1 events say nothing more. */
int64_t halfclose_due(const struct halfclose *c, int64_t now);
