/* base/logpipe: lines out of a pipe, cut, escaped and limited */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/logpipe.h"

#define S NS_PER_S

static char said[LOGPIPE_BURST][2 * LOGPIPE_LINE];
static uint64_t nsaid, missing;

static void say(void *arg, enum log_level level, const char *line)
{
    (void)arg;
    cr_assert_eq(level, LOG_L_WARN);
    (void)strncpy(said[nsaid++ % LOGPIPE_BURST], line, sizeof *said - 1);
}

static void leave_out(void *arg, uint64_t lines)
{
    (void)arg;
    missing += lines;
}

static struct loop *loop;

static int open_pipe(struct logpipe *o, struct logpipe_owner *owner)
{
    int fd;

    loop = loop_new();
    *owner = (struct logpipe_owner){.say = say, .left_out = leave_out};
    fd = logpipe_open(o, loop, owner, LOG_L_WARN, 0);
    cr_assert(fd >= 0);
    return fd;
}

Test(logpipe, lines_are_cut_escaped_and_whole)
{
    static const char text[] = "one\n\n\x1b[2J\0two\nhalf";
    char line[2 * LOGPIPE_LINE];
    struct logpipe_owner owner;
    struct logpipe o;
    int fd = open_pipe(&o, &owner);

    memset(line, 'x', sizeof line);
    line[sizeof line - 1] = '\n';
    cr_assert_eq(write(fd, line, sizeof line), (ssize_t)sizeof line);
    cr_assert_eq(write(fd, text, sizeof text - 1), (ssize_t)sizeof text - 1);
    logpipe_finish(&o);
    cr_assert_eq(nsaid, 4, "an empty line says nothing");
    cr_assert_eq(strlen(said[0]), LOGPIPE_LINE + 3);
    cr_assert_str_eq(said[0] + LOGPIPE_LINE, "...");
    cr_assert_str_eq(said[1], "one");
    cr_assert_str_eq(said[2], "\\x1b[2J\\x00two");
    cr_assert_str_eq(said[3], "half");
    fd_close(&fd);
    loop_free(loop);
}

/* Whoever writes may make a pipe larger, and then end: what is still in it counts. */
Test(logpipe, a_large_pipe_is_read_to_its_end)
{
    enum { LINES = 20000 };
    struct logpipe_owner owner;
    struct logpipe o;
    int fd = open_pipe(&o, &owner);

    if (fcntl(fd, F_SETPIPE_SZ, 1 << 20) < 0)
        cr_skip_test("may not make a pipe larger");
    for (int i = 0; i < LINES; i++)
        cr_assert_eq(write(fd, "one line of the many that there are\n", 36), 36);
    logpipe_finish(&o);
    logpipe_owner_finish(&owner);
    cr_assert_geq(nsaid, (uint64_t)LOGPIPE_BURST);
    cr_assert_eq(nsaid + missing, LINES);
    fd_close(&fd);
    loop_free(loop);
}
