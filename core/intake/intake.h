/* intake/intake.h - the sockets: who may connect, what they send, what they get back
 *
 * One shared Unix stream socket and one per collector ("sources"), the same protocol on all
 * (docs/protocol.md). Everything accepted in one turn of the loop becomes one batch of records
 * that commit() writes to the spool; only then do clients read "accepted". Time per client and
 * per turn is bounded (intake/queue.h), so that no client can hold up another, nor all together
 * the timers; a client that does not read its reply is not read from; nothing is kept per client
 * but its unfinished object and its reply. Who is refused gets one line that says so.
 */
#pragma once
#include "base/loop.h"
#include "conf/conf.h"
#include "intake/names.h"
#include "intake/origin.h"
#include "intake/users.h"

struct intake;
struct source; /* one listening socket; owned by whoever made it with source_open() */

struct intake *intake_new(struct loop *l, const struct conf_intake *limits,
                          intake_commit_fn *commit, void *arg);
/* Copied. Size and depth hold for new connections. */
void intake_limits(struct intake *in, const struct conf_intake *limits);
/* The fate of what waits for this ticket or an earlier one: it is safe, and whoever asks gets a reply.
 * Or, with `why`, it cannot be called safe: it counts as rejected, and whoever asks is told why. */
void intake_known(struct intake *in, uint64_t ticket, const char *why);
/* Garnet's own metrics take the same road: into this turn's batch. */
void intake_own(struct intake *in, const struct metric *m);
/* True when no client has anything unread or unanswered. An unfinished value does not count: its
 * sender may never go on. */
bool intake_quiet(const struct intake *in);
unsigned intake_busy(const struct intake *in); /* how many have */
unsigned intake_connections(const struct intake *in);
struct intake_counts {
    uint64_t refused;      /* connections: over a limit, or for want of descriptors or memory */
    uint64_t gave_way;     /* connections that were closed since others needed a place */
    uint64_t own_rejected; /* Garnet's own metrics: refused by the spool, no memory */
    struct user_refusals
        *users; /* USERS_TOLD + 1 of them, those with counts: on the shared socket */
};
const struct intake_counts *intake_counts(const struct intake *in); /* of all sources */
const struct names *intake_names(const struct intake *in);
/* Writes what is pending and closes all clients. Sources must be closed before. */
void intake_free(struct intake *in);

/* Makes its socket, and listens (base/socket_file.h). NULL and a sentence in why[]: nothing is left
 * behind. */
struct source *source_open(struct intake *in, const struct source_config *c, struct why *why);
const struct origin_counts *source_counts(const struct source *s);
const struct remark *source_fault(const struct source *s); /* the last in what was sent to it */
const struct rejections *source_rejections(const struct source *s);
/* A run begins: its counts and limits start anew, and metrics without a time get `slot_ns`. */
void source_run(struct source *s, int64_t slot_ns);
/* A run has ended and all its processes are dead: what they have sent is taken in (4 MiB of it at
 * most, at once; the rest follows, without counting) and counted, and slot_ns is cleared. */
void source_run_end(struct source *s, uint64_t *accepted, uint64_t *rejected);
/* Accepts every connection that waits, so that they get the slot that is set now. */
void source_accept(struct source *s);
/* Until when, as far as is known, metrics that its clients sent, or would have sent, were not
 * accepted for garnetd's own sake: the spool refused them, a reply was held, nothing was read.
 * Monotonic; now, while it is so; 0: never. */
int64_t source_withheld(const struct source *s);
/* Replaces prefix, tags, interval, limits and own groups without touching the socket (reload). False: no
 * memory. */
bool source_update(struct source *s, const struct source_config *c);
/* Unlinks the socket. Its clients, those that wait to be accepted among them, go on until they end;
 * they keep what they need. */
void source_close(struct source *s);
