/* convert/feed.c - ppoll() and read(): standard input is shared with strangers, who may have made it non-blocking
 *
 * A signal that comes while nothing is waited for is waited out, not lost: it is let in by the mask of ppoll() alone.
 */
#include "convert/feed.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"

enum { PIECE = 1 << 14, REST_MOST = 1 << 20 };

static bool is_asked(const struct feed *f)
{
    return f->asked != NULL && *f->asked != 0;
}

/* Whether `fd` may be read; *news is why not. */
static bool wait_input(const struct feed *f, int fd, int beside, int64_t ns, enum feed_news *news)
{
    struct pollfd p[] = {{.fd = fd, .events = POLLIN}, {.fd = beside, .events = POLLIN}};
    struct timespec limit = clock_timespec(ns);
    int n = ppoll(p, 2, ns > 0 ? &limit : NULL, f->signals);

    if (is_asked(f))
        *news = FEED_ASKED;
    else if (n < 0)
        *news = errno == EINTR ? FEED_INPUT : FEED_FAILED;
    else if (n == 0)
        *news = FEED_SILENT;
    else if (p[1].revents != 0)
        *news = FEED_OTHER;
    else
        return true;
    return false;
}

static enum feed_news feed_piece(struct feed *f, ssize_t *got)
{
    char piece[PIECE];

    *got = read(f->fd, piece, sizeof piece);
    if (*got > 0)
        stream_take(f->stream, piece, (size_t)*got);
    else if (*got == 0)
        return FEED_END;
    else if (errno != EINTR && errno != EAGAIN)
        return FEED_FAILED;
    return FEED_INPUT;
}

enum feed_news feed_next(struct feed *f)
{
    enum feed_news news;
    ssize_t got;

    return wait_input(f, f->fd, f->beside, f->silence, &news) ? feed_piece(f, &got) : news;
}

void feed_rest(struct feed *f)
{
    struct pollfd p = {.fd = f->fd, .events = POLLIN};
    ssize_t got = 1;

    for (size_t all = 0; all < REST_MOST && got > 0 && poll(&p, 1, 0) > 0; all += (size_t)got)
        if (feed_piece(f, &got) != FEED_INPUT)
            break;
}

int feed_status(const struct feed *f, int fd)
{
    char text[16];
    enum feed_news news = FEED_INPUT;
    size_t n = 0;
    ssize_t got = 1;
    char *end;
    long v;

    while (got != 0 && n < sizeof text - 1) {
        if (!wait_input(f, fd, -1, 0, &news)) {
            if (news == FEED_INPUT)
                continue;
            return FORMAT_STATUS_KILLED;
        }
        got = read(fd, text + n, sizeof text - 1 - n);
        if (got < 0 && errno != EINTR && errno != EAGAIN)
            return FORMAT_STATUS_KILLED;
        n += got > 0 ? (size_t)got : 0;
    }
    text[n] = 0;
    v = strtol(text, &end, 10);
    return end > text && *end == '\n' && v >= 0 && v <= 255 ? (int)v : FORMAT_STATUS_KILLED;
}
