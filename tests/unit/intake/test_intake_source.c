/* tests/unit/intake/test_intake_source.c - a source: its socket, what it adds, what its runs may send */
#include "rig/intake_rig.h"

Test(source, what_a_collectors_source_adds)
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
    c = (struct source_config){.path = path,
                               .mode = 0600,
                               .uid = (uid_t)-1,
                               .group = (gid_t)-1,
                               .name = "disk",
                               .prefix = "sys",
                               .tags = {&globals, &owns},
                               .interval_ns = 10 * NS_PER_S};
    s = source_open(r.in, &c, why);
    cr_assert_not_null(s, "%s", why);
    source_run(s, 1234 * NS_PER_S);
    (void)memcpy(r.path, path, sizeof r.path);
    fd = dial(&r);
    source_accept(s);
    source_run(s, 0); /* the connection keeps the slot it was accepted in */
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

Test(source, mode_of_the_socket)
{
    struct rig r = {0};
    struct stat st;

    rig_start(&r);
    cr_assert_eq(stat(r.path, &st), 0);
    cr_assert_eq(st.st_mode & 07777, 0660);
    rig_end(&r);
}

Test(source, stale_socket_is_replaced)
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

Test(source, a_file_in_the_way_is_kept)
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

Test(source, path_too_long)
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

Test(source, owner_of_the_socket)
{
    struct rig r = {0};
    struct source_config c;
    struct stat st;
    char why[256];

    rig_start(&r);
    source_close(r.source);
    c = config(&r);
    c.uid = getuid() == 0 ? 65534 : getuid();
    c.group = getuid() == 0 ? 65534 : getgid();
    r.source = source_open(r.in, &c, why);
    cr_assert_not_null(r.source, "%s", why);
    cr_assert_eq(stat(r.path, &st), 0);
    cr_assert_eq(st.st_uid, c.uid);
    cr_assert_eq(st.st_gid, c.group);
    cr_assert_eq(st.st_mode & 07777, 0660);
    rig_end(&r);
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
    struct rig r = {0};
    char line[96];

    rig_start(&r);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct source_config c = config(&r);
        struct buf b = {0};
        int fd;

        c.name = "disk";
        c.prefix = cases[i].prefix;
        cr_assert(source_update(r.source, &c));
        fd = dial(&r);
        (void)snprintf(line, sizeof line, "{\"name\":\"%s\",\"value\":1}\n", cases[i].name);
        say_text(&r, fd, line);
        (void)shutdown(fd, SHUT_WR);
        hear_all(&r, fd, &b);
        cr_assert_eq(strstr(text(&b), "for Garnet's own metrics") == NULL, cases[i].taken,
                     "%s, %s: %s", cases[i].prefix ? cases[i].prefix : "-", cases[i].name, b.p);
        cr_assert_eq(source_counts(r.source)->accepted + source_counts(r.source)->rejected, i + 1);
        buf_free(&b);
        (void)close(fd);
    }
    rig_end(&r);
}

/* --- runs --- */

/* The rig's source, as a collector's with limits. */
static void limit(struct rig *r, int64_t series, int64_t metrics, int64_t bytes, int64_t window)
{
    struct source_config c = config(r);
    char why[256];

    source_close(r->source);
    c.name = "disk";
    c.series_limit = series;
    c.metrics_limit = metrics;
    c.bytes_limit = bytes;
    c.window_ns = window;
    r->source = source_open(r->in, &c, why);
    cr_assert_not_null(r->source, "%s", why);
}

static void send_now(int fd, const char *s)
{
    cr_assert_eq(send(fd, s, strlen(s), 0), (ssize_t)strlen(s));
}

Test(source, a_run_is_counted_to_its_last_byte)
{
    struct rig r = {0};
    uint64_t accepted, rejected;
    int fd;

    rig_start(&r);
    limit(&r, 0, 0, 0, 0);
    for (int run = 1; run <= 3; run++) {
        source_run(r.source, run * NS_PER_S);
        for (int i = 0; i < 3; i++) { /* none has been accepted yet */
            fd = dial(&r);
            send_now(fd, GOOD);
            send_now(fd, "{\"name\":1,\"value\":1}\n");
            (void)close(fd);
        }
        source_run_end(r.source, &accepted, &rejected);
        cr_assert_eq(accepted, 3);
        cr_assert_eq(rejected, 3);
        turn(&r);
    }
    cr_assert_not_null(strstr(text(&r.spool), "assigned 3.000000000"));
    cr_assert_eq(intake_connections(r.in), 0);
    cr_assert_eq(source_counts(r.source)->accepted, 9);
    buf_reset(&r.spool); /* its slot is over */
    fd = dial(&r);
    say_text(&r, fd, GOOD);
    (void)close(fd);
    turn(&r);
    cr_assert_not_null(strstr(text(&r.spool), "\"good\""));
    cr_assert_null(strstr(text(&r.spool), "assigned 3.000000000"));
    rig_end(&r);
}

/* The answer to its first half is held, and the loop has not seen it close. */
Test(source, what_is_behind_a_held_reply_is_of_the_run)
{
    struct rig r = {0};
    uint64_t accepted, rejected;
    int fd;

    rig_start(&r);
    limit(&r, 0, 0, 0, 0);
    r.answer = 1;
    source_run(r.source, NS_PER_S);
    fd = dial(&r);
    say_text(&r, fd, GOOD);
    say_text(&r, fd, ACK);
    cr_assert(silent(&r, fd));
    send_now(fd, GOOD);
    send_now(fd, "{\"name\":1,\"value\":1}\n");
    (void)close(fd);
    source_run_end(r.source, &accepted, &rejected);
    cr_assert_eq(accepted, 2);
    cr_assert_eq(rejected, 1);
    turn(&r);
    cr_assert_eq(intake_connections(r.in), 0);
    rig_end(&r);
}

/* Somebody else's, who lives on, keeps his answer and is no part of the next run. */
Test(source, a_run_counts_its_own_connections)
{
    struct rig r = {0};
    uint64_t accepted, rejected;
    int old, fd;

    rig_start(&r);
    limit(&r, 0, 0, 0, 0);
    r.answer = 1;
    source_run(r.source, NS_PER_S);
    old = dial(&r);
    say_text(&r, old, GOOD);
    say_text(&r, old, ACK);
    source_run_end(r.source, &accepted, &rejected);
    cr_assert_eq(accepted, 1);
    intake_safe(r.in, r.ticket);
    expect_line(&r, old, ONE);
    source_run(r.source, 2 * NS_PER_S);
    fd = dial(&r);
    say_text(&r, fd, GOOD);
    say_text(&r, old, GOOD);
    say_text(&r, old, "{\"name\":1,\"value\":1}\n");
    source_run_end(r.source, &accepted, &rejected);
    cr_assert_eq(accepted, 1);
    cr_assert_eq(rejected, 0);
    cr_assert_eq(source_counts(r.source)->accepted, 1, "the others are not safe yet");
    intake_safe(r.in, r.ticket);
    cr_assert_eq(source_counts(r.source)->accepted, 3);
    (void)close(old);
    (void)close(fd);
    rig_end(&r);
}

Test(source, who_has_connected_before_it_closes_is_served)
{
    enum { CLIENTS = 1025 }; /* as many as the kernel lets wait */
    struct rig r = {0};
    static int fd[CLIENTS];

    rig_start(&r);
    r.limits.max_connections = r.limits.max_connections_per_user = 2000;
    intake_limits(r.in, &r.limits);
    for (int i = 0; i < CLIENTS; i++) {
        fd[i] = dial(&r);
        send_now(fd[i], GOOD);
        (void)shutdown(fd[i], SHUT_WR);
    }
    source_close(r.source);
    r.source = NULL;
    cr_assert(!intake_quiet(r.in));
    cr_assert_eq(intake_busy(r.in), CLIENTS);
    for (int i = 0; i < CLIENTS; i++) {
        expect_line(&r, fd[i], ONE);
        (void)close(fd[i]);
    }
    cr_assert(intake_quiet(r.in));
    rig_end(&r);
}

/* What is refused, held or not read is no silence of the sender. */
Test(source, what_is_withheld)
{
    struct rig r = {0};
    int64_t at;
    int fd;

    rig_start(&r);
    limit(&r, 0, 0, 0, 0);
    fd = dial(&r);
    cr_assert_gt(source_withheld(r.source), 0, "nobody has let it in yet");
    say_text(&r, fd, GOOD);
    say_text(&r, fd, ACK);
    expect_line(&r, fd, ONE);
    say_text(&r, fd, ACK); /* an answer that is not held is nothing */
    turn(&r);
    cr_assert_eq(source_withheld(r.source), 0);
    r.answer = -1;
    say_text(&r, fd, GOOD);
    turn(&r);
    cr_assert_gt(at = source_withheld(r.source), 0, "refused");
    r.answer = 1;
    say_text(&r, fd, GOOD);
    say_text(&r, fd, ACK);
    while (r.ticket == 0)
        turn(&r);
    turn(&r);
    cr_assert_eq(source_withheld(r.source), loop_now(r.loop), "held");
    intake_safe(r.in, r.ticket);
    at = source_withheld(r.source);
    cr_assert_eq(at, loop_now(r.loop), "held until now");
    turn(&r);
    cr_assert_eq(source_withheld(r.source), at, "and no longer");
    (void)close(fd);
    rig_end(&r);
}

Test(source, a_runs_end_is_bounded)
{
    struct rig r = {0};
    struct buf b = {0};
    uint64_t accepted, rejected;
    int fd[4];

    rig_start(&r);
    limit(&r, 0, 0, 0, 0);
    while (b.n < 100000)
        buf_puts(&b, GOOD);
    source_run(r.source, NS_PER_S);
    for (int i = 0; i < 4; i++) {
        fd[i] = dial(&r);
        (void)setsockopt(fd[i], SOL_SOCKET, SO_SNDBUF, &(int){4 << 20}, sizeof(int));
        while (send(fd[i], b.p, b.n, 0) == (ssize_t)b.n)
            ;
        (void)close(fd[i]);
    }
    source_run_end(r.source, &accepted, &rejected);
    cr_assert_geq(accepted, (256 << 10) / (sizeof GOOD - 1));
    cr_assert_leq(accepted, ((4 << 20) + (64 << 10)) / (sizeof GOOD - 1) + 4);
    cr_log_info("%" PRIu64 " metrics of a run's end", accepted);
    for (int i = 0; i < MANY_TURNS && intake_connections(r.in) > 0; i++)
        turn(&r); /* the rest follows */
    cr_assert_eq(intake_connections(r.in), 0);
    buf_free(&b);
    rig_end(&r);
}

Test(source, series_limit)
{
    struct rig r = {0};
    uint64_t accepted, rejected;
    int fd;

    rig_start(&r);
    limit(&r, 2, 0, 0, 0);
    for (int run = 0; run < 2; run++) { /* the second starts anew */
        source_run(r.source, 0);
        fd = dial(&r);
        say_text(
            &r, fd,
            "{\"name\":\"a\",\"value\":1}\n{\"name\":\"a\",\"value\":1,\"tags\":{\"x\":\"y\"}}\n"
            "{\"name\":\"b\",\"value\":1}\n{\"name\":\"a\",\"value\":2}\n{\"ack\":true}\n");
        expect_line(
            &r, fd,
            "{\"accepted\":3,\"rejected\":1,\"errors\":[{\"line\":3,\"byte\":1,\"field\":"
            "\"name\",\"error\":\"is a new series beyond the 2 that one run may send: raise "
            "series_limit\"}]}\n");
        source_run_end(r.source, &accepted, &rejected);
        cr_assert_eq(accepted, 3);
        cr_assert_eq(rejected, 1);
        (void)close(fd);
    }
    cr_assert_eq(source_limited(r.source)->series, 2);
    rig_end(&r);
}

Test(source, metrics_limit)
{
    struct rig r = {0};
    int fd;

    rig_start(&r);
    limit(&r, 0, 2, 0, 0);
    source_run(r.source, 0);
    fd = dial(&r);
    say_text(&r, fd, "{\"name\":\"a\",\"values\":{\"a\":1,\"b\":2,\"c\":3}}\n{\"ack\":true}\n");
    expect_line(&r, fd,
                "{\"accepted\":2,\"rejected\":1,\"errors\":[{\"line\":1,\"byte\":1,\"error\":\"one "
                "more than the 2 that one run may send: raise metrics_limit\"}]}\n");
    cr_assert_eq(source_limited(r.source)->metrics, 1);
    (void)close(fd);
    rig_end(&r);
}

Test(source, bytes_limit)
{
    struct rig r = {0};
    struct buf b = {0}, reply = {0};
    int fd;

    rig_start(&r);
    limit(&r, 0, 0, 1024, 0);
    source_run(r.source, 0);
    while (b.n < 4000)
        buf_puts(&b, GOOD);
    fd = dial(&r);
    cr_assert_eq(send(fd, b.p, b.n, 0), (ssize_t)b.n);
    hear_all(&r, fd, &reply); /* closed without half-closing */
    cr_assert_str_eq(
        text(&reply),
        "{\"accepted\":39,\"rejected\":2,\"errors\":[{\"error\":\"more than the 1KiB "
        "that one run may send: raise bytes_limit\"},{\"line\":40,\"byte\":1,\"error\":"
        "\"unfinished when the limit was reached\"}]}\n");
    (void)close(fd);
    fd = dial(&r); /* another is no way round it */
    say_text(&r, fd, "{");
    buf_reset(&reply);
    hear_all(&r, fd, &reply);
    cr_assert_not_null(strstr(text(&reply), "raise bytes_limit"), "%s", reply.p);
    cr_assert_eq(source_limited(r.source)->bytes, 2);
    (void)close(fd);
    source_run(r.source, 0);
    fd = dial(&r);
    say_text(&r, fd, GOOD);
    say_text(&r, fd, ACK);
    expect_line(&r, fd, ONE);
    (void)close(fd);
    buf_free(&b);
    buf_free(&reply);
    rig_end(&r);
}

Test(source, a_run_without_end_has_windows)
{
    struct rig r = {0};
    int64_t began;
    int fd;

    rig_start(&r);
    limit(&r, 0, 1, 0, 100 * NS_PER_MS);
    source_run(r.source, 0);
    fd = dial(&r);
    for (int i = 0; i < 3; i++) {
        began = loop_now(r.loop);
        say_text(&r, fd, GOOD);
        while (source_counts(r.source)->accepted == (uint64_t)i) {
            turn(&r);
            cr_assert_lt(loop_now(r.loop) - began, 20 * NS_PER_S);
        }
        say_text(&r, fd, GOOD);
        while (source_counts(r.source)->rejected == (uint64_t)i)
            turn(&r);
        while (loop_now(r.loop) - began < 250 * NS_PER_MS)
            (void)loop_turn(r.loop, 10 * NS_PER_MS);
    }
    say_text(&r, fd, ACK);
    expect_line(
        &r, fd,
        "{\"accepted\":3,\"rejected\":3,\"errors\":[{\"line\":2,\"byte\":1,\"error\":\"one "
        "more than the 1 that may come in 100ms: raise metrics_limit\"},{\"line\":4,\"byte\":1,"
        "\"error\":\"one more than the 1 that may come in 100ms: raise metrics_limit\"},"
        "{\"line\":6,\"byte\":1,\"error\":\"one more than the 1 that may come in 100ms: raise "
        "metrics_limit\"}]}\n");
    (void)close(fd);
    rig_end(&r);
}

Test(source, connections_of_one_collector)
{
    struct rig r = {0};
    int fd[3];

    rig_start(&r);
    limit(&r, 0, 0, 0, 0);
    r.limits.max_connections_per_user = 2;
    intake_limits(r.in, &r.limits);
    for (int i = 0; i < 3; i++)
        fd[i] = dial(&r);
    expect_line(&r, fd[2],
                "{\"accepted\":0,\"rejected\":0,\"errors\":[{\"error\":\"too many connections of "
                "this collector: at most 2\"}]}\n");
    for (int i = 0; i < 3; i++)
        (void)close(fd[i]);
    rig_end(&r);
}
