/* daemon/logwriter.h - the process that waits for the log, so that garnetd does not
 *
 * A small child reads lines from a pipe and writes them to the real stderr, however slow that
 * is. It ends when the pipe is closed and what was in it is written, or, where
 * stderr takes nothing, one second after. Nothing it does can hold up its parent: the pipe's
 * write end is non-blocking.
 */
#pragma once
#include "base/loop.h"

struct logwriter { /* its own to write */
    struct loop *loop;
    struct loop_child child;
    struct loop_timer again;
};

/* Starts it and points log_to() at its pipe. 0, or -1 with errno (the log then stays where it was).
 * The write end is log_fd(), close-on-exec: it is garnetd's alone, for who shares it could make it
 * blocking. One that is killed is replaced within a second or two, on the same pipe: nothing in it is
 * lost, and whoever has its write end goes on. */
int logwriter_start(struct logwriter *w, struct loop *l);
/* Points the log back at descriptor 2, closes the pipe and waits for the process, not beyond `until`
 * (clock_mono()). */
void logwriter_stop(struct logwriter *w, int64_t until);
