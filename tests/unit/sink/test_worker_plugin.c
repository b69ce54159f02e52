/* sink/worker.c, and plugins that carry the bytes themselves: at once, later, or when asked */
#include <sys/un.h>

#include "base/exit.h"
#include "rig/worker_rig.h"

TestSuite(worker_plugin, .init = setup, .fini = teardown, .timeout = 100);

/* Until the plugin has been called. */
static void wait_calls(const char *want)
{
    int64_t end = clock_mono() + 20 * NS_PER_S;

    while (strcmp(kit_read(&k, kit_path(&k, "out.calls")), want) != 0) {
        cr_assert_lt(clock_mono(), end, "timed out");
        poll(NULL, 0, 1);
    }
}

static void plugin_sink(const char *answers)
{
    sink_to(TEST_PLUGIN("deliver"),
            arena_printf(&k.arena, "path: %s/out\nanswers: [%s]", k.dir, answers), NULL, NULL);
}

Test(worker_plugin, sigterm_interrupts_a_blocking_plugin)
{
    plugin_sink("hang");
    accept_metrics(10, false);
    start_ready();
    wait_calls("1 10\n");
    /* A signal that comes before the plugin blocks interrupts nothing. */
    for (siginfo_t si = {.si_pid = 0}; si.si_pid == 0; poll(NULL, 0, 10)) {
        cr_assert_eq(kill(pid, SIGTERM), 0);
        cr_assert_eq(waitid(P_PID, (id_t)pid, &si, WEXITED | WNOHANG | WNOWAIT), 0);
    }
    ends_with(0);
    at(0, DROP_SKIPPED, 0);
}

Test(worker_plugin, sigterm_outlasts_a_stubborn_plugin)
{
    int status;

    plugin_sink("sleep");
    accept_metrics(10, false);
    start_ready();
    wait_calls("1 10\n");
    cr_assert_eq(kill(pid, SIGTERM), 0);
    status = ended();
    cr_assert(WIFSIGNALED(status));
    cr_assert_eq(WTERMSIG(status), SIGALRM);
    at(0, DROP_SKIPPED, 0);
}

/* ---- a plugin that delivers ------------------------------------------------------------------ */

Test(worker_plugin, plugin_retries_and_rejects)
{
    plugin_sink("ok, retry, retry, ok, reject, ok");
    k.sink.flush = NS_PER_S * 1000;
    k.sink.batch_size = 40;
    accept_metrics(40, false); /* 10 of 4 bytes, then 30 of 5: batches of 10, 8, 8, 8, 6 */
    start_ready();
    finishes();
    cr_assert_str_eq(kit_read(&k, kit_path(&k, "out.calls")),
                     "1 10\n1 8\n2 8\n3 8\n1 8\n1 8\n1 6\n");
    at(40, DROP_REJECTED, 8);
    cr_assert_not_null(strstr(out(), "m.17\nm.26\n"));
}

Test(worker_plugin, plugin_gives_up)
{
    plugin_sink("ok, fatal");
    k.sink.flush = NS_PER_S * 1000;
    k.sink.batch_size = 40;
    accept_metrics(40, false);
    start_ready();
    say('q');
    ends_with(EXIT_PLUGIN);
    at(10, DROP_REJECTED, 0);
}

/* ---- what cannot begin ----------------------------------------------------------------------- */

Test(worker_plugin, wrong_options_end_it)
{
    plugin_sink("ok");
    k.sink.node = yaml_parse(&k.arena, "x", str_of("{name: main, pth: 1}"), &k.e);
    start();
    ends_with(EXIT_CONFIG);
}

Test(worker_plugin, without_a_cursor_it_ends)
{
    plugin_sink("ok");
    cr_assert_eq(cursor_remove(append_dirfd(spool), "main"), 0);
    start();
    ends_with(EXIT_WORLD);
}

Test(worker_plugin, one_worker_a_cursor)
{
    struct cursor held;

    plugin_sink("ok");
    accept_metrics(3, false);
    cr_assert_eq(cursor_open(&held, append_dirfd(spool), "main"), 0);
    start();
    struct pollfd p = {.fd = control, .events = POLLIN};
    cr_assert_eq(poll(&p, 1, 500), 0, "it is ready without the lock");
    cursor_close(&held);
    cr_assert_eq(hear(), 'r');
    finishes();
    at(3, DROP_REJECTED, 0);
}

/* ---- one that answers later ------------------------------------------------------------------ */

static void pending_sink(const char *answers)
{
    sink_to(TEST_PLUGIN("pending"),
            arena_printf(&k.arena, "path: %s/out\nanswers: [%s]", k.dir, answers), NULL, NULL);
    k.sink.flush = NS_PER_S * 1000;
    k.sink.batch_size = 40;
}

/* How often a line of `metric` is in what the peer has confirmed. */
static unsigned times(uint64_t metric)
{
    const char *line = arena_printf(&k.arena, "m.%llu\n", (unsigned long long)metric);
    unsigned n = 0;

    for (const char *at = out(); (at = strstr(at, line)) != NULL; at++)
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
    accept_metrics(1000, false); /* more batches than may be pending at once */
    start_ready();
    finishes();
    all_once(1000);
    at(1000, DROP_REJECTED, 0);
}

Test(worker_plugin, a_pending_batch_that_fails_comes_again)
{
    pending_sink("ok, retry, ok, early, retry");
    accept_metrics(200, false);
    start_ready();
    finishes();
    all_once(200);
    at(200, DROP_REJECTED, 0);
}

Test(worker_plugin, what_is_rejected_later_is_counted)
{
    pending_sink("ok, reject, one, ok");
    accept_metrics(40, false); /* batches of 10, 8, 8, 8, 6 */
    start_ready();
    finishes();
    at(40, DROP_REJECTED, 8 + 1);
    cr_assert_eq(times(9), 1);
    cr_assert_eq(times(10), 0);
}

Test(worker_plugin, a_broken_promise_ends_it)
{
    static const char *const wrong[] = {"wrong", "twice"};

    for (int i = 0; i < 2; i++) {
        pending_sink(wrong[i]);
        accept_metrics(10, false);
        start();
        cr_assert_eq(hear(), 'r');
        say('q');
        ends_with(EXIT_PLUGIN);
    }
}

/* ---- one that is asked ----------------------------------------------------------------------- */

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
    const char *path = kit_path(&k, "pull");

    sink_to(TEST_PLUGIN("pull"), arena_printf(&k.arena, "path: %s", path), NULL, NULL);
    accept_metrics(1000, false);
    start_ready();
    cr_assert_eq(hear(), 'u'); /* past what was there */
    pulls(path, "");
    accept_metrics(2, false);
    say('w');
    pulls(path, "m.1000 1000\nm.1001 1001\n");
    finishes();
    at(1002, DROP_STALE, 1000);
}
