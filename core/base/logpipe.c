/* base/logpipe.c - bytes are gathered to lines as the loop finds them
 *
 * A pipe that cannot be read any more is treated as ended. Whoever writes to it after that gets
 * SIGPIPE or waits to be killed; we do not.
 */
#include "base/logpipe.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/text.h"

enum { CHUNK = 16384, LAST_CHUNKS = 64 /* 1 MiB: what anybody can make of a pipe */ };

static const char CUT[] = "...";

static const struct rate RATE = {
    .lines = LOGPIPE_BURST, .per_ns = LOGPIPE_BURST * NS_PER_S / LOGPIPE_RATE, .pause = NS_PER_S};

/* --- lines --- */

static void tell_left_out(const struct logpipe_owner *o, uint64_t n)
{
    if (n > 0)
        o->left_out(o->arg, n);
}

void logpipe_owner_finish(struct logpipe_owner *o)
{
    tell_left_out(o, ratelimit_rest(&o->limit));
}

/* Made visible here already: a NUL would end the text for the log's format. */
static void pass_line_on(const struct logpipe *o)
{
    char text[(size_t)2 * LOGPIPE_LINE + sizeof CUT];
    size_t used,
        n = str_visible(text, sizeof text - sizeof CUT, (struct str){o->line, o->n}, &used);
    const char *mark = o->cut || used < o->n ? CUT : "";

    memcpy(text + n, mark, strlen(mark) + 1);
    o->owner->say(o->owner->arg, o->level, text);
}

static void end_line(struct logpipe *o)
{
    uint64_t left_out;

    if (o->n > 0 && ratelimit_take(&o->owner->limit, &RATE, clock_mono(), &left_out)) {
        tell_left_out(o->owner, left_out);
        pass_line_on(o);
    }
    o->n = 0;
    o->cut = false;
}

static void add_bytes(struct logpipe *o, const char *p, size_t n)
{
    size_t room = sizeof o->line - o->n;

    if (n > room) {
        n = room;
        o->cut = true;
    }
    memcpy(o->line + o->n, p, n);
    o->n += n;
}

static void take_lines(struct logpipe *o, const char *p, size_t n)
{
    while (n > 0) {
        const char *newline = memchr(p, '\n', n);
        size_t text = newline != NULL ? (size_t)(newline - p) : n;
        size_t all = newline != NULL ? text + 1 : n;

        add_bytes(o, p, text);
        if (newline != NULL)
            end_line(o);
        p += all;
        n -= all;
    }
}

/* One read. False when nothing more will come of it now: *ended says whether ever. */
static bool read_chunk(struct logpipe *o, bool *ended)
{
    char bytes[CHUNK];
    ssize_t n = read(o->fd, bytes, sizeof bytes);

    *ended = n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR);
    if (n > 0)
        take_lines(o, bytes, (size_t)n);
    return n > 0;
}

static void close_pipe(struct logpipe *o)
{
    loop_fd_del(o->loop, &o->watch);
    fd_close(&o->fd);
}

static void on_readable(void *arg, uint32_t events)
{
    struct logpipe *o = arg;
    bool ended;

    (void)events;
    (void)read_chunk(o, &ended);
    if (ended)
        close_pipe(o);
}

void logpipe_init(struct logpipe *o)
{
    *o = (struct logpipe){.fd = -1};
    loop_fd_init(&o->watch);
}

int logpipe_open(struct logpipe *o, struct loop *l, struct logpipe_owner *owner,
                 enum log_level level, int write_flags)
{
    int fds[2];

    logpipe_init(o);
    if (fd_pipe(fds, O_NONBLOCK, write_flags) < 0)
        return -1;
    if (loop_fd_add(l, &o->watch, fds[0], LOOP_IN, on_readable, o) < 0) {
        fd_close(&fds[0]);
        fd_close(&fds[1]);
        return -1;
    }
    o->loop = l;
    o->fd = fds[0];
    o->owner = owner;
    o->level = level;
    return fds[1];
}

void logpipe_finish(struct logpipe *o)
{
    bool ended;

    for (int i = 0; o->fd >= 0 && i < LAST_CHUNKS && read_chunk(o, &ended); i++)
        ;
    end_line(o);
    if (o->fd >= 0)
        close_pipe(o);
    logpipe_init(o);
}
