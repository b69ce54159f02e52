/* conf/snapshot.c - a configuration as it was at one moment: taking it, and its way over a pipe
 *
 * Taking never fails for what it finds: a file that cannot be read is in the snapshot with the
 * reason, a clause that fits after "FILE: ". Over the pipe everything is a length and its bytes;
 * reading believes none of them. Fails only for want of memory (and, reading, for bytes that are
 * not a whole snapshot).
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/trust.h"
#include "conf/conf_parse.h"
#include "conf/path.h"
#include "conf/snapshot.h"

enum { MAX_FILE = 1 << 20, MAX_STRING = 2 << 20 };

static const char MISSING[] = "does not exist";
static const char MAGIC[] = "garnet snapshot 1\n";

/* ---- files ----------------------------------------------------------------------------------- */

static const char *reason(struct arena *a, int err)
{
    if (err == ENOENT || err == ENOTDIR)
        return MISSING;
    return arena_printf(a, "cannot be read: %s", strerror(err));
}

static struct snapshot_file *add_file(struct snapshot *s, const char *path)
{
    struct snapshot_file *f = arena_alloc(&s->arena, sizeof *f), **end = &s->files;

    if (!f || !(f->path = arena_strdup(&s->arena, path)))
        return NULL;
    while (*end)
        end = &(*end)->next;
    f->text = (struct str){"", 0};
    *end = f;
    return f;
}

static const char *read_into(struct snapshot *s, struct snapshot_file *f, int fd)
{
    struct buf b = {.max = MAX_FILE};
    struct stat st;
    const char *error = NULL;
    char *text;

    if (fstat(fd, &st) != 0)
        return reason(&s->arena, errno);
    if (!S_ISREG(st.st_mode))
        return "is not a regular file";
    if (fd_read_all(fd, -1, &b) < 0)
        error = errno == EFBIG ? "is larger than 1 MiB" : reason(&s->arena, errno);
    else if ((text = arena_strndup(&s->arena, b.n ? b.p : "", b.n)))
        f->text = (struct str){text, b.n};
    buf_free(&b);
    return error;
}

/* Who can write a configuration is whoever it makes: garnetd, at the least. A descriptor, or -1 and
 * *error. O_NONBLOCK: a FIFO that nobody writes must not hold us. */
static int open_trusted(struct snapshot *s, const char *path, int flags, const char **error)
{
    const struct trust t = {.users = {geteuid(), (uid_t)-1}, .own_group = conf_own_group};
    struct trust_fault f;
    struct why why;
    int fd = trust_open(&t, path, flags | O_NONBLOCK | O_NOCTTY, &f);

    if (fd >= 0)
        return fd;
    if (f.verdict == TRUST_ERROR) {
        *error = reason(&s->arena, errno);
    } else {
        trust_describe(&f, path, &why);
        *error = arena_strdup(&s->arena, why.text);
    }
    return -1;
}

static void read_file(struct snapshot *s, struct snapshot_file *f)
{
    int fd = open_trusted(s, f->path, O_RDONLY, &f->error);

    if (fd < 0)
        return;
    f->error = read_into(s, f, fd);
    close(fd);
}

/* ---- the collectors' folder ------------------------------------------------------------------ */

/* Collectors, and what was most likely meant as one: that is in the snapshot to be told of. */
static int wanted_name(const struct dirent *d)
{
    const char *suffix = strrchr(d->d_name, '.');

    return suffix && suffix != d->d_name && d->d_name[0] != '.' &&
           (strcasecmp(suffix, ".yaml") == 0 || strcasecmp(suffix, ".yml") == 0 ||
            strcasecmp(suffix, ".conf") == 0);
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static void take_collector(struct snapshot *s, const char *dir, const char *name)
{
    const char *path = path_join(&s->arena, dir, name);
    struct snapshot_file *f = path ? add_file(s, path) : NULL;

    if (!f)
        return;
    if (path_ends(name, ".yaml"))
        read_file(s, f);
    else
        f->error = arena_printf(&s->arena, "is not read: name it %.*s.yaml",
                                (int)(strrchr(name, '.') - name), name);
}

/* The names in a folder that nobody else can alter, or -1 and *error. */
static int list_folder(struct snapshot *s, const char *dir, struct dirent ***list,
                       const char **error)
{
    int fd = open_trusted(s, dir, O_PATH, error), n, err;

    if (fd < 0)
        return -1;
    n = scandirat(fd, ".", list, wanted_name, by_name);
    err = errno;
    close(fd);
    if (n < 0)
        *error = err == ENOTDIR ? "is not a folder" : reason(&s->arena, err);
    return n;
}

/* A folder that cannot be read stands in the snapshot like a file; a default one may be missing. */
static void take_folder(struct snapshot *s, const char *dir, bool written)
{
    struct dirent **list;
    struct snapshot_file *f;
    const char *error = NULL;
    int n = list_folder(s, dir, &list, &error);

    if (n < 0) {
        if (error && (written || strcmp(error, MISSING) != 0) && (f = add_file(s, dir)))
            f->error = error;
        return;
    }
    for (int i = 0; i < n; i++) {
        take_collector(s, dir, list[i]->d_name);
        free(list[i]);
    }
    free(list);
}

static const char *absolute(struct arena *a, const char *path)
{
    char *cwd, *whole;

    if (*path == '/')
        return path_from(a, NULL, path);
    if (!(cwd = getcwd(NULL, 0))) /* a removed working directory: opening it will say so */
        return arena_strdup(a, path);
    whole = path_join(a, cwd, path);
    free(cwd);
    return whole;
}

bool snapshot_take_main(struct snapshot *s, const char *path)
{
    struct snapshot_file *f;

    *s = (struct snapshot){0};
    s->main_path = absolute(&s->arena, path);
    if (!s->main_path || !(f = add_file(s, s->main_path)))
        return false;
    read_file(s, f);
    return arena_ok(&s->arena);
}

bool snapshot_take(struct snapshot *s, const char *path)
{
    struct arena scratch = {0};
    struct errors ignored = {0}; /* the parser will find them again */
    struct conf_folder folder;

    if (!snapshot_take_main(s, path))
        return false;
    folder = conf_collectors_folder(&scratch, s->main_path,
                                    yaml_parse(&scratch, s->main_path, s->files->text, &ignored));
    if (folder.path)
        take_folder(s, folder.path, folder.written);
    errors_free(&ignored);
    s->arena.failed |= scratch.failed;
    arena_free(&scratch);
    return arena_ok(&s->arena);
}

/* ---- facts ----------------------------------------------------------------------------------- */

const char *snapshot_get(const struct snapshot *s, const char *key)
{
    for (const struct snapshot_fact *f = s->facts; f; f = f->next)
        if (strcmp(f->key, key) == 0)
            return f->value;
    return NULL;
}

bool snapshot_put(struct snapshot *s, const char *key, const char *value)
{
    struct snapshot_fact *f = arena_alloc(&s->arena, sizeof *f);

    if (!f || !(f->key = arena_strdup(&s->arena, key)) ||
        !(f->value = arena_strdup(&s->arena, value)))
        return false;
    f->next = s->facts;
    s->facts = f;
    return true;
}

void snapshot_free(struct snapshot *s)
{
    arena_free(&s->arena);
    *s = (struct snapshot){0};
}

/* ---- over a pipe ----------------------------------------------------------------------------- */

static void put_u32(struct buf *b, size_t n)
{
    uint32_t v = (uint32_t)n; /* nothing in a snapshot is near 4 GiB: MAX_FILE, PATH_MAX, facts */

    buf_put(b, &v, sizeof v);
}

static void put_string(struct buf *b, struct str s)
{
    put_u32(b, s.n);
    buf_putstr(b, s);
}

void snapshot_write(const struct snapshot *s, struct buf *out)
{
    size_t nfiles = 0, nfacts = 0;

    for (const struct snapshot_file *f = s->files; f; f = f->next)
        nfiles++;
    for (const struct snapshot_fact *f = s->facts; f; f = f->next)
        nfacts++;
    buf_put(out, MAGIC, sizeof MAGIC);
    put_u32(out, nfiles);
    for (const struct snapshot_file *f = s->files; f; f = f->next) {
        put_string(out, str_of(f->path));
        put_string(out, str_of(f->error ? f->error : ""));
        put_string(out, f->text);
    }
    put_u32(out, nfacts);
    for (const struct snapshot_fact *f = s->facts; f; f = f->next) {
        put_string(out, str_of(f->key));
        put_string(out, str_of(f->value));
    }
}

static bool get_u32(struct str *in, uint32_t *v)
{
    if (in->n < sizeof *v)
        return false;
    memcpy(v, in->s, sizeof *v);
    in->s += sizeof *v;
    in->n -= sizeof *v;
    return true;
}

static bool get_string(struct snapshot *s, struct str *in, size_t max, struct str *out)
{
    uint32_t n;

    if (!get_u32(in, &n) || n > in->n || n > max)
        return false;
    out->s = arena_strndup(&s->arena, in->s, n);
    out->n = n;
    in->s += n;
    in->n -= n;
    return out->s != NULL;
}

/* The same, but without a NUL inside: usable as a C string. */
static const char *get_cstr(struct snapshot *s, struct str *in)
{
    struct str v;

    if (!get_string(s, in, MAX_STRING, &v) || memchr(v.s, 0, v.n))
        return NULL;
    return v.s;
}

static bool get_files(struct snapshot *s, struct str *in)
{
    struct snapshot_file **end = &s->files, *f;
    uint32_t n;

    if (!get_u32(in, &n))
        return false;
    for (; n > 0; n--, end = &f->next) {
        if (!(f = arena_alloc(&s->arena, sizeof *f)) || !(f->path = get_cstr(s, in)) ||
            !(f->error = get_cstr(s, in)) || !get_string(s, in, MAX_FILE, &f->text))
            return false;
        if (!*f->error)
            f->error = NULL;
        *end = f;
    }
    return s->files != NULL;
}

static bool get_facts(struct snapshot *s, struct str *in)
{
    struct snapshot_fact **end = &s->facts, *f;
    uint32_t n;

    if (!get_u32(in, &n))
        return false;
    for (; n > 0; n--, end = &f->next) {
        if (!(f = arena_alloc(&s->arena, sizeof *f)) || !(f->key = get_cstr(s, in)) ||
            !(f->value = get_cstr(s, in)))
            return false;
        *end = f;
    }
    return true;
}

bool snapshot_read(struct snapshot *s, struct str bytes)
{
    *s = (struct snapshot){0};
    if (bytes.n > sizeof MAGIC && memcmp(bytes.s, MAGIC, sizeof MAGIC) == 0) {
        bytes.s += sizeof MAGIC;
        bytes.n -= sizeof MAGIC;
        if (get_files(s, &bytes) && get_facts(s, &bytes) && bytes.n == 0) {
            s->main_path = s->files->path;
            return true;
        }
    }
    snapshot_free(s);
    return false;
}
