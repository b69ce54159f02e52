/* plugin/deliver.c - batches through a plugin that carries the bytes itself
 *
 * The plugin may block; a stop ends that by a signal. RETRY is told once until a batch gets
 * through, and the pause before the next attempt grows from 100 ms to 30 s, with jitter. What is
 * still pending when the worker ends is delivered again by the next one. Fails only through the
 * plugin, and when there is no memory for a second batch: then the worker ends.
 */
#include "plugin/deliver.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "base/throttle.h"

void deliver_init(struct deliver *d, struct plugin *p,
                  void (*rejected)(void *arg, uint64_t end, uint32_t n), void *arg)
{
    *d = (struct deliver){
        .plugin = p,
        .throttle = {.base = 100 * NS_PER_MS, .cap = 30 * NS_PER_S},
        .id = 1,
        .rejected = rejected,
        .arg = arg,
    };
    p->deliver = d;
}

/* The i-th oldest; the n-th is the batch at hand. */
static struct pending *nth(struct deliver *d, unsigned i)
{
    return &d->pending[(d->head + i) % GARNET_PENDING_MAX];
}

/* --- one batch --- */

/* Unused ones have no state. */
static bool one_waits(const struct deliver *d)
{
    for (unsigned i = 0; i < GARNET_PENDING_MAX; i++)
        if (d->pending[i].state == PENDING_AGAIN)
            return true;
    return false;
}

/* Batches that fail together are one failure: the pause grows once. */
static void try_later(struct deliver *d)
{
    int64_t now = clock_mono();

    if (now < d->retry_ns)
        return;
    if (!d->told)
        log_warn("cannot deliver: %s; trying again, metrics wait in the spool", d->plugin->why);
    d->told = true;
    d->retry_ns = now + throttle_next(&d->throttle, random_u64());
}

/* The pause that another one waits for stays. */
static void gets_through(struct deliver *d)
{
    if (one_waits(d))
        return;
    if (d->told)
        log_info("delivers again");
    d->told = false;
    throttle_ok(&d->throttle);
    d->retry_ns = 0;
}

static void reject_all(struct deliver *d, struct pending *b)
{
    log_warn("a batch of %" PRIu32 " metrics is rejected: %s", b->batch.nmetrics, d->plugin->why);
    b->rejected = b->batch.nmetrics;
}

/* Only now: a batch that comes again is judged again. */
static void tell_rejected(const struct pending *b)
{
    log_warn("%" PRIu32 " of a batch of %" PRIu32 " metrics are rejected; the first named, number "
             "%" PRIu32 ": %s",
             b->rejected, b->batch.nmetrics, b->first, b->why);
}

/* What its plugin says of it in the end. */
static void settle(struct deliver *d, struct pending *b, int answer)
{
    if (answer == GARNET_RETRY) {
        try_later(d);
        b->state = PENDING_AGAIN;
        return;
    }
    if (answer == GARNET_REJECT)
        reject_all(d, b);
    else if (b->rejected > 0)
        tell_rejected(b);
    gets_through(d);
    b->state = PENDING_DONE;
    if (b->rejected > 0)
        d->rejected(d->arg, b->end, b->rejected);
}

static void release(struct pending *b)
{
    buf_free(&b->bytes);
    free(b->marked);
    b->marked = NULL;
    b->state = PENDING_NONE;
}

/* The position follows the oldest that is not done. */
static void follow(struct deliver *d)
{
    for (; d->n > 0 && nth(d, 0)->state == PENDING_DONE; d->n--) {
        d->settled = nth(d, 0)->end;
        release(nth(d, 0));
        d->head = (d->head + 1) % GARNET_PENDING_MAX;
    }
    if (d->n == 0)
        d->settled = d->sent;
}

static int call(struct deliver *d, struct pending *b)
{
    struct plugin *p = d->plugin;
    int answer;

    b->batch.attempt++;
    b->state = PENDING_CALLED;
    b->confirmed = false;
    b->rejected = 0;
    free(b->marked);
    b->marked = NULL;
    plugin_enter(p, PLUGIN_DELIVER);
    answer = plugin_leave(p, p->def.deliver(&p->g, &b->batch));
    return answer == GARNET_PENDING && b->confirmed ? b->early : answer;
}

/* --- handing over --- */

bool deliver_may(const struct deliver *d, int64_t now)
{
    return d->n < GARNET_PENDING_MAX && now >= d->retry_ns && !one_waits(d);
}

/* The plugin keeps the bytes: the caller gets others to fill. */
static int keep_bytes(struct deliver *d, struct pending *p, struct batch *b)
{
    struct buf other = {0};

    if (buf_room(&other, b->limit) == NULL) {
        plugin_why(d->plugin, "no memory to wait for a batch");
        return GARNET_FATAL;
    }
    p->bytes = b->bytes;
    b->bytes = other;
    p->state = PENDING_OPEN;
    return GARNET_OK;
}

int deliver_batch(struct deliver *d, struct batch *b)
{
    struct pending *p = nth(d, d->n);
    int answer;

    *p = (struct pending){.batch = {.size = sizeof p->batch,
                                    .nmetrics = b->nmetrics,
                                    .data = b->bytes.p,
                                    .n = b->bytes.n,
                                    .id = d->id,
                                    .attempt = d->attempt},
                          .end = d->sent + b->bytes.n + 1};
    answer = call(d, p);
    d->attempt = p->batch.attempt;
    if (answer == GARNET_RETRY)
        try_later(d);
    if (answer == GARNET_RETRY || answer == GARNET_FATAL) {
        release(p);
        return answer;
    }
    d->n++;
    d->id++;
    d->attempt = 0;
    d->sent = p->end;
    if (answer == GARNET_PENDING)
        return keep_bytes(d, p, b);
    settle(d, p, answer);
    follow(d);
    return GARNET_OK;
}

int deliver_turn(struct deliver *d, int64_t now)
{
    for (unsigned i = 0; i < d->n && now >= d->retry_ns; i++) {
        struct pending *p = nth(d, i);
        int answer;

        if (p->state != PENDING_AGAIN)
            continue;
        if ((answer = call(d, p)) == GARNET_FATAL)
            return answer;
        if (answer == GARNET_PENDING)
            p->state = PENDING_OPEN;
        else
            settle(d, p, answer);
    }
    follow(d);
    return GARNET_OK;
}

int64_t deliver_due(const struct deliver *d, int64_t now)
{
    if (d->retry_ns == 0 && !one_waits(d))
        return -1;
    return d->retry_ns > now ? d->retry_ns - now : one_waits(d) ? 0 : -1;
}

void deliver_hurry(struct deliver *d)
{
    d->retry_ns = 0;
}

void deliver_free(struct deliver *d)
{
    for (unsigned i = 0; i < d->n; i++)
        release(nth(d, i));
    d->n = 0;
}

/* --- the plugin's calls --- */

static struct pending *called(struct deliver *d)
{
    for (unsigned i = 0; i <= d->n && i < GARNET_PENDING_MAX; i++)
        if (nth(d, i)->state == PENDING_CALLED)
            return nth(d, i);
    return NULL;
}

/* The batch that is being delivered, or one that is pending; NULL: `id` is neither. */
static struct pending *judged(struct deliver *d, uint64_t id)
{
    struct pending *b = called(d);

    if (b != NULL && b->batch.id == id && !b->confirmed)
        return b;
    for (unsigned i = 0; i < d->n; i++)
        if (nth(d, i)->batch.id == id && nth(d, i)->state == PENDING_OPEN)
            return nth(d, i);
    return NULL;
}

void deliver_reject(struct deliver *d, uint64_t id, uint32_t index, const char *why)
{
    struct pending *b = judged(d, id);

    if (b == NULL) {
        plugin_broke(d->plugin, "it rejects a metric of batch %" PRIu64 ", which is not pending",
                     id);
        return;
    }
    if (index >= b->batch.nmetrics) {
        plugin_broke(d->plugin, "it rejects metric %" PRIu32 " of a batch that has %" PRIu32, index,
                     b->batch.nmetrics);
        return;
    }
    if (b->marked == NULL && (b->marked = calloc(b->batch.nmetrics / 8 + 1, 1)) == NULL) {
        plugin_broke(d->plugin, "no memory to count a rejected metric");
        return;
    }
    if ((b->marked[index / 8] & 1U << index % 8) != 0)
        return; /* told twice, counted once */
    b->marked[index / 8] |= (uint8_t)(1U << index % 8);
    if (b->rejected++ > 0)
        return;
    b->first = index;
    (void)snprintf(b->why, sizeof b->why, "%s", why);
}

void deliver_confirm(struct deliver *d, uint64_t id, int answer)
{
    struct pending *b = judged(d, id);

    if (answer != GARNET_OK && answer != GARNET_RETRY && answer != GARNET_REJECT) {
        plugin_broke(d->plugin, "it confirms a batch with %d, which is none of OK, RETRY, REJECT",
                     answer);
    } else if (b == NULL) {
        plugin_broke(d->plugin, "it confirms batch %" PRIu64 ", which is not pending", id);
    } else if (b->state == PENDING_CALLED) {
        b->confirmed = true;
        b->early = answer;
    } else {
        if (answer != GARNET_OK && d->plugin->why[0] == 0)
            plugin_why(d->plugin, "batch %" PRIu64 ": no reason given", id);
        settle(d, b, answer); /* follow() at the next turn: the caller may be walking */
    }
}
