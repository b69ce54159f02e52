/* Garnet's own metrics: down the same road as everybody's, stamped with the slot of their grid;
 * what is known of one run, with that run's.
 *
 * A call of whole() or real() is a row: from which level on, name, unit, type. docs/operations.md
 * has the same rows, and a test compares the two. A reason is a row of its own, `why`, and only
 * where it can happen; `why` sorts behind the tag of whom it is about, so that a path has the two
 * in that order.
 *
 * Counters count since garnetd's start, but for a sink's confirmed and dropped, which its cursor
 * keeps over restarts. All that begins has its counters told as it begins: what is first heard of as
 * 1 is nothing to who makes rates. For every sink, at any time: accepted since its creation =
 * confirmed + queued + sum of dropped.
 */
#include <string.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/daemon.h"
#include "spool/cursor.h"

enum { BASIC = SELF_BASIC, FULL = SELF_FULL };
enum { COUNTER = METRIC_COUNTER, GAUGE = METRIC_GAUGE };

struct stamp { /* what all metrics of one round share */
    struct daemon *d;
    int64_t time, interval;
    const char *key, *val; /* whom they are about: a tag, or NULL */
    bool first;            /* just begun: only its counters */
    bool zero;             /* and as they were then */
};

static struct metric scratch; /* large, and used by one round at a time */

/* The first of a key stays: of the metric itself, or the series would be one. */
static void tag(const char *key, const char *val)
{
    if (val)
        metric_tag(scratch.tags, &scratch.ntags, str_of(key), str_of(val), false);
}

static bool wanted(const struct stamp *at, int level, unsigned type)
{
    const struct conf_self_metrics *c = &at->d->gen->conf->self_metrics;
    return c->interval > 0 && c->level >= level && (type == COUNTER || !at->first);
}

static void send(const struct stamp *at, const char *name, const char *unit, unsigned type,
                 const char *why)
{
    scratch.type = (uint8_t)type;
    scratch.flags = METRIC_TIME_ASSIGNED;
    scratch.ntags = scratch.nmeta = 0;
    scratch.time_ns = at->time;
    scratch.interval_ns = at->interval;
    scratch.name = str_of(name);
    scratch.unit = str_of(unit);
    scratch.collector = scratch.prefix = (struct str){0};
    tag(at->key, at->val);
    tag("why", why);
    const struct pairs *tags = &at->d->gen->conf->tags;
    for (size_t i = 0; i < tags->n; i++)
        tag(tags->v[i].key, tags->v[i].val);
    intake_own(at->d->intake, &scratch);
}

static void whole(const struct stamp *at, int level, const char *name, const char *unit,
                  unsigned type, const char *why, uint64_t v)
{
    if (!wanted(at, level, type))
        return;
    scratch.value.u = at->zero ? 0 : v;
    scratch.vtype = v <= INT64_MAX ? METRIC_I64 : METRIC_U64;
    send(at, name, unit, type, why);
}

static void real(const struct stamp *at, int level, const char *name, const char *unit, double v)
{
    if (!wanted(at, level, GAUGE))
        return;
    scratch.vtype = METRIC_F64;
    scratch.value.f = v;
    send(at, name, unit, GAUGE, NULL);
}

/* ---- collectors ------------------------------------------------------------------------------ */

static bool can_fail(const struct conf_collector *c, enum outcome o)
{
    bool daemon = c->mode == MODE_DAEMON;
    switch (o) {
    case OUTCOME_TIMEOUT:
        return !daemon;
    case OUTCOME_OVERLAP:
        return !daemon && c->overlap == OVERLAP_KILL;
    case OUTCOME_SILENCE:
        return daemon && c->silence > 0;
    default:
        return outcome_failed(o);
    }
}

static void of_slots(const struct stamp *at, const struct schedule *s)
{
    uint64_t missed = 0;
    for (unsigned i = 0; i < MISS_REASONS; i++)
        missed += s->missed[i];
    whole(at, BASIC, "garnet.collector.missed", "Run", COUNTER, NULL, missed);
    for (unsigned i = 0; i < MISS_REASONS; i++)
        whole(at, FULL, "garnet.collector.missed_by", "Run", COUNTER, schedule_miss_name(i),
              s->missed[i]);
}

static void of_source(const struct stamp *at, const struct source *s)
{
    whole(at, BASIC, "garnet.collector.accepted", "Metric", COUNTER, NULL, s->accepted);
    whole(at, BASIC, "garnet.collector.rejected", "Metric", COUNTER, NULL, s->rejected);
    whole(at, FULL, "garnet.collector.limited", "Event", COUNTER, "series", s->limited_series);
    whole(at, FULL, "garnet.collector.limited", "Event", COUNTER, "metrics", s->limited_metrics);
    whole(at, FULL, "garnet.collector.limited", "Event", COUNTER, "bytes", s->limited_bytes);
    whole(at, FULL, "garnet.collector.connections_refused", "Conn", COUNTER, NULL, s->refused);
}

static void of_collector(struct stamp at, const struct collector_entry *m)
{
    struct collector_stats st;
    at.key = "collector", at.val = m->conf->name;
    collector_stats(m->run, &st);
    whole(&at, BASIC, "garnet.collector.runs", "Run", COUNTER, NULL, st.runs);
    for (unsigned i = 0; i < OUTCOMES; i++) {
        if (can_fail(m->conf, i))
            whole(&at, BASIC, "garnet.collector.failures", "Run", COUNTER, outcome_name(i),
                  st.outcomes[i]);
    }
    if (m->conf->mode == MODE_DAEMON)
        whole(&at, FULL, "garnet.collector.restarts", "Event", COUNTER, NULL, st.restarts);
    else
        of_slots(&at, st.sched);
    of_source(&at, m->source);
    whole(&at, BASIC, "garnet.collector.brought_nothing", "", GAUGE, NULL, m->brought_nothing);
    if (st.last_success_ns > 0)
        real(&at, FULL, "garnet.collector.last_success_age", "s",
             (double)(clock_wall() - st.last_success_ns) / 1e9);
}

/* What wait4() said of it. */
static void of_process(const struct stamp *at, const struct keeper_report *r)
{
    real(at, BASIC, "garnet.collector.duration", "s", (double)r->duration_ns / 1e9);
    real(at, FULL, "garnet.collector.cpu_user", "s", (double)r->user_ns / 1e9);
    real(at, FULL, "garnet.collector.cpu_system", "s", (double)r->system_ns / 1e9);
    whole(at, FULL, "garnet.collector.max_rss", "B", GAUGE, NULL, (uint64_t)r->max_rss);
    whole(at, FULL, "garnet.collector.left_behind", "Process", GAUGE, NULL, r->left_behind);
    if (WIFEXITED(r->status))
        whole(at, FULL, "garnet.collector.exit_status", "", GAUGE, NULL,
              (uint64_t)WEXITSTATUS(r->status));
    whole(at, FULL, "garnet.collector.signal", "", GAUGE, NULL,
          WIFSIGNALED(r->status) ? (uint64_t)WTERMSIG(r->status) : 0);
}

/* One point a run, stamped like the run's own metrics: with its slot, or a daemon's with its end.
 */
void selfmetrics_run(const struct collector_entry *m)
{
    int64_t slot = m->last.slot_ns;
    struct stamp at = {.d = m->d,
                       .time = slot != 0 ? slot : clock_wall(),
                       .interval = m->conf->interval,
                       .key = "collector",
                       .val = m->conf->name};
    if (m->last.outcome == OUTCOME_SPAWN)
        return;
    if (m->last.outcome != OUTCOME_LOST)
        of_process(&at, &m->last.report);
    whole(&at, FULL, "garnet.collector.run_accepted", "Metric", GAUGE, NULL, m->last_accepted);
    whole(&at, FULL, "garnet.collector.run_rejected", "Metric", GAUGE, NULL, m->last_rejected);
}

/* ---- sinks ----------------------------------------------------------------------------------- */

/* What the worker tells without being asked: model/scoreboard.h. */
static void of_worker(const struct stamp *at, const struct sink_entry *o,
                      const struct scoreboard *p)
{
    whole(at, FULL, "garnet.sink.restarts", "Event", COUNTER, NULL,
          o->worker ? worker_restarts(o->worker) : 0);
    if (!p)
        return;
    whole(at, FULL, "garnet.sink.in_doubt", "Metric", COUNTER, NULL, atomic_load(&p->in_doubt));
    whole(at, FULL, "garnet.sink.losses", "Event", COUNTER, NULL, atomic_load(&p->losses));
    whole(at, BASIC, "garnet.sink.stalled", "", GAUGE, NULL, worker_stalled(o->worker));
}

/* What can happen to it, as its worker says; and what has happened, under an older configuration
 * say. */
static uint64_t of_dropped(const struct stamp *at, const struct cursor_state *st, uint64_t can)
{
    uint64_t dropped = 0;
    for (unsigned i = 0; drop_reason_name(i); i++) {
        if ((can >> i & 1) != 0 || st->dropped[i] > 0)
            whole(at, BASIC, "garnet.sink.dropped", "Metric", COUNTER, drop_reason_name(i),
                  st->dropped[i]);
        dropped += st->dropped[i];
    }
    return dropped;
}

static void of_sink(struct stamp at, const struct sink_entry *o)
{
    struct cursor_state st;
    const struct append *spool = at.d->spool;
    const struct scoreboard *p = o->worker ? worker_scoreboard(o->worker) : NULL;
    if (cursor_read(append_dirfd(spool), o->conf->name, &st) != 0)
        return;
    at.key = "sink", at.val = o->conf->name;
    uint64_t dropped = of_dropped(&at, &st, p ? atomic_load(&p->can_drop) : 0);
    whole(&at, BASIC, "garnet.sink.confirmed", "Metric", COUNTER, NULL,
          st.position - st.start - dropped);
    whole(&at, BASIC, "garnet.sink.queued", "Metric", GAUGE, NULL,
          append_next_seq(spool) > st.position ? append_next_seq(spool) - st.position : 0);
    real(&at, BASIC, "garnet.sink.lag", "s", (double)sink_lag(o) / 1e9);
    of_worker(&at, o, p);
}

/* ---- rounds ---------------------------------------------------------------------------------- */

static void of_intake(struct stamp at)
{
    const struct daemon *d = at.d;
    whole(&at, FULL, "garnet.intake.connections", "Conn", GAUGE, NULL,
          intake_connections(d->intake));
    whole(&at, FULL, "garnet.intake.connections_refused", "Conn", COUNTER, NULL,
          intake_refused_connections(d->intake));
    whole(&at, FULL, "garnet.intake.connections_gave_way", "Conn", COUNTER, NULL,
          intake_gave_way(d->intake));
    whole(&at, FULL, "garnet.intake.own_rejected", "Metric", COUNTER, NULL,
          intake_own_rejected(d->intake));
    at.key = "source", at.val = "shared";
    whole(&at, BASIC, "garnet.intake.accepted", "Metric", COUNTER, NULL, d->shared->accepted);
    whole(&at, BASIC, "garnet.intake.rejected", "Metric", COUNTER, NULL, d->shared->rejected);
}

static void of_garnetd(const struct stamp *at)
{
    const struct daemon *d = at->d;
    of_intake(*at);
    whole(at, BASIC, "garnet.spool.size", "B", GAUGE, NULL, append_bytes(d->spool));
    whole(at, FULL, "garnet.spool.held", "B", GAUGE, NULL, store_held_bytes(d));
    whole(at, BASIC, "garnet.spool.refused", "Metric", COUNTER, NULL, store_refused(d));
    whole(at, BASIC, "garnet.log.dropped", "Event", COUNTER, NULL, log_dropped());
    whole(at, BASIC, "garnet.reload.failures", "Event", COUNTER, NULL, d->reload_failures);
}

static void round_of_metrics(const struct stamp *at)
{
    const struct daemon *d = at->d;
    for (const struct collector_entry *m = d->collectors; m; m = m->next) {
        if (m->run && m->source)
            of_collector(*at, m);
    }
    for (const struct sink_entry *o = d->sinks; o; o = o->next)
        of_sink(*at, o);
    of_garnetd(at);
}

static struct stamp beginning(struct daemon *d, int64_t wall)
{
    return (struct stamp){
        .d = d, .time = wall, .interval = d->gen->conf->self_metrics.interval, .first = true};
}

void selfmetrics_collector(const struct collector_entry *m)
{
    of_collector(beginning(m->d, clock_wall()), m);
}

/* Once its worker has said what it can drop for; by then it may have, so this is how it began. */
void selfmetrics_sinks(struct daemon *d)
{
    for (struct sink_entry *o = d->sinks; o; o = o->next) {
        const struct scoreboard *p = o->worker ? worker_scoreboard(o->worker) : NULL;
        if (o->made_ns == 0 || !p || atomic_load(&p->can_drop) == 0)
            continue;
        struct stamp at = beginning(d, o->made_ns);
        at.zero = true;
        of_sink(at, o);
        o->made_ns = 0;
    }
}

static void due(void *arg)
{
    struct daemon *d = arg;
    int64_t interval = d->gen->conf->self_metrics.interval, wall = clock_wall();
    if (interval > 0) {
        struct stamp at = {.d = d, .time = wall - wall % interval, .interval = interval};
        round_of_metrics(&at);
    }
    selfmetrics_start(d);
}

/* On the wall clock's grid like a collector; looks again after a second when they are switched
 * off. */
void selfmetrics_start(struct daemon *d)
{
    int64_t interval = d->gen->conf->self_metrics.interval;
    int64_t step = interval > 0 ? interval : NS_PER_S;
    int64_t wait = step - clock_wall() % step;
    if (wait < step / 2 && d->self_timer.at > clock_mono() - step / 2)
        wait += step; /* the clock was stepped back a little: not the same slot twice */
    loop_timer_set(d->loop, &d->self_timer, clock_mono() + wait, due, d);
}

void selfmetrics_begin(struct daemon *d)
{
    struct stamp at = beginning(d, clock_wall());
    of_garnetd(&at);
    selfmetrics_start(d);
}
