/* hwmon - what the sensors of the board say: temperatures, fans, voltages, currents, power
 *
 * /sys/class/hwmon, one folder a chip; old drivers have the files in its device's. The kernel numbers the chips as it finds them, so a chip is called by its own name
 * and its device: coretemp-coretemp.0, nct6775-nct6775.656. A sensor is called as in the folder, with its label behind it
 * where it has one: "temp1 Package id 0". Without a name it is left out, as it would be another series. A read may wait
 * for a slow bus; one that gives no value, as of a socket where nothing is plugged in, is left out.
 */
#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <unistd.h>

#include "host/sysfs.h"

#define CLASS  "/sys/class/hwmon"
#define DEVICE "/device"
#define FIGURE(key, of_unit, of_type, in_file, of_collectd, of_node)                               \
    {                                                                                              \
        .name = "hwmon." key, .unit = (of_unit), .type = (of_type), .tags = {"chip", "sensor"},    \
        .file = CLASS "/hwmonN", .field = (in_file), .collectd = (of_collectd),                    \
        .node_exporter = "node_hwmon_" of_node                                                     \
    }

static const struct figure FIGURES[] = {
    FIGURE("temperature", "\u00b0C", "gauge", "tempN_input", "sensors-CHIP/temperature-SENSOR",
           "temp_celsius"),
    FIGURE("fan_rpm", NULL, "gauge", "fanN_input", "sensors-CHIP/fanspeed-SENSOR", "fan_rpm"),
    FIGURE("voltage", "V", "gauge", "inN_input", "sensors-CHIP/voltage-SENSOR", "in_volts"),
    FIGURE("current", "A", "gauge", "currN_input", "sensors-CHIP/current-SENSOR", "curr_amps"),
    FIGURE("power", "W", "gauge", "powerN_input", "sensors-CHIP/power-SENSOR", "power_watt"),
    FIGURE("energy", "uJ", "counter", "energyN_input", NULL, "energy_joule_total"),
    FIGURE("humidity", "%", "gauge", "humidityN_input", "sensors-CHIP/humidity-SENSOR", "humidity"),
};
enum { ENERGY = 5, KINDS = sizeof FIGURES / sizeof *FIGURES, CHIP_MOST = 300 };

/* In the order of the rows: how a sensor's files begin, and what the kernel's unit is to be divided by. */
static const struct {
    const char *start;
    double divisor;
} KIND[KINDS] = {{"temp", 1e3},  {"fan", 1},    {"in", 1e3},      {"curr", 1e3},
                 {"power", 1e6}, {"energy", 1}, {"humidity", 1e3}};

/* "temp12_input" -> which of the kinds, and "temp12". -1: none of them. */
static int kind_of(const char *file, struct str *sensor)
{
    const char *end = strchr(file, '_');

    if (end == NULL || strcmp(end, "_input") != 0)
        return -1;
    *sensor = (struct str){file, (size_t)(end - file)};
    for (int i = 0; i < KINDS; i++) {
        size_t n = strlen(KIND[i].start);
        uint64_t number;

        if (sensor->n > n && memcmp(file, KIND[i].start, n) == 0 &&
            field_u64((struct str){file + n, sensor->n - n}, &number))
            return i;
    }
    return -1;
}

/* "coretemp-coretemp.0"; of a chip without a device, its name alone. False: it has none. */
static bool name_chip(const struct host *h, const char *dir, char *out, size_t size)
{
    char text[SYSFS_VALUE], path[4096], device[4096];
    struct str name;
    ssize_t n;
    size_t at;

    if (!sysfs_line(h, dir, "name", text, &name))
        return false;
    at = strlen(host_path(h, dir, path, sizeof path));
    if (at < strlen(DEVICE) || strcmp(path + at - strlen(DEVICE), DEVICE) != 0)
        (void)snprintf(path + at, sizeof path - at, DEVICE);
    n = readlink(path, device, sizeof device - 1);
    device[n > 0 ? n : 0] = 0;
    (void)snprintf(out, size, "%.*s%s%s", (int)name.n, name.s, n > 0 ? "-" : "",
                   n > 0 ? basename(device) : "");
    return true;
}

/* False: what it is called cannot be read. */
static bool name_sensor(const struct host *h, const char *dir, struct str sensor, char *out,
                        size_t size)
{
    char text[SYSFS_VALUE], file[80];
    struct str label;
    bool has;

    (void)snprintf(file, sizeof file, "%.*s_label", (int)sensor.n, sensor.s);
    has = sysfs_line(h, dir, file, text, &label);
    if (!has && errno != ENOENT)
        return false;
    (void)snprintf(out, size, "%.*s%s%.*s", (int)sensor.n, sensor.s, has ? " " : "",
                   has ? (int)label.n : 0, has ? label.s : "");
    return true;
}

/* Most have no file that says so. */
static bool is_faulty(const struct host *h, const char *dir, struct str sensor)
{
    char file[80];
    int64_t v;

    (void)snprintf(file, sizeof file, "%.*s_fault", (int)sensor.n, sensor.s);
    return sysfs_number(h, dir, file, &v) ? v != 0 : errno != ENOENT;
}

static void take_sensor(struct host *h, const char *dir, const char *file)
{
    char chip[512], name[512];
    int64_t v;
    struct str sensor;
    int kind = kind_of(file, &sensor);

    if (kind < 0 || sensor.n > 40 || !sysfs_number(h, dir, file, &v) || is_faulty(h, dir, sensor) ||
        !name_chip(h, dir, chip, sizeof chip) || !name_sensor(h, dir, sensor, name, sizeof name) ||
        !host_tags(h, (const struct str[FIGURE_TAGS]){str_of(chip), str_of(name)}))
        return;
    if (kind != ENERGY)
        samples_f64(&h->out, &FIGURES[kind], (double)v / KIND[kind].divisor);
    else if (v >= 0)
        host_u64(h, &FIGURES[kind], (uint64_t)v);
}

static void take_chip(struct host *h, const char *dir, const char *name)
{
    char chip[CHIP_MOST], text[SYSFS_VALUE];
    struct str line;

    (void)snprintf(chip, sizeof chip, "%s/%s", dir, name);
    if (!sysfs_line(h, chip, "name", text, &line) &&
        errno == ENOENT) /* of an old driver, or gone */
        (void)snprintf(chip, sizeof chip, "%s/%s" DEVICE, dir, name);
    sysfs_each(h, chip, "", false, take_sensor);
}

static void hwmon_read(struct host *h)
{
    sysfs_each(h, CLASS, "hwmon", true, take_chip);
}

const struct subject hwmon_subject = {
    .name = "hwmon",
    .about = "the board's sensors: hwmon.temperature, hwmon.fan_rpm, hwmon.voltage, ...",
    .figures = FIGURES,
    .nfigures = sizeof FIGURES / sizeof *FIGURES,
    .read = hwmon_read,
    .optional = true,
};
