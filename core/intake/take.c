/* intake/take.c - what a connection has sent: bytes -> objects -> metrics in the batch
 *
 * Scans the bytes where they are; only what an unfinished object has so far is copied and kept.
 * When the scanner goes back to a line within a broken object, that line may be among what was
 * kept.
 *
 * Nothing here ends the daemon. Without memory an object is rejected and says so.
 */
#include "base/clock.h"
#include "intake/conn.h"
#include "model/record.h"

/* --- objects --- */

struct taking { /* one object of one client */
    struct conn *c;
    struct str bytes;
    size_t made; /* bytes of records */
};

static struct place place_in(const struct taking *t, size_t offset)
{
    struct place at = t->c->frame.start;

    for (size_t i = 0; i < offset && i < t->bytes.n; i++)
        if (t->bytes.s[i] == '\n')
            at = (struct place){at.line + 1, 1};
        else
            at.byte++;
    return at;
}

static void take_fault(void *arg, const struct json_fault *f)
{
    struct taking *t = arg;
    struct place at = {0};

    if (conn_tells(t->c)) /* to find the place costs a walk over the object */
        at = place_in(t, f->offset);
    conn_reject(t->c, 1, &at, &f->what);
}

/* Against the limits of the run. */
static bool admit(const struct taking *t, const struct metric *m)
{
    struct source *s = t->c->source;
    struct metric_fault f;

    switch (quota_metric(&s->quota, m, loop_now(t->c->in->loop), &f)) {
    case QUOTA_OK:
        return true;
    case QUOTA_SERIES:
        s->limited_series++;
        break;
    case QUOTA_METRICS:
        s->limited_metrics++;
        break;
    case QUOTA_NO_MEMORY:
        break;
    }
    conn_reject(t->c, 1, &t->c->frame.start, &f);
    return false;
}

static bool put(struct taking *t, const struct metric *m)
{
    struct buf *b = &t->c->in->batch;
    size_t before = b->n;

    record_put(b, m);
    if (buf_ok(b)) {
        t->made += b->n - before;
        return true;
    }
    intake_commit(t->c->in); /* what is in there is whole; once it is out there is room again */
    conn_reject_at(t->c, &t->c->frame.start, "no memory");
    return false;
}

/* Long tags beside many values would make hundreds of megabytes of one small object. */
static bool inflated(struct taking *t)
{
    if (t->made <= INFLATION * t->c->frame.max_value)
        return false;
    conn_reject_at(t->c, &t->c->frame.start,
                   "its metrics are too much for one object: split values, or shorten tags");
    return true;
}

static void take_metric(void *arg, const struct metric *m)
{
    struct taking *t = arg;
    struct intake *in = t->c->in;

    if (inflated(t) || !admit(t, m) || !put(t, m))
        return;
    in->count++;
    t->c->in_batch++;
    if (in->batch.n >= BATCH_FULL)
        intake_commit(in);
}

static void take_object(struct conn *c, struct str bytes, int64_t now)
{
    const struct source *s = c->source;
    struct taking t = {.c = c, .bytes = bytes};
    struct json_defaults d = {
        .collector = s->name != NULL ? str_of(s->name) : (struct str){"", 0},
        .prefix = s->prefix != NULL ? str_of(s->prefix) : (struct str){"", 0},
        .tags = s->tags,
        .ntags = s->ntags,
        .time_ns = c->slot_ns != 0 ? c->slot_ns : now,
        .interval_ns = s->interval_ns,
        .now_ns = now,
        .limits = &c->in->metric_limits,
        .strangers = true,
    };
    struct json_sink sink = {&t, take_metric, take_fault};
    struct json_fault f;

    if (bytes.s == NULL) {
        conn_reject_at(c, &c->frame.start, "no memory");
        return;
    }
    switch (json_read(bytes.s, bytes.n, &d, &sink, &f)) {
    case JSON_ACK:
        c->reply_due = true;
        break;
    case JSON_FAULT:
        take_fault(&t, &f);
        break;
    default:
        break;
    }
}

/* --- bytes --- */

static void drop_partial(struct conn *c)
{
    if (c->partial.cap > READ_SIZE)
        buf_free(&c->partial);
    else
        buf_reset(&c->partial);
}

/* The object that ends at p: its bytes in one piece; .s is NULL for want of memory. */
static struct str whole_object(struct conn *c, const char *p, size_t used)
{
    if (c->partial.n == 0)
        return (struct str){p - c->frame.length, c->frame.length};
    buf_put(&c->partial, p - used, used);
    return (struct str){buf_ok(&c->partial) ? c->partial.p : NULL, c->partial.n};
}

static void keep_partial(struct conn *c, const char *end, size_t left)
{
    struct frame *f = &c->frame;
    size_t n = c->partial.n > 0 ? left : f->length;

    if (f->length > 0)
        buf_put(&c->partial, end - n, n);
    else
        drop_partial(c);
    if (buf_ok(&c->partial))
        return;
    drop_partial(c);
    if (frame_lose(f, "no memory") == FRAME_FAULT)
        conn_reject_at(c, &f->fault, f->why);
}

/* The last n bytes of what was kept, once more. They hold whatever faults they have, so this goes
 * one level deep and no deeper. */
static void take_kept(struct conn *c, size_t n, int64_t now)
{
    struct buf kept = c->partial;

    c->partial = (struct buf){0};
    take_bytes(c, kept.p + kept.n - n, n, now);
    buf_free(&kept);
}

/* A fault at p; the bytes at hand began at `begin`. Where to go on. */
static const char *after_fault(struct conn *c, const char *begin, const char *p, int64_t now)
{
    size_t here = (size_t)(p - begin), again = c->frame.again;

    conn_reject_at(c, &c->frame.fault, c->frame.why);
    if (again > here) {
        take_kept(c, again - here, now);
        return begin;
    }
    drop_partial(c);
    return p - again;
}

void take_bytes(struct conn *c, const char *p, size_t n, int64_t now)
{
    const char *begin = p, *end = p + n;

    while (p < end) {
        size_t used;
        enum frame_result r = frame_scan(&c->frame, p, (size_t)(end - p), &used);

        p += used;
        if (r == FRAME_MORE) {
            keep_partial(c, end, used);
            break;
        }
        if (c->reply_due) /* more after a request: it must not count what follows */
            intake_commit(c->in);
        if (r == FRAME_FAULT) {
            p = after_fault(c, begin, p, now);
        } else {
            take_object(c, whole_object(c, p, used), now);
            drop_partial(c);
        }
    }
}

void take_cut(struct conn *c, const char *why)
{
    struct frame *f = &c->frame;

    while (frame_end(f, why) == FRAME_FAULT) {
        conn_reject_at(c, &f->fault, f->why);
        if (f->again > 0)
            take_kept(c, f->again, clock_wall());
    }
    drop_partial(c);
}
