/* intake/connection.c - one connection: its socket, when it is read, its end
 *
 * What it says and is told is intake/session.c's; when it is its turn, intake/queue.c's. A client
 * that closed without waiting is read to its end and logged. A peer that goes away in the middle of
 * its reply is forgotten. Nothing here ends the daemon.
 */
#include "intake/connection.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/fdpass.h"
#include "base/log.h"
#include "base/number.h"
#include "intake/session.h"

/* What a run's end may take beyond the turn: bytes at most, and time once so much is in. */
enum { DRAIN_MOST = 4 << 20, DRAIN_LEAST = 256 << 10 };
static const int64_t DRAIN_NS = 20 * NS_PER_MS;

struct connection {
    struct connections *set;
    struct origin *origin;
    struct session session;
    struct loop_fd io; /* owns the descriptor */
    char name[96];     /* for the log */
    bool ended;        /* nothing more will come */
    bool gone;         /* the peer has closed: nobody reads an answer */
    bool touched;
    bool fds_may_come;    /* base/fdpass.h */
    int64_t unread_since; /* replies were last all sent, or got shorter; 0: all are sent */
    int64_t paused_since; /* it is not read, for what it is owed; 0: it is */
    struct queue_entry turn;
    struct pool_entry place;
    TAILQ_ENTRY(connection) all, touched_entry;
};

static int64_t now_of(const struct connection *c)
{
    return loop_now(c->set->loop);
}

static bool has_replies(const struct connection *c)
{
    return replies_unsent(&c->session.replies) > 0;
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

static void end_input(struct connection *c, const char *why)
{
    session_end(&c->session, why);
    c->ended = true;
}

/* It has sent all that it may, and there is more. */
static void cut_off(struct connection *c)
{
    struct metric_fault f;

    quota_over(origin_quota(c->origin), &f);
    session_reject(&c->session, 1, &f);
    end_input(c, "unfinished when the limit was reached");
}

static void refuse_descriptors(struct connection *c)
{
    struct metric_fault f = {
        .why = {"descriptors were passed along with what comes here: not read"}};

    session_reject(&c->session, 1, &f);
    end_input(c, "unfinished where descriptors were passed along");
}

static ssize_t receive(const struct connection *c, size_t n)
{
    return c->fds_may_come ? fdpass_recv(c->io.fd, c->set->read, n)
                           : recv(c->io.fd, c->set->read, n, MSG_DONTWAIT);
}

/* Reads up to `most` bytes, and takes in what they hold. How many there were. */
static size_t read_piece(struct connection *c, size_t most)
{
    struct quota *q = origin_quota(c->origin);
    size_t room = quota_room(q, most, now_of(c));
    ssize_t n;

    do
        n = receive(c, room > 0 ? room : 1);
    while (n < 0 && errno == EINTR);
    if (n < 0 && errno == EAGAIN)
        return 0;
    session_flush(&c->session); /* after a second read in this turn */
    touch_connection(c);
    pool_heard(&c->place, now_of(c));
    if (n > 0 && room == 0) {
        cut_off(c);
    } else if (n > 0) {
        quota_read(q, (size_t)n);
        session_take(&c->session, c->set->read, (size_t)n);
    } else if (n < 0 && errno == ECOMM) {
        refuse_descriptors(c);
    } else {
        c->gone |= n < 0; /* the peer has closed with replies unread */
        end_input(c, "unfinished at the end of the input");
    }
    return n > 0 ? (size_t)n : 0;
}

static bool on_turn(void *arg, size_t most, size_t *n)
{
    struct connection *c = arg;

    *n = may_read(c) ? read_piece(c, most) : 0;
    if (*n > 0 && *n < most && may_read(c)) /* most send once and half-close */
        (void)read_piece(c, most - *n);
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
        if (c->origin != s)
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

static void name_connection(struct connection *c, const struct ucred *peer)
{
    if (origin_collector(c->origin) != NULL)
        (void)snprintf(c->name, sizeof c->name, "collector %s", origin_collector(c->origin));
    else
        (void)snprintf(c->name, sizeof c->name, "pid %ld uid %lu", (long)peer->pid,
                       (unsigned long)peer->uid);
}

bool connection_new(struct connections *cs, struct origin *s, struct pool *pool, uintptr_t key,
                    int fd, const struct ucred *peer)
{
    struct connection *c = calloc(1, sizeof *c);

    if (c == NULL)
        return false;
    c->set = cs;
    c->origin = s;
    c->place.arg = c;
    if (!pool_enter(pool, key, &c->place, loop_now(cs->loop)) ||
        loop_fd_add(cs->loop, &c->io, fd, LOOP_IN, on_connection, c) < 0) {
        pool_leave(&c->place);
        free(c);
        return false;
    }
    queue_entry_init(&c->turn, c);
    c->fds_may_come = fdpass_allowed(fd);
    name_connection(c, peer);
    session_init(&c->session, &(struct session_setup){.origin = s,
                                                      .loop = cs->loop,
                                                      .limits = cs->metric_limits,
                                                      .batch = cs->batch,
                                                      .name = c->name,
                                                      .max_depth = (uint32_t)cs->limits->max_depth,
                                                      .max_value = (size_t)cs->limits->max_value});
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
    loop_fd_del(c->set->loop, &c->io);
    fdpass_close(&fd);
    TAILQ_REMOVE(&c->set->all, c, all);
    c->set->n--;
    free(c);
}

void connection_close(struct connection *c, const char *why)
{
    pool_leave(&c->place);
    if (has_replies(c)) {
        free_connection(c);
        return;
    }
    touch_connection(c);
    replies_note(&c->session.replies, why);
    end_input(c, "unfinished when the connection was closed");
}

struct origin *connection_origin(const struct connection *c)
{
    return c->origin;
}

const char *connection_name(const struct connection *c)
{
    return c->name;
}

/* --- replies --- */

static void send_replies(struct connection *c)
{
    struct replies *r = &c->session.replies;
    size_t before = replies_unsent(r);

    c->gone |= !replies_send(r, c->io.fd);
    if (replies_unsent(r) == 0)
        c->unread_since = 0;
    else if (c->unread_since == 0 || replies_unsent(r) < before)
        c->unread_since = now_of(c);
}

/* Each reply goes out whole or not at all. May free it. */
static void settle_connection(struct connection *c)
{
    struct replies *r = &c->session.replies;

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
        loop_fd_mod(c->set->loop, &c->io,
                    (may_read(c) ? LOOP_IN : 0U) | (has_replies(c) ? LOOP_OUT : 0U));
}

static void connection_known(struct connection *c, uint64_t ticket, const char *why)
{
    size_t before = replies_unsent(&c->session.replies);

    if (!session_known(&c->session, ticket, why))
        return;
    if (replies_unsent(&c->session.replies) > before &&
        c->paused_since != 0) /* not of this turn: it had to wait */
        origin_withhold(c->origin, now_of(c));
    touch_connection(c);
}

/* --- what has not happened for a while --- */

static void check_unread(struct connection *c, int64_t now, int64_t idle)
{
    if (now - c->unread_since < idle)
        return;
    send_replies(c), touch_connection(c); /* garnetd itself may have stood still */
    if (c->unread_since == 0 || now - c->unread_since < idle)
        return;
    log_warn("%s: does not read its reply: closed", c->name);
    free_connection(c);
}

static void check_unfinished(struct connection *c, int64_t now, int64_t idle)
{
    struct buf why = {0};

    if (now - session_unfinished_since(&c->session) < idle || !may_read(c))
        return;
    if (peek(c) > 0) { /* it is our turn, and may be the rest */
        queue_add(&c->set->queue, &c->turn);
        return;
    }
    buf_puts(&why, "unfinished for ");
    units_put_duration(&why, idle);
    buf_putc(&why, 0);
    touch_connection(c);
    session_cut(&c->session, buf_ok(&why) ? why.p : "unfinished for too long");
    buf_free(&why);
}

int64_t connection_silence(const struct connection *c)
{
    return now_of(c) - c->place.heard_at;
}

bool connection_busy(const struct connection *c)
{
    if (c->touched || c->turn.queued || c->gone || c->ended || c->session.replies.inflight.sum > 0)
        return true;
    return has_replies(c) && now_of(c) - c->unread_since < NS_PER_S;
}

static bool is_quiet(const struct connection *c)
{
    return !c->ended && session_idle(&c->session) && peek(c) < 0 && errno == EAGAIN;
}

bool connection_idle(const struct connection *c)
{
    return has_replies(c) || is_quiet(c);
}

/* Who sends without a pause always has something unread, and is not kept waiting for that. */
static bool is_kept_waiting(const struct connection *c)
{
    return replies_held(&c->session.replies) ||
           (may_read(c) && peek(c) > 0 && connection_silence(c) >= NS_PER_S);
}

/* --- all of them --- */

bool connections_init(struct connections *cs)
{
    queue_init(&cs->queue, on_turn);
    TAILQ_INIT(&cs->all);
    TAILQ_INIT(&cs->touched);
    cs->n = 0;
    cs->read = malloc(QUEUE_READ_MOST);
    return cs->read != NULL;
}

void connections_free(struct connections *cs)
{
    struct connection *c;

    while ((c = TAILQ_FIRST(&cs->all)) != NULL)
        /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): it does not follow the list's aliases */
        free_connection(c);
    free(cs->read);
}

void connections_turn(struct connections *cs)
{
    struct connection *c;

    queue_run(&cs->queue);
    intake_batch_commit(cs->batch);
    while ((c = TAILQ_FIRST(&cs->touched)) != NULL) {
        /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): it does not follow the list's aliases */
        untouch_connection(c);
        settle_connection(c);
    }
}

void connections_known(struct connections *cs, uint64_t ticket, const char *why)
{
    struct connection *c;

    TAILQ_FOREACH (c, &cs->all, all)
        connection_known(c, ticket, why);
}

void connections_check_idle(struct connections *cs)
{
    int64_t now = loop_now(cs->loop), idle = cs->limits->idle;
    struct connection *c, *next;

    for (c = TAILQ_FIRST(&cs->all); c != NULL; c = next) {
        next = TAILQ_NEXT(c, all);
        if (c->unread_since != 0)
            check_unread(c, now, idle);
        else if (session_unfinished_since(&c->session) != 0)
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

bool connections_kept_waiting(const struct connections *cs, const struct origin *s)
{
    const struct connection *c;

    TAILQ_FOREACH (c, &cs->all, all)
        if (c->origin == s && is_kept_waiting(c))
            return true;
    return false;
}
