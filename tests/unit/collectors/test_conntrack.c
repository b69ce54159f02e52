/* The conntrack collector's sums over processors. */
#include "rig/host_rig.h"

static const char STATS[] = "/proc/net/stat/nf_conntrack";
static struct host_rig r;

static void open_rig(void)
{
    host_rig_open(&r);
    host_rig_write(&r, "/proc/sys/net/netfilter/nf_conntrack_count", "1\n", 2);
    host_rig_write(&r, "/proc/sys/net/netfilter/nf_conntrack_max", "2\n", 2);
}

static void close_rig(void)
{
    host_rig_close(&r);
}

TestSuite(conntrack, .init = open_rig, .fini = close_rig);

/* When one processor's counter begins anew, the sum goes back by 2^32 and not by that of the others. */
Test(conntrack, a_sum_of_32_bits_has_32_bits)
{
    cr_assert_neq(strstr(host_rig_text(&r, &conntrack_subject, STATS,
                                       "entries drop\n1 ffffffff\n1 00000003\n"),
                         "\"drop\":2}"),
                  NULL, "%s", r.c.out.p);
    cr_assert_neq(strstr(host_rig_text(&r, &conntrack_subject, STATS,
                                       "entries drop\n1 00000000\n1 00000003\n"),
                         "\"drop\":3}"),
                  NULL, "%s", r.c.out.p);
    cr_assert_str_eq(host_rig_why(&r), "");
}

Test(conntrack, what_is_not_like_that_is_left_out)
{
    const char *const texts[] = {"entries drop\n1 100000000\n", "entries drop\n1\n",
                                 "entries drop\n1 x\n", "entries drop\n1 1\n1 "};

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        cr_assert_eq(strstr(host_rig_text(&r, &conntrack_subject, STATS, texts[i]), "drop"), NULL);
        cr_assert_str_eq(host_rig_why(&r),
                         "/proc/net/stat/nf_conntrack: its lines are not like the first");
    }
    (void)host_rig_text(&r, &conntrack_subject, STATS, "entries drop\n");
    cr_assert_str_eq(host_rig_why(&r),
                     "/proc/net/stat/nf_conntrack: no numbers below its first line");
}
