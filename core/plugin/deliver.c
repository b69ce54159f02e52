/* plugin/deliver.c - batches through a plugin that carries the bytes itself
 *
 * The plugin may block; a stop ends that by a signal. A failure is logged once until a batch gets
 * through, and the pause before the next attempt grows from 100 ms to 30 s, with jitter. What is
 * still in flight when the worker ends is delivered again by the next one. Fails only through the
 * plugin, and when there is no memory for a second batch: then the worker ends.
 */
#include "plugin/deliver.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"

void deliver_init(struct deliver *d, struct plugin *p,
                  void (*rejected)(void *arg, uint64_t end, uint32_t n), void *arg)
{
    *d = (struct deliver){
        .plugin = p,
        .throttle = {.base = 100 * NS_PER_MS, .cap = 30 * NS_PER_S},
        .rejected = rejected,
        .arg = arg,
    };
    pending_init(&d->pending, &p->host.call);
    host_set_pending(&p->host, &d->pending);
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
    if (pending_again(&d->pending))
        return;
    if (d->down)
        log_info("delivers again");
    d->down = false;
    throttle_ok(&d->throttle);
    d->retry_ns = 0;
}

bool deliver_may(const struct deliver *d, int64_t now)
{
    return !pending_full(&d->pending) && now >= d->retry_ns && !pending_again(&d->pending);
}

int64_t deliver_due(const struct deliver *d, int64_t now)
{
    if (d->retry_ns > now)
        return d->retry_ns - now;
    return pending_again(&d->pending) ? 0 : -1;
}

void deliver_hurry(struct deliver *d)
{
    d->retry_ns = 0;
}

/* --- batches --- */

/* What the plugin says of one in the end. */
static void settle_batch(struct deliver *d, struct pending_batch *b, int answer, const char *why)
{
    uint32_t rejected = pending_end(b, answer, why);

    if (answer == GARNET_RETRY)
        try_later(d, why);
    else
        got_through(d);
    if (rejected > 0)
        d->rejected(d->arg, b->end, rejected);
}

static void settle_confirmed(struct deliver *d)
{
    struct pending_batch *b;

    while ((b = pending_confirmed(&d->pending)) != NULL)
        settle_batch(d, b, b->answer, b->why.text);
}

static int call_deliver(struct deliver *d, struct pending_batch *b)
{
    struct plugin *p = d->plugin;
    int answer;

    pending_enter(b);
    call_enter(&p->host.call, PLUGIN_DELIVER);
    answer = pending_leave(b, call_leave(&p->host.call, p->def.deliver(&p->host.g, &b->batch)));
    settle_confirmed(d);
    return answer;
}

/* The position follows the oldest that is not done. */
static void move_settled(struct deliver *d)
{
    while (pending_shift(&d->pending, &d->settled))
        ;
    if (d->pending.n == 0)
        d->settled = d->sent;
}

/* The plugin keeps the bytes: the caller gets others to fill. */
static int keep_bytes(struct deliver *d, struct pending_batch *kept, struct batch *b)
{
    struct buf other = {0};

    if (buf_room(&other, b->limit) == NULL) {
        call_why(&d->plugin->host.call, "no memory to wait for a batch");
        return GARNET_FATAL;
    }
    pending_keep(kept, b->bytes);
    b->bytes = other;
    return GARNET_OK;
}

int deliver_batch(struct deliver *d, struct batch *b)
{
    struct pending_batch *at_hand = pending_at_hand(&d->pending, &b->bytes, b->nmetrics);
    int answer = call_deliver(d, at_hand);

    if (answer == GARNET_RETRY)
        try_later(d, plugin_why(d->plugin));
    if (answer == GARNET_RETRY || answer == GARNET_FATAL) {
        pending_put_back(&d->pending);
        return answer;
    }
    d->sent += b->bytes.n + 1;
    pending_add(&d->pending, d->sent);
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
        struct pending_batch *b = pending_nth(&d->pending, i);
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

void deliver_free(struct deliver *d)
{
    pending_free(&d->pending);
}
