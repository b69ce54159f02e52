/* daemon/collector_entry.c - rows and an answer, both of the same counters
 *
 * What it is at now is derived, not kept. Nothing here fails but the answer's buf.
 */
#include "daemon/collector_entry.h"

#include <sys/wait.h>

#include "base/clock.h"
#include "base/text.h"
#include "daemon/answer.h"
#include "daemon/selfmetrics.h"

/* --- rows --- */

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
    case OUTCOME_CONVERTER:
        return c->output != OUTPUT_LOG;
    default:
        return outcome_failed(o);
    }
}

static void write_slots(const struct self_round *at, const struct schedule *s)
{
    uint64_t missed = 0;

    for (unsigned i = 0; i < MISS_REASONS; i++)
        missed += s->missed[i];
    self_count(at, BASIC, "garnet.collector.missed", "Run", NULL, missed);
    for (unsigned i = 0; i < MISS_REASONS; i++)
        self_count(at, FULL, "garnet.collector.missed_by", "Run", schedule_miss_name(i),
                   s->missed[i]);
}

static void write_source(const struct self_round *at, const struct collector_entry *m)
{
    const struct origin_counts *n = source_counts(m->source);

    self_count(at, BASIC, "garnet.collector.accepted", "Metric", NULL, n->accepted);
    self_count(at, BASIC, "garnet.collector.rejected", "Metric", NULL, n->rejected);
    self_count(at, FULL, "garnet.collector.limited", "Event", "series", n->limited.series);
    self_count(at, FULL, "garnet.collector.limited", "Event", "metrics", n->limited.metrics);
    self_count(at, FULL, "garnet.collector.limited", "Event", "bytes", n->limited.bytes);
    self_count(at, FULL, "garnet.collector.connections_refused", "Conn", NULL,
               n->refused_connections);
    self_gauge(at, BASIC, "garnet.collector.brought_nothing", "", m->brought_nothing);
}

void collector_entry_rows(const struct collector_entry *m, struct self_round at)
{
    const struct collector_stats *st = &m->run.stats;

    at.key = "collector", at.val = m->conf->name;
    self_count(&at, BASIC, "garnet.collector.runs", "Run", NULL, st->runs);
    for (unsigned i = 0; i < OUTCOMES; i++)
        if (can_fail(m->conf, i))
            self_count(&at, BASIC, "garnet.collector.failures", "Run", outcome_name(i),
                       st->outcomes[i]);
    if (m->conf->mode == MODE_DAEMON)
        self_count(&at, FULL, "garnet.collector.restarts", "Event", NULL, st->restarts);
    else
        write_slots(&at, &m->run.sched);
    self_count(&at, FULL, "garnet.collector.unkillable", "Run", NULL, m->run.run.unkillable);
    write_source(&at, m);
    if (st->last_success_ns > 0)
        self_real(&at, FULL, "garnet.collector.last_success_age", "s",
                  (double)(clock_wall() - st->last_success_ns) / 1e9);
}

/* What wait4() said of it. */
static void write_process(const struct self_round *at, const struct keeper_report *r)
{
    self_real(at, BASIC, "garnet.collector.duration", "s", (double)r->duration_ns / 1e9);
    self_real(at, FULL, "garnet.collector.cpu_user", "s", (double)r->user_ns / 1e9);
    self_real(at, FULL, "garnet.collector.cpu_system", "s", (double)r->system_ns / 1e9);
    self_gauge(at, FULL, "garnet.collector.max_rss", "B", (uint64_t)r->max_rss);
    self_gauge(at, FULL, "garnet.collector.left_behind", "Process", r->left_behind);
    if (WIFEXITED(r->status))
        self_gauge(at, FULL, "garnet.collector.exit_status", "", (uint64_t)WEXITSTATUS(r->status));
    self_gauge(at, FULL, "garnet.collector.signal", "",
               WIFSIGNALED(r->status) ? (uint64_t)WTERMSIG(r->status) : 0);
}

void collector_entry_run_rows(const struct collector_entry *m, struct selfmetrics *to)
{
    const struct run_receipt *r = &m->last.receipt;
    int64_t time = r->slot_ns != 0 ? r->slot_ns : clock_wall();
    struct self_round at = selfmetrics_round(to, time, m->conf->interval);

    at.key = "collector", at.val = m->conf->name;
    if (r->outcome == OUTCOME_SPAWN)
        return;
    if (r->outcome != OUTCOME_LOST)
        write_process(&at, &r->report);
    self_gauge(&at, FULL, "garnet.collector.run_accepted", "Metric", m->last.accepted);
    self_gauge(&at, FULL, "garnet.collector.run_rejected", "Metric", m->last.rejected);
}

/* --- the answer --- */

static const char *collector_state(const struct collector_entry *m)
{
    if (m->leaving)
        return "ending";
    if (!m->conf->enabled)
        return m->begun ? "ending" : "disabled";
    if (!m->begun)
        return "waiting";
    if (collector_runs(&m->run))
        return m->run.stopping ? "ending" : "running";
    return m->run.daemon ? "pausing" : "idle";
}

/* Wall clock; 0: it is not known, for what runs must end first. */
static int64_t next_start(const struct collector_entry *m)
{
    int64_t due = m->run.daemon ? m->run.revive_at : m->run.sched.due;

    if (!m->begun || m->run.stopping || (m->run.daemon && collector_runs(&m->run)))
        return 0;
    return clock_wall() + due - clock_mono();
}

static void put_last_run(struct buf *b, const struct last_run *l)
{
    const struct keeper_report *r = &l->receipt.report;
    bool ran = l->receipt.outcome != OUTCOME_SPAWN && l->receipt.outcome != OUTCOME_LOST;

    if (l->ended == 0)
        return;
    buf_puts(b, ",\"last_run\":{\"outcome\":");
    buf_put_json(b, str_of(outcome_name(l->receipt.outcome)));
    answer_flag(b, "failed", outcome_failed(l->receipt.outcome));
    answer_text(b, "error", l->words.text[0] != '\0' ? l->words.text : NULL);
    answer_time(b, "due", l->receipt.slot_ns);
    answer_time(b, "started", l->started);
    answer_time(b, "ended", l->ended);
    answer_count(b, "accepted", l->accepted);
    answer_count(b, "rejected", l->rejected);
    if (ran) {
        answer_seconds(b, "duration", r->duration_ns);
        answer_seconds(b, "cpu_user", r->user_ns);
        answer_seconds(b, "cpu_system", r->system_ns);
        answer_number(b, "max_rss", r->max_rss);
        answer_count(b, "left_behind", r->left_behind);
        if (WIFEXITED(r->status))
            answer_number(b, "exit_status", WEXITSTATUS(r->status));
        else if (WIFSIGNALED(r->status))
            answer_number(b, "signal", WTERMSIG(r->status));
    }
    buf_putc(b, '}');
}

void collector_entry_status(const struct collector_entry *m, struct buf *b)
{
    const struct conf_collector *c = m->conf;
    struct answer_rows rows;
    struct self_round at = answer_round(&rows, b, "collector.");
    bool alive = m->begun && collector_runs(&m->run);

    buf_puts(b, "{\"name\":");
    buf_put_json(b, str_of(c->name));
    answer_text(b, "file", c->node->at.file);
    answer_text(b, "state", collector_state(m));
    answer_text(b, "mode", c->mode == MODE_DAEMON ? "daemon" : "oneshot");
    answer_text(b, "command", c->command.n > 0 ? c->command.v[0] : NULL);
    answer_seconds(b, "interval", c->interval);
    answer_digest(b, c->digest);
    if (m->waiting)
        answer_remark(b, "waits_for", &m->why);
    if (alive) {
        answer_time(b, "running_since", m->started);
        answer_number(b, "pid", m->run.run.pid);
    }
    answer_time(b, "next_run", next_start(m));
    put_last_run(b, &m->last);
    if (m->source != NULL)
        answer_remark(b, "last_error", source_fault(m->source));
    if (m->begun)
        collector_entry_rows(m, at);
    answer_rows_end(&rows);
    buf_putc(b, '}');
}
