/* The cpu collector's reading of /proc/stat. */
#include "rig/host_rig.h"

static const char STAT[] = "cpu  1 2 3 4 5 6 7 8 9 10\n"
                           "cpu0 11 0 0 0 0 0 0 0 0 0\n"
                           "cpu17 0 0 0 0 0 0 0 0 0 18446744073709551\n"
                           "intr 145065 0 0\n"
                           "cpu99 1 1 1 1\n";

static const char TOTAL[] =
    "{\"name\":\"cpu\",\"type\":\"counter\",\"unit\":\"ms\",\"values\":{\"user\":10,\"nice\":20,"
    "\"system\":30,\"idle\":40,\"iowait\":50,\"irq\":60,\"softirq\":70,\"steal\":80,\"guest\":90,"
    "\"guest_nice\":100}}\n";

static struct host_rig r;

static const char *read_stat(const char *text, bool per_core)
{
    r.h.options = per_core ? HOST_PER_CORE : 0;
    return host_rig_text(&r, &cpu_subject, "/proc/stat", text);
}

static void open_rig(void)
{
    host_rig_open(&r);
}

static void close_rig(void)
{
    host_rig_close(&r);
}

TestSuite(cpu, .init = open_rig, .fini = close_rig);

Test(cpu, total_alone)
{
    cr_assert_str_eq(read_stat(STAT, false), TOTAL);
    cr_assert_str_eq(host_rig_why(&r), "");
}

Test(cpu, per_core_stops_at_the_first_other_line)
{
    const char *out = read_stat(STAT, true);

    cr_assert_str_eq(host_rig_why(&r), "");
    cr_assert_eq(strncmp(out, TOTAL, strlen(TOTAL)), 0);
    cr_assert(strstr(out, "{\"name\":\"cpu.core\",\"type\":\"counter\",\"unit\":\"ms\","
                          "\"tags\":{\"core\":\"0\"},\"values\":{\"user\":110,") != NULL);
    cr_assert(strstr(out, "\"tags\":{\"core\":\"17\"}") != NULL);
    cr_assert(strstr(out, "\"guest_nice\":184467440737095510}}\n") != NULL);
    cr_assert(strstr(out, "\"99\"") == NULL);
}

Test(cpu, old_kernels_have_fewer_columns_and_new_ones_may_have_more)
{
    cr_assert_str_eq(read_stat("cpu 1 2 3 4\n", false),
                     "{\"name\":\"cpu\",\"type\":\"counter\",\"unit\":\"ms\",\"values\":"
                     "{\"user\":10,\"nice\":20,\"system\":30,\"idle\":40}}\n");
    cr_assert_str_eq(read_stat("cpu  1 2 3 4 5 6 7 8 9 10 11 12\n", false), TOTAL);
}

Test(cpu, what_is_no_stat_file_is_an_error)
{
    cr_assert_str_eq(read_stat("intr 1\n", false), "");
    cr_assert_str_eq(host_rig_why(&r), "/proc/stat has no cpu line");
    cr_assert_str_eq(read_stat("cpu\n", false), "");
    cr_assert_str_eq(host_rig_why(&r), "/proc/stat: cpu has 0 numbers, not 1 or more");
}

Test(cpu, a_number_that_is_none_ends_its_line)
{
    cr_assert_str_eq(read_stat("cpu 1 -2 3\n", false),
                     "{\"name\":\"cpu\",\"type\":\"counter\",\"unit\":\"ms\",\"values\":"
                     "{\"user\":10}}\n");
    cr_assert_str_eq(read_stat("cpu 1 2 18446744073709551616\n", false),
                     "{\"name\":\"cpu\",\"type\":\"counter\",\"unit\":\"ms\",\"values\":"
                     "{\"user\":10,\"nice\":20}}\n");
}

Test(cpu, ticks_of_any_length)
{
    r.h.ticks = 1024;
    cr_assert_neq(strstr(read_stat("cpu 1023\n", false), "{\"user\":999}"), NULL);
    r.h.ticks = 1000;
    cr_assert_neq(
        strstr(read_stat("cpu 18446744073709551615\n", false), "{\"user\":18446744073709551615}"),
        NULL);
    r.h.ticks = 100;
    cr_assert_str_eq(read_stat("cpu 18446744073709551615\n", false), "");
    cr_assert_str_eq(host_rig_why(&r), "/proc/stat: cpu, 1st is beyond 64 bits");
}
