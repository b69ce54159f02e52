/* cpu - what the processors have done since boot
 *
 * /proc/stat counts clock ticks; here they are milliseconds, as raw counters that only grow:
 *
 *     cpu.user, nice, system, idle, iowait, irq, softirq, steal, guest, guest_nice       all processors together
 *     cpu.core.user, ...                       with a tag core=N, one by one, only with --per-core
 *
 * The names differ so that a sum over cores never takes the total in. Guest time is also inside
 * user, and guest_nice inside nice, as the kernel has it. The kernel says that iowait (and with
 * it idle) may now and then go back a little. What an older kernel does not count is left out.
 * Fails when /proc/stat cannot be read or has no cpu line.
 */
#include "host/reading.h"

#define FILE_NAME "/proc/stat"
#define ALL(kind, column)                                                                          \
    {                                                                                              \
        .name = "cpu." kind, .unit = "ms", .type = "counter", .file = FILE_NAME,                   \
        .field = "cpu, " column, .scale = TICKS, .diamond = "cpu.total." kind                      \
    }
#define CORE(kind, column, of_collectd, of_node)                                                   \
    {                                                                                              \
        .name = "cpu.core." kind, .unit = "ms", .type = "counter", .tags = {"core"},               \
        .file = FILE_NAME, .field = "cpuN, " column, .scale = TICKS, .diamond = "cpu.cpuN." kind,  \
        .collectd = (of_collectd), .node_exporter = (of_node)                                      \
    }
#define SECONDS(mode) "node_cpu_seconds_total{mode=\"" mode "\"}"

/* In the order of the columns. */
static const struct figure FIGURES[] = {
    ALL("user", "1st"),
    ALL("nice", "2nd"),
    ALL("system", "3rd"),
    ALL("idle", "4th"),
    ALL("iowait", "5th"),
    ALL("irq", "6th"),
    ALL("softirq", "7th"),
    ALL("steal", "8th"),
    ALL("guest", "9th"),
    ALL("guest_nice", "10th"),
    CORE("user", "1st", "cpu-N/cpu-user", SECONDS("user")),
    CORE("nice", "2nd", "cpu-N/cpu-nice", SECONDS("nice")),
    CORE("system", "3rd", "cpu-N/cpu-system", SECONDS("system")),
    CORE("idle", "4th", "cpu-N/cpu-idle", SECONDS("idle")),
    CORE("iowait", "5th", "cpu-N/cpu-wait", SECONDS("iowait")),
    CORE("irq", "6th", "cpu-N/cpu-interrupt", SECONDS("irq")),
    CORE("softirq", "7th", "cpu-N/cpu-softirq", SECONDS("softirq")),
    CORE("steal", "8th", "cpu-N/cpu-steal", SECONDS("steal")),
    CORE("guest", "9th", NULL, "node_cpu_guest_seconds_total{mode=\"user\"}"),
    CORE("guest_nice", "10th", NULL, "node_cpu_guest_seconds_total{mode=\"nice\"}"),
};
enum { KINDS = sizeof FIGURES / sizeof *FIGURES / 2 };

/* `name` begins with "cpu": the total, or "cpuN". */
static void put_times(struct host *h, struct str name, struct str columns)
{
    const struct str core = {name.s + 3, name.n - 3};
    uint64_t ticks[KINDS];
    size_t n = reading_numbers(h, FILE_NAME, name, columns, ticks, 1, KINDS);

    if (core.n > 0 && !host_tag(h, core))
        return;
    for (size_t i = 0; i < n; i++)
        host_u64(h, &FIGURES[core.n > 0 ? KINDS + i : i], ticks[i]);
}

static void cpu_read(struct host *h)
{
    struct str text, line, name;
    size_t lines = 0;
    char path[512];
    bool more;

    if (!host_text(h, FILE_NAME, &text))
        return;
    /* They come first, the total before the cores; what follows may be very long. */
    while ((more = field_line(&text, &line)) && field_word(&line, &name) && name.n >= 3 &&
           memcmp(name.s, "cpu", 3) == 0) {
        if (name.n == 3 ? lines == 0 : (h->options & HOST_PER_CORE) != 0)
            put_times(h, name, line);
        lines++;
    }
    if (!more)
        reading_end(h, FILE_NAME, text);
    if (lines == 0)
        host_complain(h, "%s has no cpu line", host_path(h, FILE_NAME, path, sizeof path));
}

static const struct subject_option OPTIONS[] = {
    {"--per-core", HOST_PER_CORE, "also cpu.core.user, ... of each processor, with the tag core"},
    {NULL, 0, NULL},
};

const struct subject cpu_subject = {
    .name = "cpu",
    .about = "the processor time since boot, in ms by kind: cpu.user, cpu.system, cpu.idle, ...",
    .figures = FIGURES,
    .nfigures = sizeof FIGURES / sizeof *FIGURES,
    .read = cpu_read,
    .options = OPTIONS,
};
