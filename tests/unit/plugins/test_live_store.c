/* plugins/live/store and points: what is kept, how exactly, and that it has a bound. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store.h"

enum { NOW = 1000000000, SECOND = 1000 };

static struct store *store;
static size_t gone;

static enum store_answer take(const char *key, int64_t ms, double value, int64_t now)
{
    struct line line = {.time_ms = ms, .value = value, .key = {key, strlen(key)}};
    const struct series *e;

    return store_take(store, &line, now, &e);
}

static const struct series *find(const char *key)
{
    for (size_t i = 0; i < store_places(store); i++)
        if (store_at(store, i) != NULL && strcmp(store_at(store, i)->key, key) == 0)
            return store_at(store, i);
    return NULL;
}

static void on_gone(void *arg, const struct series *e)
{
    (void)arg;
    cr_expect_not_null(e->key);
    gone++;
}

static void sweep(int64_t now)
{
    store_sweep(store, now, on_gone, NULL);
}

static size_t count_points(const struct series *e, int64_t *oldest)
{
    struct points_at at = points_begin(&e->points);
    size_t n = 0;
    int64_t ms;
    double v;

    for (; points_next(&at, &ms, &v); n++)
        if (n == 0)
            *oldest = ms;
    return n;
}

static void end(void)
{
    store_free(store);
}

TestSuite(live_store, .fini = end);

Test(live_store, ten_minutes_are_kept)
{
    int64_t oldest = 0;
    size_t n;

    store = store_new(10);
    for (int64_t t = 0; t < 3000; t++)
        cr_assert_leq(take("a", NOW + t * SECOND, (double)t, NOW + t * SECOND), STORE_NEW);
    n = count_points(find("a"), &oldest);
    cr_expect_geq(n, 600);
    cr_expect_leq(n, 600 + CHUNK_POINTS);
    cr_expect_leq(oldest, NOW + 2400 * SECOND);
    cr_expect_eq(store_shortened(store), 0);
    sweep(NOW + 2999 * SECOND + POINTS_WINDOW_MS);
    cr_expect_eq(gone, 0);
    sweep(NOW + 2999 * SECOND + POINTS_WINDOW_MS + 1);
    cr_expect_eq(gone, 1);
    cr_expect_eq(store_count(store), 0);
    cr_expect_null(find("a"));
}

Test(live_store, times_and_values_are_as_exact_as_is_said)
{
    struct points p = {0};
    struct stock stock = {.most = 100};
    struct points_at at;
    int64_t ms;
    double v;

    store = NULL;
    for (int64_t i = 0; i < 500; i++)
        cr_assert_eq(points_add(&p, &stock, NOW + i * 777, 16e9 + (double)i * 100), POINTS_TAKEN);
    at = points_begin(&p);
    for (int64_t i = 0; i < 500; i++) {
        cr_assert(points_next(&at, &ms, &v));
        cr_expect_leq(llabs((long long)(ms - NOW - i * 777)), 5);
        cr_expect_eq(v, 16e9 + (double)i * 100);
    }
    cr_expect_not(points_next(&at, &ms, &v));
    points_free(&p, &stock);
    cr_assert_eq(points_add(&p, &stock, NOW, 0.1), POINTS_TAKEN);
    at = points_begin(&p);
    cr_assert(points_next(&at, &ms, &v));
    cr_expect_lt(fabs(v - 0.1), 1e-8);
    cr_expect_eq(p.newest, 0.1);
    points_free(&p, &stock);
    cr_assert_eq(points_add(&p, &stock, NOW, 0), POINTS_TAKEN);
    cr_assert_eq(points_add(&p, &stock, NOW + 1, -1e300), POINTS_TAKEN);
    at = points_begin(&p);
    cr_assert(points_next(&at, &ms, &v) && points_next(&at, &ms, &v));
    cr_expect(isfinite(v) && v < -1e38);
    points_free(&p, &stock);
}

/* It would have the digits of its first value, for good. */
Test(live_store, a_value_is_as_exact_after_a_large_one)
{
    static const double values[] = {1234567891, 1234567892, 10.25, 0.5, -3e9, 7, 1234567891, 10.25};
    struct points p = {0};
    struct stock stock = {.most = 100};
    struct points_at at;
    int64_t ms;
    double v;

    store = NULL;
    for (int64_t i = 0; i < 200; i++)
        cr_assert_eq(points_add(&p, &stock, NOW + i * SECOND, values[i % 8]), POINTS_TAKEN);
    cr_expect_leq(p.nchunks, 5);
    at = points_begin(&p);
    for (int64_t i = 0; i < 200; i++) {
        cr_assert(points_next(&at, &ms, &v));
        cr_expect_lt(fabs(v - values[i % 8]), fabs(values[i % 8]) * 1e-7, "%g is %g", values[i % 8],
                     v);
    }
    points_free(&p, &stock);
}

Test(live_store, a_clock_that_is_set_back)
{
    store = store_new(10);
    cr_assert_eq(take("a", NOW, 1, NOW), STORE_NEW);
    sweep(NOW - STORE_AHEAD_MS);
    cr_expect_eq(gone, 0);
    sweep(NOW - STORE_AHEAD_MS - 1);
    cr_expect_eq(gone, 1);
    cr_expect_eq(take("a", NOW - 3600 * SECOND, 2, NOW - 3600 * SECOND), STORE_NEW);
}

Test(live_store, a_slow_series_has_whole_chunks_of_time)
{
    int64_t oldest = 0;

    store = store_new(10);
    for (int64_t t = 0; t < 100; t++)
        cr_assert_leq(take("a", NOW + t * 60 * SECOND, 1, NOW + t * 60 * SECOND), STORE_NEW);
    cr_expect_geq(count_points(find("a"), &oldest), 10);
    cr_expect_leq(count_points(find("a"), &oldest), 22);
}

Test(live_store, what_is_not_now)
{
    store = store_new(10);
    cr_expect_eq(take("a", NOW - POINTS_WINDOW_MS, 1, NOW), STORE_NOT_NOW);
    cr_expect_eq(take("a", NOW + STORE_AHEAD_MS + 1, 1, NOW), STORE_NOT_NOW);
    cr_expect_eq(store_count(store), 0);
    cr_expect_eq(take("a", NOW + STORE_AHEAD_MS, 1, NOW), STORE_NEW);
    cr_expect_eq(take("a", NOW + STORE_AHEAD_MS, 1, NOW), STORE_NOT_NOW);
    cr_expect_eq(take("a", NOW, 1, NOW), STORE_NOT_NOW);
}

Test(live_store, series_are_bounded_and_come_back)
{
    uint64_t id;

    store = store_new(2);
    cr_expect_eq(take("a", NOW, 1, NOW), STORE_NEW);
    id = find("a")->id;
    cr_expect_eq(take("b", NOW + 1, 1, NOW), STORE_NEW);
    cr_expect_eq(take("c", NOW, 1, NOW), STORE_LEFT_OUT);
    cr_expect_eq(take("b", NOW + 2, 1, NOW), STORE_POINT);
    sweep(NOW + POINTS_WINDOW_MS + 1);
    cr_expect_eq(gone, 1);
    cr_expect_eq(take("c", NOW + 9, 1, NOW + POINTS_WINDOW_MS), STORE_NEW);
    cr_expect_null(store_find(store, id));
    cr_expect_neq(find("c")->id, id);
    cr_expect_eq(store_find(store, find("c")->id), find("c"));
}

Test(live_store, own_metrics_have_places_beside)
{
    char key[64];

    store = store_new(1);
    cr_expect_eq(take("gauge\tB\ta", NOW, 1, NOW), STORE_NEW);
    cr_expect_eq(take("gauge\tB\tgarnetx", NOW, 1, NOW), STORE_LEFT_OUT);
    for (int i = 0; i < STORE_OWN; i++) {
        (void)snprintf(key, sizeof key, "gauge\t\tgarnet.sink.%d", i);
        cr_assert_eq(take(key, NOW, 1, NOW), STORE_NEW);
    }
    cr_expect_eq(take("gauge\t\tgarnet.one.more", NOW, 1, NOW), STORE_LEFT_OUT);
    cr_expect_eq(store_count(store), STORE_OWN + 1);
    sweep(NOW + POINTS_WINDOW_MS + 1);
    cr_expect_eq(store_count(store), 0);
    cr_expect_eq(take("gauge\tB\tb", NOW, 1, NOW), STORE_NEW);
    cr_expect_eq(take("gauge\tB\tc", NOW, 1, NOW), STORE_LEFT_OUT);
}

Test(live_store, long_keys_are_bounded)
{
    char key[3 * STORE_KEY + 1];

    store = store_new(4);
    memset(key, 'a', sizeof key);
    key[sizeof key - 1] = 0;
    cr_expect_eq(take(key, NOW, 1, NOW), STORE_NEW);
    *key = 'b';
    cr_expect_eq(take(key, NOW, 1, NOW), STORE_LEFT_OUT);
    cr_expect_eq(take("c", NOW, 1, NOW), STORE_NEW);
}

/* One that has a thousand points a second gets shorter, and takes nothing that others have a right to. */
Test(live_store, points_are_bounded)
{
    int64_t oldest = 0;

    store = store_new(3);
    for (int64_t t = 0; t < 100 * SECOND; t++) {
        cr_assert_leq(take("quick", NOW + t, 1, NOW + t), STORE_NEW);
        if (t % SECOND == 0)
            cr_assert_leq(take("slow", NOW + t, 1, NOW + t), STORE_NEW);
    }
    cr_expect_leq(find("quick")->points.nchunks, POINTS_SHARE + 3);
    cr_expect_geq(count_points(find("quick"), &oldest), POINTS_SHARE * CHUNK_POINTS);
    cr_expect_eq(count_points(find("slow"), &oldest), 100);
    cr_expect_gt(store_shortened(store), 0);
}

/* Against a table that only looks at all of them: random series come and go. */
Test(live_store, it_finds_what_is_there_and_nothing_else)
{
    enum { KEYS = 300, MOST = 100, STEPS = 50000 };
    int64_t last[KEYS] = {0}, now = NOW;
    unsigned seed = 7;

    store = store_new(MOST);
    for (int i = 0; i < STEPS; i++) {
        int k = rand_r(&seed) % KEYS;
        size_t n = 0;
        char key[16];

        now += rand_r(&seed) % 5 * SECOND;
        if (i % 8 == 0) {
            sweep(now);
            for (int j = 0; j < KEYS; j++)
                if (last[j] != 0 && last[j] < now - POINTS_WINDOW_MS)
                    last[j] = 0;
        }
        for (int j = 0; j < KEYS; j++)
            n += last[j] != 0;
        cr_assert_eq(store_count(store), n);
        (void)snprintf(key, sizeof key, "k%d", k);
        switch (take(key, now, i, now)) {
        case STORE_NEW:
            cr_assert_eq(last[k], 0);
            last[k] = now;
            break;
        case STORE_POINT:
            cr_assert_neq(last[k], 0);
            last[k] = now;
            break;
        case STORE_LEFT_OUT:
            cr_assert_eq(last[k], 0);
            cr_assert_eq(n, MOST);
            break;
        default:
            cr_assert_eq(last[k], now);
        }
    }
    cr_expect_gt(gone, 0);
}
