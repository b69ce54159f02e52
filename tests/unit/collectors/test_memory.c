/* The memory collector's reading of /proc/meminfo. */
#include <criterion/criterion.h>

int memory_main(int argc, char **argv);
#define main memory_main
#include "collectors/memory.c"
#undef main

static void read_meminfo(struct client *c, const char *text)
{
    FILE *f = fmemopen((void *)(uintptr_t)text, strlen(text), "r");

    cr_assert_neq(f, NULL);
    client_init(c, "memory", "/test");
    send_meminfo(c, f);
    fclose(f);
}

Test(memory, known_fields_in_bytes)
{
    struct client c;

    read_meminfo(&c, "MemTotal:       24684096 kB\n"
                     "MemFree:               0 kB\n"
                     "Active(anon):       1560 kB\n"
                     "SwapTotal:             1 kB\n"
                     "HugePages_Total:       7\n"
                     "no colon\n");
    cr_assert_str_eq(c.error, "");
    cr_assert_str_eq(c.out.p, "{\"name\":\"memory\",\"type\":\"gauge\",\"unit\":\"B\",\"values\":"
                              "{\"total\":25276514304,\"free\":0,\"swap_total\":1024}}\n");
    client_close(&c);
}

Test(memory, other_units_and_impossible_numbers_are_left_out)
{
    struct client c;

    read_meminfo(&c, "MemTotal: 1 kB\nMemFree: 2 MB\nBuffers: 3\nCached: x kB\n"
                     "Dirty: 18014398509481984 kB\nSlab: 18014398509481983 kB\n");
    cr_assert_str_eq(c.out.p, "{\"name\":\"memory\",\"type\":\"gauge\",\"unit\":\"B\",\"values\":"
                              "{\"total\":1024,\"slab\":18446744073709550592}}\n");
    client_close(&c);
}

Test(memory, without_a_total_it_is_no_meminfo)
{
    struct client c;

    read_meminfo(&c, "MemFree: 2 kB\n");
    cr_assert_str_eq(c.error, "/proc/meminfo has no MemTotal in kB");
    client_close(&c);
}
