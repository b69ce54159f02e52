/* daemon/status.c - part for part, each by its own rows; nothing fails but the buf */
#include "daemon/status.h"

#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "control/control.h"
#include "daemon/answer.h"
#include "daemon/collectors.h"
#include "daemon/reload.h"
#include "daemon/sinks.h"
#include "daemon/sockets.h"
#include "daemon/store.h"

void status_control_rows(const struct control *c, const struct self_round *at)
{
    const struct control_counts *n = control_counts(c);

    self_count(at, FULL, "garnet.control.requests", "Event", NULL, n->requests);
    self_count(at, FULL, "garnet.control.refused", "Event", NULL, n->refused);
}

static void put_refused(struct buf *b, const struct conf_refused *q)
{
    buf_puts(b, "{\"file\":");
    buf_put_json(b, str_of(q->file));
    answer_text(b, "collector", q->collector);
    answer_text(b, "sink", q->sink);
    answer_flag(b, "may_pass", q->world);
    answer_flag(b, "old_runs", q->kept);
    answer_text(b, "errors", q->lines);
    buf_putc(b, '}');
}

void status_put_refused(struct buf *b, const struct conf *c)
{
    buf_putc(b, '[');
    for (const struct conf_refused *q = c->refused; q != NULL; q = q->next) {
        put_refused(b, q);
        buf_puts(b, q->next != NULL ? "," : "");
    }
    buf_putc(b, ']');
}

static void put_configuration(struct buf *b, const struct status_of *s)
{
    struct answer_rows rows;
    struct self_round at = answer_round(&rows, b, "reload.");

    buf_puts(b, ",\"configuration\":{\"file\":");
    buf_put_json(b, str_of(s->file));
    answer_text(b, "collectors", s->conf->collectors_folder);
    answer_time(b, "applied", s->reload->applied_ns);
    answer_flag(b, "reading", s->reload->loading);
    if (s->reload->wrong.n > 0) {
        buf_puts(b, ",\"errors\":");
        buf_put_json(b, (struct str){s->reload->wrong.p, s->reload->wrong.n});
    }
    self_count(&at, BASIC, "garnet.reload.failures", "Event", NULL, s->reload->failures);
    answer_rows_end(&rows);
    buf_puts(b, ",\"refused\":");
    status_put_refused(b, s->conf);
    buf_putc(b, '}');
}

static void put_intake(struct buf *b, const struct status_of *s)
{
    struct answer_rows rows;
    struct self_round at = answer_round(&rows, b, "intake.");

    if (s->intake == NULL || s->shared == NULL)
        return;
    buf_puts(b, ",\"intake\":{\"socket\":");
    buf_put_json(b, str_of(s->conf->socket.path));
    answer_remark(b, "last_error", source_fault(s->shared));
    sockets_metrics(s->intake, s->shared, &at);
    answer_rows_end(&rows);
    buf_putc(b, '}');
}

static void put_spool(struct buf *b, const struct status_of *s)
{
    struct answer_rows rows;
    struct self_round at = answer_round(&rows, b, "spool.");
    const struct commit *c = &s->store->commit;

    buf_puts(b, ",\"spool\":{\"folder\":");
    buf_put_json(b, str_of(s->conf->spool.dir));
    answer_number(b, "max_size", s->conf->spool.max_size);
    answer_count(b, "first", append_oldest(c->spool));
    answer_count(b, "next", append_next_seq(c->spool));
    answer_flag(b, "durable", c->durable);
    answer_flag(b, "sync_fails", c->failing);
    answer_flag(b, "folder_gone", c->gone);
    answer_flag(b, "disk_full", c->spool->folder.reserve.full);
    answer_remark(b, "last_refused", &c->refusal);
    store_metrics(s->store, &at);
    answer_rows_end(&rows);
    buf_putc(b, '}');
}

static void put_garnetd(struct buf *b, const struct status_of *s)
{
    struct answer_rows rows;
    struct self_round at = answer_round(&rows, b, "");

    buf_puts(b, "{\"version\":\"" GARNET_VERSION "\"");
    answer_number(b, "pid", getpid());
    answer_text(b, "host", s->conf->host);
    answer_text(b, "phase", s->phase);
    answer_time(b, "now", clock_wall());
    answer_time(b, "started", s->started);
    self_count(&at, BASIC, "garnet.log.dropped", "Event", NULL, log_dropped());
    status_control_rows(s->control, &at);
    answer_rows_end(&rows);
}

void status_put(struct buf *b, const struct status_of *s)
{
    put_garnetd(b, s);
    put_configuration(b, s);
    put_intake(b, s);
    put_spool(b, s);
    buf_puts(b, ",\"collectors\":[");
    collectors_status(s->collectors, b);
    buf_puts(b, "],\"sinks\":[");
    sinks_status(s->sinks, b);
    buf_puts(b, "]}");
}
