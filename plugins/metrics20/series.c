/* series.c - the spec's rules, one function each
 *
 * Unit and mtype are always there, the name as `what`, the machine as
 * `host`, a direction as in or out. Two tags that cleaning would make one, and tags that
 * contradict the metric, are faults: one of them would be lost, and two series might become one.
 * Meta tags are no part of the identity, so there the first one wins.
 */
#include "series.h"

#include <string.h>

enum { NODE_MOST = 250 }; /* with ".wsp" it is still a file name */

static garnet_str str_of(const char *s)
{
    return (garnet_str){s, strlen(s)};
}

static bool equal(garnet_str a, garnet_str b)
{
    return a.n == b.n && memcmp(a.s, b.s, a.n) == 0;
}

static bool is(garnet_str s, const char *text)
{
    return equal(s, str_of(text));
}

static int compare(garnet_str a, garnet_str b)
{
    int d = memcmp(a.s, b.s, a.n < b.n ? a.n : b.n);

    return d != 0 ? d : (a.n > b.n) - (a.n < b.n);
}

static bool fault(struct series *s, const char *why, const char *what)
{
    s->fault = why;
    s->what = what;
    return false;
}

static const garnet_str *find(const garnet_tag *tags, uint32_t n, garnet_str key)
{
    for (uint32_t i = 0; i < n; i++)
        if (equal(tags[i].key, key))
            return &tags[i].val;
    return NULL;
}

static const garnet_str *find_tag(const garnet_metric *m, garnet_str key)
{
    return find(m->tags, m->ntags, key);
}

/* --- sets of tags --- */

/* Where the key is, or belongs, in what is sorted; most tags come sorted, so from the end. */
static size_t place_of(const struct tags *t, garnet_str key, bool *there)
{
    size_t at = t->n;
    int d = 1;

    while (at > 0 && (d = compare(t->v[at - 1].key, key)) > 0)
        at--;
    *there = at > 0 && d == 0;
    return at;
}

static bool has_key(const struct tags *t, garnet_str key)
{
    bool there;

    (void)place_of(t, key, &there);
    return there;
}

/* False: the key is there already. It is put at the end first, where most belong. */
static bool insert(struct tags *t, garnet_str key, garnet_str val)
{
    garnet_tag *end = &t->v[t->n], last;
    bool there;
    size_t at;

    end->key = key;
    end->val = val;
    at = place_of(t, key, &there);
    if (there)
        return false;
    if (at < t->n) {
        last = *end;
        memmove(&t->v[at + 1], &t->v[at], (t->n - at) * sizeof *t->v);
        t->v[at] = last;
    }
    t->n++;
    return true;
}

static bool add_clean(struct series *s, const struct naming *naming, garnet_str key, garnet_str val)
{
    size_t delimiter = naming->style == KEY_IS ? 4 : 1;

    if (s->text.full)
        return fault(s, "its tags have more than 65536 bytes", "");
    if (s->tags.n == TAGS_MOST)
        return fault(s, "it has too many tags", "");
    if (naming->style != CARBON2 && key.n + delimiter + val.n > NODE_MOST)
        return fault(s, "a node would be longer than 250 bytes: that of ", key.s);
    if (!insert(&s->tags, key, val))
        return fault(s, "two of its tags would have the key ", key.s);
    return true;
}

static bool add(struct series *s, const struct naming *naming, garnet_str key, garnet_str val)
{
    if (key.n == 0 || val.n == 0)
        return fault(s, "a tag of it is empty: ", key.s);
    key = clean_key(&s->text, naming->style, key);
    val = clean_value(&s->text, naming->style, val);
    return add_clean(s, naming, key, val);
}

/* --- unit --- */

/* Of the tag, which may not contradict the metric's own. */
static bool tag_unit(struct series *s, const garnet_metric *m, garnet_str tag, struct unit *u)
{
    struct unit other;

    unit_recall(&s->units, &other, tag);
    if (m->unit.n > 0 && !unit_same(u, &other))
        return fault(s, "it has a unit, and a tag unit with another one: ", tag.s);
    *u = other;
    s->unit = u->listed ? UNIT_LISTED : UNIT_UNLISTED;
    return true;
}

/* The unit that the metric has: its own, or else its tag's. */
static bool own_unit(struct series *s, const garnet_metric *m, struct unit *u)
{
    const garnet_str *tag = find_tag(m, str_of("unit"));

    if (m->unit.n > UNIT_MOST || (tag != NULL && tag->n > UNIT_MOST))
        return fault(s, "its unit has more than 64 bytes", "");
    unit_recall(&s->units, u, m->unit);
    s->unit = u->listed ? UNIT_LISTED : m->unit.n > 0 ? UNIT_UNLISTED : UNIT_MISSING;
    return tag == NULL || tag_unit(s, m, *tag, u);
}

static bool choose_unit(struct series *s, const struct naming *naming, const garnet_metric *m,
                        struct unit *u)
{
    if (!own_unit(s, m, u))
        return false;
    if (s->unit == UNIT_UNLISTED && naming->unlisted == UNLISTED_DROP)
        return fault(s, "its unit is not among those of Metrics 2.0", "");
    if (s->unit == UNIT_LISTED || (s->unit == UNIT_UNLISTED && naming->unlisted == UNLISTED_KEEP))
        return true;
    if (naming->missing_drops)
        return fault(s,
                     s->unit == UNIT_MISSING ? "it has no unit"
                                             : "its unit is not among those of Metrics 2.0",
                     "");
    unit_recall(&s->units, u, naming->missing);
    return true;
}

/* What "per second" is of an unlisted unit nobody knows: "fps" is a rate already. */
static bool add_unit(struct series *s, const struct naming *naming, const garnet_metric *m)
{
    struct unit *u = &s->unit_text;
    bool kept;

    if (!choose_unit(s, naming, m, u))
        return false;
    kept = s->unit == UNIT_UNLISTED && naming->unlisted == UNLISTED_KEEP;
    if (m->type == GARNET_RATE && !kept)
        unit_make_rate(u);
    if (naming->style != CARBON2 && unit_has_picoseconds(u))
        return fault(s, "its unit, the picosecond, would be read as \"/s\"", "");
    if (naming->style != CARBON2)
        unit_make_node(u);
    return add_clean(s, naming, str_of("unit"),
                     clean_value(&s->text, naming->style, (garnet_str){u->s, u->n}));
}

/* --- the other intrinsic tags --- */

static bool add_mtype(struct series *s, const struct naming *naming, const garnet_metric *m)
{
    static const char *const mtypes[] = {[GARNET_GAUGE] = "gauge",
                                         [GARNET_COUNTER] = "counter",
                                         [GARNET_RATE] = "rate",
                                         [GARNET_COUNT] = "count",
                                         [GARNET_TIMESTAMP] = "timestamp"};
    const garnet_str *tag = find_tag(m, str_of("mtype"));

    if (m->type < GARNET_GAUGE || m->type > GARNET_TIMESTAMP)
        return fault(s, "its type is none that Metrics 2.0 knows", "");
    if (tag != NULL && !is(*tag, mtypes[m->type]))
        return fault(s, "its tag mtype contradicts its type, which is ", mtypes[m->type]);
    return add_clean(s, naming, str_of("mtype"), str_of(mtypes[m->type]));
}

/* "prefix.name": without the prefix the metrics of two collectors could be one series. */
static bool add_name(struct series *s, const struct naming *naming, const garnet_metric *m)
{
    garnet_str key, val;

    if (find_tag(m, naming->name_tag) != NULL)
        return true; /* among the tags, then */
    if (m->name.n == 0)
        return fault(s, "it has no name", "");
    key = clean_key(&s->text, naming->style, naming->name_tag);
    val = clean_name(&s->text, naming->style, m->prefix, m->name);
    return add_clean(s, naming, key, val);
}

static garnet_str direction_of(garnet_str val)
{
    return is(val, "rx") ? str_of("in") : is(val, "tx") ? str_of("out") : val;
}

static bool add_tag(struct series *s, const struct naming *naming, const garnet_metric *m,
                    garnet_str key, garnet_str val)
{
    if (is(key, "unit") || is(key, "mtype"))
        return true; /* they are there already */
    if (naming->machine == MACHINE_SERVER && is(key, "host") &&
        find_tag(m, str_of("server")) == NULL)
        key = str_of("server");
    if (is(key, "direction"))
        val = direction_of(val);
    return add(s, naming, key, val);
}

/* --- meta tags --- */

/* A key that an intrinsic tag has would be two tags, or one, depending on who reads it. */
static bool add_meta_tag(struct series *s, garnet_str key, garnet_str val)
{
    bool empty = key.n == 0 || val.n == 0;

    key = clean_key(&s->text, CARBON2, key);
    val = clean_value(&s->text, CARBON2, val);
    if (s->text.full)
        return fault(s, "its tags have more than 65536 bytes", "");
    if (s->meta.n == TAGS_MOST)
        return fault(s, "it has too many meta tags", "");
    if (!empty && !has_key(&s->tags, key))
        (void)insert(&s->meta, key, val); /* the first one stays */
    return true;
}

static bool add_meta(struct series *s, const garnet_metric *m)
{
    for (uint32_t i = 0; i < m->nmeta; i++)
        if (!add_meta_tag(s, m->meta[i].key, m->meta[i].val))
            return false;
    return add_meta_tag(s, str_of("agent"), str_of("garnet"));
}

bool series_of(struct series *s, const struct naming *naming, const garnet_metric *m)
{
    s->text.n = s->tags.n = s->meta.n = 0;
    s->text.full = false;
    if (!add_unit(s, naming, m) || !add_mtype(s, naming, m) || !add_name(s, naming, m))
        return false;
    for (uint32_t i = 0; i < m->ntags; i++)
        if (!add_tag(s, naming, m, m->tags[i].key, m->tags[i].val))
            return false;
    return naming->style != CARBON2 || add_meta(s, m);
}
