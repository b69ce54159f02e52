/* plugin/deliver.c - batches through a plugin that carries the bytes itself
 *
 * The plugin may block; a stop ends that by a signal. The pauses between attempts grow from 100 ms to
 * 30 s, with jitter. What is still in flight when the worker ends is delivered again by the next one. Fails
 * only through the plugin, and when there is no memory for a second batch: then the worker ends.
 */
#include "plugin/deliver.h"

#include <inttypes.h>

#include "base/clock.h"
#include "base/log.h"

enum { PENDING_DEFAULT = 16 };
static const struct throttle PAUSES = {.base = 100 * NS_PER_MS, .cap = 30 * NS_PER_S};
/* A plugin that fails and works in turns says so now and then. */
static const struct rate DOWNS = {3, 60 * NS_PER_S, 60 * NS_PER_S};
static const struct rate SINGLES = {1, 60 * NS_PER_S, 0};
/* A plugin that takes no more while others are out has a queue that is full, until that does not move. */
static const int64_t FULL_FOR = NS_PER_S;
static const int64_t STALLED = 20 * NS_PER_S; /* as a peer that takes nothing (delivery/outlet.c) */

void deliver_init(struct deliver *d, struct plugin *p, int64_t max_age,
                  void (*lost)(void *arg, const struct deliver_loss *loss), void *arg)
{
    unsigned most = p->def.max_pending;

    *d = (struct deliver){
        .plugin = p,
        .most = most > 0 ? most : PENDING_DEFAULT,
        .max_age = max_age,
        .id = 1,
        .pause.throttle = PAUSES,
        .lost = lost,
        .arg = arg,
    };
    pending_init(&d->pending);
    p->host.pending = &d->pending;
}

void deliver_free(struct deliver *d)
{
    pending_free(&d->pending);
}

static bool is_ordered(const struct deliver *d)
{
    return (d->plugin->def.flags & GARNET_ORDERED) != 0;
}

/* The position follows the oldest; what is behind that, and has arrived, is delivered twice after a crash. */
static void move_settled(struct deliver *d)
{
    const struct pending_batch *oldest = TAILQ_FIRST(&d->pending.all);

    d->settled = oldest != NULL ? oldest->begin : d->sent;
}

/* --- whether anything gets through --- */

/* Another one, handed over after it, has ended: what is wrong is wrong with this batch, or where it goes. */
static bool is_overtaken(const struct deliver *d, const struct pending_batch *b)
{
    return b->batch.id < d->youngest;
}

/* Asked each time, so that an outage that lasts is said, however many there were just before. */
static void go_down(struct deliver *d, int64_t now, const char *why)
{
    uint64_t ignored;

    d->down = true;
    if (d->said || !ratelimit_take(&d->downs, &DOWNS, now, &ignored))
        return;
    d->said = true;
    log_warn("cannot deliver: %s; trying again, metrics wait in the spool", why);
}

static void count_failure(struct deliver *d, int64_t now)
{
    if (d->failures++ == 0)
        d->failing_ns = now;
}

/* Nothing new is handed over before the pause has passed. */
static void pause_new(struct deliver *d, const char *why)
{
    int64_t now = clock_mono();

    pause_begin(&d->pause, now, d->plugin->host.retry_ns);
    count_failure(d, now);
    if (d->pending.n == d->pending.again || now - d->failing_ns >= FULL_FOR)
        go_down(d, now, why);
}

/* One that was taken. That it is the first to fail, and alone, says nothing of others. */
static void postpone(struct deliver *d, struct pending_batch *b, const char *why)
{
    int64_t now = clock_mono();
    uint64_t ignored;
    bool all;

    pending_set(&d->pending, b, PENDING_AGAIN);
    pause_begin(&b->pause, now, b->wait_ns);
    if (!is_overtaken(d, b))
        count_failure(d, now);
    all = d->failures > 1 && !is_overtaken(d, b) && !pending_any_open(&d->pending, d->youngest);
    if (is_ordered(d) || all || d->pending.again == d->most)
        go_down(d, now, why);
    else if (!d->down && ratelimit_take(&d->singles, &SINGLES, now, &ignored))
        log_warn("a batch of %" PRIu32
                 " metrics is not delivered: %s; it is tried again, and does not hold up "
                 "others",
                 b->batch.nmetrics, why);
}

/* What has failed with all the others need not wait for its time. */
static void come_up(struct deliver *d)
{
    struct pending_batch *b;

    if (d->said)
        log_info("delivers again");
    d->down = d->said = false;
    TAILQ_FOREACH (b, &d->pending.all, all)
        if (b->state == PENDING_AGAIN && !is_overtaken(d, b))
            pause_cut(&b->pause);
}

static void got_through(struct deliver *d, uint64_t id)
{
    bool all = !is_ordered(d) || !pending_any_failing(&d->pending);

    if (all && d->down)
        come_up(d);
    if (all) {
        d->failures = 0;
        throttle_ok(&d->pause.throttle);
        pause_cut(&d->pause);
    }
    d->ended++;
    d->ended_ns = clock_mono();
    if (d->youngest < id)
        d->youngest = id;
}

bool deliver_in_flight(const struct deliver *d, int64_t now)
{
    const struct pending_batch *b;

    TAILQ_FOREACH (b, &d->pending.all, all)
        if (b->state == PENDING_OPEN && now - b->handed_ns < STALLED)
            return true;
    return false;
}

/* One that others have overtaken says nothing of the peer. */
static bool says_nothing(const struct deliver *d, int64_t now)
{
    const struct pending_batch *b;

    if (now - d->ended_ns < STALLED)
        return false;
    TAILQ_FOREACH (b, &d->pending.all, all)
        if (b->state == PENDING_OPEN && !is_overtaken(d, b) && now - b->handed_ns >= STALLED)
            return true;
    return false;
}

static void look_whether_stalled(struct deliver *d, int64_t now)
{
    bool was = d->stalled;

    d->stalled = says_nothing(d, now);
    if (d->stalled && !was)
        log_warn("stalled: of %u batches that the plugin has, none has been confirmed for %d s",
                 d->pending.n - d->pending.again, (int)(STALLED / NS_PER_S));
    else if (was && !d->stalled)
        log_info("no longer stalled");
}

void deliver_hurry(struct deliver *d)
{
    struct pending_batch *b;

    pause_cut(&d->pause);
    TAILQ_FOREACH (b, &d->pending.all, all)
        pause_cut(&b->pause);
}

bool deliver_may(const struct deliver *d, int64_t now)
{
    return !d->rests && d->pending.n < d->most && now >= d->pause.until &&
           !(is_ordered(d) && d->pending.again > 0);
}

/* ns until it is too old to come again; 0: it is. */
static int64_t stale_in(const struct deliver *d, const struct pending_batch *b)
{
    int64_t left = b->eldest_ns - (clock_wall() - d->max_age);

    return left > 0 ? left : 0;
}

/* Of those that are to come again the one that will be too old first; NULL: none will be. */
static struct pending_batch *eldest_again(const struct deliver *d)
{
    return d->max_age > 0 ? pending_eldest_again(&d->pending) : NULL;
}

int64_t deliver_due(const struct deliver *d, int64_t now)
{
    const struct pending_batch *eldest = eldest_again(d);
    int64_t due = d->rests ? -1 : pending_due_at(&d->pending, is_ordered(d)), ns = -1;
    int64_t stale = eldest != NULL ? stale_in(d, eldest) : -1;

    if (!d->rests && d->pause.until > now && (due < 0 || d->pause.until < due))
        due = d->pause.until;
    if (due >= 0)
        ns = due > now ? due - now : 0;
    return stale >= 0 && (ns < 0 || stale < ns) ? stale : ns;
}

/* --- what becomes of a batch --- */

static void report_rejected(struct deliver *d, const struct pending_batch *b, int answer,
                            const char *why)
{
    bool all = answer == GARNET_REJECT;
    struct deliver_loss loss = {.end = b->end,
                                .n = all ? b->batch.nmetrics : b->rejected,
                                .of = b->batch.nmetrics,
                                .first = all ? 0 : b->first,
                                .why = all ? why : b->first_why.text};

    if (loss.first < b->places.cap)
        loss.place = b->places.v[loss.first] + 1;
    if (loss.n > 0)
        d->lost(d->arg, &loss);
}

/* It ends with OK or REJECT, or is to come again with RETRY. */
static void settle_batch(struct deliver *d, struct pending_batch *b, int answer, const char *why)
{
    uint64_t id = b->batch.id;

    if (answer == GARNET_RETRY) {
        postpone(d, b, why);
        return;
    }
    report_rejected(d, b, answer, why);
    pending_remove(&d->pending, b);
    got_through(d, id);
}

static void settle_confirmed(struct deliver *d)
{
    struct pending_batch *b;

    while ((b = pending_take(&d->pending)) != NULL)
        settle_batch(d, b, b->answer, b->why.text);
}

/* deliver()'s answer, or what the plugin confirmed meanwhile. But RETRY is PENDING: it took the batch, which
 * is confirmed, and not settled yet. */
static int call_deliver(struct deliver *d, struct pending_batch *b)
{
    struct plugin *p = d->plugin;
    int answer;

    b->batch.attempt++;
    pending_set(&d->pending, b, PENDING_CALLED);
    pending_forget_rejected(b);
    host_enter(&p->host, PLUGIN_DELIVER);
    answer = host_leave(&p->host, p->def.deliver(&p->host.g, &b->batch));
    pending_set(&d->pending, b, PENDING_OPEN);
    b->handed_ns = clock_mono();
    if (answer == GARNET_PENDING && b->confirmed && b->answer != GARNET_RETRY)
        answer = b->answer;
    if (answer != GARNET_PENDING)
        pending_forget(&d->pending, b);
    return answer;
}

/* The plugin keeps the bytes: the caller gets others to fill. */
static int keep_bytes(struct deliver *d, struct pending_batch *kept, struct batch *b)
{
    struct buf other = {0};

    if (buf_room(&other, b->limit) == NULL) {
        host_why(&d->plugin->host, "no memory to wait for a batch");
        return GARNET_FATAL;
    }
    kept->bytes = b->bytes;
    b->bytes = other;
    b->places = (struct places){0};
    return GARNET_PENDING;
}

/* The plugin has it, or is done with it. */
static int settle_taken(struct deliver *d, struct pending_batch *at_hand, struct batch *b,
                        int answer)
{
    d->sent = at_hand->end;
    d->id++;
    d->attempt = 0;
    if (answer == GARNET_PENDING)
        answer = keep_bytes(d, at_hand, b);
    settle_confirmed(d); /* what it says of others, or of this one, before its answer */
    if (answer == GARNET_OK || answer == GARNET_REJECT)
        settle_batch(d, at_hand, answer, plugin_why(d->plugin));
    return answer == GARNET_FATAL ? GARNET_FATAL : GARNET_OK;
}

int deliver_batch(struct deliver *d, struct batch *b)
{
    const garnet_batch batch = {.size = sizeof batch,
                                .nmetrics = b->nmetrics,
                                .data = b->bytes.p,
                                .n = b->bytes.n,
                                .id = d->id,
                                .attempt = d->attempt};
    struct pending_batch *at_hand = pending_add(&d->pending, &batch);
    int answer;

    if (at_hand == NULL) {
        host_why(&d->plugin->host, "no memory to deliver a batch");
        return GARNET_FATAL;
    }
    at_hand->begin = d->sent;
    at_hand->end = d->sent + b->bytes.n + 1;
    at_hand->pause.throttle = PAUSES;
    at_hand->places = b->places;
    at_hand->eldest_ns = b->eldest_ns;
    answer = call_deliver(d, at_hand);
    if (answer == GARNET_RETRY || answer == GARNET_FATAL) {
        d->attempt = at_hand->batch.attempt;
        pending_remove(&d->pending, at_hand);
        settle_confirmed(d);
        if (answer == GARNET_RETRY)
            pause_new(d, plugin_why(d->plugin));
    } else {
        answer = settle_taken(d, at_hand, b, answer);
    }
    move_settled(d);
    return answer;
}

static void drop_stale_batch(struct deliver *d, struct pending_batch *b)
{
    struct deliver_loss loss = {.end = b->end,
                                .stale = true,
                                .n = b->batch.nmetrics,
                                .of = b->batch.nmetrics,
                                .eldest_ns = b->eldest_ns};

    d->lost(d->arg, &loss);
    pending_remove(&d->pending, b);
}

static int deliver_again(struct deliver *d, struct pending_batch *b)
{
    int answer = call_deliver(d, b);

    settle_confirmed(d);
    if (answer == GARNET_PENDING || answer == GARNET_FATAL)
        return answer;
    b->wait_ns = d->plugin->host.retry_ns;
    settle_batch(d, b, answer, plugin_why(d->plugin));
    return answer;
}

void deliver_anew(struct deliver *d)
{
    d->id += d->attempt > 0;
    d->attempt = 0;
}

void deliver_look(struct deliver *d)
{
    settle_confirmed(d);
    move_settled(d);
}

int deliver_turn(struct deliver *d, int64_t now)
{
    struct pending_batch *b;
    int answer = GARNET_OK;

    settle_confirmed(d);
    if ((b = eldest_again(d)) != NULL && stale_in(d, b) == 0)
        drop_stale_batch(d, b);
    else if (!d->rests && (b = pending_due(&d->pending, is_ordered(d), now)) != NULL)
        answer = deliver_again(d, b);
    look_whether_stalled(d, now);
    move_settled(d);
    return answer == GARNET_FATAL ? GARNET_FATAL : GARNET_OK;
}
