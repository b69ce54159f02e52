/* tests/unit/spool/test_account.c - each term, and that none goes back, whatever a worker and retention do */
#include <criterion/criterion.h>
#include <inttypes.h>

#include "rig/chance.h"
#include "spool/account.h"

static struct cursor_state cursor(uint64_t start, uint64_t position, uint64_t expired,
                                  uint64_t stale)
{
    struct cursor_state c = {.start = start, .position = position, .keep = position};

    c.dropped[DROP_EXPIRED] = expired;
    c.dropped[DROP_STALE] = stale;
    return c;
}

static void is(const struct account *a, uint64_t confirmed, uint64_t unconfirmed, uint64_t queued,
               uint64_t expired)
{
    cr_assert_eq(a->confirmed, confirmed, "confirmed %" PRIu64, a->confirmed);
    cr_assert_eq(a->unconfirmed, unconfirmed, "unconfirmed %" PRIu64, a->unconfirmed);
    cr_assert_eq(a->queued, queued, "queued %" PRIu64, a->queued);
    cr_assert_eq(a->dropped[DROP_EXPIRED], expired, "expired %" PRIu64, a->dropped[DROP_EXPIRED]);
    cr_assert_eq(a->accepted, a->confirmed + a->unconfirmed + a->queued + a->all_dropped);
}

Test(account, without_a_worker_all_behind_the_position_is_queued)
{
    struct cursor_state c = cursor(100, 160, 7, 3);
    struct account a;

    cr_assert(account_derive(&a, &c, NULL, 50, 200));
    is(&a, 50, 0, 40, 7);
    cr_assert_eq(a.dropped[DROP_STALE], 3);
    cr_assert_eq(a.all_dropped, 10);
}

Test(account, what_is_read_is_unconfirmed_and_no_longer_queued)
{
    struct cursor_state c = cursor(100, 160, 7, 3);
    struct account_reading r = {180, 12}; /* five of the twenty were gone */
    struct account a;

    cr_assert(account_derive(&a, &c, &r, 50, 200));
    is(&a, 50, 15, 20, 12);
}

Test(account, what_is_gone_from_the_spool_and_was_not_read_is_expired_at_once)
{
    struct cursor_state c = cursor(100, 160, 7, 0);
    struct account_reading r = {180, 7};
    struct account a;

    cr_assert(account_derive(&a, &c, &r, 190, 200));
    is(&a, 53, 20, 10, 17);
    cr_assert(
        account_derive(&a, &c, NULL, 190, 200)); /* its worker died: what it had is gone as well */
    is(&a, 53, 0, 10, 37);
}

Test(account, what_was_read_is_the_workers_however_little_is_left)
{
    struct cursor_state c = cursor(100, 160, 0, 0);
    struct account_reading r = {200, 0};
    struct account a;

    cr_assert(account_derive(&a, &c, &r, 200, 200));
    is(&a, 60, 40, 0, 0);
    cr_assert(
        account_derive(&a, &c, &r, 1000, 200)); /* an empty spool begins where it ends, at most */
    is(&a, 60, 40, 0, 0);
}

Test(account, a_plugin_that_writes_anywhere_changes_no_more_than_what_is_said_to_be_read)
{
    static const struct account_reading wrong[] = {{159, 7}, {201, 7},  {UINT64_MAX, UINT64_MAX},
                                                   {180, 6}, {180, 28}, {180, UINT64_MAX},
                                                   {0, 0}};
    struct cursor_state c = cursor(100, 160, 7, 0);
    struct account a;

    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        cr_assert(account_derive(&a, &c, &wrong[i], 165, 200));
        is(&a, 53, 0, 35, 12);
    }
}

Test(account, a_cursor_that_does_not_add_up_is_said_to)
{
    struct cursor_state more = cursor(100, 110, 0, 11), behind = cursor(100, 99, 0, 0),
                        ahead = cursor(100, 201, 0, 0);
    struct account a;

    cr_assert_not(account_derive(&a, &more, NULL, 0, 200));
    cr_assert_not(account_derive(&a, &behind, NULL, 0, 200));
    cr_assert_not(account_derive(&a, &ahead, NULL, 0, 200));
    cr_assert_eq(a.queued, 0);
}

/* --- a worker, retention and a peer by chance, with the facts kept apart --- */

enum fate { IN_SPOOL, IN_MEMORY, ARRIVED, STALE, GONE };
enum { MOST = 400 };

struct world {
    enum fate fate[MOST]; /* of each metric */
    uint64_t oldest, end;
    struct cursor_state cursor;
    struct account_reading read;
    struct account before;
};

static uint64_t number_of(const struct world *w, enum fate f)
{
    uint64_t n = 0;

    for (uint64_t i = 0; i < w->end; i++)
        n += w->fate[i] == f;
    return n;
}

static void read_some(struct world *w, uint64_t n)
{
    if (w->read.taken < w->oldest) { /* the gap that the worker finds */
        w->read.lost += w->oldest - w->read.taken;
        w->read.taken = w->oldest;
    }
    for (; n > 0 && w->read.taken < w->end; n--)
        w->fate[w->read.taken++] = IN_MEMORY;
}

static void settle_some(struct world *w, uint64_t *rng, uint64_t n)
{
    for (; n > 0 && w->cursor.position < w->read.taken; n--) {
        enum fate *f = &w->fate[w->cursor.position++];

        if (*f == GONE)
            w->cursor.dropped[DROP_EXPIRED]++;
        else if (random_below(rng, 5) == 0)
            *f = STALE, w->cursor.dropped[DROP_STALE]++;
        else
            *f = ARRIVED;
    }
}

static void expire_some(struct world *w, uint64_t n)
{
    for (; n > 0 && w->oldest < w->end; n--, w->oldest++)
        if (w->fate[w->oldest] == IN_SPOOL)
            w->fate[w->oldest] = GONE;
}

static void begin_again(struct world *w)
{
    w->read = account_begin(&w->cursor);
    for (uint64_t i = w->cursor.position; i < w->end; i++)
        if (w->fate[i] == IN_MEMORY)
            w->fate[i] = i < w->oldest ? GONE : IN_SPOOL;
}

static void assert_true(struct world *w)
{
    struct account a;

    cr_assert(account_derive(&a, &w->cursor, &w->read, w->oldest, w->end));
    is(&a, number_of(w, ARRIVED), number_of(w, IN_MEMORY), number_of(w, IN_SPOOL),
       number_of(w, GONE));
    cr_assert_eq(a.dropped[DROP_STALE], number_of(w, STALE));
    cr_assert_geq(a.confirmed, w->before.confirmed);
    for (unsigned i = 0; i < DROP_REASONS; i++)
        cr_assert_geq(a.dropped[i], w->before.dropped[i], "%s went back", drop_reason_name(i));
    w->before = a;
}

static void one_life(uint64_t *rng)
{
    struct world w = {0};

    while (w.end < MOST) {
        uint64_t n = random_below(rng, 9);

        switch (random_below(rng, 6)) {
        case 0:
        case 1:
            w.end += n < MOST - w.end ? n : MOST - w.end;
            break;
        case 2:
            read_some(&w, n);
            break;
        case 3:
            settle_some(&w, rng, n);
            break;
        case 4:
            expire_some(&w, n);
            break;
        case 5:
            if (n == 0)
                begin_again(&w);
            break;
        }
        assert_true(&w);
    }
}

Test(account, each_term_is_what_has_happened_and_no_counter_goes_back)
{
    uint64_t rng = 20261129;

    for (int i = 0; i < 300 / STRIDE; i++)
        one_life(&rng);
}
