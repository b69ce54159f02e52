/* What is left out is said, whichever the file is, and what stands before it is sent. */
#include "rig/host_rig.h"

#define DEV                                                                                        \
    "Inter-|   Receive                            |  Transmit\n"                                   \
    " face |bytes packets errs drop fifo frame compressed multicast|bytes packets errs drop fifo " \
    "colls carrier compressed\n"
#define SOME "some avg10=0.00 avg60=0.00 avg300=0.00 total=7\n"

static struct host_rig r;

static void open_rig(void)
{
    host_rig_open(&r);
}

static void close_rig(void)
{
    host_rig_close(&r);
}

TestSuite(incomplete, .init = open_rig, .fini = close_rig);

struct incomplete {
    const struct subject *subject;
    const char *file, *text, *sent, *why;
};

static void check(const struct incomplete *c)
{
    const char *out = host_rig_text(&r, c->subject, c->file, c->text);

    cr_expect_str_eq(host_rig_why(&r), c->why, "%s: %s", c->text, host_rig_why(&r));
    if (c->sent != NULL)
        cr_expect_neq(strstr(out, c->sent), NULL, "%s: %s", c->text, out);
    else
        cr_expect_str_eq(out, "", "%s: %s", c->text, out);
}

Test(incomplete, numbers_in_columns)
{
    static const struct incomplete cases[] = {
        {&cpu_subject, "/proc/stat", "cpu 10 20 x 40 50\n", "{\"user\":100,\"nice\":200}",
         "/proc/stat: cpu has x, which is no number"},
        {&cpu_subject, "/proc/stat", "cpu 10 20\ncpu0 1", "\"nice\":200", "/proc/stat breaks off"},
        {&cpu_subject, "/proc/stat", "cpu 10\nintr 1\nctx", "\"user\":100", ""},
        {&softirqs_subject, "/proc/stat", "softirq 10 1 2 x 4 5\n", "{\"hi\":1,\"timer\":2}",
         "/proc/stat: softirq has x, which is no number"},
        {&softirqs_subject, "/proc/stat", "softirq 10\n", NULL,
         "/proc/stat: softirq has 1 numbers, not 2 or more"},
        {&softirqs_subject, "/proc/stat", "softirq 10 1", NULL,
         "/proc/stat breaks off (and 1 more)"},
        {&disks_subject, "/proc/diskstats", "8 0 sda 1 2 3 4 5 6 7 8 9 10 11 -1\n",
         "\"queue_time\":11}", "/proc/diskstats: sda has -1, which is no number"},
        {&disks_subject, "/proc/diskstats", "8 0 sda 1 2 3 4 5 6 7 8 9 10 x 12\n", NULL,
         "/proc/diskstats: sda has x, which is no number"},
        {&disks_subject, "/proc/diskstats", "8 0 sda 1 2 3 4 5 6 7 8 9 10 11\n8 16 sd",
         "\"queue_time\":11}", "/proc/diskstats breaks off"},
        {&disks_subject, "/proc/diskstats", "", NULL, ""}, /* a machine without */
        {&network_subject, "/proc/net/dev", DEV "lo: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\net",
         "\"rx_packets\":2", "/proc/net/dev breaks off"},
        {&network_subject, "/proc/net/dev", DEV "lo: 1 2 x 4 5 6 7 8 9 10 11 12 13 14 15 16\n",
         NULL, "/proc/net/dev: lo has x, which is no number"},
        {&network_subject, "/proc/net/dev", DEV "lo\n", NULL,
         "/proc/net/dev: a line without an interface"},
        {&files_subject, "/proc/sys/fs/file-nr", "1 x 3\n", NULL,
         "/proc/sys/fs/file-nr: not three numbers"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check(&cases[i]);
}

Test(incomplete, numbers_by_name)
{
    static const struct incomplete cases[] = {
        {&vmstat_subject, "/proc/vmstat", "pgfree 1\npgfault 2", "{\"pgfree\":1}",
         "/proc/vmstat breaks off"},
        {&sockets_subject, "/proc/net/sockstat", "sockets: used 2\nTCP: inuse 1 tw\n",
         "\"sockets.tcp\"", "/proc/net/sockstat: TCP tw is no number: "},
        {&sockets_subject, "/proc/net/sockstat", "sockets: used 2\nTCP: inuse 1", "\"used\":2",
         "/proc/net/sockstat breaks off"},
        {&icmp_subject, "/proc/net/snmp", "Icmp: InMsgs InErrors\nIcmp: 5\n", "{\"in_msgs\":5}",
         "/proc/net/snmp: Icmp InErrors is no number: "},
        {&icmp_subject, "/proc/net/snmp",
         "Icmp: InMsgs\nIcmp: 5\nIcmp: InErrors Other\nIcmpMsg: 1 2\n", "{\"in_msgs\":5}",
         "/proc/net/snmp: Icmp InErrors has no number"},
        {&icmp_subject, "/proc/net/snmp", "Icmp: InMsgs\nIcmp: 5\nUdp: InDa", "{\"in_msgs\":5}",
         "/proc/net/snmp breaks off"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check(&cases[i]);
}

Test(incomplete, pressure)
{
    static const struct incomplete cases[] = {
        {&pressure_subject, "/proc/pressure/memory", SOME, "\"total\":7", ""},
        {&pressure_subject, "/proc/pressure/memory", "", "\"pressure.cpu.some\"",
         "/proc/pressure/memory has nothing that is known"},
        {&pressure_subject, "/proc/pressure/memory", SOME "full avg10=0", "\"total\":7",
         "/proc/pressure/memory breaks off"},
        {&pressure_subject, "/proc/pressure/memory", "garbage\n", "\"pressure.cpu.some\"",
         "/proc/pressure/memory has nothing that is known"},
    };

    host_rig_write(&r, "/proc/pressure/cpu", SOME, sizeof SOME - 1);
    host_rig_write(&r, "/proc/pressure/io", SOME, sizeof SOME - 1);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check(&cases[i]);
}

Test(incomplete, swap)
{
    static const struct incomplete cases[] = {
        {&swap_subject, "/proc/swaps", "", "\"swap\"",
         "/proc/swaps: no line with the names of its columns"},
        {&swap_subject, "/proc/swaps", "Filename Type\n", "\"swap\"", ""},
        {&swap_subject, "/proc/swaps", "Filename Type\n/a file 1 0\n/b", "\"device\":\"/a\"",
         "/proc/swaps breaks off"},
    };

    host_rig_write(&r, "/proc/vmstat", "pswpin 1\n", 9);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check(&cases[i]);
}

#define STAT_FRONT "7 (x) S 1 7 7 0 -1 0 0 0 0 0 "
#define STAT_END   " 0 0 20 0 2 0 50 1000 3 0\n"
#define TWO        "\"program\":\"x\"},\"values\":{\"threads\":2}"

Test(incomplete, programs)
{
    static const struct incomplete cases[] = {
        {&programs_subject, "/proc/7/stat", STAT_FRONT "4 5" STAT_END, TWO, ""},
        {&programs_subject, "/proc/7/stat", STAT_FRONT "-4 5" STAT_END, "\"threads\":0",
         "/proc/7/stat: not as proc(5) has it"},
        {&programs_subject, "/proc/7/stat", STAT_FRONT "4 5 0 0\n", "\"threads\":0",
         "/proc/7/stat: not as proc(5) has it"},
        {&programs_subject, "/proc/7/stat", STAT_FRONT "4", "\"threads\":0",
         "/proc/7/stat: not as proc(5) has it"},
        {&programs_subject, "/proc/7/stat", "7 )x( S 1", "\"threads\":0",
         "/proc/7/stat: not as proc(5) has it"},
        {&programs_subject, "/proc/7/stat", "", "\"threads\":0",
         "/proc/7/stat: not as proc(5) has it"},
        {&programs_subject, "/proc/7/stat", "7 (y) S 1 7 7\n", "\"threads\":0",
         "/proc/7/stat: not as proc(5) has it"},
        {&programs_subject, "/proc/7/stat", STAT_FRONT "4 5" STAT_END, TWO, ""},
        /* asked for, and not there: */
        {&programs_subject, "/proc/7/smaps_rollup", "Rss: 9 kB\nPss: 4 kB\n", "\"pss\":4096}", ""},
        {&programs_subject, "/proc/7/smaps_rollup", "Rss: 9 kB\nPss: x kB\n", TWO,
         "x: this kernel has no PSS of a process"},
        {&programs_subject, "/proc/7/smaps_rollup", "Pss: 4", TWO,
         "x: this kernel has no PSS of a process"},
    };
    static const char first[] = "1 (init) S 0 1 1 0 -1 0 0 0 0 0 1 1" STAT_END;
    struct why why;

    host_rig_write(&r, "/proc/1/stat", first, sizeof first - 1); /* processes are not hidden */
    cr_assert(chosen_add(&r.h.chosen, "x", &why));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (strstr(cases[i].file, "smaps") != NULL)
            r.h.options = HOST_PSS;
        check(&cases[i]);
    }
    r.h.options = HOST_IO | HOST_DESCRIPTORS;
    check(&(struct incomplete){&programs_subject, "/proc/7/io", "read_bytes: 1\n", TWO,
                               "x: this kernel has no descriptors of a process (and 1 more)"});
}

#define GROUP "/sys/fs/cgroup/a"

Test(incomplete, cgroups)
{
    static const struct incomplete cases[] = {
        {&cgroups_subject, GROUP "/cpu.stat", "usage_usec x\nuser_usec 2\n", "{\"user\":2}",
         GROUP "/cpu.stat: usage_usec is no number"},
        {&cgroups_subject, GROUP "/cpu.stat", "usage_usec 1\nuser_us", "{\"usage\":1}",
         GROUP "/cpu.stat: its last line breaks off"},
        {&cgroups_subject, GROUP "/cpu.stat", "usage_usec 1\n", "{\"usage\":1}", ""},
        {&cgroups_subject, GROUP "/memory.current", "", "{\"usage\":1}",
         GROUP "/memory.current: 1st is no number"},
        {&cgroups_subject, GROUP "/memory.current", "5\n", "{\"current\":5}", ""},
        {&cgroups_subject, GROUP "/io.stat", "8:0 rbytes=1 wbytes=x\n8:16\n8:32 wios=3\n",
         "\"device\":\"8:32\"},\"values\":{\"writes\":3}", GROUP "/io.stat: wbytes is no number"},
        {&cgroups_subject, GROUP "/io.stat", "7:7 7:6 8:0 wios=3\n(unknown) wios=4\n",
         "\"device\":\"8:0\"},\"values\":{\"writes\":3}", ""},
        {&cgroups_subject, GROUP "/io.stat", "8:0 rbytes=1\n8:16 rbyt",
         "\"device\":\"8:0\"},\"values\":{\"read_bytes\":1}",
         GROUP "/io.stat: its last line breaks off"},
    };
    char path[200];

    host_rig_write(&r, "/sys/fs/cgroup/cgroup.controllers", "cpu\n", 4);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check(&cases[i]);
    host_rig_write(&r, GROUP "/io.stat", "", 0);
    (void)snprintf(path, sizeof path, "%s" GROUP "/pids.current", r.dir);
    cr_assert_eq(mkdir(path, 0700), 0);
    cr_assert_neq(strstr(host_rig_read(&r, &cgroups_subject), "{\"usage\":1}"), NULL);
    cr_assert_str_eq(host_rig_why(&r), "cannot read " GROUP "/pids.current: Is a directory");
}

Test(incomplete, cgroups_of_v1)
{
    static const struct incomplete cases[] = {
        {&cgroups_subject, "/sys/fs/cgroup/memory/a/memory.stat", "total_rss x\ntotal_cache 2\n",
         "{\"file\":2}", "/sys/fs/cgroup/memory/a/memory.stat: total_rss is no number"},
        {&cgroups_subject, "/sys/fs/cgroup/memory/a/memory.stat", "total_rss 1\ntotal_ca",
         "{\"anon\":1}", "/sys/fs/cgroup/memory/a/memory.stat: its last line breaks off"},
        {&cgroups_subject, "/sys/fs/cgroup/memory/a/memory.stat", "total_rss 1\n", "{\"anon\":1}",
         ""},
        {&cgroups_subject, "/sys/fs/cgroup/cpuacct/a/cpuacct.stat",
         "user 18446744073709551615\nsystem 1\n", "{\"system\":10000}",
         "/sys/fs/cgroup/cpuacct/GROUP/cpuacct.stat: user is beyond 64 bits"},
        {&cgroups_subject, "/sys/fs/cgroup/cpuacct/a/cpuacct.stat", "user 2\n", "{\"user\":20000}",
         ""},
        {&cgroups_subject, "/sys/fs/cgroup/blkio/a/blkio.throttle.io_serviced",
         "8:0 Read x\n8:0 Write 3\n", "{\"writes\":3}",
         "/sys/fs/cgroup/blkio/a/blkio.throttle.io_serviced: a line without a number"},
    };
    static const char *const TREES[] = {"memory", "cpuacct", "blkio"};
    char path[200];

    cr_assert_str_eq(host_rig_read(&r, &cgroups_subject), "");
    cr_assert(r.h.absent);
    cr_assert_str_eq(host_rig_why(&r), "/sys/fs/cgroup has no control groups");
    for (size_t i = 0; i < sizeof TREES / sizeof *TREES; i++) {
        (void)snprintf(path, sizeof path, "/sys/fs/cgroup/%s/cgroup.procs", TREES[i]);
        host_rig_write(&r, path, "", 0);
    }
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check(&cases[i]);
}
