/* intake/origin.c - where what comes over one socket is from: settings, runs, counts
 *
 * An update for which there is no memory leaves everything as it was; nothing else fails.
 */
#include "intake/origin.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "base/throttle.h"
#include "conf/conf.h"
#include "intake/inflight.h"

static const struct rate ERRORS = {.lines = 50, .per_ns = 10 * NS_PER_S, .pause = 10 * NS_PER_S};
static const struct rate CLOSED = {.lines = 1, .per_ns = 10 * NS_PER_S};

struct settings {
    const char *path, *collector, *own_groups;
    struct str prefix;
    struct tag tags[METRIC_MAX_TAGS]; /* the collector's and the global ones, sorted */
    uint32_t ntags;
    int64_t interval_ns;
    struct arena memory; /* of all that */
};

struct origin {
    struct settings set;
    struct quota quota;
    struct origin_counts counts;
    struct inflight inflight;
    /* since origin_run(), of connections made since; what is in flight counts as accepted here, not
     * above */
    uint64_t run_accepted, run_rejected;
    struct inflight run_inflight;
    unsigned run; /* counts origin_run() */
    int64_t slot_ns;
    int64_t withheld_until;
    struct ratelimit errors, closings; /* in the log */
    bool closed;
    unsigned users;
};

/* --- settings --- */

static bool add_tags(struct settings *set, const struct pairs *tags)
{
    for (size_t i = 0; tags != NULL && i < tags->n; i++) {
        const char *key = arena_strdup(&set->memory, tags->v[i].key);
        const char *val = arena_strdup(&set->memory, tags->v[i].val);

        if (key == NULL || val == NULL ||
            !metric_tag(set->tags, &set->ntags, str_of(key), str_of(val), true))
            return false;
    }
    return true;
}

static const char *own_text(struct settings *set, const char *s)
{
    return s != NULL ? arena_strdup(&set->memory, s) : NULL;
}

/* Fills it with copies of all that c says; path and collector are for life. */
static bool configure(struct settings *set, const struct source_config *c, const char *path,
                      const char *collector)
{
    const char *prefix;

    *set = (struct settings){.interval_ns = c->interval_ns};
    set->path = own_text(set, path);
    set->collector = own_text(set, collector);
    set->own_groups = own_text(set, c->own_groups);
    prefix = own_text(set, c->prefix);
    set->prefix = str_of(prefix != NULL ? prefix : "");
    if (add_tags(set, c->tags[0]) && add_tags(set, c->tags[1]) && arena_ok(&set->memory))
        return true;
    arena_free(&set->memory);
    return false;
}

bool origin_update(struct origin *o, const struct source_config *c)
{
    struct settings next;

    if (!configure(&next, c, o->set.path, o->set.collector))
        return false;
    arena_free(&o->set.memory);
    o->set = next;
    o->quota.series_limit = c->series_limit;
    o->quota.metrics_limit = c->metrics_limit;
    o->quota.bytes_limit = c->bytes_limit;
    o->quota.window_ns = c->window_ns;
    return true;
}

struct json_defaults origin_defaults(const struct origin *o)
{
    return (struct json_defaults){
        .collector = str_of(o->set.collector != NULL ? o->set.collector : ""),
        .prefix = o->set.prefix,
        .tags = o->set.tags,
        .ntags = o->set.ntags,
        .interval_ns = o->set.interval_ns,
        .strangers = true,
    };
}

const char *origin_collector(const struct origin *o)
{
    return o->set.collector;
}

const char *origin_path(const struct origin *o)
{
    return o->set.path;
}

const char *origin_own_groups(const struct origin *o)
{
    return o->set.own_groups;
}

struct quota *origin_quota(struct origin *o)
{
    return &o->quota;
}

/* --- beginning and end --- */

struct origin *origin_new(const struct source_config *c, int64_t now)
{
    struct origin *o = calloc(1, sizeof *o);

    if (o == NULL)
        return NULL;
    o->set =
        (struct settings){.path = c->path, .collector = c->name}; /* for origin_update() to copy */
    if (!origin_update(o, c)) {
        free(o);
        return NULL;
    }
    o->users = 1;
    o->quota.seed = random_u64();
    quota_start(&o->quota, now);
    return o;
}

void origin_use(struct origin *o)
{
    o->users++;
}

void origin_unuse(struct origin *o)
{
    if (--o->users > 0)
        return;
    inflight_free(&o->inflight);
    inflight_free(&o->run_inflight);
    quota_start(&o->quota, 0);
    arena_free(&o->set.memory);
    free(o);
}

void origin_close(struct origin *o)
{
    o->closed = true;
}

/* --- runs --- */

void origin_run(struct origin *o, int64_t slot_ns, int64_t now)
{
    o->run++;
    o->run_accepted = o->run_rejected = 0;
    inflight_free(&o->run_inflight);
    o->slot_ns = slot_ns;
    quota_start(&o->quota, now);
}

void origin_run_end(struct origin *o, int64_t now, uint64_t *accepted, uint64_t *rejected)
{
    *accepted = o->run_accepted;
    *rejected = o->run_rejected;
    o->slot_ns = 0;
    quota_start(&o->quota, now); /* the memory of its series */
}

unsigned origin_run_number(const struct origin *o)
{
    return o->run;
}

int64_t origin_slot(const struct origin *o)
{
    return o->slot_ns;
}

/* --- counts --- */

const struct origin_counts *origin_counts(const struct origin *o)
{
    return &o->counts;
}

void origin_taken(struct origin *o, unsigned run, uint64_t n, uint64_t ticket)
{
    uint64_t now = ticket == 0 || o->closed ? n : 0, later = n - now, of_run = run == o->run;

    o->counts.taken += n;
    o->counts.accepted += now;
    o->run_accepted += n * of_run;
    inflight_add(&o->inflight, ticket, later);
    inflight_add(&o->run_inflight, ticket, later * of_run);
}

void origin_rejected(struct origin *o, unsigned run, uint64_t n)
{
    o->counts.rejected += n;
    o->run_rejected += run == o->run ? n : 0;
}

void origin_known(struct origin *o, uint64_t ticket, bool safe)
{
    uint64_t n = inflight_settle(&o->inflight, ticket);
    uint64_t run = inflight_settle(&o->run_inflight, ticket);

    *(safe ? &o->counts.accepted : &o->counts.rejected) += n;
    o->run_accepted -= safe ? 0 : run;
    o->run_rejected += safe ? 0 : run;
}

int64_t origin_withheld(const struct origin *o)
{
    return o->withheld_until;
}

void origin_withhold(struct origin *o, int64_t now)
{
    o->withheld_until = now;
}

bool origin_may_log(struct origin *o, int64_t now)
{
    uint64_t left_out;

    if (!ratelimit_take(&o->errors, &ERRORS, now, &left_out))
        return false;
    if (left_out > 0)
        log_warn("%s: %" PRIu64 " lines about errors were left out",
                 o->set.collector != NULL ? o->set.collector : "the shared socket", left_out);
    return true;
}

bool origin_may_log_closed(struct origin *o, int64_t now, uint64_t *left_out)
{
    return ratelimit_take(&o->closings, &CLOSED, now, left_out);
}
