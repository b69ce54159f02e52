/* conf/load.c - the files, then rounds of parsing and asking */
#include "conf/load.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <strings.h>
#include <unistd.h>

#include "base/fd.h"
#include "conf/before.h"
#include "conf/facts.h"
#include "conf/path.h"
#include "conf/read.h"
#include "conf/scripts.h"

/* --- the collectors' folder --- */

/* Collectors, and what was most likely meant as one, for a warning. */
static int wanted_name(const struct dirent *d)
{
    const char *suffix = strrchr(d->d_name, '.');

    return suffix != NULL && suffix != d->d_name && d->d_name[0] != '.' &&
           (strcasecmp(suffix, ".yaml") == 0 || strcasecmp(suffix, ".yml") == 0 ||
            strcasecmp(suffix, ".conf") == 0);
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static void load_collector(struct snapshot *s, const char *dir, const char *name)
{
    const char *path = path_join(&s->arena, dir, name);
    struct snapshot_file *f = path != NULL ? snapshot_add(s, path) : NULL;

    if (f == NULL)
        return;
    if (path_ends(name, ".yaml"))
        f->unread = true;
    else
        f->error = arena_printf(&s->arena, "is not read: name it %.*s.yaml",
                                (int)(strrchr(name, '.') - name), name);
}

/* The names in a folder that nobody else can alter, or -1 and *error. */
static int list_folder(struct snapshot *s, const char *dir, struct dirent ***list,
                       const char **error)
{
    int fd = read_open(s, dir, O_PATH, error), n, err;

    if (fd < 0)
        return -1;
    n = scandirat(fd, ".", list, wanted_name, by_name);
    err = errno;
    close(fd);
    if (n < 0)
        *error = err == ENOTDIR ? "is not a folder" : read_error(&s->arena, err);
    return n;
}

static bool had_scripts(const struct snapshot *now)
{
    const struct snapshot_file *f = now != NULL ? now->files : NULL;

    while (f != NULL && f->script == NULL)
        f = f->next;
    return f != NULL;
}

static bool had_files(const struct snapshot *now, const char *dir)
{
    const struct snapshot_file *f = now != NULL ? now->files->next : NULL;

    while (f != NULL && str_cmp(path_dir(f->path), str_of(dir)) != 0)
        f = f->next;
    return f != NULL;
}

/* A folder that cannot be read stands in the snapshot like a file; a default one may be missing, unless
 * there are collectors of it in use. */
static void load_folder(struct snapshot *s, const char *dir, bool written, bool had)
{
    struct dirent **list;
    struct snapshot_file *f;
    const char *error = NULL;
    int n = list_folder(s, dir, &list, &error);

    if (n < 0 && !written && error == READ_MISSING)
        error = had ? "is gone: make it again, empty if no collector is to run" : NULL;
    if (n < 0) {
        if (error != NULL && (f = snapshot_add(s, dir)) != NULL)
            f->error = error;
        return;
    }
    for (int i = 0; i < n; i++) {
        load_collector(s, dir, list[i]->d_name);
        free(list[i]);
    }
    free(list);
}

enum { UNSETTLED = -1 };

/* Both folders, as `now` had files of them. In a look, of scripts only what has not changed for `settled` ns. */
static void load_folders(struct snapshot *s, const struct conf *c, const struct snapshot *now,
                         int64_t settled, struct asking *of)
{
    load_folder(s, c->collectors_folder, c->folder_written, had_files(now, c->collectors_folder));
    scripts_load(s, c->scripts_folder, c->scripts_written, had_scripts(now));
    if (settled != UNSETTLED)
        scripts_settle(s, now, c->scripts_folder, settled);
    scripts_compare(s);
    read_unread(s, of);
}

static const char *absolute(struct arena *a, const char *path)
{
    char *cwd, *whole;

    if (*path == '/')
        return path_from(a, NULL, path);
    if ((cwd = getcwd(NULL, 0)) == NULL) /* a removed working directory: opening it will say so */
        return arena_strdup(a, path);
    whole = path_join(a, cwd, path);
    free(cwd);
    return whole;
}

static bool load_main(struct snapshot *s, const char *path)
{
    struct snapshot_file *f;

    *s = (struct snapshot){0};
    path = absolute(&s->arena, path);
    if (path == NULL || (f = snapshot_add(s, path)) == NULL)
        return false;
    read_file(s, f);
    return arena_ok(&s->arena);
}

/* Of the main file alone the folder is all that counts; what is wrong with it will be found again. */
static bool load_all(struct snapshot *s, const char *path, const struct snapshot *now,
                     struct asking *of)
{
    struct conf *c;

    if (!load_main(s, path))
        return false;
    if ((c = conf_parse_known(s)) == NULL)
        s->arena.failed = true;
    else
        load_folders(s, c, now, UNSETTLED, of);
    conf_free(c);
    return arena_ok(&s->arena);
}

bool load_files(struct snapshot *s, const char *path)
{
    struct asking of = {.table = -1};

    return load_all(s, path, NULL, &of);
}

/* In the place of the folder's own of that name, so that what may clash with it comes in the same order. */
static void load_one_more(struct snapshot *s, const char *file, struct asking *of)
{
    const char *path = absolute(&s->arena, file);
    struct snapshot_file *f = s->files;

    if (path == NULL)
        return;
    while (f != NULL && (f == s->files || strcmp(path_base(f->path), path_base(path)) != 0))
        f = f->next;
    if (f == NULL && (f = snapshot_add(s, path)) == NULL)
        return;
    f->path = path;
    f->error = NULL;
    f->unread = true;
    read_unread(s, of);
}

/* --- all --- */

/* Ends: every round learns all that the one before lacked, and finite text lacks finitely much. */
static struct conf *parse_and_learn(struct snapshot *s, struct asking *of, struct errors *e)
{
    struct conf *c;
    bool learnt;

    while ((c = conf_parse(s, e)) != NULL && c->wanted != NULL) {
        learnt = ask_facts(s, c->wanted, of);
        conf_free(c);
        errors_free(e);
        if (!learnt)
            return NULL;
    }
    return c;
}

/* Of each file the newest version that is good; all is learnt that this takes. */
static struct conf *use_newest(struct snapshot *s, struct asking *of, struct errors *e)
{
    struct conf *c;

    while ((c = parse_and_learn(s, of, e)) != NULL && before_by_old_facts(s, c)) {
        conf_free(c);
        errors_free(e);
    }
    if (c == NULL)
        return NULL;
    for (struct snapshot_file *f = s->files; f != NULL; f = f->next)
        if (conf_refused_file(c, f->path) == NULL)
            f->before = NULL;
    before_refused_last(s, c);
    return c;
}

struct conf *conf_load(struct snapshot *s, const char *path, const struct snapshot *now,
                       struct asking *of, struct errors *e)
{
    if (!load_all(s, path, now, of))
        return NULL;
    s->running = now != NULL;
    if (now != NULL && !before_add(s, now))
        return NULL;
    return use_newest(s, of, e);
}

struct conf *conf_load_with(struct snapshot *s, const char *path, const char *file,
                            struct asking *of, struct errors *e)
{
    if (!load_all(s, path, NULL, of))
        return NULL;
    if (file != NULL)
        load_one_more(s, file, of);
    return arena_ok(&s->arena) ? use_newest(s, of, e) : NULL;
}

static bool is_refused_folder(const struct conf *c, const char *folder)
{
    return folder != NULL && conf_refused_file(c, folder) != NULL;
}

/* The folder of scripts, or one in it. */
static bool scripts_are_refused(const struct conf *c)
{
    const struct conf_refused *r = c->refused;

    while (r != NULL && (r->sink != NULL || r->collector != NULL || !conf_is_folder(c, r->file) ||
                         strcmp(r->file, c->collectors_folder) == 0))
        r = r->next;
    return r != NULL;
}

/* As if nothing were known of it. */
static void forget_file(struct snapshot_file *f)
{
    f->facts = NULL;
    f->old = false;
    f->unread = f->error != NULL && !f->odd;
}

static void forget_refused(struct snapshot *s, const struct conf *c, struct asking *of)
{
    for (struct snapshot_file *f = s->files; f != NULL; f = f->next) {
        const struct conf_refused *r = conf_refused_file(c, f->path);

        f->old = true;
        if (f->before != NULL)
            f->before->old = true;
        if (r != NULL && r->world && r->sink == NULL && !conf_is_folder(c, f->path))
            forget_file(f);
    }
    read_unread(s, of);
}

/* What is in the folder now, if it can be read; `s` was what is in use. */
static void load_folder_again(struct snapshot *s, const struct conf *c, int64_t settled,
                              struct asking *of)
{
    struct snapshot next = {.running = s->running};

    next.files = snapshot_copy(&next, s->files);
    if (next.files != NULL) {
        load_folders(&next, c, s, settled, of);
        (void)before_add(&next, s);
    }
    snapshot_free(s);
    *s = next;
}

/* A script, or what is said of a folder or file among them. */
static bool is_of_scripts(const struct conf *c, const struct snapshot_file *f)
{
    size_t n = strlen(c->scripts_folder);

    return f->script != NULL || (strncmp(f->path, c->scripts_folder, n) == 0 &&
                                 (f->path[n] == '/' || f->path[n] == '\0'));
}

/* The scripts that are there now, in place of those in the snapshot; all else as it is: a change in a file is for a SIGHUP. */
static void load_scripts_again(struct snapshot *s, const struct conf *c, int64_t settled,
                               struct asking *of)
{
    struct snapshot next = {.running = s->running};
    struct snapshot_file **end = &next.files;

    for (const struct snapshot_file *f = s->files; f != NULL; f = f->next) {
        struct snapshot_file *copy = !is_of_scripts(c, f) ? snapshot_copy(&next, f) : NULL;

        if (copy == NULL)
            continue;
        copy->twice = NULL;
        copy->before = f->before != NULL ? snapshot_copy(&next, f->before) : NULL;
        *end = copy;
        end = &copy->next;
    }
    if (next.files != NULL) {
        scripts_load(&next, c->scripts_folder, c->scripts_written, true);
        scripts_settle(&next, s, c->scripts_folder, settled);
        scripts_compare(&next);
        read_unread(&next, of);
        (void)before_add(&next, s);
    }
    snapshot_free(s);
    *s = next;
}

struct conf *conf_load_refused(struct snapshot *s, int64_t settled, struct asking *of,
                               struct errors *e)
{
    struct conf *c = conf_parse_known(s);

    if (c == NULL)
        return NULL;
    before_refused_last(s, c);
    if (s->files != NULL && is_refused_folder(c, c->collectors_folder))
        load_folder_again(s, c, settled, of);
    else if (s->files != NULL && (scripts_are_refused(c) || scripts_differ(s, c, settled)))
        load_scripts_again(s, c, settled, of);
    forget_refused(s, c, of);
    for (const struct conf_sink *k = c->sinks; k != NULL && s->files != NULL; k = k->next)
        if (k->refused)
            (void)fact_ask_anew(s, k->name); /* without memory the arena knows */
    conf_free(c);
    return arena_ok(&s->arena) ? use_newest(s, of, e) : NULL;
}

struct conf *conf_load_beside(struct snapshot *s, struct asking *of, struct errors *e)
{
    struct conf *c = conf_parse_known(s);

    if (c == NULL)
        return NULL;
    s->running = true;
    load_folder_again(s, c, UNSETTLED, of);
    conf_free(c);
    return s->files != NULL && arena_ok(&s->arena) ? use_newest(s, of, e) : NULL;
}

bool conf_places_of(struct arena *a, const char *path, struct conf_places *places, struct errors *e)
{
    struct snapshot s;
    struct conf *c = NULL;
    bool good = load_main(&s, path) && (c = conf_parse(&s, e)) != NULL && e->n == 0;

    if (good)
        *places =
            (struct conf_places){arena_strdup(a, c->socket.path), arena_strdup(a, c->control.path),
                                 arena_strdup(a, c->spool.dir)};
    conf_free(c);
    snapshot_free(&s);
    return good && arena_ok(a);
}
