/* intake/share.c - whose connections there are, and which gives way to a newer one
 *
 * The shared socket and the collectors' have a pool each, of `max_connections`, so nobody on the
 * shared one can lock a collector out. In its pool each user, or each collector, is an owner and may
 * have `max_connections_per_user`. When a pool is full, the owner that has most gives up the one of
 * its connections that has been silent for longest: whoever fills a pool makes room out of what he
 * has himself. An owner that has its fill gives up one of its own, but only after a silence of
 * `idle`: a script that forgets to close does not lock out the next.
 *
 * A connection that is owed something, or has sent something, does not give way; one that does is
 * told why, in a last reply, and what it had sent counts. Nothing here fails but for the memory of
 * an owner, and then the connection is not made.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/ratelimit.h"
#include "base/units.h"
#include "intake/conn.h"

enum { LOOKS = 8 /* at sockets of an owner's most silent ones: each a system call */ };
static const struct rate CLOSED = {.lines = 1, .per_ns = 10 * NS_PER_S};

/* --- owners --- */

struct pool *share_pool(const struct source *s)
{
    return s->name != NULL ? &s->in->collectors : &s->in->users;
}

struct owner *share_owner(const struct source *s, uid_t uid)
{
    struct owner *o = share_pool(s)->owners;

    while (o != NULL && (s->name != NULL ? o->source != s : o->uid != uid))
        o = o->next;
    return o;
}

static struct owner *owner_new(const struct source *s, uid_t uid)
{
    struct owner *o = calloc(1, sizeof *o);

    if (o == NULL)
        return NULL;
    o->pool = share_pool(s);
    o->uid = uid;
    o->source = s;
    o->next = o->pool->owners;
    o->pool->owners = o;
    return o;
}

static void owner_free(struct owner *o)
{
    struct owner **at = &o->pool->owners;

    while (*at != o)
        at = &(*at)->next;
    *at = o->next;
    free(o);
}

static void append(struct conn *c)
{
    struct owner *o = c->owner;

    c->silent_next = NULL;
    c->silent_prev = o->latest;
    *(o->latest != NULL ? &o->latest->silent_next : &o->longest) = c;
    o->latest = c;
}

static void take_out(struct conn *c)
{
    struct owner *o = c->owner;

    *(c->silent_prev != NULL ? &c->silent_prev->silent_next : &o->longest) = c->silent_next;
    *(c->silent_next != NULL ? &c->silent_next->silent_prev : &o->latest) = c->silent_prev;
}

bool share_enter(struct conn *c, uid_t uid)
{
    struct owner *o = share_owner(c->source, uid);

    if (o == NULL && (o = owner_new(c->source, uid)) == NULL)
        return false;
    c->owner = o;
    o->connections++;
    o->pool->connections++;
    append(c);
    return true;
}

void share_heard(struct conn *c)
{
    c->heard_at = loop_now(c->in->loop);
    if (c->owner == NULL)
        return;
    take_out(c);
    append(c);
}

void share_leave(struct conn *c)
{
    struct owner *o = c->owner;

    if (o == NULL)
        return;
    take_out(c);
    c->owner = NULL;
    o->pool->connections--;
    if (--o->connections == 0)
        owner_free(o);
}

/* --- giving way --- */

/* As far as we know without a look at its socket. One that does not read its replies is not, whatever
 * it has sent. */
static bool is_busy(const struct conn *c)
{
    if (c->touched || c->queued || c->gone || c->ended || c->pending.sum > 0)
        return true;
    return c->out.n > 0 && loop_now(c->in->loop) - c->unread_since < NS_PER_S;
}

struct conn *share_silent(const struct owner *o, int64_t at_least)
{
    struct conn *c = o != NULL ? o->longest : NULL;

    for (int looks = 0; looks < LOOKS && c != NULL; c = c->silent_next) {
        if (loop_now(c->in->loop) - c->heard_at < at_least)
            return NULL;
        if (is_busy(c))
            continue;
        looks++;
        if (c->out.n > 0 || conn_quiet(c))
            return c;
    }
    return NULL;
}

const struct owner *share_largest(const struct pool *p)
{
    const struct owner *most = p->owners;

    for (const struct owner *o = most; o != NULL; o = o->next)
        if (o->connections > most->connections ||
            (o->connections == most->connections && o->longest->heard_at < most->longest->heard_at))
            most = o;
    return most;
}

static void log_way(struct conn *c, const char *why)
{
    uint64_t left_out;

    c->in->gave_way++;
    if (!ratelimit_take(&c->source->given_way, &CLOSED, loop_now(c->in->loop), &left_out))
        return;
    log_warn("%s: closed: %s", c->name, why);
    if (left_out > 0)
        log_warn("and %" PRIu64 " more connections since the last such line", left_out);
}

void share_give_way(struct conn *c)
{
    int64_t silence = loop_now(c->in->loop) - c->heard_at;
    struct buf b = {0};
    const char *why;

    buf_puts(&b, "silent for ");
    units_put_duration(&b, silence - silence % NS_PER_MS);
    buf_puts(&b, ", and there are too many connections: connect again");
    buf_putc(&b, 0);
    why = buf_ok(&b) ? b.p : "there are too many connections: connect again";
    log_way(c, why);
    share_leave(c); /* its place is free; and it is closed in this turn, whatever comes */
    if (c->out.n > 0)
        conn_free(c);
    else
        conn_end(c, why);
    buf_free(&b);
}
