/* delivery/outlet.c - a sink's endpoints as one stream of bytes
 *
 * Whatever goes wrong with the connection is looked at in one place, the turn, and there ends in at most
 * one loss.
 */
#include "delivery/outlet.h"

#include "base/clock.h"
#include "base/log.h"

static const int64_t STALLED = 20 * NS_PER_S;

void outlet_init(struct outlet *o, struct loop *l, const struct conf_sink *sink, bool repeatable,
                 bool ordered)
{
    *o = (struct outlet){0};
    endpoints_init(&o->endpoints, l, &sink->to);
    stream_init(&o->stream, l, sink, repeatable, ordered);
}

bool outlet_up(const struct outlet *o)
{
    return link_up(&o->stream.cur);
}

bool outlet_stalled(const struct outlet *o)
{
    return o->stalled || o->stream.late;
}

/* --- the connection that is written on --- */

/* The endpoint of the last attempt has failed, or what was sent to it. */
static void leave_endpoint(struct outlet *o, const char *why, bool same)
{
    struct endpoints *e = &o->endpoints;

    endpoints_failed(e, &o->stream.cur, why, same);
    stream_use(&o->stream, e->at);
    link_again(&o->stream.cur, e->to->v[e->at], e->complaints > 0);
}

/* What has arrived; and whether it takes bytes while nothing happens to them: the peer does not read. */
static void look_at_cur(struct outlet *o, int64_t now)
{
    const struct transport *t = &o->stream.cur.t;

    if (stream_look(&o->stream)) {
        if (o->stalled)
            log_info("%s takes metrics again", t->uri);
        o->stalled = false;
        endpoints_arrived(&o->endpoints);
    }
    if (!outlet_up(o) || o->stalled || t->stuck_ns == 0 || now - t->stuck_ns < STALLED)
        return;
    o->stalled = true;
    if (o->endpoints.to->n == 1)
        log_warn("%s is stalled: it reads nothing; waiting for it", t->uri);
}

static bool lose_stream(struct outlet *o, const char *why, bool same, struct stream_loss *loss)
{
    *loss = stream_anew(&o->stream, true);
    o->stalled = false;
    leave_endpoint(o, why, same);
    return true;
}

/* A connection to the first endpoint has held for long enough. What is not settled is sent again there;
 * what must not be repeated has to be through before. */
static bool go_back(struct outlet *o, struct stream_loss *loss)
{
    struct stream *s = &o->stream;

    if (s->mid || (!s->repeatable && s->cur.t.acked != s->cur.t.written))
        return false;
    *loss = stream_anew(s, false);
    o->stalled = false;
    endpoints_take_first(&o->endpoints, &s->cur);
    stream_use(s, 0);
    return true;
}

/* --- the turn --- */

bool outlet_turn(struct outlet *o, int64_t now, struct stream_loss *loss)
{
    struct link *cur = &o->stream.cur;
    enum stream_verdict verdict;

    endpoints_report(&o->endpoints, now);
    if (!link_is_open(cur)) {
        if (now >= o->endpoints.retry_ns && link_open(cur) < 0)
            leave_endpoint(o, cur->t.why.text, false);
        return false;
    }
    if (!cur->fell)
        look_at_cur(o, now);
    if (cur->fell)
        return lose_stream(o, cur->t.why.text, false, loss);
    if (o->stalled && o->endpoints.to->n > 1)
        return lose_stream(o, "is stalled: it reads nothing", false, loss);
    if (!outlet_up(o))
        return false;
    verdict = stream_turn(&o->stream, now);
    if (verdict != STREAM_GOES_ON)
        return lose_stream(o, o->stream.why, verdict == STREAM_DOUBT, loss);
    return outlet_up(o) && endpoints_try_first(&o->endpoints, now) && go_back(o, loss);
}

int64_t outlet_due(const struct outlet *o, int64_t now)
{
    const struct link *cur = &o->stream.cur;
    int64_t ns;

    if (cur->fell)
        return 0;
    if (!link_is_open(cur))
        return o->endpoints.retry_ns > now ? o->endpoints.retry_ns - now : 0;
    if (!outlet_up(o))
        return NS_PER_S;
    ns = stream_due(&o->stream, now);
    if (o->endpoints.at > 0 && (ns < 0 || ns > NS_PER_S)) /* for the first */
        ns = NS_PER_S;
    return ns;
}

void outlet_hurry(struct outlet *o)
{
    o->endpoints.retry_ns = 0;
}

void outlet_free(struct outlet *o)
{
    (void)stream_anew(&o->stream, false);
    link_close(&o->endpoints.first);
}
