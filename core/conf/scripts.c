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
static int64_t output_of(const char *suffix)
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
    out->output = output_of(suffix_of(path_base(out->path)));
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
static int list_names(struct snapshot *s, const char *dir, struct dirent ***list,
                      const char **error)
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
static void add_fault(struct snapshot *s, const char *path, bool odd, const char *error)
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
    struct snapshot_file *f;

    if (path == NULL ||
        (f = snapshot_add(s, file != NULL ? path_join(&s->arena, dir, file) : path)) == NULL)
        return;
    f->script = arena_printf(&s->arena, "%s %s", interval, path);
    f->unread = file != NULL;
    f->odd = output_of(suffix_of(name)) == OUTPUT_LOG && file == NULL;
    if (f->odd)
        f->error = arena_printf(
            &s->arena,
            "prints what? \".%s\" is no format: call it NAME, or NAME. and one of " OUTPUT_FORMATS,
            suffix_of(name));
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
        add_fault(s, dir, true,
                  "is not read: name it like an interval, 30s or 5m, from 100ms to 1d");
        return;
    }
    if ((n = list_names(s, dir, &list, &error)) < 0) {
        add_fault(s, dir, false, error);
        return;
    }
    for (int i = 0; i < n && arena_ok(&s->arena); i++) {
        const char *name = list[i]->d_name, *other = beside(list, n, name);

        if (!is_yaml(name))
            add_script(s, dir, interval, name, other);
        else if (other == NULL)
            add_fault(s, path_join(&s->arena, dir, name), true,
                      "is not read: there is no script of that name beside it");
    }
    free_names(list, n);
}

void scripts_load(struct snapshot *s, const char *folder, bool written, bool had)
{
    const char *error = NULL;
    struct dirent **list;
    int n = list_names(s, folder, &list, &error);

    s->scripts = n >= 0;
    if (n < 0 && !written && error == READ_MISSING)
        error = had ? "is gone: make it again, empty if no script is to run" : NULL;
    if (n < 0) {
        if (error != NULL)
            add_fault(s, folder, false, error);
        return;
    }
    for (int i = 0; i < n && arena_ok(&s->arena); i++)
        load_interval(s, folder, list[i]->d_name);
    free_names(list, n);
}

/* --- names that are there twice --- */

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
                f->twice = o->path;
                o->twice = f->path;
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

const struct snapshot_file *scripts_find(const struct snapshot *s, const struct snapshot_file *like)
{
    for (const struct snapshot_file *f = next_script(s->files); f != NULL; f = next_script(f->next))
        if (strcmp(f->script, like->script) == 0 && strcmp(f->path, like->path) == 0)
            return f;
    return NULL;
}

/* That all of a's are among b's. */
static bool scripts_within(const struct snapshot *a, const struct snapshot *b)
{
    for (const struct snapshot_file *f = next_script(a->files); f != NULL; f = next_script(f->next))
        if (scripts_find(b, f) == NULL)
            return false;
    return true;
}

static bool all_settled(struct snapshot *now, const char *folder, int64_t settled)
{
    bool good = is_settled(folder, settled);

    for (const struct snapshot_file *f = next_script(now->files); good && f != NULL;
         f = next_script(f->next)) {
        const char *path = strchr(f->script, ' ') + 1;
        const char *dir = arena_strndup(&now->arena, path, path_dir(path).n);

        good = dir != NULL && is_settled(path, settled) && is_settled(dir, settled);
    }
    return good;
}

bool scripts_differ(const struct snapshot *s, const struct conf *c, int64_t settled)
{
    struct snapshot now = {0};
    bool differ = false;

    if (!s->scripts || snapshot_add(&now, "") == NULL)
        return false;
    scripts_load(&now, c->scripts_folder, c->scripts_written, true);
    if (arena_ok(&now.arena) && now.scripts)
        differ = (!scripts_within(&now, s) || !scripts_within(s, &now)) &&
                 all_settled(&now, c->scripts_folder, settled);
    snapshot_free(&now);
    return differ;
}
