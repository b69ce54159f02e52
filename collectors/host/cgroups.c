/* cgroups - what each control group uses, and so each unit of systemd and each container: cgroup v2
 *
 * Those up to two folders below /sys/fs/cgroup (or below unified, where v1 has the rest), so system.slice/ssh.service and
 * all slices; with --all-cgroups those below them, too. The root's figures are the host's. A group has the files of those
 * controllers that are on for it; what is not there is left out, and so is a group that goes away meanwhile.
 *
 * io.stat has a line for each device; here they are summed up. The kernel adds up its counters as they are read, which takes
 * the longer the more groups there are: so this is a program of its own, and not in `host`.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fd.h"
#include "host/host.h"

#define ROOT "/sys/fs/cgroup"
#define FIGURE(key, of_unit, of_type, in_name, in_file)                                            \
    {                                                                                              \
        .name = "cgroup." key, .unit = (of_unit), .type = (of_type), .tags = {"cgroup"},           \
        .file = ROOT "/GROUP/" in_name, .field = (in_file)                                         \
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
    FIGURE("io.read_bytes", "B", "counter", "io.stat", "rbytes"),
    FIGURE("io.written_bytes", "B", "counter", "io.stat", "wbytes"),
    FIGURE("io.reads", "req", "counter", "io.stat", "rios"),
    FIGURE("io.writes", "req", "counter", "io.stat", "wios"),
    FIGURE("pressure.cpu", "us", "counter", "cpu.pressure", "some total"),
    FIGURE("pressure.memory", "us", "counter", "memory.pressure", "some total"),
    FIGURE("pressure.io", "us", "counter", "io.pressure", "some total"),
};
enum { NFIGURES = sizeof FIGURES / sizeof *FIGURES, GROUPS = 1000, DEPTH = 2, DEEPEST = 12 };

struct group {
    struct host *h;
    const char *root; /* the folder of the root group; it and path[] are as people find them */
    char path[4096];
    unsigned depth; /* below the root */
    size_t *groups; /* how many were read */
};

/* --- a file --- */

enum assigned { NOT_THERE, NO_NUMBER, NUMBER };

/* "KEY=VALUE" among the words of line. */
static enum assigned assigned(struct str line, const char *key, uint64_t *v)
{
    struct str word, name;

    while (field_word(&line, &word))
        if (field_name(&word, '=', &name) && field_is(name, key))
            return field_u64(word, v) ? NUMBER : NO_NUMBER;
    return NOT_THERE;
}

/* The value of a row, in the text of its file. */
static bool find(const char *field, struct str text, uint64_t *v)
{
    bool first = strcmp(field, "1st") == 0, pressure = strcmp(field, "some total") == 0;
    struct str line, word;

    while (field_line(&text, &line))
        if (first)
            return field_next(&line, v);
        else if (field_word(&line, &word) && field_is(word, pressure ? "some" : field))
            return pressure ? assigned(line, "total", v) == NUMBER : field_next(&line, v);
    return false;
}

/* One device without its number, or half a line, is no sum. A device that has done nothing has none. */
static bool sum_devices(const char *field, struct str text, uint64_t *sum)
{
    enum assigned found = NOT_THERE;
    struct str line;
    uint64_t v;
    bool any = false;

    *sum = 0;
    while (found != NO_NUMBER && field_line(&text, &line)) {
        found = assigned(line, field, &v);
        *sum += found == NUMBER ? v : 0;
        any = any || found == NUMBER;
    }
    return any && found != NO_NUMBER && text.n == 0;
}

static bool read_file(const struct group *g, const char *name, struct buf *out)
{
    char path[sizeof g->path + 64];
    int fd;
    bool good;

    (void)snprintf(path, sizeof path, "%s/%s", g->path, name);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    buf_reset(out);
    good = fd_read_all(fd, 0, out) == 0;
    fd_close(&fd);
    return good;
}

static void read_group(const struct group *g)
{
    const char *before = "", *name;
    struct buf text = {.max = HOST_FILE_MOST};
    bool there = false;
    uint64_t v;

    if (!host_tag(g->h, str_of(g->path + strlen(g->root) + 1)))
        return;
    for (size_t i = 0; i < NFIGURES; i++) {
        const struct figure *f = &FIGURES[i];

        name = strrchr(f->file, '/') + 1;
        if (strcmp(name, before) != 0)
            there = read_file(g, name, &text);
        before = name;
        if (there &&
            (strcmp(name, "io.stat") == 0 ? sum_devices(f->field, (struct str){text.p, text.n}, &v)
                                          : find(f->field, (struct str){text.p, text.n}, &v)))
            host_u64(g->h, f, v);
    }
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
    int count = g->depth < most ? scandir(g->path, &list, is_folder, versionsort) : -1;

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
    if (count >= 0)
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
    h->absent = errno == ENOENT;
    host_complain(h, "%s has no cgroup v2", host_path(h, ROOT, root, sizeof root));
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
