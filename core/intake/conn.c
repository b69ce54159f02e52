/* intake/conn.c - one connection, from its beginning to its end
 *
 * When it is read, and how much at a time, is intake/slices.c's; what becomes of the bytes,
 * intake/take.c's; its replies are intake/reply.c's. A client whose reply is not yet written is not
 * read from, so there are no more replies than requests in one read. A client that closed without
 * waiting is read to its end and logged.
 *
 * Nothing here ends the daemon. A client that cannot be made is refused by whoever accepted it; a
 * peer that goes away in the middle of its reply is forgotten.
 */
#include "intake/conn.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fdpass.h"
#include "base/log.h"
#include "base/units.h"

/* --- bytes in --- */

/* Notes since when a value has been unfinished. */
static void watch_unfinished(struct conn *c)
{
    const struct place *start = &c->frame.start;

    if (!frame_inside(&c->frame)) {
        c->unfinished_since = 0;
    } else if (c->unfinished_since == 0 || c->unfinished.line != start->line ||
               c->unfinished.byte != start->byte) {
        c->unfinished = *start;
        c->unfinished_since = loop_now(c->in->loop);
    }
}

/* Idle time counts only while it would be read. */
static void watch_reading(struct conn *c)
{
    int64_t now = loop_now(c->in->loop);

    if (!conn_readable(c)) {
        if (c->paused_since == 0)
            c->paused_since = now;
        return;
    }
    if (c->paused_since != 0 && c->unfinished_since != 0)
        c->unfinished_since += now - c->paused_since;
    c->paused_since = 0;
}

static void take_end(struct conn *c, const char *why)
{
    take_cut(c, why);
    c->ended = true;
    c->reply_due = true;
}

void conn_end(struct conn *c, const char *why)
{
    conn_touch(c);
    conn_tell(c, why);
    take_end(c, "unfinished when the connection was closed");
}

/* It has sent all that it may, and there is more. */
static void cut_off(struct conn *c)
{
    struct metric_fault f;

    quota_over(&c->source->quota, &f);
    c->source->limited_bytes++;
    conn_reject(c, 1, NULL, &f);
    take_end(c, "unfinished when the limit was reached");
}

static void refuse_passed(struct conn *c)
{
    struct metric_fault f = {.why = "descriptors were passed along with what comes here: not read"};

    conn_reject(c, 1, NULL, &f);
    take_end(c, "unfinished where descriptors were passed along");
}

static ssize_t receive(const struct conn *c, size_t n)
{
    return c->passes_fds ? fdpass_recv(c->io.fd, c->in->read, n)
                         : recv(c->io.fd, c->in->read, n, MSG_DONTWAIT);
}

bool conn_readable(const struct conn *c)
{
    return !c->ended && (c->gone || (c->held == NULL && c->out.n == 0));
}

size_t conn_read(struct conn *c, size_t most)
{
    struct quota *q = &c->source->quota;
    size_t room = quota_room(q, most, loop_now(c->in->loop));
    ssize_t n;

    do
        n = receive(c, room > 0 ? room : 1);
    while (n < 0 && errno == EINTR);
    if (n < 0 && errno == EAGAIN)
        return 0;
    if (c->reply_due) /* a second read in this turn: what it brings is not of that request */
        intake_commit(c->in);
    conn_touch(c);
    share_heard(c);
    if (n > 0 && room == 0) {
        cut_off(c);
    } else if (n > 0) {
        quota_read(q, (size_t)n);
        take_bytes(c, c->in->read, (size_t)n, clock_wall());
    } else if (n < 0 && errno == ECOMM) {
        refuse_passed(c);
    } else {
        c->gone |= n < 0; /* the peer has closed with replies unread */
        take_end(c, "unfinished at the end of the input");
    }
    watch_unfinished(c);
    return n > 0 ? (size_t)n : 0;
}

static void on_event(void *arg, uint32_t events)
{
    struct conn *c = arg;

    conn_touch(c);
    if (events & LOOP_HUP)
        c->gone = true; /* what it has sent is still there to be read */
    if ((events & (LOOP_IN | LOOP_HUP)) && conn_readable(c))
        slices_add(c);
}

void conn_look(struct conn *c)
{
    struct pollfd p = {.fd = c->io.fd};

    c->gone |= poll(&p, 1, 0) > 0 && (p.revents & (POLLHUP | POLLERR));
}

/* --- replies --- */

void conn_committed(struct conn *c, bool later, uint64_t ticket, const char *why)
{
    if (why != NULL && c->in_batch > 0) {
        struct metric_fault f = {.field = ""};

        (void)snprintf(f.why, sizeof f.why, "%s", why);
        conn_reject(c, c->in_batch, NULL, &f);
        c->source->withheld_until = loop_now(c->in->loop);
    } else {
        source_taken(c, c->in_batch, later, ticket);
        if (later) {
            pending_add(&c->pending, ticket, c->in_batch);
            c->account.waiting += c->in_batch;
        } else {
            c->account.accepted += c->in_batch;
        }
    }
    c->in_batch = 0;
    if (c->reply_due)
        conn_reply(c);
}

void conn_known(struct conn *c, uint64_t ticket, const char *why)
{
    uint64_t n = pending_take(&c->pending, ticket);

    if (n == 0)
        return;
    if (why != NULL)
        c->source->withheld_until = loop_now(c->in->loop);
    replies_known(c, n, why);
    conn_touch(c);
}

static void send_some(struct conn *c)
{
    if (c->out.n > 0 && c->unread_since == 0)
        c->unread_since = loop_now(c->in->loop);
    while (c->out.n > 0) {
        ssize_t n = send(c->io.fd, c->out.p, c->out.n, MSG_DONTWAIT | MSG_NOSIGNAL);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return;
        if (n < 0) {
            c->gone = true;
            return;
        }
        buf_drop(&c->out, (size_t)n);
        c->unread_since = loop_now(c->in->loop);
    }
    c->unread_since = 0;
    buf_free(&c->out);
}

/* Each reply goes out whole or not at all. */
void conn_settle(struct conn *c)
{
    if (!buf_ok(&c->out))
        c->gone = c->ended = true;
    if (!c->gone)
        send_some(c);
    if (c->gone) {
        replies_drop(c);
        c->unread_since = 0;
    }
    watch_reading(c);
    if (c->ended && ((c->held == NULL && c->out.n == 0) || c->owner == NULL))
        conn_free(c);
    else
        loop_fd_mod(c->in->loop, &c->io,
                    (conn_readable(c) ? LOOP_IN : 0U) | (c->out.n > 0 ? LOOP_OUT : 0U));
}

void conn_idle(struct conn *c, int64_t now)
{
    int64_t idle = c->in->limits.idle;
    struct buf why = {0};

    if (c->unread_since != 0 && now - c->unread_since >= idle)
        send_some(c), conn_touch(c); /* garnetd itself may have stood still */
    if (c->unread_since != 0 && now - c->unread_since >= idle) {
        log_warn("%s: does not read its reply: closed", c->name);
        conn_free(c);
        return;
    }
    if (c->unfinished_since == 0 || now - c->unfinished_since < idle || !conn_readable(c))
        return;
    if (conn_unread(c)) { /* it is our turn, and may be the rest */
        slices_add(c);
        return;
    }
    buf_puts(&why, "unfinished for ");
    units_put_duration(&why, idle);
    buf_putc(&why, 0);
    conn_touch(c);
    take_cut(c, buf_ok(&why) ? why.p : "unfinished for too long");
    buf_free(&why);
    c->unfinished_since = 0;
}

/* The next byte, which stays there; as recv(). */
static ssize_t peek(const struct conn *c)
{
    char byte;

    return recv(c->io.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
}

bool conn_unread(const struct conn *c)
{
    return peek(c) > 0;
}

bool conn_quiet(const struct conn *c)
{
    if (c->held != NULL || c->out.n > 0 || c->in_batch > 0 || c->reply_due || c->ended)
        return false;
    return peek(c) < 0 && errno == EAGAIN;
}

/* Who sends without a pause always has something unread, and is not kept waiting for that. */
bool conn_kept_waiting(const struct conn *c)
{
    return c->held != NULL ||
           (conn_readable(c) && conn_unread(c) && loop_now(c->in->loop) - c->heard_at >= NS_PER_S);
}

/* --- beginning and end --- */

static void name_client(struct conn *c, const struct ucred *peer)
{
    if (c->source->name != NULL)
        (void)snprintf(c->name, sizeof c->name, "collector %s", c->source->name);
    else
        (void)snprintf(c->name, sizeof c->name, "pid %ld uid %lu", (long)peer->pid,
                       (unsigned long)peer->uid);
}

static void link_client(struct conn *c)
{
    struct intake *in = c->in;

    c->next = in->clients;
    c->link = &in->clients;
    if (c->next != NULL)
        c->next->link = &c->next;
    in->clients = c;
    in->nclients++;
    c->source->users++;
}

bool conn_new(struct source *s, int fd, const struct ucred *peer)
{
    struct intake *in = s->in;
    struct conn *c = calloc(1, sizeof *c);

    if (c == NULL)
        return false;
    c->in = in;
    c->source = s;
    c->heard_at = loop_now(in->loop);
    if (!share_enter(c, peer->uid) || loop_fd_add(in->loop, &c->io, fd, LOOP_IN, on_event, c) < 0) {
        share_leave(c);
        free(c);
        return false;
    }
    c->slot_ns = s->slot_ns;
    c->run = s->run;
    c->slice = SLICE_FIRST;
    c->passes_fds = fdpass_allowed(fd);
    name_client(c, peer);
    frame_init(&c->frame, (uint32_t)in->limits.max_depth, (size_t)in->limits.max_value);
    link_client(c);
    return true;
}

void conn_touch(struct conn *c)
{
    if (c->touched)
        return;
    c->touched = true;
    c->next_touched = c->in->touched;
    c->in->touched = c;
}

static void untouch(struct conn *c)
{
    struct conn **at = &c->in->touched;

    if (!c->touched)
        return;
    while (*at != c)
        at = &(*at)->next_touched;
    *at = c->next_touched;
    c->touched = false;
}

void conn_free(struct conn *c)
{
    int fd = c->io.fd;

    replies_drop(c);
    account_end(c, &c->account);
    untouch(c);
    slices_remove(c);
    share_leave(c);
    loop_fd_del(c->in->loop, &c->io);
    fdpass_close(&fd);
    *c->link = c->next;
    if (c->next != NULL)
        c->next->link = c->link;
    c->in->nclients--;
    source_unuse(c->source);
    buf_free(&c->partial);
    pending_free(&c->pending);
    free(c);
}
