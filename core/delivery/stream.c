/* delivery/stream.c - bytes to one endpoint, and how much has arrived
 *
 * At most three connections to an endpoint at a time: the one written on, its successor while it
 * is being opened, its predecessor while it is being confirmed. The successor is the canary.
 * There is no next rotation before the last one has ended: a slow reader holds confirmation
 * back, not delivery. Events only end the loop's turn, or change a link: all is judged in
 * stream_turn().
 */
#include "delivery/stream.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"

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
static const int64_t PACE_LEAST = NS_PER_MS, PACE_MOST = 100 * NS_PER_MS;

void stream_init(struct stream *s, struct loop *l, const struct conf_sink *sink, bool repeatable,
                 bool ordered)
{
    *s = (struct stream){
        .loop = l,
        .sink = sink,
        .repeatable = repeatable,
        .ordered = ordered,
        .old = {.fd = -1},
        .endpoint = 1,
        .anomalies = FIRST_HALVINGS,
    };
    loop_fd_init(&s->old_watch);
    link_init(&s->cur, l, sink->to.v[0]);
    link_init(&s->next, l, sink->to.v[0]);
}

void stream_use(struct stream *s, size_t endpoint)
{
    uint64_t bit = UINT64_C(1) << (endpoint < 63 ? endpoint : 63);

    if (bit != s->endpoint)
        s->resets = 0;
    s->endpoint = bit;
}

size_t stream_write(struct stream *s, const void *p, size_t n)
{
    size_t done;

    if (!link_up(&s->cur) || (s->ordered && s->old.fd >= 0))
        return 0;
    if ((done = link_write(&s->cur, p, n)) == 0)
        return 0;
    s->mid = done < n;
    s->pace_ns = PACE_LEAST;
    if (s->since_ns == 0)
        s->since_ns = clock_mono();
    return done;
}

bool stream_look(struct stream *s)
{
    if (link_update(&s->cur)) {
        s->pace_ns = PACE_LEAST;
        return true;
    }
    if (s->pace_ns < PACE_MOST)
        s->pace_ns *= 2;
    return false;
}

/* --- offsets --- */

static bool is_mute(const struct stream *s)
{
    return (s->mute & s->endpoint) != 0;
}

uint64_t stream_written(const struct stream *s)
{
    return s->base + s->cur.t.written;
}

uint64_t stream_acked(const struct stream *s)
{
    return s->base + link_arrived(&s->cur);
}

uint64_t stream_settled(const struct stream *s)
{
    const struct transport *t = &s->cur.t;
    int queued;

    if (!t->kind->by_closing)
        return s->base + (s->repeatable ? t->confirmed : t->acked);
    if (s->repeatable && !is_mute(s))
        return s->confirmed;
    if (s->old.fd < 0 || (queued = socket_queued(s->old.fd)) == 0)
        return s->base + t->acked;
    if (queued < 0)
        return s->base;
    return (uint64_t)queued < s->base ? s->base - (uint64_t)queued : 0;
}

uint64_t stream_sure(const struct stream *s)
{
    return s->cur.t.kind->by_silence ? s->base + s->cur.t.confirmed : stream_settled(s);
}

/* --- the predecessor --- */

static void close_old(struct stream *s)
{
    loop_fd_del(s->loop, &s->old_watch);
    fd_close(&s->old.fd);
}

static void clean_end(struct stream *s)
{
    close_old(s);
    s->confirmed = s->base;
    s->resets = 0;
    if (s->anomalies > 0)
        s->anomalies--;
    if (is_mute(s) || s->late)
        log_info("%s has closed after all: what it reads is confirmed again", s->cur.t.uri);
    s->late = false;
    s->closers |= s->endpoint;
    s->mute &= ~s->endpoint;
}

static void no_confirmation(struct stream *s, const char *habit)
{
    s->mute |= s->endpoint;
    log_warn("%s %s when its connection is half-closed, so it cannot be known what it has read: "
             "what its kernel has acknowledged counts",
             s->cur.t.uri, habit);
}

/* How long a slow reader may take to reach the end of the predecessor. */
static int64_t patience_s(const struct stream *s)
{
    return STALLED_S + (int64_t)((s->base - s->confirmed) / SLOWEST);
}

/* Nothing on it is missing, the next connection gets on, and still it does not close. A slow reader
 * looks like that, too, and what it has not read dies with it: so it gets its time, within a bound. */
static bool never_closes(const struct stream *s, int64_t waited)
{
    int64_t most = patience_s(s);

    return waited > 3 * s->sink->confirm.every &&
           waited > (most < UNKNOWN_S ? most : UNKNOWN_S) * NS_PER_S &&
           socket_queued(s->old.fd) == 0 && s->cur.t.stuck_ns == 0;
}

/* It does not end. One that has closed before is slow, or reads nothing, however much its kernel takes:
 * nothing is confirmed until it does. For one that never has, it is a habit; the connection is kept,
 * since it may end well after all. */
static bool is_stalled(struct stream *s, int64_t now)
{
    int64_t waited = now - s->old.began_ns;

    if ((s->closers & s->endpoint) == 0) {
        if (!is_mute(s) && never_closes(s, waited))
            no_confirmation(s, "does not close");
        return false;
    }
    if (s->late || waited <= patience_s(s) * NS_PER_S)
        return false;
    if (s->sink->to.n > 1) /* it is left */
        return true;
    s->late = true;
    log_warn("%s is stalled: it has stopped reading; nothing is confirmed meanwhile", s->cur.t.uri);
    return false;
}

/* Its end is an event that stays: from then on the clock alone drives. */
static enum stream_verdict look_at_old(struct stream *s, int64_t now)
{
    enum halfclose_result result = halfclose_look(&s->old, s->cur.t.fd, now);

    if (s->old.ended_ns != 0)
        loop_fd_del(s->loop, &s->old_watch);
    s->why = s->old.why.text;
    switch (result) {
    case HALFCLOSE_CLEAN:
        clean_end(s);
        break;
    case HALFCLOSE_ANOMALY:
        if (s->old.reset)
            return STREAM_DOUBT;
        s->resets = 0;
        return STREAM_LOST;
    case HALFCLOSE_WAIT:
        s->why = "is stalled: it has stopped reading";
        if (s->old.ended_ns == 0 && is_stalled(s, now))
            return STREAM_LOST;
        break;
    }
    return STREAM_GOES_ON;
}

static void on_old_event(void *arg, uint32_t events)
{
    (void)arg; /* it is looked at in the turn that follows */
    (void)events;
}

/* --- rotation --- */

static bool confirms(const struct stream *s)
{
    return s->cur.t.kind->by_closing && s->repeatable && !is_mute(s);
}

/* Half as long, and half as many bytes, after each anomaly in a row, so that a slow reader that keeps
 * failing is asked ever sooner, and endless replay comes to an end. */
static int64_t rotate_after(const struct stream *s)
{
    int64_t ns = s->sink->confirm.every >> s->anomalies;
    int64_t least = s->sink->confirm.every < SOONEST ? s->sink->confirm.every : SOONEST;

    return ns > least ? ns : least;
}

static bool rotation_due(const struct stream *s, int64_t now)
{
    uint64_t open = stream_written(s) - s->confirmed;
    uint64_t enough = (uint64_t)s->sink->confirm.bytes >> s->anomalies;

    return confirms(s) && s->old.fd < 0 && s->cur.t.written > 0 && open > 0 &&
           (s->finish || open >= enough || now - s->since_ns >= rotate_after(s));
}

/* A receiver that takes one connection at a time never confirms: somebody must know. */
static void successor_failed(struct stream *s)
{
    link_close(&s->next);
    s->next_ns = clock_mono() + NEXT_RETRY;
    if (++s->next_failed == NEXT_REPORTED)
        log_warn("%s takes no second connection: %s; nothing is confirmed until it does",
                 s->next.t.uri, s->next.t.why.text);
}

/* True when there is one that can be written on. Its events do the rest: an update is for the deadline. */
static bool successor_ready(struct stream *s, int64_t now)
{
    if (link_is_open(&s->next)) {
        if (!link_up(&s->next))
            (void)link_update(&s->next);
    } else if (now >= s->next_ns) {
        link_init(&s->next, s->loop, s->cur.t.uri);
        if (link_open(&s->next) < 0)
            successor_failed(s);
    }
    if (s->next.fell)
        successor_failed(s);
    return link_up(&s->next);
}

/* The connection that was written on becomes the old one, and its successor takes its place. */
static enum stream_verdict switch_over(struct stream *s, int64_t now)
{
    uint64_t written = s->cur.t.written;
    int fd = link_release(&s->cur);

    if (!halfclose_begin(&s->old, fd, now)) {
        s->why = s->old.why.text;
        return STREAM_LOST;
    }
    if (loop_fd_add(s->loop, &s->old_watch, fd, LOOP_IN, on_old_event, s) < 0)
        loop_fd_init(&s->old_watch); /* looked at by the clock alone */
    link_move(&s->cur, &s->next, false);
    s->next_failed = 0;
    s->base += written;
    s->since_ns = 0;
    return STREAM_GOES_ON;
}

enum stream_verdict stream_turn(struct stream *s, int64_t now)
{
    enum stream_verdict verdict = STREAM_GOES_ON;

    if (s->old.fd >= 0)
        verdict = look_at_old(s, now);
    if (s->next.fell)
        successor_failed(s);
    if (verdict == STREAM_GOES_ON && rotation_due(s, now) && successor_ready(s, now) && !s->mid)
        verdict = switch_over(s, now);
    return verdict;
}

static int64_t until(int64_t at, int64_t now)
{
    return at > now ? at - now : 0;
}

static int64_t rotation_wanted(const struct stream *s, int64_t now)
{
    if (s->old.fd >= 0) {
        int64_t due = halfclose_due(&s->old, now);

        return (due >= 0 && due < OLD_LOOK) || is_mute(s) ? due : OLD_LOOK;
    }
    if (s->next.fell)
        return 0;
    if (!confirms(s) || s->cur.t.written == 0)
        return -1;
    if (!rotation_due(s, now))
        return until(s->since_ns + rotate_after(s), now);
    return link_is_open(&s->next) ? OLD_LOOK : until(s->next_ns, now); /* its event comes first */
}

int64_t stream_due(const struct stream *s, int64_t now)
{
    const struct transport *t = &s->cur.t;
    int64_t ns = rotation_wanted(s, now), look = -1;

    if (t->kind->by_silence && t->due_ns != 0)
        look = until(t->due_ns, now);
    else if (!t->kind->by_silence && s->cur.seen < t->written)
        look = s->pace_ns;
    return look >= 0 && (ns < 0 || look < ns) ? look : ns;
}

/* --- losses --- */

static void count_anomaly(struct stream *s)
{
    if (s->cur.t.kind->by_closing && stream_written(s) > s->confirmed &&
        s->anomalies < MOST_HALVINGS)
        s->anomalies++;
    if (s->old.fd >= 0 && s->old.reset && ++s->resets >= RESETS_BY_HABIT && !is_mute(s))
        no_confirmation(s, "resets");
}

/* What a peer had confirmed is in doubt even where nothing was under way: a carbon-cache that is
 * killed ends its idle connections as if all were well, and keeps nothing of its cache. */
struct stream_loss stream_anew(struct stream *s, bool failed)
{
    const struct transport *t = &s->cur.t;
    struct stream_loss loss = {.kept = stream_settled(s),
                               .certain = t->refused && t->trial,
                               .doubtful = failed && t->kind->by_closing && s->cur.was_up};

    loss.sure = t->refused ? stream_sure(s) : loss.kept;
    if (failed)
        count_anomaly(s);
    close_old(s);
    link_close(&s->next);
    link_close(&s->cur);
    s->base = s->confirmed = 0;
    s->since_ns = 0;
    s->mid = s->late = false;
    return loss;
}
