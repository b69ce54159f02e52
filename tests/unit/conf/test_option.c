/* tests/unit/conf/test_option.c - every type of option: its value, its default, its bounds; spelling; paths */
#include <criterion/criterion.h>
#include <stddef.h>

#include "conf/nearest.h"
#include "conf/path.h"
#include "rig/fill.h"

struct values {
    const char *string, *path, *secret;
    int64_t choice, whole, flag, duration, size;
    double real;
    struct strings list, paths;
    struct pairs map;
    const struct node *node;
};

#define VALUE(field, t, ...) KEY(struct values, field, t, "", __VA_ARGS__)

static const struct option VALUES[] = {
    VALUE(string, OPT_STRING, .def = "s"),
    VALUE(path, OPT_PATH, .def = "p/q"),
    VALUE(secret, OPT_CHOICE, .choices = "x", .flags = OPT_SECRET),
    VALUE(choice, OPT_CHOICE, .def = "b", .choices = "a|b|ccc"),
    VALUE(whole, OPT_INT, .def = "7", .min = "-5", .max = "10"),
    VALUE(flag, OPT_BOOL, .def = "yes"),
    VALUE(duration, OPT_DURATION, .def = "1s", .min = "10ms", .max = "1m"),
    VALUE(size, OPT_SIZE, .def = "1KiB", .min = "1", .max = "1MiB"),
    VALUE(real, OPT_REAL, .def = "0.5", .min = "-1.5", .max = "2"),
    VALUE(list, OPT_LIST, .def = "one"),
    VALUE(paths, OPT_PATHS),
    VALUE(map, OPT_MAP),
    VALUE(node, OPT_NODE),
};
static const struct section SET = {ROWS(VALUES), "a test"};

static struct values v; /* each test is a process of its own */

TestSuite(option, .init = fill_start, .fini = fill_end);

#define expect(text, want) fill_expect(&SET, text, &v, want)

static void check_defaults(void)
{
    cr_assert_str_eq(v.string, "s");
    cr_assert_eq(v.choice, 1);
    cr_assert_eq(v.whole, 7);
    cr_assert_eq(v.flag, 1);
    cr_assert_eq(v.duration, 1000000000);
    cr_assert_eq(v.size, 1024);
    cr_assert(v.real == 0.5);
    cr_assert_eq(v.list.n, 1);
    cr_assert_str_eq(v.list.v[0], "one");
    cr_assert_null(v.list.v[1]);
    cr_assert_eq(v.paths.n + v.map.n, 0);
    cr_assert_null(v.node);
}

Test(option, defaults)
{
    section_fill(&fill_arena, &SET, NULL, &v, &fill_errors);
    check_defaults();
    cr_assert_str_eq(v.path, "p/q");
    fill_from(&SET, "{}", &v);
    check_defaults();
    cr_assert_str_eq(v.path, "/etc/p/q");
    cr_assert_eq(fill_errors.n, 0);
}

Test(option, values)
{
    fill_from(&SET,
              "{string: '', path: ./x, secret: x, choice: ccc, whole: -5, flag: off, duration: 1m, "
              "size: 2k,"
              " real: -1.5, list: [a, '', c], paths: [/a, b], map: {y: '', x: 1}, node: [[]]}",
              &v);
    cr_assert_eq(fill_errors.n, 0, "%.*s", (int)fill_errors.text.n, fill_errors.text.p);
    cr_assert_str_eq(v.string, "");
    cr_assert_str_eq(v.path, "/etc/x");
    cr_assert_eq(v.choice, 2);
    cr_assert_eq(v.whole, -5);
    cr_assert_eq(v.flag, 0);
    cr_assert_eq(v.duration, INT64_C(60000000000));
    cr_assert_eq(v.size, 2000);
    cr_assert(v.real == -1.5);
    cr_assert_eq(v.list.n, 3);
    cr_assert_str_eq(v.list.v[1], "");
    cr_assert_null(v.list.v[3]);
    cr_assert_str_eq(v.paths.v[0], "/a");
    cr_assert_str_eq(v.paths.v[1], "/etc/b");
    cr_assert_eq(v.map.n, 2);
    cr_assert_str_eq(v.map.v[0].key, "y");
    cr_assert_str_eq(v.map.v[1].val, "1");
    cr_assert_eq(v.node->kind, NODE_LIST);
}

Test(option, what_is_wrong_keeps_its_default)
{
    fill_from(
        &SET,
        "{string: [], path: '', choice: d, whole: 11, flag: perhaps, duration: 1, size: 0, real: "
        "2.5,"
        " list: [[]], map: {a: []}, node: ~}",
        &v);
    cr_assert_eq(fill_errors.n, 11);
    check_defaults();
}

Test(option, real_numbers_have_bounds_and_messages)
{
    expect("real: 2.5", "/etc/f.yaml:1:7: real: \"2.5\" is above the greatest value, 2\n");
    expect("real: -2", "/etc/f.yaml:1:7: real: \"-2\" is below the least value, -1.5\n");
    expect("real: [1]", "/etc/f.yaml:1:7: real must be a number such as \"0.5\", not a list\n");
    cr_assert(v.real == 0.5);
}

Test(option, a_secret_is_never_shown)
{
    expect("secret: hunter2", "/etc/f.yaml:1:9: secret: \"(hidden)\" is not known: use x\n");
}

static const char *near(const char *name)
{
    static const char *const known[] = {"interval", "timeout", "tags", "to"};
    struct nearest n = nearest_to(name);

    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        nearest_try(&n, known[i]);
    return n.found;
}

Test(option, nearest)
{
    static const struct {
        const char *name, *want;
    } cases[] = {
        {"intervall", "interval"},
        {"intrval", "interval"},
        {"Interval", "interval"},
        {"itnerval", "interval"},
        {"time-out", "timeout"},
        {"tag", "tags"},
        {"tgas", "tags"},
        {"ot", "to"},
        {"too", "to"},
        {"foo", NULL},
        {"drop", NULL},
        {"x", NULL},
        {"", NULL},
        {"intermission", NULL},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *got = near(cases[i].name);

        if (cases[i].want)
            cr_assert_str_eq(got ? got : "(none)", cases[i].want, "%s: %s", cases[i].name, got);
        else
            cr_assert_null(got, "%s: %s", cases[i].name, got);
    }
    cr_assert_null(near("a-name-that-is-very-much-longer-than-any-option-can-be"));
}

Test(option, paths)
{
    static const struct {
        const char *file, *path, *want;
    } cases[] = {
        {"/etc/g/g.yaml", "x", "/etc/g/x"},
        {"/etc/g/g.yaml", "./x/", "/etc/g/x"},
        {"/etc/g/g.yaml", "/x//y/./z", "/x/y/z"},
        {"/g.yaml", "x", "/x"},
        {"/etc/g/g.yaml", "../x", "/etc/g/../x"},
        {"/etc/g/g.yaml", "/", "/"},
        {"/etc/g/g.yaml", ".", "/etc/g"},
        {"/etc/g/g.yaml", ".x/..y", "/etc/g/.x/..y"},
        {"/g.yaml", "/./", "/"},
        {NULL, "x", "x"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        cr_assert_str_eq(path_from(&fill_arena, cases[i].file, cases[i].path), cases[i].want);
    cr_assert_str_eq(path_join(&fill_arena, "/", "x"), "/x");
    cr_assert_str_eq(path_base("/a/b"), "b");
    cr_assert_str_eq(path_base("b"), "b");
    cr_assert(str_eq(path_dir("/a/b"), str_of("/a")));
    cr_assert(str_eq(path_dir("/a"), str_of("/")));
    cr_assert(str_eq(path_dir("a"), str_of(".")));
}
