/* model/record: what is put comes back, and no bytes whatever lead astray */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "model/record.h"

static uint64_t seed = 7;

static uint32_t dice(uint32_t n)
{
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(seed >> 33) % n;
}

static char pool[METRIC_HARD_STRING + 1];

static struct str any_text(uint32_t max)
{
    return (struct str){pool, dice(max + 1)};
}

/* Keys of any length that are different from each other: they begin with two letters of their
 * own. */
static char keys[METRIC_MAX_TAGS][8];

static uint32_t any_tags(struct tag *tags, uint32_t max)
{
    uint32_t n = 0, want = dice(max + 1);

    for (uint32_t i = 0; i < want; i++)
        cr_assert(metric_tag(tags, &n, str_of(keys[dice(METRIC_MAX_TAGS)]), any_text(20), true));
    return n;
}

static void any_metric(struct metric *m)
{
    static const uint8_t vtypes[] = {METRIC_I64, METRIC_U64, METRIC_F64};

    m->type = (uint8_t)(1 + dice(5));
    m->vtype = vtypes[dice(3)];
    m->flags = (uint8_t)dice(2);
    m->time_ns = (int64_t)dice(1u << 31) * INT64_C(1000000007);
    m->interval_ns = dice(2) * INT64_C(10000000000);
    m->value.i = (int64_t)dice(1u << 30) - (1 << 29);
    if (m->vtype == METRIC_F64)
        m->value.f = (double)dice(1000000) / 7;
    m->name = any_text(40);
    m->name.n += m->name.n == 0;
    m->unit = any_text(4);
    m->collector = any_text(10);
    m->prefix = any_text(10);
    m->ntags = any_tags(m->tags, 8);
    m->nmeta = any_tags(m->meta, 3);
}

static void setup(void)
{
    memset(pool, 'p', sizeof pool);
    for (int i = 0; i < METRIC_MAX_TAGS; i++)
        (void)snprintf(keys[i], sizeof keys[i], "k%02d", i);
}

static bool same_str(struct str put, struct str got)
{
    return str_eq(put, got) && got.s[got.n] == 0;
}

static bool same_tags(const struct tag *a, const struct tag *b, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        if (!same_str(a[i].key, b[i].key) || !same_str(a[i].val, b[i].val))
            return false;
    return true;
}

static bool same(const struct metric *a, const struct metric *b)
{
    return a->type == b->type && a->vtype == b->vtype && a->flags == b->flags &&
           a->time_ns == b->time_ns && a->interval_ns == b->interval_ns &&
           memcmp(&a->value, &b->value, sizeof a->value) == 0 && same_str(a->name, b->name) &&
           same_str(a->unit, b->unit) && same_str(a->collector, b->collector) &&
           same_str(a->prefix, b->prefix) && a->ntags == b->ntags && a->nmeta == b->nmeta &&
           same_tags(a->tags, b->tags, a->ntags) && same_tags(a->meta, b->meta, a->nmeta);
}

Test(record, round_trip, .init = setup)
{
    static struct metric put[100], got;
    struct buf b = {0};
    size_t at = 0;

    for (int i = 0; i < 100; i++) {
        any_metric(&put[i]);
        record_put(&b, &put[i]);
    }
    cr_assert(buf_ok(&b));
    for (int i = 0; i < 100; i++) {
        size_t n = record_get(b.p + at, b.n - at, &got);

        cr_assert(n > 0 && n % 8 == 0);
        cr_assert(same(&put[i], &got), "metric %d", i);
        at += n;
    }
    cr_assert_eq(at, b.n);
    cr_assert_eq(record_get(b.p + at, 0, &got), 0);
    buf_free(&b);
}

Test(record, the_largest, .init = setup)
{
    static struct metric put, got;
    struct buf b = {0};

    any_metric(&put);
    put.name.n = put.unit.n = put.collector.n = put.prefix.n = METRIC_HARD_STRING;
    put.ntags = put.nmeta = METRIC_MAX_TAGS;
    for (int i = 0; i < METRIC_MAX_TAGS; i++)
        put.tags[i] = put.meta[i] = (struct tag){str_of(keys[i]), {pool, METRIC_HARD_STRING}};
    record_put(&b, &put);
    cr_assert_eq(record_get(b.p, b.n, &got), b.n);
    cr_assert(same(&put, &got));
    buf_free(&b);
}

/* The format on disk is a promise: these are its bytes. */
Test(record, golden)
{
    /* clang-format off */
    static const unsigned char want[] = {
        64, 0, 0, 0, 1, 2, 1, 1,                    /* length, version, type, vtype, flags */
        1, 2, 0, 0, 0, 0, 0, 0,                     /* time 513 */
        255, 0, 0, 0, 0, 0, 0, 0,                   /* interval 255 */
        254, 255, 255, 255, 255, 255, 255, 255,     /* value -2 */
        1, 0,                                       /* tags, meta tags */
        3, 0, 'c', 'p', 'u', 0, 1, 0, '%', 0,       /* name, unit */
        0, 0, 0, 1, 0, 'x', 0,                      /* collector, prefix */
        1, 0, 'k', 0, 2, 0, 'v', 'w', 0,            /* the tag */
        0, 0, 0, 0,                                 /* up to a multiple of 8 */
    };
    /* clang-format on */
    static struct metric m;
    struct buf b = {0};

    m = (struct metric){.type = 2,
                        .vtype = 1,
                        .flags = 1,
                        .ntags = 1,
                        .time_ns = 513,
                        .interval_ns = 255,
                        .value.i = -2,
                        .name = {"cpu", 3},
                        .unit = {"%", 1},
                        .prefix = {"x", 1},
                        .tags = {{{"k", 1}, {"vw", 2}}}};
    record_put(&b, &m);
    cr_assert_eq(b.n, sizeof want);
    cr_assert_eq(memcmp(b.p, want, sizeof want), 0);
    buf_free(&b);
}

/* A copy of exactly n bytes, so that the sanitizer sees a read past them. */
static size_t get_exact(const char *p, size_t n, struct metric *m)
{
    char *copy = malloc(n > 0 ? n : 1);
    size_t used;

    cr_assert_not_null(copy);
    if (n > 0)
        memcpy(copy, p, n);
    used = record_get(copy, n, m);
    free(copy);
    return used;
}

Test(record, every_cut_is_refused, .init = setup)
{
    static struct metric m;
    struct buf b = {0};

    any_metric(&m);
    record_put(&b, &m);
    for (size_t n = 0; n < b.n; n++)
        cr_assert_eq(get_exact(b.p, n, &m), 0, "cut at %zu", n);
    buf_free(&b);
}

static void refused(size_t at, unsigned char byte)
{
    static struct metric m, got;
    struct buf b = {0};

    m = (struct metric){.type = 1,
                        .vtype = METRIC_F64,
                        .value.f = 1,
                        .name = {"cpu", 3},
                        .ntags = 2,
                        .tags = {{{"a", 1}, {"1", 1}}, {{"b", 1}, {"2", 1}}}};
    record_put(&b, &m);
    cr_assert_eq(b.n, 72);
    cr_assert_eq(record_get(b.p, b.n, &got), 72);
    cr_assert_neq((unsigned char)b.p[at], byte);
    b.p[at] = (char)byte;
    cr_assert_eq(record_get(b.p, b.n, &got), 0, "byte %zu = %d", at, byte);
    buf_free(&b);
}

Test(record, each_rule)
{
    refused(0, 64); /* shorter than its strings */
    refused(0, 80); /* longer than what is there */
    refused(0, 73); /* not a multiple of 8 */
    refused(0, 0);  /* none at all: a reader would never get on */
    refused(4, 2);  /* version */
    refused(5, 0);  /* type */
    refused(5, 6);
    refused(6, 3);     /* vtype */
    refused(7, 2);     /* flags */
    refused(23, 0x80); /* interval < 0 */
    refused(31, 0x7f); /* 1.0 with this exponent: infinite */
    refused(32, 65);   /* more tags than there may be */
    refused(32, 3);    /* than there are */
    refused(32, 1);    /* fewer: what is left is no padding */
    refused(33, 1);    /* meta */
    refused(34, 0);    /* name empty, or its NUL missing */
    refused(34, 4);
    refused(35, 0xff); /* a string past the end */
    refused(39, 'x');  /* NUL missing */
    refused(51, 'c');  /* tags out of order */
    refused(51, 'b');  /* a tag twice */
    refused(71, 1);    /* padding */
}

Test(record, mutations, .init = setup)
{
    static struct metric m, got;
    struct buf b = {0}, again = {0};
    size_t survived = 0;

    for (int round = 0; round < 300000; round++) {
        size_t n;

        if (round % 100 == 0) {
            buf_reset(&b);
            any_metric(&m);
            record_put(&b, &m);
        }
        buf_reset(&again);
        buf_put(&again, b.p, b.n);
        for (uint32_t i = 0; i < 1 + dice(4); i++)
            again.p[dice((uint32_t)b.n)] = (char)(dice(3) == 0 ? dice(256) : dice(8));
        n = get_exact(again.p, again.n, &got);
        if (n == 0)
            continue;
        survived++;
        cr_assert(n <= again.n && n % 8 == 0);
        /* What is taken can be put, and is then the same bytes: there is one form only. */
        (void)record_get(again.p, again.n, &got);
        buf_reset(&b);
        record_put(&b, &got);
        cr_assert(b.n == n && memcmp(b.p, again.p, n) == 0);
    }
    cr_assert_gt(survived, 1000);
    buf_free(&b);
    buf_free(&again);
}
