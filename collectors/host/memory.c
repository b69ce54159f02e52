/* memory - how this machine's memory is used
 *
 * Selected fields of /proc/meminfo, in bytes, as memory.total, memory.available and so on: those
 * that have kept their meaning for years. "Used" is not among them, because everybody means
 * something else by it; total - available is what people mostly want. A field that this kernel
 * does not have is left out. Fails when /proc/meminfo cannot be read or has no MemTotal.
 */
#include "host/reading.h"

#define FILE_NAME "/proc/meminfo"
#define FIGURE(key, in_file, of_collectd)                                                          \
    {                                                                                              \
        .name = "memory." key, .unit = "B", .type = "gauge", .file = FILE_NAME,                    \
        .field = (in_file), .scale = SAID_KIBIBYTES, .diamond = "memory." in_file,                 \
        .collectd = (of_collectd), .node_exporter = "node_memory_" in_file "_bytes"                \
    }

static const struct figure FIGURES[] = {
    FIGURE("total", "MemTotal", NULL),
    FIGURE("free", "MemFree", "memory/memory-free"),
    FIGURE("available", "MemAvailable", NULL),
    FIGURE("buffers", "Buffers", "memory/memory-buffered"),
    FIGURE("cached", "Cached", "memory/memory-cached"),
    FIGURE("shmem", "Shmem", NULL),
    FIGURE("slab", "Slab", NULL),
    FIGURE("slab_reclaimable", "SReclaimable", "memory/memory-slab_recl"),
    FIGURE("dirty", "Dirty", NULL),
    FIGURE("writeback", "Writeback", NULL),
    FIGURE("swap_total", "SwapTotal", NULL),
    FIGURE("swap_free", "SwapFree", "swap/swap-free"),
    FIGURE("swap_cached", "SwapCached", "swap/swap-cached"),
};

static void memory_read(struct host *h)
{
    size_t before = samples_count(&h->out);
    char path[512];
    struct str text;

    if (!host_text(h, FILE_NAME, &text))
        return;
    (void)reading_keys(h, FILE_NAME);
    for (size_t i = before; i < samples_count(&h->out); i++)
        if (samples_at(&h->out, i)->figure == &FIGURES[0])
            return;
    host_complain(h, "%s has no MemTotal in kB", host_path(h, FILE_NAME, path, sizeof path));
}

const struct subject memory_subject = {
    .name = "memory",
    .about = "the use of memory in bytes: memory.total, memory.available, memory.cached, ...",
    .figures = FIGURES,
    .nfigures = sizeof FIGURES / sizeof *FIGURES,
    .read = memory_read,
};
