/* intake/users.h - what each user of the shared socket may send, and has: `intake.per_user`
 *
 * So that one user's flood does not push what others have sent out of the spool. Metrics, and the
 * bytes that they take up there, come at a rate, with ten seconds' worth at once; new series are
 * counted by the hour. What is beyond is refused at once and never delayed. It is counted, and the
 * log has a line when that begins and one when it has ended, each within a limit.
 *
 * A user is the number that the kernel gives with a connection; root's is one like others. What is
 * known of one is kept while it is connected, and until its hour is over. As many as USERS_MAX have
 * limits of their own: who comes when all of them are kept is one of the others, who share theirs. A
 * user who can be many (by user namespaces, 65,536) gains no more by that, and takes no more memory.
 */
#pragma once
#include <sys/types.h>

#include "base/loop.h"
#include "base/throttle.h"
#include "conf/conf.h"
#include "intake/quota.h"

enum {
    USERS_MAX = 64,  /* that have limits of their own */
    USERS_TOLD = 16, /* that have counts of their own: the first that are refused something */
};

enum user_limit { USER_METRICS, USER_BYTES, USER_SERIES, USER_LIMITS };

const char *user_limit_key(enum user_limit w); /* of intake.per_user */

struct user_refusals { /* metrics, since the start */
    uid_t uid;
    uint64_t n[USER_LIMITS];
    bool told; /* its reader's: that it has begun */
};

uint64_t user_refusals_sum(const struct user_refusals *r);

struct user_excess {     /* over one limit */
    int64_t since, last; /* monotonic: the first and the last that was refused; since 0: none is */
    uint64_t refused;
    bool logged; /* that it began */
};

struct user { /* of a user, or of the others; its own to write */
    struct users *all;
    uid_t uid;
    unsigned sessions;
    int64_t spent[USER_SERIES]; /* monotonic: when what it has sent will be earned, at its rate */
    int64_t hour;               /* monotonic: since when series are counted */
    struct series series;
    struct user_excess excess[USER_LIMITS];
    LIST_ENTRY(user) users;
};

struct users { /* its own to write, but for `told` */
    struct loop *loop;
    const struct conf_per_user *limits; /* borrowed; they may change at any time */
    uint64_t seed;
    LIST_HEAD(, user) list;
    unsigned n;                                   /* in it */
    struct user others;                           /* they share one */
    struct user_refusals refused[USERS_TOLD + 1]; /* the last: all who have none of their own */
    struct loop_timer look;
    struct ratelimit lines;
};

void users_init(struct users *us, struct loop *l, const struct conf_per_user *limits);
void users_free(struct users *us); /* when no session is left; what is still refused is logged */
/* Looks who is within its limits again, and forgets whom nothing is known of any more. By itself each
 * ten seconds. */
void users_look(struct users *us, int64_t now);

/* One session more of that user; never fails: without memory it is one of the others. */
struct user *user_enter(struct users *us, uid_t uid, int64_t now);
void user_leave(struct user *u); /* and one less */

enum user_answer { USER_MAY, USER_BEYOND, USER_NO_MEMORY };
/* Whether this metric may go into the spool. Beyond a limit: counted, and *f says why unless it is
 * NULL. No memory to remember its series: the caller's to say. */
enum user_answer user_may(struct user *u, const struct metric *m, int64_t now,
                          struct metric_fault *f);
void user_took(struct user *u, size_t bytes, int64_t now); /* it has gone there, and is so long */
