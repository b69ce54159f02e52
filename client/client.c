/* client.c - one connection, and what is to go over it
 *
 * It reads while it sends: garnetd may not read on until its replies are read. It does not trust the
 * other side: it reads a reply up to a bound.
 *
 * It fails, with a sentence in `error`, when memory runs out, when nobody listens, when the time limit
 * passes without a byte moving, and when the stream ends without a reply: then what was accepted is not
 * known, and the sentence says so. Signals do not put the limit off.
 */
#include "client.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/number.h"
#include "base/text.h"

enum {
    TIMEOUT_MS = 5000,
    MAX_REPLY = 1 << 20,
};

static bool failed(const struct client *c)
{
    return c->error[0] != 0;
}

void client_fail(struct client *c, const char *fmt, ...)
{
    va_list ap;

    if (failed(c))
        return;
    va_start(ap, fmt);
    (void)vsnprintf(c->error, sizeof c->error, fmt, ap);
    va_end(ap);
}

void client_init(struct client *c, const char *program, const char *path)
{
    *c = (struct client){.program = program, .path = path, .timeout_ms = TIMEOUT_MS, .fd = -1};
}

void client_disconnect(struct client *c)
{
    if (c->fd >= 0)
        (void)close(c->fd);
    c->fd = -1;
    c->cut_short = false;
    c->error[0] = 0;
    buf_reset(&c->reply);
}

void client_close(struct client *c)
{
    if (c->fd >= 0)
        (void)close(c->fd);
    c->fd = -1;
    buf_free(&c->out);
    buf_free(&c->reply);
}

/* A NUL behind it that does not count. */
static void end_text(struct client *c, struct buf *b)
{
    char *end = buf_room(b, 1);

    if (end != NULL)
        *end = 0;
    else
        client_fail(c, "out of memory");
}

/* --- building --- */

static void put_text(struct client *c, const char *name, const char *s)
{
    if (s != NULL)
        buf_put_member(&c->out, name, str_of(s));
}

static void put_tags(struct client *c, const char *name, const garnet_client_tag *tags, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (i == 0)
            buf_putf(&c->out, ",\"%s\":{", name);
        else
            buf_putc(&c->out, ',');
        buf_put_json(&c->out, str_of(tags[i].key));
        buf_putc(&c->out, ':');
        buf_put_json(&c->out, str_of(tags[i].val));
    }
    if (n > 0)
        buf_putc(&c->out, '}');
}

/* With a dot, whatever this program's locale has in its place; and with one in any case, as else it would arrive as an
 * integer, which has no -0. */
static void put_real(struct client *c, double v)
{
    size_t at = c->out.n, to = at;
    bool whole = true;

    buf_put_f64(&c->out, v);
    for (; at < c->out.n; at++) {
        char digit = c->out.p[at];

        whole = whole && (digit == '-' || (digit >= '0' && digit <= '9'));
        if (strchr("+-.0123456789e", digit) != NULL)
            c->out.p[to++] = digit;
        else if (c->out.p[to - 1] != '.')
            c->out.p[to++] = '.';
    }
    c->out.n = to;
    if (whole)
        buf_puts(&c->out, ".0");
}

static bool is_finite(struct client *c, const char *what, double v)
{
    if (!isfinite(v))
        client_fail(c, "%s: must be a finite number, not %f: leave it out when there is none", what,
                    v);
    return isfinite(v);
}

void client_begin(struct client *c, const struct client_series *s)
{
    if (failed(c) || !is_finite(c, "time", s->time))
        return;
    c->in_values = false;
    buf_puts(&c->out, "{\"name\":");
    buf_put_json(&c->out, str_of(s->name));
    put_text(c, "type", s->type);
    put_text(c, "unit", s->unit);
    put_tags(c, "tags", s->tags, s->ntags);
    put_tags(c, "meta", s->meta, s->nmeta);
    if (s->time < 0 || s->time > 0) {
        buf_puts(&c->out, ",\"time\":");
        put_real(c, s->time);
    }
}

static void put_key(struct client *c, const char *key)
{
    if (key == NULL) {
        buf_puts(&c->out, ",\"value\":");
        return;
    }
    buf_puts(&c->out, c->in_values ? "," : ",\"values\":{");
    c->in_values = true;
    buf_put_json(&c->out, str_of(key));
    buf_putc(&c->out, ':');
}

void client_i64(struct client *c, const char *key, int64_t v)
{
    if (failed(c))
        return;
    put_key(c, key);
    buf_put_i64(&c->out, v);
}

void client_u64(struct client *c, const char *key, uint64_t v)
{
    if (failed(c))
        return;
    put_key(c, key);
    buf_put_u64(&c->out, v);
}

void client_f64(struct client *c, const char *key, double v)
{
    if (failed(c) || !is_finite(c, key == NULL ? "value" : key, v))
        return;
    put_key(c, key);
    put_real(c, v);
}

void client_end(struct client *c)
{
    if (failed(c))
        return;
    buf_puts(&c->out, c->in_values ? "}}\n" : "}\n");
    c->in_values = false;
    end_text(c, &c->out);
}

/* --- the connection --- */

static int64_t from_now(const struct client *c)
{
    return clock_mono() + c->timeout_ms * NS_PER_MS;
}

static const char *connect_help(int error)
{
    switch (error) {
    case ENOENT:
        return "there is no such socket: is garnetd running, and with this socket path?";
    case ECONNREFUSED:
        return "nobody listens on it: garnetd is not running";
    case EACCES:
        return "permission denied: `socket` in garnet.yaml sets the mode and the group";
    case EAGAIN:
        return "it has taken no connection in time: garnetd hangs or is overloaded";
    default:
        return strerror(error);
    }
}

/* connect() waits where the queue of the one who listens is full. */
static bool connect_until(int fd, const struct sockaddr_un *to, int64_t until)
{
    for (;;) {
        int64_t us = (until - clock_mono()) / 1000;
        const struct timeval left = {.tv_sec = us / 1000000, .tv_usec = us % 1000000};

        if (us <= 0) {
            errno = EAGAIN;
            return false;
        }
        if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &left, sizeof left) < 0)
            return false;
        if (connect(fd, (const struct sockaddr *)to, sizeof *to) == 0)
            return true;
        if (errno != EINTR)
            return false;
    }
}

static bool client_connect(struct client *c)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    size_t n = strlen(c->path);

    if (c->fd >= 0 || failed(c))
        return !failed(c);
    if (n == 0 || n >= sizeof to.sun_path) {
        client_fail(c, "the socket path \"%.40s%s\" has %zu bytes: 1 to %zu are possible", c->path,
                    n > 40 ? "..." : "", n, sizeof to.sun_path - 1);
        return false;
    }
    memcpy(to.sun_path, c->path, n + 1);
    c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd < 0)
        client_fail(c, "cannot make a socket: %s", strerror(errno));
    else if (!connect_until(c->fd, &to, from_now(c)))
        client_fail(c, "cannot connect to %s: %s", c->path, connect_help(errno));
    return !failed(c);
}

/* What the socket is ready for; 0 after an error. */
static int wait_for(struct client *c, short events, int64_t *until)
{
    struct pollfd p = {.fd = c->fd, .events = events};
    int n;

    do {
        bool patient = c->hurry != NULL && *c->hurry == 0;
        int64_t left = *until - clock_mono();
        const struct timespec limit = clock_timespec(left > 0 ? left : 0);

        n = ppoll(&p, 1, patient ? NULL : &limit, c->waiting);
        if (patient)
            *until = from_now(c);
    } while (n < 0 && errno == EINTR);
    if (n < 0)
        client_fail(c, "cannot wait for %s: %s", c->path, strerror(errno));
    if (n == 0)
        client_fail(c,
                    "%s: no answer within %g s: what was accepted is not known; "
                    "garnetd's log may say why",
                    c->path, c->timeout_ms / 1000.0);
    return n > 0 ? p.revents : 0;
}

/* Takes what is there. False at the end of the stream, and after an error. */
static bool receive(struct client *c)
{
    char part[4096];
    ssize_t n = recv(c->fd, part, sizeof part, MSG_DONTWAIT);

    if (n > 0) {
        if (c->reply.n + (size_t)n > MAX_REPLY)
            client_fail(c, "%s: the reply is longer than 1 MiB: not garnetd?", c->path);
        else
            buf_put(&c->reply, part, (size_t)n);
        end_text(c, &c->reply);
        return !failed(c);
    }
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return true;
    if (n < 0 && errno != ECONNRESET) /* that one: it closed without reading all, which is an end */
        client_fail(c, "cannot read from %s: %s", c->path, strerror(errno));
    return false;
}

bool client_send(struct client *c, const char *p, size_t n)
{
    int64_t until;

    if (!client_connect(c))
        return false;
    until = from_now(c);
    while (n > 0 && !c->cut_short) {
        int ready = wait_for(c, POLLIN | POLLOUT, &until);
        ssize_t sent;

        if (ready == 0)
            return false;
        if ((ready & POLLIN) != 0 && !receive(c)) {
            c->cut_short = !failed(c);
            return false;
        }
        sent = send(c->fd, p, n, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent >= 0) {
            p += sent;
            n -= (size_t)sent;
            until = from_now(c);
        } else if (errno == EPIPE || errno == ECONNRESET) {
            c->cut_short = true;
        } else if (errno != EAGAIN && errno != EINTR) {
            client_fail(c, "cannot send to %s: %s", c->path, strerror(errno));
            return false;
        }
    }
    return n == 0;
}

/* Up to the end of the stream, or of a line of it. */
static bool read_reply(struct client *c, bool line)
{
    int64_t until = from_now(c);

    while (!(line && c->reply.n > 0 && memchr(c->reply.p, '\n', c->reply.n) != NULL) &&
           wait_for(c, POLLIN, &until) != 0 && receive(c))
        ;
    if (c->reply.n == 0)
        client_fail(c, "%s: closed without a reply: what was accepted is not known", c->path);
    return !failed(c);
}

bool client_reply(struct client *c)
{
    if (!client_connect(c))
        return false;
    (void)shutdown(c->fd, SHUT_WR); /* fails only if the other side is gone: reading tells */
    return read_reply(c, false);
}

bool client_reply_line(struct client *c)
{
    return client_connect(c) && read_reply(c, true);
}

bool client_is_over(const struct client *c)
{
    char byte;

    return c->fd >= 0 && (recv(c->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0 ||
                          (errno != EAGAIN && errno != EINTR));
}
