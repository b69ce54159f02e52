/* conf/before.c - finds each file's version that is in use, and sorts the files by it
 *
 * Fails only for want of memory.
 */
#include "conf/before.h"

#include "conf/conf.h"
#include "conf/path.h"

/* A collector is its file's name, wherever the folder is. */
static const struct snapshot_file *find_file(const struct snapshot *s, const char *path)
{
    const struct snapshot_file *f = s->files->next;

    while (f != NULL && strcmp(path_base(f->path), path_base(path)) != 0)
        f = f->next;
    return f;
}

/* The version of a file that is in use; NULL: there is none. */
static const struct snapshot_file *file_in_use(const struct snapshot *now, const struct conf *c,
                                               const char *path)
{
    const struct snapshot_file *f = find_file(now, path);
    const struct conf_refused *r = f != NULL ? conf_refused_file(c, f->path) : NULL;

    return r == NULL ? f : r->kept ? f->before : NULL;
}

/* All but the main file: unchanged ones first, then those that changed, then new ones. */
static void order_files(struct snapshot *s)
{
    enum { UNCHANGED, CHANGED, NEW, RANKS };
    struct snapshot_file *first[RANKS] = {0}, **end[RANKS], *next;

    for (int i = 0; i < RANKS; i++)
        end[i] = &first[i];
    for (struct snapshot_file *f = s->files->next; f != NULL; f = next) {
        int rank = f->before == NULL                                            ? NEW
                   : f->error != NULL || str_cmp(f->text, f->before->text) != 0 ? CHANGED
                                                                                : UNCHANGED;
        next = f->next;
        f->next = NULL;
        *end[rank] = f;
        end[rank] = &f->next;
    }
    *end[CHANGED] = first[NEW];
    *end[UNCHANGED] = first[CHANGED];
    s->files->next = first[UNCHANGED];
}

/* The folder could not be read: nothing in it is known to be gone. */
static void copy_collectors(struct snapshot *s, const struct snapshot *now, const char *folder)
{
    struct snapshot_file **end = &s->files, *copy;

    while (*end != NULL)
        end = &(*end)->next;
    for (const struct snapshot_file *f = now->files->next; f != NULL; f = f->next) {
        if (strcmp(f->path, folder) == 0)
            continue;
        if ((copy = snapshot_copy(s, f)) == NULL)
            return;
        copy->before = f->before != NULL ? snapshot_copy(s, f->before) : NULL;
        *end = copy;
        end = &copy->next;
    }
}

static bool folder_failed(const struct snapshot *s, const char *folder)
{
    return s->files->next != NULL && folder != NULL && strcmp(s->files->next->path, folder) == 0;
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
    struct errors ignored = {0};
    struct conf *c = conf_parse(now, &ignored), *next = conf_parse(s, &ignored);
    const struct snapshot_file *used;

    errors_free(&ignored);
    if (c == NULL || next == NULL) {
        s->arena.failed = true;
    } else if (folder_failed(s, next->collectors_folder)) {
        copy_collectors(s, now, next->collectors_folder);
    } else {
        for (struct snapshot_file *f = s->files->next; f != NULL; f = f->next)
            if ((used = file_in_use(now, c, f->path)) != NULL && used->error == NULL)
                f->before = copy_version(s, used);
        order_files(s);
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
    struct snapshot_file *last = NULL, **end = &last, **at = &s->files->next, *f;

    while ((f = *at) != NULL)
        if (conf_refused_file(c, f->path) == NULL) {
            at = &f->next;
        } else {
            *at = f->next;
            f->next = NULL;
            *end = f;
            end = &f->next;
        }
    *at = last;
}
