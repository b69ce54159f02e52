/* programs - what the processes of a name use together: how many there are, processor time, memory, descriptors, io
 *
 * Which they are is asked for (chosen.h). Each process of the host is looked at (pid_files.h): its stat by all who may see it, its
 * command line where that decides. Its files may wait for a process that hangs, and so this is not in `host`. One that ends
 * meanwhile is not counted. A zombie is none that runs, and only its counters are read, as long as it is there.
 *
 * Io and PSS of other users' processes take CAP_SYS_PTRACE, and so do descriptors before Linux 6.2. Where one process's cannot
 * be read, that figure of its name is left out: a part of a sum is another number. For the same reason a process that cannot be looked at
 * for another cause than that it is hidden or gone, as when descriptors run out, ends the round.
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
#include "host/pid_files.h"

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

struct sum { /* of a name */
    uint64_t of[GAUGES];
    bool missing[GAUGES], io_missing;
};

struct reading {
    struct host *h;
    struct pid_files files; /* of the process that is looked at */
    char self[24];          /* our own pid, as this /proc has it; "": it has none */
    bool broken;            /* with a complaint: one could not be looked at */
    struct sum sums[CHOSEN_NAMES];
};

/* --- a process --- */

/* A figure of a process that cannot be had; errno says why. */
static void miss(const struct reading *r, int name, const char *what, enum pid_answer answer)
{
    const struct str of = r->h->chosen.names[name].name;
    char shown[60];

    str_show(shown, sizeof shown, of);
    if (answer == PID_NO_FILE)
        host_complain(r->h, "%s: this kernel has no %s of a process", shown, what);
    else if (pid_is_hidden(errno))
        host_complain(r->h, "%s: its %s: %m: other users' take CAP_SYS_PTRACE", shown, what);
    else
        host_complain(r->h, "%s: its %s: %m", shown, what);
}

/* False: it is gone. */
static bool settle(const struct reading *r, int name, const char *what, enum pid_answer answer,
                   bool *missing)
{
    if (answer != PID_THERE && answer != PID_GONE && !*missing) {
        *missing = true;
        miss(r, name, what, answer);
    }
    return answer != PID_GONE;
}

static enum pid_answer read_io(struct reading *r, struct chosen_process *p)
{
    enum pid_answer answer =
        pid_read_io(&r->files, &p->counters[CHOSEN_READ], &p->counters[CHOSEN_WRITTEN]);

    p->io = answer == PID_THERE;
    return answer;
}

/* What is only there where it was asked for. False: the process is gone. */
static bool look_closer(struct reading *r, struct chosen_process *p, const struct pid_stat *stat,
                        uint64_t of[GAUGES])
{
    struct sum *sum = &r->sums[p->name];
    unsigned options = r->h->options;

    return ((options & HOST_DESCRIPTORS) == 0 ||
            settle(r, p->name, "descriptors", pid_count_descriptors(&r->files, &of[DESCRIPTORS]),
                   &sum->missing[DESCRIPTORS])) &&
           ((options & HOST_IO) == 0 ||
            settle(r, p->name, "io", read_io(r, p), &sum->io_missing)) &&
           ((options & HOST_PSS) == 0 || stat->kernel ||
            settle(r, p->name, "PSS", pid_read_pss(&r->files, &of[PSS]), &sum->missing[PSS]));
}

/* Whether the answer is there. If not, it is gone, or not for this user to see; anything else is a complaint. */
static bool is_there(struct reading *r, enum pid_answer answer, const char *pid)
{
    if (answer == PID_DENIED && !pid_is_hidden(errno)) {
        r->broken = true;
        host_complain(r->h, "%s/%s: %m", r->h->proc, pid);
    }
    return answer == PID_THERE;
}

/* Which of the names it has. Ours is no command line: all expressions are in it. */
static int name_of(struct reading *r, const struct pid_stat *stat, const char *pid)
{
    const struct str comm = str_of(stat->comm);
    int name = chosen_match(&r->h->chosen, comm, NULL);

    if (name == CHOSEN_ASKS && strcmp(pid, r->self) != 0 &&
        is_there(r, pid_read_line(&r->files), pid))
        name = chosen_match(&r->h->chosen, comm,
                            r->files.text.p[0] != 0 ? r->files.text.p : stat->comm);
    return name;
}

/* Of a process that is open. Whether it was asked for, and is there. */
static bool look(struct reading *r, const char *pid, struct chosen_process *p, uint64_t of[GAUGES])
{
    struct pid_stat stat;
    bool good;

    if (!is_there(r, pid_read_stat(&r->files, &stat, &good), pid))
        return false;
    if (!good) {
        host_complain(r->h, "%s/%s/stat: not as proc(5) has it", r->h->proc, pid);
        return false;
    }
    p->parent = stat.parent;
    p->start = stat.start;
    p->counters[CHOSEN_USER] = stat.user;
    p->counters[CHOSEN_SYSTEM] = stat.system;
    p->name = stat.ended ? chosen_before(&r->h->chosen, p->pid, p->start) : name_of(r, &stat, pid);
    if (p->name < 0)
        return false;
    if (stat.ended) {
        if ((r->h->options & HOST_IO) != 0)
            (void)read_io(r, p);
        return true;
    }
    of[PROCESSES] = 1;
    of[THREADS] = stat.threads;
    of[RSS] = stat.rss;
    return look_closer(r, p, &stat, of);
}

static void look_at(struct reading *r, int proc, const char *pid)
{
    struct chosen_process p = {.pid = 0};
    uint64_t of[GAUGES] = {0};

    if (!field_u64(str_of(pid), &p.pid))
        return;
    if (!pid_open(&r->files, proc, pid)) {
        if (errno != ENOENT && errno != ESRCH)
            (void)is_there(r, PID_DENIED, pid);
        return;
    }
    if (look(r, pid, &p, of)) {
        chosen_take(&r->h->chosen, &p);
        for (size_t i = 0; i < GAUGES; i++)
            r->sums[p.name].of[i] += of[i];
    }
    pid_close(&r->files);
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

/* Said, and no more: to look at one's own is no fault. */
static void remark_hidden(struct host *h, int proc)
{
    if (faccessat(proc, "1/stat", R_OK, 0) != 0)
        host_remark(h,
                    "%s does not show the first process, and so only this user's: it is mounted "
                    "with hidepid=, or "
                    "a unit has ProtectProc=",
                    h->proc);
}

static void programs_read(struct host *h)
{
    struct reading r = {.h = h, .files = {.dir = -1, .living = -1, .sized = is_sized(h)}};
    const struct dirent *e;
    DIR *list;

    list = fd_list(open(h->proc, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (list == NULL) {
        host_complain(h, "cannot list %s: %m", h->proc);
        return;
    }
    if (readlinkat(dirfd(list), "self", r.self, sizeof r.self - 1) < 0)
        r.self[0] = 0;
    chosen_begin(&h->chosen, ticks_now(h));
    while (errno = 0, (e = readdir(list)) != NULL && !r.broken)
        look_at(&r, dirfd(list), e->d_name);
    if (e == NULL && errno != 0)
        host_complain(h, "cannot list %s: %m", h->proc);
    else if (!r.broken && !chosen_end(&h->chosen))
        host_complain(h, "out of memory");
    else if (!r.broken)
        for (size_t i = 0; i < h->chosen.n; i++)
            put(&r, (int)i);
    remark_hidden(h, dirfd(list));
    (void)closedir(list);
    pid_free(&r.files);
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
