/* intake/session.c - what one client says: bytes -> objects -> metrics in the batch
 *
 * Scans the bytes where they are; only what an unfinished object has so far is copied and kept.
 * When the scanner goes back to a line within a broken object, that line may be among what was
 * kept. Without memory an object is rejected and says so.
 */
#include "intake/session.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/loop.h"
#include "base/why.h"
#include "intake/json.h"
#include "intake/quota.h"

enum {
    INFLATION = 16,          /* bytes of records for each byte of max_value */
    KEEP_PARTIAL = 64 * 1024 /* memory that stays with a session */
};

/* --- rejecting --- */

static void reject_at(struct session *s, const struct place *at, const struct metric_fault *f)
{
    origin_rejected(s->origin, s->run, 1);
    replies_reject(&s->replies, 1, at, f);
}

static void reject_for(struct session *s, const struct place *at, const char *why)
{
    struct metric_fault f = {.field = ""};

    if (replies_spells_out(&s->replies))
        why_set(&f.why, "%s", why);
    reject_at(s, at, &f);
}

void session_reject(struct session *s, uint32_t lost, const struct metric_fault *f)
{
    origin_rejected(s->origin, s->run, lost);
    replies_reject(&s->replies, lost, NULL, f);
}

/* --- objects --- */

struct object { /* at hand */
    struct session *session;
    struct str bytes;
    size_t made; /* bytes of records */
};

static void take_bad(void *arg, const struct json_fault *f)
{
    const struct object *o = arg;
    struct session *s = o->session;
    struct place at = {0};

    if (replies_spells_out(&s->replies)) /* to find the place costs a walk over the object */
        at = frame_place(&o->session->frame, o->bytes, f->offset);
    reject_at(s, &at, &f->what);
}

/* Long tags beside many values would make hundreds of megabytes of one small object. */
static bool is_inflated(const struct object *o)
{
    return o->made > INFLATION * o->session->frame.max_value;
}

static void take_good(void *arg, const struct metric *m)
{
    struct object *o = arg;
    struct session *s = o->session;
    const struct place *start = &s->frame.start;
    struct metric_fault f;
    size_t size;

    if (is_inflated(o)) {
        reject_for(s, start,
                   "its metrics are too much for one object: split values, or shorten tags");
    } else if (!quota_metric(origin_quota(s->origin), m, loop_now(s->loop), &f)) {
        reject_at(s, start, &f);
    } else if ((size = intake_batch_put(s->batch, &s->part, m)) == 0) {
        reject_for(s, start, "no memory");
    } else {
        o->made += size;
    }
}

static void request_reply(struct session *s)
{
    s->reply_due = true;
    intake_batch_join(s->batch, &s->part);
}

static void read_object(struct session *s, struct str bytes, int64_t now)
{
    struct json_defaults d = origin_defaults(s->origin);
    struct object o = {.session = s, .bytes = bytes};
    struct json_sink sink = {&o, take_good, take_bad};
    struct json_fault f;

    d.time_ns = s->slot_ns != 0 ? s->slot_ns : now;
    d.now_ns = now;
    d.limits = s->limits;
    if (bytes.s == NULL) {
        reject_for(s, &s->frame.start, "no memory");
        return;
    }
    switch (json_read(bytes.s, bytes.n, &d, &sink, &f)) {
    case JSON_ACK:
        request_reply(s);
        break;
    case JSON_FAULT:
        take_bad(&o, &f);
        break;
    default:
        break;
    }
}

/* --- bytes --- */

static void take_bytes(struct session *s, const char *p, size_t n, int64_t now);

static void drop_partial(struct session *s)
{
    if (s->partial.cap > KEEP_PARTIAL)
        buf_free(&s->partial);
    else
        buf_reset(&s->partial);
}

/* The object that ends at p: its bytes in one piece; .s is NULL for want of memory. */
static struct str whole_object(struct session *s, const char *p, size_t used)
{
    if (s->partial.n == 0)
        return (struct str){p - s->frame.length, s->frame.length};
    buf_put(&s->partial, p - used, used);
    return (struct str){buf_ok(&s->partial) ? s->partial.p : NULL, s->partial.n};
}

static void keep_partial(struct session *s, const char *end, size_t left)
{
    struct frame *f = &s->frame;
    size_t n = s->partial.n > 0 ? left : f->length;

    if (f->length > 0)
        buf_put(&s->partial, end - n, n);
    else
        drop_partial(s);
    if (buf_ok(&s->partial))
        return;
    drop_partial(s);
    if (frame_lose(f, "no memory") == FRAME_FAULT)
        reject_for(s, &f->fault, f->why.text);
}

/* The last n bytes of what was kept, once more. They hold whatever faults they have, so this goes
 * one level deep and no deeper. */
static void take_kept(struct session *s, size_t n, int64_t now)
{
    struct buf kept = s->partial;

    s->partial = (struct buf){0};
    take_bytes(s, kept.p + kept.n - n, n, now);
    buf_free(&kept);
}

/* A fault at p; the bytes at hand began at `begin`. Where to go on. */
static const char *after_fault(struct session *s, const char *begin, const char *p, int64_t now)
{
    size_t here = (size_t)(p - begin), again = s->frame.again;

    reject_for(s, &s->frame.fault, s->frame.why.text);
    if (again > here) {
        take_kept(s, again - here, now);
        return begin;
    }
    drop_partial(s);
    return p - again;
}

static void take_bytes(struct session *s, const char *p, size_t n, int64_t now)
{
    const char *begin = p, *end = p + n;

    while (p < end) {
        size_t used;
        enum frame_result r = frame_scan(&s->frame, p, (size_t)(end - p), &used);

        p += used;
        if (r == FRAME_MORE) {
            keep_partial(s, end, used);
            break;
        }
        session_flush(s);
        if (r == FRAME_FAULT) {
            p = after_fault(s, begin, p, now);
        } else {
            read_object(s, whole_object(s, p, used), now);
            drop_partial(s);
        }
    }
}

/* Notes since when a value has been unfinished. */
static void watch_unfinished(struct session *s)
{
    const struct place *start = &s->frame.start;

    if (!frame_inside(&s->frame)) {
        s->unfinished_since = 0;
    } else if (s->unfinished_since == 0 || s->unfinished.line != start->line ||
               s->unfinished.byte != start->byte) {
        s->unfinished = *start;
        s->unfinished_since = loop_now(s->loop);
    }
}

void session_take(struct session *s, const char *p, size_t n)
{
    take_bytes(s, p, n, clock_wall());
    watch_unfinished(s);
}

int64_t session_unfinished_since(const struct session *s)
{
    return s->unfinished_since;
}

void session_excuse(struct session *s, int64_t ns)
{
    if (s->unfinished_since != 0)
        s->unfinished_since += ns;
}

void session_cut(struct session *s, const char *why)
{
    struct frame *f = &s->frame;

    while (frame_end(f, why) == FRAME_FAULT) {
        reject_for(s, &f->fault, f->why.text);
        if (f->again > 0)
            take_kept(s, f->again, clock_wall());
    }
    drop_partial(s);
    s->unfinished_since = 0;
}

void session_end(struct session *s, const char *why)
{
    session_cut(s, why);
    request_reply(s);
}

void session_flush(struct session *s)
{
    if (s->reply_due)
        intake_batch_commit(s->batch);
}

/* --- what becomes of the metrics --- */

static void on_settled(void *arg, uint32_t metrics, const struct intake_fate *fate)
{
    struct session *s = arg;
    uint64_t ticket = fate->later ? fate->ticket : 0;

    if (fate->why != NULL && metrics > 0) {
        struct metric_fault f = {.field = ""};

        why_set(&f.why, "%s", fate->why);
        session_reject(s, metrics, &f);
        origin_withhold(s->origin, loop_now(s->loop));
    } else if (metrics > 0) {
        origin_taken(s->origin, s->run, metrics, ticket);
        replies_accept(&s->replies, metrics, ticket);
    }
    if (s->reply_due)
        replies_close(&s->replies);
    s->reply_due = false;
}

bool session_known(struct session *s, uint64_t ticket, const char *why)
{
    if (!replies_known(&s->replies, ticket, why))
        return false;
    if (why != NULL)
        origin_withhold(s->origin, loop_now(s->loop));
    return true;
}

bool session_idle(const struct session *s)
{
    return !replies_held(&s->replies) && replies_unsent(&s->replies) == 0 && s->part.metrics == 0 &&
           !s->reply_due;
}

/* --- beginning and end --- */

void session_init(struct session *s, const struct session_setup *setup)
{
    *s = (struct session){
        .origin = setup->origin,
        .run = origin_run_number(setup->origin),
        .slot_ns = origin_slot(setup->origin),
        .loop = setup->loop,
        .limits = setup->limits,
        .batch = setup->batch,
        .part = {.settled = on_settled, .arg = s},
    };
    origin_use(s->origin);
    frame_init(&s->frame, setup->max_depth, setup->max_value);
    replies_init(&s->replies, s->origin, s->loop, setup->name);
}

void session_free(struct session *s)
{
    intake_batch_leave(s->batch, &s->part);
    replies_free(&s->replies);
    buf_free(&s->partial);
    origin_unuse(s->origin);
}
