/* cgroups - what each control group uses, and so each unit of systemd and each container: cgroup v2, v1, or both beside each other
 *
 * Those up to two folders below /sys/fs/cgroup, so system.slice/ssh.service and all slices; with --all-cgroups those below
 * them, too. The root's figures are the host's. A group has the files of those controllers that are on for it; what is not there
 * is left out, and so is a group that goes away meanwhile. A group's figures have in them those of the groups below it, so
 * each says how deep it is.
 *
 * v1 has a tree of its own for each controller, where a group's path is the same, and is walked once for each. Where v2 is
 * beside it (in `unified`: hybrid) no controller is in both; but v2 has the times of all its groups without one, and
 * so v1's cpuacct is asked only for groups that v2 does not know.
 *
 * io.stat has a line for each device, and so each is a series of its own: a sum would go back when a device goes away, and
 * what goes back is taken for a counter that has begun anew. The kernel adds up its counters as they are read, which takes
 * the longer the more groups there are: so this is a program of its own, and not in `host`.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fd.h"
#include "host/group_text.h"
#include "host/host.h"

#define ROOT    "/sys/fs/cgroup"
#define IO_STAT "io.stat"
#define V1(in_tree, in_name, in_file, of_scale)                                                    \
    {                                                                                              \
        .file = ROOT "/" in_tree "/GROUP/" in_name, .field = (in_file), .scale = (of_scale)        \
    }
#define NOT_IN_V1                                                                                  \
    {                                                                                              \
        .file = NULL                                                                               \
    }
#define FIGURE(key, of_unit, of_type, in_name, in_file, ...)                                       \
    {                                                                                              \
        .name = "cgroup." key, .unit = (of_unit), .type = (of_type), .tags = {"cgroup", "depth"},  \
        .file = ROOT "/GROUP/" in_name, .field = (in_file), .older = __VA_ARGS__                   \
    }
#define OF_DEVICE(key, of_unit, in_file, ...)                                                      \
    {                                                                                              \
        .name = "cgroup." key, .unit = (of_unit), .type = "counter",                               \
        .tags = {"cgroup", "depth", "device"}, .file = ROOT "/GROUP/" IO_STAT, .field = (in_file), \
        .older = __VA_ARGS__                                                                       \
    }
#define RECURSIVE   "_recursive" /* some kernels have only the files without it */
#define BYTES(word) V1("blkio", "blkio.throttle.io_service_bytes" RECURSIVE, word, AS_IS)
#define TIMES(word) V1("blkio", "blkio.throttle.io_serviced" RECURSIVE, word, AS_IS)

/* Rows of one file stand together. */
static const struct figure FIGURES[] = {
    FIGURE("cpu.usage", "us", "counter", "cpu.stat", "usage_usec",
           V1("cpuacct", "cpuacct.usage", "1st", NANOSECONDS)),
    FIGURE("cpu.user", "us", "counter", "cpu.stat", "user_usec",
           V1("cpuacct", "cpuacct.stat", "user", TICKS_TO_US)),
    FIGURE("cpu.system", "us", "counter", "cpu.stat", "system_usec",
           V1("cpuacct", "cpuacct.stat", "system", TICKS_TO_US)),
    FIGURE("cpu.throttled", "us", "counter", "cpu.stat", "throttled_usec",
           V1("cpu", "cpu.stat", "throttled_time", NANOSECONDS)),
    FIGURE("cpu.periods", "event", "counter", "cpu.stat", "nr_periods",
           V1("cpu", "cpu.stat", "nr_periods", AS_IS)),
    FIGURE("cpu.periods_throttled", "event", "counter", "cpu.stat", "nr_throttled",
           V1("cpu", "cpu.stat", "nr_throttled", AS_IS)),
    FIGURE("memory.current", "B", "gauge", "memory.current", "1st",
           V1("memory", "memory.usage_in_bytes", "1st", AS_IS)),
    FIGURE("memory.swap", "B", "gauge", "memory.swap.current", "1st",
           V1("memory", "memory.stat", "total_swap", AS_IS)),
    FIGURE("memory.anon", "B", "gauge", "memory.stat", "anon",
           V1("memory", "memory.stat", "total_rss", AS_IS)),
    FIGURE("memory.file", "B", "gauge", "memory.stat", "file",
           V1("memory", "memory.stat", "total_cache", AS_IS)),
    FIGURE("memory.shmem", "B", "gauge", "memory.stat", "shmem",
           V1("memory", "memory.stat", "total_shmem", AS_IS)),
    FIGURE("memory.oom_kills", "event", "counter", "memory.events", "oom_kill",
           V1("memory", "memory.oom_control", "oom_kill", AS_IS)),
    FIGURE("pids.current", "thread", "gauge", "pids.current", "1st",
           V1("pids", "pids.current", "1st", AS_IS)),
    FIGURE("pressure.cpu", "us", "counter", "cpu.pressure", "some total", NOT_IN_V1),
    FIGURE("pressure.memory", "us", "counter", "memory.pressure", "some total", NOT_IN_V1),
    FIGURE("pressure.io", "us", "counter", "io.pressure", "some total", NOT_IN_V1),
    OF_DEVICE("io.read_bytes", "B", "rbytes", BYTES("Read")),
    OF_DEVICE("io.written_bytes", "B", "wbytes", BYTES("Write")),
    OF_DEVICE("io.reads", "req", "rios", TIMES("Read")),
    OF_DEVICE("io.writes", "req", "wios", TIMES("Write")),
};
enum {
    NFIGURES = sizeof FIGURES / sizeof *FIGURES,
    NPLAIN = NFIGURES - 4, /* those that are not of a device */
    GROUPS = 1000,
    DEPTH = 2,
    DEEPEST = 12,
    PATH_MOST = 4096
};

struct group {
    struct host *h;
    const char *tree;    /* of v1: its controller; NULL: of v2 */
    const char *unified; /* beside that, v2; NULL: it is not there */
    const char *root;    /* the folder of the root group; it and path[] are as people find them */
    char path[PATH_MOST];
    unsigned depth; /* below the root */
    size_t groups;  /* how many were read of this tree */
};

/* The name of the file that has the row; NULL: it is in another tree, or nowhere. */
static const char *file_of(const struct group *g, const struct figure *f)
{
    const char *file = g->tree == NULL ? f->file : f->older.file;
    size_t n = g->tree != NULL ? strlen(g->tree) : 0;

    if (g->tree != NULL && (file == NULL || strncmp(file + sizeof ROOT, g->tree, n) != 0 ||
                            file[sizeof ROOT + n] != '/'))
        return NULL;
    return strrchr(file, '/') + 1;
}

static const char *field_of(const struct group *g, const struct figure *f)
{
    return g->tree == NULL ? f->field : f->older.field;
}

/* --- a file --- */

static void complain(const struct group *g, const char *name, const char *what)
{
    host_complain(g->h, "%s/%s: %s", g->path, name, what);
}

static void put(const struct group *g, const struct figure *f, enum found found, uint64_t v)
{
    if (found == NUMBER && g->tree == NULL)
        host_u64(g->h, f, v);
    else if (found == NUMBER)
        host_older(g->h, f, v);
    else if (found == NO_NUMBER)
        host_complain(g->h, "%s/%s: %s is no number", g->path, file_of(g, f), field_of(g, f));
}

/* False, with errno: there is none for this group (ENOENT), or, with a complaint, it cannot be read. */
static bool read_file(const struct group *g, const char *name, struct buf *out)
{
    char path[sizeof g->path + 64];
    int fd, error = 0;

    (void)snprintf(path, sizeof path, "%s/%s", g->path, name);
    buf_reset(out);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fd_read_all(fd, 0, out) != 0)
        error = errno;
    fd_close(&fd);
    /* Not on for it; gone meanwhile; pressure that is switched off. */
    if (error != 0 && error != ENOENT && error != ENODEV && error != EOPNOTSUPP) {
        errno = error;
        host_complain(g->h, "cannot read %s: %m", path);
    }
    if (error == 0 && out->n > 0 && out->p[out->n - 1] != '\n')
        complain(g, name, "its last line breaks off");
    errno = error;
    return error == 0;
}

/* --- a group --- */

static bool tag(const struct group *g, struct str device)
{
    char depth[8];
    const struct str values[FIGURE_TAGS] = {
        str_of(g->path + strlen(g->root) + 1),
        {depth, (size_t)snprintf(depth, sizeof depth, "%u", g->depth)},
        device};

    return host_tags(g->h, values);
}

/* "8:0 rbytes=1 wbytes=2 rios=3 ...", a line each; one that has done nothing may have no numbers. */
static void put_devices(const struct group *g, struct str text)
{
    struct str line, device;
    uint64_t v = 0;

    while (field_line(&text, &line)) {
        if (!group_device(&line, &device) || !tag(g, device))
            continue;
        for (size_t i = NPLAIN; i < NFIGURES; i++) {
            enum found found = group_assigned(line, FIGURES[i].field, &v);

            put(g, &FIGURES[i], found, v);
        }
    }
}

/* Of v1, "8:0 Read 1", a line for each number, those of a device together; a sum over all at the end. */
static void put_older_devices(const struct group *g, const char *name, const struct figure *rows,
                              size_t n, struct str text)
{
    struct str line, device, before = {0}, word;
    bool tagged = false;
    uint64_t v;

    while (field_line(&text, &line)) {
        if (!field_word(&line, &device) || memchr(device.s, ':', device.n) == NULL ||
            !field_word(&line, &word))
            continue;
        if (!str_eq(device, before))
            tagged = tag(g, device);
        before = device;
        for (size_t i = 0; i < n && tagged; i++)
            if (field_is(word, rows[i].older.field) && field_next(&line, &v))
                host_older(g->h, &rows[i], v);
            else if (field_is(word, rows[i].older.field))
                complain(g, name, "a line without a number");
    }
}

/* The n rows of a file about devices. */
static void read_older_devices(const struct group *g, const struct figure *rows, size_t n,
                               struct buf *text)
{
    const char *name = file_of(g, rows);
    char alone[64];

    (void)snprintf(alone, sizeof alone, "%.*s", (int)(strlen(name) - strlen(RECURSIVE)), name);
    if (!read_file(g, name, text)) {
        name = alone; /* less, and so in place of none alone, not of one that cannot be read now */
        if (errno != ENOENT || !read_file(g, name, text))
            return;
    }
    put_older_devices(g, name, rows, n, (struct str){text->p, text->n});
}

/* Whether its times are v2's, in a group of the same name. */
static bool is_known(const struct group *g)
{
    char path[sizeof g->path];

    if (g->unified == NULL || strcmp(g->tree, "cpuacct") != 0)
        return false;
    (void)snprintf(path, sizeof path, "%s%s/cpu.stat", g->unified, g->path + strlen(g->root));
    return access(path, F_OK) == 0;
}

static void read_group(const struct group *g)
{
    const char *before = "";
    struct buf text = {.max = HOST_FILE_MOST};
    bool there = false;
    uint64_t v = 0;

    if (is_known(g) || !tag(g, (struct str){0}))
        return;
    for (size_t i = 0; i < NPLAIN; i++) {
        const struct figure *f = &FIGURES[i];
        const char *file = file_of(g, f);

        if (file == NULL)
            continue;
        if (strcmp(file, before) != 0)
            there = read_file(g, file, &text);
        before = file;
        if (there) {
            enum found found = group_find(field_of(g, f), (struct str){text.p, text.n}, &v);

            put(g, f, found, v);
        }
    }
    if (g->tree == NULL && read_file(g, IO_STAT, &text))
        put_devices(g, (struct str){text.p, text.n});
    for (size_t i = NPLAIN; i < NFIGURES && file_of(g, &FIGURES[i]) != NULL && g->tree != NULL;
         i += 2)
        read_older_devices(g, &FIGURES[i], 2, &text);
    buf_free(&text);
}

/* --- the tree --- */

static int is_folder(const struct dirent *e)
{
    return e->d_type == DT_DIR && e->d_name[0] != '.';
}

/* The groups below g, and those below them. */
static void read_below(struct group *g)
{
    size_t n = strlen(g->path);
    unsigned most = (g->h->options & HOST_ALL_CGROUPS) != 0 ? DEEPEST : DEPTH;
    struct dirent **list;
    int count;

    if (g->depth == most)
        return;
    count = scandir(g->path, &list, is_folder, versionsort);
    if (count < 0) {
        if (errno != ENOENT && errno != ENODEV) /* it is gone meanwhile */
            host_complain(g->h, "cannot list %s: %m", g->path);
        return;
    }
    for (int i = 0; i < count; i++) {
        int more = snprintf(g->path + n, sizeof g->path - n, "/%s", list[i]->d_name);

        free(list[i]);
        if (more > 0 && (size_t)more < sizeof g->path - n && g->groups < GROUPS) {
            g->groups++;
            g->depth++;
            read_group(g);
            read_below(g);
            g->depth--;
        } else {
            host_complain(g->h, "more than %d control groups: what is beyond is left out", GROUPS);
        }
        g->path[n] = 0;
    }
    free(list);
}

/* Whether there is one: `mark` is in its root. False, with errno. */
static bool read_tree(struct group *g, const char *mark)
{
    char path[sizeof g->path + 32];

    (void)snprintf(path, sizeof path, "%s/%s", g->root, mark);
    if (access(path, F_OK) != 0)
        return false;
    (void)snprintf(g->path, sizeof g->path, "%s", g->root);
    g->groups = 0;
    read_below(g);
    return true;
}

static void cgroups_read(struct host *h)
{
    static const char MARK[] = "cgroup.controllers";
    static const char *const TREES[] = {"cpuacct", "cpu", "memory", "pids", "blkio"};
    char root[PATH_MOST], unified[sizeof root + 16], tree[sizeof root + 16];
    struct group g = {.h = h, .root = host_path(h, ROOT, root, sizeof root)};
    bool found = false;

    if (read_tree(&g, MARK))
        return;
    if (errno != ENOENT) {
        host_complain(h, "cannot look into %s: %m", root);
        return;
    }
    (void)snprintf(unified, sizeof unified, "%s/unified", root);
    g.root = unified;
    found = read_tree(&g, MARK);
    g.unified = found ? unified : NULL;
    g.root = tree;
    for (size_t i = 0; i < sizeof TREES / sizeof *TREES; i++) {
        g.tree = TREES[i];
        (void)snprintf(tree, sizeof tree, "%s/%s", root, TREES[i]);
        if (read_tree(&g, "cgroup.procs"))
            found = true;
        else if (errno != ENOENT)
            host_complain(h, "cannot look into %s: %m", tree);
    }
    if (!found)
        host_miss(h, "%s has no control groups", root);
}

static const struct subject_option OPTIONS[] = {
    {"--all-cgroups", HOST_ALL_CGROUPS, "also those more than two folders down"},
    {NULL, 0, NULL},
};

const struct subject cgroups_subject = {
    .name = "cgroups",
    .about = "what each unit and container uses: cgroup.cpu.usage, cgroup.memory.current, ...",
    .figures = FIGURES,
    .nfigures = NFIGURES,
    .read = cgroups_read,
    .options = OPTIONS,
    .optional = true,
};
