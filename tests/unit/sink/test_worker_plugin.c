/* sink/worker.c, and plugins that carry the bytes themselves: at once, later, or when asked */
#include <sys/un.h>

#include "base/exit.h"
#include "rig/until.h"
#include "rig/worker_rig.h"

TestSuite(worker_plugin, .init = worker_rig_start, .fini = worker_rig_end, .timeout = 100);

static struct kit *const kit = &worker_rig.kit;

/* Until the plugin has been called. */
static void wait_calls(const char *want)
{
    int64_t end = clock_mono() + 20 * NS_PER_S;

    while (strcmp(kit_read(kit, kit_path(kit, "out.calls")), want) != 0) {
        cr_assert_lt(clock_mono(), end, "timed out");
        poll(NULL, 0, 1);
    }
}

static void plugin_sink(const char *answers)
{
    configure_sink(TEST_PLUGIN("deliver"),
                   arena_printf(&kit->arena, "path: %s/out\nanswers: [%s]", kit->dir, answers),
                   NULL, NULL);
}

Test(worker_plugin, sigterm_interrupts_a_blocking_plugin)
{
    plugin_sink("hang");
    accept_metrics(10);
    start_ready_worker();
    wait_calls("1 10\n");
    /* A signal that comes before the plugin blocks interrupts nothing. */
    for (siginfo_t si = {.si_pid = 0}; si.si_pid == 0; poll(NULL, 0, 10)) {
        cr_assert_eq(kill(worker_rig.pid, SIGTERM), 0);
        cr_assert_eq(waitid(P_PID, (id_t)worker_rig.pid, &si, WEXITED | WNOHANG | WNOWAIT), 0);
    }
    expect_exit(0);
    expect_cursor(0, DROP_SKIPPED, 0);
}

Test(worker_plugin, sigterm_outlasts_a_stubborn_plugin)
{
    int status;

    plugin_sink("sleep");
    accept_metrics(10);
    start_ready_worker();
    wait_calls("1 10\n");
    cr_assert_eq(kill(worker_rig.pid, SIGTERM), 0);
    status = wait_worker();
    cr_assert(WIFSIGNALED(status));
    cr_assert_eq(WTERMSIG(status), SIGALRM);
    expect_cursor(0, DROP_SKIPPED, 0);
}

/* --- a plugin that delivers --- */

Test(worker_plugin, plugin_retries_and_rejects)
{
    plugin_sink("ok, retry, retry, ok, reject, ok");
    kit->sink.flush = NS_PER_S * 1000;
    kit->sink.batch_size = 40;
    accept_metrics(40); /* 10 of 4 bytes, then 30 of 5: batches of 10, 8, 8, 8, 6 */
    start_ready_worker();
    finish_worker();
    cr_assert_str_eq(kit_read(kit, kit_path(kit, "out.calls")),
                     "1 10\n1 8\n2 8\n3 8\n1 8\n1 8\n1 6\n");
    expect_cursor(40, DROP_REJECTED, 8);
    cr_assert_not_null(strstr(output(), "m.17\nm.26\n"));
}

Test(worker_plugin, plugin_gives_up)
{
    plugin_sink("ok, fatal");
    kit->sink.flush = NS_PER_S * 1000;
    kit->sink.batch_size = 40;
    accept_metrics(40);
    start_ready_worker();
    ask_worker_to_finish();
    expect_exit(EXIT_PLUGIN);
    expect_cursor(10, DROP_REJECTED, 0);
}

/* --- what cannot begin --- */

Test(worker_plugin, wrong_options_end_it)
{
    plugin_sink("ok");
    kit->sink.node = yaml_parse(&kit->arena, "x", str_of("{name: main, pth: 1}"), &kit->e);
    start_worker();
    expect_exit(EXIT_CONFIG);
}

Test(worker_plugin, without_a_cursor_it_ends)
{
    plugin_sink("ok");
    cr_assert_eq(cursor_remove(append_dirfd(worker_rig.spool), "main"), 0);
    start_worker();
    expect_exit(EXIT_WORLD);
}

Test(worker_plugin, one_worker_a_cursor)
{
    struct cursor held;

    plugin_sink("ok");
    accept_metrics(3);
    cr_assert_eq(cursor_open(&held, append_dirfd(worker_rig.spool), "main"), 0);
    start_worker();
    struct pollfd p = {.fd = worker_rig.control, .events = POLLIN};
    cr_assert_eq(poll(&p, 1, 500), 0, "it is ready without the lock");
    cursor_close(&held);
    expect_ready();
    finish_worker();
    expect_cursor(3, DROP_REJECTED, 0);
}

/* --- one that answers later --- */

static void pending_sink(const char *answers)
{
    configure_sink(TEST_PLUGIN("pending"),
                   arena_printf(&kit->arena, "path: %s/out\nanswers: [%s]", kit->dir, answers),
                   NULL, NULL);
    kit->sink.flush = NS_PER_S * 1000;
    kit->sink.batch_size = 40;
}

/* How often a line of `metric` is in what the peer has confirmed. */
static unsigned times(uint64_t metric)
{
    const char *line = arena_printf(&kit->arena, "m.%llu\n", (unsigned long long)metric);
    unsigned n = 0;

    for (const char *at = output(); (at = strstr(at, line)) != NULL; at++)
        n++;
    return n;
}

static void all_once(uint64_t n)
{
    for (uint64_t i = 0; i < n; i++)
        cr_assert_eq(times(i), 1, "m.%llu came %u times", (unsigned long long)i, times(i));
}

Test(worker_plugin, confirms_later_and_out_of_order)
{
    pending_sink("ok");
    accept_metrics(1000); /* more batches than may be pending at once */
    start_ready_worker();
    finish_worker();
    all_once(1000);
    expect_cursor(1000, DROP_REJECTED, 0);
}

Test(worker_plugin, a_pending_batch_that_fails_comes_again)
{
    pending_sink("ok, retry, ok, early, retry");
    accept_metrics(200);
    start_ready_worker();
    finish_worker();
    all_once(200);
    expect_cursor(200, DROP_REJECTED, 0);
}

/* One at a time comes again: a signal ends the call at hand, and the next one would block again. */
Test(worker_plugin, sigterm_is_not_answered_by_the_next_that_comes_again)
{
    pending_sink("hang, hang, hang, hang, hang, hang");
    accept_metrics(24); /* three batches, which are all put off, and then hang */
    start_ready_worker();
    wake_worker();
    wait_calls("hangs\n");
    for (siginfo_t si = {.si_pid = 0}; si.si_pid == 0; poll(NULL, 0, 10)) {
        cr_assert_eq(kill(worker_rig.pid, SIGTERM), 0);
        cr_assert_eq(waitid(P_PID, (id_t)worker_rig.pid, &si, WEXITED | WNOHANG | WNOWAIT), 0);
    }
    expect_exit(0);
    cr_assert_str_eq(kit_read(kit, kit_path(kit, "out.calls")), "hangs\n");
    expect_cursor(0, DROP_REJECTED, 0);
}

/* Whatever it fails with, a peer that is down is tried once more, for a second. */
Test(worker_plugin, a_peer_that_fails_later_is_not_waited_for)
{
    pending_sink("dead");
    accept_metrics(24);
    start_ready_worker();
    finish_worker();
    cr_assert_eq(stored_cursor().position, stored_cursor().start);
}

Test(worker_plugin, what_is_rejected_later_is_counted)
{
    pending_sink("ok, reject, one, ok");
    accept_metrics(40); /* batches of 10, 8, 8, 8, 6 */
    start_ready_worker();
    finish_worker();
    expect_cursor(40, DROP_REJECTED, 8 + 1);
    cr_assert_eq(times(9), 1);
    cr_assert_eq(times(10), 0);
}

Test(worker_plugin, a_broken_promise_ends_it)
{
    static const char *const wrong[] = {"wrong", "twice"};

    for (int i = 0; i < 2; i++) {
        pending_sink(wrong[i]);
        accept_metrics(10);
        start_worker();
        expect_ready();
        ask_worker_to_finish();
        expect_exit(EXIT_PLUGIN);
    }
}

/* --- one that is asked --- */

static void pulls(const char *path, const char *want)
{
    struct sockaddr_un sun = {.sun_family = AF_UNIX};
    int64_t end = clock_mono() + 20 * NS_PER_S;
    char got[256];
    ssize_t n;

    (void)snprintf(sun.sun_path, sizeof sun.sun_path, "%s", path);
    do {
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        cr_assert_eq(connect(fd, (const struct sockaddr *)&sun, sizeof sun), 0);
        n = recv(fd, got, sizeof got - 1, MSG_WAITALL);
        cr_assert_geq(n, 0);
        got[n] = 0;
        close(fd);
        cr_assert_lt(clock_mono(), end, "timed out: %s", got);
    } while (strcmp(got, want) != 0);
}

Test(worker_plugin, a_live_one_begins_at_the_end)
{
    const char *path = kit_path(kit, "pull");

    configure_sink(TEST_PLUGIN("pull"), arena_printf(&kit->arena, "path: %s", path), NULL, NULL);
    accept_metrics(1000);
    start_ready_worker();
    expect_useful_work(); /* past what was there */
    pulls(path, "");
    accept_metrics(2);
    wake_worker();
    pulls(path, "m.1000 1000\nm.1001 1001\n");
    finish_worker();
    expect_cursor(1002, DROP_STALE, 1000);
}

/* It has all again that came within that time; what comes while no worker runs, too. Each has its account
 * already, and what is said of it now is not added to that. */
Test(worker_plugin, a_live_one_begins_with_what_it_had)
{
    const char *path = kit_path(kit, "pull");

    configure_sink(TEST_PLUGIN("pull"), arena_printf(&kit->arena, "path: %s\nrejects: true", path),
                   NULL, NULL);
    kit->sink.warm = 600 * NS_PER_S;
    accept_metrics(2);
    start_ready_worker();
    pulls(path, "m.0 0\nm.1 1\n");
    UNTIL_WITHIN(20, poll(NULL, 0, 1), confirmed() == 2, "");
    kill(worker_rig.pid, SIGKILL);
    (void)wait_worker();
    accept_metrics(2);
    start_ready_worker();
    pulls(path, "m.0 0\nm.1 1\nm.2 2\nm.3 3\n");
    finish_worker();
    expect_cursor(4, DROP_REJECTED, 2);
    start_ready_worker();
    pulls(path, "m.0 0\nm.1 1\nm.2 2\nm.3 3\n");
    finish_worker();
    expect_cursor(4, DROP_REJECTED, 2);
    cr_assert_eq(stored_cursor().keep, stored_cursor().start, "that is kept");
}
