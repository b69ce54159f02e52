/* tests/unit/base/test_output.c - base/output.h: the quota, under a simulated clock; and a pipe */
#include "base/clock.h"
#include "base/fd.h"
#include "base/output.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"

#define S NS_PER_S

Test(output, a_burst_and_then_a_rate)
{
    struct output_quota q;
    uint64_t left_out;

    output_quota_init(&q, 5 * S);
    for (int i = 0; i < OUTPUT_BURST; i++) {
        cr_assert(output_quota_take(&q, 5 * S, &left_out));
        cr_assert_eq(left_out, 0);
    }
    cr_assert_not(output_quota_take(&q, 5 * S, &left_out));
    cr_assert_not(output_quota_take(&q, 6 * S - 1, &left_out), "only with a second's worth");
    cr_assert(output_quota_take(&q, 6 * S, &left_out));
    cr_assert_eq(left_out, 2);
    for (int i = 1; i < OUTPUT_RATE; i++)
        cr_assert(output_quota_take(&q, 6 * S, &left_out));
    cr_assert_not(output_quota_take(&q, 6 * S, &left_out));
}

Test(output, a_quiet_one_never_loses_a_line)
{
    struct output_quota q;
    uint64_t left_out;

    output_quota_init(&q, 0);
    for (int64_t i = 1; i < 1000000; i++)
        cr_assert(output_quota_take(&q, i * S / OUTPUT_RATE, &left_out) && left_out == 0);
}

Test(output, in_a_year_the_rate_holds_and_every_line_is_accounted_for)
{
    struct output_quota q;
    uint64_t left_out, lines = 0, said = 0, missing = 0;
    int64_t now = 0;

    output_quota_init(&q, 0);
    srand(1);
    while (now < 365 * 86400 * S) {
        now += rand() % 100 == 0 ? rand() % 86400 * S : rand() % 60 * (S / 1000);
        for (int i = rand() % 300; i > 0; i--) {
            bool ok = output_quota_take(&q, now, &left_out);

            lines++;
            said += ok;
            missing += left_out;
            cr_assert(ok || left_out == 0);
        }
        cr_assert(said <= OUTPUT_BURST + (uint64_t)(now / S + 1) * OUTPUT_RATE);
    }
    cr_assert_eq(said + missing + q.left_out, lines);
    cr_assert(missing > 1000);
}

/* --- the pipe --- */

static char said[OUTPUT_BURST][2 * OUTPUT_LINE];
static uint64_t nsaid, missing;

static void say(void *arg, enum log_level level, const char *line)
{
    (void)arg;
    cr_assert_eq(level, LOG_L_WARN);
    (void)strncpy(said[nsaid++ % OUTPUT_BURST], line, sizeof *said - 1);
}

static void leave_out(void *arg, uint64_t lines)
{
    (void)arg;
    missing += lines;
}

static int open_pipe(struct output *o, struct output_owner *owner)
{
    static struct loop *loop;
    int fd;

    loop = loop_new();
    *owner = (struct output_owner){.say = say, .left_out = leave_out};
    output_quota_init(&owner->quota, clock_mono());
    fd = output_open(o, loop, owner, LOG_L_WARN, 0);
    cr_assert(fd >= 0);
    return fd;
}

Test(output, lines_are_cut_escaped_and_whole)
{
    static const char text[] = "one\n\n\x1b[2J\0two\nhalf";
    char line[2 * OUTPUT_LINE];
    struct output_owner owner;
    struct output o;
    int fd = open_pipe(&o, &owner);

    memset(line, 'x', sizeof line);
    line[sizeof line - 1] = '\n';
    cr_assert_eq(write(fd, line, sizeof line), (ssize_t)sizeof line);
    cr_assert_eq(write(fd, text, sizeof text - 1), (ssize_t)sizeof text - 1);
    output_finish(&o);
    cr_assert_eq(nsaid, 4, "an empty line says nothing");
    cr_assert_eq(strlen(said[0]), OUTPUT_LINE + 3);
    cr_assert_str_eq(said[0] + OUTPUT_LINE, "...");
    cr_assert_str_eq(said[1], "one");
    cr_assert_str_eq(said[2], "\\x1b[2J\\x00two");
    cr_assert_str_eq(said[3], "half");
    fd_close(&fd);
}

/* Whoever writes may make a pipe larger, and then end: what is still in it counts. */
Test(output, a_large_pipe_is_read_to_its_end)
{
    enum { LINES = 20000 };
    struct output_owner owner;
    struct output o;
    int fd = open_pipe(&o, &owner);

    if (fcntl(fd, F_SETPIPE_SZ, 1 << 20) < 0)
        cr_skip_test("may not make a pipe larger");
    for (int i = 0; i < LINES; i++)
        cr_assert_eq(write(fd, "one line of the many that there are\n", 36), 36);
    output_finish(&o);
    output_owner_finish(&owner);
    cr_assert_geq(nsaid, (uint64_t)OUTPUT_BURST);
    cr_assert_eq(nsaid + missing, LINES);
    fd_close(&fd);
}
