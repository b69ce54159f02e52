/* delivery/link.h - one connection to one endpoint, watched by the worker's loop; and the kinds there are
 *
 * A new kind of transport is one file in transport/ and one row of the table in link.c.
 *
 * Opening, writing and events change the link and nothing else. One that was open and went DOWN has
 * *fallen*: it is not watched any more, and its offsets and its reason (t.why) stay until its owner has
 * looked and closes it. Whoever waits for an event of it looks at all of its links after each turn of
 * the loop. The fields are there to be read.
 */
#pragma once
#include "conf/conf.h"
#include "delivery/transport.h"

struct link {
    struct loop *loop;
    struct transport t;
    struct loop_fd watch; /* on t.fd, where that can be watched (a regular file cannot) */
    uint64_t seen;        /* of link_arrived(), at the last look */
    bool was_up;          /* at an event, a write or a look since it was opened */
    bool fell;
};

/* The transport of `uri`, closed. -1 where it is none (the configuration has refused those before). */
int link_transport(struct transport *t, const char *uri);
bool link_datagrams(const struct conf_sink *sink); /* whether any endpoint takes those */
/* The bytes of a batch: where any endpoint takes datagrams, those of one. */
size_t link_batch_size(const struct conf_sink *sink, int64_t batch_size);

/* Closed. `uri` is borrowed, and one that the configuration has let pass. */
void link_init(struct link *k, struct loop *l, const char *uri);
/* Likewise, for another attempt, after close(): the next address of a host; on `trial` with one datagram. */
void link_again(struct link *k, const char *uri, bool trial);
/* May block in a name look-up. 0, or -1: it is closed, and t.why says why. */
int link_open(struct link *k);
bool link_is_open(const struct link *k); /* opening, up, or fallen */
bool link_up(const struct link *k);
/* Bytes taken, possibly 0; it may fall. */
size_t link_write(struct link *k, const void *p, size_t n);
/* Looks at what has arrived, and at the connect's deadline. True: more has. It may fall. */
bool link_update(struct link *k);
uint64_t link_arrived(const struct link *k); /* what shows that the endpoint works */
int link_release(struct link *k); /* closes it, but for the descriptor: the caller's now */
/* An open one takes the place of `to`, which is closed; `from` is closed then. It may fall. */
void link_move(struct link *to, struct link *from, bool trial);
void link_close(struct link *k);
