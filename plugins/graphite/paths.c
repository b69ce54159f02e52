/* paths.c - patterns are sorted once, and tried one after another for each metric
 *
 * A pattern without a star costs a comparison of lengths for most names; a hundred of them are not felt.
 */
#include "paths.h"

#include <stdlib.h>
#include <string.h>

struct mapping {
    garnet_str pattern; /* the option's */
    struct template t;
};

static size_t count_stars(garnet_str pattern)
{
    size_t n = 0;

    for (size_t i = 0; i < pattern.n; i++)
        n += pattern.s[i] == '*';
    return n;
}

const char *paths_check(const garnet_tag *row, bool escape, struct template *t)
{
    size_t stars = count_stars(row->key);
    const char *fault;

    if (row->key.n == 0)
        return "is the path of no name: write a pattern before it";
    if (stars > STARS_MOST)
        return "has a pattern with more than 9 stars";
    fault = template_parse_stars(t, row->val.s, (unsigned)stars);
    t->escape = escape;
    if (fault == NULL && escape && t->tags)
        return "has {tags}, but style tagged writes the tags after the path: leave {tags} out";
    return fault;
}

/* The most particular first; of equals, by their bytes. */
static int compare_mapping(const void *x, const void *y)
{
    garnet_str a = ((const struct mapping *)x)->pattern, b = ((const struct mapping *)y)->pattern;
    size_t na = a.n - count_stars(a), nb = b.n - count_stars(b);

    return na != nb ? (na < nb) - (na > nb) : strcmp(a.s, b.s);
}

bool paths_open(struct paths *p, garnet_map map, bool escape)
{
    *p = (struct paths){.n = map.n};
    if (map.n == 0)
        return true;
    p->v = calloc(map.n, sizeof *p->v);
    if (p->v == NULL)
        return false;
    for (size_t i = 0; i < map.n; i++) {
        p->v[i].pattern = map.v[i].key;
        (void)paths_check(&map.v[i], escape, &p->v[i].t);
    }
    qsort(p->v, p->n, sizeof *p->v, compare_mapping);
    return true;
}

void paths_close(struct paths *p)
{
    free(p->v);
}

/* Each star takes as little as it can; only the last one has to give way, since what stands before it was found as early as can
 * be. */
static bool fits(garnet_str pattern, garnet_str name, garnet_str *star)
{
    size_t at = 0, after = 0, n = 0;

    for (size_t i = 0; i < name.n;)
        if (at < pattern.n && pattern.s[at] == '*') {
            star[n++] = (garnet_str){name.s + i, 0};
            after = ++at;
        } else if (at < pattern.n && pattern.s[at] == name.s[i]) {
            at++;
            i++;
        } else if (n == 0) {
            return false;
        } else {
            star[n - 1].n++;
            i = (size_t)(star[n - 1].s - name.s) + star[n - 1].n;
            at = after;
        }
    for (; at < pattern.n && pattern.s[at] == '*'; at++)
        star[n++] = (garnet_str){name.s + name.n, 0};
    return at == pattern.n;
}

struct template *paths_find(const struct paths *p, garnet_str name)
{
    for (size_t i = 0; i < p->n; i++)
        if (fits(p->v[i].pattern, name, p->v[i].t.star))
            return &p->v[i].t;
    return NULL;
}
