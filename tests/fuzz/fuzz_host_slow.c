/* fuzz_host_slow.c - likewise (fuzz_host.c), those that are programs of their own: control groups, of v2 and v1, and processes
 *
 * The first byte chooses the file, the rest is in it; the others are as they are on a sound host.
 */
#include "host.h"

#define STAT "7 (x) S 1 7 7 0 -1 0 0 0 0 0 4 5 0 0 20 0 2 0 50 1000 3 0\n"

static const char *const FILES[] = {
    "v2/fs/cgroup/a/cpu.stat",
    "v2/fs/cgroup/a/memory.current",
    "v2/fs/cgroup/a/memory.stat",
    "v2/fs/cgroup/a/memory.events",
    "v2/fs/cgroup/a/io.stat",
    "v2/fs/cgroup/a/pids.current",
    "v2/fs/cgroup/a/cpu.pressure",
    "v1/fs/cgroup/memory/a/memory.stat",
    "v1/fs/cgroup/memory/a/memory.usage_in_bytes",
    "v1/fs/cgroup/memory/a/memory.oom_control",
    "v1/fs/cgroup/cpuacct/a/cpuacct.stat",
    "v1/fs/cgroup/cpuacct/a/cpuacct.usage",
    "v1/fs/cgroup/blkio/a/blkio.throttle.io_serviced",
    "proc/7/stat",
    "proc/7/io",
    "proc/7/smaps_rollup",
    "proc/7/cmdline",
};
enum { NFILES = sizeof FILES / sizeof *FILES };

/* What is there beside it. */
static const struct host_there THERE[] = {
    {"v2", NULL},
    {"v2/fs", NULL},
    {"v2/fs/cgroup", NULL},
    {"v2/fs/cgroup/cgroup.controllers", "cpu\n"},
    {"v2/fs/cgroup/a", NULL},
    {"v1", NULL},
    {"v1/fs", NULL},
    {"v1/fs/cgroup", NULL},
    {"v1/fs/cgroup/memory", NULL},
    {"v1/fs/cgroup/memory/cgroup.procs", ""},
    {"v1/fs/cgroup/memory/a", NULL},
    {"v1/fs/cgroup/cpuacct", NULL},
    {"v1/fs/cgroup/cpuacct/cgroup.procs", ""},
    {"v1/fs/cgroup/cpuacct/a", NULL},
    {"v1/fs/cgroup/blkio", NULL},
    {"v1/fs/cgroup/blkio/cgroup.procs", ""},
    {"v1/fs/cgroup/blkio/a", NULL},
    {"proc", NULL},
    {"proc/1", NULL},
    {"proc/1/stat", "1 (init) S 0 1 1 0 -1 0 0 0 0 0 1 1 0 0 20 0 1 0 5 1000 3 0\n"},
    {"proc/7", NULL},
    {NULL, NULL},
};

static void read_subject(const struct subject *s, const char *proc, const char *sys)
{
    struct host h;
    struct client c;
    struct why why;

    host_start(&h, proc, sys);
    h.options = UINT32_MAX;
    HOLDS(chosen_add(&h.chosen, "x", &why) && chosen_add(&h.chosen, "any=.", &why));
    client_init(&c, "fuzz", "/fuzz");
    for (int round = 0; round < 2; round++) { /* what was there before is compared with */
        host_begin(&h);
        (void)host_read(&h, s);
        host_is_sound(&h.out, s);
        samples_send(&h.out, &c, 0);
        HOLDS(c.error[0] == 0);
    }
    client_close(&c);
    host_free(&h);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    const char *name = FILES[n > 0 ? p[0] % NFILES : 0];
    char proc[96], sys[96];
    int fd = host_folder(THERE);

    fuzz_file(fd, "proc/7/stat", STAT, strlen(STAT));
    fuzz_file(fd, name, p + (n > 0), n - (n > 0));
    (void)snprintf(proc, sizeof proc, "%s/proc", fuzz_path);
    (void)snprintf(sys, sizeof sys, "%s/%.2s", fuzz_path, name);
    if (name[0] == 'v')
        read_subject(&cgroups_subject, proc, sys);
    else
        read_subject(&programs_subject, proc, sys);
    HOLDS(unlinkat(fd, name, 0) == 0);
    (void)unlinkat(fd, "proc/7/stat", 0);
    return 0;
}
