/* intake/room.c - who may connect: who fills a pool makes room out of what he has himself
 *
 * When a pool is full, the owner that has most gives up the one of its connections that has been
 * silent for longest. An owner that has its fill gives up one of its own, but only after a silence
 * of `idle`: a script that forgets to close does not lock out the next. Connections do not use up
 * the descriptors that runs and files need, nor the shared socket's those of collectors.
 */
#include "intake/room.h"

#include <inttypes.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "base/number.h"

enum { LOOKS = 8 /* at sockets of an owner's most silent ones: each a system call */ };
/* Descriptors that connections leave: for the daemon, and for each socket (a run's pipes). */
enum { SPARE = 32, SPARE_EACH = 4 };

/* --- places --- */

struct pool_owner *pool_owner_of(const struct pool *p, uintptr_t key)
{
    struct pool_owner *o = NULL;

    LIST_FOREACH (o, &p->owners, owners)
        if (o->key == key)
            break;
    return o;
}

static struct pool_owner *new_owner(struct pool *p, uintptr_t key)
{
    struct pool_owner *o = calloc(1, sizeof *o);

    if (o == NULL)
        return NULL;
    o->pool = p;
    o->key = key;
    TAILQ_INIT(&o->entries);
    LIST_INSERT_HEAD(&p->owners, o, owners);
    return o;
}

bool pool_enter(struct pool *p, uintptr_t key, struct pool_entry *e, int64_t now)
{
    struct pool_owner *o = pool_owner_of(p, key);

    if (o == NULL && (o = new_owner(p, key)) == NULL)
        return false;
    e->owner = o;
    e->heard_at = now;
    TAILQ_INSERT_TAIL(&o->entries, e, entries);
    o->connections++;
    p->connections++;
    return true;
}

void pool_heard(struct pool_entry *e, int64_t now)
{
    e->heard_at = now;
    if (e->owner == NULL)
        return;
    TAILQ_REMOVE(&e->owner->entries, e, entries);
    TAILQ_INSERT_TAIL(&e->owner->entries, e, entries);
}

void pool_leave(struct pool_entry *e)
{
    struct pool_owner *o = e->owner;

    if (o == NULL)
        return;
    e->owner = NULL;
    TAILQ_REMOVE(&o->entries, e, entries);
    o->pool->connections--;
    if (--o->connections > 0)
        return;
    LIST_REMOVE(o, owners);
    free(o);
}

static int64_t longest_silent(const struct pool_owner *o)
{
    return TAILQ_FIRST(&o->entries)->heard_at;
}

struct pool_owner *pool_largest(const struct pool *p)
{
    struct pool_owner *most = LIST_FIRST(&p->owners), *o;

    LIST_FOREACH (o, &p->owners, owners)
        if (o->connections > most->connections ||
            (o->connections == most->connections && longest_silent(o) < longest_silent(most)))
            most = o;
    return most;
}

/* --- who may connect --- */

/* What garnetd needs for itself (runs, workers, files, and on the shared socket the collectors'
 * connections too) is left free. */
static bool few_descriptors(const struct room *r, const struct guest *g)
{
    struct rlimit l;
    rlim_t keep = SPARE + (rlim_t)SPARE_EACH * r->sockets, fd = (rlim_t)g->fd;

    if (getrlimit(RLIMIT_NOFILE, &l) < 0 || fd < l.rlim_cur / 2)
        return false;
    if (g->origin->set.collector == NULL)
        keep *= 2;
    return fd + (keep < l.rlim_cur / 2 ? keep : l.rlim_cur / 2) >= l.rlim_cur;
}

/* The entry that has been silent for longest, of those that may be closed, if for so long; or NULL. */
static struct pool_entry *silent_one(const struct room *r, const struct pool_owner *o,
                                     int64_t at_least)
{
    struct pool_entry *e = o != NULL ? TAILQ_FIRST(&o->entries) : NULL;

    for (unsigned looks = 0; looks < LOOKS && e != NULL; e = TAILQ_NEXT(e, entries)) {
        if (loop_now(r->loop) - e->heard_at < at_least)
            return NULL;
        if (r->may_close(e->arg, &looks))
            return e;
    }
    return NULL;
}

/* Whoever has most makes room; where it is about descriptors, on the shared socket first. */
static struct pool_entry *of_largest(const struct room *r, const struct pool *p, bool few)
{
    struct pool_entry *e = few ? silent_one(r, pool_largest(&r->users), 0) : NULL;

    return e != NULL ? e : silent_one(r, pool_largest(p), 0);
}

static void explain_refusal(const struct room *r, const struct guest *g, bool full, bool filled,
                            struct why *why)
{
    if (full)
        why_set(why, "too many connections: at most %" PRId64, r->limits->max_connections);
    else if (!filled)
        why_set(why, "no descriptors left: try again later");
    else if (g->origin->set.collector != NULL)
        why_set(why, "too many connections of this collector: at most %" PRId64,
                r->limits->max_connections_per_user);
    else
        why_set(why, "too many connections of user %lu: at most %" PRId64,
                (unsigned long)g->peer.uid, r->limits->max_connections_per_user);
}

static void explain_closing(const struct room *r, const struct pool_entry *e, struct why *why)
{
    static const char AGAIN[] = "there are too many connections: connect again";
    int64_t silence = loop_now(r->loop) - e->heard_at;
    struct buf b = {0};

    units_put_duration(&b, silence - silence % NS_PER_MS);
    if (buf_ok(&b))
        why_set(why, "silent for %.*s, and %s", (int)b.n, b.p, AGAIN);
    else
        why_set(why, "%s", AGAIN);
    buf_free(&b);
}

uintptr_t room_key(const struct guest *g)
{
    return g->origin->set.collector != NULL ? (uintptr_t)g->origin : g->peer.uid;
}

struct pool *room_for(struct room *r, const struct guest *g, struct pool_entry **silent,
                      struct why *why)
{
    struct pool *p = g->origin->set.collector != NULL ? &r->collectors : &r->users;
    const struct pool_owner *o = pool_owner_of(p, room_key(g));
    bool full = p->connections >= r->limits->max_connections;
    bool filled = o != NULL && o->connections >= r->limits->max_connections_per_user;
    bool few = few_descriptors(r, g);

    *silent = NULL;
    if (!full && !filled && !few)
        return p;
    *silent = filled ? silent_one(r, o, r->limits->idle) : of_largest(r, p, few);
    if (*silent == NULL) {
        explain_refusal(r, g, full, filled, why);
        return NULL;
    }
    explain_closing(r, *silent, why);
    return p;
}
