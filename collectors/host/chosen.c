/* chosen.c - names, and sums over processes that end. Pure
 *
 * What a process has read and written has in it, as the kernel counts, that of each child that it has waited for. So where a
 * child is gone that was looked at before, what it had then is taken off what its parent has more now.
 */
#include "host/chosen.h"

#include <stdlib.h>
#include <string.h>

/* --- names --- */

/* Whether it has what the C library takes besides, and what may take for ever: any user makes command lines. */
static bool refers_back(const char *regex)
{
    for (const char *p = regex; (p = strchr(p, '\\')) != NULL && p[1] != 0; p += 2)
        if (p[1] >= '1' && p[1] <= '9')
            return true;
    return false;
}

/* The C library looks from each byte on, and so takes the square of a line's length. With the search in the expression it
 * looks once. Its own error is that of what was given. */
static int compile(regex_t *line, const char *regex)
{
    int error = regcomp(line, regex, REG_EXTENDED | REG_NOSUB);
    struct buf search = {0};

    if (error != 0)
        return error;
    regfree(line);
    buf_putf(&search, "^.*(%s)", regex);
    buf_putc(&search, 0);
    error = buf_ok(&search) ? regcomp(line, search.p, REG_EXTENDED | REG_NOSUB) : REG_ESPACE;
    buf_free(&search);
    return error;
}

bool chosen_add(struct chosen *c, const char *text, struct why *why)
{
    const char *regex = strchr(text, '=');
    struct chosen_name *name = &c->names[c->n];
    int error;

    if (c->n == CHOSEN_NAMES)
        return why_set(why, "is one too many: %d names are possible", CHOSEN_NAMES);
    *name = (struct chosen_name){.name = str_of(text), .by_line = regex != NULL};
    if (regex != NULL)
        name->name.n = (size_t)(regex++ - text);
    if (name->name.n == 0)
        return why_set(why, "has no name: give NAME or NAME=REGEX");
    if (regex == NULL && name->name.n > CHOSEN_COMM && strchr(text, ' ') != NULL)
        return why_set(why, "has more than %d bytes and a blank: give NAME=REGEX", CHOSEN_COMM);
    for (size_t i = 0; i < c->n; i++)
        if (str_eq(c->names[i].name, name->name))
            return why_set(why, "has a name that was there before: one can be NAME=REGEX|REGEX");
    if (regex != NULL && *regex == 0)
        return why_set(why, "has nothing behind the =: give a regular expression");
    if (regex != NULL && refers_back(regex))
        return why_set(why, "refers back (\\1): an extended regular expression cannot");
    error = regex != NULL ? compile(&name->line, regex) : 0;
    if (error != 0) {
        char what[200];

        (void)regerror(error, &name->line, what, sizeof what);
        return why_set(why, "is no extended regular expression: %s", what);
    }
    c->n++;
    return true;
}

void chosen_free(struct chosen *c)
{
    for (size_t i = 0; i < c->n; i++)
        if (c->names[i].by_line)
            regfree(&c->names[i].line);
    c->n = 0;
    buf_free(&c->before);
    buf_free(&c->own);
}

/* Whether one of the first two words is a path that ends in the name: a script's second word is its own. */
static bool has_word(const char *line, struct str name)
{
    for (int i = 0; i < 2; i++) {
        size_t n = strcspn(line, " ");

        if (n >= name.n && memcmp(line + n - name.n, name.s, name.n) == 0 &&
            (n == name.n || line[n - name.n - 1] == '/'))
            return true;
        line += n;
        line += *line == ' ';
    }
    return false;
}

int chosen_match(const struct chosen *c, struct str comm, const char *line)
{
    for (size_t i = 0; i < c->n; i++) {
        const struct chosen_name *name = &c->names[i];
        bool cut = name->name.n > CHOSEN_COMM;
        const struct str shown = {name->name.s, cut ? CHOSEN_COMM : name->name.n};

        if (!name->by_line && str_eq(comm, name->name)) /* threads of the kernel have it whole */
            return (int)i;
        if (!name->by_line && !(cut && str_eq(comm, shown)))
            continue;
        if (line == NULL)
            return CHOSEN_ASKS;
        if (name->by_line ? regexec(&name->line, line, 0, NULL, 0) == 0
                          : has_word(line, name->name))
            return (int)i;
    }
    return CHOSEN_NONE;
}

/* --- sums --- */

static int by_pid(const void *a, const void *b)
{
    uint64_t one = *(const uint64_t *)a, other = *(const uint64_t *)b; /* its first member */

    return (one > other) - (one < other);
}

static struct chosen_process *list(const struct buf *b)
{
    return (struct chosen_process *)(void *)b->p;
}

static size_t count(const struct buf *b)
{
    return b->n / sizeof(struct chosen_process);
}

static struct chosen_process *find(const struct buf *b, uint64_t pid)
{
    return b->n > 0 ? bsearch(&pid, b->p, count(b), sizeof(struct chosen_process), by_pid) : NULL;
}

void chosen_begin(struct chosen *c, uint64_t now)
{
    c->now = now;
    buf_reset(&c->own);
}

int chosen_before(const struct chosen *c, uint64_t pid, uint64_t start)
{
    const struct chosen_process *p = find(&c->before, pid);

    return p != NULL && p->start == start ? p->name : CHOSEN_NONE;
}

void chosen_take(struct chosen *c, const struct chosen_process *p)
{
    buf_put(&c->own, p, sizeof *p);
}

/* What of p is less than before, or cannot be read now, is as before: what it gets back is not used again. */
static void keep(struct chosen_process *p, const struct chosen_process *before)
{
    for (int i = 0; i < CHOSEN_COUNTERS; i++) {
        bool io = i == CHOSEN_READ || i == CHOSEN_WRITTEN;

        if (p->counters[i] < before->counters[i] && (!io || before->io))
            p->counters[i] = before->counters[i];
    }
    p->io = p->io || before->io;
}

/* What p has used since the round before, in `used`. */
static void look(const struct chosen *c, struct chosen_process *p, uint64_t used[CHOSEN_COUNTERS])
{
    const struct chosen_process *before = find(&c->before, p->pid);
    bool same = before != NULL && before->start == p->start;
    bool begun = c->begun && p->start >= c->last; /* since then: all of it */

    if (same)
        keep(p, before);
    for (int i = 0; i < CHOSEN_COUNTERS; i++) {
        bool io = i == CHOSEN_READ || i == CHOSEN_WRITTEN;

        used[i] = 0;
        if (io && !p->io)
            continue;
        if (same && (!io || before->io))
            used[i] = p->counters[i] - before->counters[i];
        else if (!same && begun)
            used[i] = p->counters[i];
    }
}

/* Takes off what its parent has of a child that was there before. */
static void take_off(struct chosen *c, const struct chosen_process *child, uint64_t *used)
{
    const struct chosen_process *now = find(&c->own, child->pid);
    const struct chosen_process *parent = find(&c->own, child->parent);
    uint64_t *of;

    if (parent == NULL || parent->start > child->start || !child->io ||
        (now != NULL && now->start == child->start))
        return;
    of = used + (size_t)(parent - list(&c->own)) * CHOSEN_COUNTERS;
    for (int i = CHOSEN_READ; i <= CHOSEN_WRITTEN; i++)
        of[i] -= child->counters[i] < of[i] ? child->counters[i] : of[i];
}

bool chosen_end(struct chosen *c)
{
    size_t n = count(&c->own);
    uint64_t *used = calloc(n + 1, CHOSEN_COUNTERS * sizeof *used);
    struct buf before = c->before;

    if (used == NULL || !buf_ok(&c->own)) {
        free(used);
        return false;
    }
    if (n > 0)
        qsort(c->own.p, n, sizeof(struct chosen_process), by_pid);
    for (size_t i = 0; i < n; i++)
        look(c, &list(&c->own)[i], used + i * CHOSEN_COUNTERS);
    for (size_t i = 0; i < count(&before); i++)
        take_off(c, &list(&before)[i], used);
    for (size_t i = 0; i < n; i++)
        for (int k = 0; k < CHOSEN_COUNTERS; k++)
            c->names[list(&c->own)[i].name].sums[k] += used[i * CHOSEN_COUNTERS + (size_t)k];
    free(used);
    c->before = c->own;
    c->own = before;
    c->last = c->now;
    c->begun = true;
    return true;
}
