/* loadavg - how many threads run or want to
 *
 * /proc/loadavg as loadavg.1m, loadavg.5m, loadavg.15m, and the two numbers behind them now:
 * loadavg.runnable of loadavg.threads. Fails when /proc/loadavg cannot be read or looks
 * different.
 */
#include "host/host.h"

#define FILE_NAME "/proc/loadavg"
#define FIGURE(key, of_unit, in_file, of_diamond, of_collectd, of_node)                            \
    {                                                                                              \
        .name = "loadavg." key, .unit = (of_unit), .type = "gauge", .file = FILE_NAME,             \
        .field = (in_file), .diamond = (of_diamond), .collectd = (of_collectd),                    \
        .node_exporter = (of_node)                                                                 \
    }

static const struct figure FIGURES[] = {
    FIGURE("1m", "load", "1st", "loadavg.01", "load/load shortterm", "node_load1"),
    FIGURE("5m", "load", "2nd", "loadavg.05", "load/load midterm", "node_load5"),
    FIGURE("15m", "load", "3rd", "loadavg.15", "load/load longterm", "node_load15"),
    FIGURE("runnable", "thread", "4th, before the slash", "loadavg.processes_running", NULL, NULL),
    FIGURE("threads", "thread", "4th, behind it", "loadavg.processes_total", NULL,
           "node_processes_threads"),
};
enum { AVERAGES = 3 };

/* "0.05 0.10 0.15 1/92 7177" */
static void loadavg_read(struct host *h)
{
    static const char *const KEYS[] = {"1m", "5m", "15m"};
    const char *slash;
    char path[512];
    double average[AVERAGES];
    uint64_t runnable, threads;
    struct str text, line, word;

    if (!host_text(h, FILE_NAME, &text))
        return;
    (void)host_path(h, FILE_NAME, path, sizeof path);
    if (!field_line(&text, &line)) {
        host_complain(h, "%s: it is empty, or breaks off", path);
        return;
    }
    for (size_t i = 0; i < AVERAGES; i++)
        if (!field_word(&line, &word) || !field_f64(word, &average[i])) {
            host_complain(h, "%s: no number for the %s average", path, KEYS[i]);
            return;
        }
    slash = field_word(&line, &word) ? memchr(word.s, '/', word.n) : NULL;
    if (slash == NULL || !field_u64((struct str){word.s, (size_t)(slash - word.s)}, &runnable)) {
        host_complain(h, "%s: no RUNNABLE/THREADS after the averages", path);
        return;
    }
    if (!field_u64((struct str){slash + 1, (size_t)(word.s + word.n - slash - 1)}, &threads)) {
        host_complain(h, "%s: no number of threads", path);
        return;
    }
    for (size_t i = 0; i < AVERAGES; i++)
        samples_f64(&h->out, &FIGURES[i], average[i]);
    host_u64(h, &FIGURES[AVERAGES], runnable);
    host_u64(h, &FIGURES[AVERAGES + 1], threads);
}

const struct subject loadavg_subject = {
    .name = "loadavg",
    .about = "the load averages: loadavg.1m, loadavg.5m, loadavg.15m; loadavg.runnable, .threads",
    .figures = FIGURES,
    .nfigures = sizeof FIGURES / sizeof *FIGURES,
    .read = loadavg_read,
};
