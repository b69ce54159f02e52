/* fuzz_intake.c - what a client sends: bytes -> objects -> metrics -> records
 *
 * The first byte says how long the pieces are in which the rest arrives; what comes of it must be
 * the same as when it arrives whole, and when the quick reader is asked first. Each metric is valid, and comes back from its record as it was.
 */
#include "fuzz.h"
#include "intake/frame.h"
#include "intake/json.h"
#include "intake/quick.h"
#include "model/record.h"

enum { DEPTH = 8, LONGEST = 4096, NOW = 1700000000 };

static const struct metric_limits limits = {.max_name = 64, .max_tags = 4, .max_tag = 64};

static const struct json_defaults defaults = {
    .limits = &limits, .time_ns = NOW * INT64_C(1000000000), .now_ns = NOW * INT64_C(1000000000)};

struct stream {
    struct frame frame;
    struct buf kept;
    struct buf out; /* all that came of it, in bytes */
    bool quick;     /* that reader is asked first */
};

static void take_metric(void *arg, const struct metric *m)
{
    static struct metric back;
    struct stream *s = arg;
    struct metric_fault fault;
    struct buf one = {0}, again = {0};

    HOLDS(metric_check(m, &limits, &fault));
    record_put(&one, m);
    HOLDS(buf_ok(&one) && record_get(one.p, one.n, &back) == one.n);
    record_put(&again, &back);
    HOLDS(again.n == one.n && memcmp(again.p, one.p, one.n) == 0);
    buf_put(&s->out, one.p, one.n);
    buf_free(&one);
    buf_free(&again);
}

static void take_quickly(struct stream *s, const struct metric *m)
{
    for (; m != NULL; m = quick_next(&defaults))
        take_metric(s, m);
}

static void take_fault(void *arg, const struct json_fault *f)
{
    struct stream *s = arg;

    buf_putf(&s->out, "bad at %zu: %s %s\n", f->offset, f->what.field, f->what.why.text);
}

static void take_object(struct stream *s, const char *p, size_t n)
{
    const struct json_sink sink = {s, take_metric, take_fault};
    const struct metric *m = NULL;
    struct json_fault f;
    char *exact = malloc(n); /* to the byte, for the sanitizer's sake */
    size_t used;

    HOLDS(exact != NULL);
    memcpy(exact, p, n);
    if (s->quick)
        m = quick_read(exact, n, &defaults, &used);
    if (m != NULL) {
        HOLDS(used == n);
        take_quickly(s, m);
        free(exact);
        return;
    }
    switch (json_read(exact, n, &defaults, &sink, &f)) {
    case JSON_FAULT:
        HOLDS(f.offset <= n);
        take_fault(s, &f);
        break;
    case JSON_ACK:
        buf_puts(&s->out, "ack\n");
        break;
    case JSON_TOLD:
        buf_putf(&s->out, "told of %llu:%llu %s\n", (unsigned long long)f.line,
                 (unsigned long long)f.byte, f.what.why.text);
        break;
    case JSON_METRICS:
        break;
    }
    free(exact);
}

static void feed(struct stream *s, const char *p, size_t n);

static void feed_again(struct stream *s)
{
    struct buf again = {0};

    HOLDS(s->frame.again <= s->kept.n);
    buf_put(&again, s->kept.p + s->kept.n - s->frame.again, s->frame.again);
    buf_reset(&s->kept);
    feed(s, again.p, again.n);
    buf_free(&again);
}

static void take_scan(struct stream *s, enum frame_result r)
{
    struct frame *f = &s->frame;

    HOLDS(f->length <= s->kept.n && f->length <= LONGEST);
    if (r == FRAME_OBJECT)
        take_object(s, s->kept.p + s->kept.n - f->length, f->length);
    if (r == FRAME_FAULT) {
        buf_putf(&s->out, "%llu:%llu %s\n", (unsigned long long)f->fault.line,
                 (unsigned long long)f->fault.byte, f->why.text);
        if (f->again > 0)
            feed_again(s);
        else
            buf_reset(&s->kept);
        return;
    }
    buf_drop(&s->kept, s->kept.n - f->length);
}

/* Up to where the quick reader declines, as a session does (intake/session.c). */
static size_t feed_quickly(struct stream *s, const char *p, size_t n)
{
    size_t at = 0, used;
    const struct metric *m;

    while (s->quick && frame_between(&s->frame)) {
        size_t left = n - (at += frame_blanks(&s->frame, p + at, n - at));

        m = quick_read(p + at, left < LONGEST ? left : LONGEST, &defaults, &used);
        if (m == NULL)
            break;
        HOLDS(used <= left);
        take_quickly(s, m);
        frame_pass(&s->frame, used);
        at += used;
    }
    return at;
}

static void feed(struct stream *s, const char *p, size_t n)
{
    while (n > 0) {
        size_t used = feed_quickly(s, p, n);
        enum frame_result r;

        p += used;
        n -= used;
        r = frame_scan(&s->frame, p, n, &used);

        HOLDS(used <= n && (r != FRAME_MORE || used == n));
        buf_put(&s->kept, p, used);
        p += used;
        n -= used;
        take_scan(s, r);
    }
}

static void feed_all(struct stream *s, const char *p, size_t n, size_t piece, bool quick)
{
    enum frame_result r;

    *s = (struct stream){.quick = quick};
    frame_init(&s->frame, DEPTH, LONGEST);
    for (size_t at = 0; at < n; at += piece)
        feed(s, p + at, n - at < piece ? n - at : piece);
    while ((r = frame_end(&s->frame, "it ends")) == FRAME_FAULT)
        take_scan(s, r);
    HOLDS(buf_ok(&s->out) && buf_ok(&s->kept));
    buf_free(&s->kept);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    struct stream whole, other;

    if (n < 2 || n > 16 << 10)
        return 0;
    feed_all(&whole, (const char *)p + 1, n - 1, n, false);
    for (unsigned i = 1; i < 4; i++) { /* in pieces, quickly, both */
        feed_all(&other, (const char *)p + 1, n - 1, (i & 1) != 0 ? (size_t)1 + p[0] : n,
                 (i & 2) != 0);
        HOLDS(whole.out.n == other.out.n);
        HOLDS(whole.out.n == 0 || memcmp(whole.out.p, other.out.p, whole.out.n) == 0);
        buf_free(&other.out);
    }
    buf_free(&whole.out);
    return 0;
}
