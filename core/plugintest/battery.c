/* plugintest/battery.c - only what garnetd accepts from a collector, or could: texts are UTF-8 without
 * control characters, of up to 255 bytes for a name and 512 for a tag, numbers are finite.
 */
#include "plugintest/battery.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

enum { LONG_NAME = 255, LONG_TAG = 512 };

static const char *const TEXTS[] = {
    "two words",
    " ",
    ".",
    "..",
    "-",
    "_",
    "%s%n%d%1000000c",
    "100%",
    "=",
    "a=b",
    ";",
    "a;b=c",
    ",",
    "a,b=c d",
    ":",
    "|",
    "a:1|c",
    "@0.1",
    "#k:v",
    "\\",
    "a\\",
    "\\n",
    "'",
    "\"",
    "a\"",
    "</a>",
    "$(id)",
    "`id`",
    "{}",
    "{{host}}",
    "[0]",
    "*",
    "?",
    "../../etc/passwd",
    "/",
    "a//b",
    "NaN",
    "null",
    "true",
    "0",
    "-1",
    "1e5",
    "\xc3\xa4",
    "\xe2\x82\xac",
    "\xf0\x9f\x98\x80",
    "e\xcc\x81",
    "\xe2\x80\xa8",
    "\xe2\x80\x8f",
    "\xef\xbb\xbf_a",
    "\xe4\xb8\xad\xe6\x96\x87",
};
enum { NTEXTS = sizeof TEXTS / sizeof *TEXTS };

struct giver {
    void *arg;
    battery_fn *fn;
};

static struct metric plain_metric(void)
{
    struct metric m = {.type = METRIC_GAUGE,
                       .vtype = METRIC_I64,
                       .time_ns = INT64_C(1700000000250000000),
                       .interval_ns = INT64_C(10000000000),
                       .ntags = 2,
                       .nmeta = 1};

    m.value.i = 42;
    m.name = str_of("disk.read");
    m.unit = str_of("B");
    m.collector = str_of("disk");
    m.tags[0] = (struct tag){str_of("device"), str_of("sda")};
    m.tags[1] = (struct tag){str_of("host"), str_of("web01")};
    m.meta[0] = (struct tag){str_of("agent"), str_of("test")};
    return m;
}

__attribute__((format(printf, 3, 4))) static void
give_metric(const struct giver *r, const struct metric *m, const char *fmt, ...)
{
    char what[200];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    r->fn(r->arg, m, what);
}

static void numbers(const struct giver *r)
{
    static const int64_t ints[] = {0, 1, -1, INT64_MAX, INT64_MIN, INT64_C(9007199254740993)};
    static const uint64_t unsigneds[] = {(uint64_t)INT64_MAX + 1, UINT64_MAX};
    static const double reals[] = {0.0,
                                   -0.0,
                                   0.1,
                                   12.5,
                                   5e-324,
                                   1.7976931348623157e308,
                                   1e21,
                                   1e-7,
                                   -1e300,
                                   1e15,
                                   2.2250738585072014e-308};
    struct metric m = plain_metric();

    for (size_t i = 0; i < sizeof ints / sizeof *ints; i++) {
        m.value.i = ints[i];
        give_metric(r, &m, "the value %" PRId64, ints[i]);
    }
    m.vtype = METRIC_U64;
    for (size_t i = 0; i < sizeof unsigneds / sizeof *unsigneds; i++) {
        m.value.u = unsigneds[i];
        give_metric(r, &m, "the value %" PRIu64, unsigneds[i]);
    }
    m.vtype = METRIC_F64;
    for (size_t i = 0; i < sizeof reals / sizeof *reals; i++) {
        m.value.f = reals[i];
        give_metric(r, &m, "the value %.17g", reals[i]);
    }
}

static void kinds(const struct giver *r)
{
    static const int64_t times[] = {INT64_C(1000000000), INT64_C(1699999999999999999),
                                    INT64_C(4102444800000000000)};
    static const char *const units[] = {"B", "B/s", "%", "", "req/s", "\302\260C", "Kib"};
    struct metric m = plain_metric();

    for (int type = METRIC_GAUGE; type <= METRIC_TIMESTAMP; type++) {
        m.type = (uint8_t)type;
        give_metric(r, &m, "the type %s", metric_type_name(m.type));
    }
    m = plain_metric();
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        m.time_ns = times[i];
        give_metric(r, &m, "the time %" PRId64 " ns", times[i]);
    }
    m = plain_metric();
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        m.unit = str_of(units[i]);
        give_metric(r, &m, "the unit \"%s\"", units[i]);
    }
}

static void texts(const struct giver *r)
{
    struct metric m;

    for (size_t i = 0; i < NTEXTS; i++) {
        m = plain_metric();
        m.name = str_of(TEXTS[i]);
        give_metric(r, &m, "the name \"%s\"", TEXTS[i]);
        m = plain_metric();
        m.tags[0].val = str_of(TEXTS[i]);
        give_metric(r, &m, "the tag value \"%s\"", TEXTS[i]);
        m = plain_metric();
        m.ntags = 1;
        m.tags[0] = (struct tag){str_of(TEXTS[i]), str_of("v")};
        m.meta[0] = m.tags[0];
        give_metric(r, &m, "the tag key \"%s\"", TEXTS[i]);
    }
}

static void sizes(const struct giver *r)
{
    static char name[LONG_NAME + 1], value[LONG_TAG + 1], keys[METRIC_MAX_TAGS][8];
    struct metric m = plain_metric();

    memset(name, 'n', LONG_NAME);
    memset(value, 'v', LONG_TAG);
    m.ntags = m.nmeta = 0;
    give_metric(r, &m, "no tags");
    m.unit = m.collector = (struct str){"", 0};
    give_metric(r, &m, "neither tags nor unit nor collector");
    m.name = str_of(name);
    give_metric(r, &m, "a name of %d bytes", LONG_NAME);
    m = plain_metric();
    m.tags[0].val = str_of(value);
    give_metric(r, &m, "a tag value of %d bytes", LONG_TAG);
    m = plain_metric();
    m.ntags = m.nmeta = METRIC_MAX_TAGS;
    for (size_t i = 0; i < METRIC_MAX_TAGS; i++) {
        (void)snprintf(keys[i], sizeof keys[i], "k%02zu", i);
        m.tags[i] = m.meta[i] = (struct tag){str_of(keys[i]), str_of("v")};
    }
    give_metric(r, &m, "%d tags", METRIC_MAX_TAGS);
}

void battery_each(void *arg, battery_fn *fn)
{
    const struct giver r = {arg, fn};
    struct metric m = plain_metric();

    give_metric(&r, &m, "a plain value");
    numbers(&r);
    kinds(&r);
    sizes(&r);
    texts(&r);
}

/* --- one character at one place --- */

const char *battery_field(unsigned field)
{
    static const char *const names[BATTERY_FIELDS] = {
        "its name",         "its unit",           "the key of a tag", "the value of a tag",
        "a meta tag's key", "a meta tag's value", "its collector",    "its prefix"};

    return names[field];
}

const struct metric *battery_with(char c, unsigned field)
{
    static char text[BATTERY_FIELDS][8];
    static struct metric m;
    struct str s[BATTERY_FIELDS];

    for (unsigned i = 0; i < BATTERY_FIELDS; i++) {
        (void)snprintf(text[i], sizeof text[i], "a%c%c", i == field ? c : 'x', (char)('b' + i));
        s[i] = str_of(text[i]);
    }
    m = plain_metric();
    m.name = s[0];
    m.unit = s[1];
    m.tags[0] = (struct tag){s[2], s[3]};
    m.meta[0] = (struct tag){s[4], s[5]};
    m.collector = s[6];
    m.prefix = s[7];
    return &m;
}
