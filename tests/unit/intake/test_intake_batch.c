/* tests/unit/intake/test_intake_batch.c - the records of a turn: one call to the spool, and each part is told */
#include <criterion/criterion.h>
#include <stdio.h>

#include "base/log.h"
#include "base/why.h"
#include "intake/intake_batch.h"

static struct intake_batch b;
static struct metric m = {.type = METRIC_GAUGE, .vtype = METRIC_I64, .name = {"a", 1}};
static int answer;
static unsigned commits;
static uint32_t committed;

struct part {
    struct intake_part part;
    unsigned told;
    uint32_t metrics; /* in all that it was told of */
    bool refused, later;
    uint64_t ticket;
};
static struct part one, two;

static int commit(void *arg, const void *records, size_t n, uint32_t count, uint64_t *ticket,
                  struct why *why)
{
    cr_assert_eq(arg, &commits);
    cr_assert(records != NULL && n > 0);
    commits++;
    committed = count;
    *ticket = 41;
    why_set(why, "full");
    return answer;
}

static void settled(void *arg, uint32_t metrics, const struct intake_fate *fate)
{
    struct part *p = arg;

    p->told++;
    p->metrics += metrics;
    p->refused = fate->why != NULL;
    p->later = fate->ticket != 0;
    p->ticket = fate->ticket;
    cr_assert(fate->why == NULL || strcmp(fate->why, "full") == 0);
}

static void init(void)
{
    log_set_level(LOG_L_ERROR);
    intake_batch_init(&b, commit, &commits);
    one = (struct part){.part = {.settled = settled, .arg = &one}};
    two = (struct part){.part = {.settled = settled, .arg = &two}};
}

static void fini(void)
{
    intake_batch_free(&b);
}

TestSuite(intake_batch, .init = init, .fini = fini);

Test(intake_batch, one_call_for_all_parts)
{
    cr_assert_gt(intake_batch_put(&b, &one.part, &m), 0);
    cr_assert_gt(intake_batch_put(&b, &two.part, &m), 0);
    cr_assert_gt(intake_batch_put(&b, &one.part, &m), 0);
    cr_assert_eq(commits, 0);
    intake_batch_commit(&b);
    cr_assert_eq(commits, 1);
    cr_assert_eq(committed, 3);
    cr_assert(one.told == 1 && one.metrics == 2 && !one.refused && !one.later);
    cr_assert(two.told == 1 && two.metrics == 1);
    intake_batch_commit(&b);
    cr_assert(commits == 1 && one.told == 1, "there was nothing more");
}

Test(intake_batch, who_has_joined_is_told_without_a_call)
{
    intake_batch_join(&b, &one.part);
    intake_batch_join(&b, &one.part);
    intake_batch_commit(&b);
    cr_assert_eq(commits, 0);
    cr_assert(one.told == 1 && one.metrics == 0 && !one.refused && !one.later);
}

Test(intake_batch, who_has_left_is_not_told)
{
    (void)intake_batch_put(&b, &one.part, &m);
    (void)intake_batch_put(&b, &two.part, &m);
    intake_batch_leave(&b, &one.part);
    intake_batch_leave(&b, &one.part);
    intake_batch_commit(&b);
    cr_assert_eq(committed, 2, "its metrics are in there");
    cr_assert(one.told == 0 && two.told == 1);
}

Test(intake_batch, refused_and_later)
{
    answer = -1;
    (void)intake_batch_put(&b, &one.part, &m);
    intake_batch_commit(&b);
    cr_assert(one.refused && one.metrics == 1);
    answer = 1;
    (void)intake_batch_put(&b, &one.part, &m);
    intake_batch_commit(&b);
    cr_assert(!one.refused && one.later && one.ticket == 41 && one.metrics == 2);
}

Test(intake_batch, a_long_one_is_committed_early)
{
    while (commits == 0)
        cr_assert_gt(intake_batch_put(&b, &one.part, &m), 0);
    cr_assert_eq(one.metrics, committed);
    cr_assert_eq(b.count, 0);
}
