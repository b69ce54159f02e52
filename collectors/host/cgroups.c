/* cgroups - what each control group uses, and so each unit of systemd and each container: cgroup v2
 *
 * Those up to two folders below /sys/fs/cgroup (or below unified, where v1 has the rest), so system.slice/ssh.service and
 * all slices; with --all-cgroups those below them, too. The root's figures are the host's. A group has the files of those
 * controllers that are on for it; what is not there is left out, and so is a group that goes away meanwhile. A group's
 * figures have in them those of the groups below it, so each says how deep it is.
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
#include "host/host.h"

#define ROOT    "/sys/fs/cgroup"
#define IO_STAT "io.stat"
#define FIGURE(key, of_unit, of_type, in_name, in_file)                                            \
    {                                                                                              \
        .name = "cgroup." key, .unit = (of_unit), .type = (of_type), .tags = {"cgroup", "depth"},  \
        .file = ROOT "/GROUP/" in_name, .field = (in_file)                                         \
    }
#define OF_DEVICE(key, of_unit, in_file)                                                           \
    {                                                                                              \
        .name = "cgroup." key, .unit = (of_unit), .type = "counter",                               \
        .tags = {"cgroup", "depth", "device"}, .file = ROOT "/GROUP/" IO_STAT, .field = (in_file)  \
    }

/* Rows of one file stand together. */
static const struct figure FIGURES[] = {
    FIGURE("cpu.usage", "us", "counter", "cpu.stat", "usage_usec"),
    FIGURE("cpu.user", "us", "counter", "cpu.stat", "user_usec"),
    FIGURE("cpu.system", "us", "counter", "cpu.stat", "system_usec"),
    FIGURE("cpu.throttled", "us", "counter", "cpu.stat", "throttled_usec"),
    FIGURE("cpu.periods", "event", "counter", "cpu.stat", "nr_periods"),
    FIGURE("cpu.periods_throttled", "event", "counter", "cpu.stat", "nr_throttled"),
    FIGURE("memory.current", "B", "gauge", "memory.current", "1st"),
    FIGURE("memory.swap", "B", "gauge", "memory.swap.current", "1st"),
    FIGURE("memory.anon", "B", "gauge", "memory.stat", "anon"),
    FIGURE("memory.file", "B", "gauge", "memory.stat", "file"),
    FIGURE("memory.shmem", "B", "gauge", "memory.stat", "shmem"),
    FIGURE("memory.oom_kills", "event", "counter", "memory.events", "oom_kill"),
    FIGURE("pids.current", "thread", "gauge", "pids.current", "1st"),
    FIGURE("pressure.cpu", "us", "counter", "cpu.pressure", "some total"),
    FIGURE("pressure.memory", "us", "counter", "memory.pressure", "some total"),
    FIGURE("pressure.io", "us", "counter", "io.pressure", "some total"),
    OF_DEVICE("io.read_bytes", "B", "rbytes"),
    OF_DEVICE("io.written_bytes", "B", "wbytes"),
    OF_DEVICE("io.reads", "req", "rios"),
    OF_DEVICE("io.writes", "req", "wios"),
};
enum {
    NFIGURES = sizeof FIGURES / sizeof *FIGURES,
    NPLAIN = NFIGURES - 4, /* those that are not of a device */
    GROUPS = 1000,
    DEPTH = 2,
    DEEPEST = 12
};

struct group {
    struct host *h;
    const char *root; /* the folder of the root group; it and path[] are as people find them */
    char path[4096];
    unsigned depth; /* below the root */
    size_t *groups; /* how many were read */
};

static const char *file_of(const struct figure *f)
{
    return strrchr(f->file, '/') + 1;
}

/* --- a file --- */

enum found { NOT_THERE, NO_NUMBER, NUMBER };

static enum found number(struct str word, uint64_t *v)
{
    return field_u64(word, v) ? NUMBER : NO_NUMBER;
}

/* "KEY=VALUE" among the words of line. */
static enum found assigned(struct str line, const char *key, uint64_t *v)
{
    struct str word, name;

    while (field_word(&line, &word))
        if (field_name(&word, '=', &name) && field_is(name, key))
            return number(word, v);
    return NOT_THERE;
}

/* The value of a row, in the text of its file. */
static enum found find(const char *field, struct str text, uint64_t *v)
{
    bool first = strcmp(field, "1st") == 0, pressure = strcmp(field, "some total") == 0;
    struct str line, word;

    while (field_line(&text, &line)) {
        if (!field_word(&line, &word))
            continue;
        if (first)
            return number(word, v);
        if (!field_is(word, pressure ? "some" : field))
            continue;
        if (pressure)
            return assigned(line, "total", v);
        (void)field_word(&line, &word);
        return number(word, v);
    }
    return first ? NO_NUMBER : NOT_THERE;
}

static void complain(const struct group *g, const char *name, const char *what)
{
    host_complain(g->h, "%s/%s: %s", g->path, name, what);
}

static void put(const struct group *g, const struct figure *f, enum found found, uint64_t v)
{
    if (found == NUMBER)
        host_u64(g->h, f, v);
    else if (found == NO_NUMBER)
        host_complain(g->h, "%s/%s: %s is no number", g->path, file_of(f), f->field);
}

/* False: there is none for this group, or, with a complaint, it cannot be read. */
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

/* The word before the first number, and `line` what follows it: some kernels print a device without numbers, and no line end, so that it
 * stands before another. */
static bool device_of(struct str *line, struct str *device)
{
    struct str rest = *line, word;

    *device = (struct str){0};
    while (field_word(&rest, &word) && memchr(word.s, '=', word.n) == NULL) {
        *device = word;
        *line = rest;
    }
    return device->n > 0 && memchr(device->s, ':', device->n) != NULL; /* "(unknown)" is several */
}

/* "8:0 rbytes=1 wbytes=2 rios=3 ...", a line each; one that has done nothing may have no numbers. */
static void put_devices(const struct group *g, struct str text)
{
    struct str line, device;
    uint64_t v = 0;

    while (field_line(&text, &line)) {
        if (!device_of(&line, &device) || !tag(g, device))
            continue;
        for (size_t i = NPLAIN; i < NFIGURES; i++) {
            enum found found = assigned(line, FIGURES[i].field, &v);

            put(g, &FIGURES[i], found, v);
        }
    }
}

static void read_group(const struct group *g)
{
    const char *before = "";
    struct buf text = {.max = HOST_FILE_MOST};
    bool there = false;
    uint64_t v = 0;

    if (!tag(g, (struct str){0}))
        return;
    for (size_t i = 0; i < NPLAIN; i++) {
        const struct figure *f = &FIGURES[i];

        if (strcmp(file_of(f), before) != 0)
            there = read_file(g, file_of(f), &text);
        before = file_of(f);
        if (there) {
            enum found found = find(f->field, (struct str){text.p, text.n}, &v);

            put(g, f, found, v);
        }
    }
    if (read_file(g, IO_STAT, &text))
        put_devices(g, (struct str){text.p, text.n});
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
        if (more > 0 && (size_t)more < sizeof g->path - n && *g->groups < GROUPS) {
            ++*g->groups;
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

static void cgroups_read(struct host *h)
{
    static const char *const ROOTS[] = {ROOT, ROOT "/unified"};
    char root[sizeof((struct group *)NULL)->path], mark[sizeof root + 32];
    size_t groups = 0;
    struct group g = {.h = h, .root = root, .groups = &groups};

    for (size_t i = 0; i < sizeof ROOTS / sizeof *ROOTS; i++) {
        (void)snprintf(mark, sizeof mark, "%s/cgroup.controllers",
                       host_path(h, ROOTS[i], root, sizeof root));
        if (access(mark, F_OK) == 0) {
            (void)snprintf(g.path, sizeof g.path, "%s", root);
            read_below(&g);
            return;
        }
    }
    if (errno == ENOENT)
        host_miss(h, "%s has no cgroup v2", host_path(h, ROOT, root, sizeof root));
    else
        host_complain(h, "cannot look into %s: %m", host_path(h, ROOT, root, sizeof root));
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
