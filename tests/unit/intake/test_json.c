/* tests/unit/intake/test_json.c - one object at a time: what tests/data/intake cannot show from outside
 *
 * Every fault's text and place is in those cases; here are the offsets within an object, the
 * defaults of a source and the members of an object's raw bytes.
 */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "intake/json.h"
#include "intake/json_text.h"

static const struct metric_limits LIMITS = {255, 64, 255};
static struct metric last;
static char last_name[256];
static unsigned metrics, bads;

static void take_metric(void *arg, const struct metric *m)
{
    (void)arg;
    last = *m;
    memcpy(last_name, m->name.s, m->name.n);
    last_name[m->name.n] = 0;
    metrics++;
}

static void take_bad(void *arg, const struct json_fault *f)
{
    *(struct json_fault *)arg = *f;
    bads++;
}

static enum json_result read_with(const char *text, const struct json_defaults *d,
                                  struct json_fault *f)
{
    static struct json_fault bad;
    struct json_sink sink = {f != NULL ? f : &bad, take_metric, take_bad};
    size_t n = strlen(text);
    char *copy = malloc(n); /* no NUL behind it */
    enum json_result r;

    memcpy(copy, text, n);
    r = json_read(copy, n, d, &sink, f != NULL ? f : &bad);
    free(copy);
    return r;
}

static enum json_result read(const char *text, struct json_fault *f)
{
    const struct json_defaults d = {.limits = &LIMITS, .time_ns = 7};

    return read_with(text, &d, f);
}

Test(json, ack)
{
    cr_assert_eq(read("{\"ack\":true}", NULL), JSON_ACK);
    cr_assert_eq(read("{ \"ack\" :\n true } ", NULL), JSON_ACK);
    cr_assert_eq(read("{\"ack\":true,\"name\":\"a\"}", NULL), JSON_FAULT);
    cr_assert_eq(metrics, 0);
}

static const struct {
    const char *text, *field, *at; /* at: where the offset must point */
} PLACES[] = {
    {"{\"name\":\"\",\"value\":1}", "name", "\"\","},
    {"{\"value\":1}", "name", "{"},
    {"{\"name\":\"a\",\"value\" :\n \"x\"}", "value", "\"x\""},
    {"{\"tags\":{\"value\":\"value\"},\"name\":\"a\",\"value\":\"here\"}", "value", "\"here"},
    {"{\"name\":\"a\",\"value\":1,\"tags\":{\"a\":\"\",\"b\":\"x\"}}", "tags.a", "\"\",\"b"},
    {"{\"name\":\"a\",\"value\":1,\"meta\":{\"a\":\"x\",\"b\":[\"]\"]}}", "meta.b", "[\"]"},
    {"{\"name\":\"a\",\"values\":{\"x\":1,\"y\":\"z\"}}", "values.y", "\"z\""},
    {"{\"name\":\"a\",\"vaule\":1}", "vaule", "\"vaule"},
    {"{\"name\":\"a\",\"value\":1,\"value\":2}", "value", "\"value\":2"},
    {"{\"name\":\"a\",\"value\":01}", "value", "01"},
    {"{\"name\":\"a\",\"value\":-}", "value", "-}"},
    {"{\"name\":\"a\",\"value\":1e999,\"unit\":\"x\"}", "value", "1e999"},
    {"{\"name\":\"a\\q\",\"value\":1}", "name", "\"a\\q"},
    {"{\"name\":\"a\",\"value\":1,\"tags\":{\"k\":\"\xff\"}}", "tags.k", "\"\xff"},
    {"{\"name\":\"a\",\"value\":1,\"tags\":{\"\xff\":\"k\"}}", "tags.\\xff", "\"\xff"},
    {"{\"name\":\"a\",\"value\":[[{\"x\":NaN}]]}", "value", "[[{"},
};

Test(json, place_of_a_fault)
{
    for (size_t i = 0; i < sizeof PLACES / sizeof *PLACES; i++) {
        struct json_fault f = {0};
        enum json_result r = read(PLACES[i].text, &f);

        cr_expect(r == JSON_FAULT || bads > 0, "%s", PLACES[i].text);
        cr_expect_str_eq(f.what.field, PLACES[i].field, "%s: %s", PLACES[i].text, f.what.field);
        cr_expect_eq(f.offset, (size_t)(strstr(PLACES[i].text, PLACES[i].at) - PLACES[i].text),
                     "%s: %zu", PLACES[i].text, f.offset);
        bads = 0;
    }
}

Test(json, what_the_source_adds)
{
    static const struct tag tags[] = {{{"env", 3}, {"prod", 4}}, {{"host", 4}, {"web01", 5}}};
    const struct json_defaults d = {.collector = {"cpu", 3},
                                    .prefix = {"sys", 3},
                                    .tags = tags,
                                    .ntags = 2,
                                    .time_ns = 42,
                                    .interval_ns = 10,
                                    .limits = &LIMITS};

    cr_assert_eq(read_with("{\"name\":\"a\",\"value\":1,\"tags\":{\"host\":\"mine\",\"a\":\"b\"}}",
                           &d, NULL),
                 JSON_METRICS);
    cr_assert_eq(last.time_ns, 42);
    cr_assert_eq(last.flags, METRIC_TIME_ASSIGNED);
    cr_assert_eq(last.interval_ns, 10);
    cr_assert(str_eq(last.collector, str_of("cpu")));
    cr_assert(str_eq(last.prefix, str_of("sys")));
    cr_assert_eq(last.ntags, 3); /* a, env, host */
    cr_assert(str_eq(last.tags[1].key, str_of("env")));
    cr_assert_eq(read_with("{\"name\":\"a\",\"value\":1,\"time\":2}", &d, NULL), JSON_METRICS);
    cr_assert_eq(last.flags, 0);
    cr_assert_eq(last.time_ns, 2000000000);
    cr_assert_eq(last.ntags, 2);
    cr_assert_eq(last.nmeta, 0);
}

Test(json, nothing_of_the_last_metric_remains)
{
    cr_assert_eq(
        read(
            "{\"name\":\"a\",\"value\":1.5,\"type\":\"rate\",\"unit\":\"B\",\"tags\":{\"a\":\"b\"},"
            "\"meta\":{\"c\":\"d\"}}",
            NULL),
        JSON_METRICS);
    cr_assert_eq(read("{\"name\":\"b\",\"value\":2}", NULL), JSON_METRICS);
    cr_assert_str_eq(last_name, "b");
    cr_assert_eq(last.type, METRIC_GAUGE);
    cr_assert_eq(last.vtype, METRIC_I64);
    cr_assert_eq(last.unit.n + last.ntags + last.nmeta, 0);
}

Test(json, joined_names)
{
    struct json_fault f;

    cr_assert_eq(read("{\"name\":\"a\",\"values\":{\"x\":1,\"y.z\":2}}", NULL), JSON_METRICS);
    cr_assert_eq(metrics, 2);
    cr_assert_str_eq(last_name, "a.y.z");
    cr_assert_eq(read("{\"name\":\"a\",\"values\":{\"x\":true}}", &f), JSON_METRICS);
    cr_assert_eq(bads, 1);
    cr_assert_str_eq(f.what.field, "values.x");
}

Test(json, members)
{
    const struct str text = str_of("{ \"a\" : [ {\"]\":1} ] ,\"b\\\"\":\"x,}\",\"c\":-1.5e3 }");
    struct members ms = members_of(text, 0);
    struct member m;

    cr_assert(member_next(&ms, &m));
    cr_assert(str_eq(m.key, str_of("a")));
    cr_assert(str_eq(m.val, str_of("[ {\"]\":1} ]")));
    cr_assert(member_next(&ms, &m));
    cr_assert(str_eq(m.key, str_of("b\\\"")));
    cr_assert(str_eq(m.val, str_of("\"x,}\"")));
    cr_assert(member_next(&ms, &m));
    cr_assert(str_eq(m.val, str_of("-1.5e3")));
    cr_assert_eq(m.val_at, (size_t)(strstr(text.s, "-1.5") - text.s));
    cr_assert(!member_next(&ms, &m));
    cr_assert(member_named(text, 0, str_of("c"), &m));
    cr_assert(!member_named(text, 0, str_of("d"), &m));
    cr_assert(member_around(text, 0, 12, &m));
    cr_assert(str_eq(m.key, str_of("a")));
    cr_assert(!member_around(str_of("[1]"), 0, 1, &m));
}
