/* cli/drill_worker.c - the worker is a fork that runs sink/worker.h: no exec, since its configuration is made here
 *
 * What it logs, and what its plugin prints, goes to our standard error. It has a group of its own, which is killed
 * once it has ended: whatever the plugin has left in it. If we die, it does.
 */
#include "cli/drill_worker.h"

#include <errno.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/random.h"
#include "model/record.h"
#include "model/worker.h"
#include "sink/worker.h"
#include "spool/append.h"

enum { FRAME = 50 /* metrics */, LOOKS_MS = 2, BATCH = 4096, OPEN_FILES = 16 };
static const int64_t FLUSH = 20 * NS_PER_MS;

/* --- the beginning --- */

/* Small batches that leave soon, unless the options say otherwise: so that many are under way. */
static bool drill_sink(struct drill_worker *w, const char *file, char *const options[], size_t n,
                       struct errors *e)
{
    struct conf_sink *s = &w->sink;
    struct buf yaml = {0};
    const struct node *map;
    const char *eq;

    for (size_t i = 0; i < n; i++)
        if ((eq = strchr(options[i], '=')) != NULL)
            buf_putf(&yaml, "%.*s: %s\n", (int)(eq - options[i]), options[i], eq + 1);
    buf_puts(&yaml, "name: test\nplugin: test\n");
    map = buf_ok(&yaml) ? yaml_parse(&w->arena, "-o", (struct str){yaml.p, yaml.n}, e) : NULL;
    buf_free(&yaml);
    if (map == NULL || map->kind != NODE_MAP) {
        if (e->n == 0)
            errors_add(e, (struct pos){"-o", 1, 1}, "these must be KEY=VALUE");
        return false;
    }
    section_fill(&w->arena, &sink_section, map, s, e);
    s->node = map;
    s->at = map->at;
    s->name = "test";
    s->plugin = s->plugin_file = file;
    s->allow_writable = true;
    if (node_get(map, "flush") == NULL)
        s->flush = FLUSH;
    if (node_get(map, "batch_size") == NULL)
        s->batch_size = BATCH;
    return e->n == 0;
}

static bool drill_spool(struct drill_worker *w, struct why *why)
{
    const char *tmp = getenv("TMPDIR");
    struct append_config c = {.segment_size = 16 << 20, .max_size = INT64_C(1) << 30};
    int fd = -1;

    (void)snprintf(w->dir, sizeof w->dir, "%s/garnet-test.XXXXXX",
                   tmp != NULL && strlen(tmp) < 40 ? tmp : "/tmp");
    if (mkdtemp(w->dir) == NULL) {
        (void)why_set(why, "cannot make the folder %s: %s", w->dir, strerror(errno));
        w->dir[0] = 0;
        return false;
    }
    (void)snprintf(w->spool_dir, sizeof w->spool_dir, "%s/spool", w->dir);
    c.dir = w->conf.spool.dir = w->spool_dir;
    if ((w->spool = append_open(&c, why)) == NULL)
        return false;
    if (cursor_create(append_dirfd(w->spool), w->sink.name, append_next_seq(w->spool)) < 0 ||
        (w->board = scoreboard_new(&fd)) == NULL)
        return why_set(why, "cannot begin: %s", strerror(errno));
    fd_close(&fd);
    return true;
}

bool drill_worker_open(struct drill_worker *w, const char *file, char *const options[], size_t n,
                       struct errors *e)
{
    struct why why;

    *w = (struct drill_worker){.control = -1, .conf = {.host = "web01", .self = geteuid()}};
    (void)snprintf(w->mark, sizeof w->mark, "garnettest%08x", (unsigned)random_u64());
    if (!drill_sink(w, file, options, n, e))
        return false;
    if (drill_spool(w, &why))
        return true;
    errors_world(e, w->sink.at, "%s", why.text);
    return false;
}

static int remove_entry(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
    (void)st, (void)kind, (void)ftw;
    return remove(path);
}

void drill_worker_close(struct drill_worker *w)
{
    if (w->pid > 0) {
        drill_worker_stop(w, SIGKILL);
        (void)drill_worker_wait(w, DRILL_ENDED, INT64_MAX / 2);
    }
    if (w->spool != NULL)
        append_close(w->spool);
    if (w->board != NULL)
        scoreboard_unmap(w->board);
    if (w->dir[0] != 0)
        (void)nftw(w->dir, remove_entry, OPEN_FILES, FTW_DEPTH | FTW_PHYS);
    arena_free(&w->arena);
}

/* --- metrics --- */

static void put_numbered(const struct drill_worker *w, struct buf *b, uint64_t i)
{
    struct metric m = {.type = METRIC_GAUGE, .vtype = METRIC_I64, .ntags = 1};
    char name[sizeof w->mark + DRILL_DIGITS + 1];

    (void)snprintf(name, sizeof name, "%s%0*llu", w->mark, DRILL_DIGITS, (unsigned long long)i);
    m.name = str_of(name);
    m.time_ns = clock_wall();
    m.value.i = (int64_t)i;
    m.tags[0] = (struct tag){str_of("host"), str_of(w->conf.host)};
    record_put(b, &m);
}

bool drill_worker_accept(struct drill_worker *w, uint64_t n)
{
    w->before = append_next_seq(w->spool);
    for (uint64_t end, done = 0; done < n; done += FRAME) {
        uint32_t count = (uint32_t)(n - done < FRAME ? n - done : FRAME);
        struct buf b = {0};
        bool ok;

        for (uint32_t i = 0; i < count; i++)
            put_numbered(w, &b, w->accepted + i);
        ok = buf_ok(&b) && append_frame(w->spool, b.p, b.n, count, &end) == 0;
        buf_free(&b);
        if (!ok)
            return false;
        w->accepted += count;
    }
    if (w->pid > 0)
        (void)send(w->control, &(char){WORKER_WAKE}, 1, MSG_NOSIGNAL | MSG_DONTWAIT);
    return true;
}

struct cursor_state drill_worker_cursor(const struct drill_worker *w)
{
    struct cursor_state s;

    return cursor_read(append_dirfd(w->spool), w->sink.name, &s) == 0 ? s
                                                                      : (struct cursor_state){0};
}

/* --- a worker --- */

_Noreturn static void be_drilled(struct drill_worker *w, int control, pid_t parent)
{
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)setpgid(0, 0);
    if (getppid() != parent || dup2(STDERR_FILENO, STDOUT_FILENO) < 0)
        _exit(1);
    (void)signal(SIGPIPE, SIG_IGN);
    log_open("garnet-sink[test]");
    log_set_level(LOG_L_WARN);
    _exit(worker_run(&w->conf, &w->sink, control, w->board));
}

bool drill_worker_start(struct drill_worker *w)
{
    pid_t parent = getpid();
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return false;
    w->ready = w->finished = false;
    (void)fflush(NULL);
    w->pid = fork();
    if (w->pid == 0)
        be_drilled(w, pair[1], parent);
    fd_close(&pair[1]);
    w->control = pair[0];
    if (w->pid > 0)
        return true;
    w->pid = 0;
    fd_close(&w->control);
    return false;
}

void drill_worker_stop(struct drill_worker *w, int signo)
{
    if (signo != 0)
        (void)kill(w->pid, signo);
    else
        (void)send(w->control, &(char){WORKER_FINISH}, 1, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* What it has said; and whether it has ended: then its account is closed. */
static bool has_ended(struct drill_worker *w)
{
    siginfo_t ended = {.si_pid = 0};
    uint64_t sent, at;
    char word;

    while (recv(w->control, &word, 1, MSG_DONTWAIT) == 1) {
        w->ready |= word == WORKER_READY;
        w->finished |= word == WORKER_ENDS;
    }
    if (waitid(P_PID, (id_t)w->pid, &ended, WEXITED | WNOHANG | WNOWAIT) == 0 && ended.si_pid == 0)
        return false;
    (void)kill(-w->pid, SIGKILL); /* while its number is still its own */
    (void)waitpid(w->pid, &w->status, 0);
    w->pid = 0;
    fd_close(&w->control);
    sent = atomic_load(&w->board->sent);
    at = drill_worker_cursor(w).position;
    w->doubt += sent > at ? sent - at : 0;
    return true;
}

static bool is_reached(const struct drill_worker *w, enum drill_until what)
{
    uint64_t end = append_next_seq(w->spool);

    switch (what) {
    case DRILL_READY:
        return w->ready;
    case DRILL_AT_WORK:
        return atomic_load(&w->board->sent) > w->before;
    case DRILL_SETTLED:
        return drill_worker_cursor(w).position == end;
    case DRILL_ENDED:
        break;
    }
    return false;
}

enum drill_wait drill_worker_wait(struct drill_worker *w, enum drill_until what, int64_t ns)
{
    int64_t until = clock_mono() + ns;

    while (w->pid > 0) {
        if (has_ended(w))
            return what == DRILL_ENDED ? DRILL_DONE : DRILL_DIED;
        if (is_reached(w, what))
            return DRILL_DONE;
        if (clock_mono() >= until)
            return DRILL_LATE;
        (void)poll(NULL, 0, LOOKS_MS);
    }
    return what == DRILL_ENDED ? DRILL_DONE : DRILL_DIED;
}
