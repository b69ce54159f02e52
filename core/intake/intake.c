/* intake/intake.c - the sockets put together: sources, who connects to them, the turn's batch
 *
 * A turn of the loop gathers the records of all clients in one batch; the hook after the turn has
 * it written, settles who gets which reply, and closes who is done.
 *
 * ACCEPTS connections are accepted in a turn. One descriptor is held in reserve: when there is no
 * other, it is given up for as long as it takes to accept a client and refuse it; without it the
 * client would wait without a word, and its socket stay readable. Where even that does not help
 * (no memory), nobody is listened to for a second, and clients wait in the backlog.
 */
#include "intake/intake.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/fdpass.h"
#include "base/log.h"
#include "intake/connection.h"

enum { ACCEPTS = 64 /* a turn */, LOOKS = 4 /* for idle clients, in one idle limit */ };

struct source {
    struct intake *in;
    struct origin *origin;
    struct loop_fd io;
    LIST_ENTRY(source) sources;
};

struct intake {
    struct loop *loop;
    struct connections connections;
    struct room room;
    LIST_HEAD(, source) sources;
    int reserve;              /* a descriptor to give up, so that one too many can be refused */
    struct loop_timer pause;  /* not even that: listening again when it fires */
    struct ratelimit starved; /* what the log says of those refused for want of means */
    struct loop_hook hook;
    struct loop_timer idle; /* while there are clients */
    struct intake_part own; /* Garnet's own metrics */
    struct inflight own_inflight;
    struct intake_counts counts;
};

/* --- the turn --- */

static void on_idle_check(void *arg);

static void check_idle_later(struct intake *in)
{
    int64_t idle = in->connections.common.limits.idle;

    if (!in->idle.armed)
        loop_timer_set(in->loop, &in->idle, loop_now(in->loop) + idle / LOOKS + 1, on_idle_check,
                       in);
}

static void on_idle_check(void *arg)
{
    struct intake *in = arg;

    connections_check_idle(&in->connections);
    if (in->connections.n > 0)
        check_idle_later(in);
}

void intake_known(struct intake *in, uint64_t ticket, const char *why)
{
    uint64_t own = inflight_settle(&in->own_inflight, ticket);
    struct source *s;

    in->counts.own_rejected += why != NULL ? own : 0;
    connections_known(&in->connections, ticket, why);
    LIST_FOREACH (s, &in->sources, sources)
        origin_known(s->origin, ticket, why == NULL);
}

/* --- Garnet's own metrics --- */

static void on_own_settled(void *arg, uint32_t metrics, const struct intake_fate *fate)
{
    struct intake *in = arg;

    if (fate->why != NULL)
        in->counts.own_rejected += metrics;
    else if (fate->ticket > 0)
        inflight_add(&in->own_inflight, fate->ticket, metrics);
}

void intake_own(struct intake *in, const struct metric *m)
{
    struct session_common *common = &in->connections.common;

    if (intake_batch_put(&common->batch, &in->own, m) > 0) {
        names_saw(&common->names, m, loop_now(in->loop));
        return;
    }
    log_error("no memory for Garnet's own metric");
    in->counts.own_rejected++;
}

/* --- refusing --- */

static void count_refused(struct source *s, struct ratelimit *starved, const char *why)
{
    s->in->counts.refused++;
    origin_refused(s->origin, loop_now(s->in->loop), starved, why);
}

/* `starved` is NULL when it is not for want of means. */
static void refuse_connection(struct source *s, int fd, struct ratelimit *starved, const char *why)
{
    char line[WHY_SIZE + 64];
    int n = snprintf(line, sizeof line,
                     "{\"accepted\":0,\"rejected\":0,\"errors\":[{\"error\":\"%s\"}]}\n", why);

    count_refused(s, starved, why);
    /* If it fits: a fresh socket is empty. */
    (void)send(fd, line, (size_t)n, MSG_DONTWAIT | MSG_NOSIGNAL);
    fdpass_close(&fd);
}

/* --- without descriptors --- */

static void fill_reserve(struct intake *in)
{
    if (in->reserve < 0)
        in->reserve = eventfd(0, EFD_CLOEXEC);
}

static void watch_all(struct intake *in, uint32_t events)
{
    struct source *s;

    LIST_FOREACH (s, &in->sources, sources)
        loop_fd_mod(in->loop, &s->io, events);
}

static void listen_again(void *arg)
{
    struct intake *in = arg;

    fill_reserve(in);
    watch_all(in, LOOP_IN);
}

static void pause_listening(struct source *s, int error)
{
    struct intake *in = s->in;

    count_refused(s, &in->starved, strerror(error));
    watch_all(in, 0);
    loop_timer_set(in->loop, &in->pause, loop_now(in->loop) + NS_PER_S, listen_again, in);
}

static int accept_one(const struct source *s)
{
    return accept4(s->io.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

/* False: there was nobody after all. */
static bool refuse_by_reserve(struct source *s, int error)
{
    struct intake *in = s->in;
    bool had = in->reserve >= 0;
    int fd = -1;

    fd_close(&in->reserve);
    if (had)
        fd = accept_one(s);
    if (fd >= 0)
        refuse_connection(s, fd, &in->starved, "no descriptors left: try again later");
    else if (!had || errno != EAGAIN)
        pause_listening(s, error);
    fill_reserve(in);
    return fd >= 0;
}

/* --- accepting --- */

static void take_connection(struct source *s, int fd)
{
    struct intake *in = s->in;
    struct guest g = {.origin = s->origin, .fd = fd, .peer.uid = (uid_t)-1};
    socklen_t n = sizeof g.peer;
    struct pool_entry *silent;
    struct why why;
    struct pool *p;

    (void)getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &g.peer, &n);
    p = room_for(&in->room, &g, &silent, &why);
    if (p == NULL) {
        refuse_connection(s, fd, NULL, why.text);
        return;
    }
    if (silent != NULL) {
        in->counts.gave_way++;
        connection_close(silent->arg, why.text);
    }
    if (connection_new(&in->connections, &g, p))
        check_idle_later(in);
    else
        refuse_connection(s, fd, &in->starved, "no memory: try again later");
}

static void accept_some(struct source *s, unsigned most)
{
    while (most-- > 0 && !s->in->pause.armed) {
        int fd = accept_one(s);

        if (fd >= 0)
            take_connection(s, fd);
        else if (errno == EAGAIN)
            return;
        else if (errno == EMFILE || errno == ENFILE) {
            if (!refuse_by_reserve(s, errno))
                return;
        } else if (errno != EINTR && errno != ECONNABORTED)
            pause_listening(s, errno);
    }
}

void source_accept(struct source *s)
{
    struct intake *in = s->in;

    if (in->pause.armed) { /* it is cut short */
        loop_timer_clear(in->loop, &in->pause);
        listen_again(in);
    }
    accept_some(s, SOCKET_BACKLOG + 1); /* the kernel takes one more than it was told */
}

static void on_listener(void *arg, uint32_t events)
{
    (void)events;
    accept_some(arg, ACCEPTS);
}

static bool somebody_waits(const struct source *s)
{
    struct pollfd p = {.fd = s->io.fd, .events = POLLIN};

    return poll(&p, 1, 0) > 0;
}

/* --- sources --- */

static bool listen_to(struct source *s, const struct socket_config *c, struct why *why)
{
    struct intake *in = s->in;
    int fd = socket_listen(c, why);

    if (fd < 0)
        return false;
    if (loop_fd_add(in->loop, &s->io, fd, in->pause.armed ? 0 : LOOP_IN, on_listener, s) == 0)
        return true;
    why_set(why, "cannot watch %s: %m", c->path);
    socket_remove(c->path, c->own_groups);
    fd_close(&fd);
    return false;
}

struct source *source_open(struct intake *in, const struct source_config *c, struct why *why)
{
    struct source *s = calloc(1, sizeof *s);

    if (s == NULL || (s->origin = origin_new(c, loop_now(in->loop))) == NULL) {
        why_set(why, "%s: no memory, or more than %d tags", c->socket.path, METRIC_MAX_TAGS);
        free(s);
        return NULL;
    }
    s->in = in;
    if (!listen_to(s, &c->socket, why)) {
        origin_unuse(s->origin);
        free(s);
        return NULL;
    }
    LIST_INSERT_HEAD(&in->sources, s, sources);
    in->room.sockets++;
    return s;
}

void source_close(struct source *s)
{
    int fd = s->io.fd;

    /* nobody else comes, and who has come is not lost */
    socket_remove(s->origin->set.path, s->origin->set.own_groups);
    source_accept(s);
    loop_fd_del(s->in->loop, &s->io);
    fd_close(&fd);
    origin_close(s->origin);
    LIST_REMOVE(s, sources);
    s->in->room.sockets--;
    free(s);
}

bool source_update(struct source *s, const struct source_config *c)
{
    return origin_update(s->origin, c);
}

void source_run(struct source *s, int64_t slot_ns)
{
    origin_run(s->origin, slot_ns, loop_now(s->in->loop));
}

void source_run_end(struct source *s, uint64_t *accepted, uint64_t *rejected)
{
    source_accept(s);
    connections_drain(&s->in->connections, s->origin);
    intake_batch_commit(&s->in->connections.common.batch);
    origin_run_end(s->origin, loop_now(s->in->loop), accepted, rejected);
}

int64_t source_withheld(const struct source *s)
{
    bool now = somebody_waits(s) || connections_kept_waiting(&s->in->connections, s->origin);

    return now ? loop_now(s->in->loop) : s->origin->withheld_until;
}

/* --- what others ask --- */

const struct origin_counts *source_counts(const struct source *s)
{
    return &s->origin->counts;
}

const struct remark *source_fault(const struct source *s)
{
    return &s->origin->fault;
}

const struct rejections *source_rejections(const struct source *s)
{
    return &s->origin->rejections;
}

const struct names *intake_names(const struct intake *in)
{
    return &in->connections.common.names;
}

const struct intake_counts *intake_counts(const struct intake *in)
{
    return &in->counts;
}

unsigned intake_connections(const struct intake *in)
{
    return in->connections.n;
}

unsigned intake_busy(const struct intake *in)
{
    return connections_busy(&in->connections);
}

bool intake_quiet(const struct intake *in)
{
    return in->connections.common.batch.count == 0 && intake_busy(in) == 0;
}

/* --- beginning and end --- */

void intake_limits(struct intake *in, const struct conf_intake *limits)
{
    struct session_common *common = &in->connections.common;

    common->limits = *limits;
    common->metric_limits = (struct metric_limits){
        .max_name = (uint32_t)limits->max_name,
        .max_tags = (uint32_t)limits->max_tags,
        .max_tag = METRIC_TAG_LENGTH,
    };
}

struct intake *intake_new(struct loop *l, const struct conf_intake *limits,
                          intake_commit_fn *commit, void *arg)
{
    struct intake *in = calloc(1, sizeof *in);

    if (in == NULL)
        return NULL;
    in->loop = l;
    connections_init(&in->connections, l, commit, arg);
    in->counts.users = in->connections.common.users.refused;
    in->room = (struct room){
        .loop = l, .limits = &in->connections.common.limits, .may_close = connection_may_close};
    in->own = (struct intake_part){.settled = on_own_settled, .arg = in};
    LIST_INIT(&in->sources);
    in->reserve = -1;
    fill_reserve(in); /* without it all works but the refusal for want of one */
    intake_limits(in, limits);
    loop_after(l, &in->hook, connections_turn, &in->connections);
    return in;
}

void intake_free(struct intake *in)
{
    if (in == NULL)
        return;
    connections_turn(&in->connections);
    loop_after_del(in->loop, &in->hook);
    connections_free(&in->connections);
    loop_timer_clear(in->loop, &in->pause);
    fd_close(&in->reserve);
    loop_timer_clear(in->loop, &in->idle);
    inflight_free(&in->own_inflight);
    free(in);
}
