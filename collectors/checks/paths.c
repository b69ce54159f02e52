/* paths - files and folders that somebody names: whether each is there, how large and how old
 *
 * They are looked at in other processes (asking.h), since each may be on a mount whose server is gone. In a folder the files
 * are counted that are files, and no folders, links or sockets; links below it are not followed, and what is mounted below it
 * is left out, so that no loop and no other server is met: of a folder nothing is asked that its server would have to answer.
 * What cannot be counted to its end is not counted: no number is better than a wrong one.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/glob.h"
#include "base/number.h"
#include "base/text.h"
#include "checks/checks.h"
#include "host/asking.h"

#define FIGURE(key, of_unit, of_field, of_diamond, of_collectd)                                    \
    {                                                                                              \
        .name = "path." key, .unit = (of_unit), .type = "gauge", .tags = {"path"}, .file = "PATH", \
        .field = (of_field), .diamond = (of_diamond), .collectd = (of_collectd)                    \
    }

static const struct figure FIGURES[] = {
    FIGURE("exists", NULL, "stat(), 0 or 1", NULL, NULL),
    FIGURE("size", "B", "stat() st_size", NULL, NULL),
    FIGURE("age", "s", "now - stat() st_mtim", NULL, NULL),
    FIGURE("files", "file", "number of files", "dirstats.DIR.files", "filecount-DIR/files"),
    FIGURE("bytes", "B", "sum of st_size", "dirstats.DIR.size.allocated", "filecount-DIR/bytes"),
    FIGURE("oldest", "s", "now - least st_mtim", NULL, NULL),
    FIGURE("newest", "s", "now - greatest st_mtim", "dirstats.DIR.days_unmodified", NULL),
};
enum { EXISTS, SIZE, AGE, FILES, BYTES, OLDEST, NEWEST };

static const struct subject_value VALUES[] = {
    {"--match", "PATTERN", "counts files of such names alone: *.log, [a-z]*"},
    {"--depth", "N", "counts in folders below as well, N deep, 1 to 32; 1: not below"},
    {"--most", "N", "does not count more than N entries of one PATH; 1000000"},
    {"--timeout", "TIME", "does not wait longer for one PATH; 10s"},
    {NULL, NULL, NULL},
};
enum { MATCH, DEPTH, MOST, TIMEOUT };

enum {
    PIECE = 16, /* that are looked at at the same time */
    DEEPEST = 32,
    MOST_MOST = 100000000,
    WHERE = 256,
};

static struct {
    const char *match;
    int64_t depth, most, timeout;
} options;

struct answer {
    int error; /* of PATH itself; 0: the rest is known */
    bool folder, counted;
    uint64_t size;
    int64_t looked; /* when; Unix ns, as the next three */
    int64_t changed;
    int64_t oldest, newest;
    uint64_t files, bytes;
    int cannot;        /* errno; 0: there are too many entries, if they are not counted */
    char where[WHERE]; /* below PATH */
};

/* --- in the process --- */

struct walk {
    struct answer *a;
    dev_t device; /* for a kernel that does not say where a mount begins (before 5.8) */
    int64_t seen;
};

static bool walk_folder(struct walk *w, int fd, const char *name, int64_t depth);

static bool cannot(struct walk *w, const char *name)
{
    w->a->cannot = errno;
    (void)snprintf(w->a->where, sizeof w->a->where, "%s", name);
    return false;
}

static void count_file(struct answer *a, const char *name, const struct stat *st)
{
    int64_t changed = clock_ns(st->st_mtim);

    if (options.match != NULL && !glob_match(options.match, str_of(name)))
        return;
    a->oldest = a->files == 0 || changed < a->oldest ? changed : a->oldest;
    a->newest = a->files == 0 || changed > a->newest ? changed : a->newest;
    a->files++;
    a->bytes += (uint64_t)st->st_size;
}

/* Whether it is, and nothing is mounted there. -1, with errno. */
static int is_own_folder(const struct walk *w, int folder, const char *name)
{
    struct statx x;

    if (statx(folder, name, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_STATX_DONT_SYNC, STATX_TYPE,
              &x) < 0)
        return -1;
    if (!S_ISDIR(x.stx_mode))
        return 0;
    if ((x.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT) != 0)
        return (x.stx_attributes & STATX_ATTR_MOUNT_ROOT) == 0;
    return makedev(x.stx_dev_major, x.stx_dev_minor) == w->device;
}

/* One entry of that kind, as readdir() has it; what has gone meanwhile is none. */
static bool walk_entry(struct walk *w, int folder, const char *name, unsigned char kind,
                       int64_t depth)
{
    struct stat st;
    int fd, own = 0;

    if (++w->seen > options.most)
        return false;
    if (kind == DT_DIR ? depth == 1 : kind != DT_REG && kind != DT_UNKNOWN)
        return true;
    if (kind != DT_REG && (own = is_own_folder(w, folder, name)) < 0)
        return errno == ENOENT || cannot(w, name);
    if (kind != DT_DIR && own == 0) {
        if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) < 0)
            return errno == ENOENT || cannot(w, name);
        if (S_ISREG(st.st_mode))
            count_file(w->a, name, &st);
    }
    if (own == 0 || depth == 1)
        return true;
    fd = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT || errno == ENOTDIR || errno == ELOOP || cannot(w, name);
    return walk_folder(w, fd, name, depth - 1);
}

/* fd is closed. False: not all could be counted. */
static bool walk_folder(struct walk *w, int fd, const char *name, int64_t depth)
{
    DIR *d = fdopendir(fd);
    const struct dirent *e;
    bool good = true;

    if (d == NULL) {
        good = cannot(w, name);
        fd_close(&fd);
        return good;
    }
    while (good && (errno = 0, e = readdir(d)) != NULL)
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            good = walk_entry(w, fd, e->d_name, e->d_type, depth);
    if (good && errno != 0)
        good = cannot(w, name);
    (void)closedir(d);
    return good;
}

static void look(const void *arg, void *answer)
{
    const char *path = arg;
    struct answer *a = answer;
    struct walk w = {.a = a};
    struct stat st;
    int fd;

    if (stat(path, &st) < 0) {
        a->error = errno;
        return;
    }
    a->looked = clock_wall();
    a->size = (uint64_t)st.st_size;
    a->changed = clock_ns(st.st_mtim);
    a->folder = S_ISDIR(st.st_mode);
    if (!a->folder)
        return;
    fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0) { /* once more: to open it may have mounted what is there */
        a->counted = cannot(&w, ".");
        fd_close(&fd);
        return;
    }
    w.device = st.st_dev;
    a->counted = walk_folder(&w, fd, ".", options.depth);
    a->looked = clock_wall(); /* or what changed meanwhile would be of the future */
}

/* --- here --- */

/* A stamp that lies in the future makes less than 0. */
static void put_age(struct host *h, const struct figure *f, int64_t now, int64_t changed)
{
    samples_f64(&h->out, f, (double)clock_between(changed, now) / (double)NS_PER_S);
}

static void complain_of_count(struct host *h, const char *path, const struct answer *a)
{
    char where[WHERE];

    if (a->cannot == 0) {
        host_complain(h, "%s: more than %lld entries: it is not counted; --most allows more", path,
                      (long long)options.most);
        return;
    }
    str_show(where, sizeof where, str_of(a->where));
    errno = a->cannot;
    host_complain(h, "%s: it is not counted: %s: %m", path, where);
}

static void put_path(struct host *h, const char *path, const struct answer *a)
{
    int64_t now = a->looked; /* and not the present: others may have been waited for */
    bool missing = a->error == ENOENT || a->error == ENOTDIR;

    if (a->error != 0 && !missing) {
        errno = a->error;
        host_complain(h, "%s: %m", path);
        return;
    }
    if (!host_tag(h, str_of(path)))
        return;
    samples_u64(&h->out, &FIGURES[EXISTS], !missing);
    if (missing)
        return;
    if (!a->folder)
        samples_u64(&h->out, &FIGURES[SIZE], a->size);
    put_age(h, &FIGURES[AGE], now, a->changed);
    if (a->folder && !a->counted)
        complain_of_count(h, path, a);
    if (!a->counted)
        return;
    samples_u64(&h->out, &FIGURES[FILES], a->files);
    samples_u64(&h->out, &FIGURES[BYTES], a->bytes);
    if (a->files == 0)
        return;
    put_age(h, &FIGURES[OLDEST], now, a->oldest);
    put_age(h, &FIGURES[NEWEST], now, a->newest);
}

static void paths_read(struct host *h)
{
    struct asking asking[PIECE];
    struct answer answer;

    for (size_t i = 0, n = 0; i < h->nwords; i += n) {
        int64_t until;

        n = h->nwords - i < PIECE ? h->nwords - i : PIECE;
        for (size_t k = 0; k < n; k++)
            asking_begin(h, &asking[k],
                         &(struct question){.shown = h->words[i + k],
                                            .key = h->words[i + k],
                                            .ask = look,
                                            .about = h->words[i + k],
                                            .bytes = strlen(h->words[i + k]) + 1,
                                            .size = sizeof answer});
        until = clock_mono() + options.timeout;
        for (size_t k = 0; k < n; k++)
            if (asking_end(h, &asking[k], until, &answer))
                put_path(h, h->words[i + k], &answer);
        until = clock_mono() + ASKING_KILLED;
        for (size_t k = 0; k < n; k++)
            asking_reap(&asking[k], until);
    }
}

static bool paths_prepare(struct host *h, struct why *why)
{
    const char *fault;

    options.match = h->values[MATCH];
    fault = options.match != NULL ? glob_fault(options.match) : NULL;
    if (fault != NULL)
        return why_set(why, "--match \"%s\" %s", options.match, fault);
    for (size_t i = 0; i < h->nwords; i++)
        if (h->words[i][0] != '/')
            return why_set(why, "\"%s\": give an absolute path", h->words[i]);
    return check_int(h->values[DEPTH], "--depth", 1, DEEPEST, 1, &options.depth, why) &&
           check_int(h->values[MOST], "--most", 1, MOST_MOST, 1000000, &options.most, why) &&
           check_time(h->values[TIMEOUT], "10s", &options.timeout, why);
}

const struct subject paths_subject = {
    .name = "paths",
    .about =
        "whether each PATH is there, its size and age; of a folder how many files it has, and more",
    .figures = FIGURES,
    .nfigures = sizeof FIGURES / sizeof *FIGURES,
    .read = paths_read,
    .elsewhere = true,
    .words = "PATH...",
    .needs_words = true,
    .values = VALUES,
    .prepare = paths_prepare,
};
