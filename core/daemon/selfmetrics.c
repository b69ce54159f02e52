/* Garnet's own metrics: down the same road as everybody's, stamped with the slot of their grid.
 *
 * Counters count since garnetd's start, but for a sink's confirmed and dropped, which its cursor
 * keeps over restarts. For every sink, at any time: accepted since its creation = confirmed +
 * queued + sum of dropped.
 */
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/daemon.h"
#include "spool/cursor.h"

struct stamp { /* what all metrics of one round share */
    struct daemon *d;
    int64_t time, interval;
};

static struct metric scratch; /* large, and used by one round at a time */

static void tag(const char *key, const char *val)
{
    if (val)
        metric_tag(scratch.tags, &scratch.ntags, str_of(key), str_of(val), false);
}

static void begin(const struct stamp *at, const char *name, const char *unit, unsigned type)
{
    scratch.type = (uint8_t)type;
    scratch.flags = METRIC_TIME_ASSIGNED;
    scratch.ntags = scratch.nmeta = 0;
    scratch.time_ns = at->time;
    scratch.interval_ns = at->interval;
    scratch.name = str_of(name);
    scratch.unit = str_of(unit);
    scratch.collector = scratch.prefix = (struct str){0};
    const struct pairs *tags = &at->d->gen->conf->tags;
    for (size_t i = 0; i < tags->n; i++)
        tag(tags->v[i].key, tags->v[i].val);
}

static void count(const struct stamp *at, uint64_t v)
{
    bool small = v <= INT64_MAX;
    scratch.vtype = small ? METRIC_I64 : METRIC_U64;
    scratch.value.u = v;
    intake_own(at->d->intake, &scratch);
}

static void counter(const struct stamp *at, const char *name, const char *key, const char *val,
                    uint64_t v)
{
    begin(at, name, "Metric", METRIC_COUNTER);
    tag(key, val);
    count(at, v);
}

static void of_member(const struct stamp *at, const struct member *m)
{
    const char *name = m->conf->name;
    struct collector_stats st;
    collector_stats(m->run, &st);
    begin(at, "garnet.collector.runs", "Run", METRIC_COUNTER);
    tag("collector", name);
    count(at, st.sched->runs);
    begin(at, "garnet.collector.failures", "Run", METRIC_COUNTER);
    tag("collector", name);
    count(at, st.failures);
    for (unsigned i = 0; i < MISS_REASONS; i++) {
        begin(at, "garnet.collector.missed", "Run", METRIC_COUNTER);
        tag("collector", name);
        tag("reason", sched_miss_name(i));
        count(at, st.sched->missed[i]);
    }
    begin(at, "garnet.collector.duration", "s", METRIC_GAUGE);
    tag("collector", name);
    scratch.vtype = METRIC_F64;
    scratch.value.f = (double)st.last_duration_ns / 1e9;
    intake_own(at->d->intake, &scratch);
    counter(at, "garnet.collector.accepted", "collector", name, m->source->accepted);
    counter(at, "garnet.collector.rejected", "collector", name, m->source->rejected);
}

static void of_drain(const struct stamp *at, const struct drain *o)
{
    struct cursor_state st;
    const struct append *spool = at->d->spool;
    if (cursor_read(append_dirfd(spool), o->conf->name, &st) != 0)
        return;
    uint64_t dropped = 0;
    for (unsigned i = 0; drop_reason_name(i); i++) {
        begin(at, "garnet.sink.dropped", "Metric", METRIC_COUNTER);
        tag("sink", o->conf->name);
        tag("reason", drop_reason_name(i));
        count(at, st.dropped[i]);
        dropped += st.dropped[i];
    }
    counter(at, "garnet.sink.confirmed", "sink", o->conf->name, st.position - st.start - dropped);
    begin(at, "garnet.sink.queued", "Metric", METRIC_GAUGE);
    tag("sink", o->conf->name);
    count(at, append_next_seq(spool) > st.position ? append_next_seq(spool) - st.position : 0);
    begin(at, "garnet.sink.restarts", "Event", METRIC_COUNTER);
    tag("sink", o->conf->name);
    count(at, o->worker ? worker_restarts(o->worker) : 0);
}

static void round_of_metrics(const struct stamp *at)
{
    const struct daemon *d = at->d;
    for (const struct member *m = d->members; m; m = m->next) {
        if (m->run && m->source)
            of_member(at, m);
    }
    for (const struct drain *o = d->drains; o; o = o->next)
        of_drain(at, o);
    counter(at, "garnet.intake.accepted", "source", "shared", d->shared->accepted);
    counter(at, "garnet.intake.rejected", "source", "shared", d->shared->rejected);
    begin(at, "garnet.intake.connections", "Conn", METRIC_GAUGE);
    count(at, intake_connections(d->intake));
    begin(at, "garnet.intake.connections_refused", "Conn", METRIC_COUNTER);
    count(at, intake_refused_connections(d->intake));
    begin(at, "garnet.spool.size", "B", METRIC_GAUGE);
    count(at, append_bytes(d->spool));
    begin(at, "garnet.log.dropped", "Event", METRIC_COUNTER);
    count(at, log_dropped());
    begin(at, "garnet.reload.failures", "Event", METRIC_COUNTER);
    count(at, d->reload_failures);
}

static void due(void *arg)
{
    struct daemon *d = arg;
    int64_t interval = d->gen->conf->self_metrics, wall = clock_wall();
    if (interval > 0) {
        struct stamp at = {d, wall - wall % interval, interval};
        round_of_metrics(&at);
    }
    selfmetrics_start(d);
}

/* On the wall clock's grid like a collector; looks again after a second when they are switched
 * off. */
void selfmetrics_start(struct daemon *d)
{
    int64_t interval = d->gen->conf->self_metrics;
    int64_t step = interval > 0 ? interval : NS_PER_S;
    int64_t wait = step - clock_wall() % step;
    if (wait < step / 2 && d->self_timer.at > clock_mono() - step / 2)
        wait += step; /* the clock was stepped back a little: not the same slot twice */
    loop_timer_set(d->loop, &d->self_timer, clock_mono() + wait, due, d);
}
