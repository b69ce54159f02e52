/* Garnet's own metrics: down the same road as everybody's, stamped with the slot of their grid;
 * what is known of one run, with that run's.
 *
 * Counters count since garnetd's start, but for a sink's confirmed and dropped, which its cursor
 * keeps over restarts. For every sink, at any time: accepted since its creation = confirmed +
 * queued + sum of dropped.
 */
#include <string.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/daemon.h"
#include "spool/cursor.h"

struct stamp { /* what all metrics of one round share */
    struct daemon *d;
    int64_t time, interval;
};

static struct metric scratch; /* large, and used by one round at a time */

/* Of the metric itself: it wins over a configured one, or the series would be one. */
static void tag(const char *key, const char *val)
{
    if (val)
        metric_tag(scratch.tags, &scratch.ntags, str_of(key), str_of(val), true);
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
        metric_tag(scratch.tags, &scratch.ntags, str_of(tags->v[i].key), str_of(tags->v[i].val),
                   false);
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

static void measure(const struct stamp *at, double v)
{
    scratch.vtype = METRIC_F64;
    scratch.value.f = v;
    intake_own(at->d->intake, &scratch);
}

/* begin() for a metric of a collector, with at most one tag beside its name. */
static void begin_collector(const struct stamp *at, const struct collector_entry *m,
                            const char *name, const char *unit, unsigned type, const char *reason)
{
    begin(at, name, unit, type);
    tag("collector", m->conf->name);
    tag("reason", reason);
}

static void of_collector(const struct stamp *at, const struct collector_entry *m)
{
    struct collector_stats st;
    collector_stats(m->run, &st);
    begin_collector(at, m, "garnet.collector.runs", "Run", METRIC_COUNTER, NULL);
    count(at, st.runs);
    for (unsigned i = 0; i < OUTCOMES; i++) {
        if (!outcome_failed(i))
            continue;
        begin_collector(at, m, "garnet.collector.failures", "Run", METRIC_COUNTER, outcome_name(i));
        count(at, st.outcomes[i]);
    }
    for (unsigned i = 0; i < MISS_REASONS; i++) {
        begin_collector(at, m, "garnet.collector.missed", "Run", METRIC_COUNTER,
                        sched_miss_name(i));
        count(at, st.sched->missed[i]);
    }
    begin_collector(at, m, "garnet.collector.restarts", "Event", METRIC_COUNTER, NULL);
    count(at, st.restarts);
    if (st.last_success_ns > 0) {
        begin_collector(at, m, "garnet.collector.last_success_age", "s", METRIC_GAUGE, NULL);
        measure(at, (double)(clock_wall() - st.last_success_ns) / 1e9);
    }
    begin_collector(at, m, "garnet.collector.accepted", "Metric", METRIC_COUNTER, NULL);
    count(at, m->source->accepted);
    begin_collector(at, m, "garnet.collector.rejected", "Metric", METRIC_COUNTER, NULL);
    count(at, m->source->rejected);
    const struct {
        const char *reason;
        uint64_t n;
    } limited[] = {{"series", m->source->limited_series},
                   {"metrics", m->source->limited_metrics},
                   {"bytes", m->source->limited_bytes}};
    for (size_t i = 0; i < sizeof limited / sizeof *limited; i++) {
        begin_collector(at, m, "garnet.collector.limited", "Event", METRIC_COUNTER,
                        limited[i].reason);
        count(at, limited[i].n);
    }
    begin_collector(at, m, "garnet.collector.connections_refused", "Conn", METRIC_COUNTER, NULL);
    count(at, m->source->refused);
}

/* What wait4() said of it. */
static void of_process(const struct stamp *at, const struct collector_entry *m)
{
    const struct keeper_report *r = &m->last.report;
    begin_collector(at, m, "garnet.collector.duration", "s", METRIC_GAUGE, NULL);
    measure(at, (double)r->duration_ns / 1e9);
    begin_collector(at, m, "garnet.collector.cpu_user", "s", METRIC_GAUGE, NULL);
    measure(at, (double)r->user_ns / 1e9);
    begin_collector(at, m, "garnet.collector.cpu_system", "s", METRIC_GAUGE, NULL);
    measure(at, (double)r->system_ns / 1e9);
    begin_collector(at, m, "garnet.collector.max_rss", "B", METRIC_GAUGE, NULL);
    count(at, (uint64_t)r->max_rss);
    begin_collector(at, m, "garnet.collector.left_behind", "Process", METRIC_GAUGE, NULL);
    count(at, r->left_behind);
    if (WIFEXITED(r->status)) {
        begin_collector(at, m, "garnet.collector.exit_status", "", METRIC_GAUGE, NULL);
        count(at, (uint64_t)WEXITSTATUS(r->status));
    }
    begin_collector(at, m, "garnet.collector.signal", "", METRIC_GAUGE, NULL);
    count(at, WIFSIGNALED(r->status) ? (uint64_t)WTERMSIG(r->status) : 0);
}

/* One point a run, stamped like the run's own metrics: with its slot, or a daemon's with its end.
 */
void selfmetrics_run(const struct collector_entry *m)
{
    struct daemon *d = m->d;
    int64_t slot = m->last.slot_ns;
    struct stamp at = {d, slot != 0 ? slot : clock_wall(), m->conf->interval};
    if (d->gen->conf->self_metrics == 0 || m->last.outcome == OUTCOME_SPAWN)
        return;
    if (m->last.outcome != OUTCOME_LOST)
        of_process(&at, m);
    begin_collector(&at, m, "garnet.collector.run_accepted", "Metric", METRIC_GAUGE, NULL);
    count(&at, m->last_accepted);
    begin_collector(&at, m, "garnet.collector.run_rejected", "Metric", METRIC_GAUGE, NULL);
    count(&at, m->last_rejected);
}

/* What the worker tells without being asked: base/page.h. */
static void of_worker(const struct stamp *at, const struct sink_entry *o)
{
    const struct page *p = o->worker ? worker_page(o->worker) : NULL;
    begin(at, "garnet.sink.restarts", "Event", METRIC_COUNTER);
    tag("sink", o->conf->name);
    count(at, o->worker ? worker_restarts(o->worker) : 0);
    if (!p)
        return;
    counter(at, "garnet.sink.in_doubt", "sink", o->conf->name, atomic_load(&p->in_doubt));
    begin(at, "garnet.sink.losses", "Event", METRIC_COUNTER);
    tag("sink", o->conf->name);
    count(at, atomic_load(&p->losses));
    begin(at, "garnet.sink.stalled", "", METRIC_GAUGE);
    tag("sink", o->conf->name);
    count(at, worker_stalled(o->worker));
}

static void of_sink(const struct stamp *at, const struct sink_entry *o)
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
    begin(at, "garnet.sink.lag", "s", METRIC_GAUGE);
    tag("sink", o->conf->name);
    measure(at, (double)sink_lag(o) / 1e9);
    of_worker(at, o);
}

static void round_of_metrics(const struct stamp *at)
{
    const struct daemon *d = at->d;
    for (const struct collector_entry *m = d->collectors; m; m = m->next) {
        if (m->run && m->source)
            of_collector(at, m);
    }
    for (const struct sink_entry *o = d->sinks; o; o = o->next)
        of_sink(at, o);
    counter(at, "garnet.intake.accepted", "source", "shared", d->shared->accepted);
    counter(at, "garnet.intake.rejected", "source", "shared", d->shared->rejected);
    begin(at, "garnet.intake.connections", "Conn", METRIC_GAUGE);
    count(at, intake_connections(d->intake));
    begin(at, "garnet.intake.connections_refused", "Conn", METRIC_COUNTER);
    count(at, intake_refused_connections(d->intake));
    begin(at, "garnet.intake.connections_gave_way", "Conn", METRIC_COUNTER);
    count(at, intake_gave_way(d->intake));
    begin(at, "garnet.intake.own_rejected", "Metric", METRIC_COUNTER);
    count(at, intake_own_rejected(d->intake));
    begin(at, "garnet.spool.size", "B", METRIC_GAUGE);
    count(at, append_bytes(d->spool));
    begin(at, "garnet.spool.held", "B", METRIC_GAUGE);
    count(at, store_held_bytes(d));
    begin(at, "garnet.spool.refused", "Metric", METRIC_COUNTER);
    count(at, store_refused(d));
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
