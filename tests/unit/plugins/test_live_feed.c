/* plugins/live/feed and json: one ring for all readers, and what goes into it. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "feed.h"
#include "store.h"

static struct store *store;
static struct feed feed;
static uint64_t at;

static const struct series *take(const char *key, int64_t ms, double value)
{
    struct line line = {.time_ms = ms, .value = value, .key = {key, strlen(key)}};
    const struct series *e = NULL;

    cr_assert_leq(store_take(store, &line, ms, &e), STORE_NEW);
    return e;
}

static void begin(void)
{
    store = store_new(100);
    feed = (struct feed){0};
    cr_assert(feed_join(&feed, &at));
}

static void end(void)
{
    feed_free(&feed);
    store_free(store);
}

static const char *rest(void)
{
    static char text[4096];
    size_t n = 0;
    ptrdiff_t got;

    while ((got = feed_read(&feed, &at, text + n, 7)) > 0)
        n += (size_t)got;
    cr_assert_eq(got, 0);
    text[n] = 0;
    return text;
}

TestSuite(live_feed, .init = begin, .fini = end);

Test(live_feed, an_event)
{
    const struct series *a = take("gauge\tB\ta", 5000, 1), *b = take("rate\t\tb\tk\tv", 5000, 0.5);

    feed_new(&feed, a);
    feed_point(&feed, a, 5000, 1);
    feed_point(&feed, b, 5000, 0.5);
    feed_point(&feed, a, 6000, -2e300);
    cr_expect_str_eq(rest(), "");
    feed_flush(&feed);
    cr_expect_str_eq(
        rest(),
        "data: "
        "{\"s\":[{\"i\":0,\"n\":\"a\",\"u\":\"B\",\"y\":\"gauge\",\"g\":{},\"t\":5000,\"v\":1}],"
        "\"p\":[5000,[0,1,1,0.5],6000,[0,-2e+300]]}\n\n");
    feed_gone(&feed, b->id);
    feed_comment(&feed);
    cr_expect_str_eq(rest(), "data: {\"g\":[1]}\n\n:\n\n");
}

Test(live_feed, nothing_is_made_for_nobody)
{
    const struct series *a = take("gauge\t\ta", 5000, 1);
    uint64_t before = feed.end;

    feed_leave(&feed);
    feed_point(&feed, a, 5000, 1);
    feed_gone(&feed, a->id);
    feed_comment(&feed);
    feed_flush(&feed);
    cr_expect_eq(feed.end, before);
}

Test(live_feed, who_is_slow_is_cut_off_and_others_are_not)
{
    const struct series *a = take("gauge\t\ta", 5000, 1);
    uint64_t quick;
    char text[256];

    cr_assert(feed_join(&feed, &quick));
    for (int64_t ms = 0; feed.end < 3 * FEED_RING; ms++) {
        feed_point(&feed, a, ms, 1);
        feed_flush(&feed);
        for (ptrdiff_t n; (n = feed_read(&feed, &quick, text, sizeof text)) != 0;)
            cr_assert_gt(n, 0);
    }
    cr_expect_eq(feed_read(&feed, &at, text, sizeof text), -1);
    cr_expect_eq(quick, feed.end);
}

Test(live_feed, long_events_are_several)
{
    const struct series *a = take("gauge\t\ta", 5000, 1);
    char *text = malloc(FEED_RING);
    size_t n = 0, longest = 0;

    for (int64_t ms = 0; ms < 20000; ms++)
        feed_point(&feed, a, ms, 1);
    feed_flush(&feed);
    for (ptrdiff_t got; (got = feed_read(&feed, &at, text + n, FEED_RING - 1 - n)) > 0;)
        n += (size_t)got;
    text[n] = 0;
    for (const char *p = text, *stop; (stop = strstr(p, "\n\n")) != NULL; p = stop + 2)
        longest = (size_t)(stop - p) > longest ? (size_t)(stop - p) : longest;
    cr_expect_gt(longest, FEED_EVENT);
    cr_expect_lt(longest, FEED_EVENT + 200);
    free(text);
}

Test(live_feed, strings)
{
    struct json j = {0};

    json_string(&j, (garnet_str){"a\"b\\c</script>\x01\xc3\xa4", 17});
    json_raw(&j, "", 1);
    cr_expect_str_eq(j.s, "\"a\\u0022b\\u005cc</script>\\u0001\xc3\xa4\"");
    json_free(&j);
}

Test(live_feed, values)
{
    static const struct {
        double v;
        const char *text;
    } cases[] = {{0, "0"},
                 {-0.0, "0"},
                 {0.1, "0.1"},
                 {-12345, "-12345"},
                 {270553174016.0, "270553174016"},
                 {1e15, "1e+15"},
                 {1.0 / 3, "0.3333333"},
                 {123456.78, "123456.78"}};
    struct json j = {0};

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        json_reset(&j);
        json_value(&j, cases[i].v);
        json_raw(&j, "", 1);
        cr_expect_str_eq(j.s, cases[i].text);
    }
    json_free(&j);
}
