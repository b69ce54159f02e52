/* base/log: form, cut, escapes, drops that are told */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <regex.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/exit.h"
#include "base/fd.h"
#include "base/log.h"

static int ends[2];
static char got[1 << 20];

static void setup(void)
{
    cr_assert_eq(fd_pipe(ends, O_NONBLOCK, O_NONBLOCK), 0);
    log_open("garnet-test");
    log_to(ends[1]);
}

/* Everything that is in the pipe now, as a string. */
static char *drain(void)
{
    size_t n = 0;
    ssize_t r;

    while (n < sizeof got - 1 && (r = read(ends[0], got + n, sizeof got - 1 - n)) > 0)
        n += (size_t)r;
    got[n] = 0;
    return got;
}

static bool matches(const char *s, const char *pattern)
{
    regex_t re;
    bool ok;

    cr_assert_eq(regcomp(&re, pattern, REG_EXTENDED | REG_NOSUB), 0);
    ok = regexec(&re, s, 0, NULL, 0) == 0;
    regfree(&re);
    return ok;
}

Test(log, form, .init = setup)
{
    log_warn("disk %d is %s", 7, "full");
    cr_assert(matches(drain(), "^20[0-9]{2}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-6][0-9]"
                               "\\.[0-9]{3}Z garnet-test warn: disk 7 is full\n$"),
              "%s", got);
}

Test(log, levels, .init = setup)
{
    log_debug("not shown");
    cr_assert_str_empty(drain());
    log_set_level(LOG_L_DEBUG);
    log_debug("shown");
    log_error("bad");
    cr_assert(matches(drain(), "debug: shown\n.*error: bad\n"));
    log_set_level(LOG_L_ERROR);
    log_warn("not shown");
    cr_assert_str_empty(drain());
}

Test(log, errno_is_kept_and_printed, .init = setup)
{
    errno = ENOENT;
    log_error("x: %m");
    cr_assert_eq(errno, ENOENT);
    cr_assert_not_null(strstr(drain(), "x: No such file or directory\n"));
    close(ends[0]);
    (void)signal(SIGPIPE, SIG_IGN);
    errno = ENOENT;
    log_error("nobody reads: %m");
    cr_assert_eq(errno, ENOENT);
    cr_assert_eq(log_dropped(), 1);
}

/* What log_to_relay() makes of a line, log_relay() puts down with a time and another's name. */
Test(log, lines_of_another, .init = setup)
{
    char line[LOG_LINE];

    log_to_relay(ends[1]);
    log_error("bad\n\x1b[2J");
    cr_assert_str_eq(drain(), "error: bad\\n\\x1b[2J\n");
    (void)snprintf(line, sizeof line, "%.*s", (int)strlen(got) - 1, got);
    log_to(ends[1]);
    cr_assert(log_relay("worker", line));
    cr_assert(matches(drain(), "^20[-0-9T:.]*Z worker error: bad\\\\n\\\\x1b\\[2J\n$"), "%s", got);
    cr_assert(log_relay("worker", "fatal: no memory"));
    cr_assert(matches(drain(), "Z worker fatal: no memory\n$"), "%s", got);
    cr_assert(log_relay("worker", "debug: not shown"));
    cr_assert_str_empty(drain());
    cr_assert_not(log_relay("worker", "terror: none"));
    cr_assert_not(log_relay("worker", "error without its colon"));
    cr_assert_not(log_relay("worker", ""));
    cr_assert_str_empty(drain());
    log_as("worker", LOG_L_WARN, "%d\n", 1);
    log_as("worker", LOG_L_DEBUG, "not shown");
    log_info("our own");
    cr_assert(matches(drain(), "Z worker warn: 1\\\\n\n20[^ ]* garnet-test info: our own\n$"), "%s",
              got);
}

Test(log, one_line_whatever_the_text, .init = setup)
{
    log_info("a\nfake line\x1b[2J\xff%s", "\r");
    cr_assert_not_null(strstr(drain(), "info: a\\nfake line\\x1b[2J\\xff\\r\n"));
}

Test(log, long_lines_are_cut, .init = setup)
{
    char text[5000];

    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = 0;
    log_info("%s", text);
    cr_assert_eq(strlen(drain()), 1024);
    cr_assert_str_eq(got + 1019, "x...\n");
    memset(text, '\n', sizeof text - 1);
    log_info("%s", text);
    cr_assert_leq(strlen(drain()), 1024);
    cr_assert_str_eq(got + strlen(got) - 6, "\\n...\n");
}

Test(log, exactly_what_fits_is_not_cut, .init = setup)
{
    char text[1024];
    size_t head;

    log_info("%s", "");
    head = strlen(drain()) - 1;
    memset(text, 'y', sizeof text);
    text[1024 - 4 - head] = 0;
    log_info("%s", text);
    cr_assert_str_eq(drain() + strlen(got) - 2, "y\n");
}

Test(log, dropped_lines_are_told, .init = setup)
{
    uint64_t n = 0;

    while (log_dropped() == 0) {
        log_info("line %llu of a log that is not read", (unsigned long long)n);
        cr_assert_lt(n++, 100000);
    }
    log_info("dropped too");
    log_info("and this one");
    cr_assert_eq(log_dropped(), 3);
    drain();
    log_info("here again");
    cr_assert(matches(drain(), "^[^\n]*warn: 3 log lines dropped: the log was not being read\n"
                               "[^\n]*info: here again\n$"),
              "%s", got);
    log_info("and on");
    cr_assert(matches(drain(), "^[^\n]*info: and on\n$"));
    cr_assert_eq(log_dropped(), 3);
}

/* Waits for pid and returns its status. */
static int status_of(pid_t pid)
{
    int status = -1;

    cr_assert_eq(waitpid(pid, &status, 0), pid);
    return status;
}

Test(log, two_deaths, .init = setup)
{
    pid_t pid = fork();

    if (pid == 0)
        fatal("the disk is gone");
    cr_assert_eq(WEXITSTATUS(status_of(pid)), EXIT_WORLD);
    cr_assert_not_null(strstr(drain(), "fatal: the disk is gone\n"));
    pid = fork();
    if (pid == 0) {
        (void)signal(SIGABRT, SIG_DFL);
        panic("two and two is %d", 5);
    }
    cr_assert_eq(WTERMSIG(status_of(pid)), SIGABRT);
    cr_assert_not_null(strstr(drain(), "panic: two and two is 5\n"));
}

/* systemd names standard error's device and inode; where it is another one by now, it is not meant. */
Test(log, journald_gets_priorities_and_no_time, .init = setup)
{
    char stream[64];
    struct stat st;
    int keep_stderr = dup(2);

    cr_assert_eq(dup2(ends[1], 2), 2);
    log_to(2);
    cr_assert_eq(fstat(2, &st), 0);
    (void)snprintf(stream, sizeof stream, "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
    cr_assert_eq(setenv("JOURNAL_STREAM", stream, 1), 0);
    log_open("garnet-test");
    log_error("one\n<3>two");
    log_warn("three");
    cr_assert(log_relay("garnet-sink[x]", "info: four"));
    cr_assert_eq(setenv("JOURNAL_STREAM", "1:1", 1), 0);
    log_open("garnet-test");
    log_info("five");
    cr_assert_eq(dup2(keep_stderr, 2), 2);
    close(keep_stderr);
    cr_assert(strstr(drain(), "<3>garnet-test error: one\\n<3>two\n<4>garnet-test warn: three\n"
                              "<6>garnet-sink[x] info: four\n20") == got,
              "%s", got);
}
