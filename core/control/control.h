/* control/control.h - the control socket: whoever may connect asks garnetd about itself
 *
 * A request is a line, and so is its reply (control/request.h, docs/control.md). Who may connect is a matter of the
 * socket's mode and group; what only root and garnetd's own user may ask is looked at by the peer's credentials.
 *
 * Nothing here waits for a client, and none of it slows the loop: clients are watched by an epoll of their own, which
 * is one descriptor to the loop, so that a silent one costs nothing; after a few of their events it rests, so that no
 * flood of requests takes more than some hundredth of the loop's time; who asks for the state at nearly the same time
 * gets the same text. There are CONTROL_CLIENTS at most: the one that is silent for longest gives way. Who does not
 * read his reply is cut off. Memory is bounded by all that.
 */
#pragma once
#include "base/buf.h"
#include "base/loop.h"
#include "base/socket_file.h"

struct control;

enum { CONTROL_CLIENTS = 256 };

struct control_events {
    void *arg;
    /* The state of all: appends a JSON object. */
    void (*status)(void *arg, struct buf *out);
    /* What is remembered of the metrics of that name, or pattern (control/request.h): likewise. */
    void (*explain)(void *arg, const char *metric, struct buf *out);
    /* control_reloaded() follows, later. False, and why: there is no reload. */
    bool (*reload)(void *arg, struct why *why);
};
struct control_counts { /* since the start */
    uint64_t requests;
    uint64_t
        refused; /* connections: too many, or no means; and requests that could not be answered */
};

/* NULL with errno. It has no socket yet. */
struct control *control_new(struct loop *l, const struct control_events *ev);
/* In place of the one that it has. False, and why: it has none then. */
bool control_listen(struct control *c, const struct socket_config *socket, struct why *why);
bool control_listens(const struct control *c);
/* A reload is over: `receipt` is a JSON object, for those who asked for it. NULL: there is none,
 * for want of memory or because garnetd ends: they are hung up on. */
void control_reloaded(struct control *c, const struct buf *receipt);
const struct control_counts *control_counts(const struct control *c);
/* Its clients are hung up on, its socket stays in the folder: its name is the owner's to remove. NULL is fine. */
void control_free(struct control *c);
