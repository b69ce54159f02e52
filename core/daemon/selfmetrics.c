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

static void send_row(void *to, const struct self_round *at, const struct self_row *row)
{
    struct selfmetrics *s = to;
    struct metric *m = &s->scratch;
    const struct pairs *tags = &s->conf->tags;

    m->type = row->type;
    m->vtype = row->vtype;
    m->value = row->value;
    m->flags = METRIC_TIME_ASSIGNED;
    m->ntags = m->nmeta = 0;
    m->time_ns = at->time;
    m->interval_ns = at->interval;
    m->name = str_of(row->name);
    m->unit = str_of(row->unit);
    m->collector = m->prefix = (struct str){0};
    tag_row(m, at->key, at->val);
    tag_row(m, "why", row->why);
    for (size_t i = 0; i < tags->n; i++)
        tag_row(m, tags->v[i].key, tags->v[i].val);
    intake_own(s->intake, m);
}

struct self_round selfmetrics_round(struct selfmetrics *s, int64_t time, int64_t interval)
{
    const struct conf_self_metrics *c = &s->conf->self_metrics;

    return (struct self_round){.take = send_row,
                               .to = s,
                               .level = c->interval > 0 ? (int)c->level : -1,
                               .time = time,
                               .interval = interval};
}

static void on_self_slot(void *arg)
{
    struct selfmetrics *s = arg;
    int64_t interval = s->conf->self_metrics.interval, wall = clock_wall();
    struct self_round at = selfmetrics_round(s, wall - wall % interval, interval);

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
    struct self_round at = selfmetrics_round(s, wall, s->conf->self_metrics.interval);

    at.only_counters = true;
    return at;
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
