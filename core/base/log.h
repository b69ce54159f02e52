/* base/log.h - one line to the log, never a wait
 *
 * A line is "TIME IDENT LEVEL: text", cut at 1 KiB so that it is one atomic write to a pipe;
 * control bytes are escaped. Lines go to descriptor 2 until log_to() names another. When that
 * one is not writable (garnetd's log is a non-blocking pipe to its log writer, daemon/logwriter.h)
 * the line is dropped and counted, and the next line that gets through comes after one that says how
 * many were. Every call keeps errno; "%m" in the format prints it.
 *
 * A worker does not write to garnetd's log: its lines go as "LEVEL: text" over a pipe of its own,
 * and garnetd writes them down under the worker's name.
 *
 * Two deaths: fatal() when the world is wrong (exit status EXIT_WORLD, base/exit.h), panic() when we are
 * (abort).
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

enum { LOG_LINE = 1024 }; /* bytes of a line at most, its end included */

enum log_level { LOG_L_ERROR, LOG_L_WARN, LOG_L_INFO, LOG_L_DEBUG };

#define LOG_PRINTF(a, b) __attribute__((format(printf, a, b)))

/* Borrowed, for life: "garnetd", "garnet-sink main". Where descriptor 2 is journald's by now, lines
 * are "<PRIORITY>IDENT LEVEL: text", without a time. */
void log_open(const char *ident);
void log_to(int fd);       /* borrowed */
void log_to_relay(int fd); /* likewise; lines are "LEVEL: text" for somebody's log_relay() */
int log_fd(void);
void log_set_level(enum log_level max);
uint64_t log_dropped(void); /* lines dropped since the start */

/* Under another's name; NULL: under ours. */
void log_as(const char *ident, enum log_level level, const char *fmt, ...) LOG_PRINTF(3, 4);
#define log_at(...)    log_as(NULL, __VA_ARGS__)
#define log_error(...) log_at(LOG_L_ERROR, __VA_ARGS__)
#define log_warn(...)  log_at(LOG_L_WARN, __VA_ARGS__)
#define log_info(...)  log_at(LOG_L_INFO, __VA_ARGS__)
#define log_debug(...) log_at(LOG_L_DEBUG, __VA_ARGS__)

/* Likewise, a line that came over a pipe from log_to_relay(), without its end; by its own level.
 * False if it is none of those. */
bool log_relay(const char *ident, const char *line);

/* Whether such a line is a warning, or worse; *text is then what it says. */
bool log_trouble(const char *line, const char **text);

_Noreturn void fatal(const char *fmt, ...) LOG_PRINTF(1, 2);
_Noreturn void panic(const char *fmt, ...) LOG_PRINTF(1, 2);
