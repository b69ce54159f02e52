/* tests/unit/intake/test_quick.c - intake/quick.h: what it takes is what jansson makes of the same bytes; jansson is the oracle */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "intake/json.h"
#include "intake/quick.h"
#include "model/record.h"

static const struct metric_limits LIMITS = {40, 4, 20};
static const struct tag TAGS[] = {{{"dc", 2}, {"east", 4}}, {{"host", 4}, {"default", 7}}};
static const struct json_defaults PLAIN = {.limits = &LIMITS, .time_ns = 7, .interval_ns = 9};
static const struct json_defaults FULL = {.limits = &LIMITS,
                                          .collector = {"col", 3},
                                          .prefix = {"pre", 3},
                                          .tags = TAGS,
                                          .ntags = 2,
                                          .time_ns = 11,
                                          .strangers = true};

static void put_metric(void *arg, const struct metric *m)
{
    record_put(arg, m);
}

static void put_bad(void *arg, const struct json_fault *f)
{
    (void)f;
    buf_puts(arg, "bad");
}

/* Bytes that the quick reader took, after a comparison of what it made of them. There is nothing behind them. */
static size_t take_with(const char *text, size_t n, const struct json_defaults *d)
{
    struct buf quick = {0}, whole = {0};
    const struct json_sink sink = {&whole, put_metric, put_bad};
    char *exact = malloc(n + (n == 0));
    const struct metric *m;
    struct json_fault f;
    size_t used = 0;

    memcpy(exact, text, n);
    m = quick_read(exact, n, d, &used);
    if (m != NULL) {
        for (const struct metric *next = m; next != NULL; next = quick_next(d))
            record_put(&quick, next);
        cr_assert_eq(json_read(exact, used, d, &sink, &f), JSON_METRICS, "%.*s", (int)n, text);
        cr_assert_eq(quick.n, whole.n, "%.*s", (int)n, text);
        cr_assert_eq(memcmp(quick.p, whole.p, whole.n), 0, "%.*s", (int)n, text);
    }
    buf_free(&quick);
    buf_free(&whole);
    free(exact);
    return m != NULL ? used : 0;
}

static size_t take(const char *text)
{
    size_t n = take_with(text, strlen(text), &PLAIN);

    cr_assert_eq(n > 0, take_with(text, strlen(text), &FULL) > 0, "%s", text);
    return n;
}

#define OBJECT(value)   "{\"name\":\"a\",\"value\":" value "}"
#define VALUES(members) "{\"name\":\"a\",\"values\":" members "}"
#define WITH(members)   "{\"name\":\"a\",\"value\":1," members "}"

static const char *const TAKEN[] = {
    OBJECT("1"),
    OBJECT("0"),
    OBJECT("-0"),
    OBJECT("-0.0"),
    OBJECT("0.1"),
    OBJECT("-17.25"),
    OBJECT("123456789012345678"),
    OBJECT("-999999999999999999"),
    OBJECT("0.30000000000000004"),
    OBJECT("9007199254740993.5"),
    OBJECT("123456789012345678901234567890.5"),
    OBJECT("1e5"),
    OBJECT("1.5E-3"),
    OBJECT("2e+3"),
    OBJECT("1e-400"),
    OBJECT("4.9e-324"),
    OBJECT("1.7976931348623157e308"),
    OBJECT("0.000000000000000001"),
    OBJECT("9007199254740992.0"),
    OBJECT(" 1 "),
    "{ \"name\" : \"a b\" ,\t\"value\" : 1.5 }",
    "{\"value\":1,\"name\":\"\xc3\xa4\xe2\x82\xac\"}",
    WITH("\"time\":1700000000"),
    WITH("\"time\":1700000000.1"),
    WITH("\"time\":1700000000.9999999"),
    WITH("\"time\":0.000001"),
    WITH("\"time\":9199999999"),
    WITH("\"time\":1.7e9"),
    WITH("\"type\":\"counter\",\"unit\":\"B/s\""),
    WITH("\"unit\":\"\""),
    WITH("\"tags\":{}"),
    WITH("\"tags\":{\"host\":\"a\",\"disk\":\"sda\"},\"meta\":{\"x\":\"y\"}"),
    WITH("\"tags\" : { \"z\" : \"1\" , \"b\" : \"2\" }"),
    VALUES("{\"b\":1}"),
    VALUES("{\"b\":1,\"c\":-2.5,\"bc\":3e2,\"\xc3\xa4\":0}"),
    VALUES("{\"1234567890123456789012345678901234567\":1}"),
    "{\"values\" : { \"b\" : 1 ,\t\"c\" : 2 } , \"name\" : "
    "\"a\",\"time\":1700000000.5,\"tags\":{\"x\":\"y\"},"
    "\"type\":\"counter\"}",
};

Test(quick, the_common_case_is_taken)
{
#ifdef GARNET_NO_QUICK
    cr_skip_test("built without the quick reader");
#endif
    for (size_t i = 0; i < sizeof TAKEN / sizeof *TAKEN; i++)
        cr_assert_eq(take(TAKEN[i]), strlen(TAKEN[i]), "%s", TAKEN[i]);
    cr_assert_eq(take("{\"name\":\"a\",\"value\":1}\n{"), 22, "what stands behind it");
}

static const char *const DECLINED[] = {
    "",
    "{",
    "{}",
    " {\"name\":\"a\",\"value\":1}",
    "[{\"name\":\"a\",\"value\":1}]",
    "{\"ack\":true}",
    "{\"name\":\"a\"}",
    "{\"value\":1}",
    "{\"name\":\"a\",\"value\":1",
    "{\"name\":\"a\",\"value\":1,}",
    "{\"name\":\"a\",\"value\":1,\"name\":\"a\"}",
    "{\"name\":\"a\",\n\"value\":1}",
    "{\"name\":\"a\\u0041\",\"value\":1}",
    "{\"name\":\"\",\"value\":1}",
    "{\"name\":\"\x7f\",\"value\":1}",
    "{\"name\":\"\xff\",\"value\":1}",
    "{\"name\":\"\xed\xa0\x80\",\"value\":1}",
    "{\"name\":1,\"value\":1}",
    "{\"name\":\"12345678901234567890123456789012345678901\",\"value\":1}",
    OBJECT("01"),
    OBJECT("-"),
    OBJECT("+1"),
    OBJECT(".5"),
    OBJECT("1."),
    OBJECT("1.e1"),
    OBJECT("1e"),
    OBJECT("1e+"),
    OBJECT("1e400"),
    OBJECT("-1e400"),
    OBJECT("1x"),
    OBJECT("0x10"),
    OBJECT("1,5"),
    OBJECT("NaN"),
    OBJECT("inf"),
    OBJECT("null"),
    OBJECT("\"1\""),
    OBJECT("1\v"),
    OBJECT("9223372036854775807"), /* jansson's: near the bounds it has rules of its own */
    OBJECT("18446744073709551615"),
    WITH("\"time\":0"),
    WITH("\"time\":-1"),
    WITH("\"time\":1700000000000"),
    WITH("\"time\":9200000000"),
    WITH("\"time\":\"now\""),
    WITH("\"type\":\"gouge\""),
    WITH("\"type\":\"\""),
    WITH("\"values\":{\"a\":1}"),
    VALUES("{}"),
    VALUES("[]"),
    VALUES("1"),
    VALUES("{\"b\":1,}"),
    VALUES("{\"b\":1,\"b\":1}"),
    VALUES("{\"b\":1,\"c\":2,\"b\":3}"),
    VALUES("{\"b\":1,\"c\":\"2\"}"),
    VALUES("{\"b\":1,\"c\":1e400}"),
    VALUES("{\"\":1}"),
    VALUES("{\"b\x7f\":1}"),
    VALUES("{\"b\\n\":1}"),
    VALUES("{\"123456789012345678901234567890123456789\":1}"),
    VALUES("{\"b\":1},\"values\":{\"c\":1}"),
    "{\"name\":\"\",\"values\":{\"b\":1}}",
    "{\"name\":\"a\",\"valuess\":{\"b\":1}}",
    WITH("\"nmae\":\"a\""),
    WITH("\"tags\":{\"a\":\"b\",\"a\":\"b\"}"),
    WITH("\"tags\":{\"a\":1}"),
    WITH("\"tags\":{\"a\":\"\"}"),
    WITH("\"tags\":{\"\":\"a\"}"),
    WITH("\"tags\":{\"a\":\"b\",}"),
    WITH("\"tags\":[]"),
    WITH("\"tags\":{\"a\":\"b\",\"c\":\"d\",\"e\":\"f\",\"g\":\"h\",\"i\":\"j\"}"),
};

Test(quick, all_else_is_declined)
{
    for (size_t i = 0; i < sizeof DECLINED / sizeof *DECLINED; i++)
        cr_assert_eq(take(DECLINED[i]), 0, "%s", DECLINED[i]);
    cr_assert_eq(take_with("{\"name\":\"garnet.x\",\"value\":1}", 29, &FULL), 0, "Garnet's own");
    cr_assert_eq(take_with("{\"name\":\"garnet\",\"values\":{\"x\":1}}", 34, &FULL), 0,
                 "they, too");
}

/* {"name":"a","values":{"0":0,"1":0,...}}; the last key is that of `twice`. */
static size_t of_many(char *out, size_t size, unsigned n, unsigned twice)
{
    size_t at = (size_t)snprintf(out, size, "{\"name\":\"a\",\"values\":");

    for (unsigned i = 0; i < n; i++)
        at += (size_t)snprintf(out + at, size - at, "%c\"%u\":%u", i == 0 ? '{' : ',',
                               i + 1 < n ? i : twice, i);
    return at + (size_t)snprintf(out + at, size - at, "}}");
}

Test(quick, up_to_so_many_values)
{
    static char text[4000];
    size_t n = of_many(text, sizeof text, 128, 127);

#ifndef GARNET_NO_QUICK
    cr_assert_eq(take_with(text, n, &PLAIN), n);
#endif
    n = of_many(text, sizeof text, 128, 0);
    cr_assert_eq(take_with(text, n, &PLAIN), 0, "one is there twice");
    n = of_many(text, sizeof text, 129, 128);
    cr_assert_eq(take_with(text, n, &PLAIN), 0, "too many");
}

/* Wherever its bytes are cut off, and whichever of them is another one. */
Test(quick, it_declines_or_agrees)
{
    static const char ODD[] = "\"\\{}[],: \t\n\r0.-eE\x01\x7f\x80\xc3\xff";

    for (size_t i = 0; i < sizeof TAKEN / sizeof *TAKEN; i++) {
        size_t n = strlen(TAKEN[i]);
        char text[256];

        memcpy(text, TAKEN[i], n);
        for (size_t at = 0; at < n; at++) {
            char was = text[at];

            cr_assert_eq(take_with(text, at, &PLAIN), 0, "%.*s", (int)at, text);
            for (size_t c = 0; c < sizeof ODD; c++) {
                text[at] = ODD[c];
                (void)take_with(text, n, &PLAIN);
                (void)take_with(text, n, &FULL);
            }
            text[at] = was;
        }
    }
}

static uint64_t state = 1;

static uint64_t chance(uint64_t below)
{
    state = state * UINT64_C(6364136223846793005) + 1442695040888963407;
    return (state >> 33) % below;
}

/* Of up to 20 digits before the point and behind it, and exponents. */
static size_t any_number(char *out, size_t size)
{
    size_t n = 0, whole = 1 + chance(20), fraction = chance(20);

    if (chance(2) == 0)
        out[n++] = '-';
    for (size_t i = 0; i < whole; i++)
        out[n++] = (char)('0' + (i == 0 && whole > 1 ? 1 + chance(9) : chance(10)));
    if (fraction > 0)
        out[n++] = '.';
    for (size_t i = 0; i < fraction; i++)
        out[n++] = (char)('0' + chance(10));
    if (chance(4) == 0)
        n += (size_t)snprintf(out + n, size - n, "e%d", (int)chance(700) - 350);
    return n;
}

Test(quick, numbers_are_jansson_s_to_the_bit)
{
    for (unsigned i = 0; i < 200000; i++) {
        char number[64], text[128];
        size_t n = any_number(number, sizeof number);

        (void)snprintf(text, sizeof text, "{\"name\":\"a\",\"value\":%.*s,\"time\":1%.9s}", (int)n,
                       number, &"700000000.123456789"[chance(10)]);
        (void)take_with(text, strlen(text), &PLAIN);
    }
}
