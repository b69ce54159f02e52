/* tests/unit/collect/test_keeper_again.c - collect/keeper.h: one run after the other, each as if it were the first */
#include "rig/keeper_run.h"

TestSuite(keeper_again, .timeout = 60);

/* All that it prints, to its end. */
static void read_out(const struct run *r, char *text, size_t cap)
{
    size_t n = 0;
    ssize_t got;

    while (n < cap - 1 && (got = read(r->out, text + n, cap - 1 - n)) > 0)
        n += (size_t)got;
    text[n] = 0;
}

static const char who_am_i[] =
    "grep -v -E '^(Pid|NSpid|NSpgid|Tgid|Ngid|PPid|TracerPid|FDSize|Vm|Rss|Hugetlb|Threads|.*ctxt"
    "|NStgid|NSsid|Cpus|Mems|SigQ)' /proc/self/status; cat /proc/self/limits /proc/self/cgroup"
    " /proc/self/oom_score_adj; ls -l /proc/self/fd | sed 's/.* \\([0-9] ->\\)/\\1/; "
    "s/[0-9]*\\]$//'"
    " | grep -v /proc/; nice; umask; pwd; env | grep -v MARK; trap;"
    " [ $(ps -o pgid= $$) = $$ ] && echo leads its group; [ $(ps -o sid= $$) = $$ ] && echo and "
    "session;"
    " ulimit -a; sed 's/-[0-9]*//' /proc/self/autogroup 2>/dev/null; true";

static const struct conf_collector plain = {.name = "probe",
                                            .cwd = "/",
                                            .no_new_privs = 1,
                                            .identity = {.uid = (uid_t)-1, .gid = (gid_t)-1},
                                            .limits = {-1, -1, -1, -1, -1}};

/* Another user, limits and all that a run can do to itself; then one that may see nothing of it. */
Test(keeper_again, the_second_run_sees_nothing_of_the_first)
{
    static const gid_t groups[] = {1, 2, 60};
    const char *argv[] = {"/usr/bin/python3", "-c",
                          "import os, signal, resource, subprocess\n"
                          "os.umask(0); os.chdir('/tmp'); os.nice(3); os.environ['LEFT'] = '1'\n"
                          "for s in (1, 2, 10, 15): signal.signal(s, signal.SIG_IGN)\n"
                          "signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 32))\n"
                          "resource.setrlimit(resource.RLIMIT_STACK, (1 << 20, 1 << 20))\n"
                          "open('/proc/self/oom_score_adj', 'w').write('500')\n"
                          "if os.path.exists('/proc/self/autogroup'):\n"
                          "    open('/proc/self/autogroup', 'w').write('19')\n"
                          "fd = os.open('/dev/zero', 0); os.set_inheritable(fd, True)\n"
                          "subprocess.Popen(['setsid', 'sleep', '1000'])\n"
                          "print('made', os.getuid(), flush=True)\n",
                          NULL};
    static char first[16384], second[16384];
    struct run r;

    keeper_rig.collector = plain;
    start_run(&r, who_am_i, LONG, LONG);
    read_out(&r, first, sizeof first);
    finish_run(&r);
    cr_assert(strstr(first, "SigBlk:\t0000000000000000") != NULL, "%s", first);
    cr_assert(strstr(first, "leads its group\nand session\n") != NULL, "%s", first);

    keeper_rig.collector.nice = 5;
    keeper_rig.collector.no_new_privs = 0;
    keeper_rig.collector.limits = (struct conf_limits){.cpu = 50 * NS_PER_S,
                                                       .memory = INT64_C(1) << 30,
                                                       .files = 50,
                                                       .processes = -1,
                                                       .file_size = 1 << 20};
    if (geteuid() == 0)
        keeper_rig.collector.identity = (struct conf_identity){
            .user = "daemon", .uid = 1, .gid = 1, .groups = groups, .ngroups = 3};
    start_run_argv(&r, argv, "/usr", LONG, LONG);
    wait_said(&r, geteuid() == 0 ? "made 1" : "made ");
    take_report(&r);
    cr_assert_eq(r.report.end, KEEPER_EXITED);
    cr_assert_eq(r.report.left_behind, 1);

    keeper_rig.collector = plain;
    next_run(&r, who_am_i);
    read_out(&r, second, sizeof second);
    finish_run(&r);
    cr_assert_str_eq(second, first);
    cr_assert_eq(r.report.left_behind, 0);
}

/* Each way in which a run can end, and then one that must be as the very first would be. */
Test(keeper_again, what_became_of_the_first_is_not_the_second_ones)
{
    const char *missing[] = {"/nonexistent/program", NULL};
    struct run r;

    start_run_argv(&r, missing, "/", LONG, LONG);
    take_report(&r);
    cr_assert_eq(r.report.end, KEEPER_FAILED);
    for (int i = 0; i < 3; i++) {
        next_run(&r, i == 0   ? "exit 7"
                     : i == 1 ? "trap '' TERM; setsid -f sleep 1000; echo up; sleep 1000"
                              : "kill -SEGV $$");
        if (i == 1) {
            wait_said(&r, "up");
            keeper_stop(r.control);
            (void)kill(keeping_pid(r.control), SIGKILL);
        }
        take_report(&r);
        cr_assert_eq(r.report.end, i == 1 ? KEEPER_STOPPED : KEEPER_EXITED);
        cr_assert_eq(r.report.failure.error, 0);
        cr_assert_eq(r.report.failure.why.text[0], 0);
        keeper_stop(r.control); /* crossed with the report: it is for neither */
        next_run(&r, "exit 0");
        take_report(&r);
        cr_assert_eq(r.report.end, KEEPER_EXITED);
        cr_assert_eq(r.report.status, 0);
        cr_assert_eq(r.report.left_behind, 0);
    }
    next_run(&r, "exit 0");
    finish_run(&r);
}

/* What one run has used is not in the next one's account. */
Test(keeper_again, each_run_has_its_own_account)
{
    struct run r;

    start_run(&r, "i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done", LONG, LONG);
    take_report(&r);
    cr_assert_gt(r.report.user_ns + r.report.system_ns, 10 * NS_PER_MS);
    next_run_argv(&r, (const char *[]){"/bin/true", NULL}, "/", LONG, LONG);
    finish_run(&r);
    cr_assert_lt(r.report.user_ns, 10 * NS_PER_MS);
    cr_assert_lt(r.report.duration_ns, 60 * NS_PER_S);
}
