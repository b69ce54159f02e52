/* daemon/status.h - the answer to "how are you?" on the control socket: all of garnetd's state at one moment
 *
 * docs/control.md describes it member by member. What is a number in it is a row of the part that keeps it
 * (daemon/row.h), and so is Garnet's own metric of that name.
 */
#pragma once
#include "base/buf.h"
#include "conf/conf.h"

struct self_round;
struct control;
struct collectors;
struct intake;
struct reload;
struct sinks;
struct source;
struct store;

struct status_of { /* all borrowed */
    const struct conf *conf;
    const char *file;
    const char *phase; /* "running", "ending" */
    int64_t started;   /* wall ns */
    const struct reload *reload;
    const struct collectors *collectors;
    const struct sinks *sinks;
    const struct store *store;
    const struct intake *intake; /* NULL: closed, as is `shared` */
    const struct source *shared;
    const struct control *control;
};

/* Appends a JSON object. */
void status_put(struct buf *out, const struct status_of *s);
/* What a configuration refuses, as a JSON array; for a receipt, too. */
void status_put_refused(struct buf *out, const struct conf *c);
/* The control socket's own rows. */
void status_control_rows(const struct control *c, const struct self_round *at);
