/* tests/unit/intake/test_names.c - intake/names.h: what is remembered of names, and within which bounds */
#include <criterion/criterion.h>
#include <stdio.h>

#include "base/clock.h"
#include "intake/names.h"

static struct names names;
static int64_t now = 1000 * NS_PER_S;

static struct metric *called(const char *name, const char *collector)
{
    static struct metric m;

    m.name = str_of(name);
    m.collector = str_of(collector);
    m.prefix = str_of("");
    return &m;
}

static void saw(const char *name, const char *collector)
{
    now += NS_PER_MS;
    names_saw(&names, called(name, collector), now);
}

/* The collector of a name; NULL: it is not known. */
static const char *whose(const char *name)
{
    static char collector[NAMES_LENGTH + 1];
    struct name_seen s;
    size_t at = 0;

    while (names_next(&names, &at, &s))
        if (str_eq(s.name, str_of(name))) {
            (void)snprintf(collector, sizeof collector, "%.*s", (int)s.collector.n, s.collector.s);
            cr_assert(s.at <= clock_wall() && s.at > clock_wall() - 100 * NS_PER_S);
            return collector;
        }
    return NULL;
}

static size_t count_names(void)
{
    struct name_seen s;
    size_t at = 0, n = 0;

    while (names_next(&names, &at, &s))
        n++;
    return n;
}

Test(names, each_is_known_once_and_by_whoever_sent_it_last)
{
    names_init(&names);
    cr_assert_eq(whose("a"), NULL);
    saw("a", "one");
    saw("b", "");
    saw("a", "one");
    cr_assert_eq(count_names(), 2);
    cr_assert_str_eq(whose("a"), "one");
    cr_assert_str_eq(whose("b"), "");
    saw("a", "other");
    cr_assert_str_eq(whose("a"), "other");
    saw("a", "");
    cr_assert_str_eq(whose("a"), "");
    cr_assert_eq(count_names(), 2);
    cr_assert_eq(names.looked, 5);
    names_free(&names);
}

Test(names, grows_to_its_bound_and_then_the_oldest_give_way)
{
    char name[32];

    names_init(&names);
    for (int i = 0; i < 3 * NAMES_MOST; i++) {
        (void)snprintf(name, sizeof name, "series.%d", i);
        saw(name, "c");
        if (i % 1000 == 0)
            cr_assert_str_eq(whose(name), "c", "the newest is there");
    }
    cr_assert_leq(count_names(), NAMES_MOST);
    cr_assert_geq(count_names(), NAMES_MOST * 9 / 10);
    cr_assert_eq(count_names(), names.n);
    cr_assert_eq(names.n + names.displaced, 3 * NAMES_MOST);
    names_free(&names);
}

/* One script, two collectors with prefixes of their own. */
Test(names, a_prefix_makes_another_name)
{
    struct metric m = *called("temp", "a");
    struct name_seen s;
    size_t at = 0;

    names_init(&names);
    m.prefix = str_of("site.one");
    names_saw(&names, &m, now);
    names_saw(&names, &m, now);
    m.prefix = str_of("site.two");
    names_saw(&names, &m, now);
    saw("temp", "b");
    cr_assert_eq(count_names(), 3);
    cr_assert_str_eq(whose("site.one.temp"), "a");
    cr_assert_str_eq(whose("site.two.temp"), "a");
    cr_assert_str_eq(whose("temp"), "b");
    while (names_next(&names, &at, &s))
        cr_assert(str_eq((struct str){s.name.s + s.prefix, s.name.n - s.prefix}, str_of("temp")));
    names_free(&names);
}

Test(names, near_ones)
{
    names_init(&names);
    saw("cpu.user", "cpu");
    saw("memory.used", "memory");
    cr_assert(str_eq(names_near(&names, "cpu.usr", INT64_MAX), str_of("cpu.user")));
    cr_assert(str_eq(names_near(&names, "memory.usde", INT64_MAX), str_of("memory.used")));
    cr_assert_eq(names_near(&names, "disk.reads", INT64_MAX).n, 0);
    names_free(&names);
}

/* Beyond its rate it looks at one in so many, spread over time. */
Test(names, looks_at_no_more_than_its_rate)
{
    char name[32];
    uint64_t before;

    names_init(&names);
    for (int i = 0; i < 4 * NAMES_MOST; i++)
        names_saw(&names, called("burst", ""), now);
    cr_assert_leq(names.looked, NAMES_MOST + 1);
    cr_assert_eq(names.looked + names.skipped, 4 * NAMES_MOST);
    before = names.looked;
    for (int i = 0; i < 1000; i++) { /* a second, in turns of 1 ms, of 1,000 metrics each */
        now += NS_PER_MS;
        for (int k = 0; k < 1000; k++) {
            (void)snprintf(name, sizeof name, "%d", (i + k) % 100);
            names_saw(&names, called(name, ""), now);
        }
    }
    cr_assert_leq(names.looked - before, NAMES_A_SECOND + 10);
    cr_assert_geq(names.looked - before, NAMES_A_SECOND * 9 / 10);
    cr_assert_eq(count_names(), 101, "each of 100 has been met, and the burst's");
    names_free(&names);
}

Test(names, what_is_too_long_is_passed_over)
{
    static char name[NAMES_LENGTH + 2];

    memset(name, 'x', NAMES_LENGTH + 1);
    names_init(&names);
    saw(name, "");
    cr_assert_eq(count_names(), 0);
    cr_assert_eq(names.skipped, 1);
    name[NAMES_LENGTH] = '\0';
    saw(name, "");
    cr_assert_eq(count_names(), 1);
    names_free(&names);
}
