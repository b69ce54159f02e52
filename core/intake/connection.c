/* intake/connection.c - one connection: its socket, when it is read, its end
 *
 * A client that closed without waiting is read to its end and logged. A peer that goes away in the
 * middle of its reply is forgotten. Nothing here ends the daemon.
 */
#include "intake/connection.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/fdpass.h"
#include "base/log.h"

/* What a run's end may take beyond the turn: bytes at most, and time once so much is in. */
enum { DRAIN_MOST = 4 << 20, DRAIN_LEAST = 256 << 10, DRAIN_NS = 20 * NS_PER_MS };
/* Who has not asked for a reply until then only streams: what he sends may be left alone for a moment. */
static const int64_t STREAMS_AFTER = NS_PER_S;

struct connection {
    struct connections *set;
    struct session session;
    struct loop_fd io;    /* owns the descriptor */
    bool ended;           /* nothing more will come */
    bool gone;            /* the peer has closed: nobody reads an answer */
    bool touched, known;  /* in this turn; has had one before */
    bool fds_may_come;    /* base/fdpass.h */
    bool asks;            /* has asked for a reply */
    int64_t since;        /* it is there */
    int64_t unread_since; /* replies were last all sent, or got shorter; 0: all are sent */
    int64_t paused_since; /* it is not read, for what it is owed; 0: it is */
    struct queue_entry turn;
    struct pool_entry place;
    TAILQ_ENTRY(connection) all, touched_entry;
};

static int64_t now_of(const struct connection *c)
{
    return loop_now(c->set->common.loop);
}

static bool has_replies(const struct connection *c)
{
    return c->session.replies.out.n > 0;
}

static bool may_read(const struct connection *c)
{
    return !c->ended && (c->gone || (!replies_held(&c->session.replies) && !has_replies(c)));
}

static void touch_connection(struct connection *c)
{
    if (c->touched)
        return;
    c->touched = true;
    TAILQ_INSERT_TAIL(&c->set->touched, c, touched_entry);
}

static void untouch_connection(struct connection *c)
{
    if (!c->touched)
        return;
    c->touched = false;
    TAILQ_REMOVE(&c->set->touched, c, touched_entry);
}

/* The next byte, which stays there; as recv(). */
static ssize_t peek(const struct connection *c)
{
    char byte;

    return recv(c->io.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
}

/* --- reading --- */

/* Idle time counts only while it would be read. */
static void watch_reading(struct connection *c)
{
    int64_t now = now_of(c);

    if (!may_read(c)) {
        if (c->paused_since == 0)
            c->paused_since = now;
        return;
    }
    if (c->paused_since != 0)
        session_excuse(&c->session, now - c->paused_since);
    c->paused_since = 0;
}

static ssize_t receive(const struct connection *c, size_t n)
{
    return c->fds_may_come ? fdpass_recv(c->io.fd, c->set->read, n)
                           : recv(c->io.fd, c->set->read, n, MSG_DONTWAIT);
}

/* Reads up to `most` bytes, and takes in what they hold. How many there were. */
static size_t read_piece(struct connection *c, size_t most)
{
    struct quota *q = c->session.quota;
    size_t room = quota_room(q, most, now_of(c));
    ssize_t n;
    int error;

    do
        n = receive(c, room > 0 ? room : 1);
    while (n < 0 && errno == EINTR);
    error = n < 0 ? errno : 0;
    if (error == EAGAIN)
        return 0;
    session_flush(&c->session); /* after a second read in this turn */
    touch_connection(c);
    pool_heard(&c->place, now_of(c));
    if (n > 0 && room > 0) {
        quota_read(q, (size_t)n);
        session_take(&c->session, c->set->read, (size_t)n);
        return (size_t)n;
    }
    c->ended = true;
    if (n > 0) {
        session_over_quota(&c->session);
        return (size_t)n;
    }
    if (error == ECOMM) {
        session_descriptors(&c->session);
    } else {
        c->gone |= error != 0; /* the peer has closed with replies unread */
        session_end(&c->session, "unfinished at the end of the input");
    }
    return 0;
}

static bool on_turn(void *arg, size_t most, size_t *n)
{
    struct connection *c = arg;

    *n = may_read(c) ? read_piece(c, most) : 0;
    if (*n > 0 && *n < most && !c->known && may_read(c)) /* most send once and half-close */
        (void)read_piece(c, most - *n);
    c->known = true;
    return *n == most && may_read(c);
}

static void on_connection(void *arg, uint32_t events)
{
    struct connection *c = arg;

    touch_connection(c);
    if (events & LOOP_HUP)
        c->gone = true; /* what it has sent is still there to be read */
    if ((events & (LOOP_IN | LOOP_HUP)) && may_read(c))
        queue_add(&c->set->queue, &c->turn);
}

/* Whether its peer has closed: no event may have said so. */
static void look_at_peer(struct connection *c)
{
    struct pollfd p = {.fd = c->io.fd};

    c->gone |= poll(&p, 1, 0) > 0 && (p.revents & (POLLHUP | POLLERR));
}

void connections_drain(struct connections *cs, const struct origin *s)
{
    int64_t began = clock_mono();
    struct connection *c;
    size_t sum = 0, n;

    TAILQ_FOREACH (c, &cs->all, all) {
        if (c->session.origin != s)
            continue;
        if (!may_read(c)) /* nobody waits for what it is owed any more */
            look_at_peer(c);
        do {
            if (sum >= DRAIN_MOST || (sum >= DRAIN_LEAST && clock_mono() - began >= DRAIN_NS))
                return;
            n = may_read(c) ? read_piece(c, QUEUE_READ_MOST) : 0;
            sum += n;
        } while (n > 0);
    }
}

/* --- beginning and end --- */

bool connection_new(struct connections *cs, const struct guest *g, struct pool *pool)
{
    struct connection *c = calloc(1, sizeof *c);
    struct loop *l = cs->common.loop;

    if (c == NULL)
        return false;
    c->set = cs;
    c->since = loop_now(l);
    c->place.arg = c;
    if (!pool_enter(pool, room_key(g), &c->place, loop_now(l)) ||
        loop_fd_add(l, &c->io, g->fd, LOOP_IN, on_connection, c) < 0) {
        pool_leave(&c->place);
        free(c);
        return false;
    }
    queue_entry_init(&c->turn, c);
    c->fds_may_come = fdpass_allowed(g->fd);
    session_init(&c->session, &cs->common, g->origin, &g->peer);
    TAILQ_INSERT_HEAD(&cs->all, c, all);
    cs->n++;
    return true;
}

static void free_connection(struct connection *c)
{
    int fd = c->io.fd;

    session_free(&c->session);
    untouch_connection(c);
    queue_remove(&c->set->queue, &c->turn);
    pool_leave(&c->place);
    loop_fd_del(c->set->common.loop, &c->io);
    fdpass_close(&fd);
    TAILQ_REMOVE(&c->set->all, c, all);
    c->set->n--;
    free(c);
}

void connection_close(struct connection *c, const char *why)
{
    origin_closed(c->session.origin, now_of(c), c->session.name, why);
    pool_leave(&c->place);
    if (has_replies(c)) {
        free_connection(c);
        return;
    }
    touch_connection(c);
    replies_note(&c->session.replies, why);
    session_end(&c->session, "unfinished when the connection was closed");
    c->ended = true;
}

/* --- replies --- */

static void send_replies(struct connection *c)
{
    size_t before = c->session.replies.out.n;

    c->gone |= !replies_send(&c->session.replies, c->io.fd);
    if (!has_replies(c))
        c->unread_since = 0;
    else if (c->unread_since == 0 || c->session.replies.out.n < before)
        c->unread_since = now_of(c);
}

/* Each reply goes out whole or not at all. May free it. */
static void settle_connection(struct connection *c)
{
    struct replies *r = &c->session.replies;

    c->asks |= has_replies(c) || replies_held(r);
    c->set->awaited |= c->asks || c->ended || now_of(c) - c->since < STREAMS_AFTER;
    if (replies_lost(r))
        c->gone = c->ended = true;
    if (!c->gone)
        send_replies(c);
    if (c->gone) {
        replies_drop(r);
        c->unread_since = 0;
    }
    watch_reading(c);
    if (c->ended && ((!replies_held(r) && !has_replies(c)) || c->place.owner == NULL))
        free_connection(c);
    else
        loop_fd_mod(c->set->common.loop, &c->io,
                    (may_read(c) ? LOOP_IN : 0U) | (has_replies(c) ? LOOP_OUT : 0U));
}

/* --- what has not happened for a while --- */

static void check_unread(struct connection *c, int64_t now, int64_t idle)
{
    if (now - c->unread_since < idle)
        return;
    send_replies(c), touch_connection(c); /* garnetd itself may have stood still */
    if (c->unread_since == 0 || now - c->unread_since < idle)
        return;
    log_warn("%s: does not read its reply: closed", c->session.name);
    free_connection(c);
}

static void check_unfinished(struct connection *c, int64_t now, int64_t idle)
{
    if (now - c->session.unfinished_since < idle || !may_read(c))
        return;
    if (peek(c) > 0) { /* it is our turn, and may be the rest */
        queue_add(&c->set->queue, &c->turn);
        return;
    }
    touch_connection(c);
    session_expire(&c->session, idle);
}

/* --- whether it wants something --- */

static bool is_quiet(const struct connection *c)
{
    return !c->ended && session_idle(&c->session) && peek(c) < 0 && errno == EAGAIN;
}

bool connection_may_close(void *connection, unsigned *looks)
{
    const struct connection *c = connection;
    bool working = c->touched || c->turn.queued || c->gone || c->ended;
    bool owed = c->session.replies.inflight.sum > 0 ||
                (has_replies(c) && now_of(c) - c->unread_since < NS_PER_S);

    if (working || owed)
        return false;
    ++*looks;
    return has_replies(c) || is_quiet(c);
}

/* --- all of them --- */

void connections_init(struct connections *cs, struct loop *l, intake_commit_fn *commit, void *arg)
{
    session_common_init(&cs->common, l, commit, arg);
    queue_init(&cs->queue, on_turn);
    TAILQ_INIT(&cs->all);
    TAILQ_INIT(&cs->touched);
}

void connections_free(struct connections *cs)
{
    struct connection *c;

    while ((c = TAILQ_FIRST(&cs->all)) != NULL)
        /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): it does not follow the list's aliases */
        free_connection(c);
    session_common_free(&cs->common);
}

void connections_turn(void *set)
{
    struct connections *cs = set;
    struct intake_batch *b = &cs->common.batch;
    struct connection *c;
    int64_t until;

    queue_run(&cs->queue);
    until = rest_until(&cs->rest, b->all - cs->taken, b->all_bytes - cs->taken_bytes,
                       loop_now(cs->common.loop));
    cs->taken = b->all;
    cs->taken_bytes = b->all_bytes;
    intake_batch_commit(b);
    while ((c = TAILQ_FIRST(&cs->touched)) != NULL) {
        /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): it does not follow the list's aliases */
        untouch_connection(c);
        settle_connection(c);
    }
    if (!cs->awaited && b->ticket == 0)
        loop_rest(cs->common.loop, until);
    cs->awaited = false;
}

void connections_known(struct connections *cs, uint64_t ticket, const char *why)
{
    struct connection *c;

    if (ticket >= cs->common.batch.ticket)
        cs->common.batch.ticket = 0;
    TAILQ_FOREACH (c, &cs->all, all) {
        struct replies *r = &c->session.replies;
        size_t before = r->out.n;

        if (!replies_known(r, ticket, why))
            continue;
        if (why != NULL || (r->out.n > before && c->paused_since != 0)) /* it had to wait */
            origin_withhold(c->session.origin, now_of(c));
        touch_connection(c);
    }
}

void connections_check_idle(struct connections *cs)
{
    int64_t now = loop_now(cs->common.loop), idle = cs->common.limits.idle;
    struct connection *c, *next;

    for (c = TAILQ_FIRST(&cs->all); c != NULL; c = next) {
        next = TAILQ_NEXT(c, all);
        if (c->unread_since != 0)
            check_unread(c, now, idle);
        else if (c->session.unfinished_since != 0)
            check_unfinished(c, now, idle);
    }
}

unsigned connections_busy(const struct connections *cs)
{
    const struct connection *c;
    unsigned n = 0;

    TAILQ_FOREACH (c, &cs->all, all)
        n += !is_quiet(c);
    return n;
}

/* Who sends without a pause always has something unread, and is not kept waiting for that. */
bool connections_kept_waiting(const struct connections *cs, const struct origin *s)
{
    const struct connection *c;

    TAILQ_FOREACH (c, &cs->all, all)
        if (c->session.origin == s &&
            (replies_held(&c->session.replies) ||
             (may_read(c) && peek(c) > 0 && now_of(c) - c->place.heard_at >= NS_PER_S)))
            return true;
    return false;
}
