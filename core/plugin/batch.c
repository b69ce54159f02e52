/* plugin/batch.c - metrics -> bytes through a plugin, under a byte limit
 *
 * The bytes are allocated once, to the limit, so that what does not fit is known to be too long and
 * never a matter of memory. Each metric is formatted behind those before it and cut off again
 * unless it is whole, fits, and keeps the plugin's promise on lines. What leaves no bytes is
 * counted, and logged at most once a minute.
 */
#include "plugin/batch.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"

static const struct rate WITHOUT_BYTES = {.lines = 1, .per_ns = 60 * NS_PER_S};

bool batch_init(struct batch *b, struct plugin *p, size_t limit)
{
    *b = (struct batch){.plugin = p, .limit = limit};
    p->host.out = &b->bytes;
    return buf_room(&b->bytes, limit) != NULL;
}

void batch_begin(struct batch *b)
{
    b->bytes.max = b->limit;
    buf_reset(&b->bytes);
    b->nmetrics = 0;
    b->eldest_ns = INT64_MAX;
    b->skipped = b->rejected = 0;
    b->begun = false;
    b->header = 0;
}

void batch_free(struct batch *b)
{
    buf_free(&b->bytes);
    free(b->places.v);
    b->places = (struct places){0};
}

/* --- the metric as the plugin sees it --- */

static inline void view_str(garnet_str *to, struct str from)
{
    to->s = from.n > 0 ? from.s : "";
    to->n = from.n;
}

static inline void view_tags(garnet_tag *to, const struct tag *from, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        view_str(&to[i].key, from[i].key);
        view_str(&to[i].val, from[i].val);
    }
}

_Static_assert((int)METRIC_GAUGE == (int)GARNET_GAUGE &&
                   (int)METRIC_COUNTER == (int)GARNET_COUNTER &&
                   (int)METRIC_RATE == (int)GARNET_RATE && (int)METRIC_COUNT == (int)GARNET_COUNT &&
                   (int)METRIC_TIMESTAMP == (int)GARNET_TIMESTAMP &&
                   (int)METRIC_TIME_ASSIGNED == (int)GARNET_TIME_ASSIGNED,
               "metric types differ");

/* An unsigned value that a signed one can hold is given as that: plugins meet U64 only where
 * they must. */
static void view_value(garnet_metric *v, const struct metric *m)
{
    v->v.room[1] = 0;
    if (m->vtype == METRIC_F64) {
        v->vtype = GARNET_F64;
        v->v.f = m->value.f;
    } else if (m->vtype == METRIC_U64 && m->value.u > INT64_MAX) {
        v->vtype = GARNET_U64;
        v->v.u = m->value.u;
    } else {
        v->vtype = GARNET_I64;
        v->v.i = m->vtype == METRIC_U64 ? (int64_t)m->value.u : m->value.i;
    }
}

/* Member by member: a view that is made as a whole is zeroed first, which takes longer than all this. */
static void view_metric(struct batch *b, const struct metric *m)
{
    garnet_metric *v = &b->view;

    v->size = sizeof *v;
    v->type = m->type;
    v->ntags = m->ntags;
    v->nmeta = m->nmeta;
    v->flags = m->flags;
    v->time_ns = m->time_ns;
    v->interval_ns = m->interval_ns;
    v->tags = b->tags;
    v->meta = b->meta;
    view_value(v, m);
    view_str(&v->name, m->name);
    view_str(&v->unit, m->unit);
    view_str(&v->collector, m->collector);
    view_str(&v->prefix, m->prefix);
    view_tags(b->tags, m->tags, m->ntags);
    view_tags(b->meta, m->meta, m->nmeta);
}

/* --- calling the plugin --- */

/* begin() and end(): true when the batch may go on. */
static bool frame_batch(struct batch *b, enum plugin_callback at, int (*fn)(garnet *))
{
    struct plugin *p = b->plugin;
    int answer;

    if (fn == NULL)
        return true;
    host_enter(&p->host, at);
    answer = host_leave(&p->host, fn(&p->host.g));
    if (answer == GARNET_OK && !buf_ok(&b->bytes))
        host_why(&p->host, "%s appends more than there is room for (batch_size is %zu bytes)",
                 host_name(at), b->limit);
    return answer == GARNET_OK && buf_ok(&b->bytes);
}

/* Not within the look itself, which needs no room for a text. */
__attribute__((noinline)) static void lines_broken(const struct batch *b, struct str all,
                                                   uint32_t lines)
{
    bool part = lines > 0 && all.s[all.n - 1] != '\n';
    char text[103];

    str_show(text, sizeof text, all);
    host_why(&b->plugin->host, "it appends \"%s\", %" PRIu32 " whole lines%s; .lines = %" PRIu32,
             text, lines, part ? " and a part" : "", b->plugin->def.lines);
}

/* Exactly so many whole lines as the plugin promises; else its why. */
static bool lines_kept(const struct batch *b, size_t from)
{
    const char *at = b->bytes.p + from, *end = b->bytes.p + b->bytes.n;
    struct str all = {at, b->bytes.n - from};
    uint32_t lines = 0;

    if (b->plugin->def.lines == 0)
        return true;
    for (; at < end && (at = memchr(at, '\n', (size_t)(end - at))) != NULL; at++)
        lines++;
    if (lines == b->plugin->def.lines && end[-1] == '\n')
        return true;
    lines_broken(b, all, lines);
    return false;
}

/* For a plugin that does not take all that there is: if not this one, its why. Apart, as lines_broken() is. */
__attribute__((noinline)) static bool takes_kind(const struct batch *b)
{
    struct plugin *p = b->plugin;
    const garnet_metric *v = &b->view;
    struct known has = known_to(p->def.abi_minor);

    if ((has.vtypes & v->vtype) == 0)
        host_why(&p->host, "plugin %s is of ABI 1.%u, which has no such kind of value", p->def.name,
                 p->def.abi_minor);
    else if ((p->takes.vtypes & v->vtype) == 0)
        host_why(&p->host, "plugin %s does not take this kind of number", p->def.name);
    else if (v->type >= 32 || (p->takes.types >> v->type & 1) == 0)
        host_why(&p->host, "plugin %s is of ABI 1.%u, which has no such type of metric",
                 p->def.name, p->def.abi_minor);
    else
        return true;
    return false;
}

/* format(), and its answer after everything that we know better. Around it two stores, so that who
 * finds the worker dead or hung knows of which metric. */
static int format_metric(struct batch *b, uint64_t seq, size_t from)
{
    struct plugin *p = b->plugin;
    int answer;

    if (!p->takes_all && !takes_kind(b))
        return GARNET_SKIP;
    host_enter(&p->host, PLUGIN_FORMAT);
    if (b->board != NULL) {
        atomic_store_explicit(&b->board->formats, ++b->formats, memory_order_relaxed);
        atomic_store_explicit(&b->board->formatting, seq + 1, memory_order_release);
    }
    answer = p->def.format(&p->host.g, &b->view);
    if (b->board != NULL)
        atomic_store_explicit(&b->board->formatting, 0, memory_order_release);
    answer = host_leave(&p->host, answer);
    return answer == GARNET_OK && buf_ok(&b->bytes) && !lines_kept(b, from) ? GARNET_REJECT
                                                                            : answer;
}

/* --- adding --- */

static enum batch_result without_bytes(struct batch *b, const struct metric *m, int answer,
                                       int64_t now)
{
    bool skipped = answer == GARNET_SKIP;
    uint64_t ignored;

    b->skipped += skipped;
    b->rejected += !skipped;
    if (ratelimit_take(&b->without_bytes, &WITHOUT_BYTES, now, &ignored))
        log_warn("%s metric \"%.*s\": %s (more are counted, and logged once a minute)",
                 skipped ? "skipped" : "rejected", (int)m->name.n, m->name.n > 0 ? m->name.s : "",
                 plugin_why(b->plugin));
    return BATCH_ADDED;
}

static bool ensure_begun(struct batch *b)
{
    if (b->begun)
        return true;
    if (!frame_batch(b, PLUGIN_BEGIN, b->plugin->def.begin))
        return false;
    b->begun = true;
    b->header = b->bytes.n;
    return true;
}

/* Without memory a metric that is rejected is told by its number. */
static void note_place(struct batch *b, uint64_t seq)
{
    struct places *p = &b->places;
    uint32_t cap = p->cap > 0 ? 2 * p->cap : 64;
    uint64_t *more = b->nmetrics == p->cap ? reallocarray(p->v, cap, sizeof *more) : NULL;

    if (more != NULL)
        *p = (struct places){more, cap};
    if (b->nmetrics < p->cap)
        p->v[b->nmetrics] = seq;
}

static enum batch_result keep_or_cut(struct batch *b, const struct metric *m, uint64_t seq,
                                     size_t from, int answer, int64_t now)
{
    bool fits = buf_ok(&b->bytes);

    if (answer != GARNET_OK || !fits) {
        b->bytes.n = from;
        b->bytes.failed = false;
    }
    if (answer == GARNET_FATAL)
        return BATCH_FATAL;
    if (answer != GARNET_OK)
        return without_bytes(b, m, answer, now);
    if (fits) {
        if (b->plugin->def.deliver != NULL)
            note_place(b, seq);
        b->nmetrics++;
        return BATCH_ADDED;
    }
    if (b->nmetrics > 0)
        return BATCH_FULL;
    host_why(&b->plugin->host, "alone it is longer than %zu bytes (batch_size, or max_packet)",
             b->limit);
    return without_bytes(b, m, GARNET_REJECT, now);
}

enum batch_result batch_add(struct batch *b, const struct metric *m, uint64_t seq, int64_t now)
{
    size_t from;

    if (b->nmetrics >= b->plugin->batch_metrics)
        return BATCH_FULL;
    if (!ensure_begun(b))
        return BATCH_FATAL;
    from = b->bytes.n;
    view_metric(b, m);
    return keep_or_cut(b, m, seq, from, format_metric(b, seq, from), now);
}

bool batch_end(struct batch *b)
{
    if (b->nmetrics == 0) { /* a header alone is nothing to send */
        b->bytes.n = 0;
        b->bytes.failed = false;
        return true;
    }
    b->bytes.max = 0;
    return frame_batch(b, PLUGIN_END, b->plugin->def.end);
}
