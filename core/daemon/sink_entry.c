/* daemon/sink_entry.c - rows and an answer, both of the same counters
 *
 * What the worker says stands on its scoreboard; what has come of the spool is derived (daemon/sink_cursor.h). Nothing here
 * fails but the answer's buf.
 */
#include "daemon/sink_entry.h"

#include "base/clock.h"
#include "base/text.h"
#include "daemon/answer.h"
#include "daemon/selfmetrics.h"

/* --- rows --- */

const struct scoreboard *sink_entry_board(const struct sink_entry *o)
{
    return o->supervised ? o->supervisor.board : NULL;
}

static uint64_t losses_of(const struct scoreboard *b)
{
    return b != NULL ? atomic_load(&b->losses) : 0;
}

/* The worker says it once it is ready; before that, and without one, the cursor does. */
uint64_t sink_entry_doubt(const struct sink_entry *o)
{
    const struct scoreboard *b = sink_entry_board(o);
    uint64_t says = b != NULL ? atomic_load(&b->in_doubt) : 0, stored = o->cursor.known.in_doubt;

    says = says > stored ? says : stored;
    return says > o->in_doubt ? says : o->in_doubt;
}

void sink_entry_rows(struct sink_entry *o, bool refused, struct self_round at)
{
    const struct scoreboard *b = sink_entry_board(o);

    at.key = "sink", at.val = o->conf->name;
    if (!sink_cursor_metrics(&o->cursor, &at, b))
        return;
    self_gauge(&at, BASIC, "garnet.sink.refused", "", refused);
    self_count(&at, FULL, "garnet.sink.restarts", "Event", NULL,
               o->restarts + (o->supervised ? o->supervisor.restarts : 0));
    self_count(&at, FULL, "garnet.sink.unkillable", "Event", NULL,
               o->unkillable + (o->supervised ? o->supervisor.unkillable : 0));
    self_count(&at, FULL, "garnet.sink.in_doubt", "Metric", NULL, sink_entry_doubt(o));
    self_count(&at, FULL, "garnet.sink.losses", "Event", NULL, o->losses + losses_of(b));
    if (b != NULL)
        self_gauge(&at, BASIC, "garnet.sink.stalled", "", supervisor_stalled(&o->supervisor));
    if (b != NULL)
        sink_stats_look(&o->stats, o->conf->name, &b->stats);
    sink_stats_metrics(&o->stats, &at, b != NULL && o->supervisor.ready ? &b->stats : NULL);
}

/* Stamped with the slot before: the next may be due already, and must not come out as the earlier one. */
void sink_entry_begin_stats(struct sink_entry *o, const struct scoreboard *b,
                            struct selfmetrics *to)
{
    struct self_round at = selfmetrics_beginning(to, clock_wall());

    if (at.interval > 0)
        at.time -= at.time % at.interval;
    at.zero = true;
    at.key = "sink", at.val = o->conf->name;
    sink_stats_look(&o->stats, o->conf->name, &b->stats);
    sink_stats_begun(&o->stats, &at);
}

/* --- the answer --- */

static const char *sink_state(const struct sink_entry *o, const struct conf_sink *wanted)
{
    const struct supervisor *s = &o->supervisor;
    const struct scoreboard *b = sink_entry_board(o);

    if (wanted != NULL && wanted->refused && !o->supervised)
        return "refused";
    if (o->removed || (o->supervised && s->stopping))
        return "ending";
    if (!o->supervised || !ward_runs(&s->process.ward))
        return "pausing";
    if (s->frozen)
        return "stopped";
    if (!s->ready)
        return "starting";
    if (supervisor_stalled(s))
        return "stalled";
    return atomic_load(&b->peer) == SCOREBOARD_PEER_DOWN ? "down" : "running";
}

static void put_endpoints(struct buf *b, const struct sink_entry *o)
{
    const struct scoreboard *board = sink_entry_board(o);
    uint64_t peer = board != NULL ? atomic_load(&board->peer) : 0;

    buf_puts(b, ",\"to\":[");
    for (size_t i = 0; i < o->conf->to.n; i++) {
        buf_puts(b, i > 0 ? "," : "");
        buf_put_json(b, str_of(o->conf->to.v[i]));
    }
    buf_putc(b, ']');
    if (peer >= SCOREBOARD_PEER_UP && peer - SCOREBOARD_PEER_UP < o->conf->to.n)
        answer_text(b, "endpoint", o->conf->to.v[peer - SCOREBOARD_PEER_UP]);
}

void sink_entry_status(struct sink_entry *o, const struct conf_sink *wanted, struct buf *b)
{
    struct answer_rows rows;
    struct self_round at = answer_round(&rows, b, "sink.");
    const struct sink_progress *p = &o->cursor.progress;

    buf_puts(b, "{\"name\":");
    buf_put_json(b, str_of(o->conf->name));
    answer_text(b, "state", sink_state(o, wanted));
    answer_text(b, "plugin", o->conf->plugin);
    put_endpoints(b, o);
    answer_digest(b, o->conf->digest);
    if (o->supervised) {
        answer_number(b, "pid", o->supervisor.process.ward.pid);
        answer_remark(b, "last_error", &o->supervisor.process.trouble);
    }
    answer_count(b, "position", o->cursor.known.position);
    if (sink_entry_board(o) != NULL)
        answer_count(b, "sent", atomic_load(&sink_entry_board(o)->sent));
    answer_seconds(b, "confirm_every", o->conf->confirm.every);
    answer_time(b, "last_drop", p->dropped_wall);
    if (p->waiting_since != 0)
        answer_seconds(b, "nothing_confirmed_for", clock_mono() - p->waiting_since);
    sink_entry_rows(o, wanted != NULL && wanted->refused, at);
    answer_rows_end(&rows);
    buf_putc(b, '}');
}
