/* tests/unit/collect/test_cgroup.c - a run in a control group of its own, with the real file system of them
 *
 * Each test makes a group for itself and moves in, as garnetd's unit would have it. Needs root and
 * a mounted cgroup2 whose root lets us make groups: else it says so and is skipped. Not here:
 * pids.max and memory.max, where that hierarchy has no such controllers.
 */
#include <limits.h>
#include <sys/stat.h>

#include "collect/cgroup.h"
#include "conf/delegation.h"
#include "rig/keeper_run.h"

static char top[PATH_MAX], base[PATH_MAX];

static bool put(const char *dir, const char *file, const char *text)
{
    char path[PATH_MAX + 64];
    int fd;
    bool ok;

    (void)snprintf(path, sizeof path, "%s/%s", dir, file);
    fd = open(path, O_WRONLY | O_CLOEXEC);
    ok = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    fd_close(&fd);
    return ok;
}

static bool find_top(void)
{
    char line[PATH_MAX];
    FILE *f = fopen("/proc/self/mounts", "re");

    top[0] = 0;
    while (f && fgets(line, sizeof line, f))
        if (strstr(line, " cgroup2 ") && sscanf(line, "%*s %4000s", top) == 1)
            break;
    if (f)
        (void)fclose(f);
    return top[0] != 0;
}

static void move_in(void)
{
    if (!find_top())
        cr_skip_test("no cgroup2 is mounted");
    (void)snprintf(base, sizeof base, "%.4000s/garnet-test-%d", top, (int)getpid());
    if (mkdir(base, 0755) < 0)
        cr_skip_test("cannot make a control group");
    if (!put(base, "cgroup.procs", "0")) {
        (void)rmdir(base);
        cr_skip_test("cannot enter a control group");
    }
}

static void move_out(void)
{
    if (base[0] == 0)
        return;
    (void)put(top, "cgroup.procs", "0");
    cr_assert_eq(rmdir(base), 0, "it is empty: no group of a run is left in it");
}

/* Where garnetd's child would find that others can be made. */
static const char *delegated(struct buf *dir)
{
    struct fact_cgroup g;

    delegation_find(&g, dir);
    return g.dir;
}

TestSuite(cgroup, .timeout = 60, .fini = move_out);

Test(cgroup, ours_is_found)
{
    struct buf b = {0};

    move_in();
    if (access("/run/systemd/system", F_OK) == 0)
        cr_skip_test("under systemd only what it delegates counts");
    cr_assert_str_eq(delegated(&b), base);
    (void)put(top, "cgroup.procs", "0");
    cr_assert_null(delegated(&b), "the root has no cgroup.kill: it is nobody's");
    buf_free(&b);
}

Test(cgroup, of_a_subgroup_garnetd_it_is_the_parent)
{
    char sub[PATH_MAX + 16];
    struct buf b = {0};

    move_in();
    if (access("/run/systemd/system", F_OK) == 0)
        cr_skip_test("under systemd only what it delegates counts");
    (void)snprintf(sub, sizeof sub, "%s/garnetd", base);
    cr_assert_eq(mkdir(sub, 0755), 0);
    cr_assert(put(sub, "cgroup.procs", "0"));
    cr_assert_str_eq(delegated(&b), base);
    (void)put(base, "cgroup.procs", "0");
    cr_assert_eq(rmdir(sub), 0);
    buf_free(&b);
}

Test(cgroup, a_run_is_in_a_group_of_its_own_and_nothing_is_left)
{
    char want[PATH_MAX + 64];
    struct run r;

    move_in();
    keeper_rig.collector.cgroup.dir = base;
    start_run(&r, "cat /proc/self/cgroup; setsid -f sleep 1000; echo end", LONG, LONG);
    (void)snprintf(want, sizeof want, "%s/run-%d-probe\n", strrchr(base, '/'), (int)getpid());
    wait_said(&r, want);
    finish_run(&r);
    cr_assert_eq(r.report.end, KEEPER_EXITED);
}

Test(cgroup, it_ends_a_chain_in_one_stroke)
{
    struct run r;

    move_in();
    keeper_rig.collector.cgroup.dir = base;
    start_chain(&r);
    keeper_stop(r.control);
    finish_run(&r);
}

/* What a run whose keeper was killed has left in its group dies when the next one begins. */
Test(cgroup, the_next_run_clears_up_after_a_killed_keeper)
{
    struct run r;
    char before[sizeof keeper_rig.mark];
    int status;

    move_in();
    keeper_rig.collector.cgroup.dir = base;
    start_run(&r, "trap '' TERM; echo up; sleep 1000", LONG, LONG);
    wait_said(&r, "up");
    memcpy(before, keeper_rig.mark, sizeof keeper_rig.mark);
    (void)kill(r.keeper, SIGKILL);
    cr_assert_eq(waitpid(r.keeper, &status, 0), r.keeper);
    fd_close(&r.control);
    fd_close(&r.out);
    cr_assert_geq(processes_marked(before), 1);
    run_to_end(&r, "exit 0", LONG, LONG);
    cr_assert_eq(r.report.end, KEEPER_EXITED);
    WAIT_FOR(processes_marked(before) == 0);
}

Test(cgroup, as_another_user)
{
    struct run r;

    move_in();
    keeper_rig.collector.cgroup.dir = base;
    keeper_rig.collector.identity = (struct conf_identity){.user = "daemon", .uid = 1, .gid = 1};
    start_run(&r, "grep 0:: /proc/self/cgroup; id -u", LONG, LONG);
    wait_said(&r, "-probe\n1\n");
    finish_run(&r);
}

Test(cgroup, one_that_cannot_be_made_matters_only_if_limits_need_it)
{
    struct run r;
    struct why why;

    keeper_rig.collector.cgroup.dir = "/no/such";
    run_to_end(&r, "exit 0", LONG, LONG);
    cr_assert_eq(r.report.end, KEEPER_EXITED);
    keeper_rig.collector.cgroup.processes = 1;
    run_to_end(&r, "exit 0", LONG, LONG);
    cr_assert_eq(r.report.end, KEEPER_EXITED);
    keeper_rig.collector.limits.processes = 10;
    run_to_end(&r, "exit 0", LONG, LONG);
    cr_assert_eq(r.report.end, KEEPER_FAILED);
    launch_describe(&r.report.failure, &keeper_rig.collector, &why);
    cr_assert_str_eq(why.text,
                     "cannot have a control group in /no/such: No such file or directory");
}
