/* plugin/deliver.c - batches through a plugin that carries the bytes itself
 *
 * The plugin may block; a stop ends that by a signal. A failure is logged once until a batch gets
 * through, and the pause before the next attempt grows from 100 ms to 30 s, with jitter. What is
 * still in flight when the worker ends is delivered again by the next one. Fails only through the
 * plugin, and when there is no memory for a second batch: then the worker ends.
 */
#include "plugin/deliver.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"

void deliver_init(struct deliver *d, struct plugin *p,
                  void (*rejected)(void *arg, uint64_t end, uint32_t n), void *arg)
{
    *d = (struct deliver){
        .plugin = p,
        .id = 1,
        .throttle = {.base = 100 * NS_PER_MS, .cap = 30 * NS_PER_S},
        .rejected = rejected,
        .arg = arg,
    };
    p->host.pending = &d->pending;
}

/* --- the ring --- */

/* The i-th oldest of n; the n-th is the batch at hand. */
static struct pending_batch *nth_batch(struct deliver *d, unsigned i)
{
    return &d->pending.v[(d->pending.head + i) % GARNET_PENDING_MAX];
}

/* Unused places have no state. */
static bool any_again(const struct deliver *d)
{
    for (unsigned i = 0; i < GARNET_PENDING_MAX; i++)
        if (d->pending.v[i].state == PENDING_AGAIN)
            return true;
    return false;
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

/* The position follows the oldest that is not done. */
static void move_settled(struct deliver *d)
{
    struct pending *p = &d->pending;

    while (p->n > 0 && nth_batch(d, 0)->state == PENDING_DONE) {
        d->settled = nth_batch(d, 0)->end;
        free_pending(nth_batch(d, 0));
        p->head = (p->head + 1) % GARNET_PENDING_MAX;
        p->n--;
    }
    if (p->n == 0)
        d->settled = d->sent;
}

void deliver_free(struct deliver *d)
{
    for (unsigned i = 0; i < d->pending.n; i++)
        free_pending(nth_batch(d, i));
    d->pending.n = 0;
}

/* --- pauses --- */

/* Batches that fail together are one failure: the pause grows once. */
static void try_later(struct deliver *d, const char *why)
{
    int64_t now = clock_mono();

    if (now < d->retry_ns)
        return;
    if (!d->down)
        log_warn("cannot deliver: %s; trying again, metrics wait in the spool", why);
    d->down = true;
    d->retry_ns = now + throttle_next(&d->throttle, random_u64());
}

/* The pause that another one waits for stays. */
static void got_through(struct deliver *d)
{
    if (any_again(d))
        return;
    if (d->down)
        log_info("delivers again");
    d->down = false;
    throttle_ok(&d->throttle);
    d->retry_ns = 0;
}

bool deliver_may(const struct deliver *d, int64_t now)
{
    return d->pending.n < GARNET_PENDING_MAX && now >= d->retry_ns && !any_again(d);
}

int64_t deliver_due(const struct deliver *d, int64_t now)
{
    if (d->retry_ns > now)
        return d->retry_ns - now;
    return any_again(d) ? 0 : -1;
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
    if (answer == GARNET_RETRY) {
        b->state = PENDING_AGAIN;
        try_later(d, why);
        return;
    }
    log_rejections(b, answer, why);
    if (answer == GARNET_REJECT)
        b->rejected = b->batch.nmetrics;
    b->state = PENDING_DONE;
    got_through(d);
    if (b->rejected > 0)
        d->rejected(d->arg, b->end, b->rejected);
}

/* The one that was confirmed first since the last look; NULL: none. */
static struct pending_batch *next_confirmed(struct deliver *d)
{
    struct pending_batch *first = NULL;

    for (unsigned i = 0; i < d->pending.n; i++) {
        struct pending_batch *b = nth_batch(d, i);

        if (b->confirmed != 0 && (first == NULL || b->confirmed < first->confirmed))
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
    struct pending_batch *at_hand = nth_batch(d, d->pending.n);
    int answer;

    *at_hand = (struct pending_batch){.batch = {.size = sizeof at_hand->batch,
                                                .nmetrics = b->nmetrics,
                                                .data = b->bytes.p,
                                                .n = b->bytes.n,
                                                .id = d->id,
                                                .attempt = d->attempt}};
    answer = call_deliver(d, at_hand);
    if (answer == GARNET_RETRY)
        try_later(d, plugin_why(d->plugin));
    if (answer == GARNET_RETRY || answer == GARNET_FATAL) {
        d->attempt = at_hand->batch.attempt;
        free_pending(at_hand);
        return answer;
    }
    d->sent += b->bytes.n + 1;
    at_hand->end = d->sent;
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
    settle_confirmed(d);
    for (unsigned i = 0; i < d->pending.n && now >= d->retry_ns; i++) {
        struct pending_batch *b = nth_batch(d, i);
        int answer;

        if (b->state != PENDING_AGAIN)
            continue;
        answer = call_deliver(d, b);
        if (answer == GARNET_FATAL)
            return answer;
        if (answer != GARNET_PENDING)
            settle_batch(d, b, answer, plugin_why(d->plugin));
    }
    move_settled(d);
    return GARNET_OK;
}
