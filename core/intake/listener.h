/* intake/listener.h - a Unix socket of ours in the file system, and accepting what connects to it
 *
 * What is accepted goes to a callback, which takes it or says why not. Who is refused gets one line
 * that says so; that costs a few microseconds. Accepting never fails for good. The owner of a
 * listener keeps it where it is, and closes it.
 */
#ifndef INTAKE_LISTENER_H
#define INTAKE_LISTENER_H
#include <sys/queue.h>
#include <sys/socket.h>

#include "base/loop.h"
#include "base/throttle.h"
#include "base/why.h"
#include "intake/origin.h"

struct listener;

enum listener_answer {
    LISTENER_TAKEN,     /* fd is the callback's now */
    LISTENER_REFUSED,   /* why[] */
    LISTENER_NO_MEMORY, /* to take it */
};
typedef enum listener_answer listener_accept_fn(void *arg, int fd, const struct ucred *peer,
                                                struct why *why);

struct listeners { /* what they share: all of them stop together */
    struct loop *loop;
    LIST_HEAD(, listener) all;
    unsigned n;
    int reserve;              /* a descriptor to give up, so that one too many can be refused */
    struct loop_timer pause;  /* not even that: listening again when it fires */
    struct ratelimit starved; /* what the log says of those refused for want of means */
    uint64_t refused;         /* connections, on all */
};

struct listener {
    struct listeners *set;
    const struct origin *origin; /* for its names */
    struct loop_fd io;
    listener_accept_fn *accept;
    void *arg;
    uint64_t refused; /* connections */
    struct ratelimit refusals;
    LIST_ENTRY(listener) all;
};

void listeners_init(struct listeners *set, struct loop *l);
void listeners_free(struct listeners *set);

/* Binds, 0600 until mode and owner are set, and listens then. A stale socket of ours is replaced: the caller
 * holds the lock (intake/lock.h). False and a sentence: nothing is left behind. */
bool listener_open(struct listener *l, struct listeners *set, const struct origin *origin,
                   const struct source_config *c, listener_accept_fn *accept, void *arg,
                   struct why *why);
void listener_accept(struct listener *l);        /* all that wait; a pause is cut short */
bool listener_awaited(const struct listener *l); /* somebody waits to be accepted */
/* Unlinks the socket; who waits to be accepted is. */
void listener_close(struct listener *l);

#endif
