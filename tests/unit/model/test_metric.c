/* model/metric: tags in order, and one message for each thing that can be wrong */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>

#include "model/metric.h"

static const struct metric_limits LIMITS = {.max_name = 255, .max_tags = 3, .max_tag = 32};

static struct metric good(void)
{
    return (struct metric){
        .type = METRIC_GAUGE,
        .vtype = METRIC_F64,
        .value.f = 1.5,
        .name = {"cpu.user", 8},
        .unit = {"%", 1},
    };
}

static void add(struct metric *m, const char *key, const char *val)
{
    cr_assert(metric_tag(m->tags, &m->ntags, str_of(key), str_of(val), true));
}

static void faulty(const struct metric *m, const char *field, const char *why)
{
    struct metric_fault f;

    cr_assert_not(metric_check(m, &LIMITS, &f));
    cr_assert_str_eq(f.field, field, "got %s: %s", f.field, f.why.text);
    cr_assert_str_eq(f.why.text, why, "got %s: %s", f.field, f.why.text);
}

Test(metric, types)
{
    uint8_t type = 0;

    for (uint8_t i = 1; i <= 5; i++) {
        cr_assert(metric_type_parse(str_of(metric_type_name(i)), &type));
        cr_assert_eq(type, i);
    }
    cr_assert_not(metric_type_parse(str_of("gauges"), &type));
    cr_assert_not(metric_type_parse(str_of(""), &type));
    cr_assert_str_eq(metric_type_name(0), "?");
    cr_assert_str_eq(metric_type_name(6), "?");
}

Test(metric, tags_are_sorted_and_unique)
{
    struct tag tags[METRIC_MAX_TAGS];
    uint32_t n = 0;
    char keys[METRIC_MAX_TAGS][8];

    for (int i = 0; i < METRIC_MAX_TAGS; i++) {
        (void)snprintf(keys[i], sizeof keys[i], "k%02d", i * 37 % METRIC_MAX_TAGS);
        cr_assert(metric_tag(tags, &n, str_of(keys[i]), str_of("v"), false));
    }
    for (uint32_t i = 1; i < n; i++)
        cr_assert_lt(str_cmp(tags[i - 1].key, tags[i].key), 0);
    cr_assert_eq(n, METRIC_MAX_TAGS);
    cr_assert_not(metric_tag(tags, &n, str_of("new"), str_of("v"), true));
    cr_assert(metric_tag(tags, &n, str_of("k05"), str_of("kept out"), false));
    cr_assert(str_eq(tags[5].val, str_of("v")));
    cr_assert(metric_tag(tags, &n, str_of("k05"), str_of("taken"), true));
    cr_assert(str_eq(tags[5].val, str_of("taken")));
    cr_assert_eq(n, METRIC_MAX_TAGS);
}

Test(metric, text)
{
    cr_assert(metric_text_ok(str_of("")));
    cr_assert(metric_text_ok(str_of("caf\xc3\xa9 \xe2\x82\xac")));
    cr_assert(metric_text_ok(str_of("\xc2\xa0")));
    cr_assert_not(metric_text_ok(str_of("\xc2\x85"))); /* NEL, a C1 control */
    cr_assert_not(metric_text_ok(str_of("a\nb")));
    cr_assert_not(metric_text_ok(str_of("\x7f")));
    cr_assert_not(metric_text_ok(str_of("\xc3")));
    cr_assert_not(metric_text_ok((struct str){"a\0b", 3}));
}

Test(metric, good_ones_pass)
{
    struct metric m = good();
    struct metric_fault f;

    cr_assert(metric_check(&m, &LIMITS, &f));
    add(&m, "host", "web01");
    add(&m, "cpu", "0");
    m.vtype = METRIC_U64;
    m.value.u = UINT64_MAX;
    m.unit.n = 0;
    cr_assert(metric_check(&m, &LIMITS, &f));
}

Test(metric, faults_of_the_metric)
{
    char large[300];
    struct metric m = good();

    memset(large, 'x', sizeof large);
    m.name = (struct str){"", 0};
    faulty(&m, "name", "is empty: give the metric a name");
    m.name = (struct str){large, 300};
    faulty(&m, "name", "is 300 bytes long: at most 255");
    m.name = str_of("cpu\n.user");
    faulty(&m, "name", "has a control character at byte 4");
    m.name = str_of("cpu\xed\xa0\x80");
    faulty(&m, "name", "is not valid UTF-8 at byte 4");
    m = good();
    m.type = 6;
    faulty(&m, "type", "is unknown: use gauge, counter, rate, count or timestamp");
    m = good();
    m.value.f = (double)NAN;
    faulty(&m, "value", "must be a finite number");
    m.value.f = -(double)INFINITY;
    faulty(&m, "value", "must be a finite number");
    m.vtype = 3;
    faulty(&m, "value", "must be a number");
    m = good();
    m.unit = (struct str){large, 65};
    faulty(&m, "unit", "is 65 bytes long: at most 64");
    m = good();
    m.interval_ns = -1;
    faulty(&m, "interval", "is negative");
}

Test(metric, faults_of_tags)
{
    struct metric m = good();

    add(&m, "host", "");
    faulty(&m, "tags.host", "is empty: give it a value or leave it out");
    add(&m, "host", "a\x1b");
    faulty(&m, "tags.host", "has a control character at byte 2");
    add(&m, "host", "123456789012345678901234567890123");
    faulty(&m, "tags.host", "is 33 bytes long: at most 32");
    m = good();
    add(&m, "", "v");
    faulty(&m, "tags", "has an empty key: give it a name or leave it out");
    m = good();
    add(&m, "a\nb", "v");
    faulty(&m, "tags.a\\nb", "has a key that has a control character at byte 2");
    m = good();
    for (int i = 0; i < 4; i++)
        add(&m, &"abcd"[i], "v");
    faulty(&m, "tags", "has 4 entries: at most 3");
    m = good();
    m.nmeta = 2;
    m.meta[0] = m.meta[1] = (struct tag){{"k", 1}, {"v", 1}};
    faulty(&m, "meta.k", "is given twice");
}

Test(metric, long_keys_are_cut_in_the_field)
{
    static const char key[] =
        "0123456789012345678901234567890123456789012345678901234567890123456789"
        "01234567890123456789";
    struct metric m = good();
    struct metric_fault f;

    add(&m, key, "v");
    cr_assert_not(metric_check(&m, &LIMITS, &f));
    cr_assert_eq(strlen(f.field), sizeof f.field - 1);
    cr_assert_str_eq(f.field + strlen(f.field) - 4, "0...");
    cr_assert_str_eq(f.why.text, "has a key that is 90 bytes long: at most 32");
}
