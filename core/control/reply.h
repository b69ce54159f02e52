/* control/reply.h - a reply on the control socket, for as long as one of those who get it has not read it all
 *
 * Many may be sent the same one: it is counted, and freed with the last.
 */
#pragma once
#include "base/buf.h"

struct control_reply {
    struct buf bytes; /* a line, its end included */
    unsigned refs;
};

/* {"garnet":1,"KEY":BODY}, with one reference. NULL: no memory. */
struct control_reply *control_reply_new(const char *key, const struct buf *body);
struct control_reply *control_reply_error(const char *why);
void control_reply_unref(struct control_reply *t); /* NULL is fine */
