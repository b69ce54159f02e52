/* intake/reply.c - what a client is told, and the log with it
 *
 * Faults are counted all, but written down only up to MAX_ERRORS for each reply, at once as JSON:
 * so a client costs no memory for what is wrong with its input until something is. Without memory
 * a reply still has its counts; one that cannot even have those is left to conn_settle(), which
 * sees the buf's error.
 */
#include <inttypes.h>
#include <stdio.h>

#include "base/log.h"
#include "intake/conn.h"

/* False: there were too many such lines of late. */
static bool may_log(const struct conn *c)
{
    struct source *s = c->source;
    uint64_t left_out;

    if (!hush_may(&s->errors, HUSH_LINES, loop_now(c->in->loop), &left_out))
        return false;
    if (left_out > 0)
        log_warn("%s: %" PRIu64 " lines about errors were left out",
                 s->name != NULL ? s->name : "the shared socket", left_out);
    return true;
}

static void log_fault(const struct conn *c, const struct frame_place *at,
                      const struct metric_fault *f)
{
    const char *colon = f->field[0] != 0 ? ": " : "";

    if (!may_log(c))
        return;
    if (at != NULL)
        log_warn("%s: line %" PRIu64 ", byte %" PRIu64 "%s%s: %s", c->name, at->line, at->byte,
                 colon, f->field, f->why);
    else
        log_warn("%s: %s%s%s", c->name, f->field, colon, f->why);
}

void conn_log_more(const struct conn *c)
{
    if (c->faults > MAX_ERRORS && may_log(c))
        log_warn("%s: and %" PRIu32 " more", c->name, c->faults - MAX_ERRORS);
}

static void put_error(struct buf *b, const struct frame_place *at, const struct metric_fault *f)
{
    buf_puts(b, b->n > 0 ? ",{" : "{");
    if (at != NULL) {
        buf_puts(b, "\"line\":");
        buf_put_u64(b, at->line);
        buf_puts(b, ",\"byte\":");
        buf_put_u64(b, at->byte);
        buf_putc(b, ',');
    }
    if (f->field[0] != 0) {
        buf_puts(b, "\"field\":");
        buf_put_json(b, str_of(f->field));
        buf_putc(b, ',');
    }
    buf_puts(b, "\"error\":");
    buf_put_json(b, str_of(f->why));
    buf_putc(b, '}');
}

bool conn_tells(const struct conn *c)
{
    return c->faults < MAX_ERRORS;
}

void conn_reject(struct conn *c, uint32_t lost, const struct frame_place *at,
                 const struct metric_fault *f)
{
    c->rejected += lost;
    c->source->rejected += lost;
    if (c->run == c->source->run)
        c->source->run_rejected += lost;
    if (c->faults++ < MAX_ERRORS) {
        log_fault(c, at, f);
        put_error(&c->errors, at, f);
    }
}

void conn_reject_at(struct conn *c, const struct frame_place *at, const char *why)
{
    struct metric_fault f = {.field = ""};

    if (conn_tells(c))
        (void)snprintf(f.why, sizeof f.why, "%s", why);
    conn_reject(c, 1, at, &f);
}

void conn_reply(struct conn *c)
{
    uint32_t more = c->faults > MAX_ERRORS ? c->faults - MAX_ERRORS : 0;
    struct buf *b = &c->held;

    conn_log_more(c);
    buf_puts(b, "{\"accepted\":");
    buf_put_u64(b, c->accepted);
    buf_puts(b, ",\"rejected\":");
    buf_put_u64(b, c->rejected);
    buf_puts(b, ",\"errors\":[");
    buf_put(b, c->errors.p, buf_ok(&c->errors) ? c->errors.n : 0);
    buf_putc(b, ']');
    if (more > 0) {
        buf_puts(b, ",\"more\":");
        buf_put_u64(b, more);
    }
    buf_puts(b, "}\n");
    c->held_accepted += c->accepted;
    c->accepted = c->rejected = 0;
    c->faults = 0;
    buf_free(&c->errors);
    c->reply_due = false;
}
