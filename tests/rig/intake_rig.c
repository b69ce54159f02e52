/* tests/rig/intake_rig.c - what is committed is written as text, a line a metric, and answered as the test says */
#include "rig/intake_rig.h"

#include <sys/un.h>

#include "base/why.h"

struct intake_rig intake_rig;
static struct intake_rig *const rig = &intake_rig;

static void put_tags(struct buf *b, const char *what, const struct tag *tags, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        buf_puts(b, i == 0 ? what : ",");
        buf_put_json(b, tags[i].key);
        buf_putc(b, '=');
        buf_put_json(b, tags[i].val);
    }
}

static void put_metric(struct buf *b, const struct metric *m)
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

static int commit(void *arg, const void *records, size_t n, uint32_t count, uint64_t *ticket,
                  struct why *why)
{
    static struct metric m;
    const char *p = records;
    uint32_t seen = 0;

    (void)arg;
    rig->commits++;
    rig->largest = count > rig->largest ? count : rig->largest;
    if (rig->committed != NULL)
        rig->committed();
    if (rig->answer < 0) {
        why_set(why, "the disk is full");
        errno = ENOSPC;
        return -1;
    }
    for (size_t used; n > 0; p += used, n -= used, seen++) {
        used = record_get(p, n, &m);
        cr_assert_gt(used, 0, "a record is not whole");
        put_metric(&rig->spool, &m);
    }
    cr_assert_eq(seen, count);
    *ticket = ++rig->ticket;
    return rig->answer;
}

struct source_config source_config(void)
{
    return (struct source_config){
        .socket = {.path = rig->path, .mode = 0660, .uid = (uid_t)-1, .group = (gid_t)-1}};
}

void intake_rig_start(void)
{
    struct source_config c;
    struct why why = {0};

    *rig = (struct intake_rig){0};
    rig->limits = (struct conf_intake){.max_value = 4096,
                                       .max_depth = 8,
                                       .max_name = 64,
                                       .max_tags = 4,
                                       .max_connections = 4,
                                       .max_connections_per_user = 4,
                                       .idle = 30 * NS_PER_S};
    rig->devnull = open("/dev/null", O_WRONLY | O_CLOEXEC);
    log_to(rig->devnull);
    (void)snprintf(rig->dir, sizeof rig->dir, "/tmp/garnet-intake-XXXXXX");
    cr_assert_not_null(mkdtemp(rig->dir));
    (void)snprintf(rig->path, sizeof rig->path, "%s/garnet.sock", rig->dir);
    rig->loop = loop_new();
    cr_assert_not_null(rig->loop);
    rig->in = intake_new(rig->loop, &rig->limits, commit, NULL);
    cr_assert_not_null(rig->in);
    c = source_config();
    rig->source = source_open(rig->in, &c, &why);
    cr_assert_not_null(rig->source, "%s", why.text);
    source_run(rig->source, SLOT * NS_PER_S);
}

void intake_rig_end(void)
{
    if (rig->source != NULL)
        source_close(rig->source);
    intake_free(rig->in);
    loop_free(rig->loop);
    buf_free(&rig->spool);
    cr_assert_eq(access(rig->path, F_OK), -1, "the socket is still there");
    cr_assert_eq(rmdir(rig->dir), 0, "something is left in %s", rig->dir);
    (void)close(rig->devnull);
}

int connect_client(void)
{
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    memcpy(sa.sun_path, rig->path, strlen(rig->path));
    cr_assert_eq(connect(fd, (const struct sockaddr *)&sa, sizeof sa), 0, "connect: %s",
                 strerror(errno));
    return fd;
}

void turn_loop(void)
{
    (void)loop_turn(rig->loop, 0);
}

void send_pieces(int fd, const char *p, size_t n, size_t most)
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
        turn_loop();
    }
}

void send_text(int fd, const char *s)
{
    send_pieces(fd, s, strlen(s), SIZE_MAX);
}

bool receive_some(int fd, struct buf *b, bool *end)
{
    char chunk[4096];
    ssize_t n = recv(fd, chunk, sizeof chunk, 0);

    if (n > 0)
        buf_put(b, chunk, (size_t)n);
    *end = n == 0 || (n < 0 && errno != EAGAIN);
    return n > 0 || *end;
}

void receive_to_end(int fd, struct buf *b)
{
    bool end = false;

    for (int i = 0; !end; i++) {
        cr_assert_lt(i, MANY_TURNS, "the connection stays open");
        if (receive_some(fd, b, &end))
            i = 0;
        turn_loop();
    }
}

void receive_line(int fd, struct buf *b)
{
    bool end = false;

    for (int i = 0; b->n == 0 || b->p[b->n - 1] != '\n'; i++) {
        cr_assert_lt(i, MANY_TURNS, "no reply");
        cr_assert(!end, "closed");
        turn_loop();
        (void)receive_some(fd, b, &end);
    }
}

bool nothing_comes(int fd)
{
    struct buf b = {0};
    bool end;
    bool heard = false;

    for (int i = 0; i < 20; i++) {
        turn_loop();
        heard |= receive_some(fd, &b, &end);
    }
    buf_free(&b);
    return !heard;
}

const char *text_of(struct buf *b)
{
    buf_putc(b, 0);
    b->n--;
    return b->p;
}

void expect_line(int fd, const char *want)
{
    struct buf b = {0};

    receive_line(fd, &b);
    cr_assert_str_eq(text_of(&b), want);
    buf_free(&b);
}
