/* base/log.c - a line is put together on the stack and leaves in one write
 *
 * A pipe takes such a line, of at most 1 KiB, whole or not at all. A log that takes nothing costs its
 * lines and nothing else: they are counted, and the count is the first line once it takes lines
 * again. Dies only where it is asked to: fatal() and panic().
 */
#include "base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/exit.h"
#include "base/fd.h"
#include "base/text.h"

enum { FATAL = LOG_L_DEBUG + 1, PANIC };
static const char *const LEVELS[] = {"error", "warn", "info", "debug", "fatal", "panic"};
static const int PRIORITIES[] = {3, 4, 6, 7, 2, 2}; /* of syslog, which journald has too */

static struct {
    const char *ident;
    int fd;
    bool bare;    /* no time and no ident: somebody else puts them before it */
    bool journal; /* journald reads it: it has the time, and wants the priority */
    enum log_level max;
    uint64_t dropped; /* since the start                        */
    uint64_t unsaid;  /* of these, not yet told of in the log   */
} state = {"garnet", 2, false, false, LOG_L_INFO, 0, 0};

/* systemd says by device and inode which descriptors are journald's: standard error may have been
 * redirected since. */
static bool is_journal(int fd)
{
    const char *stream = getenv("JOURNAL_STREAM");
    char ours[64];
    struct stat st;

    if (stream == NULL || fstat(fd, &st) != 0)
        return false;
    (void)snprintf(ours, sizeof ours, "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
    return strcmp(stream, ours) == 0;
}

void log_open(const char *ident)
{
    state.ident = ident;
    state.journal = is_journal(STDERR_FILENO);
}

void log_to(int fd)
{
    state.fd = fd;
    state.bare = false;
}

void log_to_relay(int fd)
{
    state.fd = fd;
    state.bare = true;
}

int log_fd(void)
{
    return state.fd;
}

void log_set_level(enum log_level max)
{
    state.max = max;
}

uint64_t log_dropped(void)
{
    return state.dropped;
}

/* "2026-11-24T13:10:15.123Z IDENT LEVEL: ", to journald "<4>IDENT LEVEL: ", into line; returns its
 * length. */
static size_t begin_line(char *line, size_t cap, const char *ident, unsigned level)
{
    int64_t wall = clock_wall();
    time_t seconds = (time_t)(wall / NS_PER_S);
    char when[32];
    struct tm tm;
    int n;

    if (state.bare)
        return (size_t)snprintf(line, cap, "%s: ", LEVELS[level]);
    if (state.journal)
        return (size_t)snprintf(line, cap, "<%d>%.128s %s: ", PRIORITIES[level], ident,
                                LEVELS[level]);
    if (gmtime_r(&seconds, &tm) == NULL || strftime(when, sizeof when, "%FT%T", &tm) == 0)
        when[0] = 0;
    n = snprintf(line, cap, "%s.%03dZ %.128s %s: ", when, (int)(wall % NS_PER_S / NS_PER_MS), ident,
                 LEVELS[level]);
    return n > 0 ? (size_t)n : 0;
}

static bool send_text(const char *ident, unsigned level, struct str text)
{
    char line[LOG_LINE];
    size_t n = begin_line(line, sizeof line, ident, level);

    str_show(line + n, sizeof line - n, text);
    n = strlen(line);
    line[n++] = '\n';
    return fd_write_all(state.fd, line, n) == 0;
}

/* Tells how many lines are missing, if any are. False when even that does not get through. */
static bool tell_dropped(void)
{
    char text[96];

    if (state.unsaid == 0)
        return true;
    (void)snprintf(text, sizeof text, "%" PRIu64 " log line%s dropped: the log was not being read",
                   state.unsaid, state.unsaid == 1 ? "" : "s");
    if (!send_text(state.ident, LOG_L_WARN, str_of(text)))
        return false;
    state.unsaid = 0;
    return true;
}

static void say_text(const char *ident, unsigned level, struct str text)
{
    if (tell_dropped() && send_text(ident, level, text))
        return;
    state.dropped++;
    state.unsaid++;
}

__attribute__((format(printf, 3, 0))) static void say(const char *ident, unsigned level,
                                                      const char *fmt, va_list ap)
{
    char text[LOG_LINE];
    int keep = errno;
    int n = vsnprintf(text, sizeof text, fmt, ap);
    struct str s = {text, n < 0 ? 0 : (size_t)n};

    if (s.n >= sizeof text)
        s.n = sizeof text - 1; /* longer than a line can show: send_text() marks the cut */
    say_text(ident != NULL ? ident : state.ident, level, s);
    errno = keep;
}

__attribute__((format(printf, 3, 4))) void log_as(const char *ident, enum log_level level,
                                                  const char *fmt, ...)
{
    va_list ap;

    if (level > state.max)
        return;
    va_start(ap, fmt);
    say(ident, level, fmt, ap);
    va_end(ap);
}

/* Which level a bare line begins with; PANIC + 1: none. */
static unsigned level_of(const char *line, const char **text)
{
    unsigned level = 0;

    for (size_t n; level <= PANIC; level++) {
        n = strlen(LEVELS[level]);
        if (strncmp(line, LEVELS[level], n) == 0 && strncmp(line + n, ": ", 2) == 0) {
            *text = line + n + 2;
            break;
        }
    }
    return level;
}

bool log_relay(const char *ident, const char *line)
{
    const char *text;
    unsigned level = level_of(line, &text);
    int keep = errno;

    if (level > PANIC)
        return false;
    if (level > LOG_L_DEBUG || level <= (unsigned)state.max)
        say_text(ident, level, str_of(text));
    errno = keep;
    return true;
}

bool log_trouble(const char *line, const char **text)
{
    unsigned level = level_of(line, text);

    return level == LOG_L_ERROR || level == LOG_L_WARN || level == FATAL || level == PANIC;
}

__attribute__((format(printf, 1, 2))) _Noreturn void fatal(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    say(NULL, FATAL, fmt, ap);
    va_end(ap);
    exit(EXIT_WORLD);
}

__attribute__((format(printf, 1, 2))) _Noreturn void panic(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    say(NULL, PANIC, fmt, ap);
    va_end(ap);
    abort();
}
