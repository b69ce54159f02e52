/* delivery/confirm.c - how much of the stream has arrived
 *
 * At most three connections to an endpoint at a time: the one written on, its successor while it
 * is being opened, its predecessor while it is being confirmed. The successor is the canary.
 * There is no next rotation before the last one has ended: a slow reader holds confirmation
 * back, not delivery. Events only end the loop's turn, or change the successor's link: all is judged
 * in confirm_turn().
 */
#include "delivery/confirm.h"

#include "base/clock.h"
#include "base/log.h"
#include "delivery/socket.h"

enum {
    MOST_HALVINGS = 20, /* of `bytes` and `every` */
    FIRST_HALVINGS = 6, /* of a new worker: nothing is known of the peer yet */
    RESETS_BY_HABIT = 3,
    NEXT_REPORTED = 5, /* attempts at a successor that failed */
    STALLED_S = 20,
    SLOWEST = 400, /* bytes a second, beside another connection: less is not reading */
    UNKNOWN_S = 600,
};
static const int64_t NEXT_RETRY = 2 * NS_PER_S;
static const int64_t OLD_LOOK = NS_PER_S; /* behind the events */
static const int64_t SOONEST = NS_PER_S;  /* however much `every` is halved */

void confirm_init(struct confirm *c, struct loop *l, const struct conf_sink *sink, bool repeatable)
{
    *c = (struct confirm){
        .loop = l,
        .conf = sink->confirm,
        .repeatable = repeatable,
        .alternatives = sink->to.n > 1,
        .old = {.fd = -1},
        .endpoint = 1,
        .anomalies = FIRST_HALVINGS,
    };
    loop_fd_init(&c->old_watch);
    link_init(&c->next, l, sink->to.v[0]);
}

void confirm_use(struct confirm *c, size_t endpoint)
{
    uint64_t bit = UINT64_C(1) << (endpoint < 63 ? endpoint : 63);

    if (bit != c->endpoint)
        c->resets = 0;
    c->endpoint = bit;
}

void confirm_wrote(struct confirm *c)
{
    if (c->since_ns == 0)
        c->since_ns = clock_mono();
}

void confirm_finish(struct confirm *c, bool finish)
{
    c->finish = finish;
}

bool confirm_waits(const struct confirm *c)
{
    return c->old.fd >= 0;
}

/* --- offsets --- */

static bool is_mute(const struct confirm *c)
{
    return (c->mute & c->endpoint) != 0;
}

uint64_t confirm_written(const struct confirm *c, const struct link *cur)
{
    return c->base + cur->t.written;
}

uint64_t confirm_settled(const struct confirm *c, const struct link *cur)
{
    const struct transport *t = &cur->t;
    int queued;

    if (!t->kind->by_closing)
        return c->base + (c->repeatable ? t->confirmed : t->acked);
    if (c->repeatable && !is_mute(c))
        return c->confirmed;
    if (c->old.fd < 0 || (queued = socket_queued(c->old.fd)) == 0)
        return c->base + t->acked;
    if (queued < 0)
        return c->base;
    return (uint64_t)queued < c->base ? c->base - (uint64_t)queued : 0;
}

uint64_t confirm_sure(const struct confirm *c, const struct link *cur)
{
    return cur->t.kind->by_silence ? c->base + cur->t.confirmed : confirm_settled(c, cur);
}

/* --- the predecessor --- */

static void close_old(struct confirm *c)
{
    loop_fd_del(c->loop, &c->old_watch);
    halfclose_close(&c->old);
}

static void clean_end(struct confirm *c, const struct link *cur)
{
    close_old(c);
    c->confirmed = c->base;
    c->resets = 0;
    if (c->anomalies > 0)
        c->anomalies--;
    if (is_mute(c) || c->late)
        log_info("%s has closed after all: what it reads is confirmed again", cur->t.uri);
    c->late = false;
    c->closers |= c->endpoint;
    c->mute &= ~c->endpoint;
}

static void no_confirmation(struct confirm *c, const struct link *cur, const char *habit)
{
    c->mute |= c->endpoint;
    log_warn("%s %s when its connection is half-closed, so it cannot be known what it has read: "
             "what its kernel has acknowledged counts",
             cur->t.uri, habit);
}

/* How long a slow reader may take to reach the end of the predecessor. */
static int64_t patience_s(const struct confirm *c)
{
    return STALLED_S + (int64_t)((c->base - c->confirmed) / SLOWEST);
}

/* Nothing on it is missing, the next connection gets on, and still it does not close. A slow reader
 * looks like that, too, and what it has not read dies with it: so it gets its time, within a bound. */
static bool never_closes(const struct confirm *c, const struct link *cur, int64_t waited)
{
    int64_t s = patience_s(c);

    return waited > 3 * c->conf.every && waited > (s < UNKNOWN_S ? s : UNKNOWN_S) * NS_PER_S &&
           socket_queued(c->old.fd) == 0 && cur->t.stuck_ns == 0;
}

/* It does not end. One that has closed before is slow, or reads nothing, however much its kernel takes:
 * nothing is confirmed until it does. For one that never has, it is a habit; the connection is kept,
 * since it may end well after all. */
static bool is_stalled(struct confirm *c, const struct link *cur, int64_t now)
{
    int64_t waited = now - c->old.began_ns;

    if ((c->closers & c->endpoint) == 0) {
        if (!is_mute(c) && never_closes(c, cur, waited))
            no_confirmation(c, cur, "does not close");
        return false;
    }
    if (c->late || waited <= patience_s(c) * NS_PER_S)
        return false;
    if (c->alternatives)
        return true;
    c->late = true;
    log_warn("%s is stalled: it has stopped reading; nothing is confirmed meanwhile", cur->t.uri);
    return false;
}

/* Its end is an event that stays: from then on the clock alone drives. */
static enum confirm_verdict look_at_old(struct confirm *c, const struct link *cur, int64_t now,
                                        const char **why)
{
    enum halfclose_result result = halfclose_look(&c->old, cur->t.fd, now);

    if (c->old.ended_ns != 0)
        loop_fd_del(c->loop, &c->old_watch);
    *why = c->old.why.text;
    switch (result) {
    case HALFCLOSE_CLEAN:
        clean_end(c, cur);
        break;
    case HALFCLOSE_ANOMALY:
        if (c->old.reset)
            return CONFIRM_DOUBT;
        c->resets = 0;
        return CONFIRM_LOST;
    case HALFCLOSE_WAIT:
        *why = "is stalled: it has stopped reading";
        if (c->old.ended_ns == 0 && is_stalled(c, cur, now))
            return CONFIRM_LOST;
        break;
    }
    return CONFIRM_GOES_ON;
}

static void on_old_event(void *arg, uint32_t events)
{
    (void)arg; /* it is looked at in the turn that follows */
    (void)events;
}

/* --- rotation --- */

static bool confirms(const struct confirm *c, const struct link *cur)
{
    return cur->t.kind->by_closing && c->repeatable && !is_mute(c);
}

/* Half as long, and half as many bytes, after each anomaly in a row, so that a slow reader that keeps
 * failing is asked ever sooner, and endless replay comes to an end. */
static int64_t rotate_after(const struct confirm *c)
{
    int64_t ns = c->conf.every >> c->anomalies;
    int64_t least = c->conf.every < SOONEST ? c->conf.every : SOONEST;

    return ns > least ? ns : least;
}

static bool rotation_due(const struct confirm *c, const struct link *cur, int64_t now)
{
    uint64_t open = confirm_written(c, cur) - c->confirmed;
    uint64_t enough = (uint64_t)c->conf.bytes >> c->anomalies;

    return confirms(c, cur) && c->old.fd < 0 && cur->t.written > 0 && open > 0 &&
           (c->finish || open >= enough || now - c->since_ns >= rotate_after(c));
}

/* A receiver that takes one connection at a time never confirms: somebody must know. */
static void successor_failed(struct confirm *c)
{
    link_close(&c->next);
    c->next_ns = clock_mono() + NEXT_RETRY;
    if (++c->next_failed == NEXT_REPORTED)
        log_warn("%s takes no second connection: %s; nothing is confirmed until it does",
                 c->next.t.uri, c->next.t.why.text);
}

/* True when there is one that can be written on. Its events do the rest: an update is for the deadline. */
static bool successor_ready(struct confirm *c, const char *uri, int64_t now)
{
    if (link_is_open(&c->next)) {
        if (!link_up(&c->next))
            (void)link_update(&c->next);
    } else if (now >= c->next_ns) {
        link_init(&c->next, c->loop, uri);
        if (link_open(&c->next) < 0)
            successor_failed(c);
    }
    if (c->next.fell)
        successor_failed(c);
    return link_up(&c->next);
}

/* The connection that was written on becomes the old one, and its successor takes its place. */
static enum confirm_verdict switch_over(struct confirm *c, struct link *cur, int64_t now,
                                        const char **why)
{
    uint64_t written = cur->t.written;
    int fd = link_release(cur);

    if (!halfclose_begin(&c->old, fd, now)) {
        *why = c->old.why.text;
        return CONFIRM_LOST;
    }
    if (loop_fd_add(c->loop, &c->old_watch, fd, LOOP_IN, on_old_event, c) < 0)
        loop_fd_init(&c->old_watch); /* looked at by the clock alone */
    link_move(cur, &c->next, false);
    c->next_failed = 0;
    c->base += written;
    c->since_ns = 0;
    return CONFIRM_GOES_ON;
}

enum confirm_verdict confirm_turn(struct confirm *c, struct link *cur, bool mid, int64_t now,
                                  const char **why)
{
    enum confirm_verdict verdict = CONFIRM_GOES_ON;

    if (c->old.fd >= 0)
        verdict = look_at_old(c, cur, now, why);
    if (c->next.fell)
        successor_failed(c);
    if (verdict == CONFIRM_GOES_ON && rotation_due(c, cur, now) &&
        successor_ready(c, cur->t.uri, now) && !mid)
        verdict = switch_over(c, cur, now, why);
    return verdict;
}

static int64_t until(int64_t at, int64_t now)
{
    return at > now ? at - now : 0;
}

int64_t confirm_due(const struct confirm *c, const struct link *cur, int64_t now)
{
    if (c->old.fd >= 0) {
        int64_t due = halfclose_due(&c->old, now);

        return due >= 0 && due < OLD_LOOK ? due : is_mute(c) ? due : OLD_LOOK;
    }
    if (c->next.fell)
        return 0;
    if (!confirms(c, cur) || cur->t.written == 0)
        return -1;
    if (!rotation_due(c, cur, now))
        return until(c->since_ns + rotate_after(c), now);
    return link_is_open(&c->next) ? OLD_LOOK : until(c->next_ns, now); /* its event comes first */
}

void confirm_failed(struct confirm *c, const struct link *cur)
{
    if (cur->t.kind->by_closing && confirm_written(c, cur) > c->confirmed &&
        c->anomalies < MOST_HALVINGS)
        c->anomalies++;
    if (c->old.fd >= 0 && c->old.reset && ++c->resets >= RESETS_BY_HABIT && !is_mute(c))
        no_confirmation(c, cur, "resets");
}

void confirm_anew(struct confirm *c)
{
    close_old(c);
    link_close(&c->next);
    c->base = c->confirmed = 0;
    c->since_ns = 0;
    c->late = false;
}
