/* tests/unit/collect/test_confine.c - collect/launch.h, what it makes of a process: seen from inside a collector and in the report
 *
 * Becoming another user takes root: without it those tests say so and are skipped. Not here: file
 * capabilities.
 */
#include <grp.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/process.h"
#include "rig/keeper_run.h"

static const gid_t groups[] = {1, 2, 60};

static void be_daemon(void)
{
    if (geteuid() != 0)
        cr_skip_test("needs root");
    keeper_rig.collector.identity = (struct conf_identity){
        .user = "daemon", .uid = 1, .gid = 1, .groups = groups, .ngroups = 3};
}

/* The script must print `want`. */
static void expect(const char *script, const char *want)
{
    struct run r;

    start_run(&r, script, LONG, LONG);
    wait_said(&r, want);
    finish_run(&r);
    cr_assert_eq(r.report.end, KEEPER_EXITED);
}

static void expect_failure(struct run *r, const char *want)
{
    struct why why;

    cr_assert_eq(r->report.end, KEEPER_FAILED);
    launch_describe(&r->report.failure, &keeper_rig.collector, &why);
    cr_assert_str_eq(why.text, want);
}

TestSuite(confine, .timeout = 60);

Test(confine, it_is_the_user_with_the_users_groups)
{
    gid_t ours[] = {0, 4, 27};

    be_daemon();
    cr_assert_eq(setgroups(3, ours), 0);
    expect(
        "grep -E '^(Uid|Gid|Groups|CapEff|CapPrm|CapAmb)' /proc/self/status | tr -s '\\t \\n' ' '",
        "Uid: 1 1 1 1 Gid: 1 1 1 1 Groups: 1 2 60 "
        "CapPrm: 0000000000000000 CapEff: 0000000000000000 CapAmb: 0000000000000000");
}

Test(confine, a_group_of_its_own_beside_the_users)
{
    be_daemon();
    keeper_rig.collector.identity.gid = 60;
    expect("id -u; id -g; id -G", "1\n60\n60 1 2\n");
}

Test(confine, a_group_alone)
{
    gid_t ours[] = {4, 27};

    be_daemon();
    cr_assert_eq(setgroups(2, ours), 0);
    keeper_rig.collector.identity =
        (struct conf_identity){.group = "bin", .uid = (uid_t)-1, .gid = 2};
    expect("id -u; id -g; id -G", "0\n2\n2 4 27\n");
}

Test(confine, without_a_user_it_stays_what_garnetd_is)
{
    char want[64];

    (void)snprintf(want, sizeof want, "%d %d\n", (int)geteuid(), (int)getegid());
    expect("echo $(id -u) $(id -g)", want);
}

/* What one user may not do to another, the keeper still can. */
Test(confine, another_users_run_is_ended_too)
{
    struct run r;

    be_daemon();
    start_run(&r, "trap '' TERM; setsid -f sleep 1000; echo up; while :; do sleep 1000; done", LONG,
              100 * NS_PER_MS);
    wait_said(&r, "up");
    keeper_stop(r.control);
    finish_run(&r);
    cr_assert(killed_by(&r, SIGKILL));
}

static void in_a_child(void (*fn)(void))
{
    int status;
    pid_t child = fork();

    if (child == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* what fails in it leaves it hanging */
        (void)alarm(30);
        fn();
        _exit(0);
    }
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert_eq(status, 0);
}

/* A garnetd that is nobody special. */
static void try_without(void)
{
    struct run r;

    cr_assert_eq(setgid(65534), 0);
    cr_assert_eq(setuid(65534), 0);
    run_to_end(&r, "exit 0", LONG, LONG);
    expect_failure(&r, "cannot switch to user daemon: Operation not permitted");
    cr_assert_eq(r.report.failure.step, STEP_USER);
}

Test(confine, without_the_privilege_it_does_not_run)
{
    be_daemon();
    in_a_child(try_without);
}

Test(confine, no_new_privileges_unless_said_otherwise)
{
    expect("grep NoNewPrivs /proc/self/status | tr '\\t' ' '", "NoNewPrivs: 1\n");
    keeper_rig.collector.no_new_privs = 0;
    expect("grep NoNewPrivs /proc/self/status | tr '\\t' ' '", "NoNewPrivs: 0\n");
}

#define NO_CAPABILITIES                                                                            \
    "CapInh: 0000000000000000 CapPrm: 0000000000000000 CapEff: 0000000000000000 "
#define PRINT(what) "grep -E '^(" what ")' /proc/self/status | tr -s '\\t \\n' ' '"

static void as_root(void)
{
    if (geteuid() != 0)
        cr_skip_test("needs root");
}

Test(confine, roots_own_collector_has_no_capabilities)
{
    as_root();
    expect(PRINT("Cap"), NO_CAPABILITIES "CapBnd: 0000000000000000 CapAmb: 0000000000000000");
}

/* What root's programs, and those that are set-user-id, get from an exec: that is what it is for. */
Test(confine, with_new_privileges_the_bounding_set_stays)
{
    as_root();
    keeper_rig.collector.no_new_privs = 0;
    expect("[ $(grep CapBnd /proc/self/status | cut -f2) != 0000000000000000 ] && echo stays",
           "stays\n");
    be_daemon();
    expect(PRINT("CapInh|CapPrm|CapEff"), NO_CAPABILITIES);
}

/* A garnetd that is nobody special, but may switch users. */
static void be_capable(void)
{
    const unsigned mask = 1U << CAP_SETUID | 1U << CAP_SETGID | 1U << CAP_KILL;
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    const struct __user_cap_data_struct data[2] = {{mask, mask, mask}};

    cr_assert_eq(prctl(PR_SET_KEEPCAPS, 1L, 0L, 0L, 0L), 0);
    cr_assert_eq(setgid(65534), 0);
    cr_assert_eq(setuid(65534), 0);
    cr_assert_eq(syscall(SYS_capset, &head, data), 0);
    for (unsigned long c = CAP_KILL; c <= CAP_SETUID; c++)
        if (mask >> c & 1)
            cr_assert_eq(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, c, 0L, 0L), 0);
}

static void try_capable(void)
{
    be_capable();
    expect(PRINT("CapInh|CapPrm|CapEff|CapAmb"), NO_CAPABILITIES "CapAmb: 0000000000000000");
    keeper_rig.collector.no_new_privs = 0;
    expect(PRINT("CapInh|CapPrm|CapEff|CapAmb"), NO_CAPABILITIES "CapAmb: 0000000000000000");
    keeper_rig.collector.identity = (struct conf_identity){
        .user = "daemon", .uid = 1, .gid = 1, .groups = groups, .ngroups = 3};
    expect(PRINT("Uid|CapEff|CapAmb"),
           "Uid: 1 1 1 1 CapEff: 0000000000000000 CapAmb: 0000000000000000");
}

Test(confine, garnetds_capabilities_are_not_its_collectors)
{
    as_root();
    in_a_child(try_capable);
}

Test(confine, limits_are_seen_inside)
{
    keeper_rig.collector.limits = (struct conf_limits){.cpu = 1500 * NS_PER_MS,
                                                       .memory = 64 << 20,
                                                       .files = 33,
                                                       .processes = 77,
                                                       .file_size = 8192};
    expect("ulimit -S -t; ulimit -H -t; ulimit -v; ulimit -H -n; grep 'Max proc' /proc/self/limits "
           "| tr -s ' '; ulimit -f",
           "2\n3\n65536\n33\nMax processes 77 77 processes \n16\n");
}

Test(confine, unlimited_is_as_garnetd_is_but_for_core_dumps)
{
    struct rlimit files, core = {100 << 20, RLIM_INFINITY};
    char want[64];

    cr_assert_eq(getrlimit(RLIMIT_NOFILE, &files), 0);
    (void)setrlimit(RLIMIT_CORE, &core);
    (void)snprintf(want, sizeof want, "%ju 0 0\n", (uintmax_t)files.rlim_cur);
    expect("echo $(ulimit -n) $(ulimit -S -c) $(ulimit -H -c)", want);
}

Test(confine, a_limit_never_gives_more_than_garnetd_has)
{
    const struct rlimit files = {100, 120};

    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &files), 0);
    keeper_rig.collector.limits.files = 5000;
    expect("echo $(ulimit -S -n) $(ulimit -H -n)", "120 120\n");
}

Test(confine, a_limit_holds_though_garnetd_raised_its_own)
{
    const struct rlimit files = {100, 120};

    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &files), 0);
    spawn_raise_files();
    expect("echo $(ulimit -S -n) $(ulimit -H -n)", "100 120\n");
    keeper_rig.collector.limits.files = 33;
    expect("echo $(ulimit -S -n) $(ulimit -H -n)", "33 33\n");
}

Test(confine, a_crash_leaves_no_core)
{
    struct run r;

    run_to_end(&r, "kill -ABRT $$", LONG, LONG);
    cr_assert(killed_by(&r, SIGABRT));
    cr_assert_not(WCOREDUMP(r.report.status));
}

Test(confine, cpu_used_up_is_SIGXCPU)
{
    struct run r;

    keeper_rig.collector.limits.cpu = 1;
    run_to_end(&r, "while :; do :; done", LONG, LONG);
    cr_assert_eq(r.report.end, KEEPER_EXITED);
    cr_assert(killed_by(&r, SIGXCPU));
    cr_assert(r.report.user_ns + r.report.system_ns > 100 * NS_PER_MS); /* the limit counts ticks */
}

Test(confine, SIGXCPU_ignored_means_KILL)
{
    struct run r;

    keeper_rig.collector.limits.cpu = 1;
    run_to_end(&r, "trap '' XCPU; while :; do :; done", LONG, LONG);
    cr_assert(killed_by(&r, SIGKILL));
}

Test(confine, memory_used_up_is_refused)
{
    keeper_rig.collector.limits.memory = 128 << 20;
    expect("exec 2>&1; python3 -c 'x = b\"x\" * (256 << 20)' | tail -1", "MemoryError\n");
}

Test(confine, a_file_that_grows_too_big_is_SIGXFSZ)
{
    struct run r;

    keeper_rig.collector.limits.file_size = 4096;
    run_to_end(&r, "t=$(mktemp); exec 3>$t; rm $t; exec head -c 10000 /dev/zero >&3", LONG, LONG);
    cr_assert(killed_by(&r, SIGXFSZ));
}

Test(confine, processes_of_a_user_of_its_own)
{
    be_daemon();
    keeper_rig.collector.limits.processes = 3;
    expect("exec 2>&1; (sleep 9 & sleep 9 & sleep 9 & sleep 9 & wait)", "Cannot fork");
}

Test(confine, nice)
{
    char want[32];

    (void)snprintf(want, sizeof want, "%d\n", nice(0) + 5 < 19 ? nice(0) + 5 : 19);
    keeper_rig.collector.nice = 5;
    expect("nice", want);
    if (geteuid() != 0 || access("/proc/self/autogroup", R_OK) < 0)
        cr_skip(
            "whether its session has a share of its own: no root, or no such thing in this kernel");
    expect("sed 's/.* //' /proc/self/autogroup", want);
}

Test(confine, files_are_not_made_writable_to_others)
{
    (void)umask(0);
    expect("umask", "0022\n");
}

Test(confine, a_folder_that_is_not_there)
{
    const char *argv[] = {"/bin/true", NULL};
    struct run r;

    keeper_rig.collector.cwd = "/no/such";
    start_run_argv(&r, argv, keeper_rig.collector.cwd, LONG, LONG);
    finish_run(&r);
    expect_failure(&r, "cannot change to folder /no/such: No such file or directory");
}

Test(confine, a_folder_that_its_user_may_not_enter)
{
    const char *argv[] = {"/bin/pwd", NULL};
    char dir[] = "/tmp/garnet-confine-XXXXXX", want[96];
    struct run r;

    be_daemon();
    cr_assert_not_null(mkdtemp(dir));
    keeper_rig.collector.cwd = dir;
    start_run_argv(&r, argv, dir, LONG, LONG);
    finish_run(&r);
    (void)snprintf(want, sizeof want, "cannot change to folder %s: Permission denied", dir);
    expect_failure(&r, want);
    cr_assert_eq(chown(dir, 1, 1), 0);
    start_run_argv(&r, argv, dir, LONG, LONG);
    wait_said(&r, dir);
    finish_run(&r);
    (void)rmdir(dir);
}

Test(confine, says_what_could_not_be_done)
{
    static const char *const command[] = {"/x/cpu", NULL};
    struct launch_failure f = {.error = EPERM};
    struct why why;
    static const char *const want[RUN_STEPS] = {
        "cannot run /x/cpu: ",          "cannot have a control group in /cg: ",
        "cannot set its limits: ",      "cannot set its nice value: ",
        "cannot switch to group adm: ", "cannot give up its privileges: ",
        "cannot change to folder /: ",  "cannot run /x/cpu: "};

    keeper_rig.collector.command = (struct strings){command, 1};
    keeper_rig.collector.cgroup.dir = "/cg";
    keeper_rig.collector.identity.group = "adm";
    for (f.step = 0; f.step < RUN_STEPS; f.step++) {
        launch_describe(&f, &keeper_rig.collector, &why);
        cr_assert_eq(strncmp(why.text, want[f.step], strlen(want[f.step])), 0, "%s", why.text);
        cr_assert_str_eq(why.text + strlen(want[f.step]), "Operation not permitted");
    }
}
