/* delivery/endpoints.c - which endpoint is used, and when */
#include "delivery/endpoints.h"

#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"

static const int64_t SAID_EVERY = 60 * NS_PER_S;
static const int64_t FIRST_RETRY = 10 * NS_PER_S;
static const int64_t PROBATION = 60 * NS_PER_S; /* of the first, before it is taken back */
enum { MOST_DOUBLINGS = 6 /* of that: an hour */ };
/* After a refusal: sooner, the next one might go unsaid, for a host may say so but once a second;
 * later is for nothing, since to try takes one datagram. */
static const int64_t REFUSED_LEAST = 1250 * NS_PER_MS, REFUSED_MOST = 3 * NS_PER_S;

void endpoints_init(struct endpoints *e, struct loop *l, const struct strings *to)
{
    *e = (struct endpoints){.to = to, .throttle = {.base = NS_PER_S, .cap = 30 * NS_PER_S}};
    link_init(&e->first, l, to->v[0]);
}

void endpoints_arrived(struct endpoints *e)
{
    if (e->works)
        return;
    e->works = true;
    e->tried = e->addresses = 0;
    if (e->at == 0)
        e->returns = 0;
    e->returned = false;
    throttle_ok(&e->throttle);
    if (e->complaints > 0 || !e->announced)
        log_info("delivers to %s", e->to->v[e->at]);
    e->announced = true;
    e->complaints = 0;
}

/* --- failures --- */

/* What a connection that was up is lost by, again and again (a proxy that closes idle ones, say), is
 * in the log once, and then as a number, once a minute: true when it was just counted. */
static bool said_before(struct endpoints *e, const char *why, int64_t now)
{
    struct endpoints_said *s = &e->said;

    if (s->at != 0 && strcmp(s->why.text, why) == 0 && (now - s->at < SAID_EVERY || s->more > 0)) {
        s->more++;
        return true;
    }
    (void)why_set(&s->why, "%s", why);
    s->at = now;
    s->more = 0;
    return false;
}

void endpoints_report(struct endpoints *e, int64_t now)
{
    struct endpoints_said *s = &e->said;

    if (s->more == 0 || now - s->at < SAID_EVERY)
        return;
    log_warn("%s: %s (%" PRIu64 " times more in the last minute)", e->to->v[e->at], s->why.text,
             s->more);
    s->at = now;
    s->more = 0;
}

/* The endpoint's next address, where this one has refused; then the endpoint after it; after the
 * last, a pause. The next one may be on the host that has refused: it must be able to do so again. */
static int64_t choose_next(struct endpoints *e, const struct transport *t)
{
    int64_t pause = t->refused && !t->each_time ? REFUSED_LEAST : 0;

    if (t->refused && ++e->addresses < t->addresses)
        return pause;
    e->at = (e->at + 1) % e->to->n;
    e->addresses = 0;
    if (++e->tried < e->to->n)
        return pause;
    e->tried = 0;
    pause = throttle_spread(&e->throttle, random_u64()); /* each of a fleet has another */
    return t->refused ? REFUSED_LEAST + pause % (REFUSED_MOST - REFUSED_LEAST) : pause;
}

void endpoints_failed(struct endpoints *e, const struct link *k, const char *why, bool same)
{
    int64_t now = clock_mono(); /* a look-up may have taken its time */
    bool quiet = k->was_up && e->to->n == 1 && said_before(e, why, now);

    if (!quiet && e->addresses == 0 && e->complaints++ < e->to->n) /* of its addresses the first */
        log_warn("%s: %s; trying again, metrics wait in the spool", k->t.uri, why);
    if (e->returned && !e->works)
        e->returns++;
    e->returned = e->works = false;
    link_close(&e->first);
    e->retry_ns = now + (same ? 0 : choose_next(e, &k->t));
}

/* --- back to the first --- */

bool endpoints_try_first(struct endpoints *e, int64_t now)
{
    /* One that cannot show that it is there but by taking metrics is tried ever less often. */
    unsigned doublings = e->returns < MOST_DOUBLINGS ? e->returns : MOST_DOUBLINGS;
    struct link *k = &e->first;
    bool failed = k->fell;

    if (e->at == 0)
        return false;
    if (!link_is_open(k) && now >= e->first_ns) {
        link_init(k, k->loop, e->to->v[0]);
        failed = link_open(k) < 0;
    } else if (link_is_open(k) && !failed && !link_up(k)) { /* for the connect's deadline */
        (void)link_update(k);
        failed = k->fell;
    }
    if (failed) {
        link_close(k);
        e->first_ns = clock_mono() + FIRST_RETRY;
    }
    return link_up(k) && now - k->t.opened_ns >= PROBATION << doublings;
}

void endpoints_take_first(struct endpoints *e, struct link *cur)
{
    if (e->first.t.kind->by_silence)
        log_info("%s is the first in the list: going back to it, on trial", e->first.t.uri);
    else
        log_info("%s has been up for a minute: going back to it", e->first.t.uri);
    link_move(cur, &e->first, true);
    e->at = 0;
    e->returned = true;
    e->works = false;
}
