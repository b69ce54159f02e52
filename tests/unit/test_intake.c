/* tests/unit/test_intake.c - the sockets, in one process: a real loop, connections, a spool of text
 *
 * tests/data/intake holds a folder per case: `input` is what a client sends before it half-closes,
 * `want` the metrics that are committed, one per line, and then the reply. Each runs twice, sent
 * whole and byte by byte.
 */
#include <criterion/criterion.h>
#include <dirent.h>
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
#include "intake/intake.h"
#include "model/record.h"

enum { MANY_TURNS = 20000, SLOT = 1600000000 };

static const char GOOD[] = "{\"name\":\"good\",\"value\":1}\n";
static const char ACK[] = "{\"ack\":true}\n";
static const char ONE[] = "{\"accepted\":1,\"rejected\":0,\"errors\":[]}\n";

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

static struct source_config config(const struct rig *r)
{
    return (struct source_config){.path = r->path, .mode = 0660, .group = (gid_t)-1};
}

static void rig_start(struct rig *r)
{
    struct source_config c;
    char why[256] = "";

    r->limits = (struct conf_intake){.max_value = 4096,
                                     .max_depth = 8,
                                     .max_name = 64,
                                     .max_tags = 4,
                                     .max_connections = 4,
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
    r->source->slot_ns = SLOT * NS_PER_S;
}

static void rig_end(struct rig *r)
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

static int dial(const struct rig *r)
{
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    memcpy(sa.sun_path, r->path, strlen(r->path));
    cr_assert_eq(connect(fd, (const struct sockaddr *)&sa, sizeof sa), 0, "connect: %s",
                 strerror(errno));
    return fd;
}

static void turn(struct rig *r)
{
    (void)loop_turn(r->loop, 0);
}

/* Sends all, `most` bytes a turn. */
static void say(struct rig *r, int fd, const char *p, size_t n, size_t most)
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

static void say_text(struct rig *r, int fd, const char *s)
{
    say(r, fd, s, strlen(s), SIZE_MAX);
}

/* One read: true when there was something or the end, which *end tells. */
static bool hear(int fd, struct buf *b, bool *end)
{
    char chunk[4096];
    ssize_t n = recv(fd, chunk, sizeof chunk, 0);

    if (n > 0)
        buf_put(b, chunk, (size_t)n);
    *end = n == 0 || (n < 0 && errno != EAGAIN);
    return n > 0 || *end;
}

/* All that comes until the daemon closes. */
static void hear_all(struct rig *r, int fd, struct buf *b)
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
static void hear_line(struct rig *r, int fd, struct buf *b)
{
    bool end = false;

    for (int i = 0; b->n == 0 || b->p[b->n - 1] != '\n'; i++) {
        cr_assert_lt(i, MANY_TURNS, "no reply");
        cr_assert(!end, "closed");
        turn(r);
        (void)hear(fd, b, &end);
    }
}

static bool silent(struct rig *r, int fd)
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

static void expect_line(struct rig *r, int fd, const char *want)
{
    struct buf b = {0};

    hear_line(r, fd, &b);
    cr_assert_str_eq(text(&b), want);
    buf_free(&b);
}

/* --- the cases --- */

static void read_file(const char *name, const char *file, struct buf *b)
{
    char path[512];
    ssize_t n;
    int fd;

    (void)snprintf(path, sizeof path, "%s/intake/%s/%s", TEST_DATA, name, file);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    cr_assert_geq(fd, 0, "%s", path);
    while (buf_room(b, 4096) != NULL && (n = read(fd, b->p + b->n, 4096)) > 0)
        b->n += (size_t)n;
    (void)close(fd);
}

static void run_case(const char *name, size_t most, struct buf *out)
{
    struct rig r = {0};
    struct buf input = {0};
    int fd;

    rig_start(&r);
    fd = dial(&r);
    read_file(name, "input", &input);
    say(&r, fd, input.p, input.n, most);
    (void)shutdown(fd, SHUT_WR);
    buf_reset(out);
    hear_all(&r, fd, out);
    buf_putstr(&r.spool, (struct str){out->p, out->n});
    buf_reset(out);
    buf_putstr(out, (struct str){r.spool.p, r.spool.n});
    (void)close(fd);
    buf_free(&input);
    rig_end(&r);
}

/* To write or renew a `want`: GARNET_RENEW=1, then read what has changed. */
static void renew(const char *name, const struct buf *out)
{
    char path[512];
    int fd;

    (void)snprintf(path, sizeof path, "%s/intake/%s/want", TEST_DATA, name);
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    cr_assert_eq(write(fd, out->p, out->n), (ssize_t)out->n);
    (void)close(fd);
}

static void check_case(const char *name)
{
    struct buf want = {0}, whole = {0}, bytewise = {0};

    run_case(name, SIZE_MAX, &whole);
    if (getenv("GARNET_RENEW") != NULL)
        renew(name, &whole);
    read_file(name, "want", &want);
    cr_expect_str_eq(text(&whole), text(&want), "%s", name);
    run_case(name, 1, &bytewise);
    cr_expect_str_eq(text(&bytewise), text(&want), "%s, byte by byte", name);
    buf_free(&want);
    buf_free(&whole);
    buf_free(&bytewise);
}

Test(intake, cases, .timeout = 110)
{
    DIR *d = opendir(TEST_DATA "/intake");
    unsigned n = 0;

    cr_assert_not_null(d);
    for (struct dirent *e; (e = readdir(d)) != NULL;)
        if (e->d_name[0] != '.') {
            check_case(e->d_name);
            n++;
        }
    (void)closedir(d);
    cr_assert_geq(n, 40);
}

/* --- hostile sizes --- */

static void expect_two_good(struct rig *r, int fd, const char *start_of_error)
{
    struct buf b = {0};

    say_text(r, fd, GOOD);
    (void)shutdown(fd, SHUT_WR);
    hear_all(r, fd, &b);
    cr_assert_not_null(strstr(text(&b), "{\"accepted\":2,\"rejected\":1,"), "%s", b.p);
    cr_assert_not_null(strstr(b.p, start_of_error), "%s", b.p);
    buf_free(&b);
    (void)close(fd);
}

Test(intake, depth_of_100000)
{
    struct rig r = {0};
    struct buf b = {0};
    int fd;

    rig_start(&r);
    fd = dial(&r);
    buf_puts(&b, GOOD);
    buf_puts(&b, "{\"a\":");
    for (int i = 0; i < 100000; i++)
        buf_putc(&b, '[');
    buf_putc(&b, '\n');
    say(&r, fd, b.p, b.n, SIZE_MAX);
    expect_two_good(&r, fd, "\"line\":2,\"byte\":13,\"error\":\"nested deeper than 8 levels\"");
    buf_free(&b);
    rig_end(&r);
}

Test(intake, line_of_64_MiB, .timeout = 60)
{
    struct rig r = {0};
    char *chunk = malloc(1 << 16);
    struct rusage before, after;
    int fd;

    rig_start(&r);
    fd = dial(&r);
    memset(chunk, 'x', 1 << 16);
    say_text(&r, fd, GOOD);
    say_text(&r, fd, "{\"name\":\"");
    (void)getrusage(RUSAGE_SELF, &before);
    for (int i = 0; i < 1024; i++)
        say(&r, fd, chunk, 1 << 16, SIZE_MAX);
    (void)getrusage(RUSAGE_SELF, &after);
    cr_assert_lt(after.ru_maxrss - before.ru_maxrss, 4096, "memory grew by %ld KiB",
                 after.ru_maxrss - before.ru_maxrss);
    say_text(&r, fd, "\",\"value\":1}\n");
    expect_two_good(&r, fd, "\"line\":2,\"byte\":1,\"error\":\"longer than 4096 bytes\"");
    free(chunk);
    rig_end(&r);
}

/* --- replies --- */

Test(intake, ack_on_an_open_stream)
{
    struct rig r = {0};
    int fd;

    rig_start(&r);
    fd = dial(&r);
    say_text(&r, fd, GOOD);
    cr_assert(silent(&r, fd), "a reply that nobody asked for");
    say_text(&r, fd, ACK);
    expect_line(&r, fd, ONE);
    say_text(&r, fd, GOOD);
    say_text(&r, fd, ACK);
    expect_line(&r, fd, ONE);
    cr_assert_eq(intake_connections(r.in), 1);
    cr_assert_eq(r.source->accepted, 2);
    (void)close(fd);
    rig_end(&r);
}

Test(intake, refused_batch)
{
    struct rig r = {0};
    int fd;

    rig_start(&r);
    r.answer = -1;
    fd = dial(&r);
    say_text(&r, fd,
             "[{\"name\":\"a\",\"value\":1},{\"name\":\"b\",\"value\":2}]\n{\"ack\":true}\n");
    expect_line(&r, fd,
                "{\"accepted\":0,\"rejected\":2,\"errors\":[{\"error\":\"the disk is full\"}]}\n");
    r.answer = 0;
    say_text(&r, fd, GOOD);
    say_text(&r, fd, ACK);
    expect_line(&r, fd, ONE);
    cr_assert_eq(r.source->run_accepted, 1);
    cr_assert_eq(r.source->run_rejected, 2);
    (void)close(fd);
    rig_end(&r);
}

Test(intake, reply_waits_until_safe)
{
    struct rig r = {0};
    struct buf b = {0};
    int fd;

    rig_start(&r);
    r.answer = 1;
    fd = dial(&r);
    say_text(&r, fd, GOOD);
    say_text(&r, fd, ACK);
    cr_assert(silent(&r, fd), "accepted before it was safe");
    cr_assert(!intake_quiet(r.in));
    say_text(&r, fd, GOOD); /* is not read before the reply is out */
    cr_assert_eq(r.commits, 1);
    intake_safe(r.in, r.ticket - 1);
    cr_assert(silent(&r, fd), "an older ticket is not enough");
    intake_safe(r.in, r.ticket);
    expect_line(&r, fd, ONE);
    for (int i = 0; r.commits < 2; i++) {
        cr_assert_lt(i, MANY_TURNS);
        turn(&r);
    }
    (void)shutdown(fd, SHUT_WR);
    cr_assert(silent(&r, fd));
    intake_safe(r.in, r.ticket);
    hear_all(&r, fd, &b);
    cr_assert_str_eq(text(&b), ONE);
    cr_assert(intake_quiet(r.in));
    buf_free(&b);
    (void)close(fd);
    rig_end(&r);
}

Test(intake, closed_without_waiting)
{
    struct rig r = {0};
    int fd;

    rig_start(&r);
    r.answer = 1; /* never safe: nobody waits for it */
    fd = dial(&r);
    say(&r, fd, GOOD, sizeof GOOD - 1, SIZE_MAX);
    cr_assert_eq(send(fd, GOOD, sizeof GOOD - 1, 0), (ssize_t)sizeof GOOD - 1);
    cr_assert_eq(send(fd, ACK, sizeof ACK - 1, 0), (ssize_t)sizeof ACK - 1);
    (void)close(fd);
    cr_assert(!intake_quiet(r.in), "there is something to be read");
    for (int i = 0; intake_connections(r.in) > 0; i++) {
        cr_assert_lt(i, MANY_TURNS);
        turn(&r);
    }
    cr_assert_eq(r.source->accepted, 2);
    cr_assert(intake_quiet(r.in));
    rig_end(&r);
}

Test(intake, one_batch_for_all_clients_of_a_turn)
{
    struct rig r = {0};
    int fd[3];

    rig_start(&r);
    for (int i = 0; i < 3; i++)
        fd[i] = dial(&r);
    turn(&r);
    for (int i = 0; i < 3; i++)
        cr_assert_eq(send(fd[i], GOOD, sizeof GOOD - 1, 0), (ssize_t)sizeof GOOD - 1);
    turn(&r);
    cr_assert_eq(r.commits, 1);
    cr_assert_eq(r.largest, 3);
    for (int i = 0; i < 3; i++)
        (void)close(fd[i]);
    rig_end(&r);
}

Test(intake, own_metrics_take_the_same_road)
{
    static struct metric m = {
        .type = METRIC_GAUGE, .vtype = METRIC_I64, .value.i = 7, .name = {"own", 3}};
    struct rig r = {0};

    rig_start(&r);
    intake_own(r.in, &m);
    cr_assert(!intake_quiet(r.in));
    turn(&r);
    cr_assert_str_eq(text(&r.spool), "\"own\" i64 7 gauge 0.000000000\n");
    rig_end(&r);
}

Test(intake, a_long_batch_is_cut)
{
    struct rig r = {0};
    struct buf b = {0}, reply = {0};
    char head[64];
    int fd, n = 0;

    rig_start(&r);
    r.limits.max_value = 8 << 20;
    intake_limits(r.in, &r.limits);
    fd = dial(&r);
    buf_puts(&b, "{\"name\":\"a\",\"values\":{");
    for (; b.n < 2 << 20; n++)
        buf_putf(&b, "%s\"key-number-%d\":%d", n > 0 ? "," : "", n, n);
    buf_puts(&b, "}}\n");
    say(&r, fd, b.p, b.n, SIZE_MAX);
    (void)shutdown(fd, SHUT_WR);
    hear_all(&r, fd, &reply);
    (void)snprintf(head, sizeof head, "{\"accepted\":%d,\"rejected\":0,\"errors\":[]}\n", n);
    cr_assert_str_eq(text(&reply), head);
    cr_assert_geq(r.commits, 2);
    buf_free(&b);
    buf_free(&reply);
    (void)close(fd);
    rig_end(&r);
}

/* --- limits --- */

Test(intake, too_many_connections)
{
    struct rig r = {0};
    struct buf b = {0};
    int fd[5];

    rig_start(&r);
    for (int i = 0; i < 5; i++) {
        fd[i] = dial(&r);
        turn(&r);
    }
    cr_assert_eq(intake_connections(r.in), 4);
    cr_assert_eq(intake_refused_connections(r.in), 1);
    hear_all(&r, fd[4], &b);
    cr_assert_str_eq(text(&b), "{\"accepted\":0,\"rejected\":0,\"errors\":[{\"error\":\"too many "
                               "connections: at most 4\"}]}\n");
    (void)close(fd[0]);
    turn(&r);
    fd[0] = dial(&r);
    say_text(&r, fd[0], GOOD);
    say_text(&r, fd[0], ACK);
    expect_line(&r, fd[0], ONE);
    for (int i = 0; i < 5; i++)
        (void)close(fd[i]);
    buf_free(&b);
    rig_end(&r);
}

Test(intake, no_descriptors_left)
{
    struct rig r = {0};
    struct rlimit old, none;
    int fd, spare;

    rig_start(&r);
    fd = dial(&r);
    spare = dup(fd);
    (void)close(spare);
    (void)getrlimit(RLIMIT_NOFILE, &old);
    none = (struct rlimit){(rlim_t)spare, old.rlim_max};
    (void)setrlimit(RLIMIT_NOFILE, &none);
    turn(&r);
    cr_assert_eq(intake_connections(r.in), 0);
    for (int i = 0; i < 100; i++)
        turn(&r);
    cr_assert_eq(intake_refused_connections(r.in), 1, "it tries again and again");
    (void)setrlimit(RLIMIT_NOFILE, &old);
    cr_assert_eq(send(fd, GOOD, sizeof GOOD - 1, 0), (ssize_t)sizeof GOOD - 1);
    cr_assert_eq(send(fd, ACK, sizeof ACK - 1, 0), (ssize_t)sizeof ACK - 1);
    while (intake_connections(r.in) == 0)
        (void)loop_turn(r.loop, -1); /* until the timer that listens again */
    expect_line(&r, fd, ONE);
    (void)close(fd);
    rig_end(&r);
}

Test(intake, unfinished_value)
{
    struct rig r = {0};
    struct buf b = {0};
    int fd, patient;

    rig_start(&r);
    r.limits.idle = 20 * NS_PER_MS;
    intake_limits(r.in, &r.limits);
    fd = dial(&r);
    patient = dial(&r);
    say_text(&r, fd, "{\"name\":\"a\",");
    while (r.source->rejected == 0)
        (void)loop_turn(r.loop, -1);
    say_text(&r, fd, "\"value\":1}\n");
    say_text(&r, fd, GOOD);
    (void)shutdown(fd, SHUT_WR);
    hear_all(&r, fd, &b);
    cr_assert_str_eq(text(&b), "{\"accepted\":1,\"rejected\":1,\"errors\":[{\"line\":1,\"byte\":1,"
                               "\"error\":\"unfinished for 20ms\"}]}\n");
    cr_assert_eq(intake_connections(r.in), 1, "one that says nothing may stay");
    buf_free(&b);
    (void)close(fd);
    (void)close(patient);
    rig_end(&r);
}

Test(intake, client_that_never_reads)
{
    struct rig r = {0};
    struct buf acks = {0};
    int fd, other;

    rig_start(&r);
    r.limits.idle = 50 * NS_PER_MS;
    intake_limits(r.in, &r.limits);
    fd = dial(&r);
    other = dial(&r);
    for (int i = 0; i < 5000; i++)
        buf_puts(&acks, ACK);
    for (int i = 0; intake_connections(r.in) == 0 || i < 2000; i++) {
        (void)send(fd, acks.p, acks.n, MSG_NOSIGNAL);
        turn(&r);
    }
    say_text(&r, other, GOOD);
    say_text(&r, other, ACK);
    expect_line(&r, other, ONE); /* the others are served */
    while (intake_connections(r.in) == 2)
        (void)loop_turn(r.loop, -1);
    cr_assert_eq(intake_connections(r.in), 1);
    say_text(&r, other, GOOD);
    say_text(&r, other, ACK);
    expect_line(&r, other, ONE);
    buf_free(&acks);
    (void)close(fd);
    (void)close(other);
    rig_end(&r);
}

/* --- sources --- */

Test(intake, what_a_collectors_source_adds)
{
    static const struct pair global[] = {{.key = "env", .val = "prod"},
                                         {.key = "host", .val = "web01"}};
    static const struct pair own[] = {{.key = "env", .val = "test"}};
    const struct pairs globals = {global, 2}, owns = {own, 1};
    struct rig r = {0};
    struct source_config c;
    struct source *s;
    char path[128], why[256];
    int fd;

    rig_start(&r);
    (void)snprintf(path, sizeof path, "%s/collectors/disk.sock", r.dir);
    c = (struct source_config){path,         0600, (gid_t)-1, "disk", "sys", {&globals, &owns},
                               10 * NS_PER_S};
    s = source_open(r.in, &c, why);
    cr_assert_not_null(s, "%s", why);
    s->slot_ns = 1234 * NS_PER_S;
    (void)memcpy(r.path, path, sizeof r.path);
    fd = dial(&r);
    source_accept(s);
    s->slot_ns = 0; /* the connection keeps the slot it was accepted in */
    say_text(&r, fd, "{\"name\":\"a\",\"value\":1,\"tags\":{\"host\":\"mine\"}}\n");
    c.prefix = NULL;
    c.tags[1] = NULL;
    cr_assert(source_update(s, &c));
    say_text(&r, fd, "{\"name\":\"b\",\"value\":2,\"time\":5}\n");
    source_close(s); /* its client goes on */
    say_text(&r, fd, "{\"name\":\"c\",\"value\":3,\"time\":6}\n");
    (void)shutdown(fd, SHUT_WR);
    expect_line(&r, fd, "{\"accepted\":3,\"rejected\":0,\"errors\":[]}\n");
    cr_assert_str_eq(
        text(&r.spool),
        "\"a\" i64 1 gauge assigned 1234.000000000 tags \"env\"=\"test\",\"host\"=\"mine\" prefix "
        "sys by "
        "disk every 10000000000\n"
        "\"b\" i64 2 gauge 5.000000000 tags \"env\"=\"prod\",\"host\"=\"web01\" by disk every "
        "10000000000\n"
        "\"c\" i64 3 gauge 6.000000000 tags \"env\"=\"prod\",\"host\"=\"web01\" by disk every "
        "10000000000\n");
    (void)close(fd);
    rig_end(&r);
    *strrchr(path, '/') = 0;
    cr_assert_eq(rmdir(path), 0);
    cr_assert_eq(rmdir(r.dir), 0);
}

Test(intake, mode_of_the_socket)
{
    struct rig r = {0};
    struct stat st;

    rig_start(&r);
    cr_assert_eq(stat(r.path, &st), 0);
    cr_assert_eq(st.st_mode & 07777, 0660);
    rig_end(&r);
}

Test(intake, stale_socket_is_replaced)
{
    struct rig r = {0};
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    struct source_config c;
    char why[256];
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    rig_start(&r);
    source_close(r.source);
    memcpy(sa.sun_path, r.path, strlen(r.path));
    cr_assert_eq(bind(fd, (const struct sockaddr *)&sa, sizeof sa), 0);
    (void)close(fd);
    c = config(&r);
    r.source = source_open(r.in, &c, why);
    cr_assert_not_null(r.source, "%s", why);
    fd = dial(&r);
    say_text(&r, fd, GOOD);
    say_text(&r, fd, ACK);
    expect_line(&r, fd, ONE);
    (void)close(fd);
    rig_end(&r);
}

Test(intake, a_file_in_the_way_is_kept)
{
    struct rig r = {0};
    struct source_config c;
    char why[256] = "";
    int fd;

    rig_start(&r);
    source_close(r.source);
    fd = open(r.path, O_WRONLY | O_CREAT | O_EXCL, 0600);
    cr_assert_geq(fd, 0);
    (void)close(fd);
    c = config(&r);
    r.source = source_open(r.in, &c, why);
    cr_assert_null(r.source);
    cr_assert_not_null(strstr(why, "is there and is not a socket"), "%s", why);
    cr_assert_eq(unlink(r.path), 0, "the file is gone");
    rig_end(&r);
}

Test(intake, path_too_long)
{
    struct rig r = {0};
    struct source_config c;
    char why[256] = "", path[200];

    rig_start(&r);
    memset(path, 'x', sizeof path);
    path[0] = '/';
    path[sizeof path - 1] = 0;
    c = config(&r);
    c.path = path;
    cr_assert_null(source_open(r.in, &c, why));
    cr_assert_not_null(strstr(why, "has 1 to 107 bytes, not 199"), "%s", why);
    rig_end(&r);
}
