/* subjects.c - the lists. What may wait for a device or a server is not in `host` */
#include "host/subject.h"

const struct subject *const host_subjects[] = {
    &cpu_subject,       &memory_subject,     &swap_subject,
    &vmstat_subject,    &loadavg_subject,    &pressure_subject,
    &processes_subject, &interrupts_subject, &softirqs_subject,
    &files_subject,     &disks_subject,      &network_subject,
    &ip_subject,        &icmp_subject,       &tcp_subject,
    &udp_subject,       &sockets_subject,    &conntrack_subject,
    &uptime_subject,    &clock_subject,      NULL,
};

const struct subject *const slow_subjects[] = {&filesystems_subject, &cgroups_subject,
                                               &hwmon_subject, &thermal_subject, NULL};
