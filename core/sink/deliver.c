/* sink/deliver.c - a batch through a plugin that carries the bytes itself
 *
 * The plugin may block; a stop ends that by a signal. RETRY is told once until a batch gets
 * through, and the pause before the next attempt grows from 100 ms to 30 s, with jitter.
 */
#include "sink/deliver.h"

#include "base/clock.h"
#include "base/log.h"

static const unsigned MAY_DELIVER =
    1U << GARNET_OK | 1U << GARNET_RETRY | 1U << GARNET_REJECT | 1U << GARNET_FATAL;

void deliver_init(struct deliver *d, struct plugin *p)
{
    *d = (struct deliver){
        .plugin = p,
        .throttle = {.base = 100 * NS_PER_MS, .cap = 30 * NS_PER_S},
    };
}

static int ask(struct deliver *d, const struct batch *b)
{
    struct plugin *p = d->plugin;
    garnet_batch batch = {.size = sizeof batch,
                          .nmetrics = b->nmetrics,
                          .data = b->bytes.p,
                          .n = b->bytes.n,
                          .attempt = ++d->attempt};

    plugin_ask(p);
    return plugin_answer(p, "deliver", p->def.deliver(&p->g, &batch), MAY_DELIVER);
}

int deliver_batch(struct deliver *d, const struct batch *b)
{
    int answer = ask(d, b);

    if (answer == GARNET_RETRY) {
        if (!d->told)
            log_warn("cannot deliver: %s; trying again, metrics wait in the spool", d->plugin->why);
        d->told = true;
        d->retry_ns = clock_mono() + throttle_next(&d->throttle, random_u64());
        return answer;
    }
    if (answer == GARNET_REJECT)
        log_warn("a batch of %u metrics is rejected: %s", b->nmetrics, d->plugin->why);
    if (answer == GARNET_OK && d->told)
        log_info("delivers again");
    if (answer == GARNET_OK)
        d->told = false;
    throttle_ok(&d->throttle);
    d->attempt = 0;
    d->retry_ns = 0;
    return answer;
}
