/* thermal - the temperatures that the kernel cools by
 *
 * /sys/class/thermal, by the number of the zone and its type. A zone that is off or gives no value is left out.
 */
#include <stdio.h>

#include "host/sysfs.h"

#define CLASS "/sys/class/thermal"
#define ZONE  "thermal_zone"

static const struct figure FIGURES[] = {
    {
        .name = "thermal.temperature",
        .unit = "\u00b0C",
        .type = "gauge",
        .tags = {"zone", "kind"},
        .file = CLASS "/thermal_zoneN",
        .field = "temp",
        .collectd = "thermal-thermal_zoneN/temperature",
        .node_exporter = "node_thermal_zone_temp",
    },
};

static void take_zone(struct host *h, const char *dir, const char *name)
{
    char zone[300], text[SYSFS_VALUE];
    struct str kind;
    int64_t millidegrees;

    (void)snprintf(zone, sizeof zone, "%s/%s", dir, name);
    if (sysfs_number(h, zone, "temp", &millidegrees) && sysfs_line(h, zone, "type", text, &kind) &&
        host_tags(h, (const struct str[FIGURE_TAGS]){str_of(name + strlen(ZONE)), kind}))
        samples_f64(&h->out, FIGURES, (double)millidegrees / 1000);
}

static void thermal_read(struct host *h)
{
    sysfs_each(h, CLASS, ZONE, true, take_zone);
}

const struct subject thermal_subject = {
    .name = "thermal",
    .about = "the temperatures that the kernel cools by: thermal.temperature",
    .figures = FIGURES,
    .nfigures = sizeof FIGURES / sizeof *FIGURES,
    .read = thermal_read,
    .optional = true,
};
