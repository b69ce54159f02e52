/* delivery/outlet.c - a sink's endpoints as one stream of bytes
 *
 * Whatever goes wrong with the connection is looked at in one place, the turn, and there ends in at most
 * one loss. Never gives up and never fails: what goes wrong is always the endpoint's.
 */
#include "delivery/outlet.h"

#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"

static const int64_t STALLED = 20 * NS_PER_S;
static const int64_t SAID_EVERY = 60 * NS_PER_S;
static const int64_t FIRST_RETRY = 10 * NS_PER_S;
static const int64_t PROBATION = 60 * NS_PER_S; /* of the first, before it is taken back */
enum { MOST_DOUBLINGS = 6 /* of that: an hour */ };
/* After a refusal: sooner, the next one might go unsaid, for a host may say so but once a second;
 * later is for nothing, since to try takes one datagram. */
static const int64_t REFUSED_LEAST = 1250 * NS_PER_MS, REFUSED_MOST = 3 * NS_PER_S;

void outlet_init(struct outlet *o, struct loop *l, const struct conf_sink *sink, bool repeatable,
                 bool ordered)
{
    *o = (struct outlet){.to = &sink->to, .throttle = {.base = NS_PER_S, .cap = 30 * NS_PER_S}};
    stream_init(&o->stream, l, sink, repeatable, ordered);
    link_init(&o->first, l, sink->to.v[0]);
}

bool outlet_up(const struct outlet *o)
{
    return link_up(&o->stream.cur);
}

bool outlet_stalled(const struct outlet *o)
{
    return o->stalled || o->stream.late;
}

void outlet_hurry(struct outlet *o)
{
    o->retry_ns = 0;
}

/* --- an endpoint fails --- */

/* What a connection that was up is lost by, again and again (a proxy that closes idle ones, say), is
 * in the log once, and then as a number, once a minute: true when it was just counted. */
static bool said_before(struct outlet *o, const char *why, int64_t now)
{
    struct outlet_said *s = &o->said;

    if (s->at != 0 && strcmp(s->why.text, why) == 0 && (now - s->at < SAID_EVERY || s->more > 0)) {
        s->more++;
        return true;
    }
    (void)why_set(&s->why, "%s", why);
    s->at = now;
    s->more = 0;
    return false;
}

static void report_count(struct outlet *o, int64_t now)
{
    struct outlet_said *s = &o->said;

    if (s->more == 0 || now - s->at < SAID_EVERY)
        return;
    log_warn("%s: %s (%" PRIu64 " times more in the last minute)", o->to->v[o->at], s->why.text,
             s->more);
    s->at = now;
    s->more = 0;
}

/* The endpoint's next address, where this one has refused; then the endpoint after it; after the
 * last, a pause. The next one may be on the host that has refused: it must be able to do so again. */
static int64_t choose_next(struct outlet *o, const struct transport *t)
{
    int64_t pause = t->refused && !t->each_time ? REFUSED_LEAST : 0;

    if (t->refused && ++o->addresses < t->addresses)
        return pause;
    o->at = (o->at + 1) % o->to->n;
    o->addresses = 0;
    if (++o->tried < o->to->n)
        return pause;
    o->tried = 0;
    pause = throttle_spread(&o->throttle, random_u64()); /* each of a fleet has another */
    return t->refused ? REFUSED_LEAST + pause % (REFUSED_MOST - REFUSED_LEAST) : pause;
}

/* Goes on with the next one, or with the `same` where only what was sent is in doubt. */
static void endpoint_failed(struct outlet *o, const char *why, bool same)
{
    int64_t now = clock_mono(); /* a look-up may have taken its time */
    const struct link *cur = &o->stream.cur;
    bool quiet = cur->was_up && o->to->n == 1 && said_before(o, why, now);

    if (!quiet && o->addresses == 0 && o->complaints++ < o->to->n) /* of its addresses the first */
        log_warn("%s: %s; trying again, metrics wait in the spool", cur->t.uri, why);
    if (o->returned && !o->works)
        o->returns++;
    o->returned = o->works = false;
    link_close(&o->first);
    o->retry_ns = now + (same ? 0 : choose_next(o, &cur->t));
}

static void use_chosen(struct outlet *o)
{
    stream_use(&o->stream, o->at);
    link_again(&o->stream.cur, o->to->v[o->at], o->complaints > 0);
}

static bool lose_stream(struct outlet *o, const char *why, bool same, struct stream_loss *loss)
{
    endpoint_failed(o, why, same);
    *loss = stream_anew(&o->stream, true);
    o->stalled = false;
    use_chosen(o);
    return true;
}

/* --- an endpoint works --- */

static void bytes_arrived(struct outlet *o)
{
    if (o->works)
        return;
    o->works = true;
    o->tried = o->addresses = 0;
    if (o->at == 0)
        o->returns = 0;
    o->returned = false;
    throttle_ok(&o->throttle);
    if (o->complaints > 0 || !o->announced)
        log_info("delivers to %s", o->to->v[o->at]);
    o->announced = true;
    o->complaints = 0;
}

/* What has arrived; and whether it takes bytes while nothing happens to them: the peer does not read. */
static void look_at_cur(struct outlet *o, int64_t now)
{
    const struct transport *t = &o->stream.cur.t;

    if (stream_look(&o->stream)) {
        if (o->stalled)
            log_info("%s takes metrics again", t->uri);
        o->stalled = false;
        bytes_arrived(o);
    }
    if (!outlet_up(o) || o->stalled || t->stuck_ns == 0 || now - t->stuck_ns < STALLED)
        return;
    o->stalled = true;
    if (o->to->n == 1)
        log_warn("%s is stalled: it reads nothing; waiting for it", t->uri);
}

/* --- back to the first --- */

/* Tries it as it is time. True: it has held for long enough, and may be taken back. */
static bool try_first(struct outlet *o, int64_t now)
{
    /* One that cannot show that it is there but by taking metrics is tried ever less often. */
    unsigned doublings = o->returns < MOST_DOUBLINGS ? o->returns : MOST_DOUBLINGS;
    struct link *k = &o->first;
    bool failed = k->fell;

    if (o->at == 0)
        return false;
    if (!link_is_open(k) && now >= o->first_ns) {
        link_init(k, k->loop, o->to->v[0]);
        failed = link_open(k) < 0;
    } else if (link_is_open(k) && !failed && !link_up(k)) { /* for the connect's deadline */
        (void)link_update(k);
        failed = k->fell;
    }
    if (failed) {
        link_close(k);
        o->first_ns = clock_mono() + FIRST_RETRY;
    }
    return link_up(k) && now - k->t.opened_ns >= PROBATION << doublings;
}

/* What is not settled is sent again there; what must not be repeated has to be through before. */
static bool go_back(struct outlet *o, struct stream_loss *loss)
{
    struct stream *s = &o->stream;

    if (s->mid || (!s->repeatable && s->cur.t.acked != s->cur.t.written))
        return false;
    if (o->first.t.kind->by_silence)
        log_info("%s is the first in the list: going back to it, on trial", o->first.t.uri);
    else
        log_info("%s has been up for a minute: going back to it", o->first.t.uri);
    *loss = stream_anew(s, false);
    link_move(&s->cur, &o->first, true);
    stream_use(s, 0);
    o->at = 0;
    o->returned = true;
    o->works = o->stalled = false;
    return true;
}

/* --- the turn --- */

bool outlet_turn(struct outlet *o, int64_t now, struct stream_loss *loss)
{
    struct link *cur = &o->stream.cur;
    enum stream_verdict verdict;

    report_count(o, now);
    if (!link_is_open(cur)) {
        if (now >= o->retry_ns && link_open(cur) < 0) {
            endpoint_failed(o, cur->t.why.text, false);
            use_chosen(o);
        }
        return false;
    }
    if (!cur->fell)
        look_at_cur(o, now);
    if (cur->fell)
        return lose_stream(o, cur->t.why.text, false, loss);
    if (o->stalled && o->to->n > 1)
        return lose_stream(o, "is stalled: it reads nothing", false, loss);
    if (!outlet_up(o))
        return false;
    verdict = stream_turn(&o->stream, now);
    if (verdict != STREAM_GOES_ON)
        return lose_stream(o, o->stream.why, verdict == STREAM_DOUBT, loss);
    return outlet_up(o) && try_first(o, now) && go_back(o, loss);
}

int64_t outlet_due(const struct outlet *o, int64_t now)
{
    const struct link *cur = &o->stream.cur;
    int64_t ns;

    if (cur->fell)
        return 0;
    if (!link_is_open(cur))
        return o->retry_ns > now ? o->retry_ns - now : 0;
    if (!outlet_up(o))
        return NS_PER_S;
    ns = stream_due(&o->stream, now);
    if (o->at > 0 && (ns < 0 || ns > NS_PER_S)) /* for the first */
        ns = NS_PER_S;
    return ns;
}

void outlet_free(struct outlet *o)
{
    (void)stream_anew(&o->stream, false);
    link_close(&o->first);
}
