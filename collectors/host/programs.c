/* programs - what the processes of a name use together: how many there are, processor time, memory, descriptors, io
 *
 * Which they are is asked for (chosen.h). Each process of the host is looked at: its stat by all who may see it, its command
 * line where that decides. That one and its memory may wait for a process that hangs, and so this is not in `host`. All files
 * of a process are opened below its folder, so that none of them is another's who has its pid by now; one that ends
 * meanwhile is not counted. A zombie is none that runs, and only its counters are read, as long as it is there.
 *
 * Io and PSS of other users' processes take CAP_SYS_PTRACE, and so do descriptors before Linux 6.2. Where one process's cannot
 * be read, that figure of its name is left out: a part of a sum is another number.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/text.h"
#include "host/host.h"

#define FIGURE(key, of_unit, of_type, in_name, in_file, of_scale, of_diamond, of_collectd)         \
    {                                                                                              \
        .name = "program." key, .unit = (of_unit), .type = (of_type), .tags = {"program"},         \
        .file = "/proc/PID/" in_name, .field = (in_file), .scale = (of_scale),                     \
        .diamond = "process.NAME." of_diamond, .collectd = (of_collectd)                           \
    }

static const struct figure FIGURES[] = {
    FIGURE("processes", "process", "gauge", "stat", "how many", AS_IS, "workers_count",
           "processes-NAME/ps_count processes"),
    FIGURE("threads", "thread", "gauge", "stat", "20th", AS_IS, "num_threads",
           "processes-NAME/ps_count threads"),
    FIGURE("memory.rss", "B", "gauge", "stat", "24th", PAGES, "ext_memory_info.rss",
           "processes-NAME/ps_rss"),
    FIGURE("memory.pss", "B", "gauge", "smaps_rollup", "Pss", KIBIBYTES, "ext_memory_info.pss",
           NULL),
    FIGURE("descriptors", "file", "gauge", "fd", "how many", AS_IS, "num_fds",
           "processes-NAME/file_handles"),
    FIGURE("cpu.user", "ms", "counter", "stat", "14th", TICKS, "cpu_times.user",
           "processes-NAME/ps_cputime user"),
    FIGURE("cpu.system", "ms", "counter", "stat", "15th", TICKS, "cpu_times.system",
           "processes-NAME/ps_cputime syst"),
    FIGURE("io.read_bytes", "B", "counter", "io", "read_bytes", AS_IS, "io_counters.read_bytes",
           "processes-NAME/disk_octets read"),
    FIGURE("io.written_bytes", "B", "counter", "io", "write_bytes", AS_IS,
           "io_counters.write_bytes", "processes-NAME/disk_octets write"),
};
/* As in FIGURES; the counters are in the order of chosen.h. */
enum gauge { PROCESSES, THREADS, RSS, PSS, DESCRIPTORS, GAUGES };
enum { FIRST_COUNTER = GAUGES };

enum {
    COMM_MOST = 64,        /* bytes; the kernel's own threads have more than CHOSEN_COMM */
    STAT_MOST = 1024,      /* likewise */
    SMALL_MOST = 4096,     /* likewise, of io and smaps_rollup */
    LINE_MOST = 128 << 10, /* what of a command line counts */
};

enum answer { THERE, GONE, NOT_THERE, DENIED };

struct sum { /* of a name */
    uint64_t of[GAUGES];
    bool missing[GAUGES], io_missing;
};

struct reading {
    struct host *h;
    int dir;    /* of the process */
    bool sized; /* its folder of descriptors says how many it has: Linux 6.2 */
    struct buf text;
    struct sum sums[CHOSEN_NAMES];
};

struct stat_line { /* /proc/PID/stat */
    struct str comm;
    char state;
    uint64_t parent, user, system, threads, start, rss;
};

/* --- files of a process --- */

/* What an error in opening or reading `name` means. */
static enum answer meaning(const struct reading *r, int error)
{
    bool there = faccessat(r->dir, "stat", F_OK, 0) == 0;

    errno = error;
    if (error == ENOENT || error == ESRCH)
        return there ? NOT_THERE : GONE;
    return DENIED;
}

static enum answer read_file(struct reading *r, const char *name, size_t most)
{
    int fd = openat(r->dir, name, O_RDONLY | O_CLOEXEC), error = 0;

    buf_reset(&r->text);
    r->text.max = most;
    if (fd < 0 || (fd_read_all(fd, -1, &r->text) != 0 && errno != EFBIG))
        error = errno;
    fd_close(&fd);
    return error == 0 ? THERE : meaning(r, error);
}

/* Its arguments with blanks between them; r->text has them. "": it has none. */
static enum answer read_line(struct reading *r)
{
    enum answer answer = read_file(r, "cmdline", LINE_MOST);
    size_t n;

    if (answer != THERE)
        return answer;
    for (n = r->text.n; n > 0 && r->text.p[n - 1] == 0; n--)
        ;
    for (size_t i = 0; i < n; i++)
        if (r->text.p[i] == 0)
            r->text.p[i] = ' ';
    r->text.n = n;
    r->text.max = 0;
    buf_putc(&r->text, 0);
    return buf_ok(&r->text) ? THERE : DENIED;
}

/* "PID (NAME) S PARENT ...": the name may hold anything, brackets and line ends too. s->comm is in r->text. */
static bool parse_stat(const struct reading *r, struct stat_line *s)
{
    struct str text = {r->text.p, r->text.n}, line;
    const char *open = text.n > 0 ? memchr(text.s, '(', text.n) : NULL;
    const char *end = text.n > 0 ? memrchr(text.s, ')', text.n) : NULL;
    uint64_t v[25] = {0};

    if (open == NULL || end == NULL || end < open || end + 3 >= text.s + text.n || end[1] != ' ')
        return false;
    s->comm = (struct str){open + 1, (size_t)(end - open - 1)};
    s->state = end[2];
    text.n -= (size_t)(end + 3 - text.s);
    text.s = end + 3;
    if (!field_line(&text, &line))
        return false;
    for (size_t i = 4; i < sizeof v / sizeof *v; i++) { /* as proc(5) numbers them */
        struct str word;

        if (!field_word(&line, &word))
            return false;
        if (!field_u64(word, &v[i]) &&
            (i == 4 || i == 14 || i == 15 || i == 20 || i == 22 || i == 24))
            return false; /* others may be negative */
    }
    s->parent = v[4];
    s->user = v[14];
    s->system = v[15];
    s->threads = v[20];
    s->start = v[22];
    s->rss = v[24];
    return true;
}

/* "KEY: NUMBER", in r->text. */
static bool find(const struct reading *r, const char *key, uint64_t *v)
{
    struct str text = {r->text.p, r->text.n}, line, name;

    while (field_line(&text, &line))
        if (field_name(&line, ':', &name) && field_is(name, key))
            return field_next(&line, v);
    return false;
}

static enum answer count_descriptors(struct reading *r, uint64_t *n)
{
    const struct dirent *e;
    struct stat st;
    DIR *list;
    int error;

    if (r->sized && fstatat(r->dir, "fd", &st, 0) == 0) {
        *n = (uint64_t)st.st_size;
        return THERE;
    }
    list = fd_list(openat(r->dir, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (list == NULL)
        return meaning(r, errno);
    for (*n = 0; errno = 0, (e = readdir(list)) != NULL;)
        *n += e->d_name[0] != '.';
    error = errno;
    (void)closedir(list);
    return error == 0 ? THERE : meaning(r, error);
}

/* --- a process --- */

/* A figure of a process that cannot be had; errno says why. */
static void miss(const struct reading *r, int name, const char *what, enum answer answer)
{
    const struct str of = r->h->chosen.names[name].name;
    char shown[60];

    str_show(shown, sizeof shown, of);
    if (answer == NOT_THERE)
        host_complain(r->h, "%s: this kernel has no %s of a process", shown, what);
    else if (errno == EACCES || errno == EPERM)
        host_complain(r->h, "%s: its %s: %m: other users' take CAP_SYS_PTRACE", shown, what);
    else
        host_complain(r->h, "%s: its %s: %m", shown, what);
}

/* False: it is gone. */
static bool settle(const struct reading *r, int name, const char *what, enum answer answer,
                   bool *missing)
{
    if (answer != THERE && answer != GONE && !*missing) {
        *missing = true;
        miss(r, name, what, answer);
    }
    return answer != GONE;
}

static enum answer read_io(struct reading *r, struct chosen_process *p)
{
    enum answer answer = read_file(r, "io", SMALL_MOST);

    p->io = answer == THERE && find(r, "read_bytes", &p->counters[CHOSEN_READ]) &&
            find(r, "write_bytes", &p->counters[CHOSEN_WRITTEN]);
    return answer == THERE && !p->io ? NOT_THERE : answer;
}

static enum answer read_pss(struct reading *r, uint64_t *kib)
{
    enum answer answer = read_file(r, "smaps_rollup", SMALL_MOST);

    return answer == THERE && !find(r, "Pss", kib) ? NOT_THERE : answer;
}

/* What is only there where it was asked for. False: the process is gone. */
static bool look_closer(struct reading *r, struct chosen_process *p, uint64_t of[GAUGES])
{
    struct sum *sum = &r->sums[p->name];
    unsigned options = r->h->options;

    return ((options & HOST_DESCRIPTORS) == 0 ||
            settle(r, p->name, "descriptors", count_descriptors(r, &of[DESCRIPTORS]),
                   &sum->missing[DESCRIPTORS])) &&
           ((options & HOST_IO) == 0 ||
            settle(r, p->name, "io", read_io(r, p), &sum->io_missing)) &&
           ((options & HOST_PSS) == 0 || of[RSS] == 0 || /* the kernel's own have no memory */
            settle(r, p->name, "PSS", read_pss(r, &of[PSS]), &sum->missing[PSS]));
}

/* Whether it was asked for, and is there; p and of are then what its stat says. */
static bool is_chosen(struct reading *r, struct chosen_process *p, uint64_t of[GAUGES], bool *ended)
{
    char comm[COMM_MOST + 1];
    struct stat_line s;

    if (read_file(r, "stat", STAT_MOST) != THERE) /* gone, or not for this user to see */
        return false;
    if (!parse_stat(r, &s)) {
        host_complain(r->h, "%s/%llu/stat: not as proc(5) has it", r->h->proc,
                      (unsigned long long)p->pid);
        return false;
    }
    p->parent = s.parent;
    p->start = s.start;
    p->counters[CHOSEN_USER] = s.user;
    p->counters[CHOSEN_SYSTEM] = s.system;
    of[PROCESSES] = 1;
    of[THREADS] = s.threads;
    of[RSS] = s.rss;
    *ended = s.state == 'Z' || s.state == 'X';
    if (*ended) {
        p->name = chosen_before(&r->h->chosen, p->pid, p->start);
        return p->name != CHOSEN_NONE;
    }
    (void)snprintf(comm, sizeof comm, "%.*s", (int)s.comm.n, s.comm.s);
    p->name = chosen_match(&r->h->chosen, str_of(comm), NULL);
    if (p->name == CHOSEN_ASKS && read_line(r) == THERE)
        p->name = chosen_match(&r->h->chosen, str_of(comm), r->text.p[0] != 0 ? r->text.p : comm);
    return p->name >= 0;
}

static void look_at(struct reading *r, int proc, const char *pid)
{
    struct chosen_process p = {.pid = 0};
    uint64_t of[GAUGES] = {0};
    bool ended = false, there;

    if (!field_u64(str_of(pid), &p.pid))
        return;
    r->dir = openat(proc, pid, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (r->dir < 0)
        return;
    there = is_chosen(r, &p, of, &ended);
    if (there && ended)
        (void)read_io(r, &p);
    else if (there)
        there = look_closer(r, &p, of);
    fd_close(&r->dir);
    if (there)
        chosen_take(&r->h->chosen, &p);
    for (size_t i = 0; i < GAUGES && there && !ended; i++)
        r->sums[p.name].of[i] += of[i];
}

/* --- all --- */

static void put(const struct reading *r, int name)
{
    static const unsigned NEEDS[GAUGES] = {[PSS] = HOST_PSS, [DESCRIPTORS] = HOST_DESCRIPTORS};
    const struct chosen_name *chosen = &r->h->chosen.names[name];
    const struct sum *sum = &r->sums[name];
    bool io = (r->h->options & HOST_IO) != 0 && !sum->io_missing;

    if (!host_tag(r->h, chosen->name))
        return;
    for (size_t i = 0; i < GAUGES; i++)
        if ((r->h->options & NEEDS[i]) == NEEDS[i] && !sum->missing[i])
            host_u64(r->h, &FIGURES[i], sum->of[i]);
    for (size_t i = 0; i < CHOSEN_COUNTERS && r->h->goes_on; i++)
        if (i < CHOSEN_READ || io)
            host_u64(r->h, &FIGURES[FIRST_COUNTER + i], chosen->sums[i]);
}

/* Whether the size of a folder of descriptors is how many there are. */
static bool is_sized(const struct host *h)
{
    struct statfs fs;
    struct stat st;

    return statfs(h->proc, &fs) == 0 && fs.f_type == PROC_SUPER_MAGIC &&
           stat("/proc/self/fd", &st) == 0 && st.st_size > 0;
}

static uint64_t ticks_now(const struct host *h)
{
    struct timespec t = {0};

    (void)clock_gettime(CLOCK_BOOTTIME, &t);
    return (uint64_t)t.tv_sec * h->ticks + (uint64_t)t.tv_nsec * h->ticks / NS_PER_S;
}

static void programs_read(struct host *h)
{
    struct reading r = {.h = h, .sized = is_sized(h)};
    const struct dirent *e;
    DIR *list;

    list = fd_list(open(h->proc, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (list == NULL) {
        host_complain(h, "cannot list %s: %m", h->proc);
        return;
    }
    chosen_begin(&h->chosen, ticks_now(h));
    while (errno = 0, (e = readdir(list)) != NULL)
        look_at(&r, dirfd(list), e->d_name);
    if (errno != 0)
        host_complain(h, "cannot list %s: %m", h->proc);
    else if (!chosen_end(&h->chosen))
        host_complain(h, "out of memory");
    else
        for (size_t i = 0; i < h->chosen.n; i++)
            put(&r, (int)i);
    (void)closedir(list);
    buf_free(&r.text);
}

static bool take_names(struct host *h, struct why *why)
{
    struct why clause;

    for (size_t i = 0; i < h->nwords; i++)
        if (!chosen_add(&h->chosen, h->words[i], &clause))
            return why_set(why, "\"%s\" %s", h->words[i], clause.text);
    return true;
}

static const struct subject_option OPTIONS[] = {
    {"--descriptors", HOST_DESCRIPTORS, "also program.descriptors"},
    {"--io", HOST_IO, "also program.io.read_bytes, ... (of other users' as root alone)"},
    {"--pss", HOST_PSS, "also program.memory.pss (likewise)"},
    {NULL, 0, NULL},
};

const struct subject programs_subject = {
    .name = "programs",
    .about = "what the processes of a name use: program.cpu.user, program.memory.rss, ...\n"
             "NAME is all of that name, NAME=REGEX those with such a command line",
    .figures = FIGURES,
    .nfigures = sizeof FIGURES / sizeof *FIGURES,
    .read = programs_read,
    .options = OPTIONS,
    .words = "NAME[=REGEX]...",
    .needs_words = true,
    .prepare = take_names,
};
