/* intake/intake.c - the sockets put together: sources, their connections, the turn's batch
 *
 * A turn of the loop gathers the records of all clients in one batch; the hook after the turn has
 * it written, settles who gets which reply, and closes who is done. Opening a source fails with a
 * sentence and leaves nothing behind.
 */
#include "intake/intake.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/why.h"
#include "intake/connection.h"
#include "intake/inflight.h"
#include "intake/listener.h"
#include "intake/room.h"

enum { LOOKS = 4 /* for idle clients, in one idle limit */ };

struct source {
    struct intake *in;
    struct listener listener;
    struct origin *origin;
    LIST_ENTRY(source) sources;
};

struct intake {
    struct loop *loop;
    struct conf_intake limits;
    struct metric_limits metric_limits;
    struct intake_batch batch;
    struct connections connections;
    struct room room;
    struct listeners listeners;
    LIST_HEAD(, source) sources;
    struct loop_hook hook;
    struct loop_timer idle; /* while there are clients */
    struct intake_part own; /* Garnet's own metrics */
    uint64_t own_rejected;
    struct inflight own_inflight;
};

/* --- the turn --- */

static void on_turn_end(void *arg)
{
    struct intake *in = arg;

    connections_turn(&in->connections);
}

static void fate_known(struct intake *in, uint64_t ticket, const char *why)
{
    uint64_t own = inflight_settle(&in->own_inflight, ticket);
    struct source *s;

    in->own_rejected += why != NULL ? own : 0;
    connections_known(&in->connections, ticket, why);
    LIST_FOREACH (s, &in->sources, sources)
        origin_known(s->origin, ticket, why == NULL);
}

void intake_safe(struct intake *in, uint64_t ticket)
{
    fate_known(in, ticket, NULL);
}

void intake_unsafe(struct intake *in, uint64_t ticket, const char *why)
{
    fate_known(in, ticket, why);
}

/* --- Garnet's own metrics --- */

static void on_own_settled(void *arg, uint32_t metrics, const struct intake_fate *fate)
{
    struct intake *in = arg;

    if (fate->why != NULL)
        in->own_rejected += metrics;
    else if (fate->later)
        inflight_add(&in->own_inflight, fate->ticket, metrics);
}

void intake_own(struct intake *in, const struct metric *m)
{
    if (intake_batch_put(&in->batch, &in->own, m) > 0)
        return;
    log_error("no memory for Garnet's own metric");
    in->own_rejected++;
}

uint64_t intake_own_rejected(const struct intake *in)
{
    return in->own_rejected;
}

/* --- connections --- */

static void check_idle_later(struct intake *in);

static void on_idle_check(void *arg)
{
    struct intake *in = arg;

    connections_check_idle(&in->connections);
    if (in->connections.n > 0)
        check_idle_later(in);
}

static void check_idle_later(struct intake *in)
{
    if (!in->idle.armed)
        loop_timer_set(in->loop, &in->idle, loop_now(in->loop) + in->limits.idle / LOOKS + 1,
                       on_idle_check, in);
}

static enum listener_answer on_accepted(void *arg, int fd, const struct ucred *peer,
                                        struct why *why)
{
    struct source *s = arg;
    struct intake *in = s->in;
    struct pool *p = room_for(&in->room, s->origin, peer->uid, fd, in->listeners.n, why);

    if (p == NULL)
        return LISTENER_REFUSED;
    if (!connection_new(&in->connections, s->origin, p, room_key(s->origin, peer->uid), fd, peer))
        return LISTENER_NO_MEMORY;
    check_idle_later(in);
    return LISTENER_TAKEN;
}

unsigned intake_busy(const struct intake *in)
{
    return connections_busy(&in->connections);
}

bool intake_quiet(const struct intake *in)
{
    return in->batch.count == 0 && intake_busy(in) == 0;
}

unsigned intake_connections(const struct intake *in)
{
    return in->connections.n;
}

uint64_t intake_refused_connections(const struct intake *in)
{
    return in->listeners.refused;
}

uint64_t intake_gave_way(const struct intake *in)
{
    return in->room.gave_way;
}

/* --- sources --- */

struct source *source_open(struct intake *in, const struct source_config *c, struct why *why)
{
    struct source *s = calloc(1, sizeof *s);
    struct origin *origin = s != NULL ? origin_new(c, loop_now(in->loop)) : NULL;

    if (origin == NULL) {
        why_set(why, "%s: no memory, or more than %d tags", c->path, METRIC_MAX_TAGS);
        free(s);
        return NULL;
    }
    s->in = in;
    s->origin = origin;
    if (!listener_open(&s->listener, &in->listeners, origin, c, on_accepted, s, why)) {
        origin_unuse(origin);
        free(s);
        return NULL;
    }
    LIST_INSERT_HEAD(&in->sources, s, sources);
    return s;
}

void source_close(struct source *s)
{
    listener_close(&s->listener);
    origin_close(s->origin);
    origin_unuse(s->origin);
    LIST_REMOVE(s, sources);
    free(s);
}

bool source_update(struct source *s, const struct source_config *c)
{
    return origin_update(s->origin, c);
}

void source_accept(struct source *s)
{
    listener_accept(&s->listener);
}

void source_run(struct source *s, int64_t slot_ns)
{
    origin_run(s->origin, slot_ns, loop_now(s->in->loop));
}

void source_run_end(struct source *s, uint64_t *accepted, uint64_t *rejected)
{
    source_accept(s);
    connections_drain(&s->in->connections, s->origin);
    intake_batch_commit(&s->in->batch);
    origin_run_end(s->origin, loop_now(s->in->loop), accepted, rejected);
}

int64_t source_withheld(const struct source *s)
{
    bool now =
        listener_awaited(&s->listener) || connections_kept_waiting(&s->in->connections, s->origin);

    return now ? loop_now(s->in->loop) : origin_withheld(s->origin);
}

const struct origin_counts *source_counts(const struct source *s)
{
    return origin_counts(s->origin);
}

const struct quota_refused *source_limited(const struct source *s)
{
    return &origin_quota(s->origin)->refused;
}

uint64_t source_refused_connections(const struct source *s)
{
    return s->listener.refused;
}

/* --- beginning and end --- */

void intake_limits(struct intake *in, const struct conf_intake *limits)
{
    in->limits = *limits;
    in->metric_limits = (struct metric_limits){
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
    in->connections = (struct connections){
        .loop = l, .limits = &in->limits, .metric_limits = &in->metric_limits, .batch = &in->batch};
    if (!connections_init(&in->connections)) {
        free(in);
        return NULL;
    }
    in->loop = l;
    in->room = (struct room){.loop = l, .limits = &in->limits};
    in->own = (struct intake_part){.settled = on_own_settled, .arg = in};
    LIST_INIT(&in->sources);
    intake_batch_init(&in->batch, commit, arg);
    listeners_init(&in->listeners, l);
    intake_limits(in, limits);
    loop_after(l, &in->hook, on_turn_end, in);
    return in;
}

void intake_free(struct intake *in)
{
    if (in == NULL)
        return;
    on_turn_end(in);
    loop_after_del(in->loop, &in->hook);
    connections_free(&in->connections);
    listeners_free(&in->listeners);
    loop_timer_clear(in->loop, &in->idle);
    intake_batch_free(&in->batch);
    inflight_free(&in->own_inflight);
    free(in);
}
