/* The cpu collector's reading of /proc/stat. */
#include <criterion/criterion.h>

int cpu_main(int argc, char **argv);
#define main cpu_main
#include "collectors/cpu.c"
#undef main

/* What it builds from such a file, at 100 ticks a second; in *c. */
static void read_stat(struct client *c, const char *text, bool per_core)
{
    FILE *f = fmemopen((void *)(uintptr_t)text, strlen(text), "r");

    cr_assert_neq(f, NULL);
    client_init(c, "cpu", "/test");
    send_stat(c, f, per_core, 100);
    fclose(f);
}

static const char STAT[] = "cpu  1 2 3 4 5 6 7 8 9 10\n"
                           "cpu0 11 0 0 0 0 0 0 0 0 0\n"
                           "cpu17 0 0 0 0 0 0 0 0 0 18446744073709551\n"
                           "intr 145065 0 0\n"
                           "cpu99 1 1 1 1\n";

static const char TOTAL[] =
    "{\"name\":\"cpu\",\"type\":\"counter\",\"unit\":\"ms\",\"values\":{\"user\":10,\"nice\":20,"
    "\"system\":30,\"idle\":40,\"iowait\":50,\"irq\":60,\"softirq\":70,\"steal\":80,\"guest\":90,"
    "\"guest_nice\":100}}\n";

Test(cpu, total_alone)
{
    struct client c;

    read_stat(&c, STAT, false);
    cr_assert_str_eq(c.error, "");
    cr_assert_str_eq(c.out.p, TOTAL);
    client_close(&c);
}

Test(cpu, per_core_stops_at_the_first_other_line)
{
    struct client c;

    read_stat(&c, STAT, true);
    cr_assert_str_eq(c.error, "");
    cr_assert_eq(strncmp(c.out.p, TOTAL, strlen(TOTAL)), 0);
    cr_assert(strstr(c.out.p, "{\"name\":\"cpu.core\",\"type\":\"counter\",\"unit\":\"ms\","
                              "\"tags\":{\"core\":\"0\"},\"values\":{\"user\":110,") != NULL);
    cr_assert(strstr(c.out.p, "\"tags\":{\"core\":\"17\"}") != NULL);
    cr_assert(strstr(c.out.p, "\"guest_nice\":184467440737095510}}\n") != NULL);
    cr_assert(strstr(c.out.p, "\"99\"") == NULL);
    client_close(&c);
}

Test(cpu, old_kernels_have_fewer_columns_and_new_ones_may_have_more)
{
    struct client c;

    read_stat(&c, "cpu 1 2 3 4\n", false);
    cr_assert_str_eq(c.out.p, "{\"name\":\"cpu\",\"type\":\"counter\",\"unit\":\"ms\",\"values\":"
                              "{\"user\":10,\"nice\":20,\"system\":30,\"idle\":40}}\n");
    client_close(&c);
    read_stat(&c, "cpu  1 2 3 4 5 6 7 8 9 10 11 12\n", false);
    cr_assert_str_eq(c.out.p, TOTAL);
    client_close(&c);
}

Test(cpu, what_is_no_stat_file_is_an_error)
{
    struct client c;

    read_stat(&c, "intr 1\n", false);
    cr_assert_str_eq(c.error, "/proc/stat has no cpu line");
    client_close(&c);
    read_stat(&c, "cpu\n", false);
    cr_assert_str_eq(c.error, "/proc/stat: a cpu line without numbers");
    client_close(&c);
}

Test(cpu, ticks_of_any_length)
{
    cr_assert_eq(milliseconds(7, 100), 70);
    cr_assert_eq(milliseconds(1023, 1024), 999);
    cr_assert_eq(milliseconds(UINT64_MAX, 1000), UINT64_MAX);
    cr_assert_eq(milliseconds(UINT64_MAX / 2, 1000), UINT64_MAX / 2);
}
