/* tests/rig/worker_rig.c - the worker is a fork that runs sink/worker.c, at the other end of a socket pair */
#include "rig/worker_rig.h"

#include "base/log.h"
#include "base/why.h"
#include "model/record.h"

struct worker_rig worker_rig = {.control = -1};

void worker_rig_start(void)
{
    struct worker_rig *r = &worker_rig;
    struct append_config c = {.segment_size = 4 << 20, .max_size = INT64_C(1) << 30};
    struct why why;
    int fd;

    signal(SIGPIPE, SIG_IGN);
    r->board = scoreboard_new(&fd);
    cr_assert_not_null(r->board);
    close(fd);
    kit_open(&r->kit);
    c.dir = r->conf.spool.dir = kit_path(&r->kit, "spool");
    r->conf.host = "web01";
    r->spool = append_open(&c, &why);
    cr_assert_not_null(r->spool, "%s", why.text);
    cr_assert_eq(cursor_create(append_dirfd(r->spool), "main", append_next_seq(r->spool)), 0);
}

void worker_rig_end(void)
{
    struct worker_rig *r = &worker_rig;

    if (r->control >= 0)
        close(r->control);
    if (r->pid > 0) {
        kill(r->pid, SIGKILL);
        waitpid(r->pid, NULL, 0);
    }
    append_close(r->spool);
    scoreboard_unmap(r->board);
    kit_close(&r->kit);
}

/* --- the spool --- */

static void accept_frame(uint64_t n, int64_t time_ns)
{
    struct worker_rig *r = &worker_rig;
    struct buf b = {0};
    char name[32] = "";
    uint64_t end;

    for (uint64_t i = 0; i < n; i++) {
        struct metric m = kit_metric(name, (int64_t)r->accepted);

        snprintf(name, sizeof name, "m.%llu", (unsigned long long)r->accepted++);
        m.name = str_of(name);
        m.time_ns = time_ns;
        record_put(&b, &m);
    }
    cr_assert(buf_ok(&b));
    cr_assert_eq(append_frame(r->spool, b.p, b.n, (uint32_t)n, &end), 0);
    buf_free(&b);
}

void accept_metrics(uint64_t n)
{
    accept_frame(n, INT64_C(1700000000250000000));
}

void accept_timeless(uint64_t n)
{
    accept_frame(n, 0);
}

void accept_in_thousands(uint64_t n)
{
    for (; n > 0; n -= n < 1000 ? n : 1000)
        accept_metrics(n < 1000 ? n : 1000);
}

struct cursor_state stored_cursor(void)
{
    struct cursor_state s;

    cr_assert_eq(cursor_read(append_dirfd(worker_rig.spool), "main", &s), 0, "%s", strerror(errno));
    return s;
}

uint64_t confirmed(void)
{
    struct cursor_state s = stored_cursor();

    return s.position - s.start;
}

void expect_cursor(uint64_t position, enum drop_reason reason, uint64_t dropped)
{
    struct cursor_state s = stored_cursor();
    uint64_t sum = 0;

    for (int i = 0; i < DROP_REASONS; i++)
        sum += s.dropped[i];
    cr_assert_eq(s.position - s.start, position, "position %llu",
                 (unsigned long long)(s.position - s.start));
    cr_assert_eq(s.dropped[reason], dropped);
    cr_assert_eq(sum, dropped);
}

/* --- the worker --- */

void configure_sink(const char *plugin_file, const char *options, const char *to,
                    const char *second_to)
{
    struct kit *k = &worker_rig.kit;
    const char **list = arena_alloc(&k->arena, 3 * sizeof *list);

    kit_sink(
        k, plugin_file,
        arena_printf(&k->arena, "name: main\nplugin: x\n%s%s\n", to ? "to: x\n" : "", options));
    list[0] = to;
    list[1] = second_to;
    k->sink.to = (struct strings){list, second_to != NULL ? 2 : to != NULL};
}

/* Criterion's own process reads our stdout and handles SIGALRM: the worker must not know of
 * either. */
void start_worker(void)
{
    struct worker_rig *r = &worker_rig;
    int pair[2];

    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    r->pid = fork();
    cr_assert_geq(r->pid, 0);
    if (r->pid == 0) {
        close(pair[0]);
        log_open("worker");
        log_set_level(LOG_L_ERROR);
        _exit(worker_run(&r->conf, &r->kit.sink, pair[1], r->board));
    }
    close(pair[1]);
    r->control = pair[0];
}

static void tell_worker(char c)
{
    cr_assert_eq(send(worker_rig.control, &c, 1, MSG_NOSIGNAL), 1);
}

void wake_worker(void)
{
    tell_worker('w');
}

void ask_worker_to_finish(void)
{
    tell_worker('q');
}

static void expect_said(char want)
{
    char c = 0; /* it has ended */

    cr_assert_geq(recv(worker_rig.control, &c, 1, 0), 0);
    cr_assert_eq(c, want, "'%c' instead of '%c'", c, want);
}

void expect_ready(void)
{
    expect_said('r');
}

void expect_useful_work(void)
{
    expect_said('u');
}

void start_ready_worker(void)
{
    start_worker();
    expect_ready();
}

int wait_worker(void)
{
    struct worker_rig *r = &worker_rig;
    int status;

    cr_assert_eq(waitpid(r->pid, &status, 0), r->pid);
    r->pid = 0;
    close(r->control);
    r->control = -1;
    return status;
}

void expect_exit(int code)
{
    int status = wait_worker();

    cr_assert(WIFEXITED(status), "signal %d", WTERMSIG(status));
    cr_assert_eq(WEXITSTATUS(status), code, "exit status %d", WEXITSTATUS(status));
}

void finish_worker(void)
{
    ask_worker_to_finish();
    expect_exit(0);
}

/* --- a file, and what the plugin graphite writes there --- */

const char *output_uri(void)
{
    return arena_printf(&worker_rig.kit.arena, "file://%s/out", worker_rig.kit.dir);
}

void deliver_to_file(void)
{
    configure_sink(GRAPHITE, "path: '{name}'", output_uri(), NULL);
}

const char *output(void)
{
    return kit_read(&worker_rig.kit, kit_path(&worker_rig.kit, "out"));
}

void expect_output(const char *want)
{
    const char *got = output();

    cr_assert(strcmp(got, want) == 0, "%zu bytes instead of %zu", strlen(got), strlen(want));
}

const char *graphite_lines(uint64_t from, uint64_t to)
{
    struct buf b = {0};
    const char *text;

    for (uint64_t i = from; i < to; i++)
        buf_putf(&b, "m.%llu %llu 1700000000\n", (unsigned long long)i, (unsigned long long)i);
    text = arena_strndup(&worker_rig.kit.arena, b.n > 0 ? b.p : "", b.n);
    buf_free(&b);
    return text;
}
