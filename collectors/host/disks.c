/* disks - what each block device has done since boot
 *
 * /proc/diskstats, of whole disks: a partition's requests are also its disk's, so with both a sum would count twice. What
 * is a partition says /sys/dev/block; without it all are taken for disks. A device that is made of others (dm-0, md0) is
 * there beside them. Left out are ram, loop, floppy and zram devices, unless --all-disks is given.
 *
 * The kernel holds the times in 32 bits of ms, so they begin anew after 49 days of waiting. What a kernel does not count
 * (discards before 4.18, flushes before 5.5) is left out, and so is a line with fewer numbers than it had in Linux 2.6.
 */
#include <stdio.h>
#include <unistd.h>

#include "host/reading.h"

#define FILE_NAME "/proc/diskstats"
#define FIGURE(key, of_unit, of_type, column, of_scale, of_diamond, of_collectd, of_node)          \
    {                                                                                              \
        .name = "disk." key, .unit = (of_unit), .type = (of_type), .tags = {"device"},             \
        .file = FILE_NAME, .field = (column), .scale = (of_scale), .diamond = (of_diamond),        \
        .collectd = (of_collectd), .node_exporter = (of_node)                                      \
    }

/* In the order of the columns. */
static const struct figure FIGURES[] = {
    FIGURE("reads", "req", "counter", "4th", AS_IS, "iostat.DEVICE.reads",
           "disk-DEVICE/disk_ops read", "node_disk_reads_completed_total"),
    FIGURE("reads_merged", "req", "counter", "5th", AS_IS, "iostat.DEVICE.reads_merged",
           "disk-DEVICE/disk_merged read", "node_disk_reads_merged_total"),
    FIGURE("read_bytes", "B", "counter", "6th", SECTORS, "iostat.DEVICE.reads_byte",
           "disk-DEVICE/disk_octets read", "node_disk_read_bytes_total"),
    FIGURE("read_time", "ms", "counter", "7th", AS_IS, "iostat.DEVICE.reads_milliseconds", NULL,
           "node_disk_read_time_seconds_total"),
    FIGURE("writes", "req", "counter", "8th", AS_IS, "iostat.DEVICE.writes",
           "disk-DEVICE/disk_ops write", "node_disk_writes_completed_total"),
    FIGURE("writes_merged", "req", "counter", "9th", AS_IS, "iostat.DEVICE.writes_merged",
           "disk-DEVICE/disk_merged write", "node_disk_writes_merged_total"),
    FIGURE("written_bytes", "B", "counter", "10th", SECTORS, "iostat.DEVICE.writes_byte",
           "disk-DEVICE/disk_octets write", "node_disk_written_bytes_total"),
    FIGURE("write_time", "ms", "counter", "11th", AS_IS, "iostat.DEVICE.writes_milliseconds", NULL,
           "node_disk_write_time_seconds_total"),
    FIGURE("in_flight", "req", "gauge", "12th", AS_IS, "iostat.DEVICE.io_in_progress",
           "disk-DEVICE/pending_operations", "node_disk_io_now"),
    FIGURE("busy_time", "ms", "counter", "13th", AS_IS, "iostat.DEVICE.io_milliseconds",
           "disk-DEVICE/disk_io_time io_time", "node_disk_io_time_seconds_total"),
    FIGURE("queue_time", "ms", "counter", "14th", AS_IS, "iostat.DEVICE.io_milliseconds_weighted",
           "disk-DEVICE/disk_io_time weighted_io_time", "node_disk_io_time_weighted_seconds_total"),
    FIGURE("discards", "req", "counter", "15th", AS_IS, NULL, NULL,
           "node_disk_discards_completed_total"),
    FIGURE("discards_merged", "req", "counter", "16th", AS_IS, NULL, NULL,
           "node_disk_discards_merged_total"),
    FIGURE("discarded_bytes", "B", "counter", "17th", SECTORS, NULL, NULL,
           "node_disk_discarded_sectors_total"),
    FIGURE("discard_time", "ms", "counter", "18th", AS_IS, NULL, NULL,
           "node_disk_discard_time_seconds_total"),
    FIGURE("flushes", "req", "counter", "19th", AS_IS, NULL, NULL,
           "node_disk_flush_requests_total"),
    FIGURE("flush_time", "ms", "counter", "20th", AS_IS, NULL, NULL,
           "node_disk_flush_requests_time_seconds_total"),
};
enum { COLUMNS = sizeof FIGURES / sizeof *FIGURES, LEAST = 11, WITH_DISCARDS = 15 };

/* loop0, ram15, zram1, fd0 */
static bool is_small_fry(struct str name)
{
    static const char *const KINDS[] = {"loop", "ram", "zram", "fd"};

    for (size_t i = 0; i < sizeof KINDS / sizeof *KINDS; i++) {
        size_t n = strlen(KINDS[i]);
        uint64_t number;

        if (name.n > n && memcmp(name.s, KINDS[i], n) == 0 &&
            field_u64((struct str){name.s + n, name.n - n}, &number))
            return true;
    }
    return false;
}

static bool is_partition(const struct host *h, uint64_t major, uint64_t minor)
{
    char path[4096], name[80];

    (void)snprintf(name, sizeof name, "/sys/dev/block/%llu:%llu/partition",
                   (unsigned long long)major, (unsigned long long)minor);
    return access(host_path(h, name, path, sizeof path), F_OK) == 0;
}

static void put_disk(struct host *h, struct str line)
{
    uint64_t major, minor, v[COLUMNS];
    char path[512];
    struct str name;
    size_t n;

    if (!field_next(&line, &major) || !field_next(&line, &minor) || !field_word(&line, &name)) {
        host_complain(h, "%s: a line without a device", host_path(h, FILE_NAME, path, sizeof path));
        return;
    }
    if (((h->options & HOST_ALL_DISKS) == 0 && is_small_fry(name)) || is_partition(h, major, minor))
        return;
    n = reading_numbers(h, FILE_NAME, name, line, v, LEAST, COLUMNS);
    if (n == 0 || !host_tag(h, name))
        return;
    n = n == COLUMNS ? n : n >= WITH_DISCARDS ? WITH_DISCARDS : LEAST;
    for (size_t i = 0; i < n; i++)
        host_u64(h, &FIGURES[i], v[i]);
}

static void disks_read(struct host *h)
{
    struct str text, line;

    if (!host_text(h, FILE_NAME, &text))
        return;
    while (field_line(&text, &line))
        put_disk(h, line);
    reading_end(h, FILE_NAME, text);
}

static const struct subject_option OPTIONS[] = {
    {"--all-disks", HOST_ALL_DISKS, "also ram, loop, floppy and zram devices"},
    {NULL, 0, NULL},
};

const struct subject disks_subject = {
    .name = "disks",
    .about = "requests, bytes and times of each disk: disk.reads, disk.written_bytes, ...",
    .figures = FIGURES,
    .nfigures = sizeof FIGURES / sizeof *FIGURES,
    .read = disks_read,
    .options = OPTIONS,
};
