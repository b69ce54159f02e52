/* What comes into a spool, for somebody who only looks: each metric is handed out or said to be left out, once and in order. */
#include <sys/types.h>

#include "cli/follow.h"
#include "model/record.h"
#include "rig/files.h"
#include "rig/spool_dir.h"

static struct append *a;
static struct follow f;
static uint64_t put; /* the next metric's value: the number of those before */

static void begin(void)
{
    spool_dir_make();
    a = open_writer(1024);
    put = 0;
}

static void end(void)
{
    follow_close(&f);
    append_close(a);
    spool_dir_remove();
}

TestSuite(follow, .init = begin, .fini = end);

static void put_metrics(struct append *to, uint32_t count)
{
    struct metric m = {.type = METRIC_GAUGE, .vtype = METRIC_I64, .name = {"load", 4}};
    struct buf b = {0};
    uint64_t last;

    for (uint32_t i = 0; i < count; i++) {
        m.value.i = (int64_t)put++;
        record_put(&b, &m);
    }
    cr_assert_eq(append_frame(to, b.p, b.n, count, &last), 0);
    buf_free(&b);
}

static void open_at(bool oldest)
{
    struct why why = {0};

    cr_assert(follow_open(&f, spool_dir.path, oldest, &why), "%s", why.text);
}

/* Until it waits. How many metrics, whose values are those from `from` on, a gap being left out; *gone is the sum of those. */
static uint64_t follow_all(uint64_t from, uint64_t *gone)
{
    enum follow_result r;
    uint64_t n = 0;

    *gone = 0;
    while ((r = follow_next(&f)) == FOLLOW_METRIC || r == FOLLOW_GAP)
        if (r == FOLLOW_METRIC) {
            cr_assert_eq(f.metric.value.i, (int64_t)(from + n + *gone));
            n++;
        } else {
            *gone += f.lost;
        }
    cr_assert_eq(r, FOLLOW_WAIT);
    return n;
}

static void comes(uint64_t from, uint64_t metrics, uint64_t left_out)
{
    uint64_t gone, n = follow_all(from, &gone);

    cr_assert_eq(n, metrics);
    cr_assert_eq(gone, left_out);
}

Test(follow, from_now_on)
{
    put_metrics(a, 10);
    open_at(false);
    comes(0, 0, 0);
    put_metrics(a, 5);
    put_metrics(a, 5);
    comes(10, 10, 0);
}

Test(follow, from_the_oldest_on)
{
    for (int i = 0; i < 40; i++)
        put_metrics(a, 10);
    open_at(true);
    comes(0, 400, 0);
}

Test(follow, a_spool_in_which_nothing_is_yet)
{
    open_at(false);
    comes(0, 0, 0);
    put_metrics(a, 10);
    comes(0, 10, 0);
}

Test(follow, goes_on_where_it_let_go)
{
    put_metrics(a, 10);
    open_at(true);
    for (int i = 0; i < 4; i++) {
        cr_assert_eq(follow_next(&f), FOLLOW_METRIC);
        cr_assert_eq(f.metric.value.i, i);
        follow_release(&f);
    }
    comes(4, 6, 0);
}

Test(follow, what_retention_takes_is_left_out)
{
    put_metrics(a, 10);
    open_at(true);
    comes(0, 10, 0);
    for (int i = 0; i < 60; i++)
        put_metrics(a, 10);
    follow_release(&f);
    append_configure(a, &(struct append_config){.segment_size = 1024, .max_size = 3000});
    cr_assert_gt(append_retain(a, 0, 0), 0);
    {
        uint64_t gone, n = follow_all(10, &gone);

        cr_assert_gt(gone, 0);
        cr_assert_gt(n, 0);
        cr_assert_eq(n + gone, 600);
        cr_assert_str_eq(f.reason, "expired");
    }
}

Test(follow, a_skip_leaves_out_all_but_what_comes)
{
    put_metrics(a, 10);
    open_at(true);
    cr_assert_eq(follow_behind(&f), 0);
    cr_assert_eq(follow_next(&f), FOLLOW_METRIC);
    cr_assert(follow_skip(&f));
    cr_assert_eq(f.seq, 1);
    cr_assert_eq(f.lost, 9);
    cr_assert_not(follow_skip(&f));
    put_metrics(a, 3);
    comes(10, 3, 0);
}

Test(follow, damage_is_left_out)
{
    struct buf junk = {0};
    uint64_t last;

    put_metrics(a, 10);
    buf_puts(&junk, "no record in here, for 32 bytes.");
    cr_assert_eq(append_frame(a, junk.p, junk.n, 7, &last), 0);
    buf_free(&junk);
    put += 7;
    put_metrics(a, 10);
    open_at(true);
    comes(0, 20, 7);
}

/* Another folder takes its place. */
static void replace_folder(void)
{
    char away[64];

    (void)snprintf(away, sizeof away, "%s.away", spool_dir.path);
    cr_assert_eq(rename(spool_dir.path, away), 0);
    remove_tree(away);
    cr_assert_eq(follow_look(&f), FOLLOW_GONE);
    cr_assert_eq(errno, ENOENT);
}

Test(follow, a_folder_in_which_the_numbers_go_on)
{
    struct why why;

    put_metrics(a, 10);
    open_at(true);
    comes(0, 10, 0);
    cr_assert_eq(follow_look(&f), FOLLOW_SAME);
    replace_folder();
    cr_assert(append_reopen(a, spool_dir.path, &why));
    cr_assert_eq(follow_look(&f), FOLLOW_BACK);
    comes(10, 0, 0);
    put_metrics(a, 3);
    cr_assert_eq(follow_look(&f), FOLLOW_SAME);
    comes(10, 3, 0);
}

Test(follow, a_folder_in_which_they_begin_anew)
{
    put_metrics(a, 10);
    open_at(true);
    comes(0, 10, 0);
    append_close(a);
    replace_folder();
    a = open_writer(1024);
    put_metrics(a, 3);
    cr_assert_eq(follow_look(&f), FOLLOW_ANEW);
    comes(10, 3, 0);
}
