/* The memory collector's reading of /proc/meminfo. */
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

static const char *read_meminfo(const char *text)
{
    return host_rig_text(&r, &memory_subject, "/proc/meminfo", text);
}

TestSuite(memory, .init = open_rig, .fini = close_rig);

Test(memory, known_fields_in_bytes)
{
    cr_assert_str_eq(read_meminfo("MemTotal:       24684096 kB\n"
                                  "MemFree:               0 kB\n"
                                  "Active(anon):       1560 kB\n"
                                  "SwapTotal:             1 kB\n"
                                  "HugePages_Total:       7\n"
                                  "no colon\n"),
                     "{\"name\":\"memory\",\"type\":\"gauge\",\"unit\":\"B\",\"values\":"
                     "{\"total\":25276514304,\"free\":0,\"swap_total\":1024}}\n");
    cr_assert_str_eq(host_rig_why(&r), "");
}

Test(memory, other_units_and_impossible_numbers_are_left_out)
{
    cr_assert_str_eq(read_meminfo("MemTotal: 1 kB\nMemFree: 2 MB\nBuffers: 3\nCached: x kB\n"
                                  "Dirty: 18014398509481984 kB\nSlab: 18014398509481983 kB\n"),
                     "{\"name\":\"memory\",\"type\":\"gauge\",\"unit\":\"B\",\"values\":"
                     "{\"total\":1024,\"slab\":18446744073709550592}}\n");
    cr_assert_str_eq(host_rig_why(&r), "/proc/meminfo: MemFree is no number in kB: 2 (and 3 more)");
}

Test(memory, what_is_there_twice_counts_once)
{
    cr_assert_neq(strstr(read_meminfo("MemTotal: 1 kB\nMemTotal: 2 kB\n"), "{\"total\":1024}"),
                  NULL);
}

Test(memory, without_a_total_it_is_no_meminfo)
{
    (void)read_meminfo("MemFree: 2 kB\n");
    cr_assert_str_eq(host_rig_why(&r), "/proc/meminfo has no MemTotal in kB");
}
