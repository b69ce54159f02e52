/* intake/names.c - sets of eight: a name belongs into one of them, and there gives way or is given way to
 *
 * The table doubles until it has room for NAMES_MOST, so that a host with few names takes little. Dies of nothing: where
 * there is no memory to grow, names displace each other earlier.
 */
#include "intake/names.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/random.h"
#include "conf/nearest.h"
#include "intake/quota.h"

enum {
    WAYS = 8,
    FIRST_SETS = 16,
    LAST_SETS = NAMES_MOST / WAYS,
    BURST = NAMES_MOST /* names that may be looked at at once */
};
static const int64_t each = NS_PER_S / NAMES_A_SECOND;

struct name_text {
    uint8_t nprefix, nname, ncollector; /* nprefix: its dot included; nname: all of that included */
    char bytes[];                       /* the name, a NUL, the collector */
};

struct known_name {
    uint32_t hash, last; /* wall seconds */
    struct name_text *text;
};

struct names_set {
    struct known_name way[WAYS];
};

static struct str name_kept(const struct known_name *k)
{
    return (struct str){k->text->bytes, k->text->nname};
}

static struct str collector_of(const struct known_name *k)
{
    return (struct str){k->text->bytes + k->text->nname + 1, k->text->ncollector};
}

/* --- the table --- */

static struct names_set *set_of(const struct names *s, uint32_t hash)
{
    return &s->sets[hash & (s->nsets - 1)];
}

/* Each set becomes two. False: there is no memory, or it is as large as it gets. */
static bool grow_names(struct names *s)
{
    size_t n = s->nsets == 0 ? FIRST_SETS : s->nsets * 2;
    struct names_set *sets = n <= LAST_SETS ? calloc(n, sizeof *sets) : NULL;

    if (sets == NULL)
        return false;
    for (size_t i = 0; i < s->nsets; i++)
        for (unsigned w = 0; w < WAYS; w++)
            if (s->sets[i].way[w].text != NULL)
                sets[s->sets[i].way[w].hash & (n - 1)].way[w] = s->sets[i].way[w];
    free(s->sets);
    s->sets = sets;
    s->nsets = n;
    return true;
}

/* Of this set: a free place, or that of whoever has not come for longest. */
static struct known_name *place_in(struct names_set *set)
{
    struct known_name *oldest = &set->way[0];

    for (unsigned w = 0; w < WAYS && oldest->text != NULL; w++)
        if (set->way[w].text == NULL || set->way[w].last < oldest->last)
            oldest = &set->way[w];
    return oldest;
}

static size_t prefix_length(const struct metric *m)
{
    return m->prefix.n > 0 ? m->prefix.n + 1 : 0;
}

static struct name_text *new_name_text(const struct metric *m)
{
    size_t prefix = prefix_length(m), n = prefix + m->name.n;
    struct name_text *t = malloc(sizeof *t + n + 1 + m->collector.n);

    if (t == NULL)
        return NULL;
    t->nprefix = (uint8_t)prefix;
    t->nname = (uint8_t)n;
    t->ncollector = (uint8_t)m->collector.n;
    if (prefix > 0) {
        memcpy(t->bytes, m->prefix.s, m->prefix.n);
        t->bytes[m->prefix.n] = '.';
    }
    memcpy(t->bytes + prefix, m->name.s, m->name.n);
    t->bytes[n] = '\0';
    if (m->collector.n > 0)
        memcpy(t->bytes + n + 1, m->collector.s, m->collector.n);
    return t;
}

static void add_name(struct names *s, uint32_t hash, const struct metric *m, uint32_t now)
{
    struct name_text *t = new_name_text(m);
    struct known_name *k;

    if (t == NULL)
        return;
    for (k = place_in(set_of(s, hash)); k->text != NULL; k = place_in(set_of(s, hash)))
        if (!grow_names(s))
            break;
    s->displaced += k->text != NULL;
    s->n += k->text == NULL;
    free(k->text);
    *k = (struct known_name){hash, now, t};
}

static bool is_name_of(const struct name_text *t, const struct metric *m)
{
    size_t prefix = prefix_length(m);

    return t->nprefix == prefix && t->nname == prefix + m->name.n &&
           memcmp(t->bytes + prefix, m->name.s, m->name.n) == 0 &&
           (prefix == 0 || memcmp(t->bytes, m->prefix.s, m->prefix.n) == 0);
}

static struct known_name *find_name(const struct names *s, uint32_t hash, const struct metric *m)
{
    struct names_set *set = set_of(s, hash);

    for (unsigned w = 0; w < WAYS; w++)
        if (set->way[w].text != NULL && set->way[w].hash == hash && is_name_of(set->way[w].text, m))
            return &set->way[w];
    return NULL;
}

/* --- what comes --- */

static bool may_look(struct names *s, int64_t mono)
{
    if (s->earned < mono - BURST * each)
        s->earned = mono - BURST * each;
    if (s->earned > mono)
        return false;
    s->earned += each;
    return true;
}

void names_saw(struct names *s, const struct metric *m, int64_t mono)
{
    uint64_t seed = s->seed;
    struct known_name *k;
    uint32_t hash;

    if (prefix_length(m) + m->name.n > NAMES_LENGTH || m->collector.n > NAMES_LENGTH ||
        !may_look(s, mono) || (s->nsets == 0 && !grow_names(s))) {
        s->skipped++;
        return;
    }
    s->looked++;
    if (m->prefix.n > 0)
        seed = series_hash_text(m->prefix, seed);
    hash = (uint32_t)series_hash_text(m->name, seed);
    if (mono != s->turn) { /* the wall clock is read once in a turn */
        s->turn = mono;
        s->turn_wall = (uint32_t)(clock_wall() / NS_PER_S);
    }
    if ((k = find_name(s, hash, m)) == NULL) {
        add_name(s, hash, m, s->turn_wall);
        return;
    }
    k->last = s->turn_wall;
    if (!str_eq(collector_of(k), m->collector)) {
        struct name_text *t = new_name_text(m);

        if (t != NULL) {
            free(k->text);
            k->text = t;
        }
    }
}

/* --- what is asked --- */

static const struct known_name *known_at(const struct names *s, size_t at)
{
    const struct known_name *k = &s->sets[at / WAYS].way[at % WAYS];

    return k->text != NULL ? k : NULL;
}

bool names_next(const struct names *s, size_t *at, struct name_seen *out)
{
    while (*at < s->nsets * WAYS) {
        const struct known_name *k = known_at(s, (*at)++);

        if (k == NULL)
            continue;
        *out =
            (struct name_seen){name_kept(k), k->text->nprefix, collector_of(k), k->last * NS_PER_S};
        return true;
    }
    return false;
}

struct str names_near(const struct names *s, const char *name, int64_t until)
{
    struct nearest near = nearest_to(name);
    size_t n = strlen(name);

    for (size_t at = 0; at < s->nsets * WAYS; at++) {
        const struct known_name *k = known_at(s, at);

        if (k == NULL || k->text->nname + near.bound <= n || n + near.bound <= k->text->nname)
            continue;
        if (clock_mono() >= until) /* each costs some microseconds */
            break;
        nearest_try(&near, k->text->bytes);
    }
    return near.found != NULL ? str_of(near.found) : (struct str){"", 0};
}

/* --- beginning and end --- */

void names_init(struct names *s)
{
    *s = (struct names){.seed = random_u64(), .since = clock_wall()};
}

void names_free(struct names *s)
{
    for (size_t i = 0; i < s->nsets; i++)
        for (unsigned w = 0; w < WAYS; w++)
            free(s->sets[i].way[w].text);
    free(s->sets);
    *s = (struct names){0};
}
