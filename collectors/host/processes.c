/* processes - how many were begun, how many tasks run or wait for a disk, and, where asked for, in which states they are
 *
 * From /proc/stat. The kernel calls them processes and counts threads: a fork is any clone(). How many there are now is
 * loadavg.threads. The states take a look at every process in /proc, which costs more than all else together, and so
 * they are there with --states alone. A process's state is that of its first thread. One that ends meanwhile is not
 * counted. Its name may hold anything, brackets and line ends too. Those of a name by themselves are in programs.c.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/fd.h"
#include "host/reading.h"

#define FILE_NAME "/proc/stat"
#define STATE(key, letters, of_collectd, of_node)                                                  \
    {                                                                                              \
        .name = "processes.state." key, .unit = "process", .type = "gauge",                        \
        .file = "/proc/PID/stat", .field = (letters), .collectd = (of_collectd),                   \
        .node_exporter = (of_node)                                                                 \
    }

static const struct figure FIGURES[] = {
    {.name = "processes.context_switches",
     .unit = "event",
     .type = "counter",
     .file = FILE_NAME,
     .field = "ctxt",
     .diamond = "proc.ctxt",
     .collectd = "contextswitch/contextswitch",
     .node_exporter = "node_context_switches_total"},
    {.name = "processes.forks",
     .unit = "thread",
     .type = "counter",
     .file = FILE_NAME,
     .field = "processes",
     .diamond = "proc.processes",
     .collectd = "processes/fork_rate",
     .node_exporter = "node_forks_total"},
    {.name = "processes.running",
     .unit = "thread",
     .type = "gauge",
     .file = FILE_NAME,
     .field = "procs_running",
     .diamond = "proc.procs_running",
     .node_exporter = "node_procs_running"},
    {.name = "processes.blocked",
     .unit = "thread",
     .type = "gauge",
     .file = FILE_NAME,
     .field = "procs_blocked",
     .diamond = "proc.procs_blocked",
     .node_exporter = "node_procs_blocked"},
    /* In the order of LETTERS; --states */
    STATE("running", "R", "processes/ps_state-running", "node_processes_state{state=\"R\"}"),
    STATE("sleeping", "S", "processes/ps_state-sleeping", "node_processes_state{state=\"S\"}"),
    STATE("disk_sleep", "D", "processes/ps_state-blocked", "node_processes_state{state=\"D\"}"),
    STATE("stopped", "T", "processes/ps_state-stopped", "node_processes_state{state=\"T\"}"),
    STATE("traced", "t", NULL, "node_processes_state{state=\"t\"}"),
    STATE("zombie", "Z", "processes/ps_state-zombies", "node_processes_state{state=\"Z\"}"),
    STATE("idle", "I", NULL, "node_processes_state{state=\"I\"}"),
};
static const char LETTERS[] = "RSDTtZI";
enum { STATES = sizeof LETTERS - 1, FIRST_STATE = sizeof FIGURES / sizeof *FIGURES - STATES };

/* 0: it is gone, or of no known state. */
static char state_of(int proc, const char *pid)
{
    char path[80], text[1024];
    const char *end;
    ssize_t n;
    int fd;

    (void)snprintf(path, sizeof path, "%.20s/stat", pid);
    fd = openat(proc, path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    n = read(fd, text, sizeof text);
    (void)close(fd);
    /* Behind the name are numbers alone. */
    end = n > 0 ? memrchr(text, ')', (size_t)n) : NULL;
    return end != NULL && end + 3 < text + n && end[1] == ' ' && end[3] == ' ' ? end[2] : 0;
}

static void read_states(struct host *h)
{
    uint64_t counts[STATES] = {0}, pid, seen = 0;
    const struct dirent *e;
    DIR *list = fd_list(open(h->proc, O_RDONLY | O_DIRECTORY | O_CLOEXEC));

    if (list == NULL) {
        host_complain(h, "cannot list %s: %m", h->proc);
        return;
    }
    while (errno = 0, (e = readdir(list)) != NULL) {
        const char *letter;
        char state = field_u64(str_of(e->d_name), &pid) ? state_of(dirfd(list), e->d_name) : 0;

        letter = state != 0 ? strchr(LETTERS, state) : NULL;
        if (letter != NULL)
            counts[letter - LETTERS]++;
        seen += letter != NULL;
    }
    if (errno != 0)
        host_complain(h, "cannot list %s: %m", h->proc);
    else if (seen == 0)
        host_complain(h, "%s has no process", h->proc);
    else
        for (size_t i = 0; i < STATES; i++)
            host_u64(h, &FIGURES[FIRST_STATE + i], counts[i]);
    (void)closedir(list);
}

static void processes_read(struct host *h)
{
    char path[512];
    struct str text;

    if (host_text(h, FILE_NAME, &text) && reading_keys(h, FILE_NAME) == 0)
        host_complain(h, "%s says nothing of processes",
                      host_path(h, FILE_NAME, path, sizeof path));
    if ((h->options & HOST_STATES) != 0)
        read_states(h);
}

static const struct subject_option OPTIONS[] = {
    {"--states", HOST_STATES, "also processes.state.running, ...: a look at every process"},
    {NULL, 0, NULL},
};

const struct subject processes_subject = {
    .name = "processes",
    .about = "processes.forks, processes.context_switches, processes.running, processes.blocked",
    .figures = FIGURES,
    .nfigures = sizeof FIGURES / sizeof *FIGURES,
    .read = processes_read,
    .options = OPTIONS,
};
