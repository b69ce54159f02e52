/* tests/unit/conf/test_section.c - maps by their rows: sections in one another, unknown keys, digests */
#include <criterion/criterion.h>
#include <stddef.h>

#include "rig/fill.h"

struct inner {
    int64_t whole, duration;
};
struct values {
    const char *string, *path, *aside;
    struct strings list;
    struct pairs map;
    double real;
    const struct node *node;
    struct inner inner, shorter;
};

#define VALUE(field, t, ...) KEY(struct values, field, t, "", __VA_ARGS__)

static const struct option INNER_ROWS[] = {
    KEY(struct inner, whole, OPT_INT, "", .def = "7", .max = "10"),
    KEY(struct inner, duration, OPT_DURATION, ""),
};
static const struct section INNER = {ROWS(INNER_ROWS), "inner"};
static const struct option OUTER_ROWS[] = {
    VALUE(string, OPT_STRING, .def = "s"),
    VALUE(path, OPT_PATH, .def = "p"),
    VALUE(list, OPT_LIST),
    VALUE(map, OPT_MAP),
    VALUE(real, OPT_REAL),
    VALUE(node, OPT_NODE),
    VALUE(aside, OPT_STRING, .flags = OPT_ASIDE),
    VALUE(inner, OPT_SECTION, .section = &INNER),
    ROW(struct values, "short", shorter, OPT_SECTION, "", .section = &INNER, .flags = OPT_SHORT),
};
static const struct section SET = {ROWS(OUTER_ROWS), "a test"};

static struct values v; /* each test is a process of its own */

TestSuite(section, .init = fill_start, .fini = fill_end);

#define expect(text, want) fill_expect(&SET, text, &v, want)

Test(section, required)
{
    static const struct option rows[] = {
        VALUE(string, OPT_STRING, .flags = OPT_REQUIRED),
        VALUE(path, OPT_PATH, .flags = OPT_REQUIRED),
        VALUE(list, OPT_LIST, .flags = OPT_REQUIRED),
        VALUE(map, OPT_MAP, .flags = OPT_REQUIRED),
    };
    const struct node *map =
        yaml_parse(&fill_arena, "f", str_of("\n{path: x, list: [], map: {}}"), &fill_errors);

    section_fill(&fill_arena, &(struct section){ROWS(rows), "a test"}, map, &v, &fill_errors);
    buf_putc(&fill_errors.text, 0);
    cr_assert_str_eq(fill_errors.text.p, "f:2:1: a test needs \"string\"\n"
                                         "f:2:17: list must not be empty\n"
                                         "f:2:26: map must not be empty\n");
    cr_assert_null(v.string);
}

Test(section, whose_keys_are_known)
{
    static const struct option more[] = {{.type = OPT_INT, .name = "template"}};
    static const struct section also = {ROWS(more), "a plugin"};
    static const struct section open = {ROWS(OUTER_ROWS), "a test", .open = true};
    static const struct section both = {ROWS(OUTER_ROWS), "a test", .also = &also};

    fill_from(&open, "{other: 1, sting: 2}", &v); /* left to somebody else */
    fill_from(&both, "{template: x}", &v);
    cr_assert_eq(fill_errors.n, 0);
    fill_from(&both, "{templat: x}", &v);
    buf_putc(&fill_errors.text, 0);
    cr_assert_str_eq(fill_errors.text.p,
                     "/etc/f.yaml:1:2: unknown key \"templat\": did you mean \"template\"?\n");
    errors_free(&fill_errors);
    fill_from(&both, "{zebra: x}", &v);
    buf_putc(&fill_errors.text, 0);
    cr_assert_str_eq(
        fill_errors.text.p,
        "/etc/f.yaml:1:2: unknown key \"zebra\": known are string, path, list, map, real, node, "
        "aside, inner, short, template\n");
}

/* --- sections in one another --- */

Test(section, defaults_reach_inwards)
{
    v.inner.duration = -1;
    expect("{}", "");
    cr_assert_str_eq(v.path, "/etc/p");
    cr_assert_eq(v.inner.whole, 7);
    cr_assert_eq(v.inner.duration, -1, "without a default it is left as it was");
    cr_assert_eq(v.shorter.whole, 7);
    v = (struct values){0};
    section_fill(&fill_arena, &SET, NULL, &v, &fill_errors);
    cr_assert_eq(v.inner.whole, 7);
}

Test(section, inner_keys_are_read_like_others)
{
    expect("inner: {whole: 3, duration: 2s}\nshort: {whole: 4}", "");
    cr_assert_eq(v.inner.whole, 3);
    cr_assert_eq(v.inner.duration, 2000000000);
    cr_assert_eq(v.shorter.whole, 4);
    expect("inner: {whole: 11}",
           "/etc/f.yaml:1:16: whole: \"11\" is above the greatest value, 10\n");
    expect("inner: {hole: 1}", "/etc/f.yaml:1:9: unknown key \"hole\": did you mean \"whole\"?\n");
    expect("inner: 3",
           "/etc/f.yaml:1:8: inner must be a map of \"key: value\", not a single value\n");
    expect("inner:\n", "/etc/f.yaml:1:1: inner has no value: give one or remove the key\n");
}

Test(section, a_value_alone_stands_for_the_first_key_where_it_may)
{
    expect("short: 5", "");
    cr_assert_eq(v.shorter.whole, 5);
    expect("short: 11", "/etc/f.yaml:1:8: short: \"11\" is above the greatest value, 10\n");
    cr_assert_eq(v.shorter.whole, 7, "its default");
    expect("short: [5]", "/etc/f.yaml:1:8: inner must be a map of \"key: value\", not a list\n");
    expect("short:\n", "/etc/f.yaml:1:1: short has no value: give one or remove the key\n");
}

/* --- digests --- */

static uint64_t digest(const char *text)
{
    v = (struct values){0};
    fill_from(&SET, text, &v);
    cr_assert_eq(fill_errors.n, 0, "%s", text);
    return digest_section(1, &SET, &v);
}

Test(section, its_digest_is_of_every_row)
{
    static const char *const each[] = {
        "string: x",    "path: x",    "path: /x",          "list: [a, b]",
        "list: [b, a]", "list: [ab]", "map: {a: b}",       "map: {b: a}",
        "real: 1",      "real: 2",    "node: [1, 2]",      "node: [2, 1]",
        "node: {1: 2}", "node: '12'", "inner: {whole: 1}", "inner: {duration: 1ns}",
        "short: 1",
    };
    enum { N = sizeof each / sizeof *each };
    uint64_t d[N + 1] = {digest("{}")};

    for (size_t i = 0; i < N; i++) {
        d[i + 1] = digest(each[i]);
        for (size_t j = 0; j <= i; j++)
            cr_assert_neq(d[i + 1], d[j], "%s", each[i]);
    }
}

Test(section, its_digest_is_of_what_is_meant_and_not_of_how_it_is_written)
{
    cr_assert_eq(digest("{}"), digest("{string: s, path: /etc/p, inner: {whole: 7}, short: 7}"));
    cr_assert_eq(digest("inner: {duration: 1s}"), digest("# x\ninner: {duration: 1000ms}"));
    cr_assert_eq(digest("map: {a: b, c: d}"), digest("map: {c: d, a: b}"));
    cr_assert_eq(digest("list: a"), digest("list: [a]"));
    cr_assert_eq(digest("aside: x"), digest("{}"));
}
