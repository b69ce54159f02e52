/* daemon/selfmetrics.c - a timer on the wall clock's grid, as a collector has, and one struct
 * metric that is filled again and again. A metric for which there is no memory, or no room in the
 * spool, is counted by intake.
 */
#include "daemon/selfmetrics.h"

#include "base/clock.h"

/* The first of a key stays: of the metric itself, or the series would be one. */
static void tag_row(struct metric *m, const char *key, const char *val)
{
    if (val != NULL)
        metric_tag(m->tags, &m->ntags, str_of(key), str_of(val), false);
}

static bool row_wanted(const struct self_round *at, int level, unsigned type)
{
    const struct conf_self_metrics *c = &at->to->conf->self_metrics;

    return c->interval > 0 && c->level >= level && (type == METRIC_COUNTER || !at->only_counters);
}

static void send_row(const struct self_round *at, const char *name, const char *unit, unsigned type,
                     const char *why)
{
    struct metric *m = &at->to->scratch;
    const struct pairs *tags = &at->to->conf->tags;

    m->type = (uint8_t)type;
    m->flags = METRIC_TIME_ASSIGNED;
    m->ntags = m->nmeta = 0;
    m->time_ns = at->time;
    m->interval_ns = at->interval;
    m->name = str_of(name);
    m->unit = str_of(unit);
    m->collector = m->prefix = (struct str){0};
    tag_row(m, at->key, at->val);
    tag_row(m, "why", why);
    for (size_t i = 0; i < tags->n; i++)
        tag_row(m, tags->v[i].key, tags->v[i].val);
    intake_own(at->to->intake, m);
}

static void send_whole(const struct self_round *at, int level, const char *name, const char *unit,
                       unsigned type, const char *why, uint64_t v)
{
    struct metric *m = &at->to->scratch;

    if (!row_wanted(at, level, type))
        return;
    m->value.u = at->zero ? 0 : v;
    m->vtype = v <= INT64_MAX ? METRIC_I64 : METRIC_U64;
    send_row(at, name, unit, type, why);
}

void self_count(const struct self_round *at, int level, const char *name, const char *unit,
                const char *why, uint64_t v)
{
    send_whole(at, level, name, unit, METRIC_COUNTER, why, v);
}

void self_gauge(const struct self_round *at, int level, const char *name, const char *unit,
                uint64_t v)
{
    send_whole(at, level, name, unit, METRIC_GAUGE, NULL, v);
}

void self_signed(const struct self_round *at, int level, const char *name, const char *unit,
                 int64_t v)
{
    struct metric *m = &at->to->scratch;

    if (!row_wanted(at, level, METRIC_GAUGE))
        return;
    m->vtype = METRIC_I64;
    m->value.i = v;
    send_row(at, name, unit, METRIC_GAUGE, NULL);
}

void self_real(const struct self_round *at, int level, const char *name, const char *unit, double v)
{
    struct metric *m = &at->to->scratch;

    if (!row_wanted(at, level, METRIC_GAUGE))
        return;
    m->vtype = METRIC_F64;
    m->value.f = v;
    send_row(at, name, unit, METRIC_GAUGE, NULL);
}

static void on_self_slot(void *arg)
{
    struct selfmetrics *s = arg;
    int64_t interval = s->conf->self_metrics.interval, wall = clock_wall();
    struct self_round at = {.to = s, .time = wall - wall % interval, .interval = interval};

    s->round(s->arg, &at);
    selfmetrics_start(s);
}

void selfmetrics_start(struct selfmetrics *s)
{
    int64_t step = s->conf->self_metrics.interval, wait;

    selfmetrics_stop(s);
    if (step == 0) /* they are switched off */
        return;
    wait = step - clock_wall() % step;
    if (wait < step / 2 && s->timer.at > clock_mono() - step / 2)
        wait += step; /* the clock was stepped back a little: not the same slot twice */
    loop_timer_set(s->loop, &s->timer, clock_mono() + wait, on_self_slot, s);
}

void selfmetrics_configure(struct selfmetrics *s, const struct conf *c)
{
    bool another = c->self_metrics.interval != s->conf->self_metrics.interval;

    s->conf = c;
    if (another)
        selfmetrics_start(s);
}

struct self_round selfmetrics_beginning(struct selfmetrics *s, int64_t wall)
{
    return (struct self_round){
        .to = s, .time = wall, .interval = s->conf->self_metrics.interval, .only_counters = true};
}

void selfmetrics_init(struct selfmetrics *s, struct loop *l, struct intake *in,
                      const struct conf *c, void (*round)(void *arg, const struct self_round *at),
                      void *arg)
{
    *s = (struct selfmetrics){.loop = l, .intake = in, .conf = c, .round = round, .arg = arg};
}

void selfmetrics_stop(struct selfmetrics *s)
{
    loop_timer_clear(s->loop, &s->timer);
}
