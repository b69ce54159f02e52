/* subject.h - what a collector of the host is: its table, and who reads the files that it names
 *
 * Each is a program of its own (one.c), and `host` has all of those that cannot block. Both are the frame
 * (frame.h) around the same subject.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "host/figure.h"

struct host;

/* What is asked for by options; bits of host.options. */
enum {
    HOST_PER_CORE = 1,
    HOST_ALL_DISKS = 2,
    HOST_VETH = 4,
    HOST_ALL_CGROUPS = 8,
    HOST_STATES = 16
};

struct subject_option {
    const char *name; /* "--per-core"; NULL ends a list of them */
    unsigned bit;
    const char *help;
};

struct subject {
    const char *name;  /* of the program too */
    const char *about; /* for --help: what it sends */
    const struct figure *figures;
    size_t nfigures;
    void (*read)(struct host *h);
    const struct subject_option *options; /* NULL: none */
    bool optional; /* sound hosts may lack its files, which is said only where it was named */
    bool rooted;   /* looks at what is mounted, below --root */
};

/* Those that cannot block, and those that can, in the order of the documents; NULL ends either. */
extern const struct subject *const host_subjects[], *const slow_subjects[];

extern const struct subject cgroups_subject, clock_subject, conntrack_subject, cpu_subject,
    disks_subject, files_subject, filesystems_subject, hwmon_subject, thermal_subject, icmp_subject,
    interrupts_subject, ip_subject, loadavg_subject, memory_subject, network_subject,
    pressure_subject, processes_subject, sockets_subject, softirqs_subject, swap_subject,
    tcp_subject, udp_subject, uptime_subject, vmstat_subject;
