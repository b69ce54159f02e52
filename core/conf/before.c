/* conf/before.c - finds each file's version that is in use, and sorts the files by it
 *
 * Fails only for want of memory.
 */
#include "conf/before.h"

#include "conf/conf.h"
#include "conf/path.h"
#include "conf/scripts.h"

/* The main file is none, whatever it is called; nor is what only looks like one, and is never read. */
static bool is_collector_file(const struct snapshot *s, const struct snapshot_file *f)
{
    return f != s->files && (f->script != NULL || (!f->odd && path_ends(f->path, ".yaml")));
}

/* A collector is its file's name, wherever the folder is, and whether it is a script or the file beside that. They are asked for in about the order in which they
 * are: from *at on, which is where the last one was. */
static const struct snapshot_file *find_file(const struct snapshot *s, const char *path,
                                             const struct snapshot_file **at)
{
    const struct snapshot_file *begin = *at, *f = begin;

    while (!is_collector_file(s, f) || !str_eq(script_stem(f->path), script_stem(path))) {
        f = f->next != NULL ? f->next : s->files;
        if (f == begin)
            return NULL;
    }
    *at = f;
    return f;
}

/* The version of a file that is in use; NULL: there is none. */
static const struct snapshot_file *file_in_use(const struct snapshot *now, const struct conf *c,
                                               const char *path, const struct snapshot_file **at)
{
    const struct snapshot_file *f = find_file(now, path, at);
    const struct conf_refused *r = f != NULL ? conf_refused_file(c, f->path) : NULL;

    return r == NULL ? f : r->kept ? f->before : NULL;
}

/* --- their order --- */

enum { UNCHANGED, CHANGED, NEW, RANKS };

static int rank_by_change(const struct conf *c, const struct snapshot_file *f)
{
    (void)c;
    if (f->old) /* it was not looked at: it is as it was */
        return UNCHANGED;
    if (f->before == NULL)
        return NEW;
    return f->error != NULL || str_cmp(f->text, f->before->text) != 0 ? CHANGED : UNCHANGED;
}

static int rank_by_refusal(const struct conf *c, const struct snapshot_file *f)
{
    return conf_refused_file(c, f->path) != NULL;
}

/* All but the main file, by rank; those of one rank stay as they are. */
static void order_files(struct snapshot *s, const struct conf *c,
                        int (*rank_of)(const struct conf *c, const struct snapshot_file *f))
{
    struct snapshot_file *first[RANKS] = {0}, **end[RANKS], *next;

    for (int i = 0; i < RANKS; i++)
        end[i] = &first[i];
    for (struct snapshot_file *f = s->files->next; f != NULL; f = next) {
        int rank = rank_of(c, f);

        next = f->next;
        f->next = NULL;
        *end[rank] = f;
        end[rank] = &f->next;
    }
    for (int i = RANKS - 1; i > 0; i--)
        *end[i - 1] = first[i];
    s->files->next = first[0];
}

/* --- what was before --- */

/* Whether a file of before is of this folder, which cannot be read: then nothing in it is known to be gone. */
static bool was_in(const struct snapshot_file *f, const struct conf *next, const char *folder)
{
    if (strcmp(folder, next->collectors_folder) == 0)
        return f->script == NULL;
    return f->script != NULL && (strcmp(folder, next->scripts_folder) == 0 ||
                                 str_cmp(path_dir(f->path), str_of(folder)) == 0);
}

static void copy_collectors(struct snapshot *s, const struct snapshot *now, const struct conf *next,
                            const char *folder)
{
    struct snapshot_file **end = &s->files, *copy;

    while (*end != NULL)
        end = &(*end)->next;
    for (const struct snapshot_file *f = now->files->next; f != NULL; f = f->next) {
        if (conf_is_folder(next, f->path) || !was_in(f, next, folder))
            continue;
        if ((copy = snapshot_copy(s, f)) == NULL)
            return;
        copy->before = f->before != NULL ? snapshot_copy(s, f->before) : NULL;
        *end = copy;
        end = &copy->next;
    }
}

/* It is judged by what is found out now, if that is good enough. */
static struct snapshot_file *copy_version(struct snapshot *s, const struct snapshot_file *used)
{
    struct snapshot_file *copy = snapshot_copy(s, used);

    if (copy == NULL)
        return NULL;
    copy->was = copy->facts;
    copy->facts = NULL;
    copy->old = false;
    return copy;
}

bool before_add(struct snapshot *s, const struct snapshot *now)
{
    struct conf *c = conf_parse_known(now), *next = conf_parse_known(s);
    const struct snapshot_file *used, *at = now->files;

    if (c == NULL || next == NULL) {
        s->arena.failed = true;
    } else {
        for (struct snapshot_file *f = s->files->next; f != NULL;
             f = f->next) /* and its own copies */
            if (!f->old && !f->odd && conf_is_folder(next, f->path))
                copy_collectors(s, now, next, f->path);
        for (struct snapshot_file *f = s->files->next; f != NULL; f = f->next)
            if (!f->old && is_collector_file(s, f) &&
                (used = file_in_use(now, c, f->path, &at)) != NULL && used->error == NULL)
                f->before = copy_version(s, used);
        order_files(s, next, rank_by_change);
    }
    conf_free(c);
    conf_free(next);
    return arena_ok(&s->arena);
}

bool before_by_old_facts(struct snapshot *s, const struct conf *c)
{
    bool any = false;

    for (struct snapshot_file *f = s->files->next; f != NULL; f = f->next) {
        const struct conf_refused *r = conf_refused_file(c, f->path);

        if (r == NULL || r->kept || f->before == NULL || f->before->was == NULL)
            continue;
        f->before->facts = f->before->was;
        f->before->was = NULL;
        f->before->old = true;
        any = true;
    }
    return any;
}

void before_refused_last(struct snapshot *s, const struct conf *c)
{
    order_files(s, c, rank_by_refusal);
}
