/* tests/unit/intake/test_intake_limits.c - what one client may have, and that others do not suffer */
#include <time.h>

#include "rig/intake_rig.h"

Test(limits, too_many_connections)
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

Test(limits, no_descriptors_left)
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
    expect_line(&r, fd,
                "{\"accepted\":0,\"rejected\":0,\"errors\":[{\"error\":\"no descriptors left: try "
                "again later\"}]}\n");
    cr_assert_eq(intake_connections(r.in), 0);
    for (int i = 0; i < 100; i++)
        turn(&r);
    cr_assert_eq(intake_refused_connections(r.in), 1);
    (void)setrlimit(RLIMIT_NOFILE, &old);
    (void)close(fd);
    fd = dial(&r); /* at once, and not after a pause */
    say_text(&r, fd, GOOD);
    say_text(&r, fd, ACK);
    expect_line(&r, fd, ONE);
    (void)close(fd);
    rig_end(&r);
}

/* The reserve is used up as well: nobody is refused, and nobody is lost. */
Test(limits, not_even_the_reserve)
{
    struct rig r = {0};
    struct rlimit old, none;
    int fd, spare;

    rig_start(&r);
    fd = dial(&r);
    spare = dup(fd);
    (void)close(spare);
    (void)getrlimit(RLIMIT_NOFILE, &old);
    none = (struct rlimit){3, old.rlim_max}; /* below what is open: a freed one is no help */
    (void)setrlimit(RLIMIT_NOFILE, &none);
    for (int i = 0; i < 100; i++)
        turn(&r);
    cr_assert_eq(intake_connections(r.in), 0);
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

Test(limits, unfinished_value)
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
    while (source_counts(r.source)->rejected == 0)
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

/* Without a turn of the loop: garnetd is stopped, or busy elsewhere. */
static void stand_still(int64_t ns)
{
    struct timespec ts = {ns / NS_PER_S, ns % NS_PER_S};

    (void)nanosleep(&ts, NULL);
}

static void turns_for(struct rig *r, int64_t ns)
{
    int64_t end = clock_mono() + ns;

    while (clock_mono() < end)
        (void)loop_turn(r->loop, 5 * NS_PER_MS);
}

/* Complete, but behind a reply that is held. */
Test(limits, a_value_that_is_not_read_is_not_unfinished)
{
    struct rig r = {0};
    int fd;

    rig_start(&r);
    r.limits.idle = 20 * NS_PER_MS;
    intake_limits(r.in, &r.limits);
    r.answer = 1;
    fd = dial(&r);
    turn(&r);
    say_text(&r, fd, "{\"name\":\"a\",\"value\":1}\n{\"ack\":true}\n{\"name\":\"b\",");
    say_text(&r, fd, "\"value\":2}\n{\"ack\":true}\n");
    turns_for(&r, 100 * NS_PER_MS);
    cr_assert_eq(source_counts(r.source)->rejected, 0);
    intake_safe(r.in, r.ticket);
    expect_line(&r, fd, ONE);
    while (r.ticket < 2)
        turn(&r);
    intake_safe(r.in, r.ticket);
    expect_line(&r, fd, ONE);
    say_text(&r, fd, "{\"name\":\"c\","); /* and from here on it counts again */
    while (source_counts(r.source)->rejected == 0)
        (void)loop_turn(r.loop, -1);
    (void)close(fd);
    rig_end(&r);
}

/* Likewise while garnetd itself stands still; and a reply that was read meanwhile is not unread. */
Test(limits, time_in_which_garnetd_stands_still)
{
    struct rig r = {0};
    struct buf acks = {0}, reply = {0};
    bool end = false;
    int fd, busy;

    rig_start(&r);
    r.limits.idle = 50 * NS_PER_MS;
    intake_limits(r.in, &r.limits);
    fd = dial(&r);
    say_text(&r, fd, "{\"name\":\"a\",");
    stand_still(100 * NS_PER_MS);
    say_text(&r, fd, "\"value\":1}\n{\"ack\":true}\n");
    expect_line(&r, fd, ONE);
    busy = dial(&r);
    for (int i = 0; i < 5000; i++)
        buf_puts(&acks, ACK);
    while (send(busy, acks.p, acks.n, MSG_NOSIGNAL) > 0 || errno == EINTR) /* its replies pile up */
        turn(&r);
    while (hear(busy, &reply, &end))
        buf_reset(&reply);
    stand_still(100 * NS_PER_MS);
    turn(&r);
    cr_assert_eq(intake_connections(r.in), 2);
    buf_free(&acks);
    buf_free(&reply);
    (void)close(fd);
    (void)close(busy);
    rig_end(&r);
}

Test(limits, client_that_never_reads)
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

/* --- who gives way --- */

static void expect_closed(struct rig *r, int fd, const char *head, const char *tail)
{
    struct buf b = {0};

    hear_all(r, fd, &b);
    cr_assert_eq(strncmp(text(&b), head, strlen(head)), 0, "%s", b.p);
    cr_assert_not_null(strstr(b.p, tail), "%s", b.p);
    buf_free(&b);
}

static void still_served(struct rig *r, int fd)
{
    say_text(r, fd, GOOD);
    say_text(r, fd, ACK);
    expect_line(r, fd, ONE);
}

/* The next connection is let in, as nobody was before: of those that say nothing one is closed. */
Test(limits, the_longest_silent_gives_way)
{
    struct rig r = {0};
    int fd[6];

    rig_start(&r);
    r.limits.max_connections_per_user = 10;
    intake_limits(r.in, &r.limits);
    for (int i = 0; i < 4; i++) {
        fd[i] = dial(&r);
        still_served(&r, fd[i]);
    }
    say_text(&r, fd[1], "{\"name\":\"a\",\"value\":1}\n{\"name\":\"b\",");
    still_served(&r, fd[0]);
    say_text(&r, fd[3], GOOD);
    say_text(&r, fd[2], GOOD);
    fd[4] = dial(&r);
    still_served(&r, fd[4]);
    expect_closed(&r, fd[1], "{\"accepted\":1,\"rejected\":1,\"errors\":[{\"error\":\"silent for ",
                  ", and there are too many connections: connect again\"},{\"line\":4,\"byte\":1,"
                  "\"error\":\"unfinished when the connection was closed\"}]}\n");
    still_served(&r, fd[0]);
    cr_assert_eq(intake_gave_way(r.in), 1);
    cr_assert_eq(intake_refused_connections(r.in), 0);
    fd[5] = dial(&r);
    still_served(&r, fd[5]);
    expect_closed(&r, fd[3], "{\"accepted\":1,\"rejected\":0,\"errors\":[{\"error\":\"silent for ",
                  "");
    cr_assert_eq(intake_connections(r.in), 4);
    for (int i = 0; i < 6; i++)
        (void)close(fd[i]);
    rig_end(&r);
}

/* What is owed an answer, or has sent what was not read, is not silent. */
Test(limits, who_is_owed_something_does_not_give_way)
{
    struct rig r = {0};
    int fd[5];

    rig_start(&r);
    r.limits.max_connections_per_user = 10;
    intake_limits(r.in, &r.limits);
    for (int i = 0; i < 4; i++)
        fd[i] = dial(&r);
    turn(&r);
    r.answer = 1;
    for (int i = 0; i < 3; i++) {
        say_text(&r, fd[i], GOOD);
        if (i < 2) /* the other may ask later */
            say_text(&r, fd[i], ACK);
    }
    cr_assert(silent(&r, fd[0]));
    fd[4] = dial(&r); /* and its event comes before this one's */
    cr_assert_eq(send(fd[3], GOOD, sizeof GOOD - 1, 0), (ssize_t)sizeof GOOD - 1);
    expect_closed(&r, fd[4],
                  "{\"accepted\":0,\"rejected\":0,\"errors\":[{\"error\":\"too many connections",
                  ": at most 4\"}]}\n");
    cr_assert_eq(intake_gave_way(r.in), 0);
    intake_safe(r.in, r.ticket);
    say_text(&r, fd[2], ACK);
    for (int i = 0; i < 3; i++)
        expect_line(&r, fd[i], ONE);
    for (int i = 0; i < 5; i++)
        (void)close(fd[i]);
    rig_end(&r);
}

/* However many are owed an answer, and have been silent for longer than the one that is not. */
Test(limits, who_is_owed_something_hides_nobody)
{
    enum { OWED = 20 };
    struct rig r = {0};
    int fd[OWED + 2];

    rig_start(&r);
    r.limits.max_connections = OWED + 1;
    r.limits.max_connections_per_user = OWED + 2;
    intake_limits(r.in, &r.limits);
    r.answer = 1;
    for (int i = 0; i < OWED; i++) {
        fd[i] = dial(&r);
        say_text(&r, fd[i], GOOD);
        say_text(&r, fd[i], ACK);
    }
    cr_assert(silent(&r, fd[OWED - 1]));
    fd[OWED] = dial(&r);
    turn(&r);
    fd[OWED + 1] = dial(&r);
    expect_closed(&r, fd[OWED],
                  "{\"accepted\":0,\"rejected\":0,\"errors\":[{\"error\":\"silent for ", "");
    cr_assert_eq(intake_refused_connections(r.in), 0);
    intake_safe(r.in, r.ticket);
    for (int i = 0; i < OWED; i++)
        expect_line(&r, fd[i], ONE);
    for (int i = 0; i < OWED + 2; i++)
        (void)close(fd[i]);
    rig_end(&r);
}

/* The shared socket is full of what does not give way; collectors do not notice. */
Test(limits, collectors_have_a_share_of_their_own)
{
    struct rig r = {0};
    struct source_config c;
    struct source *s;
    char path[96], why[256];
    int fd[4], own[4], one;

    rig_start(&r);
    (void)snprintf(path, sizeof path, "%s/own.sock", r.dir);
    c = config(&r);
    c.path = path;
    c.name = "disk";
    s = source_open(r.in, &c, why);
    cr_assert_not_null(s, "%s", why);
    for (int i = 0; i < 4; i++) {
        fd[i] = dial(&r);
        still_served(&r, fd[i]);
    }
    memcpy(r.path, path, sizeof r.path);
    for (int i = 0; i < 4; i++) {
        own[i] = dial(&r);
        still_served(&r, own[i]);
    }
    one = dial(&r); /* this user's, or the collector itself: none has been silent for long */
    expect_closed(&r, one, "{\"accepted\":0,", "too many connections");
    r.limits.idle = 20 * NS_PER_MS;
    intake_limits(r.in, &r.limits);
    (void)close(one);
    turns_for(&r, 30 * NS_PER_MS);
    one = dial(&r);
    still_served(&r, one);
    expect_closed(&r, own[0], "{\"accepted\":0,\"rejected\":0,", "silent for");
    for (int i = 0; i < 4; i++) {
        still_served(&r, fd[i]);
        (void)close(fd[i]);
        (void)close(own[i]);
    }
    (void)close(one);
    source_close(s);
    (void)snprintf(r.path, sizeof r.path, "%s/garnet.sock", r.dir);
    rig_end(&r);
}

static int dial_as(const struct rig *r, uid_t uid)
{
    int fd;

    cr_assert_eq(seteuid(uid), 0);
    fd = dial(r);
    cr_assert_eq(seteuid(0), 0);
    return fd;
}

/* Who fills the socket makes room out of what he has, and not of what others have. */
Test(limits, who_has_most_gives_way)
{
    struct rig r = {0};
    int one, many[3], more[3];

    if (geteuid() != 0)
        cr_skip("only root can be several users");
    rig_start(&r);
    r.limits.max_connections_per_user = 10;
    intake_limits(r.in, &r.limits);
    cr_assert_eq(chmod(r.dir, 0755), 0);
    cr_assert_eq(chmod(r.path, 0666), 0);
    one = dial_as(&r, 60001);
    still_served(&r, one);
    for (int i = 0; i < 3; i++) {
        many[i] = dial_as(&r, 60002);
        still_served(&r, many[i]);
    }
    for (int i = 0; i < 3; i++) {
        more[i] = dial_as(&r, 60003);
        still_served(&r, more[i]);
    }
    still_served(&r, one);
    expect_closed(&r, many[0], "{\"accepted\":0,", "silent for");
    cr_assert_eq(intake_gave_way(r.in), 3);
    (void)close(one);
    for (int i = 0; i < 3; i++) {
        (void)close(many[i]);
        (void)close(more[i]);
    }
    rig_end(&r);
}

/* Runs and files need some, too. */
Test(limits, descriptors_are_left_for_others)
{
    struct rig r = {0};
    struct rlimit old, few;
    int fd[60], n = 0;

    rig_start(&r);
    r.limits.max_connections = r.limits.max_connections_per_user = 1000;
    intake_limits(r.in, &r.limits);
    (void)getrlimit(RLIMIT_NOFILE, &old);
    few = (struct rlimit){120, old.rlim_max};
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
    for (; intake_gave_way(r.in) < 3; n++) {
        cr_assert_lt(n, 60);
        fd[n] = dial(&r);
        still_served(&r, fd[n]);
    }
    (void)setrlimit(RLIMIT_NOFILE, &old);
    cr_assert_lt(intake_connections(r.in), 30, "half of them, and each has two ends here");
    for (int i = 0; i < n; i++)
        (void)close(fd[i]);
    rig_end(&r);
}

/* --- one user, one collector --- */

Test(limits, connections_of_one_user)
{
    struct rig r = {0};
    char want[200];
    int fd[3];

    rig_start(&r);
    r.limits.max_connections_per_user = 2;
    intake_limits(r.in, &r.limits);
    for (int i = 0; i < 3; i++)
        fd[i] = dial(&r);
    (void)snprintf(want, sizeof want,
                   "{\"accepted\":0,\"rejected\":0,\"errors\":[{\"error\":\"too many connections "
                   "of user %u: at most 2\"}]}\n",
                   getuid());
    expect_line(&r, fd[2], want);
    cr_assert_eq(intake_connections(r.in), 2);
    cr_assert_eq(source_refused_connections(r.source), 1);
    (void)close(fd[0]);
    (void)close(fd[2]);
    while (intake_connections(r.in) == 2)
        turn(&r);
    fd[0] = dial(&r);
    say_text(&r, fd[0], GOOD);
    say_text(&r, fd[0], ACK);
    expect_line(&r, fd[0], ONE);
    (void)close(fd[0]);
    (void)close(fd[1]);
    rig_end(&r);
}

Test(limits, ten_thousand_connections, .timeout = 60)
{
    struct rig r = {0};
    int held[4], fd;

    rig_start(&r);
    for (int i = 0; i < 4; i++)
        held[i] = dial(&r);
    turn(&r);
    for (int i = 0; i < 10000; i++) {
        fd = dial(&r);
        (void)close(fd);
        if (i % 32 == 0)
            turn(&r);
    }
    while (intake_refused_connections(r.in) < 10000)
        turn(&r);
    cr_assert_eq(intake_connections(r.in), 4);
    for (int i = 0; i < 4; i++) {
        say_text(&r, held[i], GOOD);
        say_text(&r, held[i], ACK);
        expect_line(&r, held[i], ONE);
        (void)close(held[i]);
    }
    rig_end(&r);
}

/* --- time --- */

/* Of this process: what else the machine is busy with does not count. */
static int64_t cpu_ns(void)
{
    struct timespec ts;

    cr_assert_eq(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts), 0);
    return ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

/* The computing that the longest turn takes while `n` clients send `junk` as fast as they can. */
static int64_t longest_turn(struct rig *r, const char *junk, size_t size, int64_t *reply)
{
    int fd[4], good, rounds = 0;
    int64_t longest = 0, began = clock_mono();

    for (int i = 0; i < 3; i++)
        fd[i] = dial(r);
    good = dial(r);
    (void)send(good, GOOD, sizeof GOOD - 1, 0);
    (void)send(good, ACK, sizeof ACK - 1, 0);
    *reply = 0;
    for (; rounds < 2000 && clock_mono() - began < 2 * NS_PER_S; rounds++) {
        char line[256];
        int64_t at;

        for (int i = 0; i < 3; i++)
            (void)send(fd[i], junk, size, MSG_NOSIGNAL);
        at = cpu_ns();
        turn(r);
        at = cpu_ns() - at;
        longest = at > longest ? at : longest;
        if (*reply == 0 && recv(good, line, sizeof line, 0) > 0)
            *reply = clock_mono() - began;
    }
    for (int i = 0; i < 3; i++)
        (void)close(fd[i]);
    (void)close(good);
    for (int i = 0; i < MANY_TURNS && intake_connections(r->in) > 0; i++)
        turn(r);
    return longest;
}

static void put_inflating(struct buf *b)
{
    size_t end = b->n + 4000;

    buf_puts(b, "{\"name\":\"a\",\"tags\":{\"a\":\"");
    buf_putf(b, "%0500d", 1);
    buf_puts(b, "\"},\"values\":{");
    for (int i = 0; b->n < end; i++)
        buf_putf(b, "%s\"%d\":1", i > 0 ? "," : "", i);
    buf_puts(b, "}}\n");
}

static void put_bad_members(struct buf *b)
{
    size_t end = b->n + 4000;

    buf_puts(b, "{\"name\":\"a\",\"values\":{");
    for (int i = 0; b->n < end; i++)
        buf_putf(b, "%s\"%d\":\"\"", i > 0 ? "," : "", i);
    buf_puts(b, "}}\n");
}

static void put_chain(struct buf *b)
{
    size_t end = b->n + 4000;

    for (int i = 0; b->n < end; i++)
        buf_puts(b, "{\"a\":\n");
}

static void put_brackets(struct buf *b)
{
    size_t end = b->n + 4000;

    for (int i = 0; b->n < end; i++)
        buf_puts(b, "]\n");
}

/* The bound is for a sanitizer; what it guards against takes seconds. */
Test(limits, no_input_makes_a_turn_long, .timeout = 60)
{
    static void (*const put[])(struct buf *) = {put_inflating, put_bad_members, put_chain,
                                                put_brackets};

    for (size_t i = 0; i < sizeof put / sizeof *put; i++) {
        struct rig r = {0};
        struct buf junk = {0};
        int64_t reply, longest;

        rig_start(&r);
        while (junk.n < 60000)
            put[i](&junk);
        longest = longest_turn(&r, junk.p, junk.n, &reply);
        cr_log_info("%zu: the longest turn %.1f ms, the reply after %.1f ms", i,
                    (double)longest / 1e6, (double)reply / 1e6);
        cr_assert_gt(reply, 0, "%zu: no reply", i);
        cr_assert_lt(longest, 500 * NS_PER_MS, "%zu: a turn took %.1f ms", i,
                     (double)longest / 1e6);
        buf_free(&junk);
        rig_end(&r);
    }
}

Test(limits, an_object_that_inflates)
{
    struct rig r = {0};
    struct buf b = {0}, reply = {0};
    int fd;

    rig_start(&r);
    fd = dial(&r);
    buf_puts(&b, "{\"name\":\"a\",\"tags\":{");
    for (int i = 0; i < 4; i++)
        buf_putf(&b, "%s\"%d\":\"%0500d\"", i > 0 ? "," : "", i, 1);
    buf_puts(&b, "},\"values\":{");
    for (int i = 0; b.n < 4000; i++)
        buf_putf(&b, "%s\"%d\":1", i > 0 ? "," : "", i);
    buf_puts(&b, "}}\n");
    say(&r, fd, b.p, b.n, SIZE_MAX);
    say_text(&r, fd, GOOD);
    (void)shutdown(fd, SHUT_WR);
    hear_all(&r, fd, &reply);
    cr_assert_not_null(strstr(text(&reply), "its metrics are too much for one object"), "%s",
                       reply.p);
    cr_assert_null(strstr(reply.p, "{\"accepted\":1,"), "%s", reply.p);
    cr_assert_not_null(strstr(text(&r.spool), "\"good\""));
    cr_assert_lt(source_counts(r.source)->accepted, 16 * 4096 / 2000 + 10);
    buf_free(&b);
    buf_free(&reply);
    (void)close(fd);
    rig_end(&r);
}
