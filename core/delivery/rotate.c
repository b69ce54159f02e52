/* delivery/rotate.c - confirmation by rotation
 *
 * At most three connections to an endpoint at a time: the one written on, its successor while it
 * is being opened, its predecessor while it is being confirmed. The successor is the canary.
 * There is no next rotation before the last one has ended: a slow reader holds confirmation
 * back, not delivery.
 */
#include "delivery/rotate.h"

#include "base/clock.h"
#include "base/log.h"

enum { RESETS_BY_HABIT = 3, NEXT_TOLD = 5 };
static const int64_t NEXT_RETRY = 2 * NS_PER_S, FIRST_RETRY = 10 * NS_PER_S;
static const int64_t PROBATION = 60 * NS_PER_S; /* of the first endpoint, before it is taken back */
enum { MOST_DOUBLINGS = 6 /* of that: an hour */ };
static const int64_t LOOK_EVERY = NS_PER_S; /* behind the events */
static const int64_t SOONEST = NS_PER_S;    /* however much `every` is halved */
static const uint64_t SLOWEST = 400; /* bytes a second, beside another one: less is not reading */

/* Endpoints from the 64th on share a bit. */
static uint64_t bit(const struct outlet *o)
{
    return UINT64_C(1) << (o->cur.at < 63 ? o->cur.at : 63);
}

static bool is_mute(const struct outlet *o)
{
    return (o->mute & bit(o)) != 0;
}

uint64_t outlet_settled(const struct outlet *o)
{
    const struct transport *t = &o->cur.t;
    uint64_t queued;

    if (!t->kind->by_closing)
        return o->base + (o->repeatable ? t->confirmed : t->acked);
    if (o->repeatable && !is_mute(o))
        return o->confirmed;
    if (o->old.fd < 0 || confirm_acknowledged(&o->old))
        return o->base + t->acked;
    queued = confirm_queued(&o->old);
    return queued < o->base ? o->base - queued : 0;
}

uint64_t outlet_sure(const struct outlet *o)
{
    return o->cur.t.kind->by_silence ? o->base + o->cur.t.confirmed : outlet_settled(o);
}

static bool confirms(const struct outlet *o)
{
    return o->cur.t.kind->by_closing && o->repeatable && !is_mute(o);
}

/* Half as much after each anomaly in a row, so that a slow reader that keeps failing is asked ever
 * sooner, and endless replay comes to an end. */
static uint64_t enough(const struct outlet *o)
{
    uint64_t bytes = (uint64_t)o->confirm.bytes >> o->anomalies;

    return bytes > 0 ? bytes : 1;
}

static int64_t rotate_after(const struct outlet *o)
{
    int64_t ns = o->confirm.every >> o->anomalies;
    int64_t least = o->confirm.every < SOONEST ? o->confirm.every : SOONEST;

    return ns > least ? ns : least;
}

static bool rotation_due(const struct outlet *o, int64_t now)
{
    uint64_t open = outlet_written(o) - o->confirmed;

    return confirms(o) && o->old.fd < 0 && o->cur.t.written > 0 && open > 0 &&
           (o->finish || open >= enough(o) || now - o->since_ns >= rotate_after(o));
}

/* ---- the predecessor ------------------------------------------------------------------------- */

static void close_old(struct outlet *o)
{
    loop_fd_del(o->loop, &o->old_watch);
    confirm_close(&o->old);
}

static void clean_end(struct outlet *o)
{
    close_old(o);
    o->confirmed = o->base;
    o->resets = 0;
    if (o->anomalies > 0)
        o->anomalies--;
    if (is_mute(o) || o->late)
        log_info("%s has closed after all: what it reads is confirmed again", o->cur.t.uri);
    o->late = false;
    o->closers |= bit(o);
    o->mute &= ~bit(o);
}

static void no_confirmation(struct outlet *o, const char *habit)
{
    o->mute |= bit(o);
    log_warn("%s %s when its connection is half-closed, so it cannot be known what it has read: "
             "what its kernel has acknowledged counts",
             o->cur.t.uri, habit);
}

static void broken_end(struct outlet *o)
{
    const struct confirm old = o->old;

    if (!old.reset) {
        o->resets = 0;
        outlet_lose(o, old.why);
        return;
    }
    outlet_doubt(o, old.why);
    if (++o->resets >= RESETS_BY_HABIT && !is_mute(o))
        no_confirmation(o, "resets");
}

/* One that has never closed: if it has everything and the next connection gets on, it is its habit;
 * the connection is kept, since it may end well after all. */
static void never_closed(struct outlet *o, int64_t now)
{
    if (now - o->old.began_ns > 3 * o->confirm.every && confirm_acknowledged(&o->old) &&
        o->cur.t.stuck_ns == 0)
        no_confirmation(o, "does not close");
}

/* One that has closed before is slow, or reads nothing, however much its kernel takes: nothing is
 * confirmed until it does. */
static void takes_long(struct outlet *o, int64_t now)
{
    int64_t waited_s = (now - o->old.began_ns) / NS_PER_S - STALLED_S;

    if (o->late || waited_s <= 0 || (uint64_t)waited_s * SLOWEST < o->base - o->confirmed)
        return;
    if (o->to->n > 1) {
        outlet_lose(o, "is stalled: it has stopped reading");
        return;
    }
    o->late = true;
    log_warn("%s is stalled: it has stopped reading; nothing is confirmed meanwhile", o->cur.t.uri);
}

static void wait_for_old(struct outlet *o, int64_t now)
{
    if ((o->closers & bit(o)) != 0)
        takes_long(o, now);
    else if (!is_mute(o))
        never_closed(o, now);
}

/* Its end is an event that stays: from then on the clock alone drives. */
static void look_at_old(struct outlet *o, int64_t now)
{
    enum confirm_result result = confirm_look(&o->old, o->cur.t.fd, now);

    if (o->old.ended_ns != 0)
        loop_fd_del(o->loop, &o->old_watch);
    if (result == CONFIRM_CLEAN)
        clean_end(o);
    else if (result == CONFIRM_ANOMALY)
        broken_end(o);
    else if (o->old.ended_ns == 0)
        wait_for_old(o, now);
}

static void on_old(void *arg, uint32_t events)
{
    struct outlet *o = arg;

    (void)events;
    look_at_old(o, clock_mono());
}

/* ---- the successor, and the first endpoint --------------------------------------------------- */

/* A receiver that takes one connection at a time never confirms: that must be heard of. */
static void next_failed(struct outlet *o)
{
    o->next_ns = clock_mono() + NEXT_RETRY;
    if (++o->next_failed == NEXT_TOLD)
        log_warn("%s takes no second connection: %s; nothing is confirmed until it does",
                 o->next.t.uri, o->next.t.why);
}

void rotate_failed(struct link *k)
{
    struct outlet *o = k->outlet;

    link_close(k);
    if (k == &o->next)
        next_failed(o);
    else
        o->first_try_ns = clock_mono() + FIRST_RETRY;
}

static void open_link(struct link *k, size_t at, int64_t not_before, int64_t now)
{
    if (k->t.fd >= 0 || now < not_before)
        return;
    link_init(k, k->outlet, at);
    if (link_open(k) < 0)
        rotate_failed(k);
}

/* Only the connect's deadline: its events do the rest. */
static void watch_opening(struct link *k)
{
    if (k->t.state != TRANSPORT_OPENING)
        return;
    k->t.kind->update(&k->t);
    link_settle(k);
}

/* The connection that was written on becomes the old one, and its successor takes its place. */
static void switch_over(struct outlet *o, int64_t now)
{
    int old = o->cur.t.fd;
    uint64_t written = o->cur.t.written;

    loop_fd_del(o->loop, &o->cur.watch);
    o->cur.t.fd = -1; /* the confirm's now */
    if (!confirm_begin(&o->old, old, now)) {
        outlet_lose(o, o->old.why);
        return;
    }
    if (loop_fd_add(o->loop, &o->old_watch, old, LOOP_IN, on_old, o) < 0)
        loop_fd_init(&o->old_watch); /* looked at by the clock alone */
    link_move(&o->cur, &o->next);
    o->next_failed = 0;
    o->base += written;
    o->acked = 0;
    o->since_ns = 0;
    link_settle(&o->cur);
}

static void rotate_when_due(struct outlet *o, int64_t now)
{
    if (!rotation_due(o, now))
        return;
    open_link(&o->next, o->cur.at, o->next_ns, now);
    watch_opening(&o->next);
    if (!o->mid && o->next.t.state == TRANSPORT_UP)
        switch_over(o, now);
}

/* What must not be repeated has to be through before the connection is given up. */
static bool may_leave(const struct outlet *o)
{
    return !o->mid && (o->repeatable || o->cur.t.acked == o->cur.t.written);
}

/* One that cannot show that it is there but by taking metrics is tried ever less often. */
static int64_t probation(const struct outlet *o)
{
    return PROBATION << (o->returns < MOST_DOUBLINGS ? o->returns : MOST_DOUBLINGS);
}

/* While a later endpoint is in use, the first is taken back once it has held for a while. */
static void try_first(struct outlet *o, int64_t now)
{
    if (o->cur.at == 0)
        return;
    open_link(&o->first, 0, o->first_try_ns, now);
    watch_opening(&o->first);
    if (o->first.t.state == TRANSPORT_UP && now - o->first.t.opened_ns >= probation(o) &&
        may_leave(o))
        outlet_go_back(o);
}

void rotate_turn(struct outlet *o, int64_t now)
{
    unsigned losses = o->losses;

    if (o->old.fd >= 0)
        look_at_old(o, now);
    if (o->losses == losses)
        rotate_when_due(o, now);
    if (o->losses == losses)
        try_first(o, now);
}

static int64_t sooner(int64_t a, int64_t b)
{
    return a < 0 || (b >= 0 && b < a) ? b : a;
}

static int64_t until(int64_t at, int64_t now)
{
    return at > now ? at - now : 0;
}

static int64_t rotation_due_in(const struct outlet *o, int64_t now)
{
    if (!confirms(o) || o->old.fd >= 0 || o->cur.t.written == 0)
        return -1;
    if (!rotation_due(o, now))
        return until(o->since_ns + rotate_after(o), now);
    return o->next.t.fd >= 0 ? LOOK_EVERY : until(o->next_ns, now); /* its event comes first */
}

int64_t rotate_due(const struct outlet *o, int64_t now)
{
    int64_t due = rotation_due_in(o, now);

    if (o->old.fd >= 0)
        due = sooner(due, sooner(is_mute(o) ? -1 : LOOK_EVERY, confirm_due(&o->old, now)));
    return o->cur.at > 0 ? sooner(due, NS_PER_S) : due;
}

void rotate_drop(struct outlet *o)
{
    close_old(o);
    link_close(&o->next);
}

void rotate_abandon(struct outlet *o)
{
    rotate_drop(o);
    link_close(&o->first);
}
