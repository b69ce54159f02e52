/* delivery/outlet.c - a sink's endpoints as one stream of bytes
 *
 * Whatever goes wrong with the connection is looked at in one place, the turn, and there ends in at most
 * one loss.
 */
#include "delivery/outlet.h"

#include "base/clock.h"
#include "base/log.h"

static const int64_t PACE_LEAST = NS_PER_MS, PACE_MOST = 100 * NS_PER_MS;
static const int64_t STALLED = 20 * NS_PER_S;

void outlet_init(struct outlet *o, struct loop *l, const struct conf_sink *sink, bool repeatable,
                 bool ordered)
{
    *o = (struct outlet){.ordered = ordered};
    endpoints_init(&o->endpoints, l, &sink->to);
    confirm_init(&o->confirm, l, sink, repeatable);
    link_init(&o->cur, l, endpoints_uri(&o->endpoints));
}

bool outlet_up(const struct outlet *o)
{
    return link_up(&o->cur);
}

bool outlet_stalled(const struct outlet *o)
{
    return o->stalled || o->confirm.late;
}

void outlet_hurry(struct outlet *o)
{
    endpoints_hurry(&o->endpoints);
}

void outlet_finish(struct outlet *o, bool finish)
{
    confirm_finish(&o->confirm, finish);
}

uint64_t outlet_written(const struct outlet *o)
{
    return confirm_written(&o->confirm, &o->cur);
}

uint64_t outlet_acked(const struct outlet *o)
{
    return o->confirm.base + link_arrived(&o->cur);
}

uint64_t outlet_settled(const struct outlet *o)
{
    return confirm_settled(&o->confirm, &o->cur);
}

uint64_t outlet_sure(const struct outlet *o)
{
    return confirm_sure(&o->confirm, &o->cur);
}

/* --- the connection that is written on --- */

static void choose_again(struct outlet *o)
{
    confirm_use(&o->confirm, o->endpoints.at);
    link_again(&o->cur, endpoints_uri(&o->endpoints), endpoints_on_trial(&o->endpoints));
}

static void try_open(struct outlet *o)
{
    if (link_open(&o->cur) == 0) {
        endpoints_opened(&o->endpoints);
        o->pace_ns = PACE_LEAST;
        return;
    }
    endpoints_failed(&o->endpoints, &o->cur, o->cur.t.why.text, false);
    choose_again(o);
}

/* What has arrived; and whether it takes bytes while nothing happens to them: the peer does not read. */
static void look_at_cur(struct outlet *o, int64_t now)
{
    const struct transport *t = &o->cur.t;

    if (link_update(&o->cur)) {
        o->pace_ns = PACE_LEAST;
        if (o->stalled)
            log_info("%s takes metrics again", t->uri);
        o->stalled = false;
        endpoints_arrived(&o->endpoints, t->uri);
    } else if (o->pace_ns < PACE_MOST) {
        o->pace_ns *= 2;
    }
    if (!outlet_up(o) || o->stalled || t->stuck_ns == 0 || now - t->stuck_ns < STALLED)
        return;
    o->stalled = true;
    if (o->endpoints.to->n == 1)
        log_warn("%s is stalled: it reads nothing; waiting for it", t->uri);
}

void outlet_look(struct outlet *o)
{
    (void)link_update(&o->cur);
}

size_t outlet_write(struct outlet *o, const void *p, size_t n)
{
    size_t done;

    if (!outlet_up(o) || (o->ordered && confirm_waits(&o->confirm)))
        return 0;
    if ((done = link_write(&o->cur, p, n)) == 0)
        return 0;
    o->mid = done < n;
    o->pace_ns = PACE_LEAST;
    confirm_wrote(&o->confirm);
    return done;
}

/* --- losses --- */

static void begin_anew(struct outlet *o)
{
    confirm_anew(&o->confirm);
    link_close(&o->cur);
    o->mid = o->stalled = false;
}

/* What a peer had confirmed is in doubt even where nothing was under way: a carbon-cache that is
 * killed ends its idle connections as if all were well, and keeps nothing of its cache. */
static bool lose_stream(struct outlet *o, const char *why, bool same, struct outlet_loss *loss)
{
    const struct transport *t = &o->cur.t;

    loss->kept = outlet_settled(o);
    loss->sure = t->refused ? outlet_sure(o) : loss->kept;
    loss->certain = t->refused && t->trial;
    loss->doubtful = t->kind->by_closing && o->cur.was_up;
    endpoints_failed(&o->endpoints, &o->cur, why, same);
    confirm_failed(&o->confirm, &o->cur);
    begin_anew(o);
    choose_again(o);
    return true;
}

/* A connection to the first endpoint has held for long enough. What is not settled is sent again there;
 * what must not be repeated has to be through before. */
static bool go_back(struct outlet *o, struct outlet_loss *loss)
{
    const struct transport *t = &o->cur.t;

    if (o->mid || (!o->confirm.repeatable && t->acked != t->written))
        return false;
    *loss = (struct outlet_loss){.kept = outlet_settled(o)};
    loss->sure = loss->kept;
    begin_anew(o);
    endpoints_take_first(&o->endpoints, &o->cur);
    confirm_use(&o->confirm, 0);
    return true;
}

bool outlet_turn(struct outlet *o, int64_t now, struct outlet_loss *loss)
{
    const char *why = o->cur.t.why.text;
    enum confirm_verdict verdict;

    endpoints_report(&o->endpoints, now);
    if (!link_is_open(&o->cur)) {
        if (endpoints_due(&o->endpoints, now) == 0)
            try_open(o);
        return false;
    }
    if (!o->cur.fell)
        look_at_cur(o, now);
    if (o->cur.fell)
        return lose_stream(o, why, false, loss);
    if (o->stalled && o->endpoints.to->n > 1)
        return lose_stream(o, "is stalled: it reads nothing", false, loss);
    if (!outlet_up(o))
        return false;
    verdict = confirm_turn(&o->confirm, &o->cur, o->mid, now, &why);
    if (verdict != CONFIRM_GOES_ON)
        return lose_stream(o, why, verdict == CONFIRM_DOUBT, loss);
    return outlet_up(o) && endpoints_try_first(&o->endpoints, now) && go_back(o, loss);
}

int64_t outlet_due(const struct outlet *o, int64_t now)
{
    const struct transport *t = &o->cur.t;
    int64_t ns = -1, due;

    if (o->cur.fell)
        return 0;
    if (!link_is_open(&o->cur))
        return endpoints_due(&o->endpoints, now);
    if (!outlet_up(o))
        return NS_PER_S;
    if (t->kind->by_silence && t->due_ns != 0)
        ns = t->due_ns > now ? t->due_ns - now : 0;
    else if (!t->kind->by_silence && o->cur.seen < t->written)
        ns = o->pace_ns;
    due = confirm_due(&o->confirm, &o->cur, now);
    if (due >= 0 && (ns < 0 || due < ns))
        ns = due;
    if (o->endpoints.at > 0 && (ns < 0 || ns > NS_PER_S)) /* for the first */
        ns = NS_PER_S;
    return ns;
}

void outlet_free(struct outlet *o)
{
    endpoints_close(&o->endpoints);
    confirm_anew(&o->confirm);
    link_close(&o->cur);
}
