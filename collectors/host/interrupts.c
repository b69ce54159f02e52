/* interrupts - how many there were since boot, of all kinds on all processors together
 *
 * The first number of `intr` in /proc/stat, which is cheap to read. What each line had is in /proc/interrupts, a number
 * for each processor: a thousand series on a large host, of which few are ever looked at.
 */
#include "host/reading.h"

#define FILE_NAME "/proc/stat"

static const struct figure FIGURES[] = {
    {
        .name = "interrupts.total",
        .unit = "event",
        .type = "counter",
        .file = FILE_NAME,
        .field = "intr, 1st",
        .collectd = "irq (each line)",
        .node_exporter = "node_intr_total",
    },
};

static void interrupts_read(struct host *h)
{
    char path[512];
    struct str rest;
    uint64_t total;

    if (!reading_line(h, FILE_NAME, "intr", &rest))
        return;
    if (field_next(&rest, &total))
        host_u64(h, FIGURES, total);
    else
        host_complain(h, "%s: intr has no number", host_path(h, FILE_NAME, path, sizeof path));
}

const struct subject interrupts_subject = {
    .name = "interrupts",
    .about = "how many interrupts there were: interrupts.total",
    .figures = FIGURES,
    .nfigures = sizeof FIGURES / sizeof *FIGURES,
    .read = interrupts_read,
};
