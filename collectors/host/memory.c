/* memory - how this machine's memory is used
 *
 * Selected fields of /proc/meminfo, in bytes, as memory.total, memory.available and so on: those
 * that have kept their meaning for years. "Used" is not among them, because everybody means
 * something else by it; total - available is what people mostly want. A field that this kernel
 * does not have is left out. Fails when /proc/meminfo cannot be read or has no MemTotal.
 */
#include "host/reading.h"

#define FILE_NAME "/proc/meminfo"
#define FIGURE(key, in_file, of_diamond, of_collectd, of_node)                                     \
    {                                                                                              \
        .name = "memory." key, .unit = "B", .type = "gauge", .file = FILE_NAME, .field = in_file,  \
        .scale = SAID_KIBIBYTES, .diamond = of_diamond, .collectd = of_collectd,                   \
        .node_exporter = of_node                                                                   \
    }

static const struct figure FIGURES[] = {
    FIGURE("total", "MemTotal", "memory.MemTotal", NULL, "node_memory_MemTotal_bytes"),
    FIGURE("free", "MemFree", "memory.MemFree", "memory/memory-free", "node_memory_MemFree_bytes"),
    FIGURE("available", "MemAvailable", "memory.MemAvailable", NULL,
           "node_memory_MemAvailable_bytes"),
    FIGURE("buffers", "Buffers", "memory.Buffers", "memory/memory-buffered",
           "node_memory_Buffers_bytes"),
    FIGURE("cached", "Cached", "memory.Cached", "memory/memory-cached", "node_memory_Cached_bytes"),
    FIGURE("shmem", "Shmem", NULL, NULL, "node_memory_Shmem_bytes"),
    FIGURE("slab", "Slab", NULL, NULL, "node_memory_Slab_bytes"),
    FIGURE("slab_reclaimable", "SReclaimable", NULL, "memory/memory-slab_recl",
           "node_memory_SReclaimable_bytes"),
    FIGURE("dirty", "Dirty", "memory.Dirty", NULL, "node_memory_Dirty_bytes"),
    FIGURE("writeback", "Writeback", "memory.Writeback", NULL, "node_memory_Writeback_bytes"),
    FIGURE("swap_total", "SwapTotal", "memory.SwapTotal", NULL, "node_memory_SwapTotal_bytes"),
    FIGURE("swap_free", "SwapFree", "memory.SwapFree", "swap/swap-free",
           "node_memory_SwapFree_bytes"),
    FIGURE("swap_cached", "SwapCached", "memory.SwapCached", "swap/swap-cached",
           "node_memory_SwapCached_bytes"),
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
