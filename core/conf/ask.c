/* conf/ask.c - what is wanted, sorted, each question once; what is known already; and the answers to all who
 * want them
 */
#include "conf/ask.h"

#include <stdlib.h>

#include "conf/askers.h"
#include "conf/learn.h"

static int by_key(const void *a, const void *b)
{
    return strcmp(((const struct question *)a)->key, ((const struct question *)b)->key);
}

/* Each once; their new number. */
static size_t sort_once(struct question *q, size_t n)
{
    size_t kept = 0;

    qsort(q, n, sizeof *q, by_key);
    for (size_t i = 0; i < n; i++)
        if (kept == 0 || strcmp(q[kept - 1].key, q[i].key) != 0)
            q[kept++] = q[i];
    return kept;
}

static size_t add_facts(struct question *q, size_t n, const struct snapshot_file *f)
{
    if (f == NULL || f->old)
        return n;
    for (const struct snapshot_fact *fact = f->facts; fact != NULL; fact = fact->next, n++)
        if (q != NULL)
            q[n] = (struct question){.key = fact->key, .answer = fact->value};
    return n;
}

/* All that was found out in this load, for whichever file; q NULL: how many they are. */
static size_t add_known(struct question *q, const struct snapshot *s)
{
    size_t n = 0;

    for (const struct snapshot_file *f = s->files; f != NULL; f = f->next) {
        n = add_facts(q, n, f);
        n = add_facts(q, n, f->before);
    }
    return n;
}

/* False: no memory. */
static bool answer_known(struct questions *all, const struct snapshot *s)
{
    size_t n = add_known(NULL, s);
    struct question *known = calloc(n + 1, sizeof *known);
    const struct question *same;

    if (known == NULL)
        return false;
    (void)add_known(known, s);
    n = sort_once(known, n);
    for (uint32_t i = 0; i < all->n; i++)
        if ((same = bsearch(&all->q[i], known, n, sizeof *known, by_key)) != NULL)
            all->q[i].answer = same->answer;
    free(known);
    return true;
}

/* What no process is needed for: garnetd's own rights among it, on which others' depend. */
static bool answer_own(struct questions *all)
{
    struct buf fact = {0};
    bool ok = true;

    for (uint32_t i = 0; i < all->n && ok; i++) {
        if (all->q[i].answer != NULL || !learn_cannot_hang(all->q[i].key))
            continue;
        buf_reset(&fact);
        all->learn(all->q[i].key, &fact);
        ok = buf_ok(&fact);
        all->q[i].n = fact.n;
        all->q[i].answer = ok ? arena_strndup(all->a, fact.n > 0 ? fact.p : "", fact.n) : NULL;
    }
    buf_free(&fact);
    return ok && arena_ok(all->a);
}

/* The file of that version, from the place on where the last one was: those that want something come in
 * the files' order. */
static struct snapshot_file *writable(struct snapshot *s, const struct snapshot_file *of,
                                      struct snapshot_file **at)
{
    struct snapshot_file *begin = *at, *f = begin;

    while (f != NULL && f != of && f->before != of) {
        f = f->next != NULL ? f->next : s->files;
        if (f == begin)
            return NULL;
    }
    *at = f;
    return f == NULL || f == of ? f : f->before;
}

static bool put_answers(const struct questions *all, struct snapshot *s,
                        const struct fact_want *wanted)
{
    struct snapshot_file *at = s->files, *f;

    for (const struct fact_want *w = wanted; w != NULL; w = w->next) {
        const struct question want = {.key = w->key};
        const struct question *q = bsearch(&want, all->q, all->n, sizeof want, by_key);

        if ((f = writable(s, w->file, &at)) == NULL || q == NULL ||
            !snapshot_put(s, f, w->key, q->answer))
            return false;
    }
    return true;
}

bool ask_facts(struct snapshot *s, const struct fact_want *wanted, struct asking *of)
{
    struct arena answers = {0};
    struct questions all = {
        .a = &answers, .learn = learn_fact, .table = of->table, .waited_ms = &of->waited_ms};
    size_t n = 0;
    bool ok;

    for (const struct fact_want *w = wanted; w != NULL; w = w->next)
        n++;
    if ((all.q = calloc(n + 1, sizeof *all.q)) == NULL)
        return false;
    n = 0;
    for (const struct fact_want *w = wanted; w != NULL; w = w->next)
        all.q[n++].key = w->key;
    all.n = (uint32_t)sort_once(all.q, n);
    ok = answer_known(&all, s) && answer_own(&all) && askers_ask(&all) &&
         put_answers(&all, s, wanted);
    free(all.q);
    arena_free(&answers);
    return ok;
}
