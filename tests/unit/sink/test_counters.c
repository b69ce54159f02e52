/* sink/counters.c: tables of pairs of values, what makes a series, and random logs cut at random
 * places, which must give the points of the whole. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "sink/counters.h"

static struct counters c;
static uint64_t seq;

static void setup(void)
{
    log_set_level(LOG_L_ERROR);
}

static void teardown(void)
{
    counters_forget(&c);
}

TestSuite(counters, .init = setup, .fini = teardown);

static void begin(int64_t mode)
{
    counters_forget(&c);
    counters_init(&c, mode, 600 * NS_PER_S);
    seq = 1;
}

static struct metric counter(const char *name, int64_t time_s)
{
    struct metric m = {.type = METRIC_COUNTER, .vtype = METRIC_I64, .time_ns = time_s * NS_PER_S};

    m.name = str_of(name);
    m.unit = str_of("B");
    return m;
}

static bool apply(struct metric *m)
{
    return counters_apply(&c, m, seq++);
}

static bool step(int64_t time_s, int64_t value, struct metric *m)
{
    *m = counter("x", time_s);
    m->value.i = value;
    return apply(m);
}

/* --- two values --- */

static struct metric of_i(int64_t v)
{
    struct metric m = counter("x", 0);

    m.value.i = v;
    return m;
}

static struct metric of_u(uint64_t v)
{
    struct metric m = counter("x", 0);

    m.vtype = METRIC_U64;
    m.value.u = v;
    return m;
}

static struct metric of_f(double v)
{
    struct metric m = counter("x", 0);

    m.vtype = METRIC_F64;
    m.value.f = v;
    return m;
}

/* The difference as text, "none" when there is no point. */
static const char *delta(struct metric was, struct metric is)
{
    static char text[40];

    begin(COUNTERS_DELTA);
    is.time_ns = 10 * NS_PER_S;
    cr_assert_not(apply(&was));
    if (!apply(&is))
        return "none";
    cr_assert_eq(is.type, METRIC_COUNT);
    cr_assert(str_eq(is.unit, str_of("B")));
    if (is.vtype == METRIC_I64)
        snprintf(text, sizeof text, "%lld", (long long)is.value.i);
    else if (is.vtype == METRIC_U64)
        snprintf(text, sizeof text, "%llu", (unsigned long long)is.value.u);
    else
        snprintf(text, sizeof text, "%.17gf", is.value.f);
    return text;
}

#define DELTA(was, is, wanted) cr_assert_str_eq(delta(was, is), wanted)

Test(counters, differences)
{
    DELTA(of_i(5), of_i(5), "0");
    DELTA(of_i(5), of_i(17), "12");
    DELTA(of_i(0), of_i(INT64_MAX), "9223372036854775807");
    DELTA(of_i(INT64_MAX), of_u(UINT64_C(1) << 63), "1");
    DELTA(of_i(0), of_u(UINT64_MAX), "18446744073709551615");
    DELTA(of_u(UINT64_MAX - 1), of_u(UINT64_MAX), "1");
    DELTA(of_i(-5), of_i(10), "15");
    DELTA(of_i(INT64_MIN), of_i(INT64_MAX), "18446744073709551615");
    DELTA(of_i(INT64_MIN), of_u(UINT64_MAX), "2.7670116110564327e+19f");
    DELTA(of_f(0.25), of_f(1.5), "1.25f");
    DELTA(of_i(1), of_f(1.5), "0.5f");
    DELTA(of_f(1.5), of_i(3), "1.5f");
    DELTA(of_f(3), of_f(3), "0f");
    DELTA(of_f(-1e308), of_f(1.7e308), "none");
}

Test(counters, resets)
{
    DELTA(of_i(1000), of_i(0), "0");
    DELTA(of_i(1000), of_i(984), "984");
    DELTA(of_i(INT64_MAX), of_i(7), "7");
    DELTA(of_u(UINT64_C(1) << 63), of_i(7), "7");
    DELTA(of_i(10), of_i(-3), "none");
    DELTA(of_i(-3), of_i(-4), "none");
    DELTA(of_f(10.5), of_f(2.5), "2.5f");
    DELTA(of_f(10.5), of_f(-2.5), "none");
    DELTA(of_f(4294967295.0), of_f(1), "1f"); /* only whole numbers wrap */
}

/* What the kernel does with a CPU's idle and iowait is no restart. */
Test(counters, slight_falls)
{
    DELTA(of_i(1000), of_i(985), "none");
    DELTA(of_i(1000), of_i(999), "none");
    DELTA(of_i(864000000), of_i(863999990), "none");
    DELTA(of_i((INT64_C(1) << 32) - 10), of_i((INT64_C(1) << 32) - 20), "none");
    DELTA(of_u(UINT64_MAX), of_u(UINT64_MAX - 1), "none");
    DELTA(of_f(640.5), of_f(640.25), "none");
    DELTA(of_f(640), of_f(629), "629f");
    DELTA(of_i(63), of_i(62), "62"); /* small enough to do no harm */
}

Test(counters, wraps)
{
    const int64_t top = INT64_C(1) << 32, eighth = top / 8;

    DELTA(of_i(top - 1), of_i(0), "1");
    DELTA(of_i(top - 10), of_i(90), "100");
    DELTA(of_i(top - 1), of_i(eighth - 2), "536870911");
    DELTA(of_i(top - 1), of_i(eighth - 1), "536870911"); /* an eighth: a restart, from 0 */
    DELTA(of_i(top - eighth), of_i(0), "0");             /* likewise */
    DELTA(of_i(top - eighth + 1), of_i(0), "536870911");
    DELTA(of_i(top), of_i(5), "5"); /* it was never one of 32 bits */
    DELTA(of_u(UINT64_MAX), of_i(0), "1");
    DELTA(of_u(UINT64_MAX - 9), of_i(90), "100");
    DELTA(of_u(UINT64_MAX), of_i(INT64_MAX), "9223372036854775807");
}

Test(counters, rates)
{
    struct metric m;

    begin(COUNTERS_RATE);
    cr_assert_not(step(100, 1000, &m));
    cr_assert(step(110, 1025, &m));
    cr_assert_eq(m.type, METRIC_RATE);
    cr_assert_eq(m.vtype, METRIC_F64);
    cr_assert_eq(m.value.f, 2.5);
    cr_assert(str_eq(m.unit, str_of("B/s")));
    cr_assert_eq(m.time_ns, 110 * NS_PER_S);
    cr_assert(step(114, 20, &m)); /* it began again at 0 */
    cr_assert_eq(m.value.f, 5.0);
    m = counter("x", 0);
    m.time_ns = 114 * NS_PER_S + NS_PER_S / 4;
    m.value.i = 21;
    cr_assert(apply(&m));
    cr_assert_eq(m.value.f, 4.0);
}

Test(counters, a_rate_that_is_no_number_is_no_point)
{
    struct metric m = of_f(0);

    begin(COUNTERS_RATE);
    cr_assert_not(apply(&m));
    m = of_f(1.7e308);
    m.time_ns = 1;
    cr_assert_not(apply(&m));
}

Test(counters, no_unit_stays_none)
{
    struct metric m;

    begin(COUNTERS_RATE);
    for (int i = 0; i < 2; i++) {
        m = counter("x", i);
        m.unit = (struct str){"", 0};
        cr_assert_eq(apply(&m), i == 1);
    }
    cr_assert_eq(m.unit.n, 0);
}

Test(counters, the_longest_unit)
{
    static char unit[METRIC_HARD_STRING];
    struct metric m;

    memset(unit, 'u', sizeof unit);
    begin(COUNTERS_RATE);
    for (int i = 0; i < 2; i++) {
        m = counter("x", i);
        m.unit = (struct str){unit, sizeof unit};
        cr_assert_eq(apply(&m), i == 1);
    }
    cr_assert_eq(m.unit.n, sizeof unit + 2);
    cr_assert_eq(memcmp(m.unit.s, unit, sizeof unit), 0);
    cr_assert_str_eq(m.unit.s + sizeof unit, "/s");
}

Test(counters, only_counters_and_only_when_asked)
{
    struct metric m;

    begin(COUNTERS_RAW);
    cr_assert(step(1, 5, &m));
    cr_assert_eq(m.type, METRIC_COUNTER);
    cr_assert_eq(m.value.i, 5);
    begin(COUNTERS_RATE);
    for (uint8_t type = METRIC_GAUGE; type <= METRIC_TIMESTAMP; type++) {
        m = counter("x", 1);
        m.type = type;
        m.value.i = 5;
        cr_assert_eq(apply(&m), type != METRIC_COUNTER);
        cr_assert_eq(m.type, type);
        cr_assert_eq(m.value.i, 5);
    }
}

/* --- time --- */

Test(counters, what_comes_twice_or_late_counts_once)
{
    struct metric m;

    begin(COUNTERS_DELTA);
    cr_assert_not(step(100, 1000, &m));
    cr_assert(step(110, 1010, &m));
    cr_assert_not(step(110, 1010, &m));
    cr_assert_not(step(100, 1000, &m));
    cr_assert_not(step(105, 1005, &m));
    cr_assert_not(step(110, 1011, &m));
    cr_assert(step(120, 1030, &m));
    cr_assert_eq(m.value.i, 20);
}

Test(counters, more_than_the_window_begins_anew)
{
    struct metric m;

    begin(COUNTERS_DELTA);
    cr_assert_not(step(1000, 10, &m));
    cr_assert(step(1600, 20, &m));
    cr_assert_not(step(2201, 30, &m));
    cr_assert(step(2202, 31, &m));
    cr_assert_eq(m.value.i, 1);
    cr_assert_not(step(1602, 50, &m)); /* 600 s before: late */
    cr_assert(step(2203, 60, &m));
    cr_assert_eq(m.value.i, 29);
    cr_assert_not(step(1602, 40, &m)); /* the clock was set back */
    cr_assert(step(1603, 70, &m));
    cr_assert_eq(m.value.i, 30);
}

Test(counters, times_at_the_ends_of_the_world)
{
    struct metric m = counter("x", 0);

    begin(COUNTERS_RATE);
    m.time_ns = INT64_MIN;
    cr_assert_not(apply(&m));
    m.time_ns = INT64_MAX;
    cr_assert_not(apply(&m));
    m.time_ns = INT64_MIN;
    cr_assert_not(apply(&m));
    m.time_ns = INT64_MIN + 1;
    cr_assert(apply(&m));
}

Test(counters, what_lies_before_the_cut_is_forgotten)
{
    struct metric m;

    begin(COUNTERS_DELTA);
    cr_assert_not(step(100, 10, &m)); /* number 1 */
    cr_assert(step(110, 20, &m));     /* number 2 */
    counters_cut(&c, 2);
    cr_assert(step(120, 30, &m)); /* number 3 */
    counters_cut(&c, 4);
    counters_cut(&c, 2);
    cr_assert_not(step(130, 40, &m));
    cr_assert(step(140, 41, &m));
    counters_forget(&c);
    cr_assert_not(step(150, 42, &m));
}

/* --- series --- */

Test(counters, what_makes_a_series)
{
    enum { KINDS = 12 };
    struct metric m[KINDS];

    for (int i = 0; i < KINDS; i++) {
        m[i] = counter("ab", 0);
        m[i].ntags = i >= 6 ? 1 : 0;
        m[i].tags[0] = (struct tag){str_of("k"), str_of("v")};
    }
    m[1].name = str_of("a");
    m[2].unit = str_of("");
    m[3].prefix = str_of("p");
    m[4].collector = str_of("p");
    m[5].name = str_of("abB"), m[5].unit = str_of("");
    m[7].tags[0] = (struct tag){str_of("kv"), str_of("")};
    m[8].tags[0] = (struct tag){str_of("v"), str_of("k")};
    m[9].ntags = 2, m[9].tags[1] = (struct tag){str_of("l"), str_of("v")};
    m[10].ntags = 2, m[10].tags[1] = (struct tag){str_of("k"), str_of("v")};
    m[11].ntags = 2, m[11].tags[1] = (struct tag){str_of(""), str_of("")};
    begin(COUNTERS_DELTA);
    for (int round = 0; round < 3; round++)
        for (int i = 0; i < KINDS; i++) {
            struct metric one = m[i];

            one.time_ns = round * NS_PER_S;
            one.value.i = i + (int64_t)round * 100 * i;
            one.nmeta = (uint32_t)round; /* is not part of it */
            one.meta[0] = one.meta[1] = (struct tag){str_of("a"), str_of("b")};
            cr_assert_eq(apply(&one), round > 0, "%d", i);
            cr_assert_eq(one.value.i, round > 0 ? 100 * i : i);
        }
}

static bool many(uint64_t name, int64_t time_s)
{
    char text[32];
    struct metric m = counter("", time_s);

    snprintf(text, sizeof text, "m.%llu", (unsigned long long)name);
    m.name = str_of(text);
    m.value.i = (int64_t)name + time_s;
    return apply(&m) && m.value.i == 1;
}

Test(counters, a_table_that_grows)
{
    begin(COUNTERS_DELTA);
    for (int64_t t = 0; t < 3; t++)
        for (uint64_t i = 0; i < 20000; i++)
            cr_assert_eq(many(i, t), t > 0);
}

/* Series that come and go: those forgotten give their place to others. */
Test(counters, memory_has_a_bound_in_time)
{
    begin(COUNTERS_DELTA);
    for (uint64_t i = 0; i < 2000000; i++) {
        (void)many(i, 1);
        if (i % 1000 == 0)
            counters_cut(&c, seq > 5000 ? seq - 5000 : 0);
    }
    cr_assert_leq(c.cap, 32768);
    cr_assert_not(c.reported_full);
}

Test(counters, memory_has_a_bound_in_number)
{
    begin(COUNTERS_DELTA);
    for (uint64_t i = 0; i < COUNTERS_MOST; i++)
        cr_assert_not(many(i, 1));
    cr_assert_not(c.reported_full);
    cr_assert_not(many(COUNTERS_MOST + 100, 1));
    cr_assert_not(many(COUNTERS_MOST + 100, 2));
    cr_assert(c.reported_full);
    cr_assert(many(5, 2));
    counters_cut(&c, seq - 1);
    cr_assert_not(many(COUNTERS_MOST + 100, 3));
    cr_assert(many(COUNTERS_MOST + 100, 4));
}

/* --- a function of the log --- */

enum { LOG = 3000, SERIES = 12, WINDOW_S = 600 };

static struct entry {
    struct metric m;
    char name[8];
    int64_t came_ns;
    uint64_t cut; /* what is before is forgotten from here on */
} logged[LOG];
static struct point {
    bool made;
    int64_t time_ns;
    double value;
} whole[LOG];

/* The time that its sender gives it: near when it came, sometimes one long past, the same again, or
 * far ahead; the clock may be set. */
static int64_t stamp(int64_t came_ns, int64_t *offset, unsigned *seed)
{
    int64_t near = came_ns + *offset - (int64_t)(rand_r(seed) % 1000) * NS_PER_MS;

    switch (rand_r(seed) % 60) {
    case 0:
        return near - (int64_t)(rand_r(seed) % WINDOW_S) * NS_PER_S;
    case 1:
        return near + 10 * WINDOW_S * NS_PER_S;
    case 2:
        *offset += (rand_r(seed) % 200 - 100) * NS_PER_S;
        return near;
    case 3:
        return near - near % (20 * NS_PER_S);
    default:
        return near;
    }
}

/* Segments as spool/segment.h has them: made at random moments. */
static void make_log(unsigned *seed)
{
    int64_t value[SERIES] = {0}, offset[SERIES] = {0}, now = 0;
    int64_t made[LOG];
    uint64_t first[LOG], segments = 0;

    for (uint64_t i = 0; i < LOG; i++) {
        struct entry *e = &logged[i];
        unsigned s = (unsigned)rand_r(seed) % SERIES;
        uint64_t back;

        now += (int64_t)(rand_r(seed) % 4000) * NS_PER_MS;
        if (rand_r(seed) % 300 == 0)
            now += 2 * WINDOW_S * NS_PER_S;
        if (i == 0 || rand_r(seed) % 50 == 0)
            first[segments] = i, made[segments++] = now;
        for (back = segments;
             back > 0 && made[back - 1] > made[segments - 1] - WINDOW_S * NS_PER_S;)
            back--;
        value[s] = rand_r(seed) % 40 == 0 ? rand_r(seed) % 10 : value[s] + rand_r(seed) % 100;
        e->came_ns = now;
        e->cut = back > 0 ? first[back - 1] : 0;
        snprintf(e->name, sizeof e->name, "s%u", s);
        e->m = counter(e->name, 0);
        e->m.time_ns = stamp(now, &offset[s], seed);
        e->m.value.i = value[s];
    }
}

static struct point point_of(uint64_t i)
{
    struct metric m = logged[i].m;
    struct point p = {0};

    counters_cut(&c, logged[i].cut);
    p.made = counters_apply(&c, &m, i);
    if (p.made) {
        p.time_ns = m.time_ns;
        p.value = m.value.f;
    }
    return p;
}

/* Read from anywhere, after the window before it: the points of the whole. */
Test(counters, points_are_a_function_of_the_log, .timeout = 100)
{
    unsigned seed = 1, points = 0, compared = 0;

    for (int round = 0; round < 60; round++) {
        make_log(&seed);
        begin(COUNTERS_RATE);
        for (uint64_t i = 0; i < LOG; i++) {
            whole[i] = point_of(i);
            points += whole[i].made;
        }
        for (int n = 0; n < 30; n++) {
            uint64_t from = (uint64_t)rand_r(&seed) % LOG;

            counters_forget(&c);
            for (uint64_t i = logged[from].cut; i < from; i++)
                (void)point_of(i);
            for (uint64_t i = from; i < LOG && i < from + 500; i++, compared++) {
                struct point p = point_of(i);

                cr_assert_eq(p.made, whole[i].made, "round %d from %llu at %llu", round,
                             (unsigned long long)from, (unsigned long long)i);
                cr_assert_eq(p.value, whole[i].value);
                cr_assert_eq(p.time_ns, whole[i].time_ns);
            }
        }
    }
    cr_assert_gt(points, 50000);
    cr_assert_gt(compared, 500000);
}
