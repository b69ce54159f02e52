/* sink/outlet.c - the sink's list of endpoints as one that is up or down
 *
 * One line in the log per endpoint when it goes down, with the reason, one when it works again, and
 * none for the attempts in between. Never gives up and never fails: what goes wrong is always the
 * endpoint's.
 */
#include "sink/outlet.h"

#include <errno.h>
#include <poll.h>

#include "base/clock.h"
#include "base/log.h"

static const int64_t PACE_LEAST = NS_PER_MS, PACE_MOST = 100 * NS_PER_MS;

static void settle(struct outlet *o);

void outlet_init(struct outlet *o, struct loop *l, const struct strings *to)
{
    *o = (struct outlet){
        .loop = l,
        .to = to,
        .throttle = {.base = 100 * NS_PER_MS, .cap = 30 * NS_PER_S},
    };
    loop_fd_init(&o->watch);
    if (transport_init(&o->t, to->v[0]) < 0)
        panic("the configuration has let \"%s\" pass", to->v[0]);
}

bool outlet_up(const struct outlet *o)
{
    return o->t.state == TRANSPORT_UP;
}

static void on_event(void *arg, uint32_t events)
{
    struct outlet *o = arg;
    short revents = (short)((events & LOOP_IN ? POLLIN : 0) | (events & LOOP_OUT ? POLLOUT : 0) |
                            (events & LOOP_HUP ? POLLHUP : 0));

    o->t.kind->ready(&o->t, revents);
    settle(o);
}

/* The endpoint after this one; after the last, a pause. */
static void next_endpoint(struct outlet *o)
{
    unsigned failures = o->t.failures;

    o->at = (o->at + 1) % o->to->n;
    if (transport_init(&o->t, o->to->v[o->at]) < 0)
        panic("the configuration has let \"%s\" pass", o->to->v[o->at]);
    o->t.failures = failures; /* only its rest by the number of addresses matters */
    o->retry_ns = clock_mono();
    if (++o->tried >= o->to->n) {
        o->tried = 0;
        o->retry_ns += throttle_next(&o->throttle, random_u64());
    }
}

static void went_down(struct outlet *o)
{
    if (o->told < o->to->n)
        log_warn("%s: %s; trying again, metrics wait in the spool", o->t.uri, o->t.why);
    o->told++;
    loop_fd_del(o->loop, &o->watch);
    o->t.kind->close(&o->t);
    next_endpoint(o);
}

static uint32_t wanted(const struct outlet *o)
{
    return ((o->t.events & POLLIN) != 0 ? (uint32_t)LOOP_IN : 0) |
           ((o->t.events & POLLOUT) != 0 ? (uint32_t)LOOP_OUT : 0);
}

/* After every call into the transport: the loop learns what it waits for now, or that it is
 * gone. */
static void settle(struct outlet *o)
{
    if (o->t.state == TRANSPORT_DOWN) {
        o->losses++;
        went_down(o);
    } else if (o->watch.fd >= 0) {
        loop_fd_mod(o->loop, &o->watch, wanted(o));
    }
}

static void try_open(struct outlet *o)
{
    if (o->t.kind->open(&o->t) < 0) {
        went_down(o);
        return;
    }
    o->works = false;
    o->acked = 0;
    o->pace_ns = PACE_LEAST;
    if (loop_fd_add(o->loop, &o->watch, o->t.fd, wanted(o), on_event, o) < 0 && errno != EPERM) {
        (void)transport_fail(&o->t, "cannot be watched: error %d", errno);
        settle(o);
    }
}

static void progressed(struct outlet *o)
{
    o->acked = o->t.acked;
    o->pace_ns = PACE_LEAST;
    if (o->works)
        return;
    o->works = true;
    o->tried = 0;
    throttle_ok(&o->throttle);
    if (o->told > 0 || !o->announced)
        log_info("delivers to %s", o->t.uri);
    o->announced = true;
    o->told = 0;
}

static void look(struct outlet *o)
{
    o->t.kind->update(&o->t);
    if (o->t.acked > o->acked)
        progressed(o);
    else if (o->pace_ns < PACE_MOST)
        o->pace_ns *= 2;
    settle(o);
}

void outlet_turn(struct outlet *o, int64_t now)
{
    if (o->t.state != TRANSPORT_DOWN)
        look(o);
    else if (now >= o->retry_ns)
        try_open(o);
}

size_t outlet_write(struct outlet *o, const void *p, size_t n)
{
    ssize_t done = o->t.kind->write(&o->t, p, n);

    if (done > 0)
        o->pace_ns = PACE_LEAST;
    settle(o);
    return done > 0 ? (size_t)done : 0;
}

int64_t outlet_due(const struct outlet *o, int64_t now)
{
    if (o->t.state == TRANSPORT_DOWN)
        return now >= o->retry_ns ? 0 : o->retry_ns - now;
    if (o->t.state == TRANSPORT_OPENING)
        return NS_PER_S;
    return o->acked < o->t.written ? o->pace_ns : -1;
}

void outlet_free(struct outlet *o)
{
    loop_fd_del(o->loop, &o->watch);
    o->t.kind->close(&o->t);
}
