/* sink/worker.c: a real worker process over a real spool. Checked is what arrives, and that the
 * cursor accounts for every metric: position - start = arrived + dropped. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/log.h"
#include "model/record.h"
#include "sink/worker.h"
#include "sink_kit.h"
#include "spool/append.h"
#include "spool/cursor.h"

static struct kit k;
static struct conf conf;
static struct append *spool;
static uint64_t accepted; /* metrics put into the spool */
static int control = -1;  /* our end */
static pid_t pid;

static void setup(void)
{
    struct append_config c = {.segment_size = 4 << 20, .max_size = INT64_C(1) << 30};
    char why[256];

    signal(SIGPIPE, SIG_IGN);
    kit_open(&k);
    c.dir = conf.spool.dir = kit_path(&k, "spool");
    conf.host = "web01";
    spool = append_open(&c, why);
    cr_assert_not_null(spool, "%s", why);
    cr_assert_eq(cursor_create(append_dirfd(spool), "main", append_next_seq(spool)), 0);
}

static void teardown(void)
{
    if (control >= 0)
        close(control);
    if (pid > 0) {
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
    }
    append_close(spool);
    kit_close(&k);
}

TestSuite(worker, .init = setup, .fini = teardown, .timeout = 100);

/* n metrics "m.N", N counting on, time 1700000000, or 0 where `bad`. */
static void accept_metrics(uint64_t n, bool bad)
{
    struct buf b = {0};
    char name[32];
    uint64_t end;

    for (uint64_t i = 0; i < n; i++) {
        struct metric m = kit_metric(name, (int64_t)accepted);

        snprintf(name, sizeof name, "m.%llu", (unsigned long long)accepted++);
        m.name = str_of(name);
        m.time_ns = bad ? 0 : m.time_ns;
        record_put(&b, &m);
    }
    cr_assert(buf_ok(&b));
    cr_assert_eq(append_frame(spool, b.p, b.n, (uint32_t)n, &end), 0);
    buf_free(&b);
}

static void sink_to(const char *plugin, const char *options, const char *to1, const char *to2)
{
    const char **to = arena_alloc(&k.arena, 3 * sizeof *to);

    kit_sink(
        &k, plugin,
        arena_printf(&k.arena, "name: main\nplugin: x\n%s%s\n", to1 ? "to: x\n" : "", options));
    to[0] = to1;
    to[1] = to2;
    k.sink.to = (struct strings){to, to2 != NULL ? 2 : to1 != NULL};
}

/* Criterion's own process reads our stdout and handles SIGALRM: the worker must not know of
 * either. */
static void start(void)
{
    int pair[2];

    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    pid = fork();
    cr_assert_geq(pid, 0);
    if (pid == 0) {
        close(pair[0]);
        log_open("worker");
        log_set_level(LOG_L_ERROR);
        _exit(worker_run(&conf, &k.sink, pair[1]));
    }
    close(pair[1]);
    control = pair[0];
}

static void say(char c)
{
    cr_assert_eq(send(control, &c, 1, MSG_NOSIGNAL), 1);
}

/* The next thing the worker says; 0 when it has ended. */
static char hear(void)
{
    char c = 0;

    cr_assert_geq(recv(control, &c, 1, 0), 0);
    return c;
}

static void start_ready(void)
{
    start();
    cr_assert_eq(hear(), 'r');
}

static int ended(void)
{
    int status;

    cr_assert_eq(waitpid(pid, &status, 0), pid);
    pid = 0;
    close(control);
    control = -1;
    return status;
}

static void ends_with(int code)
{
    int status = ended();

    cr_assert(WIFEXITED(status), "signal %d", WTERMSIG(status));
    cr_assert_eq(WEXITSTATUS(status), code, "exit status %d", WEXITSTATUS(status));
}

static void finishes(void)
{
    say('q');
    ends_with(0);
}

static struct cursor_state cursor(void)
{
    struct cursor_state s;

    cr_assert_eq(cursor_read(append_dirfd(spool), "main", &s), 0, "%s", strerror(errno));
    return s;
}

static void at(uint64_t position, enum drop_reason reason, uint64_t dropped)
{
    struct cursor_state s = cursor();
    uint64_t sum = 0;

    for (int i = 0; i < DROP_REASONS; i++)
        sum += s.dropped[i];
    cr_assert_eq(s.position - s.start, position, "position %llu",
                 (unsigned long long)(s.position - s.start));
    cr_assert_eq(s.dropped[reason], dropped);
    cr_assert_eq(sum, dropped);
}

/* ---- into a file ----------------------------------------------------------------------------- */

static const char *file_uri(void)
{
    return arena_printf(&k.arena, "file://%s/out", k.dir);
}

static const char *out(void)
{
    return kit_read(&k, kit_path(&k, "out"));
}

/* What the plugin graphite makes of metrics from..to-1. */
static const char *lines(uint64_t from, uint64_t to)
{
    struct buf b = {0};
    const char *text;

    for (uint64_t i = from; i < to; i++)
        buf_putf(&b, "m.%llu %llu 1700000000\n", (unsigned long long)i, (unsigned long long)i);
    text = arena_strndup(&k.arena, b.n > 0 ? b.p : "", b.n);
    buf_free(&b);
    return text;
}

static void arrived(const char *want)
{
    const char *got = out();

    cr_assert(strcmp(got, want) == 0, "%zu bytes instead of %zu", strlen(got), strlen(want));
}

Test(worker, delivers_everything_once_and_resumes)
{
    sink_to(GRAPHITE, "path: '{name}'", file_uri(), NULL);
    accept_metrics(1, false);
    accept_metrics(30000, false);
    start_ready();
    cr_assert_eq(hear(), 'u');
    accept_metrics(100, false);
    say('w');
    finishes();
    at(30101, DROP_SKIPPED, 0);
    accept_metrics(7, false);
    start_ready();
    finishes();
    at(30108, DROP_SKIPPED, 0);
    arrived(lines(0, 30108));
}

/* No wake-up comes: the timer finds it. A batch waits for its age. */
Test(worker, looks_by_itself)
{
    sink_to(GRAPHITE, "path: '{name}'", file_uri(), NULL);
    k.sink.flush = 300 * NS_PER_MS;
    start_ready();
    accept_metrics(3, false);
    cr_assert_eq(hear(), 'u');
    arrived(lines(0, 3));
    finishes();
}

Test(worker, what_leaves_no_bytes_is_counted)
{
    sink_to(GRAPHITE, "path: '{name}'", file_uri(), NULL);
    accept_metrics(1000, true);
    accept_metrics(10, false);
    accept_metrics(70000, true);
    start_ready();
    finishes();
    at(71010, DROP_SKIPPED, 71000);
    arrived(lines(1000, 1010));
}

Test(worker, a_damaged_record_costs_its_frame)
{
    uint64_t end;

    sink_to(GRAPHITE, "path: '{name}'", file_uri(), NULL);
    accept_metrics(5, false);
    cr_assert_eq(append_frame(spool, "no record", 9, 4, &end), 0);
    accepted += 4;
    accept_metrics(5, false);
    start_ready();
    finishes();
    at(14, DROP_DAMAGED, 4);
    arrived(arena_printf(&k.arena, "%s%s", lines(0, 5), lines(9, 14)));
}

Test(worker, what_retention_took_is_counted)
{
    struct append_config c = {.dir = conf.spool.dir, .segment_size = 4096, .max_size = 16384};
    char why[256];

    append_close(spool);
    spool = append_open(&c, why);
    cr_assert_not_null(spool, "%s", why);
    sink_to(GRAPHITE, "path: '{name}'", file_uri(), NULL);
    for (int i = 0; i < 100; i++)
        accept_metrics(100, false);
    cr_assert_gt(append_retain(spool, 0, clock_wall()), 0);
    start_ready();
    finishes();
    struct cursor_state s = cursor();
    cr_assert_eq(s.position - s.start, 10000);
    cr_assert_gt(s.dropped[DROP_EXPIRED], 0);
    arrived(lines(s.dropped[DROP_EXPIRED], 10000));
}

/* ---- over TCP -------------------------------------------------------------------------------- */

/* A socket bound to a free port, not listening yet. */
static int bound(const char **uri)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    cr_assert_eq(bind(fd, (struct sockaddr *)&a, n), 0);
    cr_assert_eq(getsockname(fd, (struct sockaddr *)&a, &n), 0);
    *uri = arena_printf(&k.arena, "tcp://127.0.0.1:%d", ntohs(a.sin_port));
    return fd;
}

/* What a connection has brought and is not read yet; begins anew with each. */
static char text[1 << 16];
static size_t text_n;

static int peer_of(int l)
{
    int fd = accept4(l, NULL, NULL, SOCK_CLOEXEC);

    cr_assert_geq(fd, 0);
    text_n = 0;
    return fd;
}

/* The metric of the next whole line, which must be one of ours, counted in seen[]; -1 at the end
 * of the connection: an unfinished last line does not count. */
static int64_t next_line(int fd, unsigned char *seen)
{
    char *nl, *end;
    uint64_t v;

    while ((nl = memchr(text, '\n', text_n)) == NULL) {
        ssize_t got = recv(fd, text + text_n, sizeof text - text_n, 0);

        if (got <= 0)
            return -1;
        text_n += (size_t)got;
    }
    cr_assert(strncmp(text, "m.", 2) == 0, "%.20s", text);
    v = strtoull(text + 2, &end, 10);
    cr_assert_eq(*end, ' ');
    cr_assert_lt(v, accepted);
    seen[v]++;
    text_n -= (size_t)(nl + 1 - text);
    memmove(text, nl + 1, text_n);
    return (int64_t)v;
}

static void read_until(int fd, uint64_t last, unsigned char *seen)
{
    int64_t v;

    do {
        v = next_line(fd, seen);
        cr_assert_geq(v, 0, "the worker closed the connection");
    } while ((uint64_t)v != last);
}

static void all_seen(const unsigned char *seen, uint64_t n, bool once)
{
    for (uint64_t i = 0; i < n; i++)
        cr_assert(once ? seen[i] == 1 : seen[i] >= 1, "m.%llu came %d times", (unsigned long long)i,
                  seen[i]);
}

Test(worker, waits_for_an_endpoint_that_is_down)
{
    const char *uri;
    int l = bound(&uri), peer;
    unsigned char *seen = arena_alloc(&k.arena, 20000);

    sink_to(GRAPHITE, "path: '{name}'", uri, NULL);
    accept_metrics(20000, false);
    start_ready();
    at(0, DROP_SKIPPED, 0);
    cr_assert_eq(listen(l, 1), 0);
    peer = peer_of(l);
    read_until(peer, 19999, seen);
    all_seen(seen, 20000, true);
    finishes();
    at(20000, DROP_SKIPPED, 0);
    close(peer);
    close(l);
}

/* The peer reads a little and resets; what was not acknowledged comes again on the next
 * connection. */
Test(worker, sends_again_after_a_reset)
{
    struct linger hard = {.l_onoff = 1, .l_linger = 0};
    const char *uri;
    int l = bound(&uri), peer, small = 4096;
    enum { N = 200000 };
    unsigned char *seen = arena_alloc(&k.arena, N);
    uint64_t before;

    cr_assert_eq(setsockopt(l, SOL_SOCKET, SO_RCVBUF, &small, sizeof small), 0);
    cr_assert_eq(listen(l, 1), 0);
    sink_to(GRAPHITE, "path: '{name}'", uri, NULL);
    for (int i = 0; i < N / 1000; i++)
        accept_metrics(1000, false);
    start_ready();
    peer = peer_of(l);
    read_until(peer, 999, seen);
    cr_assert_eq(setsockopt(peer, SOL_SOCKET, SO_LINGER, &hard, sizeof hard), 0);
    close(peer);
    peer = peer_of(l);
    before = cursor().position - cursor().start;
    read_until(peer, N - 1, seen);
    /* All that the cursor had not passed comes in full; what it had was acknowledged by the
     * peer's kernel. */
    all_seen(seen + before, N - before, false);
    finishes();
    at(N, DROP_SKIPPED, 0);
    close(peer);
    close(l);
}

Test(worker, takes_the_next_endpoint)
{
    const char *dead, *alive;
    int d = bound(&dead), l = bound(&alive), peer;
    unsigned char *seen = arena_alloc(&k.arena, 100);

    cr_assert_eq(listen(l, 1), 0);
    sink_to(GRAPHITE, "path: '{name}'", dead, alive);
    accept_metrics(50, false);
    start_ready();
    peer = peer_of(l);
    read_until(peer, 49, seen);
    cr_assert_eq(hear(), 'u');
    close(peer);
    close(l);
    cr_assert_eq(listen(d, 1), 0); /* now it is the other way round */
    accept_metrics(50, false);
    say('w');
    peer = peer_of(d);
    read_until(peer, 99, seen);
    all_seen(seen, 100, true);
    finishes();
    close(peer);
    close(d);
}

/* kill -9 in mid-stream, three times. Everything is read that has left a worker, and nothing that
 * was accepted is missing. */
Test(worker, survives_being_killed)
{
    enum { N = 300000, SOME = 20000 };
    unsigned char *seen = arena_alloc(&k.arena, N);
    const char *uri;
    int l = bound(&uri), peer;

    cr_assert_eq(listen(l, 8), 0);
    sink_to(GRAPHITE, "path: '{name}'", uri, NULL);
    for (int i = 0; i < N / 1000; i++)
        accept_metrics(1000, false);
    for (int round = 0; round < 3; round++) {
        start_ready();
        peer = peer_of(l);
        for (int i = 0; i < SOME; i++)
            cr_assert_geq(next_line(peer, seen), 0);
        cr_assert_eq(kill(pid, SIGKILL), 0);
        (void)ended();
        while (next_line(peer, seen) >= 0)
            ;
        close(peer);
    }
    start_ready();
    peer = peer_of(l);
    say('q');
    while (next_line(peer, seen) >= 0)
        ;
    ends_with(0);
    at(N, DROP_SKIPPED, 0);
    all_seen(seen, N, false);
    close(peer);
    close(l);
}

/* ---- being stopped --------------------------------------------------------------------------- */

Test(worker, ends_with_garnetd)
{
    const char *uri;
    int l = bound(&uri);

    sink_to(GRAPHITE, "path: '{name}'", uri, NULL);
    accept_metrics(10, false);
    start_ready();
    cr_assert_eq(shutdown(control, SHUT_RDWR), 0);
    ends_with(0);
    at(0, DROP_SKIPPED, 0);
    close(l);
}

Test(worker, sigterm_ends_at_once)
{
    const char *uri;
    int l = bound(&uri);

    sink_to(GRAPHITE, "path: '{name}'", uri, NULL);
    accept_metrics(10, false);
    start_ready();
    cr_assert_eq(kill(pid, SIGTERM), 0);
    ends_with(0);
    at(0, DROP_SKIPPED, 0);
    close(l);
}

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

Test(worker, sigterm_interrupts_a_blocking_plugin)
{
    plugin_sink("hang");
    accept_metrics(10, false);
    start_ready();
    wait_calls("1 10\n");
    cr_assert_eq(kill(pid, SIGTERM), 0);
    ends_with(0);
    at(0, DROP_SKIPPED, 0);
}

Test(worker, sigterm_outlasts_a_stubborn_plugin)
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

Test(worker, plugin_retries_and_rejects)
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

Test(worker, plugin_gives_up)
{
    plugin_sink("ok, fatal");
    k.sink.flush = NS_PER_S * 1000;
    k.sink.batch_size = 40;
    accept_metrics(40, false);
    start_ready();
    say('q');
    ends_with(EXIT_CONFIG);
    at(10, DROP_REJECTED, 0);
}

/* ---- what cannot begin ----------------------------------------------------------------------- */

Test(worker, wrong_options_end_it)
{
    plugin_sink("ok");
    k.sink.node = yaml_parse(&k.arena, "x", str_of("{name: main, pth: 1}"), &k.e);
    start();
    ends_with(EXIT_CONFIG);
}

Test(worker, without_a_cursor_it_ends)
{
    plugin_sink("ok");
    cr_assert_eq(cursor_remove(append_dirfd(spool), "main"), 0);
    start();
    ends_with(EXIT_WORLD);
}

Test(worker, one_worker_a_cursor)
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
