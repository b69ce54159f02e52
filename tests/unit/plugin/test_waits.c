/* tests/unit/plugin/test_waits.c - plugin/waits.h: watch() and timer() of a plugin in a loop, as its callbacks may call them */
#include <criterion/criterion.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/loop.h"
#include "plugin/plugin.h"

static struct loop *loop;
static struct plugin p;
static struct waits waits;
static int ready[2], opens, events;

/* What is ready at once; the first open() fails. */
static int opens_at_the_second_time(garnet *g)
{
    cr_assert_eq(g->host->watch(g, ready[0], GARNET_READABLE), 0);
    g->host->timer(g, 0);
    return opens++ == 0 ? g->host->fail(g, GARNET_RETRY, "not yet") : GARNET_OK;
}

static int opens_with_a_far_timer(garnet *g)
{
    g->host->timer(g, INT64_MAX);
    return GARNET_OK;
}

static int counts(garnet *g, int fd, uint32_t what)
{
    (void)g, (void)fd, (void)what;
    cr_assert(p.opened);
    events++;
    return GARNET_OK;
}

static void ends_its_waits(garnet *g)
{
    cr_assert_eq(g->host->watch(g, ready[0], 0), 0);
    g->host->timer(g, -1);
    cr_assert_not(p.host.broke);
    cr_assert_eq(g->host->watch(g, ready[0], GARNET_READABLE), -1);
    cr_assert(p.host.broke);
}

static void on_event(void *arg, int fd, uint32_t what)
{
    (void)arg;
    (void)plugin_event(&p, fd, what);
}

static void setup(void)
{
    log_set_level(LOG_L_ERROR);
    p.def = (garnet_plugin){.name = "x", .event = counts};
    host_init(&p.host, &p.def, &p.options);
    cr_assert_not_null(loop = loop_new());
    cr_assert_eq(fd_pipe(ready, 0, 0), 0);
    cr_assert_eq(write(ready[1], "x", 1), 1);
    waits_init(&waits, loop, on_event, NULL);
    p.host.waits = &waits;
}

static void teardown(void)
{
    waits_clear(&waits);
    loop_free(loop);
    fd_close(&ready[0]);
    fd_close(&ready[1]);
}

TestSuite(waits, .init = setup, .fini = teardown, .timeout = 60);

Test(waits, an_open_that_fails_waits_for_nothing)
{
    p.def.open = opens_at_the_second_time;
    cr_assert_eq(plugin_open(&p), GARNET_RETRY);
    (void)loop_turn(loop, 10 * NS_PER_MS);
    cr_assert_eq(events, 0);
    cr_assert_eq(plugin_open(&p), GARNET_OK);
    (void)loop_turn(loop, 10 * NS_PER_MS);
    cr_assert_eq(events, 2, "the descriptor and the timer");
}

Test(waits, a_timer_that_never_comes_is_none_at_once)
{
    p.def.open = opens_with_a_far_timer;
    cr_assert_eq(plugin_open(&p), GARNET_OK);
    (void)loop_turn(loop, 10 * NS_PER_MS);
    cr_assert_eq(events, 0);
}

Test(waits, close_may_end_them_and_begin_none)
{
    p.def.close = ends_its_waits;
    cr_assert_eq(plugin_open(&p), GARNET_OK);
    plugin_close(&p);
}
