/* subjects.c - the list. What may wait for a device or a server has a program of its own and is not here */
#include "host/subject.h"

const struct subject *const host_subjects[] = {
    &cpu_subject, &memory_subject, &loadavg_subject, &uptime_subject, &vmstat_subject, NULL,
};
