/* tests/unit/intake/test_intake_source.c - a source: its socket, what it adds, what its runs may send */
#include <sys/un.h>

#include "base/why.h"
#include "rig/intake_rig.h"

TestSuite(source, .init = intake_rig_start, .fini = intake_rig_end);

static struct intake_rig *const rig = &intake_rig;

Test(source, what_a_collectors_source_adds)
{
    static const struct pair global[] = {{.key = "env", .val = "prod"},
                                         {.key = "host", .val = "web01"}};
    static const struct pair own[] = {{.key = "env", .val = "test"}};
    const struct pairs globals = {global, 2}, owns = {own, 1};
    struct source_config c;
    struct source *s;
    struct why why;
    char path[128];
    int fd;

    (void)snprintf(path, sizeof path, "%s/collectors/disk.sock", rig->dir);
    c = (struct source_config){
        .socket = {.path = path, .mode = 0600, .uid = (uid_t)-1, .group = (gid_t)-1},
        .name = "disk",
        .prefix = "sys",
        .tags = {&globals, &owns},
        .interval_ns = 10 * NS_PER_S};
    s = source_open(rig->in, &c, &why);
    cr_assert_not_null(s, "%s", why.text);
    source_run(s, 1234 * NS_PER_S);
    (void)memcpy(rig->path, path, sizeof rig->path);
    fd = connect_client();
    source_accept(s);
    source_run(s, 0); /* the connection keeps the slot it was accepted in */
    send_text(fd, "{\"name\":\"a\",\"value\":1,\"tags\":{\"host\":\"mine\"}}\n");
    c.prefix = NULL;
    c.tags[1] = NULL;
    cr_assert(source_update(s, &c));
    send_text(fd, "{\"name\":\"b\",\"value\":2,\"time\":5}\n");
    source_close(s); /* its client goes on */
    send_text(fd, "{\"name\":\"c\",\"value\":3,\"time\":6}\n");
    (void)shutdown(fd, SHUT_WR);
    expect_line(fd, "{\"accepted\":3,\"rejected\":0,\"errors\":[]}\n");
    cr_assert_str_eq(
        text_of(&rig->spool),
        "\"a\" i64 1 gauge assigned 1234.000000000 tags \"env\"=\"test\",\"host\"=\"mine\" prefix "
        "sys by "
        "disk every 10000000000\n"
        "\"b\" i64 2 gauge 5.000000000 tags \"env\"=\"prod\",\"host\"=\"web01\" by disk every "
        "10000000000\n"
        "\"c\" i64 3 gauge 6.000000000 tags \"env\"=\"prod\",\"host\"=\"web01\" by disk every "
        "10000000000\n");
    (void)close(fd);
    *strrchr(path, '/') = 0;
    cr_assert_eq(rmdir(path), 0); /* and the rig's own is removed with it */
}

Test(source, mode_of_the_socket)
{
    struct stat st;

    cr_assert_eq(stat(rig->path, &st), 0);
    cr_assert_eq(st.st_mode & 07777, 0660);
}

Test(source, stale_socket_is_replaced)
{
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    struct source_config c;
    struct why why;
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    source_close(rig->source);
    memcpy(sa.sun_path, rig->path, strlen(rig->path));
    cr_assert_eq(bind(fd, (const struct sockaddr *)&sa, sizeof sa), 0);
    (void)close(fd);
    c = source_config();
    rig->source = source_open(rig->in, &c, &why);
    cr_assert_not_null(rig->source, "%s", why.text);
    fd = connect_client();
    send_text(fd, GOOD);
    send_text(fd, ACK);
    expect_line(fd, ONE);
    (void)close(fd);
}

Test(source, a_file_in_the_way_is_kept)
{
    struct source_config c;
    struct why why = {0};
    int fd;

    source_close(rig->source);
    fd = open(rig->path, O_WRONLY | O_CREAT | O_EXCL, 0600);
    cr_assert_geq(fd, 0);
    (void)close(fd);
    c = source_config();
    rig->source = source_open(rig->in, &c, &why);
    cr_assert_null(rig->source);
    cr_assert_not_null(strstr(why.text, "is there and is not a socket"), "%s", why.text);
    cr_assert_eq(unlink(rig->path), 0, "the file is gone");
}

Test(source, path_too_long)
{
    struct source_config c;
    struct why why = {0};
    char path[200];

    memset(path, 'x', sizeof path);
    path[0] = '/';
    path[sizeof path - 1] = 0;
    c = source_config();
    c.socket.path = path;
    cr_assert_null(source_open(rig->in, &c, &why));
    cr_assert_not_null(strstr(why.text, "has 1 to 107 bytes, not 199"), "%s", why.text);
}

Test(source, owner_of_the_socket)
{
    struct source_config c;
    struct stat st;
    struct why why;

    source_close(rig->source);
    c = source_config();
    c.socket.uid = getuid() == 0 ? 65534 : getuid();
    c.socket.group = getuid() == 0 ? 65534 : getgid();
    rig->source = source_open(rig->in, &c, &why);
    cr_assert_not_null(rig->source, "%s", why.text);
    cr_assert_eq(stat(rig->path, &st), 0);
    cr_assert_eq(st.st_uid, c.socket.uid);
    cr_assert_eq(st.st_gid, c.socket.group);
    cr_assert_eq(st.st_mode & 07777, 0660);
}

/* Whatever a collector's file says: the name alone is what sinks select by. */
Test(source, names_of_garnets_own)
{
    static const struct {
        const char *prefix, *name;
        bool taken;
    } cases[] = {{NULL, "garnet.a", false}, {NULL, "garnet", false},  {NULL, "garnets.a", true},
                 {"garnet", "a", false},    {"garnet.x", "a", false}, {".garnet", "a", false},
                 {"x", "garnet.a", false},  {".", "garnet.a", false}, {"x.garnet", "a", true},
                 {"garnets", "a", true},    {"x", "a.garnet", true}};
    char line[96];

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct source_config c = source_config();
        struct buf b = {0};
        int fd;

        c.name = "disk";
        c.prefix = cases[i].prefix;
        cr_assert(source_update(rig->source, &c));
        fd = connect_client();
        (void)snprintf(line, sizeof line, "{\"name\":\"%s\",\"value\":1}\n", cases[i].name);
        send_text(fd, line);
        (void)shutdown(fd, SHUT_WR);
        receive_to_end(fd, &b);
        cr_assert_eq(strstr(text_of(&b), "for Garnet's own metrics") == NULL, cases[i].taken,
                     "%s, %s: %s", cases[i].prefix ? cases[i].prefix : "-", cases[i].name, b.p);
        cr_assert_eq(source_counts(rig->source)->accepted + source_counts(rig->source)->rejected,
                     i + 1);
        buf_free(&b);
        (void)close(fd);
    }
}

/* --- runs --- */

/* The rig's source, as a collector's with limits. */
static void limit(int64_t series, int64_t metrics, int64_t bytes, int64_t window)
{
    struct source_config c = source_config();
    struct why why;

    source_close(rig->source);
    c.name = "disk";
    c.quota =
        (struct conf_quota){.series_limit = series, .metrics_limit = metrics, .bytes_limit = bytes};
    c.window_ns = window;
    rig->source = source_open(rig->in, &c, &why);
    cr_assert_not_null(rig->source, "%s", why.text);
}

static void send_now(int fd, const char *s)
{
    cr_assert_eq(send(fd, s, strlen(s), 0), (ssize_t)strlen(s));
}

Test(source, a_run_is_counted_to_its_last_byte)
{
    uint64_t accepted, rejected;
    int fd;

    limit(0, 0, 0, 0);
    for (int run = 1; run <= 3; run++) {
        source_run(rig->source, run * NS_PER_S);
        for (int i = 0; i < 3; i++) { /* none has been accepted yet */
            fd = connect_client();
            send_now(fd, GOOD);
            send_now(fd, "{\"name\":1,\"value\":1}\n");
            (void)close(fd);
        }
        source_run_end(rig->source, &accepted, &rejected);
        cr_assert_eq(accepted, 3);
        cr_assert_eq(rejected, 3);
        turn_loop();
    }
    cr_assert_not_null(strstr(text_of(&rig->spool), "assigned 3.000000000"));
    cr_assert_eq(intake_connections(rig->in), 0);
    cr_assert_eq(source_counts(rig->source)->accepted, 9);
    buf_reset(&rig->spool); /* its slot is over */
    fd = connect_client();
    send_text(fd, GOOD);
    (void)close(fd);
    turn_loop();
    cr_assert_not_null(strstr(text_of(&rig->spool), "\"good\""));
    cr_assert_null(strstr(text_of(&rig->spool), "assigned 3.000000000"));
}

/* The answer to its first half is held, and the loop has not seen it close. */
Test(source, what_is_behind_a_held_reply_is_of_the_run)
{
    uint64_t accepted, rejected;
    int fd;

    limit(0, 0, 0, 0);
    rig->answer = 1;
    source_run(rig->source, NS_PER_S);
    fd = connect_client();
    send_text(fd, GOOD);
    send_text(fd, ACK);
    cr_assert(nothing_comes(fd));
    send_now(fd, GOOD);
    send_now(fd, "{\"name\":1,\"value\":1}\n");
    (void)close(fd);
    source_run_end(rig->source, &accepted, &rejected);
    cr_assert_eq(accepted, 2);
    cr_assert_eq(rejected, 1);
    turn_loop();
    cr_assert_eq(intake_connections(rig->in), 0);
}

/* Somebody else's, who lives on, keeps his answer and is no part of the next run. */
Test(source, a_run_counts_its_own_connections)
{
    uint64_t accepted, rejected;
    int old, fd;

    limit(0, 0, 0, 0);
    rig->answer = 1;
    source_run(rig->source, NS_PER_S);
    old = connect_client();
    send_text(old, GOOD);
    send_text(old, ACK);
    source_run_end(rig->source, &accepted, &rejected);
    cr_assert_eq(accepted, 1);
    intake_known(rig->in, rig->ticket, NULL);
    expect_line(old, ONE);
    source_run(rig->source, 2 * NS_PER_S);
    fd = connect_client();
    send_text(fd, GOOD);
    send_text(old, GOOD);
    send_text(old, "{\"name\":1,\"value\":1}\n");
    source_run_end(rig->source, &accepted, &rejected);
    cr_assert_eq(accepted, 1);
    cr_assert_eq(rejected, 0);
    cr_assert_eq(source_counts(rig->source)->accepted, 1, "the others are not safe yet");
    intake_known(rig->in, rig->ticket, NULL);
    cr_assert_eq(source_counts(rig->source)->accepted, 3);
    (void)close(old);
    (void)close(fd);
}

Test(source, who_has_connected_before_it_closes_is_served)
{
    enum { CLIENTS = 1025 }; /* as many as the kernel lets wait */
    static int fd[CLIENTS];

    rig->limits.max_connections = rig->limits.max_connections_per_user = 2000;
    intake_limits(rig->in, &rig->limits);
    for (int i = 0; i < CLIENTS; i++) {
        fd[i] = connect_client();
        send_now(fd[i], GOOD);
        (void)shutdown(fd[i], SHUT_WR);
    }
    source_close(rig->source);
    rig->source = NULL;
    cr_assert(!intake_quiet(rig->in));
    cr_assert_eq(intake_busy(rig->in), CLIENTS);
    for (int i = 0; i < CLIENTS; i++) {
        expect_line(fd[i], ONE);
        (void)close(fd[i]);
    }
    cr_assert(intake_quiet(rig->in));
}

/* What is refused, held or not read is no silence of the sender. */
Test(source, what_is_withheld)
{
    int64_t at;
    int fd;

    limit(0, 0, 0, 0);
    fd = connect_client();
    cr_assert_gt(source_withheld(rig->source), 0, "nobody has let it in yet");
    send_text(fd, GOOD);
    send_text(fd, ACK);
    expect_line(fd, ONE);
    send_text(fd, ACK); /* an answer that is not held is nothing */
    turn_loop();
    cr_assert_eq(source_withheld(rig->source), 0);
    rig->answer = -1;
    send_text(fd, GOOD);
    turn_loop();
    cr_assert_gt(at = source_withheld(rig->source), 0, "refused");
    rig->answer = 1;
    send_text(fd, GOOD);
    send_text(fd, ACK);
    while (rig->ticket == 0)
        turn_loop();
    turn_loop();
    cr_assert_eq(source_withheld(rig->source), loop_now(rig->loop), "held");
    intake_known(rig->in, rig->ticket, NULL);
    at = source_withheld(rig->source);
    cr_assert_eq(at, loop_now(rig->loop), "held until now");
    turn_loop();
    cr_assert_eq(source_withheld(rig->source), at, "and no longer");
    (void)close(fd);
}

Test(source, a_runs_end_is_bounded)
{
    struct buf b = {0};
    uint64_t accepted, rejected;
    int fd[4];

    limit(0, 0, 0, 0);
    while (b.n < 100000)
        buf_puts(&b, GOOD);
    source_run(rig->source, NS_PER_S);
    for (int i = 0; i < 4; i++) {
        fd[i] = connect_client();
        (void)setsockopt(fd[i], SOL_SOCKET, SO_SNDBUF, &(int){4 << 20}, sizeof(int));
        while (send(fd[i], b.p, b.n, 0) == (ssize_t)b.n)
            ;
        (void)close(fd[i]);
    }
    source_run_end(rig->source, &accepted, &rejected);
    cr_assert_geq(accepted, (256 << 10) / (sizeof GOOD - 1));
    cr_assert_leq(accepted, ((4 << 20) + (64 << 10)) / (sizeof GOOD - 1) + 4);
    cr_log_info("%" PRIu64 " metrics of a run's end", accepted);
    for (int i = 0; i < MANY_TURNS && intake_connections(rig->in) > 0; i++)
        turn_loop(); /* the rest follows */
    cr_assert_eq(intake_connections(rig->in), 0);
    buf_free(&b);
}

Test(source, series_limit)
{
    uint64_t accepted, rejected;
    int fd;

    limit(2, 0, 0, 0);
    for (int run = 0; run < 2; run++) { /* the second starts anew */
        source_run(rig->source, 0);
        fd = connect_client();
        send_text(
            fd,
            "{\"name\":\"a\",\"value\":1}\n{\"name\":\"a\",\"value\":1,\"tags\":{\"x\":\"y\"}}\n"
            "{\"name\":\"b\",\"value\":1}\n{\"name\":\"a\",\"value\":2}\n{\"ack\":true}\n");
        expect_line(
            fd, "{\"accepted\":3,\"rejected\":1,\"errors\":[{\"line\":3,\"byte\":1,\"field\":"
                "\"name\",\"error\":\"is a new series beyond the 2 that one run may send: raise "
                "series_limit\"}]}\n");
        source_run_end(rig->source, &accepted, &rejected);
        cr_assert_eq(accepted, 3);
        cr_assert_eq(rejected, 1);
        (void)close(fd);
    }
    cr_assert_eq(source_counts(rig->source)->limited.series, 2);
}

Test(source, metrics_limit)
{
    int fd;

    limit(0, 2, 0, 0);
    source_run(rig->source, 0);
    fd = connect_client();
    send_text(fd, "{\"name\":\"a\",\"values\":{\"a\":1,\"b\":2,\"c\":3}}\n{\"ack\":true}\n");
    expect_line(fd,
                "{\"accepted\":2,\"rejected\":1,\"errors\":[{\"line\":1,\"byte\":1,\"error\":\"one "
                "more than the 2 that one run may send: raise metrics_limit\"}]}\n");
    cr_assert_eq(source_counts(rig->source)->limited.metrics, 1);
    (void)close(fd);
}

Test(source, bytes_limit)
{
    struct buf b = {0}, reply = {0};
    int fd;

    limit(0, 0, 1024, 0);
    source_run(rig->source, 0);
    while (b.n < 4000)
        buf_puts(&b, GOOD);
    fd = connect_client();
    cr_assert_eq(send(fd, b.p, b.n, 0), (ssize_t)b.n);
    receive_to_end(fd, &reply); /* closed without half-closing */
    cr_assert_str_eq(
        text_of(&reply),
        "{\"accepted\":39,\"rejected\":2,\"errors\":[{\"error\":\"more than the 1KiB "
        "that one run may send: raise bytes_limit\"},{\"line\":40,\"byte\":1,\"error\":"
        "\"unfinished when the limit was reached\"}]}\n");
    (void)close(fd);
    fd = connect_client(); /* another is no way round it */
    send_text(fd, "{");
    buf_reset(&reply);
    receive_to_end(fd, &reply);
    cr_assert_not_null(strstr(text_of(&reply), "raise bytes_limit"), "%s", reply.p);
    cr_assert_eq(source_counts(rig->source)->limited.bytes, 2);
    (void)close(fd);
    source_run(rig->source, 0);
    fd = connect_client();
    send_text(fd, GOOD);
    send_text(fd, ACK);
    expect_line(fd, ONE);
    (void)close(fd);
    buf_free(&b);
    buf_free(&reply);
}

Test(source, a_run_without_end_has_windows)
{
    int64_t began;
    int fd;

    limit(0, 1, 0, 100 * NS_PER_MS);
    source_run(rig->source, 0);
    fd = connect_client();
    for (int i = 0; i < 3; i++) {
        began = loop_now(rig->loop);
        send_text(fd, GOOD);
        while (source_counts(rig->source)->accepted == (uint64_t)i) {
            turn_loop();
            cr_assert_lt(loop_now(rig->loop) - began, 20 * NS_PER_S);
        }
        send_text(fd, GOOD);
        while (source_counts(rig->source)->rejected == (uint64_t)i)
            turn_loop();
        while (loop_now(rig->loop) - began < 250 * NS_PER_MS)
            (void)loop_turn(rig->loop, 10 * NS_PER_MS);
    }
    send_text(fd, ACK);
    expect_line(
        fd, "{\"accepted\":3,\"rejected\":3,\"errors\":[{\"line\":2,\"byte\":1,\"error\":\"one "
            "more than the 1 that may come in 100ms: raise metrics_limit\"},{\"line\":4,\"byte\":1,"
            "\"error\":\"one more than the 1 that may come in 100ms: raise metrics_limit\"},"
            "{\"line\":6,\"byte\":1,\"error\":\"one more than the 1 that may come in 100ms: raise "
            "metrics_limit\"}]}\n");
    (void)close(fd);
}

Test(source, connections_of_one_collector)
{
    int fd[3];

    limit(0, 0, 0, 0);
    rig->limits.max_connections_per_user = 2;
    intake_limits(rig->in, &rig->limits);
    for (int i = 0; i < 3; i++)
        fd[i] = connect_client();
    expect_line(fd[2],
                "{\"accepted\":0,\"rejected\":0,\"errors\":[{\"error\":\"too many connections of "
                "this collector: at most 2\"}]}\n");
    for (int i = 0; i < 3; i++)
        (void)close(fd[i]);
}
