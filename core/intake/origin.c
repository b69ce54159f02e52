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
#include "base/ratelimit.h"
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
    /* since origin_run(), of connections made since; what is in flight counts as accepted here, not above */
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

bool origin_update(struct origin *s, const struct source_config *c)
{
    struct settings next;

    if (!configure(&next, c, s->set.path, s->set.collector))
        return false;
    arena_free(&s->set.memory);
    s->set = next;
    s->quota.series_limit = c->series_limit;
    s->quota.metrics_limit = c->metrics_limit;
    s->quota.bytes_limit = c->bytes_limit;
    s->quota.window_ns = c->window_ns;
    return true;
}

struct json_defaults origin_defaults(const struct origin *s)
{
    return (struct json_defaults){
        .collector = str_of(s->set.collector != NULL ? s->set.collector : ""),
        .prefix = s->set.prefix,
        .tags = s->set.tags,
        .ntags = s->set.ntags,
        .interval_ns = s->set.interval_ns,
        .strangers = true,
    };
}

const char *origin_collector(const struct origin *s)
{
    return s->set.collector;
}

const char *origin_path(const struct origin *s)
{
    return s->set.path;
}

const char *origin_own_groups(const struct origin *s)
{
    return s->set.own_groups;
}

struct quota *origin_quota(struct origin *s)
{
    return &s->quota;
}

/* --- beginning and end --- */

struct origin *origin_new(const struct source_config *c, int64_t now)
{
    struct origin *s = calloc(1, sizeof *s);

    if (s == NULL)
        return NULL;
    s->set =
        (struct settings){.path = c->path, .collector = c->name}; /* for origin_update() to copy */
    if (!origin_update(s, c)) {
        free(s);
        return NULL;
    }
    s->users = 1;
    s->quota.seed = random_u64();
    quota_start(&s->quota, now);
    return s;
}

void origin_use(struct origin *s)
{
    s->users++;
}

void origin_unuse(struct origin *s)
{
    if (--s->users > 0)
        return;
    inflight_free(&s->inflight);
    inflight_free(&s->run_inflight);
    quota_start(&s->quota, 0);
    arena_free(&s->set.memory);
    free(s);
}

void origin_close(struct origin *s)
{
    s->closed = true;
}

/* --- runs --- */

void origin_run(struct origin *s, int64_t slot_ns, int64_t now)
{
    s->run++;
    s->run_accepted = s->run_rejected = 0;
    inflight_free(&s->run_inflight);
    s->slot_ns = slot_ns;
    quota_start(&s->quota, now);
}

void origin_run_end(struct origin *s, int64_t now, uint64_t *accepted, uint64_t *rejected)
{
    *accepted = s->run_accepted;
    *rejected = s->run_rejected;
    s->slot_ns = 0;
    quota_start(&s->quota, now); /* the memory of its series */
}

unsigned origin_run_number(const struct origin *s)
{
    return s->run;
}

int64_t origin_slot(const struct origin *s)
{
    return s->slot_ns;
}

/* --- counts --- */

const struct origin_counts *origin_counts(const struct origin *s)
{
    return &s->counts;
}

void origin_taken(struct origin *s, unsigned run, uint64_t n, uint64_t ticket)
{
    uint64_t now = ticket == 0 || s->closed ? n : 0, later = n - now, of_run = run == s->run;

    s->counts.taken += n;
    s->counts.accepted += now;
    s->run_accepted += n * of_run;
    inflight_add(&s->inflight, ticket, later);
    inflight_add(&s->run_inflight, ticket, later * of_run);
}

void origin_rejected(struct origin *s, unsigned run, uint64_t n)
{
    s->counts.rejected += n;
    s->run_rejected += run == s->run ? n : 0;
}

void origin_known(struct origin *s, uint64_t ticket, bool safe)
{
    uint64_t n = inflight_settle(&s->inflight, ticket);
    uint64_t run = inflight_settle(&s->run_inflight, ticket);

    *(safe ? &s->counts.accepted : &s->counts.rejected) += n;
    s->run_accepted -= safe ? 0 : run;
    s->run_rejected += safe ? 0 : run;
}

int64_t origin_withheld(const struct origin *s)
{
    return s->withheld_until;
}

void origin_withhold(struct origin *s, int64_t now)
{
    s->withheld_until = now;
}

bool origin_may_log(struct origin *s, int64_t now)
{
    uint64_t left_out;

    if (!ratelimit_take(&s->errors, &ERRORS, now, &left_out))
        return false;
    if (left_out > 0)
        log_warn("%s: %" PRIu64 " lines about errors were left out",
                 s->set.collector != NULL ? s->set.collector : "the shared socket", left_out);
    return true;
}

bool origin_may_log_closed(struct origin *s, int64_t now, uint64_t *left_out)
{
    return ratelimit_take(&s->closings, &CLOSED, now, left_out);
}
