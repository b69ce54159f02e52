/* vmstat - what the kernel has done with pages since boot
 *
 * Selected counters of /proc/vmstat, by the kernel's own names. pgpgin and pgpgout are KiB there and bytes here, and
 * count all that was read from and written to block devices, swap included. What this kernel does not count is left out:
 * workingset_refault has been two since Linux 5.9.
 */
#include "host/reading.h"

#define FILE_NAME "/proc/vmstat"
#define FIGURE(key, of_unit, of_scale, of_diamond, of_collectd)                                    \
    {                                                                                              \
        .name = "vmstat." key, .unit = (of_unit), .type = "counter", .file = FILE_NAME,            \
        .field = (key), .scale = (of_scale), .diamond = (of_diamond), .collectd = (of_collectd),   \
        .node_exporter = "node_vmstat_" key                                                        \
    }

static const struct figure FIGURES[] = {
    FIGURE("pgpgin", "B", KIBIBYTES, "vmstat.pgpgin", "vmem/vmpage_io-memory in"),
    FIGURE("pgpgout", "B", KIBIBYTES, "vmstat.pgpgout", "vmem/vmpage_io-memory out"),
    FIGURE("pgfree", "page", AS_IS, NULL, "vmem/vmpage_action-free"),
    FIGURE("pgfault", "event", AS_IS, NULL, "vmem/vmpage_faults minflt"),
    FIGURE("pgmajfault", "event", AS_IS, NULL, "vmem/vmpage_faults majflt"),
    FIGURE("workingset_refault_anon", "page", AS_IS, NULL, NULL),
    FIGURE("workingset_refault_file", "page", AS_IS, NULL, NULL),
    FIGURE("pgsteal_kswapd", "page", AS_IS, NULL, NULL),
    FIGURE("pgsteal_direct", "page", AS_IS, NULL, NULL),
    FIGURE("pgscan_kswapd", "page", AS_IS, NULL, NULL),
    FIGURE("pgscan_direct", "page", AS_IS, NULL, NULL),
    FIGURE("oom_kill", "event", AS_IS, NULL, NULL),
};

static void vmstat_read(struct host *h)
{
    char path[512];
    struct str text;

    if (host_text(h, FILE_NAME, &text) && reading_keys(h, FILE_NAME) == 0)
        host_complain(h, "%s has nothing that is known",
                      host_path(h, FILE_NAME, path, sizeof path));
}

const struct subject vmstat_subject = {
    .name = "vmstat",
    .about = "what was done with pages: vmstat.pgpgin, vmstat.pgfault, vmstat.oom_kill, ...",
    .figures = FIGURES,
    .nfigures = sizeof FIGURES / sizeof *FIGURES,
    .read = vmstat_read,
};
