/* tests/unit/intake/test_users.c - what a user may send: rates, series, who is known, what is counted and logged */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "intake/users.h"

enum { UID = 1000, SIZE = 100 /* of a metric, in the spool */ };

static const int64_t HOUR = 3600 * NS_PER_S;
static struct conf_per_user limits;
static struct users us;
static struct loop *loop;
static struct metric m;
static struct metric_fault f;
static int64_t now;
static int out;

static void init(void)
{
    limits = (struct conf_per_user){.metrics = 5, .bytes = 1000000, .series = 1000};
    loop = loop_new();
    cr_assert_not_null(loop);
    out = memfd_create("log", MFD_CLOEXEC);
    log_to(out);
    m = (struct metric){.type = METRIC_GAUGE, .name = str_of("a")};
    now = 1000 * HOUR;
    users_init(&us, loop, &limits);
}

static void fini(void)
{
    users_free(&us);
    cr_assert(LIST_EMPTY(&us.list));
    loop_free(loop);
    (void)close(out);
}

TestSuite(users, .init = init, .fini = fini);

static bool send_one(struct user *u)
{
    if (user_may(u, &m, now, &f) != USER_MAY)
        return false;
    user_took(u, SIZE, now);
    return true;
}

/* How many of n in a row are taken. */
static unsigned send_many(struct user *u, unsigned n)
{
    unsigned taken = 0;

    while (n-- > 0)
        taken += send_one(u);
    return taken;
}

static bool send_series(struct user *u, unsigned i)
{
    static char name[16];

    (void)snprintf(name, sizeof name, "s%u", i);
    m.name = str_of(name);
    return send_one(u);
}

/* How often the log has it. */
static unsigned logged(const char *text)
{
    static char all[1 << 16];
    ssize_t n = pread(out, all, sizeof all - 1, 0);
    unsigned found = 0;

    cr_assert_geq(n, 0);
    all[n] = 0;
    for (const char *p = all; (p = strstr(p, text)) != NULL; p++)
        found++;
    return found;
}

/* --- limits --- */

Test(users, metrics_come_at_a_rate_with_ten_seconds_at_once)
{
    struct user *u = user_enter(&us, UID, now);

    cr_assert_eq(send_many(u, 100), 50);
    cr_assert_str_eq(f.field, "");
    cr_assert_str_eq(f.why.text, "more than the 5 metrics a second that user 1000 may send: send "
                                 "less, or raise intake.per_user.metrics");
    now += NS_PER_S;
    cr_assert_eq(send_many(u, 100), 5);
    now += NS_PER_S / 5 - 1;
    cr_assert_eq(send_many(u, 100), 0);
    now += 1;
    cr_assert_eq(send_many(u, 100), 1);
    now += 500 * NS_PER_S;
    cr_assert_eq(send_many(u, 100), 50, "no more than that is saved up");
    user_leave(u);
}

Test(users, who_keeps_to_the_rate_is_never_refused)
{
    struct user *u = user_enter(&us, UID, now);

    cr_assert_eq(send_many(u, 49), 49);
    for (unsigned i = 0; i < 10000; i++, now += NS_PER_S / 5)
        cr_assert(send_one(u), "%u", i);
    cr_assert_eq(logged("refused"), 0);
    user_leave(u);
}

Test(users, bytes_come_at_a_rate)
{
    struct user *u = user_enter(&us, UID, now);

    limits.metrics = 0;
    limits.bytes = 250;
    cr_assert_eq(send_many(u, 100), 25);
    cr_assert_str_eq(f.why.text, "more than the 250B a second that user 1000 may send: send less, "
                                 "or raise intake.per_user.bytes");
    now += 2 * NS_PER_S;
    cr_assert_eq(send_many(u, 100), 5);
    now += 2 * NS_PER_S;
    cr_assert_eq(user_may(u, &m, now, NULL), USER_MAY);
    user_took(u, 1 << 20, now); /* one that is long waits for nothing, and the next for it */
    now += 4000 * NS_PER_S;
    cr_assert_eq(send_many(u, 1), 0);
    now += 200 * NS_PER_S;
    cr_assert_eq(send_many(u, 1), 1);
    user_leave(u);
}

Test(users, new_series_are_counted_by_the_hour)
{
    struct user *u = user_enter(&us, UID, now);

    limits = (struct conf_per_user){.series = 3};
    for (unsigned i = 0; i < 3; i++)
        cr_assert(send_series(u, i));
    cr_assert(!send_series(u, 3));
    cr_assert_str_eq(f.field, "name");
    cr_assert_str_eq(f.why.text, "more than the 3 series an hour that user 1000 may send: send "
                                 "less, or raise intake.per_user.series");
    for (unsigned i = 0; i < 3; i++)
        cr_assert(send_series(u, i), "it was there before");
    now += HOUR - 1;
    cr_assert(!send_series(u, 3));
    now += 1;
    for (unsigned i = 3; i < 6; i++)
        cr_assert(send_series(u, i));
    cr_assert(!send_series(u, 0));
    user_leave(u);
}

Test(users, what_is_beyond_a_rate_is_no_series)
{
    struct user *u = user_enter(&us, UID, now);

    limits = (struct conf_per_user){.metrics = 1, .series = 1000};
    for (unsigned i = 0; i < 500; i++)
        (void)send_series(u, i);
    cr_assert_eq(u->series.n, 10);
    user_leave(u);
}

Test(users, zero_is_no_limit)
{
    struct user *u = user_enter(&us, UID, now);

    limits = (struct conf_per_user){0};
    cr_assert_eq(send_many(u, 1000000), 1000000);
    cr_assert_eq(u->series.n, 0);
    limits.metrics = 1;
    cr_assert_eq(send_many(u, 100), 10, "a limit that is new counts from now on");
    limits.metrics = 0;
    cr_assert_eq(send_many(u, 100), 100);
    user_leave(u);
}

/* --- users --- */

Test(users, none_has_anothers_and_root_is_one)
{
    struct user *u = user_enter(&us, UID, now), *root = user_enter(&us, 0, now);

    cr_assert_eq(send_many(root, 1000), 50);
    cr_assert_str_eq(f.why.text, "more than the 5 metrics a second that user 0 may send: send "
                                 "less, or raise intake.per_user.metrics");
    cr_assert_eq(send_many(u, 1000), 50);
    cr_assert_eq(user_enter(&us, 0, now), root, "another connection changes nothing");
    cr_assert_eq(send_many(root, 1000), 0);
    user_leave(root);
    user_leave(root);
    cr_assert_eq(user_enter(&us, 0, now), root, "nor does a new one");
    cr_assert_eq(send_many(root, 1000), 0);
    user_leave(root);
    user_leave(u);
}

Test(users, beyond_the_most_they_share)
{
    struct user *u;

    for (uid_t uid = 0; uid < USERS_MAX; uid++) {
        u = user_enter(&us, uid, now);
        cr_assert_eq(send_many(u, 100), 50);
        user_leave(u);
    }
    for (uid_t uid = USERS_MAX; uid < 10000; uid++) {
        u = user_enter(&us, uid, now);
        cr_assert_eq(u, &us.others);
        cr_assert_eq(send_many(u, 100), uid == USERS_MAX ? 50 : 0);
        user_leave(u);
    }
    cr_assert_eq(us.n, USERS_MAX);
    cr_assert_str_eq(f.why.text, "more than the 5 metrics a second that all users but 64 may send: "
                                 "send less, or raise intake.per_user.metrics");
    now += HOUR;
    u = user_enter(&us, 5000, now);
    cr_assert_eq(us.n, 1,
                 "there is room again when their hour, and what they were refused, is over");
    user_leave(u);
}

Test(users, they_are_forgotten_when_nothing_is_known_of_them)
{
    struct user *stays = user_enter(&us, UID, now), *u;

    limits = (struct conf_per_user){.metrics = 5, .series = 1000};
    for (uid_t uid = 0; uid < USERS_MAX; uid++) {
        u = user_enter(&us, uid, now);
        cr_assert(send_series(u, 1));
        user_leave(u);
    }
    now += HOUR - 1;
    users_look(&us, now);
    cr_assert_eq(us.n, USERS_MAX, "the hour of their series is not over");
    now += 1;
    users_look(&us, now);
    cr_assert_eq(us.n, 1, "one is connected");
    cr_assert_eq(stays->series.cap, 0);
    cr_assert_eq(us.others.series.cap, 0);
    u = user_enter(&us, 77777, now);
    cr_assert_neq(u, &us.others);
    user_leave(u);
    user_leave(stays);
}

/* --- counts and the log --- */

Test(users, the_first_who_are_refused_have_counts_of_their_own)
{
    for (uid_t uid = 1; uid <= USERS_TOLD + 2; uid++) {
        struct user *u = user_enter(&us, uid, now);

        cr_assert_eq(send_many(u, 50 + uid), 50);
        user_leave(u);
    }
    for (unsigned i = 0; i < USERS_TOLD; i++) {
        cr_assert_eq(us.refused[i].uid, i + 1);
        cr_assert_eq(us.refused[i].n[USER_METRICS], i + 1);
        cr_assert_eq(us.refused[i].n[USER_BYTES] + us.refused[i].n[USER_SERIES], 0);
    }
    cr_assert_eq(us.refused[USERS_TOLD].n[USER_METRICS], USERS_TOLD + 1 + USERS_TOLD + 2);
    now += 2 * HOUR;
    users_look(&us, now);
    cr_assert_eq(us.n, 0);
    cr_assert_eq(us.refused[3].n[USER_METRICS], 4, "counts outlive who is forgotten");
}

Test(users, the_log_says_when_it_begins_and_when_it_has_ended)
{
    static const char BEGIN[] = "warn: the shared socket: what is more than the 5 metrics a second "
                                "that user 1000 may send is refused: intake.per_user.metrics";
    struct user *u = user_enter(&us, UID, now);

    (void)send_many(u, 49);
    cr_assert_eq(logged(BEGIN), 0);
    for (unsigned i = 0; i < 100; i++, now += NS_PER_S)
        (void)send_many(u, 10), users_look(&us, now);
    cr_assert_eq(logged(BEGIN), 1);
    cr_assert_eq(logged("any more"), 0);
    user_leave(u); /* it may as well go */
    now += 28 * NS_PER_S;
    users_look(&us, now);
    cr_assert_eq(logged("any more"), 0);
    now += NS_PER_S;
    users_look(&us, now);
    cr_assert_eq(logged("info: the shared socket: nothing of user 1000 is refused any more for "
                        "intake.per_user.metrics: it was "),
                 1);
    u = user_enter(&us, UID, now);
    (void)send_many(u, 1000);
    cr_assert_eq(logged(BEGIN), 2);
    user_leave(u);
}

Test(users, many_who_begin_do_not_fill_the_log)
{
    for (uid_t uid = 0; uid < 2 * USERS_MAX; uid++) {
        struct user *u = user_enter(&us, uid, now);

        (void)send_many(u, 100);
        user_leave(u);
    }
    cr_assert_eq(logged("is refused"), 10);
    now += HOUR;
    users_look(&us, now);
    cr_assert_eq(logged("any more"), 10, "an end where there was a beginning");
}

Test(users, what_is_refused_to_the_end_is_logged)
{
    struct user *u = user_enter(&us, UID, now);

    (void)send_many(u, 53);
    user_leave(u);
    users_free(&us);
    cr_assert_eq(logged("it was 3 metrics in 0.0s"), 1);
}
