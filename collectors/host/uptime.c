/* uptime - for how long this machine has been up
 *
 * /proc/uptime's first number, in seconds. In a container with /proc of its own (lxcfs) it is the container's.
 */
#include "host/host.h"

#define FILE_NAME "/proc/uptime"

static const struct figure FIGURES[] = {
    {
        .name = "uptime",
        .unit = "s",
        .type = "gauge",
        .file = FILE_NAME,
        .field = "1st",
        .diamond = "uptime.minutes",
        .collectd = "uptime/uptime",
        .node_exporter = "node_time_seconds - node_boot_time_seconds",
    },
};

static void uptime_read(struct host *h)
{
    struct str text, line, word;
    char path[512];
    double v;

    if (!host_text(h, FILE_NAME, &text))
        return;
    if (field_line(&text, &line) && field_word(&line, &word) && field_f64(word, &v))
        samples_f64(&h->out, FIGURES, v);
    else
        host_complain(h, "%s: no number of seconds", host_path(h, FILE_NAME, path, sizeof path));
}

const struct subject uptime_subject = {
    .name = "uptime",
    .about = "for how many seconds this machine has been up: uptime",
    .figures = FIGURES,
    .nfigures = sizeof FIGURES / sizeof *FIGURES,
    .read = uptime_read,
};
