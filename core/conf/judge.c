/* conf/judge.c - a collector's file gets errors of its own, which stand apart from all others; if there
 * are any, what it said before is judged in the same way
 *
 * Until a file is judged, what it said before counts as there, in a list of its own: no other file's new
 * version takes the place of one that may have to run on.
 *
 * Fails only for want of memory.
 */
#include "conf/judge.h"

#include "conf/conf.h"
#include "conf/facts.h"
#include "conf/path.h"

/* They come sorted by name but for a few. */
static void insert_sorted(struct parsing *p, struct conf_collector *k)
{
    struct conf_collector **at = &p->c->collectors;

    if (p->placed != NULL && strcmp(p->placed->name, k->name) < 0)
        at = &p->placed->next;
    while (*at != NULL && strcmp((*at)->name, k->name) < 0)
        at = &(*at)->next;
    k->next = *at;
    *at = k;
    p->placed = k;
}

void parse_refuse(struct parsing *p, struct conf_refused what, const struct errors *why)
{
    struct conf_refused *r = arena_alloc(p->a, sizeof *r), **end = &p->c->refused;

    if (r == NULL)
        return;
    while (*end != NULL)
        end = &(*end)->next;
    *r = what;
    r->file = arena_strdup(p->a, what.file);
    r->lines = arena_strndup(p->a, why->text.p, why->text.n);
    r->world = why->world == why->n;
    *end = r;
}

/* One version of a collector's file, with its errors; NULL as parse_collector(). */
static struct conf_collector *parse_version(struct parsing *p, const struct snapshot_file *f,
                                            struct errors *e)
{
    struct errors *all = p->e;
    struct conf_collector *k;

    p->e = e;
    p->file = f;
    k = parse_collector(p, f);
    p->a->failed |= !buf_ok(&e->text);
    p->e = all;
    return arena_ok(p->a) ? k : NULL;
}

/* And with those that it has beside the others. */
static void judge_version(struct parsing *p, const struct conf_collector *k, struct errors *e)
{
    struct errors *all = p->e;

    if (k == NULL || e->n > 0 || p->wanted != NULL)
        return;
    p->e = e;
    parse_check_processes(p, k);
    p->a->failed |= !buf_ok(&e->text);
    p->e = all;
}

/* What files said before, where that is good by itself. */
static void parse_in_use(struct parsing *p, const struct snapshot_file *files)
{
    struct conf_collector **end = &p->in_use;

    for (const struct snapshot_file *f = files; f != NULL; f = f->next) {
        struct errors e = {0};
        struct conf_collector *k = f->before != NULL ? parse_version(p, f->before, &e) : NULL;

        if (k != NULL && e.n == 0) {
            *end = k;
            end = &k->next;
        }
        errors_free(&e);
    }
}

/* What that file said before, and no longer in the list; or NULL. */
static struct conf_collector *take_in_use(struct parsing *p, const struct snapshot_file *before)
{
    struct conf_collector **at = &p->in_use, *k;

    while (*at != NULL && strcmp((*at)->node->at.file, before->path) != 0)
        at = &(*at)->next;
    if ((k = *at) != NULL)
        *at = k->next;
    return k;
}

/* Whether it is good beside the others: then it is in use. */
static bool keep(struct parsing *p, struct conf_collector *k)
{
    struct errors e = {0};
    bool good;

    judge_version(p, k, &e);
    good = k != NULL && e.n == 0;
    errors_free(&e);
    if (!good)
        return false;
    k->kept = true;
    insert_sorted(p, k);
    return true;
}

/* Its errors stand apart from all others. */
static void judge_collector(struct parsing *p, const struct snapshot_file *f)
{
    struct errors own = {0};
    struct conf_collector *before = f->before != NULL ? take_in_use(p, f->before) : NULL;
    struct conf_collector *k = parse_version(p, f, &own);

    judge_version(p, k, &own);
    if (k != NULL && own.n == 0)
        insert_sorted(p, k);
    else if (k != NULL)
        parse_refuse(
            p,
            (struct conf_refused){.file = f->path, .collector = k->name, .kept = keep(p, before)},
            &own);
    errors_join(p->e, &own, true);
    errors_free(&own);
}

/* The folder itself, which cannot be read. */
static void refuse_folder(struct parsing *p, const struct snapshot_file *f, const struct node *root)
{
    const char *key = strcmp(f->path, p->c->collectors_folder) == 0 ? "collectors" : "scripts";
    const struct node *written = node_get(root, key);
    struct pos at = written != NULL ? written->at : (struct pos){root->at.file, 0, 0};
    struct errors own = {0};

    errors_world(&own, at, "%s: \"%s\" %s", key, f->path,
                 f->error != NULL ? f->error : "is not a folder");
    p->a->failed |= !buf_ok(&own.text);
    if (arena_ok(p->a))
        parse_refuse(p, (struct conf_refused){.file = f->path}, &own);
    errors_join(p->e, &own, true);
    errors_free(&own);
}

void parse_collectors(struct parsing *p, const struct snapshot_file *files, const struct node *root)
{
    parse_in_use(p, files);
    for (const struct snapshot_file *f = files; f != NULL; f = f->next)
        if (conf_is_folder(p->c, f->path) && !f->odd)
            refuse_folder(p, f, root);
        else
            judge_collector(p, f);
}

bool conf_is_folder(const struct conf *c, const char *path)
{
    return c->collectors_folder != NULL && c->scripts_folder != NULL &&
           (strcmp(c->collectors_folder, path) == 0 || strcmp(c->scripts_folder, path) == 0 ||
            str_cmp(path_dir(path), str_of(c->scripts_folder)) == 0);
}

const struct conf_refused *conf_refused_file(const struct conf *c, const char *file)
{
    const struct conf_refused *r = c->refused;

    while (r != NULL && strcmp(r->file, file) != 0)
        r = r->next;
    return r;
}

struct conf_collector *conf_collector_named(const struct conf *c, const char *name)
{
    struct conf_collector *k = c->collectors;

    while (k != NULL && strcmp(k->name, name) != 0)
        k = k->next;
    return k;
}

const struct conf_refused *conf_refused_same(const struct conf *c, const struct conf_refused *what)
{
    const struct conf_refused *r = c->refused;

    while (r != NULL && (strcmp(r->file, what->file) != 0 || !text_same(r->sink, what->sink)))
        r = r->next;
    return r;
}

bool conf_refused_alike(const struct conf *c, const struct conf_refused *what)
{
    const struct conf_refused *r = conf_refused_same(c, what);

    return r != NULL && r->kept == what->kept && strcmp(r->lines, what->lines) == 0;
}
