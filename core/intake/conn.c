/* intake/conn.c - one connection: bytes in, metrics into the batch, replies out
 *
 * Reads at most READ_SIZE bytes a turn into the intake's shared buffer and scans them there; only
 * what an unfinished object has so far is copied and kept. A client whose reply is not yet written
 * is not read from, so replies never pile up. A client that closed without waiting is read to its
 * end and logged.
 *
 * Nothing here ends the daemon. Without memory an object is rejected and says so; a client that
 * cannot be made is refused; a peer that goes away in the middle of its reply is forgotten.
 */
#include "intake/conn.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/spawn.h"
#include "base/units.h"
#include "model/record.h"

/* --- objects --- */

struct taking { /* one object of one client */
    struct conn *c;
    struct str bytes;
};

static struct frame_place place_in(const struct taking *t, size_t offset)
{
    struct frame_place at = t->c->frame.start;

    for (size_t i = 0; i < offset && i < t->bytes.n; i++)
        if (t->bytes.s[i] == '\n')
            at = (struct frame_place){at.line + 1, 1};
        else
            at.byte++;
    return at;
}

static void take_fault(void *arg, const struct json_fault *f)
{
    struct taking *t = arg;
    struct frame_place at = place_in(t, f->offset);

    conn_reject(t->c, 1, &at, &f->what);
}

static void take_metric(void *arg, const struct metric *m)
{
    struct taking *t = arg;
    struct intake *in = t->c->in;

    record_put(&in->batch, m);
    if (!buf_ok(&in->batch)) { /* what is in there is whole; once it is out there is room again */
        intake_commit(in);
        conn_reject_at(t->c, &t->c->frame.start, "no memory");
        return;
    }
    in->count++;
    t->c->in_batch++;
    if (in->batch.n >= BATCH_FULL)
        intake_commit(in);
}

static void take_object(struct conn *c, struct str bytes, int64_t now)
{
    const struct source *s = c->source;
    struct taking t = {c, bytes};
    struct json_defaults d = {
        .collector = s->name != NULL ? str_of(s->name) : (struct str){"", 0},
        .prefix = s->prefix != NULL ? str_of(s->prefix) : (struct str){"", 0},
        .tags = s->tags,
        .ntags = s->ntags,
        .time_ns = c->slot_ns != 0 ? c->slot_ns : now,
        .interval_ns = s->interval_ns,
        .now_ns = now,
        .limits = &c->in->metric_limits,
    };
    struct json_sink sink = {&t, take_metric, take_fault};
    struct json_fault f;

    switch (json_read(bytes.s, bytes.n, &d, &sink, &f)) {
    case JSON_ACK:
        c->reply_due = true;
        break;
    case JSON_FAULT:
        take_fault(&t, &f);
        break;
    default:
        break;
    }
}

/* --- bytes --- */

static void drop_partial(struct conn *c)
{
    if (c->partial.cap > READ_SIZE)
        buf_free(&c->partial);
    else
        buf_reset(&c->partial);
}

/* The object that ends at p: its bytes in one piece; .s is NULL for want of memory. */
static struct str whole_object(struct conn *c, const char *p, size_t used)
{
    if (c->partial.n == 0)
        return (struct str){p - c->frame.length, c->frame.length};
    buf_put(&c->partial, p - used, used);
    return (struct str){buf_ok(&c->partial) ? c->partial.p : NULL, c->partial.n};
}

static void keep_partial(struct conn *c, const char *end, size_t left)
{
    struct frame *f = &c->frame;
    size_t n = c->partial.n > 0 ? left : f->length;

    if (f->length > 0)
        buf_put(&c->partial, end - n, n);
    else
        drop_partial(c);
    if (buf_ok(&c->partial))
        return;
    drop_partial(c);
    if (frame_end(f, "no memory") == FRAME_FAULT)
        conn_reject_at(c, &f->fault, f->why);
}

static void take_bytes(struct conn *c, const char *p, size_t n)
{
    const char *end = p + n;
    int64_t now = clock_wall();

    while (p < end) {
        size_t used;
        enum frame_result r = frame_scan(&c->frame, p, (size_t)(end - p), &used);
        struct str object;

        p += used;
        if (r == FRAME_MORE) {
            keep_partial(c, end, used);
            break;
        }
        if (c->reply_due) /* more after a request: it must not count what follows */
            intake_commit(c->in);
        object = r == FRAME_OBJECT ? whole_object(c, p, used) : (struct str){NULL, 0};
        if (r == FRAME_FAULT)
            conn_reject_at(c, &c->frame.fault, c->frame.why);
        else if (object.s == NULL)
            conn_reject_at(c, &c->frame.start, "no memory");
        else
            take_object(c, object, now);
        drop_partial(c);
    }
}

static void take_end(struct conn *c)
{
    if (frame_end(&c->frame, "unfinished at the end of the input") == FRAME_FAULT)
        conn_reject_at(c, &c->frame.fault, c->frame.why);
    drop_partial(c);
    c->ended = true;
    c->reply_due = true;
}

/* Notes since when a value has been unfinished. */
static void watch_unfinished(struct conn *c)
{
    const struct frame_place *start = &c->frame.start;

    if (!frame_inside(&c->frame)) {
        c->unfinished_since = 0;
    } else if (c->unfinished_since == 0 || c->unfinished.line != start->line ||
               c->unfinished.byte != start->byte) {
        c->unfinished = *start;
        c->unfinished_since = loop_now(c->in->loop);
    }
}

static void read_some(struct conn *c)
{
    ssize_t n;

    do
        n = recv(c->io.fd, c->in->read, READ_SIZE, MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    if (n < 0 && errno == EAGAIN)
        return;
    if (n > 0) {
        take_bytes(c, c->in->read, (size_t)n);
    } else {
        c->gone |= n < 0; /* the peer has closed with replies unread */
        take_end(c);
    }
    watch_unfinished(c);
}

static bool readable(const struct conn *c)
{
    return !c->ended && (c->gone || (c->held.n == 0 && c->out.n == 0));
}

static void on_event(void *arg, uint32_t events)
{
    struct conn *c = arg;

    conn_touch(c);
    if (events & LOOP_HUP)
        c->gone = true; /* what it has sent is still there to be read */
    if ((events & (LOOP_IN | LOOP_HUP)) && readable(c))
        read_some(c);
}

/* --- replies --- */

bool conn_waits(const struct conn *c)
{
    return c->held.n > 0;
}

void conn_committed(struct conn *c, bool later, uint64_t ticket, const char *why)
{
    if (why != NULL && c->in_batch > 0) {
        struct metric_fault f = {.field = ""};

        (void)snprintf(f.why, sizeof f.why, "%s", why);
        conn_reject(c, c->in_batch, NULL, &f);
    } else {
        c->accepted += c->in_batch;
        c->source->accepted += c->in_batch;
        c->source->run_accepted += c->in_batch;
        if (later && c->in_batch > 0)
            c->need = ticket + 1;
    }
    c->in_batch = 0;
    if (c->reply_due)
        conn_reply(c);
}

static void send_some(struct conn *c)
{
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

/* Replies whose metrics are safe go out. For one that found no memory a client must not wait. */
static void release_held(struct conn *c)
{
    bool whole = buf_ok(&c->held);

    if ((c->held.n == 0 && whole) || c->need > c->in->safe)
        return;
    buf_put(&c->out, c->held.p, c->held.n);
    if (!whole || !buf_ok(&c->out))
        c->gone = c->ended = true;
    buf_free(&c->held);
    c->unread_since = loop_now(c->in->loop);
}

void conn_settle(struct conn *c)
{
    if (!c->gone) {
        release_held(c);
        send_some(c);
    }
    if (c->gone) {
        buf_free(&c->held);
        buf_free(&c->out);
        c->unread_since = 0;
    }
    if (c->ended && c->held.n == 0 && c->out.n == 0)
        conn_free(c);
    else
        loop_fd_mod(c->in->loop, &c->io,
                    (readable(c) ? LOOP_IN : 0U) | (c->out.n > 0 ? LOOP_OUT : 0U));
}

void conn_idle(struct conn *c, int64_t now)
{
    int64_t idle = c->in->limits.idle;
    struct buf why = {0};

    if (c->unread_since != 0 && now - c->unread_since >= idle) {
        log_warn("%s: does not read its reply: closed", c->name);
        conn_free(c);
        return;
    }
    if (c->unfinished_since == 0 || now - c->unfinished_since < idle)
        return;
    buf_puts(&why, "unfinished for ");
    units_put_duration(&why, idle);
    buf_putc(&why, 0);
    if (frame_end(&c->frame, buf_ok(&why) ? why.p : "unfinished for too long") == FRAME_FAULT)
        conn_reject_at(c, &c->frame.fault, c->frame.why);
    buf_free(&why);
    drop_partial(c);
    c->unfinished_since = 0;
}

bool conn_quiet(const struct conn *c)
{
    char byte;

    if (c->held.n > 0 || c->out.n > 0 || c->in_batch > 0 || c->reply_due || c->ended)
        return false;
    return recv(c->io.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == EAGAIN;
}

/* --- beginning and end --- */

static void name_client(struct conn *c, int fd)
{
    struct ucred who;
    socklen_t n = sizeof who;

    if (c->source->name != NULL)
        (void)snprintf(c->name, sizeof c->name, "collector %s", c->source->name);
    else if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &n) == 0)
        (void)snprintf(c->name, sizeof c->name, "pid %ld uid %lu", (long)who.pid,
                       (unsigned long)who.uid);
    else
        (void)snprintf(c->name, sizeof c->name, "a client");
}

bool conn_new(struct source *s, int fd)
{
    struct intake *in = s->in;
    struct conn *c = calloc(1, sizeof *c);

    if (c == NULL || loop_fd_add(in->loop, &c->io, fd, LOOP_IN, on_event, c) < 0) {
        free(c);
        close_fd(&fd);
        return false;
    }
    c->in = in;
    c->source = s;
    s->users++;
    c->slot_ns = s->slot_ns;
    name_client(c, fd);
    frame_init(&c->frame, (uint32_t)in->limits.max_depth, (size_t)in->limits.max_value);
    c->next = in->clients;
    c->link = &in->clients;
    if (c->next != NULL)
        c->next->link = &c->next;
    in->clients = c;
    in->nclients++;
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

    if (c->faults > MAX_ERRORS)
        log_warn("%s: and %" PRIu32 " more", c->name, c->faults - MAX_ERRORS);
    untouch(c);
    loop_fd_del(c->in->loop, &c->io);
    close_fd(&fd);
    *c->link = c->next;
    if (c->next != NULL)
        c->next->link = c->link;
    c->in->nclients--;
    source_unuse(c->source);
    buf_free(&c->partial);
    buf_free(&c->errors);
    buf_free(&c->held);
    buf_free(&c->out);
    free(c);
}
