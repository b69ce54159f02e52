/* conf/identity.h - who a collector or a sink's worker is: its user and its groups
 *
 * Names are resolved through facts, never here. A garnetd that lacks the privilege for a change is
 * an error of the configuration: reported once, with what to do, rather than at every run.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct conf_collector;
struct conf_sink;
struct node;
struct parsing;

struct conf_identity {        /* all resolved among the facts */
    const char *user, *group; /* as written, or NULL: garnetd's own */
    uid_t uid;                /* (uid_t)-1: garnetd's own, also where `user` is that one */
    gid_t gid;                /* (gid_t)-1: garnetd's own; set whenever uid is */
    const gid_t *groups;      /* supplementary, of `user`; they are for whenever uid is set */
    size_t ngroups;
    bool known; /* of a collector: it was found out, and garnetd can be that */
};

/* k->identity from its keys `user` and `group`, and whether it may have its `nice`. */
void parse_collector_identity(struct parsing *p, struct conf_collector *k);
/* s->identity from `user`, and the conf's `self`. */
void parse_sink_identity(struct parsing *p, struct conf_sink *s);
/* The id of the group that v names; not set after an error, and while it is not known. */
void parse_group(struct parsing *p, const struct node *v, gid_t *gid);
/* An error at `v`, the value of `key`, if strangers could alter what `path` leads to; else the user's
 * groups as conf/facts.h has them. */
void parse_check_way(struct parsing *p, const char *key, const struct node *v, uid_t user,
                     const char *path, const char **own_groups);
uint64_t parse_digest_identity(uint64_t h, const struct conf_identity *id);
