/* intake/quota.c - the limits of a run: bytes, metrics, series
 *
 * A series that has been let in once goes on, whatever comes beside it: only new ones are beyond
 * the limit. Without memory to remember a new series it is refused, and says so.
 */
#include "intake/quota.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/number.h"
#include "base/units.h"

static const char BYTES_LIMIT[] = "bytes_limit";

void quota_start(struct quota *q, int64_t now)
{
    q->began = now;
    q->metrics = q->bytes = 0;
    series_free(&q->series);
}

static void new_window(struct quota *q, int64_t now)
{
    if (q->window_ns > 0 && now - q->began >= q->window_ns)
        quota_start(q, now);
}

static void put_limit(const struct quota *q, struct buf *b, const char *key)
{
    if (q->window_ns > 0) {
        buf_puts(b, " that may come in ");
        units_put_duration(b, q->window_ns);
    } else {
        buf_puts(b, " that one run may send");
    }
    buf_putf(b, ": raise %s", key);
}

/* WHAT LIMIT " that one run may send: raise KEY" */
static void explain(const struct quota *q, const char *what, int64_t limit, const char *key,
                    struct metric_fault *f)
{
    struct buf b = {.max = sizeof f->why - 1};

    buf_puts(&b, what);
    if (key == BYTES_LIMIT)
        units_put_size(&b, limit);
    else
        buf_put_i64(&b, limit);
    put_limit(q, &b, key);
    f->field[0] = 0;
    (void)snprintf(f->why, sizeof f->why, "%.*s", (int)b.n, buf_ok(&b) ? b.p : "");
    if (!buf_ok(&b))
        (void)snprintf(f->why, sizeof f->why, "beyond a limit: raise %s", key);
    buf_free(&b);
}

size_t quota_room(struct quota *q, size_t want, int64_t now)
{
    int64_t left;

    new_window(q, now);
    if (q->bytes_limit == 0)
        return want;
    left = q->bytes < q->bytes_limit ? q->bytes_limit - q->bytes : 0;
    return (uint64_t)left < want ? (size_t)left : want;
}

void quota_read(struct quota *q, size_t n)
{
    q->bytes += (int64_t)n;
}

void quota_over(const struct quota *q, struct metric_fault *f)
{
    explain(q, "more than the ", q->bytes_limit, BYTES_LIMIT, f);
}

static enum quota_answer count_series(struct quota *q, const struct metric *m,
                                      struct metric_fault *f)
{
    switch (series_add(&q->series, series_hash(m, q->seed), (size_t)q->series_limit)) {
    case SERIES_FULL:
        explain(q, "is a new series beyond the ", q->series_limit, "series_limit", f);
        (void)snprintf(f->field, sizeof f->field, "name");
        return QUOTA_SERIES;
    case SERIES_NO_MEMORY:
        *f = (struct metric_fault){.why = "no memory to count this series"};
        return QUOTA_NO_MEMORY;
    default:
        return QUOTA_OK;
    }
}

enum quota_answer quota_metric(struct quota *q, const struct metric *m, int64_t now,
                               struct metric_fault *f)
{
    new_window(q, now);
    if (q->metrics_limit > 0 && q->metrics >= q->metrics_limit) {
        explain(q, "one more than the ", q->metrics_limit, "metrics_limit", f);
        return QUOTA_METRICS;
    }
    if (q->series_limit > 0) {
        enum quota_answer r = count_series(q, m, f);

        if (r != QUOTA_OK)
            return r;
    }
    q->metrics++;
    return QUOTA_OK;
}
