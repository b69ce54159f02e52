/* intake/reply.c - what a client is told, and the log with it
 *
 * Each request closes an account, and gets the reply to that one and no other. One with metrics that
 * are not safe yet is held, and so is what was asked for behind it; when the last of its metrics
 * is known to be safe or not, it is written down.
 *
 * Faults are counted all, but written down only up to MAX_ERRORS for each reply, at once as JSON:
 * so a client costs no memory for what is wrong with its input until something is. Without memory
 * a reply still has its counts; a client whose reply cannot even have those, or not be held, is
 * let go: it must not wait for one that never comes.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/number.h"
#include "base/ratelimit.h"
#include "base/text.h"
#include "intake/conn.h"

static const struct rate ERRORS = {.lines = 50, .per_ns = 10 * NS_PER_S, .pause = 10 * NS_PER_S};

/* False: there were too many such lines of late. */
static bool may_log(const struct conn *c)
{
    struct source *s = c->source;
    uint64_t left_out;

    if (!ratelimit_take(&s->errors, &ERRORS, loop_now(c->in->loop), &left_out))
        return false;
    if (left_out > 0)
        log_warn("%s: %" PRIu64 " lines about errors were left out",
                 s->name != NULL ? s->name : "the shared socket", left_out);
    return true;
}

static void log_fault(const struct conn *c, const struct place *at, const struct metric_fault *f)
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

/* Each of the first few faults has a line of its own; these are the others. */
void account_end(const struct conn *c, struct account *a)
{
    if (a->faults > MAX_ERRORS && may_log(c))
        log_warn("%s: and %" PRIu32 " more", c->name, a->faults - MAX_ERRORS);
    buf_free(&a->errors);
    *a = (struct account){0};
}

static void put_error(struct buf *b, const struct place *at, const struct metric_fault *f)
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

/* --- faults --- */

bool conn_tells(const struct conn *c)
{
    return c->account.faults < MAX_ERRORS;
}

static void add_fault(const struct conn *c, struct account *a, const struct place *at,
                      const struct metric_fault *f)
{
    if (a->faults++ < MAX_ERRORS) {
        log_fault(c, at, f);
        put_error(&a->errors, at, f);
    }
}

void conn_reject(struct conn *c, uint32_t lost, const struct place *at,
                 const struct metric_fault *f)
{
    c->account.rejected += lost;
    source_rejected(c, lost);
    add_fault(c, &c->account, at, f);
}

void conn_tell(struct conn *c, const char *why)
{
    struct metric_fault f = {.field = ""};

    (void)snprintf(f.why, sizeof f.why, "%s", why);
    put_error(&c->account.errors, NULL, &f);
}

void conn_reject_at(struct conn *c, const struct place *at, const char *why)
{
    struct metric_fault f = {.field = ""};

    if (conn_tells(c))
        (void)snprintf(f.why, sizeof f.why, "%s", why);
    conn_reject(c, 1, at, &f);
}

/* --- replies --- */

static void put_reply(struct buf *b, const struct account *a)
{
    buf_puts(b, "{\"accepted\":");
    buf_put_u64(b, a->accepted);
    buf_puts(b, ",\"rejected\":");
    buf_put_u64(b, a->rejected);
    buf_puts(b, ",\"errors\":[");
    buf_put(b, a->errors.p, buf_ok(&a->errors) ? a->errors.n : 0);
    buf_putc(b, ']');
    if (a->faults > MAX_ERRORS) {
        buf_puts(b, ",\"more\":");
        buf_put_u64(b, a->faults - MAX_ERRORS);
    }
    buf_puts(b, "}\n");
}

static bool hold(struct conn *c)
{
    struct held_reply *r = calloc(1, sizeof *r);

    if (r == NULL)
        return false;
    r->account = c->account;
    c->account = (struct account){0};
    if (c->held != NULL)
        c->held_last->next = r;
    else
        c->held = r;
    c->held_last = r;
    return true;
}

void conn_reply(struct conn *c)
{
    c->reply_due = false;
    if (c->account.waiting > 0) {
        if (!hold(c))
            c->gone = c->ended = true;
        return;
    }
    put_reply(c->held != NULL ? &c->held_last->behind : &c->out, &c->account);
    account_end(c, &c->account);
}

static void drop_first(struct conn *c)
{
    struct held_reply *r = c->held;

    c->held = r->next;
    account_end(c, &r->account);
    buf_free(&r->behind);
    free(r);
}

static void release(struct conn *c)
{
    while (c->held != NULL && c->held->account.waiting == 0) {
        if (c->paused_since != 0) /* not of this turn: it had to wait */
            c->source->withheld_until = loop_now(c->in->loop);
        put_reply(&c->out, &c->held->account);
        buf_put(&c->out, c->held->behind.p, c->held->behind.n);
        if (!buf_ok(&c->held->behind))
            c->gone = c->ended = true;
        drop_first(c);
    }
}

/* So many of an account's that wait, `most` of them: how many. */
static uint64_t known(const struct conn *c, struct account *a, uint64_t most, const char *why)
{
    uint64_t n = most < a->waiting ? most : a->waiting;
    struct metric_fault f = {.field = ""};

    a->waiting -= n;
    if (why == NULL || n == 0) {
        a->accepted += n;
        return n;
    }
    (void)snprintf(f.why, sizeof f.why, "%s", why);
    a->rejected += n;
    add_fault(c, a, NULL, &f);
    return n;
}

void replies_known(struct conn *c, uint64_t n, const char *why)
{
    for (struct held_reply *r = c->held; r != NULL; r = r->next)
        n -= known(c, &r->account, n, why);
    (void)known(c, &c->account, n, why);
    release(c);
}

void replies_drop(struct conn *c)
{
    while (c->held != NULL)
        drop_first(c);
    buf_free(&c->out);
}
