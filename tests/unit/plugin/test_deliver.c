/* plugin/deliver.c: batches that are pending, with a plugin that keeps what it was given and says later what
 * became of it. */
#include "base/clock.h"
#include "base/log.h"
#include "plugin/deliver.h"
#include "rig/sink_kit.h"

static struct plugin p;
static struct deliver d;
static struct batch b;
enum { MOST = 16 }; /* pending, where the plugin says nothing of that */
static const garnet_batch *held[2 * 1024];
static unsigned nheld;
static uint64_t rejected, stale;

static int holds(garnet *g, const garnet_batch *batch)
{
    (void)g;
    held[nheld++] = batch;
    return GARNET_PENDING;
}

static int retries(garnet *g, const garnet_batch *batch)
{
    (void)batch;
    return g->host->fail(g, GARNET_RETRY, "not now");
}

static int confirms_the_oldest(garnet *g, const garnet_batch *batch)
{
    (void)batch;
    g->host->confirm(g, held[0]->id, GARNET_RETRY);
    return GARNET_OK;
}

static int confirms_itself_with_retry(garnet *g, const garnet_batch *batch)
{
    (void)g->host->fail(g, GARNET_RETRY, "this one not yet");
    g->host->confirm(g, batch->id, GARNET_RETRY);
    return GARNET_PENDING;
}

static void on_lost(void *arg, const struct deliver_loss *loss)
{
    (void)arg;
    *(loss->stale ? &stale : &rejected) += loss->n;
}

static void setup(void)
{
    log_set_level(LOG_L_ERROR);
    p.def = (garnet_plugin){.name = "x", .deliver = holds};
    host_init(&p.host, &p.def, &p.options);
    cr_assert(batch_init(&b, &p, 1000));
    deliver_init(&d, &p, 0, on_lost, NULL);
}

/* Begins anew with a plugin that says this of itself. */
static void is_plugin(uint32_t flags, uint32_t max_pending)
{
    p.def.flags = flags;
    p.def.max_pending = max_pending;
    deliver_free(&d);
    deliver_init(&d, &p, 0, on_lost, NULL);
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

enum { LONG = 8 }; /* failures, after which a pause is longer than a machine may stand still */

static struct pending_batch *with_id(uint64_t id)
{
    struct pending_batch *one;

    TAILQ_FOREACH (one, &d.pending.all, all)
        if (one->batch.id == id)
            return one;
    cr_assert_fail("no batch %llu", (unsigned long long)id);
    return NULL;
}

static void confirms(unsigned i, int answer)
{
    if (answer == GARNET_RETRY)
        with_id(held[i]->id)->pause.throttle.failures = LONG;
    cr_assert_eq(event(says_confirm, i, answer), GARNET_OK);
    cr_assert_eq(deliver_turn(&d, clock_mono()), GARNET_OK);
}

/* Says so in its event(), before it confirms. */
static void says_retry_after(unsigned i, int seconds)
{
    p.host.table.retry_after(&p.host.g, seconds * NS_PER_S);
    says_confirm(i, GARNET_RETRY);
}

static void retries_in(unsigned i, int seconds)
{
    cr_assert_eq(event(says_retry_after, i, seconds), GARNET_OK);
    cr_assert_eq(deliver_turn(&d, clock_mono()), GARNET_OK);
}

/* When something is due that is to come again. */
static int64_t due_at(void)
{
    int64_t now = clock_mono(), due = deliver_due(&d, now);

    cr_assert_geq(due, 0);
    return now + due;
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

static void there_may_be(unsigned most)
{
    for (unsigned round = 0; round < 100; round++) {
        nheld = 0;
        for (unsigned i = 0; i < most; i++)
            hands_over("x");
        cr_assert_not(deliver_may(&d, clock_mono()));
        for (unsigned i = most; --i > 0;)
            confirms(i, GARNET_OK);
        cr_assert_eq(d.sent - d.settled, 2 * most);
        confirms(0, GARNET_OK);
        cr_assert_eq(d.sent, d.settled);
        hands_over("one more");
        confirms(most, GARNET_OK);
    }
}

Test(deliver, as_many_as_there_may_be)
{
    there_may_be(MOST);
}

Test(deliver, as_many_as_the_plugin_says)
{
    is_plugin(0, 1);
    there_may_be(1);
    is_plugin(0, 100);
    there_may_be(100);
}

Test(deliver, memory_is_for_those_that_are_pending)
{
    is_plugin(0, 1024);
    for (unsigned i = 0; i < 1024; i++)
        hands_over("x");
    cr_assert_eq(d.pending.n, 1024);
    for (unsigned i = 0; i < 1024; i++)
        confirms(i, GARNET_OK);
    cr_assert(TAILQ_EMPTY(&d.pending.all));
    cr_assert_null(d.pending.spare->bytes.p, "what it has left is one place, without bytes");
}

/* --- one that fails --- */

Test(deliver, one_that_fails_waits_and_the_others_go_on)
{
    hands_over("a");
    hands_over("b");
    for (unsigned attempt = 2; attempt < 8; attempt++) {
        confirms(nheld - 2, GARNET_RETRY);
        cr_assert_not(d.down);
        confirms(nheld - 1, GARNET_OK);
        cr_assert_eq(deliver_turn(&d, clock_mono()), GARNET_OK);
        cr_assert_eq(d.settled, 0);
        cr_assert_eq(deliver_turn(&d, due_at()), GARNET_OK);
        cr_assert(is(nheld - 1, "a"));
        cr_assert_eq(held[nheld - 1]->attempt, attempt);
        hands_over("c");
        cr_assert_not(d.down, "it flaps");
    }
    confirms(nheld - 2, GARNET_OK);
    confirms(nheld - 1, GARNET_OK);
    cr_assert_eq(deliver_due(&d, clock_mono()), -1);
    cr_assert_eq(d.settled, d.sent);
}

Test(deliver, one_that_is_stuck_stops_no_other)
{
    hands_over("stuck");
    for (unsigned i = 1; i < 4 * MOST; i++) {
        hands_over("x");
        confirms(i, GARNET_OK);
    }
    cr_assert_eq(d.pending.n, 1);
    cr_assert_eq(d.settled, 0);
    confirms(0, GARNET_OK);
    cr_assert_eq(d.settled, d.sent);
}

/* Who was told to stop in the first of them is not called for the others. */
Test(deliver, one_a_turn_comes_again)
{
    for (unsigned i = 0; i < 3; i++)
        hands_over("x");
    for (unsigned i = 0; i < 3; i++)
        confirms(i, GARNET_RETRY);
    deliver_hurry(&d);
    for (unsigned i = 4; i <= 6; i++) {
        cr_assert_eq(deliver_due(&d, clock_mono()), 0);
        cr_assert_eq(deliver_turn(&d, clock_mono()), GARNET_OK);
        cr_assert_eq(nheld, i);
    }
}

Test(deliver, nothing_overtakes_one_that_fails_where_there_is_an_order)
{
    is_plugin(GARNET_ORDERED, 0);
    hands_over("a");
    hands_over("b");
    confirms(1, GARNET_RETRY);
    retries_in(0, 60);
    cr_assert(d.down);
    cr_assert_not(deliver_may(&d, INT64_MAX));
    cr_assert_gt(deliver_due(&d, with_id(2)->pause.until), 20 * NS_PER_S,
                 "the younger one is not due before the older one");
    cr_assert_eq(deliver_turn(&d, with_id(2)->pause.until), GARNET_OK);
    cr_assert_eq(nheld, 2);
    cr_assert_eq(deliver_turn(&d, INT64_MAX), GARNET_OK);
    cr_assert_eq(deliver_turn(&d, INT64_MAX), GARNET_OK);
    cr_assert(is(2, "a"));
    cr_assert(is(3, "b"));
    confirms(3, GARNET_OK);
    cr_assert(d.down, "a has not got through");
    confirms(2, GARNET_OK);
    cr_assert_not(d.down);
    cr_assert(deliver_may(&d, clock_mono()));
}

/* What deliver() confirms with RETRY waits alone; what it answers with RETRY it does not take. */
Test(deliver, a_plugin_that_does_not_wait_can_put_one_off)
{
    p.def.deliver = confirms_itself_with_retry;
    hands_over("a");
    p.def.deliver = holds;
    hands_over("b");
    cr_assert_eq(d.pending.again, 1);
    cr_assert_eq(deliver_turn(&d, due_at()), GARNET_OK);
    cr_assert(is(1, "a"));
    cr_assert_eq(held[1]->attempt, 2);
}

static void is_not_taken(void)
{
    p.def.deliver = retries;
    batch_begin(&b);
    buf_puts(&b.bytes, "new");
    b.nmetrics = 1;
    deliver_hurry(&d);
    d.pause.throttle.failures = LONG;
    cr_assert(deliver_may(&d, clock_mono()));
    cr_assert_eq(deliver_batch(&d, &b), GARNET_RETRY);
    cr_assert_not(deliver_may(&d, clock_mono()));
    p.def.deliver = holds;
}

Test(deliver, one_that_is_not_taken_holds_back_what_is_new)
{
    is_not_taken();
    cr_assert(d.down);
    deliver_hurry(&d);
    hands_over("new");
    cr_assert_eq(held[0]->attempt, 2);
    is_not_taken();
    cr_assert_not(deliver_may(&d, clock_mono()));
    confirms(0, GARNET_OK);
    cr_assert(deliver_may(&d, clock_mono()), "something has got through: there may be room");
}

/* --- nothing gets through --- */

/* However many have failed, and no matter which, of those that tell something. */
Test(deliver, all_that_fail_are_down)
{
    for (unsigned n = 2; n <= MOST; n++) {
        unsigned first = nheld;

        for (unsigned i = 0; i < n; i++)
            hands_over("x");
        for (unsigned i = 0; i < n; i++) {
            cr_assert_not(d.down);
            confirms(first + i, GARNET_RETRY);
        }
        cr_assert(d.down, "%u batches fail", n);
        is_plugin(0, 0);
    }
}

Test(deliver, one_alone_that_fails_again_is_down)
{
    hands_over("x");
    confirms(0, GARNET_RETRY);
    cr_assert_not(d.down);
    cr_assert_eq(deliver_turn(&d, due_at()), GARNET_OK);
    confirms(1, GARNET_RETRY);
    cr_assert(d.down);
}

/* As it ends, what has failed since is tried at once, and what had failed before keeps its pause. */
Test(deliver, as_it_ends_what_failed_for_it_is_tried_at_once)
{
    int64_t pause = clock_mono() + 3600 * NS_PER_S;

    hands_over("old");
    confirms(0, GARNET_RETRY);
    with_id(1)->pause.until = pause;
    hands_over("x");
    confirms(1, GARNET_OK);
    hands_over("c");
    hands_over("d");
    confirms(2, GARNET_RETRY);
    confirms(3, GARNET_RETRY);
    cr_assert(d.down);
    cr_assert_eq(deliver_turn(&d, due_at()), GARNET_OK);
    confirms(4, GARNET_OK);
    cr_assert_not(d.down);
    cr_assert_eq(with_id(1)->pause.until, pause);
    cr_assert_eq(nheld, 6, "the other one is there already");
}

/* Short ones are said three times a minute; one that lasts is said, however many were just before. */
Test(deliver, an_outage_that_lasts_is_said)
{
    for (unsigned i = 0; i < 3; i++) {
        is_not_taken();
        cr_assert(d.said);
        deliver_hurry(&d);
        hands_over("new");
        confirms(i, GARNET_OK);
        cr_assert_not(d.down);
    }
    is_not_taken();
    cr_assert(d.down);
    cr_assert_not(d.said);
    d.downs.at -= 61 * NS_PER_S;
    is_not_taken();
    cr_assert(d.said);
}

/* Who takes no more while others are out has a full queue, whichever they are, until that does not move. */
Test(deliver, a_full_queue_is_not_down)
{
    hands_over("a");
    hands_over("b");
    confirms(1, GARNET_OK);
    is_not_taken();
    cr_assert_not(d.down);
    d.failing_ns -= 2 * NS_PER_S;
    is_not_taken();
    cr_assert(d.down);
}

/* --- nothing is said of what is pending --- */

static bool stalls_at(int64_t now)
{
    cr_assert_eq(deliver_turn(&d, now), GARNET_OK);
    return d.stalled;
}

Test(deliver, a_plugin_that_confirms_nothing_is_stalled)
{
    int64_t since = clock_mono();

    hands_over("a");
    cr_assert_not(stalls_at(since + 19 * NS_PER_S));
    cr_assert(deliver_in_flight(&d, since + 19 * NS_PER_S));
    cr_assert(stalls_at(clock_mono() + 20 * NS_PER_S));
    cr_assert_not(deliver_in_flight(&d, clock_mono() + 20 * NS_PER_S));
    hands_over("b");
    confirms(0, GARNET_OK);
    cr_assert_not(d.stalled);
    cr_assert_not(stalls_at(since + 19 * NS_PER_S));
    cr_assert(stalls_at(clock_mono() + 20 * NS_PER_S));
    confirms(1, GARNET_RETRY);
    cr_assert_not(d.stalled, "it says that it fails");
}

Test(deliver, one_that_others_have_overtaken_is_not_stalled)
{
    hands_over("stuck");
    hands_over("b");
    confirms(1, GARNET_OK);
    cr_assert_not(stalls_at(clock_mono() + 1000 * NS_PER_S));
    hands_over("c");
    cr_assert(stalls_at(clock_mono() + 1000 * NS_PER_S));
}

/* --- what is too old to come again --- */

Test(deliver, what_is_too_old_does_not_come_again)
{
    d.max_age = 10 * NS_PER_S;
    hands_over("a");
    hands_over("b");
    with_id(1)->eldest_ns = clock_wall() - 9 * NS_PER_S;
    with_id(2)->eldest_ns = clock_wall() - 11 * NS_PER_S;
    confirms(0, GARNET_RETRY);
    confirms(1, GARNET_RETRY);
    deliver_hurry(&d);
    cr_assert_eq(deliver_turn(&d, clock_mono()), GARNET_OK);
    cr_assert_eq(deliver_turn(&d, clock_mono()), GARNET_OK);
    cr_assert_eq(nheld, 3);
    cr_assert(is(2, "a"));
    cr_assert_eq(stale, 1);
    cr_assert_eq(d.pending.n, 1);
    confirms(2, GARNET_RETRY);
    with_id(1)->eldest_ns = clock_wall() - 11 * NS_PER_S;
    cr_assert_eq(deliver_turn(&d, due_at()), GARNET_OK);
    cr_assert_eq(nheld, 3);
    cr_assert_eq(stale, 2);
    cr_assert_eq(d.settled, d.sent);
}

/* However long its pause: an hour, say, that the peer has asked for. */
Test(deliver, what_becomes_too_old_in_its_pause_is_dropped_there)
{
    d.max_age = 10 * NS_PER_S;
    hands_over("a");
    hands_over("b");
    with_id(1)->eldest_ns = clock_wall() - 8 * NS_PER_S;
    confirms(0, GARNET_RETRY);
    with_id(1)->pause.until = clock_mono() + 3600 * NS_PER_S;
    cr_assert_leq(deliver_due(&d, clock_mono()), 2 * NS_PER_S);
    cr_assert_gt(deliver_due(&d, clock_mono()), 0);
    with_id(1)->eldest_ns -= 3 * NS_PER_S;
    cr_assert_eq(deliver_due(&d, clock_mono()), 0);
    cr_assert_eq(deliver_turn(&d, clock_mono()), GARNET_OK);
    cr_assert_eq(stale, 1);
    cr_assert_eq(d.pending.n, 1);
    cr_assert_eq(deliver_due(&d, clock_mono()), -1);
}

/* At an end there is no turn any more, and what the plugin said counts all the same. */
Test(deliver, what_is_said_last_is_taken_without_a_turn)
{
    hands_over("a");
    hands_over("b");
    cr_assert_eq(event(says_confirm, 0, GARNET_OK), GARNET_OK);
    cr_assert_eq(d.settled, 0);
    deliver_look(&d);
    cr_assert_eq(d.settled, 2);
}

/* What is made anew of the spool is another batch, which has not been tried. */
Test(deliver, a_batch_that_is_made_anew_has_a_number_of_its_own)
{
    is_not_taken();
    deliver_anew(&d);
    deliver_hurry(&d);
    hands_over("other");
    cr_assert_eq(held[0]->id, 2);
    cr_assert_eq(held[0]->attempt, 1);
    deliver_anew(&d);
    hands_over("more");
    cr_assert_eq(held[1]->id, 3);
}

/* --- RETRY with a time --- */

Test(deliver, a_time_that_the_peer_asked_for_is_kept)
{
    int64_t now = clock_mono();

    hands_over("a");
    hands_over("b");
    hands_over("c");
    retries_in(0, 100);
    confirms(1, GARNET_RETRY);
    cr_assert_geq(with_id(1)->pause.until, now + 100 * NS_PER_S);
    cr_assert_lt(with_id(2)->pause.until, now + 50 * NS_PER_S, "it is about one batch alone");
    cr_assert_geq(with_id(1)->pause.throttle.failures, 1);
    deliver_hurry(&d);
    confirms(2, GARNET_OK);
    cr_assert_geq(with_id(1)->pause.until, now + 100 * NS_PER_S);
    cr_assert(deliver_may(&d, clock_mono()));
}

static int retries_in_two_hours(garnet *g, const garnet_batch *batch)
{
    g->host->retry_after(g, 7200 * NS_PER_S);
    return retries(g, batch);
}

Test(deliver, an_hour_at_most)
{
    int64_t now = clock_mono();

    p.def.deliver = retries_in_two_hours;
    batch_begin(&b);
    buf_puts(&b.bytes, "a");
    b.nmetrics = 1;
    cr_assert_eq(deliver_batch(&d, &b), GARNET_RETRY);
    cr_assert_geq(d.pause.until, now + 3600 * NS_PER_S);
    cr_assert_leq(d.pause.until, clock_mono() + 3600 * NS_PER_S);
    deliver_hurry(&d);
    cr_assert_geq(d.pause.until, now + 3600 * NS_PER_S);
}

/* One call's is not the next one's. */
Test(deliver, a_time_is_for_this_call_alone)
{
    p.host.retry_ns = 100 * NS_PER_S;
    hands_over("a");
    confirms(0, GARNET_RETRY);
    cr_assert_lt(with_id(1)->pause.until, clock_mono() + 50 * NS_PER_S);
    host_enter(&p.host, PLUGIN_CLOSE);
    p.host.table.retry_after(&p.host.g, 1);
    cr_assert_eq(host_leave(&p.host, GARNET_OK), GARNET_FATAL);
    cr_assert_str_eq(plugin_why(&p), "it calls retry_after() in close(), where it may not");
}

/* --- what is said of a batch --- */

/* Judged again each time, and counted once, whatever came before. */
Test(deliver, what_is_rejected_is_counted_once)
{
    hands_over("a");
    cr_assert_eq(event(says_reject, 0, 0), GARNET_OK);
    confirms(0, GARNET_RETRY);
    cr_assert_eq(rejected, 0);
    cr_assert_eq(deliver_turn(&d, due_at()), GARNET_OK);
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
    cr_assert_not(d.down);
    cr_assert_eq(d.settled, 0);
    p.def.deliver = holds;
    cr_assert_eq(deliver_turn(&d, due_at()), GARNET_OK);
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

/* What one event() says is taken in the order in which it says it: here the younger one fails before anything
 * gets through, so it is no failure any more. */
Test(deliver, what_is_confirmed_first_is_taken_first)
{
    hands_over("a");
    hands_over("b");
    p.def.event = confirms_a_younger_first;
    cr_assert_eq(plugin_event(&p, -1, 0), GARNET_OK);
    cr_assert_eq(deliver_turn(&d, clock_mono()), GARNET_OK);
    cr_assert_eq(d.failures, 0);
    cr_assert_lt(d.settled, d.sent, "b is to come again");
    cr_assert_eq(nheld, 2);
}
