/* tests/fuzz/convert.h - what the targets of core/convert share
 *
 * The first byte says how long the pieces are in which the rest arrives, and how the command ended. What comes of it is the same as when
 * it arrives whole, and when each metric is to stand on its line; every metric is one that the intake takes, and every fault a
 * line of text with a place that is there.
 */
#pragma once
#include "base/text.h"
#include "convert/formats.h"
#include "convert/stream.h"
#include "fuzz.h"
#include "intake/json.h"

struct converted {
    struct buf json, faults;
    uint64_t lines; /* of the input */
};

static void take_json(void *arg, const char *p, size_t n)
{
    buf_put(&((struct converted *)arg)->json, p, n);
}

static void take_fault(void *arg, const struct output_fault *f)
{
    struct converted *c = arg;
    struct str text = str_of(f->text);

    HOLDS(text.n > 0 && text.n < WHY_SIZE && str_good(text) == text.n);
    HOLDS(f->line <= c->lines + 1 && (f->line == 0) == (f->byte == 0));
    buf_putf(&c->faults, "%ju:%ju %s\n", (uintmax_t)f->line, (uintmax_t)f->byte, f->text);
}

static void take_left_out(void *arg, const struct output_fault *f, enum output_left what)
{
    HOLDS(what < LEFT_KINDS);
    take_fault(arg, f);
}

static void convert(const char *format, const uint8_t *p, size_t n, size_t piece, int status,
                    bool in_place, struct converted *c)
{
    const struct output_to to = {c, take_json, take_fault, take_left_out};
    struct stream *s = stream_new(format_named(format), &to, in_place);

    *c = (struct converted){.lines = 1};
    for (size_t i = 0; i < n; i++)
        c->lines += p[i] == '\n';
    HOLDS(s != NULL);
    for (size_t at = 0; at < n; at += piece) {
        size_t m = piece < n - at ? piece : n - at;
        char *exact = malloc(m);

        HOLDS(exact != NULL);
        memcpy(exact, p + at, m);
        stream_take(s, exact, m);
        free(exact);
    }
    stream_end(s, status);
    stream_free(s);
    HOLDS(buf_ok(&c->json) && buf_ok(&c->faults));
}

static void forget(struct converted *c)
{
    buf_free(&c->json);
    buf_free(&c->faults);
}

static void same_bytes(const struct buf *a, const struct buf *b)
{
    HOLDS(a->n == b->n && (a->n == 0 || memcmp(a->p, b->p, a->n) == 0));
}

static void without_line_ends(struct buf *b)
{
    size_t n = 0;

    for (size_t i = 0; i < b->n; i++)
        if (b->p[i] != '\n')
            b->p[n++] = b->p[i];
    b->n = n;
}

static void a_metric(void *arg, const struct metric *m)
{
    (void)m;
    ++*(unsigned *)arg;
}

static void a_bad_one(void *arg, const struct json_fault *f)
{
    (void)arg, (void)f;
    HOLDS(false);
}

static void intake_takes(struct str text)
{
    static const struct metric_limits limits = {METRIC_HARD_STRING, METRIC_MAX_TAGS,
                                                METRIC_TAG_LENGTH};
    static const struct json_defaults d = {.limits = &limits, .time_ns = 1};
    unsigned n = 0, lines = 0;
    struct json_sink sink = {&n, a_metric, a_bad_one};
    struct json_fault f;
    struct str line;

    for (; str_line(&text, &line); lines++)
        HOLDS(json_read(line.s, line.n, &d, &sink, &f) == JSON_METRICS);
    HOLDS(n == lines);
}

static int fuzz_convert(const char *format, const uint8_t *p, size_t n)
{
    struct converted whole, cut, placed;
    int status;

    if (n == 0)
        return 0;
    status = *p % 8 - 3; /* killed, not known, 0 to 4 */
    if (status < FORMAT_STATUS_KILLED)
        status = 127;
    convert(format, p + 1, n - 1, n, status, false, &whole);
    convert(format, p + 1, n - 1, (size_t)*p / 8 + 1, status, false, &cut);
    same_bytes(&whole.json, &cut.json);
    same_bytes(&whole.faults, &cut.faults);
    convert(format, p + 1, n - 1, n, status, true, &placed);
    same_bytes(&whole.faults, &placed.faults);
    intake_takes((struct str){whole.json.p, whole.json.n});
    without_line_ends(&whole.json);
    without_line_ends(&placed.json);
    same_bytes(&whole.json, &placed.json);
    forget(&whole);
    forget(&cut);
    forget(&placed);
    return 0;
}
