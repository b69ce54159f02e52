/* processes - how many were begun, and how many tasks run or wait for a disk
 *
 * From /proc/stat. The kernel calls them processes and counts threads: a fork is any clone(). How many there are now is
 * loadavg.threads. What needs a look at every process in /proc is not here: that costs more than all else together.
 */
#include "host/reading.h"

#define FILE_NAME "/proc/stat"

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
     .collectd = "processes/ps_state-running",
     .node_exporter = "node_procs_running"},
    {.name = "processes.blocked",
     .unit = "thread",
     .type = "gauge",
     .file = FILE_NAME,
     .field = "procs_blocked",
     .diamond = "proc.procs_blocked",
     .collectd = "processes/ps_state-blocked",
     .node_exporter = "node_procs_blocked"},
};

static void processes_read(struct host *h)
{
    char path[512];
    struct str text;

    if (host_text(h, FILE_NAME, &text) && reading_keys(h, FILE_NAME) == 0)
        host_complain(h, "%s says nothing of processes",
                      host_path(h, FILE_NAME, path, sizeof path));
}

const struct subject processes_subject = {
    .name = "processes",
    .about = "processes.forks, processes.context_switches, processes.running, processes.blocked",
    .figures = FIGURES,
    .nfigures = sizeof FIGURES / sizeof *FIGURES,
    .read = processes_read,
};
