/* cli/explain_seen.c - names by an open table, series by a list: of those that are looked for there are few */
#include "cli/explain_seen.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/glob.h"
#include "conf/nearest.h"
#include "model/record.h"

bool seen_init(struct seen *s, const char *glob)
{
    *s = (struct seen){.glob = glob, .names = calloc(SEEN_NAMES, sizeof *s->names)};
    STAILQ_INIT(&s->series);
    return s->names != NULL;
}

void seen_free(struct seen *s)
{
    struct seen_series *o;

    while ((o = STAILQ_FIRST(&s->series)) != NULL) {
        STAILQ_REMOVE_HEAD(&s->series, others);
        buf_free(&o->last);
        buf_free(&o->before);
        free(o);
    }
    free(s->names);
    arena_free(&s->arena);
}

/* --- names --- */

static size_t name_slot(struct str name) /* FNV-1a */
{
    uint64_t h = UINT64_C(14695981039346656037);

    for (size_t i = 0; i < name.n; i++)
        h = (h ^ (unsigned char)name.s[i]) * UINT64_C(1099511628211);
    return (size_t)(h % SEEN_NAMES);
}

/* Three quarters of the table at most, so that looking ends soon. */
static void keep_name(struct seen *s, struct str name)
{
    size_t at = name_slot(name);

    while (s->names[at] != NULL && !str_eq(str_of(s->names[at]), name))
        at = (at + 1) % SEEN_NAMES;
    if (s->names[at] != NULL || s->nnames >= SEEN_NAMES / 4 * 3)
        return;
    s->names[at] = arena_strndup(&s->arena, name.s, name.n);
    s->nnames += s->names[at] != NULL;
}

const char *seen_near(const struct seen *s, const char *name)
{
    struct nearest n = nearest_to(name);

    for (size_t i = 0; i < SEEN_NAMES; i++)
        if (s->names[i] != NULL)
            nearest_try(&n, s->names[i]);
    return n.found;
}

/* --- series --- */

static bool same_tags(const struct metric *a, const struct metric *b)
{
    if (a->ntags != b->ntags || !str_eq(a->name, b->name) || !str_eq(a->unit, b->unit) ||
        !str_eq(a->prefix, b->prefix) || a->type != b->type)
        return false;
    for (uint32_t i = 0; i < a->ntags; i++)
        if (!str_eq(a->tags[i].key, b->tags[i].key) || !str_eq(a->tags[i].val, b->tags[i].val))
            return false;
    return true;
}

static struct seen_series *find_seen(struct seen *s, const struct metric *m)
{
    static struct metric known; /* too large for a stack */
    struct seen_series *o;

    STAILQ_FOREACH (o, &s->series, others)
        if (record_get(o->last.p, o->last.n, &known) > 0 && same_tags(&known, m))
            return o;
    if (s->nseries == SEEN_SERIES) {
        s->unkept++;
        return NULL;
    }
    if ((o = calloc(1, sizeof *o)) == NULL) {
        s->failed = true;
        return NULL;
    }
    STAILQ_INSERT_TAIL(&s->series, o, others);
    s->nseries++;
    return o;
}

/* By its name, or with its collector's prefix before that. */
static bool is_asked_for(const struct seen *s, const struct metric *m)
{
    char whole[2 * METRIC_HARD_STRING + 2];
    int n;

    if (glob_match(s->glob, m->name))
        return true;
    if (m->prefix.n == 0)
        return false;
    n = snprintf(whole, sizeof whole, "%.*s.%.*s", (int)m->prefix.n, m->prefix.s, (int)m->name.n,
                 m->name.s);
    return n > 0 && (size_t)n < sizeof whole && glob_match(s->glob, (struct str){whole, (size_t)n});
}

void seen_take(struct seen *s, const struct follow *f, const struct metric *m)
{
    struct seen_series *o;
    struct buf older;

    s->metrics++;
    if (s->oldest_ns == 0)
        s->oldest_ns = m->time_ns;
    if (!is_asked_for(s, m)) {
        keep_name(s, m->name);
        return;
    }
    if ((o = find_seen(s, m)) == NULL)
        return;
    older = o->before;
    o->before = o->last;
    o->last = older;
    buf_reset(&o->last);
    record_put(&o->last, m);
    s->failed = s->failed || !buf_ok(&o->last);
    o->seq = f->seq;
    o->time_ns = m->time_ns;
    o->count++;
}
