/* sink/orders.h - how long a worker goes on: what garnetd, a signal or a failure says of it
 *
 * garnetd's side is model/worker.h. A worker stops at the first reason: SIGTERM, garnetd's end,
 * or orders_stop(). Asked to finish, it delivers what is there and stops by itself. All that is said
 * ends a turn of the loop.
 */
#pragma once
#include "base/loop.h"
#include "model/worker.h"

enum { ORDERS_NONE = -1 };

struct orders {
    struct loop *loop;
    int control; /* borrowed */
    struct loop_fd control_watch, wake_watch;
    bool finish; /* asked to */
    bool news;   /* something was said: there may be more in the spool */
    bool gone;   /* garnetd is */
    int status;  /* to end with, or ORDERS_NONE */
};

/* From now on a SIGTERM stops the worker. False, with errno; also where `l` is NULL, by whose errno. */
bool orders_open(struct orders *o, struct loop *l, int control);
bool orders_stopping(const struct orders *o);
void orders_stop(struct orders *o, int status);         /* the first status counts */
void orders_give_up(struct orders *o, const char *why); /* the plugin does */
void orders_say(struct orders *o, enum worker_word w);  /* to garnetd */
bool orders_news(struct orders *o); /* whether there were any since the last call */
/* Waits, while the worker has not begun. False when it is to stop: also when asked to finish. */
bool orders_pause(struct orders *o, int64_t ns);
void orders_report_stop(const struct orders *o); /* logs that a SIGTERM ends it, if one does */
void orders_close(struct orders *o);
