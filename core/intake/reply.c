/* intake/reply.c - a client's faults and counts, until a reply has them
 *
 * Faults are counted all, but written down only up to REPLY_ERRORS for each reply, at once as JSON:
 * so a client costs no memory for what is wrong with its input until something is. Without memory
 * a reply still has its counts; one that cannot even have those, or not be held, is lost.
 */
#include "intake/reply.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/number.h"
#include "base/text.h"

struct held_reply {
    struct account account;
    struct buf behind; /* replies that came after it and wait for nothing else, as text */
    TAILQ_ENTRY(held_reply) held;
};

static bool may_log(const struct replies *r)
{
    return origin_may_log(r->origin, loop_now(r->loop));
}

static const int64_t SOME = 10 * NS_PER_MS;

bool replies_spells_out(const struct replies *r)
{
    return r->account.faults < REJECTIONS || loop_now(r->loop) - r->origin->remembered >= SOME;
}

/* f NULL: it is not spelled out, and only counted. */
static void remember(const struct replies *r, const struct faulty *who, const struct place *at,
                     const struct metric_fault *f)
{
    struct origin *o = r->origin;
    char text[sizeof f->field + WHY_SIZE + 2];

    if (f == NULL) {
        o->rejections.all++;
        return;
    }
    o->remembered = loop_now(r->loop);
    (void)snprintf(text, sizeof text, "%s%s%s", f->field, f->field[0] != 0 ? ": " : "",
                   f->why.text);
    if (at != NULL && at->byte > 0)
        remark_set(&o->fault, "line %" PRIu64 ", byte %" PRIu64 ": %s", at->line, at->byte, text);
    else if (at != NULL) /* as a converter may know it */
        remark_set(&o->fault, "line %" PRIu64 ": %s", at->line, text);
    else
        remark_set(&o->fault, "%s", text);
    rejections_add(&o->rejections, &(struct rejection){.at = o->fault.at,
                                                       .line = at != NULL ? at->line : 0,
                                                       .byte = at != NULL ? at->byte : 0,
                                                       .who = *who,
                                                       .text = str_of(text)});
}

/* Each of the first few faults has a line of its own; these are the others. */
static void end_account(const struct replies *r, struct account *a)
{
    if (a->unlogged > 0 && may_log(r))
        log_warn("%s: and %" PRIu32 " more", r->name, a->unlogged);
    buf_free(&a->errors);
    *a = (struct account){0};
}

static void put_error(struct buf *b, const struct place *at, const struct metric_fault *f)
{
    buf_puts(b, b->n > 0 ? ",{" : "{");
    if (at != NULL) {
        buf_puts(b, "\"line\":");
        buf_put_u64(b, at->line);
        if (at->byte > 0) {
            buf_puts(b, ",\"byte\":");
            buf_put_u64(b, at->byte);
        }
        buf_putc(b, ',');
    }
    if (f->field[0] != 0) {
        buf_puts(b, "\"field\":");
        buf_put_json(b, str_of(f->field));
        buf_putc(b, ',');
    }
    buf_puts(b, "\"error\":");
    buf_put_json(b, str_of(f->why.text));
    buf_putc(b, '}');
}

/* --- accounts --- */

static void add_fault(const struct replies *r, struct account *a, const struct faulty *who,
                      const struct place *at, const struct metric_fault *f)
{
    remember(r, who, at, replies_spells_out(r) ? f : NULL);
    if (a->faults++ >= REPLY_ERRORS) {
        a->unlogged++;
        return;
    }
    if (may_log(r))
        log_warn("%s: %s", r->name, r->origin->fault.text);
    put_error(&a->errors, at, f);
}

void replies_accept(struct replies *r, uint64_t n, uint64_t ticket)
{
    if (ticket == 0) {
        r->account.accepted += n;
        return;
    }
    inflight_add(&r->inflight, ticket, n);
    r->account.waiting += n;
}

void replies_reject(struct replies *r, uint64_t n, const struct faulty *who, const struct place *at,
                    const struct metric_fault *f)
{
    r->account.rejected += n;
    add_fault(r, &r->account, who, at, f);
}

void replies_refuse(struct replies *r, const struct faulty *who, const struct place *at,
                    const struct metric_fault *f)
{
    r->account.rejected++;
    remember(r, who, at, f);
    if (r->account.faults++ < REPLY_ERRORS && f != NULL)
        put_error(&r->account.errors, at, f);
}

void replies_note(struct replies *r, const char *why)
{
    struct metric_fault f = {.field = ""};

    why_set(&f.why, "%s", why);
    put_error(&r->account.errors, NULL, &f);
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
    if (a->faults > REPLY_ERRORS) {
        buf_puts(b, ",\"more\":");
        buf_put_u64(b, a->faults - REPLY_ERRORS);
    }
    buf_puts(b, "}\n");
}

static bool hold_reply(struct replies *r)
{
    struct held_reply *h = calloc(1, sizeof *h);

    if (h == NULL)
        return false;
    h->account = r->account;
    r->account = (struct account){0};
    TAILQ_INSERT_TAIL(&r->held, h, held);
    return true;
}

void replies_close(struct replies *r)
{
    struct held_reply *last = TAILQ_LAST(&r->held, held_replies);

    if (r->account.waiting > 0) {
        r->lost |= !hold_reply(r);
        return;
    }
    put_reply(last != NULL ? &last->behind : &r->out, &r->account);
    end_account(r, &r->account);
}

static void drop_held(struct replies *r)
{
    struct held_reply *h = TAILQ_FIRST(&r->held);

    TAILQ_REMOVE(&r->held, h, held);
    end_account(r, &h->account);
    buf_free(&h->behind);
    free(h);
}

static void release_replies(struct replies *r)
{
    struct held_reply *h;

    /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): it does not follow the list's aliases */
    while ((h = TAILQ_FIRST(&r->held)) != NULL && h->account.waiting == 0) {
        put_reply(&r->out, &h->account);
        buf_put(&r->out, h->behind.p, h->behind.n);
        r->lost |= !buf_ok(&h->behind);
        drop_held(r);
    }
}

/* So many of an account's that wait, `most` of them: how many. */
static uint64_t settle_account(const struct replies *r, struct account *a, uint64_t most,
                               const char *why)
{
    uint64_t n = most < a->waiting ? most : a->waiting;
    struct metric_fault f = {.field = ""};

    a->waiting -= n;
    if (why == NULL || n == 0) {
        a->accepted += n;
        return n;
    }
    why_set(&f.why, "%s", why);
    a->rejected += n;
    add_fault(r, a, &(struct faulty){.name = {"", 0}}, NULL, &f);
    return n;
}

bool replies_known(struct replies *r, uint64_t ticket, const char *why)
{
    uint64_t n = inflight_settle(&r->inflight, ticket);
    struct held_reply *h;

    if (n == 0)
        return false;
    TAILQ_FOREACH (h, &r->held, held)
        n -= settle_account(r, &h->account, n, why);
    (void)settle_account(r, &r->account, n, why);
    release_replies(r);
    return true;
}

bool replies_held(const struct replies *r)
{
    return !TAILQ_EMPTY(&r->held);
}

/* --- on their way --- */

bool replies_lost(const struct replies *r)
{
    return r->lost || !buf_ok(&r->out);
}

bool replies_send(struct replies *r, int fd)
{
    struct buf *out = &r->out;

    while (out->n > 0) {
        ssize_t n = send(fd, out->p, out->n, MSG_DONTWAIT | MSG_NOSIGNAL);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno == EAGAIN;
        buf_drop(out, (size_t)n);
    }
    buf_free(out);
    return true;
}

/* --- beginning and end --- */

void replies_init(struct replies *r, struct origin *s, const struct loop *l, const char *name)
{
    *r = (struct replies){.origin = s, .loop = l, .name = name};
    TAILQ_INIT(&r->held);
}

void replies_drop(struct replies *r)
{
    while (replies_held(r))
        drop_held(r);
    buf_free(&r->out);
}

void replies_free(struct replies *r)
{
    replies_drop(r);
    end_account(r, &r->account);
    inflight_free(&r->inflight);
}
