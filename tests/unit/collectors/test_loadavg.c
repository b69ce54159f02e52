/* The loadavg collector's reading of /proc/loadavg. */
#include "rig/host_rig.h"

static struct host_rig r;

static void open_rig(void)
{
    host_rig_open(&r);
}

static void close_rig(void)
{
    host_rig_close(&r);
}

TestSuite(loadavg, .init = open_rig, .fini = close_rig);

Test(loadavg, all_five)
{
    cr_assert_str_eq(
        host_rig_text(&r, &loadavg_subject, "/proc/loadavg", "0.05 12.10 123.15 3/92 7177\n"),
        "{\"name\":\"loadavg\",\"type\":\"gauge\",\"unit\":\"load\",\"values\":{\"1m\":0.05,"
        "\"5m\":12.1,\"15m\":123.15}}\n"
        "{\"name\":\"loadavg\",\"type\":\"gauge\",\"unit\":\"thread\",\"values\":{"
        "\"runnable\":3,\"threads\":92}}\n");
    cr_assert_str_eq(host_rig_why(&r), "");
}

Test(loadavg, anything_else_is_an_error)
{
    const struct {
        const char *line, *error;
    } cases[] = {
        {"", "/proc/loadavg: it is empty, or breaks off"},
        {"0.05 0.10 0.15 3/92 71", "/proc/loadavg: it is empty, or breaks off"},
        {"0.05 x\n", "/proc/loadavg: no number for the 5m average"},
        {"nan 0.10 0.15 3/92 1\n", "/proc/loadavg: no number for the 1m average"},
        {"-1 0.10 0.15 3/92 1\n", "/proc/loadavg: no number for the 1m average"},
        {"0.05 0.10\n", "/proc/loadavg: no number for the 15m average"},
        {"0.05 0.10 0.15\n", "/proc/loadavg: no RUNNABLE/THREADS after the averages"},
        {"0.05 0.10 0.15 3\n", "/proc/loadavg: no RUNNABLE/THREADS after the averages"},
        {"0.05 0.10 0.15 /3\n", "/proc/loadavg: no RUNNABLE/THREADS after the averages"},
        {"0.05 0.10 0.15 3/\n", "/proc/loadavg: no number of threads"},
        {"0.05 0.10 0.15 3/9x\n", "/proc/loadavg: no number of threads"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cr_assert_str_eq(host_rig_text(&r, &loadavg_subject, "/proc/loadavg", cases[i].line), "");
        cr_assert_str_eq(host_rig_why(&r), cases[i].error);
    }
}
