/* daemon/logwriter.h - the process that waits for the log, so that garnetd does not
 *
 * A small child reads lines from a pipe and writes them to the real stderr, however slow that
 * is. It ends when the pipe is closed and what was in it is written, or, where
 * stderr takes nothing, one second after. Nothing it does can hold up its parent: the pipe's
 * write end is non-blocking.
 */
#pragma once
#include <sys/types.h>

/* Starts the writer and points log_to() at its pipe. Returns its pid, or -1 with errno (the log
 * then stays where it was). The write end is log_fd(), close-on-exec: it is garnetd's alone, for
 * who shares it could make it blocking. */
pid_t logwriter_start(void);
/* Another writer on the same pipe, after one that was killed: nothing in the pipe is lost, and
 * whoever has its write end goes on. Its pid, or -1 with errno. */
pid_t logwriter_again(void);
/* Points the log back at descriptor 2, closes the pipe and waits for the writer, at most `ms`. */
void logwriter_stop(pid_t pid, int ms);
