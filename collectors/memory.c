/* memory - how this machine's memory is used
 *
 * Selected fields of /proc/meminfo, in bytes, as memory.total, memory.available and so on: those
 * that have kept their meaning for years. "Used" is not among them, because everybody means
 * something else by it; total - available is what people mostly want. A field that this kernel
 * does not have is left out. Fails when /proc/meminfo cannot be read or has no MemTotal, and
 * when Garnet does not take the metrics.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector.h"

static const char HELP[] =
    "usage: memory [SOCKET]\n"
    "Sends the use of memory in bytes: memory.total, memory.available, memory.cached, ...\n"
    "  SOCKET  Garnet's socket, an absolute path; else $GARNET_SOCKET\n";

static const char PATH[] = "/proc/meminfo";

static const struct {
    const char *field, *key;
} FIELDS[] = {
    {"MemTotal", "total"},
    {"MemFree", "free"},
    {"MemAvailable", "available"},
    {"Buffers", "buffers"},
    {"Cached", "cached"},
    {"Shmem", "shmem"},
    {"Slab", "slab"},
    {"SReclaimable", "slab_reclaimable"},
    {"Dirty", "dirty"},
    {"Writeback", "writeback"},
    {"SwapTotal", "swap_total"},
    {"SwapFree", "swap_free"},
    {"SwapCached", "swap_cached"},
};
enum { NFIELDS = sizeof FIELDS / sizeof *FIELDS };

static const char *key_of(const char *field)
{
    for (size_t i = 0; i < NFIELDS; i++)
        if (strcmp(FIELDS[i].field, field) == 0)
            return FIELDS[i].key;
    return NULL;
}

/* "MemTotal:  24684096 kB". Counts without a unit (HugePages_Total) are none of ours. */
static bool parse_line(char *line, const char **key, uint64_t *bytes)
{
    char *colon = strchr(line, ':'), *end;
    uint64_t kib;

    if (colon == NULL)
        return false;
    *colon = 0;
    *key = key_of(line);
    if (*key == NULL)
        return false;
    kib = strtoull(colon + 1, &end, 10);
    *bytes = kib * 1024;
    return end != colon + 1 && strcmp(end, " kB\n") == 0 && kib <= UINT64_MAX / 1024;
}

static void send_meminfo(struct client *c, FILE *f)
{
    char line[256];
    const char *key;
    uint64_t bytes;
    bool total = false;

    client_begin(c, &(struct client_series){.name = "memory", .type = "gauge", .unit = "B"});
    while (fgets(line, sizeof line, f) != NULL)
        if (parse_line(line, &key, &bytes)) {
            client_u64(c, key, bytes);
            total = total || strcmp(key, "total") == 0;
        }
    client_end(c);
    if (ferror(f))
        client_fail(c, "cannot read %s: %s", PATH, strerror(errno));
    else if (!total)
        client_fail(c, "%s has no MemTotal in kB", PATH);
}

int main(int argc, char **argv)
{
    struct client c;
    FILE *f;

    client_open(&c, argc, argv, HELP, NULL);
    f = fopen(PATH, "re");
    if (f == NULL) {
        client_fail(&c, "cannot open %s: %s", PATH, strerror(errno));
    } else {
        send_meminfo(&c, f);
        (void)fclose(f);
    }
    return client_finish(&c);
}
