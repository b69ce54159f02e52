/* intake/room.c - who may connect: who fills a pool makes room out of what he has himself
 *
 * When a pool is full, the owner that has most gives up the one of its connections that has been
 * silent for longest. An owner that has its fill gives up one of its own, but only after a silence
 * of `idle`: a script that forgets to close does not lock out the next. Connections do not use up
 * the descriptors that runs and files need, nor the shared socket's those of collectors.
 *
 * A connection that is owed something, or has sent something, is not closed; one that is closed is
 * told why, in a last reply, and what it had sent counts. Nothing here fails.
 */
#include "intake/room.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/number.h"
#include "base/why.h"

enum { LOOKS = 8 /* at sockets of an owner's most silent ones: each a system call */ };
/* Descriptors that connections leave: for the daemon, and for each socket (a run's pipes). */
enum { SPARE = 32, SPARE_EACH = 4 };

/* What garnetd needs for itself (runs, workers, files, and on the shared socket the collectors'
 * connections too) is left free. */
static bool few_descriptors(const struct origin *s, int fd, unsigned sockets)
{
    struct rlimit l;
    rlim_t keep = SPARE + (rlim_t)SPARE_EACH * sockets;

    if (getrlimit(RLIMIT_NOFILE, &l) < 0 || (rlim_t)fd < l.rlim_cur / 2)
        return false;
    if (origin_collector(s) == NULL)
        keep *= 2;
    return (rlim_t)fd + (keep < l.rlim_cur / 2 ? keep : l.rlim_cur / 2) >= l.rlim_cur;
}

/* The connection that has been silent for longest, of those that may be closed, if for so long; or
 * NULL. */
static struct connection *silent_one(const struct pool_owner *o, int64_t at_least)
{
    const struct pool_entry *e = o != NULL ? TAILQ_FIRST(&o->entries) : NULL;

    for (int looks = 0; looks < LOOKS && e != NULL; e = TAILQ_NEXT(e, entries)) {
        struct connection *c = e->arg;

        if (connection_silence(c) < at_least)
            return NULL;
        if (connection_busy(c))
            continue;
        looks++;
        if (connection_idle(c))
            return c;
    }
    return NULL;
}

/* Whoever has most makes room; where it is about descriptors, on the shared socket first. */
static struct connection *of_largest(const struct room *r, const struct pool *p, bool few)
{
    struct connection *c = few ? silent_one(pool_largest(&r->users), 0) : NULL;

    return c != NULL ? c : silent_one(pool_largest(p), 0);
}

static void explain_refusal(const struct room *r, const struct origin *s, uid_t uid, bool full,
                            bool filled, struct why *why)
{
    if (full)
        why_set(why, "too many connections: at most %" PRId64, r->limits->max_connections);
    else if (!filled)
        why_set(why, "no descriptors left: try again later");
    else if (origin_collector(s) != NULL)
        why_set(why, "too many connections of this collector: at most %" PRId64,
                r->limits->max_connections_per_user);
    else
        why_set(why, "too many connections of user %lu: at most %" PRId64, (unsigned long)uid,
                r->limits->max_connections_per_user);
}

static void log_closed(const struct room *r, const struct connection *c, const char *why)
{
    uint64_t left_out;

    if (!origin_may_log_closed(connection_origin(c), loop_now(r->loop), &left_out))
        return;
    log_warn("%s: closed: %s", connection_name(c), why);
    if (left_out > 0)
        log_warn("and %" PRIu64 " more connections since the last such line", left_out);
}

static void make_way(struct room *r, struct connection *c)
{
    int64_t silence = connection_silence(c);
    struct buf b = {0};
    const char *why;

    buf_puts(&b, "silent for ");
    units_put_duration(&b, silence - silence % NS_PER_MS);
    buf_puts(&b, ", and there are too many connections: connect again");
    buf_putc(&b, 0);
    why = buf_ok(&b) ? b.p : "there are too many connections: connect again";
    r->gave_way++;
    log_closed(r, c, why);
    connection_close(c, why);
    buf_free(&b);
}

uintptr_t room_key(const struct origin *s, uid_t uid)
{
    return origin_collector(s) != NULL ? (uintptr_t)s : uid;
}

struct pool *room_for(struct room *r, const struct origin *s, uid_t uid, int fd, unsigned sockets,
                      struct why *why)
{
    struct pool *p = origin_collector(s) != NULL ? &r->collectors : &r->users;
    const struct pool_owner *o = pool_owner_of(p, room_key(s, uid));
    bool full = p->connections >= r->limits->max_connections;
    bool filled = o != NULL && o->connections >= r->limits->max_connections_per_user;
    bool few = few_descriptors(s, fd, sockets);
    struct connection *c;

    if (!full && !filled && !few)
        return p;
    c = filled ? silent_one(o, r->limits->idle) : of_largest(r, p, few);
    if (c == NULL) {
        explain_refusal(r, s, uid, full, filled, why);
        return NULL;
    }
    make_way(r, c);
    return p;
}
