/* conf/scripts.c - two levels of folders, each of which nobody else may alter: who can put a script there is whoever runs it
 *
 * What is no interval, and a suffix that is no format, is said, and costs nothing else. Fails only for want of memory, which the
 * arena knows.
 */
#include "conf/scripts.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/number.h"
#include "conf/conf.h"
#include "conf/output.h"
#include "conf/path.h"
#include "conf/read.h"

static const int64_t LEAST = 100 * NS_PER_MS, MOST = 86400 * NS_PER_S; /* as `interval` */

/* --- names --- */

struct str script_stem(const char *path)
{
    const char *base = path_base(path), *dot = strrchr(base, '.');

    return (struct str){base, dot != NULL && dot != base ? (size_t)(dot - base) : strlen(base)};
}

static const char *suffix_of(const char *name)
{
    struct str stem = script_stem(name);

    return name[stem.n] == '.' ? name + stem.n + 1 : "";
}

/* OUTPUT_LOG: there is no such format. */
static int64_t output_by_suffix(const char *suffix)
{
    static const char *const plain[] = {"", "sh", "py", "pl", "rb"};

    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
        if (strcmp(suffix, plain[i]) == 0)
            return OUTPUT_LINES;
    for (int64_t o = OUTPUT_LOG + 1; o < OUTPUTS; o++)
        if (strcmp(suffix, conf_output_name(o)) == 0)
            return o;
    return OUTPUT_LOG;
}

bool script_means(struct arena *a, const char *script, struct script_means *out)
{
    const char *space = strchr(script, ' ');
    struct why ignored;
    char *interval;

    *out = (struct script_means){.path = space != NULL ? space + 1 : script};
    interval = arena_strndup(a, script, space != NULL ? (size_t)(space - script) : 0);
    out->output = output_by_suffix(suffix_of(path_base(out->path)));
    return interval != NULL &&
           (units_duration(interval, &out->interval, &ignored) || (out->interval = 0, true));
}

/* --- folders --- */

static int not_hidden(const struct dirent *d)
{
    size_t n = strlen(d->d_name);

    return d->d_name[0] != '.' && d->d_name[n - 1] != '~';
}

static int name_order(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

/* How many names, or -1 and *error. */
static int names_in(struct snapshot *s, const char *dir, struct dirent ***list, const char **error)
{
    int fd = read_open(s, dir, O_PATH, error), n, err;

    if (fd < 0)
        return -1;
    n = scandirat(fd, ".", list, not_hidden, name_order);
    err = errno;
    close(fd);
    if (n < 0)
        *error = err == ENOTDIR ? "is not a folder" : read_error(&s->arena, err);
    return n;
}

static void free_names(struct dirent **list, int n)
{
    for (int i = 0; i < n; i++)
        free(list[i]);
    free(list);
}

/* `odd`: for its name; else it cannot be read now. */
static void note_fault(struct snapshot *s, const char *path, bool odd, const char *error)
{
    struct snapshot_file *f = path != NULL ? snapshot_add(s, path) : NULL;

    if (f == NULL)
        return;
    f->error = error;
    f->odd = odd;
}

static bool is_yaml(const char *name)
{
    return strcmp(suffix_of(name), "yaml") == 0;
}

/* Of a list: the file beside this script; or the script beside this file. */
static const char *beside(struct dirent *const *list, int n, const char *name)
{
    for (int i = 0; i < n; i++)
        if (is_yaml(list[i]->d_name) != is_yaml(name) &&
            str_eq(script_stem(list[i]->d_name), script_stem(name)))
            return list[i]->d_name;
    return NULL;
}

static void add_script(struct snapshot *s, const char *dir, const char *interval, const char *name,
                       const char *file)
{
    const char *path = path_join(&s->arena, dir, name);
    struct str stem = script_stem(name);
    struct snapshot_file *f;

    if (path == NULL ||
        (f = snapshot_add(s, file != NULL ? path_join(&s->arena, dir, file) : path)) == NULL)
        return;
    f->script = arena_printf(&s->arena, "%s %s", interval, path);
    f->unread = file != NULL;
    f->odd = output_by_suffix(suffix_of(name)) == OUTPUT_LOG && file == NULL;
    if (f->odd)
        f->error = arena_printf(
            &s->arena,
            "prints what? \".%s\" is no format: call it %.*s. and one of " OUTPUT_FORMATS
            "; for lines that are NAME VALUE also %.*s, or with sh, py, pl or rb",
            suffix_of(name), (int)stem.n, stem.s, (int)stem.n, stem.s);
}

static void load_interval(struct snapshot *s, const char *folder, const char *interval)
{
    const char *dir = path_join(&s->arena, folder, interval), *error = NULL;
    struct dirent **list;
    struct why ignored;
    int64_t ns;
    int n;

    if (dir == NULL)
        return;
    if (!units_duration(interval, &ns, &ignored) || ns < LEAST || ns > MOST) {
        note_fault(s, dir, true,
                   "is not read: name it like an interval, 30s or 5m, from 100ms to 1d");
        return;
    }
    if ((n = names_in(s, dir, &list, &error)) < 0) {
        note_fault(s, dir, false, error);
        return;
    }
    for (int i = 0; i < n && arena_ok(&s->arena); i++) {
        const char *name = list[i]->d_name, *other = beside(list, n, name);

        if (!is_yaml(name))
            add_script(s, dir, interval, name, other);
        else if (other == NULL)
            note_fault(s, path_join(&s->arena, dir, name), true,
                       "is not read: there is no script of that name beside it");
    }
    free_names(list, n);
}

void scripts_load(struct snapshot *s, const char *folder, bool written, bool had)
{
    const char *error = NULL;
    struct dirent **list;
    int n = names_in(s, folder, &list, &error);

    s->scripts = n >= 0;
    if (n < 0 && !written && error == READ_MISSING)
        error = had ? "is gone: make it again, empty if no script is to run" : NULL;
    if (n < 0) {
        if (error != NULL)
            note_fault(s, folder, false, error);
        return;
    }
    for (int i = 0; i < n && arena_ok(&s->arena); i++)
        load_interval(s, folder, list[i]->d_name);
    free_names(list, n);
}

/* --- names that are there twice --- */

static const char *path_of(const struct snapshot_file *script)
{
    return strchr(script->script, ' ') + 1;
}

static bool is_collector(const struct snapshot_file *f)
{
    return f->script != NULL || path_ends(f->path, ".yaml");
}

void scripts_compare(struct snapshot *s)
{
    for (struct snapshot_file *f = s->files != NULL ? s->files->next : NULL; f != NULL;
         f = f->next) {
        if (f->script == NULL)
            continue;
        for (struct snapshot_file *o = s->files->next; o != NULL; o = o->next)
            if (o != f && is_collector(o) && str_eq(script_stem(o->path), script_stem(f->path))) {
                f->twice = o->script != NULL ? path_of(o) : o->path;
                o->twice = path_of(f);
            }
    }
}

/* --- what is there now --- */

/* By the newest change of its state, which whoever copies it cannot set back. What is not there any more is not settled. */
static bool is_settled(const char *path, int64_t settled)
{
    struct stat st;
    int64_t age;

    if (lstat(path, &st) < 0)
        return false;
    age = clock_between(clock_ns(st.st_ctim), clock_wall());
    return age >= settled || age < 0; /* a clock that was set back makes nobody wait */
}

static const struct snapshot_file *next_script(const struct snapshot_file *f)
{
    while (f != NULL && f->script == NULL)
        f = f->next;
    return f;
}

/* The same script, with the same file beside it, or none. */
static const struct snapshot_file *find_same(const struct snapshot *s,
                                             const struct snapshot_file *like)
{
    for (const struct snapshot_file *f = next_script(s->files); f != NULL; f = next_script(f->next))
        if (strcmp(f->script, like->script) == 0 && strcmp(f->path, like->path) == 0)
            return f;
    return NULL;
}

/* The same script, whatever is beside it. */
static const struct snapshot_file *find_script(const struct snapshot *s,
                                               const struct snapshot_file *like)
{
    const struct snapshot_file *f = next_script(s->files);

    while (f != NULL && strcmp(f->script, like->script) != 0)
        f = next_script(f->next);
    return f;
}

/* What goes, or may have: its folder must be still, since who replaces a file may take it away first. */
static bool may_go(struct arena *a, const struct snapshot_file *f, int64_t settled)
{
    const char *dir = arena_strndup(a, path_of(f), path_dir(path_of(f)).n);

    return dir != NULL && (is_settled(dir, settled) || access(dir, F_OK) < 0);
}

/* What comes needs only to be still itself: in its folder others may be at work for ever. */
static bool may_come(const struct snapshot_file *f, int64_t settled)
{
    return is_settled(path_of(f), settled) &&
           (strcmp(f->path, path_of(f)) == 0 || is_settled(f->path, settled));
}

/* Whether one that is in `now`, and is not so in `s`, is to be taken. */
static bool may_be_taken(struct snapshot *now, const struct snapshot_file *f,
                         const struct snapshot *s, int64_t settled)
{
    const struct snapshot_file *was = find_script(s, f);

    return may_come(f, settled) && (was == NULL || may_go(&now->arena, was, settled));
}

static bool folder_is_unread(const struct snapshot *now, const char *folder,
                             const struct snapshot_file *of)
{
    for (const struct snapshot_file *f = now->files; f != NULL; f = f->next)
        if (f->script == NULL &&
            (strcmp(f->path, folder) == 0 || str_cmp(path_dir(path_of(of)), str_of(f->path)) == 0))
            return true;
    return false;
}

/* Whether one of `s` is not in `now` any more. */
static bool is_gone(struct snapshot *now, const char *folder, const struct snapshot_file *f,
                    int64_t settled)
{
    return find_script(now, f) == NULL && !folder_is_unread(now, folder, f) &&
           may_go(&now->arena, f, settled);
}

bool scripts_differ(const struct snapshot *s, const struct conf *c, int64_t settled)
{
    struct snapshot now = {0};
    bool differ = false;

    if (!s->scripts || snapshot_add(&now, "") == NULL)
        return false;
    scripts_load(&now, c->scripts_folder, c->scripts_written, true);
    for (const struct snapshot_file *f = next_script(now.files); f != NULL && !differ;
         f = next_script(f->next))
        differ = find_same(s, f) == NULL && may_be_taken(&now, f, s, settled);
    for (const struct snapshot_file *f = next_script(s->files); f != NULL && !differ;
         f = next_script(f->next))
        differ = is_gone(&now, c->scripts_folder, f, settled);
    differ = differ && now.scripts && arena_ok(&now.arena);
    snapshot_free(&now);
    return differ;
}

/* Its program is not there, and another one of that name is. */
static bool is_replaced(const struct snapshot *now, const struct snapshot_file *f)
{
    const struct snapshot_file *o = next_script(now->files);

    while (o != NULL && !str_eq(script_stem(path_of(o)), script_stem(path_of(f))))
        o = next_script(o->next);
    return o != NULL && access(path_of(f), F_OK) < 0;
}

/* As it was, and as it is in use. NULL: no memory. */
static struct snapshot_file *copy_known(struct snapshot *s, const struct snapshot_file *known)
{
    struct snapshot_file *copy = snapshot_copy(s, known);

    if (copy == NULL)
        return NULL;
    copy->before = known->before != NULL ? snapshot_copy(s, known->before) : NULL;
    copy->twice = NULL;
    return copy;
}

void scripts_settle(struct snapshot *now, const struct snapshot *s, const char *folder,
                    int64_t settled)
{
    struct snapshot_file **at, *copy;

    for (at = &now->files; *at != NULL && arena_ok(&now->arena);) {
        struct snapshot_file *f = *at;
        const struct snapshot_file *was = f->script != NULL ? find_script(s, f) : NULL;

        if (f->script == NULL || (find_same(s, f) == NULL && may_be_taken(now, f, s, settled))) {
            at = &f->next;
        } else if (was == NULL || (copy = copy_known(now, was)) == NULL) {
            *at = f->next;
        } else {
            copy->next = f->next;
            *at = copy;
            at = &copy->next;
        }
    }
    for (const struct snapshot_file *f = next_script(s->files); f != NULL && arena_ok(&now->arena);
         f = next_script(f->next))
        if (find_script(now, f) == NULL && !folder_is_unread(now, folder, f) &&
            !may_go(&now->arena, f, settled) && !is_replaced(now, f) &&
            (copy = copy_known(now, f)) != NULL) {
            *at = copy;
            at = &copy->next;
        }
    now->added = NULL;
}
