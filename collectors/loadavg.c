/* loadavg - how many threads run or want to
 *
 * /proc/loadavg as loadavg.1m, loadavg.5m, loadavg.15m, and the two numbers behind them now:
 * loadavg.runnable of loadavg.threads. Fails when /proc/loadavg cannot be read or looks
 * different, and when Garnet does not take the metrics.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector.h"

static const char HELP[] =
    "usage: loadavg [SOCKET]\n"
    "Sends the load averages: loadavg.1m, loadavg.5m, loadavg.15m; loadavg.runnable, .threads\n"
    "  SOCKET  Garnet's socket, an absolute path; else $GARNET_SOCKET\n";

static const char PATH[] = "/proc/loadavg";

/* "0.05 0.10 0.15 1/92 7177" */
static void send_loadavg(struct client *c, const char *line)
{
    static const char *const AVERAGES[] = {"1m", "5m", "15m"};
    const char *at = line;
    char *end, *slash;
    uint64_t runnable, threads;

    client_begin(c, &(struct client_series){.name = "loadavg", .type = "gauge"});
    for (size_t i = 0; i < sizeof AVERAGES / sizeof *AVERAGES; i++, at = end) {
        double v = strtod(at, &end);

        if (end == at || *end != ' ') {
            client_fail(c, "%s: no number for the %s average", PATH, AVERAGES[i]);
            return;
        }
        client_f64(c, AVERAGES[i], v);
    }
    runnable = strtoull(at, &slash, 10);
    if (slash == at || *slash != '/') {
        client_fail(c, "%s: no RUNNABLE/THREADS after the averages", PATH);
        return;
    }
    threads = strtoull(slash + 1, &end, 10);
    if (end == slash + 1) {
        client_fail(c, "%s: no number of threads", PATH);
        return;
    }
    client_u64(c, "runnable", runnable);
    client_u64(c, "threads", threads);
    client_end(c);
}

int main(int argc, char **argv)
{
    struct client c;
    char line[256];
    FILE *f;

    client_open(&c, argc, argv, HELP, NULL);
    f = fopen(PATH, "re");
    if (f == NULL)
        client_fail(&c, "cannot open %s: %s", PATH, strerror(errno));
    else if (fgets(line, sizeof line, f) == NULL)
        client_fail(&c, "cannot read %s: %s", PATH, ferror(f) ? strerror(errno) : "it is empty");
    else
        send_loadavg(&c, line);
    if (f != NULL)
        (void)fclose(f);
    return client_finish(&c);
}
