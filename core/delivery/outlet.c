/* delivery/outlet.c - the sink's list of endpoints as one stream: opening, failing, trying again
 *
 * One line in the log per endpoint when it goes down, with the reason, one when it works again, and
 * none for the attempts in between. Never gives up and never fails: what goes wrong is always the
 * endpoint's. Confirmation is in delivery/rotate.c.
 */
#include "delivery/outlet.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "base/throttle.h"
#include "delivery/rotate.h"

static const int64_t PACE_LEAST = NS_PER_MS, PACE_MOST = 100 * NS_PER_MS;
static const int64_t SAID_EVERY = 60 * NS_PER_S;
static const int64_t STALLED = STALLED_S * NS_PER_S;
/* After a refusal: sooner, the next one might go unsaid, for a host may say so but once a second;
 * later is for nothing, since to try takes one datagram. */
static const int64_t REFUSED_LEAST = 1250 * NS_PER_MS, REFUSED_MOST = 3 * NS_PER_S;

void link_init(struct link *k, struct outlet *o, size_t at)
{
    *k = (struct link){.outlet = o, .at = at};
    loop_fd_init(&k->watch);
    if (transport_init(&k->t, o->to->v[at]) < 0)
        panic("the configuration has let \"%s\" pass", o->to->v[at]);
}

void link_close(struct link *k)
{
    loop_fd_del(k->outlet->loop, &k->watch);
    k->t.kind->close(&k->t);
}

size_t outlet_batch_size(const struct conf_sink *sink)
{
    size_t least = (size_t)sink->batch_size;

    for (size_t i = 0; i < sink->to.n; i++) {
        size_t packet = transport_packet(sink->to.v[i]);

        if (packet > 0 && sink->max_packet > 0)
            packet = (size_t)sink->max_packet;
        if (packet > 0 && packet < least)
            least = packet;
    }
    return least;
}

bool outlet_datagrams(const struct conf_sink *sink)
{
    for (size_t i = 0; i < sink->to.n; i++) {
        if (transport_packet(sink->to.v[i]) > 0)
            return true;
    }
    return false;
}

void outlet_init(struct outlet *o, struct loop *l, const struct conf_sink *sink, bool repeatable)
{
    *o = (struct outlet){
        .loop = l,
        .to = &sink->to,
        .confirm = sink->confirm,
        .repeatable = repeatable,
        .old = {.fd = -1},
        .throttle = {.base = NS_PER_S, .cap = 30 * NS_PER_S},
        .anomalies = FIRST_HALVINGS,
    };
    loop_fd_init(&o->old_watch);
    link_init(&o->cur, o, 0);
    link_init(&o->next, o, 0);
    link_init(&o->first, o, 0);
}

bool outlet_up(const struct outlet *o)
{
    return o->cur.t.state == TRANSPORT_UP;
}

bool outlet_stalled(const struct outlet *o)
{
    return o->stalled || o->late;
}

void outlet_hurry(struct outlet *o)
{
    o->retry_ns = 0;
}

uint64_t outlet_written(const struct outlet *o)
{
    return o->base + o->cur.t.written;
}

/* What shows that the endpoint works. */
static uint64_t arrived(const struct transport *t)
{
    return t->kind->by_silence ? t->confirmed : t->acked;
}

uint64_t outlet_acked(const struct outlet *o)
{
    return o->base + arrived(&o->cur.t);
}

/* ---- losses ---------------------------------------------------------------------------------- */

static void use_endpoint(struct outlet *o, size_t at)
{
    unsigned failures = o->cur.t.failures;

    if (at != o->cur.at)
        o->resets = 0;
    link_init(&o->cur, o, at);
    o->cur.t.failures = failures; /* only its rest by the number of addresses matters */
    o->cur.t.trial = o->told > 0;
    o->retry_ns = clock_mono();
}

/* Each of a fleet has another. */
static int64_t pause_after(struct outlet *o, bool refused)
{
    int64_t ns = throttle_spread(&o->throttle, random_u64());

    return refused ? REFUSED_LEAST + ns % (REFUSED_MOST - REFUSED_LEAST) : ns;
}

/* The endpoint's next address, where this one has refused; then the endpoint after it; after the
 * last, a pause. The next one may be on the host that has refused: it must be able to do so again. */
static void next_endpoint(struct outlet *o)
{
    bool refused = o->cur.t.refused, same = refused && ++o->addresses < o->cur.t.addresses;
    int64_t pause = refused && !o->cur.t.each_time ? REFUSED_LEAST : 0;

    use_endpoint(o, same ? o->cur.at : (o->cur.at + 1) % o->to->n);
    if (!same) {
        o->addresses = 0;
        o->tried++;
    }
    if (o->tried >= o->to->n) {
        o->tried = 0;
        pause = pause_after(o, refused);
    }
    o->retry_ns += pause;
}

/* What a connection that was up is lost by, again and again (a proxy that closes idle ones, say), is
 * told once, and then as a number, once a minute: true when it was just counted. */
static bool said_before(struct outlet *o, const char *why)
{
    struct outlet_said *s = &o->said;
    int64_t now = clock_mono();

    if (s->at != 0 && strncmp(s->why, why, sizeof s->why - 1) == 0 &&
        (now - s->at < SAID_EVERY || s->more > 0)) {
        s->more++;
        return true;
    }
    (void)snprintf(s->why, sizeof s->why, "%s", why);
    s->at = now;
    s->more = 0;
    return false;
}

static void tell_said(struct outlet *o, int64_t now)
{
    struct outlet_said *s = &o->said;

    if (s->more == 0 || now - s->at < SAID_EVERY)
        return;
    log_warn("%s: %s (%" PRIu64 " times more in the last minute)", o->cur.t.uri, s->why, s->more);
    s->at = now;
    s->more = 0;
}

/* Of its addresses the first is told. */
static void went_down(struct outlet *o, const char *why)
{
    bool quiet = o->cur.was_up && o->to->n == 1 && said_before(o, why);

    if (!quiet && o->addresses == 0 && o->told++ < o->to->n)
        log_warn("%s: %s; trying again, metrics wait in the spool", o->cur.t.uri, why);
    link_close(&o->cur);
}

/* What is not settled is lost: the stream begins anew. */
static void begin_anew(struct outlet *o, uint64_t kept, uint64_t sure, bool doubtful)
{
    o->losses++;
    o->kept = kept;
    o->sure = sure;
    o->doubtful = doubtful;
    o->base = o->confirmed = 0;
    o->since_ns = 0;
    o->stalled = o->late = false;
}

/* What a peer had confirmed is in doubt even where nothing was under way: a carbon-cache that is
 * killed ends its idle connections as if all were well, and keeps nothing of its cache. */
static void lose(struct outlet *o, const char *why)
{
    uint64_t kept = outlet_settled(o), sure = o->cur.t.refused ? outlet_sure(o) : kept;
    bool stream = o->cur.t.kind->by_closing;

    if (stream && outlet_written(o) > o->confirmed && o->anomalies < MOST_HALVINGS)
        o->anomalies++;
    if (o->went_back && !o->works)
        o->returns++;
    o->went_back = false;
    o->certain = o->cur.t.refused && o->cur.t.trial;
    rotate_abandon(o);
    went_down(o, why);
    begin_anew(o, kept, sure, stream && o->cur.was_up);
}

void outlet_lose(struct outlet *o, const char *why)
{
    lose(o, why);
    next_endpoint(o);
}

/* The endpoint is up, only what was sent to it is in doubt. */
void outlet_doubt(struct outlet *o, const char *why)
{
    lose(o, why);
    use_endpoint(o, o->cur.at);
}

/* A connection to the first endpoint has held for long enough: back to it. What is not settled is
 * sent again there. */
void outlet_go_back(struct outlet *o)
{
    uint64_t kept = outlet_settled(o);

    if (o->first.t.kind->by_silence)
        log_info("%s is the first in the list: going back to it, on trial", o->first.t.uri);
    else
        log_info("%s has been up for a minute: going back to it", o->first.t.uri);
    rotate_drop(o);
    link_close(&o->cur);
    link_move(&o->cur, &o->first);
    begin_anew(o, kept, kept, false);
    o->certain = false;
    o->cur.t.trial = o->went_back = true;
    o->resets = 0;
    o->works = false;
    o->acked = 0;
    link_settle(&o->cur);
}

/* ---- the connection that is written on ------------------------------------------------------- */

static uint32_t wanted(const struct transport *t)
{
    return ((t->events & POLLIN) != 0 ? (uint32_t)LOOP_IN : 0) |
           ((t->events & POLLOUT) != 0 ? (uint32_t)LOOP_OUT : 0);
}

/* After every call into a transport: the loop learns what it waits for now, or that it is gone. */
void link_settle(struct link *k)
{
    k->was_up |= k->t.state == TRANSPORT_UP;
    if (k->t.state == TRANSPORT_DOWN && k == &k->outlet->cur)
        outlet_lose(k->outlet, k->t.why);
    else if (k->t.state == TRANSPORT_DOWN)
        rotate_failed(k);
    else if (k->watch.fd >= 0)
        loop_fd_mod(k->outlet->loop, &k->watch, wanted(&k->t));
}

static void on_event(void *arg, uint32_t events)
{
    struct link *k = arg;
    short revents = (short)((events & LOOP_IN ? POLLIN : 0) | (events & LOOP_OUT ? POLLOUT : 0) |
                            (events & LOOP_HUP ? POLLHUP : 0));

    k->t.kind->ready(&k->t, revents);
    link_settle(k);
}

/* 0, or -1 and t.why. A regular file cannot be watched, nor need it be. */
int link_watch(struct link *k)
{
    if (loop_fd_add(k->outlet->loop, &k->watch, k->t.fd, wanted(&k->t), on_event, k) == 0 ||
        errno == EPERM)
        return 0;
    return transport_fail(&k->t, "cannot be watched: error %d", errno);
}

int link_open(struct link *k)
{
    return k->t.kind->open(&k->t) < 0 ? -1 : link_watch(k);
}

/* `from` becomes `to`, which is closed, and is itself as new. The watch has a struct link's address,
 * so it is made anew too; where it cannot, `to` is DOWN and not yet settled. */
void link_move(struct link *to, struct link *from)
{
    loop_fd_del(from->outlet->loop, &from->watch);
    *to = *from;
    loop_fd_init(&to->watch);
    transport_moved(&to->t, &from->t);
    link_init(from, from->outlet, from->at);
    (void)link_watch(to);
}

static void try_open(struct outlet *o)
{
    if (link_open(&o->cur) < 0) {
        went_down(o, o->cur.t.why);
        next_endpoint(o);
        return;
    }
    o->works = false;
    o->acked = 0;
    o->pace_ns = PACE_LEAST;
}

static void progressed(struct outlet *o)
{
    o->acked = arrived(&o->cur.t);
    o->pace_ns = PACE_LEAST;
    if (o->stalled)
        log_info("%s takes metrics again", o->cur.t.uri);
    o->stalled = false;
    if (o->works)
        return;
    o->works = true;
    o->tried = o->addresses = 0;
    if (o->cur.at == 0)
        o->returns = 0;
    o->went_back = false;
    throttle_ok(&o->throttle);
    if (o->told > 0 || !o->announced)
        log_info("delivers to %s", o->cur.t.uri);
    o->announced = true;
    o->told = 0;
}

/* It takes bytes, and nothing happens to them: the peer does not read. */
static void check_stalled(struct outlet *o, int64_t now)
{
    const struct transport *t = &o->cur.t;

    if (o->stalled || t->stuck_ns == 0 || now - t->stuck_ns < STALLED)
        return;
    o->stalled = true;
    if (o->to->n > 1)
        outlet_lose(o, "is stalled: it reads nothing");
    else
        log_warn("%s is stalled: it reads nothing; waiting for it", t->uri);
}

static void look(struct outlet *o, int64_t now)
{
    o->cur.t.kind->update(&o->cur.t);
    if (arrived(&o->cur.t) > o->acked)
        progressed(o);
    else if (o->pace_ns < PACE_MOST)
        o->pace_ns *= 2;
    link_settle(&o->cur);
    if (o->cur.t.state == TRANSPORT_UP)
        check_stalled(o, now);
}

void outlet_turn(struct outlet *o, int64_t now)
{
    tell_said(o, now);
    if (o->cur.t.state == TRANSPORT_DOWN) {
        if (now >= o->retry_ns)
            try_open(o);
        return;
    }
    look(o, now);
    if (outlet_up(o))
        rotate_turn(o, now);
}

size_t outlet_write(struct outlet *o, const void *p, size_t n)
{
    ssize_t done;

    if (o->ordered && o->old.fd >= 0)
        return 0;
    done = o->cur.t.kind->write(&o->cur.t, p, n);

    if (done > 0) {
        o->pace_ns = PACE_LEAST;
        if (o->since_ns == 0)
            o->since_ns = clock_mono();
    }
    link_settle(&o->cur);
    return done > 0 ? (size_t)done : 0;
}

static int64_t sooner(int64_t a, int64_t b)
{
    return a < 0 || (b >= 0 && b < a) ? b : a;
}

int64_t outlet_due(const struct outlet *o, int64_t now)
{
    int64_t ns;

    if (o->cur.t.state == TRANSPORT_DOWN)
        return now >= o->retry_ns ? 0 : o->retry_ns - now;
    if (o->cur.t.state == TRANSPORT_OPENING)
        return NS_PER_S;
    if (o->cur.t.kind->by_silence)
        ns = o->cur.t.due_ns == 0 ? -1 : o->cur.t.due_ns > now ? o->cur.t.due_ns - now : 0;
    else
        ns = o->acked < o->cur.t.written ? o->pace_ns : -1;
    return sooner(ns, rotate_due(o, now));
}

void outlet_free(struct outlet *o)
{
    rotate_abandon(o);
    link_close(&o->cur);
}
