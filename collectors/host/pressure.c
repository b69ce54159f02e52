/* pressure - for how long tasks had to wait for processors, memory and disks
 *
 * /proc/pressure: the kernel's averages of the last 10, 60 and 300 s, in percent of the time, and the raw counter behind
 * them. `some`: at least one task waited; `full`: all that could have run did. For processors the kernel has no `full` of
 * the whole host (it is 0 there), and so none is here; for interrupts it has that alone, where it measures them at all.
 */
#include "host/reading.h"

#define ROW(resource, kind, key, in_file, of_unit, of_type, of_node)                               \
    {                                                                                              \
        .name = "pressure." resource "." kind "." key, .unit = (of_unit), .type = (of_type),       \
        .file = "/proc/pressure/" resource, .field = kind " " in_file, .node_exporter = (of_node)  \
    }
#define ROWS(resource, kind, of_node)                                                              \
    ROW(resource, kind, "10s", "avg10", "%", "gauge", NULL),                                       \
        ROW(resource, kind, "60s", "avg60", "%", "gauge", NULL),                                   \
        ROW(resource, kind, "300s", "avg300", "%", "gauge", NULL),                                 \
        ROW(resource, kind, "total", "total", "us", "counter", of_node)

static const struct figure FIGURES[] = {
    ROWS("cpu", "some", "node_pressure_cpu_waiting_seconds_total"),
    ROWS("memory", "some", "node_pressure_memory_waiting_seconds_total"),
    ROWS("memory", "full", "node_pressure_memory_stalled_seconds_total"),
    ROWS("io", "some", "node_pressure_io_waiting_seconds_total"),
    ROWS("io", "full", "node_pressure_io_stalled_seconds_total"),
    ROWS("irq", "full", "node_pressure_irq_stalled_seconds_total"),
};

/* "avg10=1.23" or "total=123". False: it is of no row. */
static bool put_assignment(struct host *h, const char *file, struct str group, struct str word,
                           size_t *hint)
{
    const struct figure *f;
    char path[512];
    struct str name;
    uint64_t total;
    double average;

    if (!field_name(&word, '=', &name))
        return false;
    f = reading_row(h, file, group, name, hint);
    if (f == NULL)
        return false;
    if (strcmp(f->type, "counter") == 0 && field_u64(word, &total))
        host_u64(h, f, total);
    else if (strcmp(f->type, "gauge") == 0 && field_f64(word, &average))
        samples_f64(&h->out, f, average);
    else
        host_complain(h, "%s: %s is no number", host_path(h, file, path, sizeof path), f->field);
    return true;
}

static void read_resource(struct host *h, const char *file, struct str text)
{
    struct str line, group, word;
    size_t hint = 0, known = 0;
    char path[512];

    while (field_line(&text, &line)) {
        if (!field_word(&line, &group))
            continue;
        while (field_word(&line, &word))
            known += put_assignment(h, file, group, word, &hint);
    }
    reading_end(h, file, text);
    if (known == 0)
        host_complain(h, "%s has nothing that is known", host_path(h, file, path, sizeof path));
}

static void pressure_read(struct host *h)
{
    static const char *const FILES[] = {"/proc/pressure/cpu", "/proc/pressure/memory",
                                        "/proc/pressure/io"};
    struct str text;

    for (size_t i = 0; i < sizeof FILES / sizeof *FILES; i++)
        if (host_text(h, FILES[i], &text))
            read_resource(h, FILES[i], text);
    if (host_text_if_any(h, "/proc/pressure/irq", &text))
        read_resource(h, "/proc/pressure/irq", text);
}

const struct subject pressure_subject = {
    .name = "pressure",
    .about = "how long tasks waited: pressure.cpu.some.10s, pressure.io.full.total, ...",
    .figures = FIGURES,
    .nfigures = sizeof FIGURES / sizeof *FIGURES,
    .read = pressure_read,
    .optional = true,
};
