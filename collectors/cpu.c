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
 * Fails when /proc/stat cannot be read or has no cpu line, and when Garnet does not take the
 * metrics.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "collector.h"

static const char HELP[] =
    "usage: cpu [--per-core] [SOCKET]\n"
    "Sends the processor time since boot, in ms by kind: cpu.user, cpu.system, cpu.idle, ...\n"
    "  --per-core  also cpu.core.user, ... of each processor, with the tag core\n"
    "  SOCKET      Garnet's socket, an absolute path; else $GARNET_SOCKET\n";

static const char PATH[] = "/proc/stat";

static const char *const KINDS[] = {
    /* in the order of the columns */
    "user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal", "guest", "guest_nice",
};
enum { NKINDS = sizeof KINDS / sizeof *KINDS };

static uint64_t milliseconds(uint64_t ticks, uint64_t per_second)
{
    return ticks / per_second * 1000 + ticks % per_second * 1000 / per_second;
}

/* The columns of one line become one object. */
static void send_times(struct client *c, const struct client_series *s, const char *columns,
                       uint64_t per_second)
{
    char *end;
    size_t n = 0;

    client_begin(c, s);
    while (n < NKINDS) {
        uint64_t ticks = strtoull(columns, &end, 10);

        if (end == columns)
            break;
        client_u64(c, KINDS[n++], milliseconds(ticks, per_second));
        columns = end;
    }
    if (n == 0)
        client_fail(c, "%s: a cpu line without numbers", PATH);
    client_end(c);
}

/* `line` begins with "cpu": the total, or "cpuN". */
static void send_line(struct client *c, char *line, bool per_core, uint64_t per_second)
{
    char *core = line + strlen("cpu");
    char *columns = core + strcspn(core, " \n");
    garnet_client_tag tag = {"core", core};
    struct client_series s = {.name = "cpu", .type = "counter", .unit = "ms"};

    if (*columns != 0)
        *columns++ = 0;
    if (*core != 0) {
        if (!per_core)
            return;
        s.name = "cpu.core";
        s.tags = &tag;
        s.ntags = 1;
    }
    send_times(c, &s, columns, per_second);
}

static void send_stat(struct client *c, FILE *f, bool per_core, uint64_t per_second)
{
    char *line = NULL;
    size_t cap = 0, lines = 0;

    /* They come first, the total before the cores; what follows may be very long. */
    while (getline(&line, &cap, f) > 0 && strncmp(line, "cpu", 3) == 0) {
        send_line(c, line, per_core, per_second);
        lines++;
    }
    if (ferror(f))
        client_fail(c, "cannot read %s: %s", PATH, strerror(errno));
    else if (lines == 0)
        client_fail(c, "%s has no cpu line", PATH);
    free(line);
}

int main(int argc, char **argv)
{
    struct client c;
    bool per_core = false;
    const struct client_flag flags[] = {{"--per-core", &per_core}, {NULL, NULL}};
    long per_second = sysconf(_SC_CLK_TCK);
    FILE *f;

    client_open(&c, argc, argv, HELP, flags);
    f = fopen(PATH, "re");
    if (f == NULL)
        client_fail(&c, "cannot open %s: %s", PATH, strerror(errno));
    else if (per_second <= 0)
        client_fail(&c, "the system does not say how long a clock tick is");
    else
        send_stat(&c, f, per_core, (uint64_t)per_second);
    if (f != NULL)
        (void)fclose(f);
    return client_finish(&c);
}
