/* tests/unit/intake/test_intake.c - what clients send, and what they are told
 *
 * tests/data/intake holds a folder per case: `input` is what a client sends before it half-closes,
 * `want` the metrics that are committed, one per line, and then the reply. Each runs twice, sent
 * whole and byte by byte.
 */
#include <dirent.h>

#include "rig/intake_rig.h"

TestSuite(intake, .init = intake_rig_start, .fini = intake_rig_end);

static struct intake_rig *const rig = &intake_rig;

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
    struct buf input = {0};
    int fd;

    intake_rig_start();
    fd = connect_client();
    read_file(name, "input", &input);
    send_pieces(fd, input.p, input.n, most);
    (void)shutdown(fd, SHUT_WR);
    buf_reset(out);
    receive_to_end(fd, out);
    buf_putstr(&rig->spool, (struct str){out->p, out->n});
    buf_reset(out);
    buf_putstr(out, (struct str){rig->spool.p, rig->spool.n});
    (void)close(fd);
    buf_free(&input);
    intake_rig_end();
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
    cr_expect_str_eq(text_of(&whole), text_of(&want), "%s", name);
    run_case(name, 1, &bytewise);
    cr_expect_str_eq(text_of(&bytewise), text_of(&want), "%s, byte by byte", name);
    buf_free(&want);
    buf_free(&whole);
    buf_free(&bytewise);
}

Test(intake_cases, all, .timeout = 110)
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

static void expect_two_good(int fd, const char *start_of_error)
{
    struct buf b = {0};

    send_text(fd, GOOD);
    (void)shutdown(fd, SHUT_WR);
    receive_to_end(fd, &b);
    cr_assert_not_null(strstr(text_of(&b), "{\"accepted\":2,\"rejected\":1,"), "%s", b.p);
    cr_assert_not_null(strstr(b.p, start_of_error), "%s", b.p);
    buf_free(&b);
    (void)close(fd);
}

Test(intake, depth_of_100000)
{
    struct buf b = {0};
    int fd;

    fd = connect_client();
    buf_puts(&b, GOOD);
    buf_puts(&b, "{\"a\":");
    for (int i = 0; i < 100000; i++)
        buf_putc(&b, '[');
    buf_putc(&b, '\n');
    send_pieces(fd, b.p, b.n, SIZE_MAX);
    expect_two_good(fd, "\"line\":2,\"byte\":13,\"error\":\"nested deeper than 8 levels\"");
    buf_free(&b);
}

Test(intake, line_of_64_MiB, .timeout = 60)
{
    char *chunk = malloc(1 << 16);
    struct rusage before, after;
    int fd;

    fd = connect_client();
    memset(chunk, 'x', 1 << 16);
    send_text(fd, GOOD);
    send_text(fd, "{\"name\":\"");
    (void)getrusage(RUSAGE_SELF, &before);
    for (int i = 0; i < 1024; i++)
        send_pieces(fd, chunk, 1 << 16, SIZE_MAX);
    (void)getrusage(RUSAGE_SELF, &after);
    cr_assert_lt(after.ru_maxrss - before.ru_maxrss, 4096, "memory grew by %ld KiB",
                 after.ru_maxrss - before.ru_maxrss);
    send_text(fd, "\",\"value\":1}\n");
    expect_two_good(fd, "\"line\":2,\"byte\":1,\"error\":\"longer than 4096 bytes\"");
    free(chunk);
}

/* --- replies --- */

Test(intake, ack_on_an_open_stream)
{
    int fd;

    fd = connect_client();
    send_text(fd, GOOD);
    cr_assert(nothing_comes(fd), "a reply that nobody asked for");
    send_text(fd, ACK);
    expect_line(fd, ONE);
    send_text(fd, GOOD);
    send_text(fd, ACK);
    expect_line(fd, ONE);
    cr_assert_eq(intake_connections(rig->in), 1);
    cr_assert_eq(source_counts(rig->source)->accepted, 2);
    (void)close(fd);
}

Test(intake, refused_batch)
{
    uint64_t accepted, rejected;
    int fd;

    rig->answer = -1;
    fd = connect_client();
    send_text(fd, "[{\"name\":\"a\",\"value\":1},{\"name\":\"b\",\"value\":2}]\n{\"ack\":true}\n");
    expect_line(fd,
                "{\"accepted\":0,\"rejected\":2,\"errors\":[{\"error\":\"the disk is full\"}]}\n");
    rig->answer = 0;
    send_text(fd, GOOD);
    send_text(fd, ACK);
    expect_line(fd, ONE);
    source_run_end(rig->source, &accepted, &rejected);
    cr_assert_eq(accepted, 1);
    cr_assert_eq(rejected, 2);
    (void)close(fd);
}

/* A sync that failed: "accepted" is not said, neither now nor later. */
Test(intake, what_may_not_be_safe_is_not_accepted)
{
    struct buf b = {0};
    int fd;

    rig->answer = 1;
    fd = connect_client();
    send_text(fd, GOOD);
    send_text(fd, ACK);
    cr_assert(nothing_comes(fd));
    intake_known(rig->in, rig->ticket, "no disk");
    expect_line(fd, "{\"accepted\":0,\"rejected\":1,\"errors\":[{\"error\":\"no disk\"}]}\n");
    send_text(fd, GOOD); /* without an ACK: the answer is yet to be asked for */
    cr_assert_eq(rig->commits, 2);
    intake_known(rig->in, rig->ticket, "no disk");
    (void)shutdown(fd, SHUT_WR);
    receive_to_end(fd, &b);
    cr_assert_not_null(strstr(text_of(&b), "{\"accepted\":0,\"rejected\":1,"), "%s", text_of(&b));
    cr_assert(intake_quiet(rig->in));
    buf_free(&b);
    (void)close(fd);
}

Test(intake, reply_waits_until_safe)
{
    struct buf b = {0};
    int fd;

    rig->answer = 1;
    fd = connect_client();
    send_text(fd, GOOD);
    send_text(fd, ACK);
    cr_assert(nothing_comes(fd), "accepted before it was safe");
    cr_assert(!intake_quiet(rig->in));
    send_text(fd, GOOD); /* is not read before the reply is out */
    cr_assert_eq(rig->commits, 1);
    intake_known(rig->in, rig->ticket - 1, NULL);
    cr_assert(nothing_comes(fd), "an older ticket is not enough");
    intake_known(rig->in, rig->ticket, NULL);
    expect_line(fd, ONE);
    for (int i = 0; rig->commits < 2; i++) {
        cr_assert_lt(i, MANY_TURNS);
        turn_loop();
    }
    (void)shutdown(fd, SHUT_WR);
    cr_assert(nothing_comes(fd));
    intake_known(rig->in, rig->ticket, NULL);
    receive_to_end(fd, &b);
    cr_assert_str_eq(text_of(&b), ONE);
    cr_assert(intake_quiet(rig->in));
    buf_free(&b);
    (void)close(fd);
}

Test(intake, closed_without_waiting)
{
    int fd;

    rig->answer = 1; /* never safe: nobody waits for it */
    fd = connect_client();
    send_pieces(fd, GOOD, sizeof GOOD - 1, SIZE_MAX);
    cr_assert_eq(send(fd, GOOD, sizeof GOOD - 1, 0), (ssize_t)sizeof GOOD - 1);
    cr_assert_eq(send(fd, ACK, sizeof ACK - 1, 0), (ssize_t)sizeof ACK - 1);
    (void)close(fd);
    cr_assert(!intake_quiet(rig->in), "there is something to be read");
    for (int i = 0; intake_connections(rig->in) > 0; i++) {
        cr_assert_lt(i, MANY_TURNS);
        turn_loop();
    }
    cr_assert_eq(source_counts(rig->source)->taken, 2);
    intake_known(rig->in, rig->ticket, NULL);
    cr_assert_eq(source_counts(rig->source)->accepted, 2);
    cr_assert(intake_quiet(rig->in));
}

Test(intake, one_batch_for_all_clients_of_a_turn)
{
    int fd[3];

    for (int i = 0; i < 3; i++)
        fd[i] = connect_client();
    turn_loop();
    for (int i = 0; i < 3; i++)
        cr_assert_eq(send(fd[i], GOOD, sizeof GOOD - 1, 0), (ssize_t)sizeof GOOD - 1);
    turn_loop();
    cr_assert_eq(rig->commits, 1);
    cr_assert_eq(rig->largest, 3);
    for (int i = 0; i < 3; i++)
        (void)close(fd[i]);
}

Test(intake, own_metrics_take_the_same_road)
{
    static struct metric m = {
        .type = METRIC_GAUGE, .vtype = METRIC_I64, .value.i = 7, .name = {"own", 3}};

    intake_own(rig->in, &m);
    cr_assert(!intake_quiet(rig->in));
    turn_loop();
    cr_assert_str_eq(text_of(&rig->spool), "\"own\" i64 7 gauge 0.000000000\n");
}

Test(intake, own_metrics_that_are_refused_are_counted)
{
    static struct metric m = {
        .type = METRIC_GAUGE, .vtype = METRIC_I64, .value.i = 7, .name = {"own", 3}};

    rig->answer = -1;
    intake_own(rig->in, &m);
    intake_own(rig->in, &m);
    turn_loop();
    cr_assert_eq(intake_counts(rig->in)->own_rejected, 2);
    rig->answer = 0;
    intake_own(rig->in, &m);
    turn_loop();
    cr_assert_eq(intake_counts(rig->in)->own_rejected, 2);
}

Test(intake, a_long_batch_is_cut)
{
    struct buf b = {0}, reply = {0};
    char head[64];
    int fd, n = 0;

    rig->limits.max_value = 8 << 20;
    intake_limits(rig->in, &rig->limits);
    fd = connect_client();
    buf_puts(&b, "{\"name\":\"a\",\"values\":{");
    for (; b.n < 2 << 20; n++)
        buf_putf(&b, "%s\"key-number-%d\":%d", n > 0 ? "," : "", n, n);
    buf_puts(&b, "}}\n");
    send_pieces(fd, b.p, b.n, SIZE_MAX);
    (void)shutdown(fd, SHUT_WR);
    receive_to_end(fd, &reply);
    (void)snprintf(head, sizeof head, "{\"accepted\":%d,\"rejected\":0,\"errors\":[]}\n", n);
    cr_assert_str_eq(text_of(&reply), head);
    cr_assert_geq(rig->commits, 2);
    buf_free(&b);
    buf_free(&reply);
    (void)close(fd);
}
