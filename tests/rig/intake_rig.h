/* tests/rig/intake_rig.h - the sockets, in one process: a real loop, connections, a spool of text */
#ifndef INTAKE_RIG_H
#define INTAKE_RIG_H
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "intake/intake.h"
#include "model/record.h"

enum { MANY_TURNS = 20000, SLOT = 1600000000 };

static const char GOOD[] __attribute__((unused)) = "{\"name\":\"good\",\"value\":1}\n";
static const char ACK[] __attribute__((unused)) = "{\"ack\":true}\n";
static const char ONE[] __attribute__((unused)) = "{\"accepted\":1,\"rejected\":0,\"errors\":[]}\n";

struct rig {
    struct loop *loop;
    struct intake *in;
    struct source *source;
    struct conf_intake limits;
    char dir[64], path[96];
    struct buf spool; /* what was committed, as text */
    unsigned commits;
    uint32_t largest; /* metrics in one commit */
    int answer;       /* of commit() */
    uint64_t ticket;  /* the last one given */
    int devnull;
};

/* --- the spool --- */

static inline void put_tags(struct buf *b, const char *what, const struct tag *tags, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        buf_puts(b, i == 0 ? what : ",");
        buf_put_json(b, tags[i].key);
        buf_putc(b, '=');
        buf_put_json(b, tags[i].val);
    }
}

static inline void put_metric(struct buf *b, const struct metric *m)
{
    buf_put_json(b, m->name);
    if (m->vtype == METRIC_I64)
        buf_putf(b, " i64 %" PRId64, m->value.i);
    else if (m->vtype == METRIC_U64)
        buf_putf(b, " u64 %" PRIu64, m->value.u);
    else
        buf_putf(b, " f64 %.17g", m->value.f);
    buf_putf(b, " %s ", metric_type_name(m->type));
    if (m->flags & METRIC_TIME_ASSIGNED)
        buf_puts(b, "assigned ");
    buf_putf(b, "%" PRId64 ".%09" PRId64, m->time_ns / NS_PER_S, m->time_ns % NS_PER_S);
    if (m->unit.n > 0) {
        buf_puts(b, " unit ");
        buf_put_json(b, m->unit);
    }
    put_tags(b, " tags ", m->tags, m->ntags);
    put_tags(b, " meta ", m->meta, m->nmeta);
    if (m->prefix.n > 0)
        buf_putf(b, " prefix %.*s", (int)m->prefix.n, m->prefix.s);
    if (m->collector.n > 0)
        buf_putf(b, " by %.*s", (int)m->collector.n, m->collector.s);
    if (m->interval_ns > 0)
        buf_putf(b, " every %" PRId64, m->interval_ns);
    buf_putc(b, '\n');
}

static inline int commit(void *arg, const void *records, size_t n, uint32_t count, uint64_t *ticket,
                         char why[128])
{
    static struct metric m;
    struct rig *r = arg;
    const char *p = records;
    uint32_t seen = 0;

    r->commits++;
    r->largest = count > r->largest ? count : r->largest;
    if (r->answer < 0) {
        (void)snprintf(why, 128, "the disk is full");
        return -1;
    }
    for (size_t used; n > 0; p += used, n -= used, seen++) {
        used = record_get(p, n, &m);
        cr_assert_gt(used, 0, "a record is not whole");
        put_metric(&r->spool, &m);
    }
    cr_assert_eq(seen, count);
    *ticket = ++r->ticket;
    return r->answer;
}

/* --- the rig --- */

static inline struct source_config config(const struct rig *r)
{
    return (struct source_config){
        .path = r->path, .mode = 0660, .uid = (uid_t)-1, .group = (gid_t)-1};
}

static inline void rig_start(struct rig *r)
{
    struct source_config c;
    char why[256] = "";

    r->limits = (struct conf_intake){.max_value = 4096,
                                     .max_depth = 8,
                                     .max_name = 64,
                                     .max_tags = 4,
                                     .max_connections = 4,
                                     .max_connections_per_user = 4,
                                     .idle = 30 * NS_PER_S};
    r->devnull = open("/dev/null", O_WRONLY | O_CLOEXEC);
    log_to(r->devnull);
    (void)snprintf(r->dir, sizeof r->dir, "/tmp/garnet-intake-XXXXXX");
    cr_assert_not_null(mkdtemp(r->dir));
    (void)snprintf(r->path, sizeof r->path, "%s/garnet.sock", r->dir);
    r->loop = loop_new();
    cr_assert_not_null(r->loop);
    r->in = intake_new(r->loop, &r->limits, commit, r);
    cr_assert_not_null(r->in);
    c = config(r);
    r->source = source_open(r->in, &c, why);
    cr_assert_not_null(r->source, "%s", why);
    source_run(r->source, SLOT * NS_PER_S);
}

static inline void rig_end(struct rig *r)
{
    if (r->source != NULL)
        source_close(r->source);
    intake_free(r->in);
    loop_free(r->loop);
    buf_free(&r->spool);
    cr_assert_eq(access(r->path, F_OK), -1, "the socket is still there");
    (void)rmdir(r->dir);
    (void)close(r->devnull);
}

static inline int dial(const struct rig *r)
{
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    memcpy(sa.sun_path, r->path, strlen(r->path));
    cr_assert_eq(connect(fd, (const struct sockaddr *)&sa, sizeof sa), 0, "connect: %s",
                 strerror(errno));
    return fd;
}

static inline void turn(struct rig *r)
{
    (void)loop_turn(r->loop, 0);
}

/* Sends all, `most` bytes a turn. */
static inline void say(struct rig *r, int fd, const char *p, size_t n, size_t most)
{
    for (int i = 0; n > 0; i++) {
        ssize_t sent = send(fd, p, n < most ? n : most, MSG_NOSIGNAL);

        cr_assert(sent > 0 || errno == EAGAIN, "send: %s", strerror(errno));
        if (sent > 0) {
            p += sent;
            n -= (size_t)sent;
            i = 0;
        }
        cr_assert_lt(i, MANY_TURNS, "nobody reads");
        turn(r);
    }
}

static inline void say_text(struct rig *r, int fd, const char *s)
{
    say(r, fd, s, strlen(s), SIZE_MAX);
}

/* One read: true when there was something or the end, which *end tells. */
static inline bool hear(int fd, struct buf *b, bool *end)
{
    char chunk[4096];
    ssize_t n = recv(fd, chunk, sizeof chunk, 0);

    if (n > 0)
        buf_put(b, chunk, (size_t)n);
    *end = n == 0 || (n < 0 && errno != EAGAIN);
    return n > 0 || *end;
}

/* All that comes until the daemon closes. */
static inline void hear_all(struct rig *r, int fd, struct buf *b)
{
    bool end = false;

    for (int i = 0; !end; i++) {
        cr_assert_lt(i, MANY_TURNS, "the connection stays open");
        if (hear(fd, b, &end))
            i = 0;
        turn(r);
    }
}

/* The next line, and nothing more. */
static inline void hear_line(struct rig *r, int fd, struct buf *b)
{
    bool end = false;

    for (int i = 0; b->n == 0 || b->p[b->n - 1] != '\n'; i++) {
        cr_assert_lt(i, MANY_TURNS, "no reply");
        cr_assert(!end, "closed");
        turn(r);
        (void)hear(fd, b, &end);
    }
}

static inline bool silent(struct rig *r, int fd)
{
    struct buf b = {0};
    bool end;
    bool heard = false;

    for (int i = 0; i < 20; i++) {
        turn(r);
        heard |= hear(fd, &b, &end);
    }
    buf_free(&b);
    return !heard;
}

static const char *text(struct buf *b)
{
    buf_putc(b, 0);
    b->n--;
    return b->p;
}

static inline void expect_line(struct rig *r, int fd, const char *want)
{
    struct buf b = {0};

    hear_line(r, fd, &b);
    cr_assert_str_eq(text(&b), want);
    buf_free(&b);
}

#endif
