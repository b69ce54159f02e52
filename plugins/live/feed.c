/* live/feed.c - the ring, and the event that is being made
 *
 * What finds no memory is not sent: its readers are cut off, so that they ask for the whole anew.
 */
#include "feed.h"

#include <stdlib.h>
#include <string.h>

#include "store.h"

void feed_free(struct feed *f)
{
    free(f->ring);
    json_free(&f->fresh);
    json_free(&f->points);
    *f = (struct feed){0};
}

bool feed_join(struct feed *f, uint64_t *at)
{
    if (f->ring == NULL && (f->ring = malloc(FEED_RING)) == NULL)
        return false;
    f->readers++;
    *at = f->end;
    return true;
}

void feed_leave(struct feed *f)
{
    f->readers--;
}

/* It may be longer than the ring: then nobody can read it, and everybody is cut off. */
static void append(struct feed *f, const char *s, size_t n)
{
    while (n > 0) {
        size_t at = f->end % FEED_RING, part = n < FEED_RING - at ? n : FEED_RING - at;

        memcpy(f->ring + at, s, part);
        f->end += part;
        s += part;
        n -= part;
    }
}

static void append_text(struct feed *f, const char *s)
{
    append(f, s, strlen(s));
}

static void cut_all(struct feed *f)
{
    f->end += FEED_RING + 1;
}

void feed_flush(struct feed *f)
{
    if (f->fresh.failed || f->points.failed)
        cut_all(f);
    else if (f->fresh.n + f->points.n > 0) {
        append_text(f, "data: {");
        if (f->fresh.n > 0) {
            append_text(f, "\"s\":[");
            append(f, f->fresh.s, f->fresh.n);
            append_text(f, f->points.n > 0 ? "]," : "]");
        }
        if (f->points.n > 0) {
            append_text(f, "\"p\":[");
            append(f, f->points.s, f->points.n);
            append_text(f, "]]");
        }
        append_text(f, "}\n\n");
    }
    json_reset(&f->fresh);
    json_reset(&f->points);
}

static void flush_if_long(struct feed *f)
{
    if (f->fresh.n + f->points.n > FEED_EVENT)
        feed_flush(f);
}

void feed_new(struct feed *f, const struct series *e)
{
    if (f->readers == 0)
        return;
    if (f->fresh.n > 0)
        json_text(&f->fresh, ",");
    json_series(&f->fresh, e);
    flush_if_long(f);
}

/* Those of one time, which follow each other mostly, have it together. */
void feed_point(struct feed *f, const struct series *e, int64_t ms, double value)
{
    struct json *j = &f->points;

    if (f->readers == 0)
        return;
    if (j->n > 0 && ms == f->at_ms) {
        json_text(j, ",");
    } else {
        json_text(j, j->n > 0 ? "]," : "");
        json_int(j, ms);
        json_text(j, ",[");
        f->at_ms = ms;
    }
    json_int(j, (int64_t)e->id);
    json_text(j, ",");
    json_value(j, value);
    flush_if_long(f);
}

void feed_event(struct feed *f, const struct json *j)
{
    feed_flush(f);
    if (f->readers == 0)
        return;
    if (j->failed) {
        cut_all(f);
        return;
    }
    append_text(f, "data: ");
    append(f, j->s, j->n);
    append_text(f, "\n\n");
}

void feed_gone(struct feed *f, uint64_t id)
{
    struct json j = {0};

    if (f->readers == 0)
        return;
    json_text(&j, "{\"g\":[");
    json_int(&j, (int64_t)id);
    json_text(&j, "]}");
    feed_event(f, &j);
    json_free(&j);
}

void feed_comment(struct feed *f)
{
    feed_flush(f);
    if (f->readers > 0)
        append_text(f, ":\n\n");
}

ptrdiff_t feed_read(const struct feed *f, uint64_t *at, char *to, size_t n)
{
    size_t from = *at % FEED_RING, there = (size_t)(f->end - *at);

    if (f->end - *at > FEED_RING)
        return -1;
    if (n > there)
        n = there;
    if (n > FEED_RING - from)
        n = FEED_RING - from; /* the rest comes with the next call */
    memcpy(to, f->ring + from, n);
    *at += n;
    return (ptrdiff_t)n;
}
