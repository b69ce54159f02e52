/* plugin/deliver.c: batches that are pending, with a plugin that keeps what it was given and says later what
 * became of it. */
#include "base/clock.h"
#include "base/log.h"
#include "plugin/deliver.h"
#include "rig/sink_kit.h"

static struct plugin p;
static struct deliver d;
static struct batch b;
static const garnet_batch *held[2 * GARNET_PENDING_MAX];
static unsigned nheld;
static uint64_t rejected;

static int holds(garnet *g, const garnet_batch *batch)
{
    (void)g;
    held[nheld++] = batch;
    return GARNET_PENDING;
}

static int confirms_the_oldest(garnet *g, const garnet_batch *batch)
{
    (void)batch;
    g->host->confirm(g, held[0]->id, GARNET_RETRY);
    return GARNET_OK;
}

static void on_rejected(void *arg, uint64_t end, uint32_t n)
{
    (void)arg;
    (void)end;
    rejected += n;
}

static void setup(void)
{
    log_set_level(LOG_L_ERROR);
    p.def = (garnet_plugin){.name = "x", .deliver = holds};
    host_init(&p.host, &p.def, &p.options);
    cr_assert(batch_init(&b, &p, 1000));
    deliver_init(&d, &p, on_rejected, NULL);
}

static void teardown(void)
{
    deliver_free(&d);
    batch_free(&b);
}

TestSuite(deliver, .init = setup, .fini = teardown, .timeout = 60);

static void hands_over(const char *text)
{
    batch_begin(&b);
    buf_puts(&b.bytes, text);
    b.nmetrics = 1;
    cr_assert(deliver_may(&d, clock_mono()));
    cr_assert_eq(deliver_batch(&d, &b), GARNET_OK);
}

/* As the plugin would, in its event(). */
static int event(void (*say)(unsigned i, int answer), unsigned i, int answer)
{
    host_enter(&p.host, PLUGIN_EVENT);
    say(i, answer);
    return host_leave(&p.host, GARNET_OK);
}

static void says_confirm(unsigned i, int answer)
{
    p.host.table.confirm(&p.host.g, held[i]->id, answer);
}

static void says_reject(unsigned i, int index)
{
    p.host.table.reject(&p.host.g, held[i]->id, (uint32_t)index, "no");
}

static void confirms(unsigned i, int answer)
{
    cr_assert_eq(event(says_confirm, i, answer), GARNET_OK);
    cr_assert_eq(deliver_turn(&d, clock_mono()), GARNET_OK);
}

static bool is(unsigned i, const char *text)
{
    return held[i]->n == strlen(text) && memcmp(held[i]->data, text, held[i]->n) == 0;
}

/* What a plugin was given stays where it is until it has said what became of it. */
Test(deliver, a_pending_batch_stays_where_it_is)
{
    for (unsigned i = 0; i < 1000; i++) {
        unsigned young = nheld + 1;

        hands_over("the older one");
        hands_over("a");
        cr_assert_eq(held[young]->id, 3 * i + 2);
        confirms(young - 1, GARNET_OK);
        hands_over("b");
        cr_assert(is(young, "a"));
        cr_assert_eq(held[young]->id, 3 * i + 2);
        confirms(young, GARNET_OK);
        cr_assert(is(young + 1, "b"));
        confirms(young + 1, GARNET_OK);
        cr_assert_eq(d.pending.n, 0);
        nheld = 0;
    }
    cr_assert_eq(d.settled, d.sent);
}

Test(deliver, as_many_as_there_may_be)
{
    for (unsigned round = 0; round < 100; round++) {
        nheld = 0;
        for (unsigned i = 0; i < GARNET_PENDING_MAX; i++)
            hands_over("x");
        cr_assert_not(deliver_may(&d, clock_mono()));
        for (unsigned i = GARNET_PENDING_MAX; --i > 0;)
            confirms(i, GARNET_OK);
        cr_assert_eq(d.sent - d.settled, 2 * GARNET_PENDING_MAX);
        confirms(0, GARNET_OK);
        cr_assert_eq(d.sent, d.settled);
        hands_over("one more, so that the next round begins elsewhere");
        confirms(GARNET_PENDING_MAX, GARNET_OK);
    }
}

/* The pause that one is promised is not cut short by another one that gets through. */
Test(deliver, a_pause_is_kept)
{
    hands_over("a");
    hands_over("b");
    confirms(0, GARNET_RETRY);
    cr_assert_eq(nheld, 2);
    confirms(1, GARNET_OK);
    cr_assert_eq(nheld, 2, "it comes again at once");
    cr_assert(d.down);
    cr_assert_not(deliver_may(&d, d.retry_ns), "nothing new before it");
    cr_assert_eq(deliver_turn(&d, d.retry_ns), GARNET_OK);
    cr_assert_eq(nheld, 3);
    cr_assert(is(2, "a"));
    cr_assert_eq(held[2]->attempt, 2);
    confirms(2, GARNET_OK);
    cr_assert_not(d.down);
    cr_assert_eq(deliver_due(&d, clock_mono()), -1);
}

/* Judged again each time, and counted once, whatever came before. */
Test(deliver, what_is_rejected_is_counted_once)
{
    hands_over("a");
    cr_assert_eq(event(says_reject, 0, 0), GARNET_OK);
    confirms(0, GARNET_RETRY);
    cr_assert_eq(rejected, 0);
    cr_assert_eq(deliver_turn(&d, d.retry_ns), GARNET_OK);
    cr_assert_eq(event(says_reject, 1, 0), GARNET_OK);
    cr_assert_eq(event(says_reject, 1, 0), GARNET_OK);
    confirms(1, GARNET_REJECT);
    cr_assert_eq(rejected, 1);
}

/* One that it does not have, or has confirmed, and a metric that is not in it. */
Test(deliver, what_it_does_not_have_breaks_a_rule)
{
    hands_over("a");
    cr_assert_eq(event(says_reject, 0, 1), GARNET_FATAL);
    cr_assert_str_eq(plugin_why(&p), "it rejects metric 1 of a batch that has 1");
    cr_assert_eq(event(says_confirm, 0, GARNET_SKIP), GARNET_FATAL);
    cr_assert_eq(event(says_confirm, 0, GARNET_OK), GARNET_OK);
    cr_assert_eq(event(says_confirm, 0, GARNET_OK), GARNET_FATAL, "confirmed twice");
    cr_assert_str_eq(plugin_why(&p), "it confirms batch 1, which is not pending");
    cr_assert_eq(deliver_turn(&d, clock_mono()), GARNET_OK);
    cr_assert_eq(d.settled, d.sent);
}

/* What one deliver() says of another batch is taken before its own answer. */
Test(deliver, an_older_one_fails_while_a_younger_is_taken)
{
    hands_over("a");
    p.def.deliver = confirms_the_oldest;
    hands_over("b");
    cr_assert(d.down);
    cr_assert_gt(d.retry_ns, 0);
    cr_assert_eq(d.settled, 0);
    p.def.deliver = holds;
    cr_assert_eq(deliver_turn(&d, d.retry_ns), GARNET_OK);
    cr_assert_eq(nheld, 2);
    cr_assert(is(1, "a"));
}

static int confirms_a_younger_first(garnet *g, int fd, uint32_t events)
{
    (void)fd;
    (void)events;
    g->host->confirm(g, held[1]->id, GARNET_RETRY);
    g->host->confirm(g, held[0]->id, GARNET_OK);
    return GARNET_OK;
}

/* What one event() says is taken in the order in which it says it: here nothing got through before the
 * younger one failed, so the pause stays as it is. */
Test(deliver, what_is_confirmed_first_is_taken_first)
{
    int64_t pause = clock_mono() + 3600 * NS_PER_S;

    hands_over("a");
    hands_over("b");
    d.down = true;
    d.retry_ns = pause;
    p.def.event = confirms_a_younger_first;
    cr_assert_eq(plugin_event(&p, -1, 0), GARNET_OK);
    cr_assert_eq(deliver_turn(&d, clock_mono()), GARNET_OK);
    cr_assert(d.down);
    cr_assert_eq(d.retry_ns, pause);
    cr_assert_eq(d.throttle.failures, 0);
    cr_assert_lt(d.settled, d.sent, "b is to come again");
    cr_assert_eq(nheld, 2);
}
