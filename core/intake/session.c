/* intake/session.c - what one client says: bytes -> objects -> metrics in the batch
 *
 * Reads the bytes where they are; only what an unfinished object has so far is copied and kept.
 * When the scanner goes back to a line within a broken object, that line may be among what was
 * kept. Without memory an object is rejected and says so.
 */
#include "intake/session.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/number.h"
#include "intake/json_text.h"
#include "intake/quick.h"

enum {
    INFLATION = 16,          /* bytes of records for each byte of max_value */
    KEEP_PARTIAL = 64 * 1024 /* memory that stays with a session */
};

/* --- rejecting --- */

static const struct faulty NAMELESS = {.name = {"", 0}};

static void reject(struct session *s, uint32_t lost, const struct faulty *who,
                   const struct place *at, const struct metric_fault *f)
{
    origin_rejected(s->origin, s->run, lost);
    replies_reject(&s->replies, lost, who, at, f);
}

static void reject_for(struct session *s, uint32_t lost, const struct place *at, const char *why)
{
    struct metric_fault f = {.field = ""};

    if (replies_spells_out(&s->replies))
        why_set(&f.why, "%s", why);
    reject(s, lost, &NAMELESS, at, &f);
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
    struct faulty who = NAMELESS;
    struct place at = {0};

    if (replies_spells_out(&s->replies)) { /* each costs a walk over the object */
        at = frame_place(&s->frame, o->bytes, f->offset);
        who = (struct faulty){f->name.n > 0 ? f->name : member_name(o->bytes), f->values};
    }
    reject(s, 1, &who, &at, &f->what);
}

/* The place is in what the sender has read, and not in what it sends. */
static void take_told(struct session *s, const struct json_fault *f)
{
    const struct place at = {f->line, f->byte};

    reject(s, 1, &(struct faulty){.name = f->name}, f->line > 0 ? &at : NULL, &f->what);
}

/* Long tags beside many values would make hundreds of megabytes of one small object. */
static bool is_inflated(const struct object *o)
{
    return o->made > INFLATION * o->session->frame.max_value;
}

/* Within what its user may send. Else it is refused; the log has said so for the user (users.h). */
static bool user_admits(struct session *s, const struct metric *m, int64_t now)
{
    static struct metric_fault f;
    bool told = replies_spells_out(&s->replies);
    enum user_answer answer;

    if (s->user == NULL)
        return true;
    answer = user_may(s->user, m, now, told ? &f : NULL);
    if (answer == USER_NO_MEMORY) {
        reject_for(s, 1, &s->frame.start, "no memory to count this series");
    } else if (answer == USER_BEYOND) {
        origin_rejected(s->origin, s->run, 1);
        replies_refuse(&s->replies, &(struct faulty){.name = m->name}, &s->frame.start,
                       told ? &f : NULL);
    }
    return answer == USER_MAY;
}

static void take_good(void *arg, const struct metric *m)
{
    static struct metric_fault f; /* on the stack it would be zeroed for each metric */
    struct object *o = arg;
    struct session *s = o->session;
    int64_t now = loop_now(s->common->loop);
    size_t size;

    if (is_inflated(o)) {
        reject_for(s, 1, &s->frame.start,
                   "its metrics are too much for one object: split values, or shorten tags");
    } else if (!quota_metric(s->quota, m, now, &f)) {
        reject(s, 1, &(struct faulty){.name = m->name}, &s->frame.start, &f);
    } else if (!user_admits(s, m, now)) {
        return;
    } else if ((size = intake_batch_put(&s->common->batch, &s->part, m)) == 0) {
        reject_for(s, 1, &s->frame.start, "no memory");
    } else {
        o->made += size;
        names_saw(&s->common->names, m, now);
        if (s->user != NULL)
            user_took(s->user, size, now);
    }
}

static void request_reply(struct session *s)
{
    s->reply_due = true;
    intake_batch_join(&s->common->batch, &s->part);
}

static struct json_defaults defaults_now(const struct session *s)
{
    struct json_defaults d = s->origin->set.defaults;

    d.now_ns = clock_wall();
    d.time_ns = s->slot_ns != 0 ? s->slot_ns : d.now_ns;
    d.limits = &s->common->metric_limits;
    return d;
}

/* What the quick reader has made of an object. */
static void take_quickly(struct object *o, const struct metric *m, const struct json_defaults *d)
{
    for (; m != NULL; m = quick_next(d))
        take_good(o, m);
}

/* One that frame.h has found: it came in pieces, or in an array, or is none of the common ones. */
static void read_object(struct session *s, struct str bytes, const struct json_defaults *d)
{
    static struct json_fault f; /* as in take_good() */
    struct object o = {.session = s, .bytes = bytes};
    struct json_sink sink = {&o, take_good, take_bad};
    const struct metric *m;
    enum json_result r;
    size_t used;

    if (bytes.s == NULL)
        reject_for(s, 1, &s->frame.start, "no memory");
    else if ((m = quick_read(bytes.s, bytes.n, d, &used)) != NULL)
        take_quickly(&o, m, d);
    else if ((r = json_read(bytes.s, bytes.n, d, &sink, &f)) == JSON_ACK)
        request_reply(s);
    else if (r == JSON_FAULT)
        take_bad(&o, &f);
    else if (r == JSON_TOLD)
        take_told(s, &f);
}

/* Those that stand here as a whole, from p on; where the quick reader declines. */
static const char *read_quickly(struct session *s, const char *p, const char *end,
                                const struct json_defaults *d)
{
    while (frame_between(&s->frame)) {
        struct object o = {.session = s};
        const struct metric *m;
        size_t n, used;

        p += frame_blanks(&s->frame, p, (size_t)(end - p));
        n = (size_t)(end - p);
        m = quick_read(p, n < s->frame.max_value ? n : s->frame.max_value, d, &used);
        if (m == NULL)
            break;
        session_flush(s);
        frame_pass(&s->frame, used);
        take_quickly(&o, m, d);
        p += used;
    }
    return p;
}

/* --- bytes --- */

static void take_bytes(struct session *s, const char *p, size_t n, const struct json_defaults *d);

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
        reject_for(s, 1, &f->fault, f->why.text);
}

/* The last n bytes of what was kept, once more. All their faults are in them: it goes no deeper. */
static void take_kept(struct session *s, size_t n, const struct json_defaults *d)
{
    struct buf kept = s->partial;

    s->partial = (struct buf){0};
    take_bytes(s, kept.p + kept.n - n, n, d);
    buf_free(&kept);
}

/* A fault at p; the bytes at hand began at `begin`. Where to go on. */
static const char *after_fault(struct session *s, const char *begin, const char *p,
                               const struct json_defaults *d)
{
    size_t here = (size_t)(p - begin), again = s->frame.again;

    reject_for(s, 1, &s->frame.fault, s->frame.why.text);
    if (again > here) {
        take_kept(s, again - here, d);
        return begin;
    }
    drop_partial(s);
    return p - again;
}

static void take_bytes(struct session *s, const char *p, size_t n, const struct json_defaults *d)
{
    const char *begin = p, *end = p + n;

    while ((p = read_quickly(s, p, end, d)) < end) {
        size_t used;
        enum frame_result r = frame_scan(&s->frame, p, (size_t)(end - p), &used);

        p += used;
        if (r == FRAME_MORE) {
            keep_partial(s, end, used);
            break;
        }
        session_flush(s);
        if (r == FRAME_FAULT) {
            p = after_fault(s, begin, p, d);
        } else {
            read_object(s, whole_object(s, p, used), d);
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
        s->unfinished_since = loop_now(s->common->loop);
    }
}

void session_take(struct session *s, const char *p, size_t n)
{
    struct json_defaults d = defaults_now(s);

    take_bytes(s, p, n, &d);
    watch_unfinished(s);
}

void session_excuse(struct session *s, int64_t ns)
{
    if (s->unfinished_since != 0)
        s->unfinished_since += ns;
}

/* What is unfinished will not be finished. */
static void cut(struct session *s, const char *why)
{
    struct frame *f = &s->frame;

    while (frame_end(f, why) == FRAME_FAULT) {
        struct json_defaults d = defaults_now(s);

        reject_for(s, 1, &f->fault, f->why.text);
        if (f->again > 0)
            take_kept(s, f->again, &d);
    }
    drop_partial(s);
    s->unfinished_since = 0;
}

void session_expire(struct session *s, int64_t idle)
{
    struct buf why = {0};

    buf_puts(&why, "unfinished for ");
    units_put_duration(&why, idle);
    buf_putc(&why, 0);
    cut(s, buf_ok(&why) ? why.p : "unfinished for too long");
    buf_free(&why);
}

void session_end(struct session *s, const char *why)
{
    cut(s, why);
    request_reply(s);
}

void session_over_quota(struct session *s)
{
    struct metric_fault f;

    quota_over(s->quota, &f);
    reject(s, 1, &NAMELESS, NULL, &f);
    session_end(s, "unfinished when the limit was reached");
}

void session_descriptors(struct session *s)
{
    reject_for(s, 1, NULL, "descriptors were passed along with what comes here: not read");
    session_end(s, "unfinished where descriptors were passed along");
}

void session_flush(struct session *s)
{
    if (s->reply_due)
        intake_batch_commit(&s->common->batch);
}

/* --- what becomes of the metrics --- */

static void on_settled(void *arg, uint32_t metrics, const struct intake_fate *fate)
{
    struct session *s = arg;

    if (fate->why != NULL && metrics > 0) {
        reject_for(s, metrics, NULL, fate->why);
        origin_withhold(s->origin, loop_now(s->common->loop));
    } else if (metrics > 0) {
        origin_taken(s->origin, s->run, metrics, fate->ticket);
        replies_accept(&s->replies, metrics, fate->ticket);
    }
    if (s->reply_due)
        replies_close(&s->replies);
    s->reply_due = false;
}

bool session_idle(const struct session *s)
{
    return !replies_held(&s->replies) && s->replies.out.n == 0 && s->part.metrics == 0 &&
           !s->reply_due;
}

/* --- beginning and end --- */

void session_init(struct session *s, struct session_common *common, struct origin *origin,
                  const struct ucred *peer)
{
    *s = (struct session){.common = common,
                          .origin = origin,
                          .run = origin->run,
                          .slot_ns = origin->slot_ns,
                          .quota = &origin->quota,
                          .part = {.settled = on_settled, .arg = s}};
    if (origin->set.collector != NULL) {
        (void)snprintf(s->name, sizeof s->name, "collector %s", origin->set.collector);
    } else {
        (void)snprintf(s->name, sizeof s->name, "pid %ld uid %lu", (long)peer->pid,
                       (unsigned long)peer->uid);
        s->user = user_enter(&common->users, peer->uid, loop_now(common->loop));
    }
    origin_use(origin);
    frame_init(&s->frame, (uint32_t)common->limits.max_depth, (size_t)common->limits.max_value);
    replies_init(&s->replies, origin, common->loop, s->name);
}

void session_free(struct session *s)
{
    intake_batch_leave(&s->common->batch, &s->part);
    replies_free(&s->replies);
    buf_free(&s->partial);
    if (s->user != NULL)
        user_leave(s->user);
    origin_unuse(s->origin);
}

void session_common_init(struct session_common *common, struct loop *l, intake_commit_fn *commit,
                         void *arg)
{
    common->loop = l;
    intake_batch_init(&common->batch, commit, arg);
    users_init(&common->users, l, &common->limits.per_user);
    names_init(&common->names);
}

void session_common_free(struct session_common *common)
{
    intake_batch_free(&common->batch);
    users_free(&common->users);
    names_free(&common->names);
}
