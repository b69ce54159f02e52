/* tests/unit/collect/test_journal.c - collect/journal.h: nothing is said twice, and nothing is left unsaid */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "collect/journal.h"

#define S NS_PER_S

static struct journal journal;
static char text[65536];
static int log_end;

static void begin(void)
{
    int fds[2];

    cr_assert_eq(fd_pipe(fds, O_NONBLOCK, O_NONBLOCK), 0);
    log_end = fds[0];
    log_to(fds[1]);
    journal_init(&journal, "probe");
}

/* What was logged since the last call. */
static const char *logged(void)
{
    ssize_t n = read(log_end, text, sizeof text - 1);

    text[n > 0 ? n : 0] = 0;
    return text;
}

static void expect(const char *what)
{
    const char *got = logged();

    cr_assert(strstr(got, what) != NULL, "\"%s\" in \"%s\"", what, got);
    cr_assert_eq(strchr(got, '\n'), got + strlen(got) - 1, "one line: \"%s\"", got);
}

Test(journal, the_same_trouble_is_said_once_a_minute)
{
    begin();
    journal_trouble(&journal, 100 * S, "exit status 3");
    expect("warn: collector probe: exit status 3\n");
    for (int i = 1; i < 60; i++)
        journal_trouble(&journal, (100 + i) * S, "exit status 3");
    journal_look(&journal, 159 * S);
    cr_assert_str_eq(logged(), "");
    journal_look(&journal, 160 * S);
    expect("collector probe: exit status 3 (59 times more)\n");
    journal_look(&journal, 300 * S);
    cr_assert_str_eq(logged(), "");
}

/* As often as it comes, one line a minute: its count is not followed by the trouble itself. */
Test(journal, a_count_stands_for_the_next_one_too)
{
    begin();
    for (int i = 0; i < 240; i += 10) {
        journal_look(&journal, (100 + i) * S);
        journal_trouble(&journal, (100 + i) * S, "exit status 1");
        if (i == 0)
            expect("exit status 1\n");
        else if (i % 60 == 0)
            expect(" times more)\n");
        else
            cr_assert_str_eq(logged(), "");
    }
    journal_missed(&journal, 1 * S, MISS_LATE, 1, S, "late");
    journal_missed(&journal, 2 * S, MISS_LATE, 1, 2 * S, "late");
    (void)logged();
    journal_missed(&journal, 62 * S, MISS_LATE, 1, 62 * S, "late");
    expect("missed 2 more runs, the last due at 1970-01-01T00:01:02.000Z: late\n");
    journal_missed(&journal, 63 * S, MISS_LATE, 1, 63 * S, "late");
    cr_assert_str_eq(logged(), "");
}

Test(journal, other_trouble_comes_after_what_was_unsaid)
{
    const char *got;

    begin();
    journal_trouble(&journal, 100 * S, "exit status 3");
    journal_trouble(&journal, 101 * S, "exit status 3");
    (void)logged();
    journal_trouble(&journal, 102 * S, "exit status 4");
    got = logged();
    cr_assert(strstr(got, "exit status 3 (once more)\n") < strstr(got, "exit status 4\n"));
}

Test(journal, a_missed_slot_has_a_name)
{
    begin();
    journal_missed(&journal, 1, MISS_OVERLAP, 0, 0, "why");
    cr_assert_str_eq(logged(), "");
    journal_missed(&journal, 1, MISS_OVERLAP, 1, 1700000000 * S + S / 4, "the previous is going");
    expect("probe: missed the run due at 2023-11-14T22:13:20.250Z: the previous is going\n");
    journal_missed(&journal, 1, MISS_LATE, 7, 1700000000 * S, "garnetd was late");
    expect("probe: missed 7 runs, the last due at 2023-11-14T22:13:20.000Z: garnetd was late\n");
    journal_missed(&journal, 2, MISS_OVERLAP, 1, 1700000001 * S, "the previous is going");
    journal_missed(&journal, 2, MISS_LATE, 3, 1700000004 * S, "garnetd was late");
    cr_assert_str_eq(logged(), "");
    journal_flush(&journal);
    cr_assert(strstr(logged(), "missed 1 more run, the last due at 2023-11-14T22:13:21.000Z: the"));
    cr_assert(
        strstr(text, "missed 3 more runs, the last due at 2023-11-14T22:13:24.000Z: garnetd"));
    journal_flush(&journal);
    cr_assert_str_eq(logged(), "");
}

/* All numbers of missed slots in the log, added up. */
static uint64_t slots_in(const char *log)
{
    uint64_t n = 0;

    for (const char *p = log; (p = strstr(p, "missed ")) != NULL; p++)
        n += strncmp(p, "missed the", 10) == 0 ? 1 : strtoull(p + 7, NULL, 10);
    return n;
}

Test(journal, every_slot_is_in_the_log_exactly_once)
{
    static const char *const whys[] = {"one", "another"};
    uint64_t want = 0, got = 0;
    int64_t now = 100 * S;

    begin();
    srand(1);
    for (int i = 0; i < 20000; i++) {
        uint64_t n = rand() % 8 == 0 ? (uint64_t)(rand() % 5) : 1;

        now += rand() % 50 == 0 ? 70 * S : S;
        journal_missed(&journal, now, (enum schedule_miss)(rand() % MISS_REASONS), n, now,
                       whys[rand() % 20 == 0]);
        journal_look(&journal, now);
        want += n;
        got += slots_in(logged());
    }
    journal_flush(&journal);
    got += slots_in(logged());
    cr_assert_eq(got, want);
    cr_assert_eq(log_dropped(), 0);
}
