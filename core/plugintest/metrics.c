/* plugintest/metrics.c - the text is in memory in one piece, so what the scanner wants to see again is
 * simply gone back to. Bad input costs only itself.
 */
#include "plugintest/metrics.h"

struct reading {
    const struct metrics_reader *r;
    struct frame frame;
    struct str object; /* the one being parsed */
    unsigned bad;
};

static void hand_bad(struct reading *rd, struct place at, const char *field, const char *why)
{
    rd->bad++;
    if (rd->r->bad != NULL)
        rd->r->bad(rd->r->arg, at, field, why);
}

static void hand_fault(void *arg, const struct json_fault *f)
{
    struct reading *rd = arg;

    hand_bad(rd, frame_place(&rd->frame, rd->object, f->offset), f->what.field, f->what.why.text);
}

static void hand_metric(void *arg, const struct metric *m)
{
    const struct reading *rd = arg;

    if (rd->r->metric != NULL)
        rd->r->metric(rd->r->arg, m);
}

static void hand_object(struct reading *rd, const char *end)
{
    const struct json_sink sink = {rd, hand_metric, hand_fault};
    struct json_fault fault;

    rd->object = (struct str){end - rd->frame.length, rd->frame.length};
    if (json_read(rd->object.s, rd->object.n, &rd->r->defaults, &sink, &fault) == JSON_FAULT)
        hand_fault(rd, &fault);
}

/* From p on; returns where it stopped: at the end, or where a fault wants to go on. */
static const char *scan_text(struct reading *rd, const char *p, const char *end)
{
    while (p < end) {
        size_t used;
        enum frame_result result = frame_scan(&rd->frame, p, (size_t)(end - p), &used);

        p += used;
        if (result == FRAME_OBJECT)
            hand_object(rd, p);
        if (result != FRAME_FAULT)
            continue;
        hand_bad(rd, rd->frame.fault, "", rd->frame.why.text);
        p -= rd->frame.again;
    }
    return p;
}

unsigned metrics_read(const struct metrics_reader *r, struct str text)
{
    struct reading rd = {.r = r};
    const char *p, *end;

    if (text.n == 0)
        return 0;
    end = text.s + text.n;
    frame_init(&rd.frame, r->max_depth, r->max_value);
    p = scan_text(&rd, text.s, end);
    while (frame_end(&rd.frame, "it ends in the middle of a value") == FRAME_FAULT) {
        hand_bad(&rd, rd.frame.fault, "", rd.frame.why.text);
        p = scan_text(&rd, p - rd.frame.again, end);
    }
    return rd.bad;
}
