/* plugin/deliver.c - batches through a plugin that carries the bytes itself
 *
 * The plugin may block; a stop ends that by a signal. The pauses between attempts grow from 100 ms to
 * 30 s, with jitter: one for all while the plugin takes no batch at all, and one for each that it has
 * taken and could not deliver. What is still in flight when the worker ends is delivered again by the
 * next one. Fails only through the plugin, and when there is no memory for a second batch: then the
 * worker ends.
 */
#include "plugin/deliver.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"

static const struct throttle PAUSES = {.base = 100 * NS_PER_MS, .cap = 30 * NS_PER_S};
/* Who fails and works in turns says so now and then. */
static const struct rate DOWNS = {3, 60 * NS_PER_S, 60 * NS_PER_S};
static const struct rate RETRIES = {1, 60 * NS_PER_S, 0};

void deliver_init(struct deliver *d, struct plugin *p,
                  void (*rejected)(void *arg, uint64_t end, uint32_t n), void *arg)
{
    *d = (struct deliver){
        .plugin = p,
        .id = 1,
        .throttle = PAUSES,
        .rejected = rejected,
        .arg = arg,
    };
    p->host.pending = &d->pending;
}

/* --- those in flight --- */

static bool is_ordered(const struct deliver *d)
{
    return (d->plugin->def.flags & GARNET_ORDERED) != 0;
}

/* The marks are for one attempt: each is judged anew. */
static void forget_rejections(struct pending_batch *b)
{
    free(b->marked);
    b->marked = NULL;
    b->rejected = 0;
}

static void free_pending(struct pending_batch *b)
{
    buf_free(&b->bytes);
    forget_rejections(b);
    b->state = PENDING_NONE;
}

static struct pending_batch *free_place(struct deliver *d)
{
    struct pending_batch *b = d->pending.v;

    while (b->state != PENDING_NONE)
        b++;
    return b;
}

/* The oldest of those that come again; without an order, of those that are due. NULL: none. */
static struct pending_batch *next_again(struct deliver *d, int64_t now)
{
    struct pending_batch *oldest = NULL;

    for (struct pending_batch *b = d->pending.v; b < d->pending.v + GARNET_PENDING_MAX; b++)
        if (b->state == PENDING_AGAIN && (is_ordered(d) || b->retry_ns <= now) &&
            (oldest == NULL || b->batch.id < oldest->batch.id))
            oldest = b;
    return oldest != NULL && oldest->retry_ns <= now ? oldest : NULL;
}

static unsigned count_again(const struct deliver *d)
{
    unsigned n = 0;

    for (unsigned i = 0; i < GARNET_PENDING_MAX; i++)
        n += d->pending.v[i].state == PENDING_AGAIN;
    return n;
}

/* The position follows the oldest; what is behind that, and has arrived, is delivered twice after a crash. */
static void move_settled(struct deliver *d)
{
    d->settled = d->sent;
    for (unsigned i = 0; i < GARNET_PENDING_MAX; i++)
        if (d->pending.v[i].state != PENDING_NONE && d->pending.v[i].begin < d->settled)
            d->settled = d->pending.v[i].begin;
}

void deliver_free(struct deliver *d)
{
    for (unsigned i = 0; i < GARNET_PENDING_MAX; i++)
        free_pending(&d->pending.v[i]);
    d->pending.n = 0;
}

/* --- pauses --- */

static void go_down(struct deliver *d, int64_t now, const char *why)
{
    uint64_t ignored;

    if (!d->down) {
        d->said = ratelimit_take(&d->downs, &DOWNS, now, &ignored);
        if (d->said)
            log_warn("cannot deliver: %s; trying again, metrics wait in the spool", why);
    }
    d->down = true;
}

/* Nothing is handed over before the pause has passed. */
static void pause_all(struct deliver *d, const char *why)
{
    int64_t now = clock_mono();

    go_down(d, now, why);
    d->retry_ns = now + throttle_next(&d->throttle, random_u64());
}

/* The others go on, unless they must not overtake it, or all places are taken by such. */
static void put_off(struct deliver *d, struct pending_batch *b, const char *why)
{
    int64_t now = clock_mono();
    uint64_t left_out;

    b->state = PENDING_AGAIN;
    b->retry_ns = now + throttle_next(&b->throttle, random_u64());
    if (is_ordered(d) || count_again(d) == GARNET_PENDING_MAX)
        go_down(d, now, why);
    else if (!d->down && ratelimit_take(&d->retries, &RETRIES, now, &left_out))
        log_warn("a batch of %" PRIu32 " metrics is not taken: %s; it is tried again, others go on",
                 b->batch.nmetrics, why);
}

/* What failed for the same reason need not wait for its time. */
static void got_through(struct deliver *d)
{
    if (d->down && !(is_ordered(d) && count_again(d) > 0)) {
        if (d->said)
            log_info("delivers again");
        d->down = false;
        deliver_hurry(d);
    }
    throttle_ok(&d->throttle);
    if (!d->down)
        d->retry_ns = 0;
}

void deliver_hurry(struct deliver *d)
{
    d->retry_ns = 0;
    for (unsigned i = 0; i < GARNET_PENDING_MAX; i++)
        d->pending.v[i].retry_ns = 0;
}

bool deliver_may(const struct deliver *d, int64_t now)
{
    return d->pending.n < GARNET_PENDING_MAX && now >= d->retry_ns &&
           !(is_ordered(d) && count_again(d) > 0);
}

int64_t deliver_due(const struct deliver *d, int64_t now)
{
    int64_t due = d->retry_ns > now ? d->retry_ns : INT64_MAX;

    for (unsigned i = 0; i < GARNET_PENDING_MAX; i++) {
        const struct pending_batch *b = &d->pending.v[i];

        if (b->state == PENDING_AGAIN && b->retry_ns < due)
            due = b->retry_ns;
    }
    return due == INT64_MAX ? -1 : due > now ? due - now : 0;
}

/* --- what becomes of a batch --- */

static void log_rejections(const struct pending_batch *b, int answer, const char *why)
{
    if (answer == GARNET_REJECT)
        log_warn("a batch of %" PRIu32 " metrics is rejected: %s", b->batch.nmetrics, why);
    else if (b->rejected > 0)
        log_warn("%" PRIu32 " of a batch of %" PRIu32
                 " metrics are rejected; the first named, number %" PRIu32 ": %s",
                 b->rejected, b->batch.nmetrics, b->first, b->first_why.text);
}

/* It ends with OK or REJECT, or is to come again with RETRY. */
static void settle_batch(struct deliver *d, struct pending_batch *b, int answer, const char *why)
{
    uint32_t rejected;

    if (answer == GARNET_RETRY) {
        put_off(d, b, why);
        return;
    }
    log_rejections(b, answer, why);
    rejected = answer == GARNET_REJECT ? b->batch.nmetrics : b->rejected;
    free_pending(b);
    d->pending.n--;
    got_through(d);
    if (rejected > 0)
        d->rejected(d->arg, b->end, rejected);
}

/* The one that was confirmed first since the last look; NULL: none. */
static struct pending_batch *next_confirmed(struct deliver *d)
{
    struct pending_batch *first = NULL;

    for (unsigned i = 0; i < GARNET_PENDING_MAX; i++) {
        struct pending_batch *b = &d->pending.v[i];

        if (b->state != PENDING_NONE && b->confirmed != 0 &&
            (first == NULL || b->confirmed < first->confirmed))
            first = b;
    }
    return first;
}

static void settle_confirmed(struct deliver *d)
{
    struct pending_batch *b;

    while ((b = next_confirmed(d)) != NULL) {
        b->confirmed = 0;
        settle_batch(d, b, b->answer, b->why.text);
    }
}

/* deliver()'s answer, or what the plugin confirmed meanwhile. */
static int call_deliver(struct deliver *d, struct pending_batch *b)
{
    struct plugin *p = d->plugin;
    int answer;

    b->batch.attempt++;
    b->state = PENDING_CALLED;
    b->confirmed = 0;
    forget_rejections(b);
    host_enter(&p->host, PLUGIN_DELIVER);
    answer = host_leave(&p->host, p->def.deliver(&p->host.g, &b->batch));
    b->state = PENDING_OPEN;
    if (answer == GARNET_PENDING && b->confirmed != 0)
        answer = b->answer;
    b->confirmed = 0;
    settle_confirmed(d);
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
    return GARNET_OK;
}

int deliver_batch(struct deliver *d, struct batch *b)
{
    struct pending_batch *at_hand = free_place(d);
    int answer;

    *at_hand = (struct pending_batch){.batch = {.size = sizeof at_hand->batch,
                                                .nmetrics = b->nmetrics,
                                                .data = b->bytes.p,
                                                .n = b->bytes.n,
                                                .id = d->id,
                                                .attempt = d->attempt},
                                      .begin = d->sent,
                                      .end = d->sent + b->bytes.n + 1,
                                      .throttle = PAUSES};
    answer = call_deliver(d, at_hand);
    if (answer == GARNET_RETRY)
        pause_all(d, plugin_why(d->plugin));
    if (answer == GARNET_RETRY || answer == GARNET_FATAL) {
        d->attempt = at_hand->batch.attempt;
        free_pending(at_hand);
        move_settled(d);
        return answer;
    }
    d->sent = at_hand->end;
    d->pending.n++;
    d->id++;
    d->attempt = 0;
    if (answer == GARNET_PENDING)
        answer = keep_bytes(d, at_hand, b);
    else
        settle_batch(d, at_hand, answer, plugin_why(d->plugin));
    move_settled(d);
    return answer == GARNET_FATAL ? GARNET_FATAL : GARNET_OK;
}

int deliver_turn(struct deliver *d, int64_t now)
{
    struct pending_batch *b;

    settle_confirmed(d);
    while ((b = next_again(d, now)) != NULL) {
        int answer = call_deliver(d, b);

        if (answer == GARNET_FATAL)
            return answer;
        if (answer != GARNET_PENDING)
            settle_batch(d, b, answer, plugin_why(d->plugin));
    }
    move_settled(d);
    return GARNET_OK;
}
