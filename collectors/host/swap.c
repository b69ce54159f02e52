/* swap - what went there and came back, and how full each device of it is
 *
 * swap.in and swap.out are bytes since boot, of whole pages, from /proc/vmstat. /proc/swaps lists the devices; without one
 * there are none of their metrics. Their sizes are memory.swap_total together, what is used memory.swap_total - swap_free.
 */
#include "host/reading.h"

#define COUNTERS "/proc/vmstat"
#define DEVICES  "/proc/swaps"

static const struct figure FIGURES[] = {
    {.name = "swap.in",
     .unit = "B",
     .type = "counter",
     .file = COUNTERS,
     .field = "pswpin",
     .scale = PAGES,
     .diamond = "vmstat.pswpin",
     .collectd = "swap/swap_io-in",
     .node_exporter = "node_vmstat_pswpin"},
    {.name = "swap.out",
     .unit = "B",
     .type = "counter",
     .file = COUNTERS,
     .field = "pswpout",
     .scale = PAGES,
     .diamond = "vmstat.pswpout",
     .collectd = "swap/swap_io-out",
     .node_exporter = "node_vmstat_pswpout"},
    {.name = "swap.device.size",
     .unit = "B",
     .type = "gauge",
     .tags = {"device"},
     .file = DEVICES,
     .field = "Size",
     .scale = KIBIBYTES,
     .node_exporter = "node_swap_size_bytes"},
    {.name = "swap.device.used",
     .unit = "B",
     .type = "gauge",
     .tags = {"device"},
     .file = DEVICES,
     .field = "Used",
     .scale = KIBIBYTES,
     .collectd = "swap-DEVICE/swap-used",
     .node_exporter = "node_swap_used_bytes"},
};
enum { SIZE = 2, USED = 3 };

/* "/dev/dm-1   partition  8388604  0  -2", under the names of the columns */
static void put_device(struct host *h, struct str line)
{
    char path[512], name[1024];
    struct str device, type;
    uint64_t size, used;

    if (!field_word(&line, &device) || !field_word(&line, &type) || !field_next(&line, &size) ||
        !field_next(&line, &used)) {
        host_complain(h, "%s: a line without a size", host_path(h, DEVICES, path, sizeof path));
        return;
    }
    if (!host_tag(h, field_unescape(device, name, sizeof name)))
        return;
    host_u64(h, &FIGURES[SIZE], size);
    host_u64(h, &FIGURES[USED], used);
}

static void swap_read(struct host *h)
{
    struct str text, line;
    char path[512];

    (void)reading_keys(h, COUNTERS);
    if (!host_text_if_any(h, DEVICES, &text))
        return;
    if (!field_line(&text, &line))
        host_complain(h, "%s: no line with the names of its columns",
                      host_path(h, DEVICES, path, sizeof path));
    while (field_line(&text, &line))
        put_device(h, line);
    reading_end(h, DEVICES, text);
}

const struct subject swap_subject = {
    .name = "swap",
    .about = "swap.in, swap.out; swap.device.size and .used of each device",
    .figures = FIGURES,
    .nfigures = sizeof FIGURES / sizeof *FIGURES,
    .read = swap_read,
};
