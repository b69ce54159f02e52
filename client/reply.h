/* reply.h - a line of garnetd's, read: counts, and what is wrong with which metric
 *
 * It may come from anybody who listens there. What is no reply is told as such, members that are unknown are
 * passed over, and no control character gets out.
 */
#pragma once
#include <garnet/client.h>
#include <stdbool.h>

enum { REPLY_FAULTS = 8 }; /* garnetd has five in a reply; what is beyond counts as `more` */

struct reply {
    garnet_client_reply told; /* its faults are these */
    garnet_client_fault faults[REPLY_FAULTS];
};

/* Takes `line` apart, and what r has of it then are pieces of it. False: this is no reply, and r is all
 * zero. */
bool reply_read(struct reply *r, char *line);
