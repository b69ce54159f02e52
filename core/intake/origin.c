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

static const struct rate ERRORS = {.lines = 50, .per_ns = 10 * NS_PER_S, .pause = 10 * NS_PER_S};
static const struct rate CONNECTIONS = {.lines = 1, .per_ns = 10 * NS_PER_S};

/* --- settings --- */

/* Into tags[*n], sorted. */
static bool add_tags(struct arena *a, struct tag *tags, uint32_t *n, const struct pairs *more)
{
    for (size_t i = 0; more != NULL && i < more->n; i++) {
        const char *key = arena_strdup(a, more->v[i].key), *val = arena_strdup(a, more->v[i].val);

        if (key == NULL || val == NULL || !metric_tag(tags, n, str_of(key), str_of(val), true))
            return false;
    }
    return true;
}

static const char *own_text(struct arena *a, const char *s)
{
    return s != NULL ? arena_strdup(a, s) : NULL;
}

static struct str text_or_none(const char *s)
{
    return str_of(s != NULL ? s : "");
}

/* Fills it with copies of all that c says; path and collector are for life. */
static bool configure(struct origin_settings *set, const struct source_config *c, const char *path,
                      const char *collector)
{
    struct arena *a = &set->memory;
    struct json_defaults *d = &set->defaults;
    struct tag *tags;

    *set = (struct origin_settings){0};
    set->path = own_text(a, path);
    set->own_groups = own_text(a, c->socket.own_groups);
    set->collector = own_text(a, collector);
    tags = arena_alloc(a, METRIC_MAX_TAGS * sizeof *tags);
    *d = (struct json_defaults){.collector = text_or_none(set->collector),
                                .prefix = text_or_none(own_text(a, c->prefix)),
                                .tags = tags,
                                .interval_ns = c->interval_ns,
                                .strangers = true};
    if (arena_ok(a) && add_tags(a, tags, &d->ntags, c->tags[0]) &&
        add_tags(a, tags, &d->ntags, c->tags[1]))
        return true;
    arena_free(a);
    return false;
}

bool origin_update(struct origin *o, const struct source_config *c)
{
    struct origin_settings next;

    if (!configure(&next, c, o->set.path, o->set.collector))
        return false;
    arena_free(&o->set.memory);
    o->set = next;
    o->quota.limits = c->quota;
    o->quota.window_ns = c->window_ns;
    return true;
}

/* --- beginning and end --- */

struct origin *origin_new(const struct source_config *c, int64_t now)
{
    struct origin *o = calloc(1, sizeof *o);

    if (o == NULL)
        return NULL;
    o->set.path = c->socket.path; /* for origin_update() to copy */
    o->set.collector = c->name;
    if (!origin_update(o, c)) {
        free(o);
        return NULL;
    }
    o->users = 1;
    o->quota.refused = &o->counts.limited;
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
    rejections_free(&o->rejections);
    quota_start(&o->quota, 0);
    arena_free(&o->set.memory);
    free(o);
}

void origin_close(struct origin *o)
{
    o->closed = true;
    origin_unuse(o);
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

/* --- counts --- */

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

void origin_withhold(struct origin *o, int64_t now)
{
    o->withheld_until = now;
}

/* --- the log --- */

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

void origin_refused(struct origin *o, int64_t now, struct ratelimit *starved, const char *why)
{
    const char *collector = o->set.collector;
    uint64_t left_out;

    o->counts.refused_connections++;
    remark_set(&o->fault, "refused a connection: %s", why);
    if (!ratelimit_take(starved != NULL ? starved : &o->refusals, &CONNECTIONS, now, &left_out))
        return;
    log_warn("%s%s: refused a connection: %s",
             collector != NULL ? "collector " : "the shared socket",
             collector != NULL ? collector : "", why);
    if (left_out > 0)
        log_warn("and %" PRIu64 " more since the last such line", left_out);
}

void origin_closed(struct origin *o, int64_t now, const char *name, const char *why)
{
    uint64_t left_out;

    remark_set(&o->fault, "closed a connection: %s", why);
    if (!ratelimit_take(&o->closings, &CONNECTIONS, now, &left_out))
        return;
    log_warn("%s: closed: %s", name, why);
    if (left_out > 0)
        log_warn("and %" PRIu64 " more connections since the last such line", left_out);
}
