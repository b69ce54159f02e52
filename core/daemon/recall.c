/* daemon/recall.c - a walk over the names, and one over each source's rejections, until the time is up
 *
 * Fails only as the buf does.
 */
#include "daemon/recall.h"

#include <string.h>

#include "base/clock.h"
#include "base/glob.h"
#include "base/text.h"
#include "daemon/answer.h"
#include "daemon/collectors.h"
#include "intake/intake.h"

enum { NAMES_TOLD = 16, REJECTIONS_TOLD = 8 }; /* of a source; more are counted */
enum { LOOK_EACH = 16 };                       /* names between two looks at the clock */
static const int64_t recall_most = 4 * NS_PER_MS;

struct recalling {
    struct buf *out;
    const char *metric;
    int64_t until; /* mono */
    unsigned looked;
    bool partly, first;
};

static bool in_time(struct recalling *r)
{
    if (!r->partly && r->looked++ % LOOK_EACH == 0)
        r->partly = clock_mono() > r->until;
    return !r->partly;
}

static void put_comma(struct recalling *r)
{
    buf_puts(r->out, r->first ? "" : ",");
    r->first = false;
}

/* --- names --- */

static void put_seen(struct recalling *r, const struct name_seen *s)
{
    put_comma(r);
    buf_puts(r->out, "{\"name\":");
    buf_put_json(r->out, s->name);
    if (s->collector.n > 0)
        buf_put_member(r->out, "collector", s->collector);
    answer_time(r->out, "at", s->at);
    buf_putc(r->out, '}');
}

/* With its collector's prefix, or without. */
static bool is_called(const struct recalling *r, const struct name_seen *s)
{
    return glob_match(r->metric, s->name) ||
           (s->prefix > 0 &&
            glob_match(r->metric, (struct str){s->name.s + s->prefix, s->name.n - s->prefix}));
}

static void put_names(struct recalling *r, const struct names *names)
{
    struct name_seen s;
    uint64_t matching = 0;
    size_t at = 0;

    buf_putf(r->out, "\"names\":%zu", names->n);
    answer_time(r->out, "since", names->since);
    answer_count(r->out, "displaced", names->displaced);
    answer_count(r->out, "skipped", names->skipped);
    buf_puts(r->out, ",\"seen\":[");
    r->first = true;
    while (in_time(r) && names_next(names, &at, &s))
        if (is_called(r, &s) && matching++ < NAMES_TOLD)
            put_seen(r, &s);
    buf_putc(r->out, ']');
    answer_count(r->out, "matching", matching);
    if (matching == 0) {
        struct str near = names_near(names, r->metric, r->until);

        if (near.n > 0)
            buf_put_member(r->out, "near", near);
    }
}

/* --- rejections --- */

static bool is_of_this(const struct recalling *r, const struct rejection *x)
{
    const struct str *name = &x->who.name;

    if (name->n == 0)
        return false;
    return glob_match(r->metric, *name) ||
           (x->who.values && strncmp(r->metric, name->s, name->n) == 0 &&
            r->metric[name->n] == '.');
}

static void put_rejection(struct recalling *r, const struct rejection *x)
{
    put_comma(r);
    buf_puts(r->out, "{\"text\":");
    buf_put_json(r->out, x->text);
    answer_time(r->out, "at", x->at);
    if (x->who.name.n > 0)
        buf_put_member(r->out, "name", x->who.name);
    if (x->line > 0)
        answer_count(r->out, "line", x->line);
    if (x->byte > 0)
        answer_count(r->out, "byte", x->byte);
    buf_putc(r->out, '}');
}

/* Those of this name, or (false) the newest of those without one; how many there are. */
static uint64_t put_those(struct recalling *r, const struct rejections *all, bool named)
{
    unsigned most = named ? REJECTIONS_TOLD : 1;
    struct rejection x;
    uint64_t n = 0;

    r->first = true;
    for (size_t i = 0; in_time(r) && rejections_get(all, i, &x); i++)
        if ((named ? is_of_this(r, &x) : x.who.name.n == 0) && n++ < most)
            put_rejection(r, &x);
    return n;
}

/* `collector` NULL: the shared socket. */
static void put_source(void *arg, const char *collector, const struct source *s)
{
    struct recalling *r = arg;
    const struct rejections *all = source_rejections(s);
    uint64_t named, nameless;

    if (all->all == 0)
        return;
    put_comma(r);
    buf_putf(r->out, "{\"kept\":%zu", all->n);
    answer_text(r->out, "collector", collector);
    answer_count(r->out, "all", all->all);
    buf_puts(r->out, ",\"of_this\":[");
    named = put_those(r, all, true);
    buf_puts(r->out, "],\"nameless\":[");
    nameless = put_those(r, all, false);
    buf_putc(r->out, ']');
    answer_count(r->out, "of_this_all", named);
    answer_count(r->out, "nameless_all", nameless);
    buf_putc(r->out, '}');
    r->first = false;
}

/* --- all --- */

void recall_put(struct buf *out, const char *metric, const struct recall_from *from)
{
    struct recalling r = {
        .out = out, .metric = metric, .until = clock_mono() + recall_most, .first = true};

    buf_puts(out, "{\"rejected\":[");
    if (from->shared != NULL)
        put_source(&r, NULL, from->shared);
    collectors_sources(from->collectors, put_source, &r);
    buf_putc(out, ']');
    answer_flag(out, "rejected_partly", r.partly);
    if (from->intake != NULL) {
        buf_putc(out, ',');
        put_names(&r, intake_names(from->intake));
    }
    answer_flag(out, "partly", r.partly);
    buf_putc(out, '}');
}
