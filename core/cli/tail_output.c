/* cli/tail_output.c - poll(), then a write that a timer ends (base/timed_write.h) */
#include "cli/tail_output.h"

#include <errno.h>
#include <poll.h>

#include "base/clock.h"
#include "base/timed_write.h"

enum { PIECE = 1 << 16, PATIENCE_MS = 200 };

void tail_output_init(struct tail_output *o, int fd)
{
    *o = (struct tail_output){.fd = fd};
    timed_write_init();
}

size_t tail_output_waits(const struct tail_output *o)
{
    return o->bytes.n - o->written;
}

static enum tail_output_state write_in_time(struct tail_output *o)
{
    size_t n = tail_output_waits(o);
    ssize_t r =
        timed_write(o->fd, o->bytes.p + o->written, n < PIECE ? n : PIECE, PATIENCE_MS * 1000L);

    if (r < 0)
        return errno == EPIPE                      ? TAIL_OUTPUT_CLOSED
               : errno == EINTR || errno == EAGAIN ? TAIL_OUTPUT_BUSY
                                                   : TAIL_OUTPUT_BROKEN;
    o->written += (size_t)r;
    return TAIL_OUTPUT_DONE;
}

enum tail_output_state tail_output_write(struct tail_output *o)
{
    int64_t until = clock_mono() + PATIENCE_MS * NS_PER_MS;
    enum tail_output_state state = TAIL_OUTPUT_DONE;

    while (state == TAIL_OUTPUT_DONE && tail_output_waits(o) > 0) {
        struct pollfd p = {.fd = o->fd, .events = POLLOUT};
        int64_t left = until - clock_mono();

        if (left <= 0 || poll(&p, 1, (int)(left / NS_PER_MS) + 1) <= 0)
            state = TAIL_OUTPUT_BUSY; /* interrupted, too: there is another time */
        else
            state = write_in_time(o);
    }
    buf_drop(&o->bytes, o->written);
    o->written = 0;
    return state;
}

bool tail_output_rest(const struct tail_output *o, int64_t ns)
{
    struct pollfd p = {.fd = o->fd}; /* an error is reported always */

    return poll(&p, 1, (int)(ns / NS_PER_MS)) <= 0 ||
           (p.revents & (POLLERR | POLLHUP | POLLNVAL)) == 0;
}

void tail_output_free(struct tail_output *o)
{
    buf_free(&o->bytes);
}
