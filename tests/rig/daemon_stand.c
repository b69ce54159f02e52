/* tests/rig/daemon_stand.c - real files in a folder of its own, a log over a pipe */
#include "rig/daemon_stand.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/why.h"
#include "collect/keeper.h"
#include "conf/load.h"
#include "daemon/check.h"
#include "model/record.h"

void stand_begin(struct stand *s)
{
    int fds[2];

    *s = (struct stand){.dir = "/tmp/garnet-daemon-XXXXXX"};
    cr_assert_not_null(mkdtemp(s->dir));
    cr_assert_eq(mkdir(stand_path(s, "collectors.d"), 0755), 0);
    cr_assert_eq(mkdir(stand_path(s, "run"), 0755), 0);
    cr_assert_eq(fd_pipe(fds, O_NONBLOCK, O_NONBLOCK), 0);
    s->log = fds[0];
    log_to(fds[1]);
    s->loop = loop_new();
    cr_assert_not_null(s->loop);
}

void stand_end(struct stand *s)
{
    int fd = log_fd();

    if (s->self != NULL)
        selfmetrics_stop(s->self);
    if (s->intake != NULL)
        intake_free(s->intake);
    if (s->spool != NULL)
        append_close(s->spool);
    if (s->keepers.loop != NULL)
        keepers_free(&s->keepers, clock_mono() + 20 * NS_PER_S);
    loop_free(s->loop);
    log_to(STDERR_FILENO);
    fd_close(&fd);
    fd_close(&s->log);
    buf_free(&s->taken);
    buf_free(&s->logged);
    remove_tree(s->dir);
}

void stand_keepers(struct stand *s)
{
    static const struct nursery_work work = {keeper_keep_runs, check_in_child};

    if (s->keepers.loop == NULL)
        cr_assert_eq(keepers_init(&s->keepers, s->loop, &work), 0);
}

const char *stand_path(const struct stand *s, const char *name)
{
    static char paths[8][192];
    static unsigned next;
    char *path = paths[next++ % 8];

    (void)snprintf(path, sizeof paths[0], "%s/%s", s->dir, name);
    return path;
}

const char *stand_script(const struct stand *s, const char *name, const char *text)
{
    const char *path = stand_path(s, name);

    write_script(path, text);
    return path;
}

const char *stand_configure(const struct stand *s, const char *more)
{
    const char *path = stand_path(s, "garnet.yaml");
    char text[4096];

    (void)snprintf(text, sizeof text,
                   "socket: {path: run/garnet.sock}\nhost: testhost\nspool: {dir: spool}\n"
                   "plugin_path: [%s/plugins]\n%s",
                   TEST_BUILD, more);
    write_text(path, text);
    return path;
}

void stand_collector(const struct stand *s, const char *name, const char *text)
{
    char file[80];

    (void)snprintf(file, sizeof file, "collectors.d/%s.yaml", name);
    if (text != NULL)
        write_text(stand_path(s, file), text);
    else
        cr_assert_eq(unlink(stand_path(s, file)), 0);
}

struct generation *stand_generation(const struct stand *s)
{
    struct snapshot snapshot = {0};
    struct errors e = {0};
    struct buf bytes = {0};
    struct generation *g;
    struct asking asking = {.table = -1};
    struct conf *c = conf_load(&snapshot, stand_path(s, "garnet.yaml"), NULL, &asking, &e);

    cr_assert(c != NULL && !errors_fatal(&e), "%.*s", (int)e.text.n, e.text.n > 0 ? e.text.p : "");
    snapshot_write(&snapshot, &bytes);
    g = generation_new(c, (struct str){bytes.p, bytes.n});
    cr_assert_not_null(g);
    buf_free(&bytes);
    errors_free(&e);
    snapshot_free(&snapshot);
    return g;
}

/* --- the intake --- */

static int keep_batch(void *arg, const void *records, size_t n, uint32_t count, uint64_t *ticket,
                      struct why *why)
{
    static struct metric m;
    struct stand *s = arg;
    const char *p = records;

    (void)count, (void)ticket, (void)why;
    for (size_t used; n > 0; p += used, n -= used) {
        used = record_get(p, n, &m);
        cr_assert_gt(used, 0);
        buf_putf(&s->taken, "%.*s ", (int)m.name.n, m.name.s);
        if (m.vtype == METRIC_F64)
            buf_putf(&s->taken, "%g", m.value.f);
        else
            buf_putf(&s->taken, "%" PRId64, m.value.i);
        for (uint32_t i = 0; i < m.ntags; i++)
            buf_putf(&s->taken, " %.*s=%.*s", (int)m.tags[i].key.n, m.tags[i].key.s,
                     (int)m.tags[i].val.n, m.tags[i].val.s);
        buf_putf(&s->taken, " at %" PRId64 "\n", m.time_ns / NS_PER_MS);
    }
    return 0;
}

static void no_round(void *arg, const struct self_round *at)
{
    (void)arg, (void)at;
}

void stand_intake(struct stand *s, const struct conf *c)
{
    s->intake = intake_new(s->loop, &c->intake, keep_batch, s);
    cr_assert_not_null(s->intake);
    s->self = &s->selfmetrics;
    selfmetrics_init(s->self, s->loop, s->intake, c, no_round, NULL);
}

/* --- the spool --- */

void stand_spool(struct stand *s, const struct conf *c)
{
    struct append_config ac = {.dir = c->spool.dir,
                               .segment_size = c->spool.segment_size,
                               .max_size = c->spool.max_size,
                               .max_age = c->spool.max_age};
    struct why why;

    s->spool = append_open(&ac, &why);
    cr_assert_not_null(s->spool, "%s", why.text);
}

void stand_append(struct stand *s, unsigned metrics)
{
    uint64_t end;

    cr_assert_eq(append_frame(s->spool, "payload", 7, metrics, &end), 0);
}

/* --- what was said and taken --- */

static int times_in(struct buf *b, const char *what)
{
    int times = 0;

    buf_putc(b, '\0');
    for (const char *p = b->p; (p = strstr(p, what)) != NULL; p++)
        times++;
    b->n--;
    return times;
}

const char *stand_log_text(struct stand *s)
{
    char chunk[4096];
    ssize_t n;

    while ((n = read(s->log, chunk, sizeof chunk)) > 0)
        buf_put(&s->logged, chunk, (size_t)n);
    buf_putc(&s->logged, '\0');
    s->logged.n--;
    return s->logged.p;
}

int stand_logged(struct stand *s, const char *what)
{
    (void)stand_log_text(s);
    return times_in(&s->logged, what);
}

int stand_taken(struct stand *s, const char *what)
{
    return times_in(&s->taken, what);
}
