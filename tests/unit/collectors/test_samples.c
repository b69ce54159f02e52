/* What was measured, as JSON and as a table. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "host/samples.h"

static const struct figure READS = {.name = "disk.reads", .type = "counter", .tags = {"device"}},
                           WRITES = {.name = "disk.writes", .type = "counter", .tags = {"device"}},
                           READ_BYTES = {.name = "disk.read_bytes",
                                         .unit = "B",
                                         .type = "counter",
                                         .tags = {"device"}},
                           UPTIME = {.name = "uptime", .unit = "s", .type = "gauge"},
                           TEMP = {.name = "hwmon.temperature",
                                   .type = "gauge",
                                   .tags = {"chip", "sensor"}};

static struct samples s;
static struct client c;

static const char *json(double time)
{
    client_init(&c, "test", "/test");
    samples_send(&s, &c, time);
    cr_assert_str_eq(c.error, "");
    return c.out.n > 0 ? c.out.p : "";
}

static bool tags(const char *first, const char *second)
{
    const struct str values[FIGURE_TAGS] = {str_of(first),
                                            second != NULL ? str_of(second) : (struct str){0}};

    return samples_tags(&s, values);
}

static const char *table(void)
{
    static char text[1000];
    FILE *f = fmemopen(text, sizeof text, "w");

    samples_print(&s, f);
    fclose(f);
    return text;
}

Test(samples, none)
{
    cr_assert_str_eq(json(0), "");
    cr_assert_str_eq(table(), "");
}

Test(samples, what_belongs_together_is_one_object)
{
    cr_assert(tags("sda", NULL));
    samples_u64(&s, &READS, 1);
    samples_u64(&s, &WRITES, UINT64_MAX);
    samples_u64(&s, &READ_BYTES, 512);
    cr_assert(tags("sdb", NULL));
    samples_u64(&s, &READS, 2);
    samples_f64(&s, &UPTIME, 0.5);
    cr_assert_str_eq(
        json(0),
        "{\"name\":\"disk\",\"type\":\"counter\",\"tags\":{\"device\":\"sda\"},"
        "\"values\":{\"reads\":1,\"writes\":18446744073709551615}}\n"
        "{\"name\":\"disk\",\"type\":\"counter\",\"unit\":\"B\",\"tags\":{\"device\":\"sda\"},"
        "\"values\":{\"read_bytes\":512}}\n"
        "{\"name\":\"disk\",\"type\":\"counter\",\"tags\":{\"device\":\"sdb\"},"
        "\"values\":{\"reads\":2}}\n"
        "{\"name\":\"uptime\",\"type\":\"gauge\",\"unit\":\"s\",\"value\":0.5}\n");
    cr_assert_str_eq(table(), "disk.reads{device=sda}                          1        counter\n"
                              "disk.writes{device=sda}      18446744073709551615        counter\n"
                              "disk.read_bytes{device=sda}                   512 B      counter\n"
                              "disk.reads{device=sdb}                          2        counter\n"
                              "uptime                                        0.5 s      gauge\n");
}

Test(samples, each_has_the_time)
{
    samples_u64(&s, &UPTIME, 1);
    cr_assert_str_eq(json(1700000000), "{\"name\":\"uptime\",\"type\":\"gauge\",\"unit\":\"s\","
                                       "\"time\":1700000000.0,\"value\":1}\n");
}

Test(samples, tags_of_any_bytes)
{
    char wide[514];

    cr_assert(tags("a \"b\"\xc3\xa9", "x\n\x01\xff"));
    samples_u64(&s, &TEMP, 1);
    cr_assert_neq(strstr(json(0), "{\"chip\":\"a \\\"b\\\"\xc3\xa9\","
                                  "\"sensor\":\"$'x\\\\n\\\\x01\\\\xff'\"}"),
                  NULL, "%s", c.out.p);
    memset(wide, 'x', sizeof wide);
    wide[513] = 0;
    cr_assert(!tags(wide, NULL));
    wide[512] = 0;
    cr_assert(tags(wide, NULL));
    cr_assert(!tags("", NULL));
    cr_assert(!tags("a", ""));
}

Test(samples, without_memory_there_is_no_tag)
{
    s.text.max = 4;
    cr_assert(tags("abc", NULL));
    cr_assert(!tags("d", NULL));
    cr_assert(!samples_ok(&s));
    samples_reset(&s);
    cr_assert(samples_ok(&s) && tags("abc", NULL));
}

/* Whatever names there are, no two become the same. */
Test(samples, tags_of_two_names_are_two)
{
    static const char *const names[] = {"a\x01",      "a\\x01",     "a\\\\x01",     "$'a\\x01'",
                                        "a\\x01\x02", "a\x01\\x02", "a\\\\x01\x02", "$'a\\\\x01'",
                                        "$'",         "a\u202e",    "a\\u202e",     "$''"};
    enum { NAMES = sizeof names / sizeof *names };
    char *texts[NAMES];

    for (size_t i = 0; i < NAMES; i++) {
        cr_assert(tags(names[i], NULL));
        texts[i] = strdup(s.text.p + s.tags);
        for (size_t j = 0; j < i; j++)
            cr_expect_str_neq(texts[i], texts[j], "%zu, %zu", i, j);
    }
    cr_expect_str_eq(texts[0], "$'a\\x01'");
    cr_expect_str_eq(texts[1], "a\\x01");
    for (size_t i = 0; i < NAMES; i++)
        free(texts[i]);
}
