/* intake/reply.h - the replies to a client, one for each request, in order; the log has the same
 *
 * An account gathers what the next reply tells. A request closes it, and gets the reply to that one
 * and no other. One with metrics that are not safe yet is held, and so is what was asked for behind
 * it, until all of its metrics are known to be safe or not. Each reply is written whole or not at
 * all.
 */
#pragma once
#include <sys/queue.h>

#include "base/loop.h"
#include "intake/frame.h"
#include "intake/origin.h"

/* Faults that a reply spells out, and the log; the rest is counted. Of more than that it is remembered what they were
 * (intake/rejections.h): of as many as there is room for there, and then of one each 10 ms, so that the newest there is about
 * the last one. */
enum { REPLY_ERRORS = 5 };

struct account {
    uint64_t accepted, rejected;
    uint64_t waiting;  /* in the spool's hands: one or the other once that is known */
    uint32_t faults;   /* all of them */
    uint32_t unlogged; /* of these: beyond those that the log has */
    struct buf errors; /* the first REPLY_ERRORS of them as JSON, with commas */
};

struct held_reply;

struct replies { /* of one client */
    struct origin *origin;
    const struct loop *loop;
    const char *name; /* of the client, for the log */
    struct account account;
    TAILQ_HEAD(held_replies, held_reply) held; /* one for each request that waits, in order */
    struct inflight inflight;                  /* metrics of these accounts that wait */
    struct buf out;                            /* replies on their way: not yet sent */
    bool lost;
};

void replies_init(struct replies *r, struct origin *s, const struct loop *l, const char *name);
void replies_drop(struct replies *r); /* nobody will read them */
void replies_free(struct replies *r);

/* n metrics are accepted: safe (ticket 0), or to wait for the ticket. */
void replies_accept(struct replies *r, uint64_t n, uint64_t ticket);
/* n are rejected for one reason; `at` is NULL when it is of no one place. */
void replies_reject(struct replies *r, uint64_t n, const struct faulty *who, const struct place *at,
                    const struct metric_fault *f);
/* One is refused, which the log has in a line of its own. *f may be missing, where the reply does not
 * spell it out. */
void replies_refuse(struct replies *r, const struct faulty *who, const struct place *at,
                    const struct metric_fault *f);
void replies_note(struct replies *r, const char *why); /* in the next reply, nothing is rejected */
bool replies_spells_out(const struct replies *r);      /* the next fault is told or remembered */
void replies_close(struct replies *r); /* a request: the account is closed; a new one begins */
/* The fate of what waits for this ticket, or an earlier one: why is NULL when it is safe. False:
 * nothing did. */
bool replies_known(struct replies *r, uint64_t ticket, const char *why);
bool replies_held(const struct replies *r);   /* one waits */
bool replies_send(struct replies *r, int fd); /* what it takes now; false: the peer is gone */
/* There was no memory for a reply: the client is to be closed, as it must not wait for it. */
bool replies_lost(const struct replies *r);
