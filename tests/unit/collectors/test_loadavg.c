/* The loadavg collector's reading of /proc/loadavg. */
#include <criterion/criterion.h>

int loadavg_main(int argc, char **argv);
#define main loadavg_main
#include "collectors/loadavg.c"
#undef main

Test(loadavg, all_five)
{
    struct client c;

    client_init(&c, "loadavg", "/test");
    send_loadavg(&c, "0.05 12.10 123.15 3/92 7177\n");
    cr_assert_str_eq(c.error, "");
    cr_assert_str_eq(c.out.p, "{\"name\":\"loadavg\",\"type\":\"gauge\",\"values\":{\"1m\":0.05,"
                              "\"5m\":12.1,\"15m\":123.15,\"runnable\":3,\"threads\":92}}\n");
    client_close(&c);
}

Test(loadavg, anything_else_is_an_error)
{
    const struct {
        const char *line, *error;
    } cases[] = {
        {"", "/proc/loadavg: no number for the 1m average"},
        {"0.05 x", "/proc/loadavg: no number for the 5m average"},
        {"0.05 0.10 0.15", "/proc/loadavg: no number for the 15m average"},
        {"0.05 0.10 0.15 3", "/proc/loadavg: no RUNNABLE/THREADS after the averages"},
        {"0.05 0.10 0.15 3/", "/proc/loadavg: no number of threads"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct client c;

        client_init(&c, "loadavg", "/test");
        send_loadavg(&c, cases[i].line);
        cr_assert_str_eq(c.error, cases[i].error);
        client_close(&c);
    }
}
