/* tests/rig/worker_rig.h - a real worker process over a real spool, for the tests of sink/worker.c. Checked is
 * what arrives, and that the cursor accounts for every metric: position - start = arrived + dropped.
 */
#ifndef WORKER_RIG_H
#define WORKER_RIG_H
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/log.h"
#include "model/record.h"
#include "rig/sink_kit.h"
#include "sink/worker.h"
#include "spool/append.h"
#include "spool/cursor.h"

static struct kit k;
static struct conf conf;
static struct append *spool;
static uint64_t accepted;        /* metrics put into the spool */
static int control = -1;         /* our end */
static struct scoreboard *board; /* shared with the worker, as garnetd does */
static pid_t pid;

static inline void setup(void)
{
    struct append_config c = {.segment_size = 4 << 20, .max_size = INT64_C(1) << 30};
    char why[256];
    int fd;

    signal(SIGPIPE, SIG_IGN);
    board = scoreboard_new(&fd);
    cr_assert_not_null(board);
    close(fd);
    kit_open(&k);
    c.dir = conf.spool.dir = kit_path(&k, "spool");
    conf.host = "web01";
    spool = append_open(&c, why);
    cr_assert_not_null(spool, "%s", why);
    cr_assert_eq(cursor_create(append_dirfd(spool), "main", append_next_seq(spool)), 0);
}

static inline void teardown(void)
{
    if (control >= 0)
        close(control);
    if (pid > 0) {
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
    }
    append_close(spool);
    scoreboard_unmap(board);
    kit_close(&k);
}

/* n metrics "m.N", N counting on, time 1700000000, or 0 where `bad`. */
static inline void accept_metrics(uint64_t n, bool bad)
{
    struct buf b = {0};
    char name[32] = "";
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

static inline void sink_to(const char *plugin, const char *options, const char *to1,
                           const char *to2)
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
static inline void start(void)
{
    int pair[2];

    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    pid = fork();
    cr_assert_geq(pid, 0);
    if (pid == 0) {
        close(pair[0]);
        log_open("worker");
        log_set_level(LOG_L_ERROR);
        _exit(worker_run(&conf, &k.sink, pair[1], board));
    }
    close(pair[1]);
    control = pair[0];
}

static inline void say(char c)
{
    cr_assert_eq(send(control, &c, 1, MSG_NOSIGNAL), 1);
}

/* The next thing the worker says; 0 when it has ended. */
static inline char hear(void)
{
    char c = 0;

    cr_assert_geq(recv(control, &c, 1, 0), 0);
    return c;
}

static inline void start_ready(void)
{
    start();
    cr_assert_eq(hear(), 'r');
}

static inline int ended(void)
{
    int status;

    cr_assert_eq(waitpid(pid, &status, 0), pid);
    pid = 0;
    close(control);
    control = -1;
    return status;
}

static inline void ends_with(int code)
{
    int status = ended();

    cr_assert(WIFEXITED(status), "signal %d", WTERMSIG(status));
    cr_assert_eq(WEXITSTATUS(status), code, "exit status %d", WEXITSTATUS(status));
}

static inline void finishes(void)
{
    say('q');
    ends_with(0);
}

static inline struct cursor_state cursor(void)
{
    struct cursor_state s;

    cr_assert_eq(cursor_read(append_dirfd(spool), "main", &s), 0, "%s", strerror(errno));
    return s;
}

static inline void at(uint64_t position, enum drop_reason reason, uint64_t dropped)
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

static inline const char *out(void)
{
    return kit_read(&k, kit_path(&k, "out"));
}

#endif
