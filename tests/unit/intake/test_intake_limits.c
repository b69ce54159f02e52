/* tests/unit/intake/test_intake_limits.c - what one client may have, and that others do not suffer */
#include <time.h>

#include "base/why.h"
#include "rig/intake_rig.h"

TestSuite(limits, .init = intake_rig_start, .fini = intake_rig_end);

static struct intake_rig *const rig = &intake_rig;

Test(limits, too_many_connections)
{
    struct buf b = {0};
    int fd[5];

    for (int i = 0; i < 5; i++) {
        fd[i] = connect_client();
        turn_loop();
    }
    cr_assert_eq(intake_connections(rig->in), 4);
    cr_assert_eq(intake_counts(rig->in)->refused, 1);
    receive_to_end(fd[4], &b);
    cr_assert_str_eq(text_of(&b),
                     "{\"accepted\":0,\"rejected\":0,\"errors\":[{\"error\":\"too many "
                     "connections: at most 4\"}]}\n");
    (void)close(fd[0]);
    turn_loop();
    fd[0] = connect_client();
    send_text(fd[0], GOOD);
    send_text(fd[0], ACK);
    expect_line(fd[0], ONE);
    for (int i = 0; i < 5; i++)
        (void)close(fd[i]);
    buf_free(&b);
}

Test(limits, no_descriptors_left)
{
    struct rlimit old, none;
    int fd, spare;

    fd = connect_client();
    spare = dup(fd);
    (void)close(spare);
    (void)getrlimit(RLIMIT_NOFILE, &old);
    none = (struct rlimit){(rlim_t)spare, old.rlim_max};
    (void)setrlimit(RLIMIT_NOFILE, &none);
    expect_line(fd,
                "{\"accepted\":0,\"rejected\":0,\"errors\":[{\"error\":\"no descriptors left: try "
                "again later\"}]}\n");
    cr_assert_eq(intake_connections(rig->in), 0);
    for (int i = 0; i < 100; i++)
        turn_loop();
    cr_assert_eq(intake_counts(rig->in)->refused, 1);
    (void)setrlimit(RLIMIT_NOFILE, &old);
    (void)close(fd);
    fd = connect_client(); /* at once, and not after a pause */
    send_text(fd, GOOD);
    send_text(fd, ACK);
    expect_line(fd, ONE);
    (void)close(fd);
}

/* The reserve is used up as well: nobody is refused, and nobody is lost. */
Test(limits, not_even_the_reserve)
{
    struct rlimit old, none;
    int fd, spare;

    fd = connect_client();
    spare = dup(fd);
    (void)close(spare);
    (void)getrlimit(RLIMIT_NOFILE, &old);
    none = (struct rlimit){3, old.rlim_max}; /* below what is open: a freed one is no help */
    (void)setrlimit(RLIMIT_NOFILE, &none);
    for (int i = 0; i < 100; i++)
        turn_loop();
    cr_assert_eq(intake_connections(rig->in), 0);
    cr_assert_eq(intake_counts(rig->in)->refused, 1, "it tries again and again");
    (void)setrlimit(RLIMIT_NOFILE, &old);
    cr_assert_eq(send(fd, GOOD, sizeof GOOD - 1, 0), (ssize_t)sizeof GOOD - 1);
    cr_assert_eq(send(fd, ACK, sizeof ACK - 1, 0), (ssize_t)sizeof ACK - 1);
    while (intake_connections(rig->in) == 0)
        (void)loop_turn(rig->loop, -1); /* until the timer that listens again */
    expect_line(fd, ONE);
    (void)close(fd);
}

Test(limits, unfinished_value)
{
    struct buf b = {0};
    int fd, patient;

    rig->limits.idle = 20 * NS_PER_MS;
    intake_limits(rig->in, &rig->limits);
    fd = connect_client();
    patient = connect_client();
    send_text(fd, "{\"name\":\"a\",");
    while (source_counts(rig->source)->rejected == 0)
        (void)loop_turn(rig->loop, -1);
    send_text(fd, "\"value\":1}\n");
    send_text(fd, GOOD);
    (void)shutdown(fd, SHUT_WR);
    receive_to_end(fd, &b);
    cr_assert_str_eq(text_of(&b),
                     "{\"accepted\":1,\"rejected\":1,\"errors\":[{\"line\":1,\"byte\":1,"
                     "\"error\":\"unfinished for 20ms\"}]}\n");
    cr_assert_eq(intake_connections(rig->in), 1, "one that says nothing may stay");
    buf_free(&b);
    (void)close(fd);
    (void)close(patient);
}

/* Without a turn of the loop: garnetd is stopped, or busy elsewhere. */
static void stand_still(int64_t ns)
{
    struct timespec ts = {ns / NS_PER_S, ns % NS_PER_S};

    (void)nanosleep(&ts, NULL);
}

static void turns_for(int64_t ns)
{
    int64_t end = clock_mono() + ns;

    while (clock_mono() < end)
        (void)loop_turn(rig->loop, 5 * NS_PER_MS);
}

/* Complete, but behind a reply that is held. */
Test(limits, a_value_that_is_not_read_is_not_unfinished)
{
    int fd;

    rig->limits.idle = 20 * NS_PER_MS;
    intake_limits(rig->in, &rig->limits);
    rig->answer = 1;
    fd = connect_client();
    turn_loop();
    send_text(fd, "{\"name\":\"a\",\"value\":1}\n{\"ack\":true}\n{\"name\":\"b\",");
    send_text(fd, "\"value\":2}\n{\"ack\":true}\n");
    turns_for(100 * NS_PER_MS);
    cr_assert_eq(source_counts(rig->source)->rejected, 0);
    intake_known(rig->in, rig->ticket, NULL);
    expect_line(fd, ONE);
    while (rig->ticket < 2)
        turn_loop();
    intake_known(rig->in, rig->ticket, NULL);
    expect_line(fd, ONE);
    send_text(fd, "{\"name\":\"c\","); /* and from here on it counts again */
    while (source_counts(rig->source)->rejected == 0)
        (void)loop_turn(rig->loop, -1);
    (void)close(fd);
}

/* Likewise while garnetd itself stands still; and a reply that was read meanwhile is not unread. */
Test(limits, time_in_which_garnetd_stands_still)
{
    struct buf acks = {0}, reply = {0};
    bool end = false;
    int fd, busy;

    rig->limits.idle = 50 * NS_PER_MS;
    intake_limits(rig->in, &rig->limits);
    fd = connect_client();
    send_text(fd, "{\"name\":\"a\",");
    stand_still(100 * NS_PER_MS);
    send_text(fd, "\"value\":1}\n{\"ack\":true}\n");
    expect_line(fd, ONE);
    busy = connect_client();
    for (int i = 0; i < 5000; i++)
        buf_puts(&acks, ACK);
    while (send(busy, acks.p, acks.n, MSG_NOSIGNAL) > 0 || errno == EINTR) /* its replies pile up */
        turn_loop();
    while (receive_some(busy, &reply, &end))
        buf_reset(&reply);
    stand_still(100 * NS_PER_MS);
    turn_loop();
    cr_assert_eq(intake_connections(rig->in), 2);
    buf_free(&acks);
    buf_free(&reply);
    (void)close(fd);
    (void)close(busy);
}

Test(limits, client_that_never_reads)
{
    struct buf acks = {0};
    int fd, other;

    rig->limits.idle = 50 * NS_PER_MS;
    intake_limits(rig->in, &rig->limits);
    fd = connect_client();
    other = connect_client();
    for (int i = 0; i < 5000; i++)
        buf_puts(&acks, ACK);
    for (int i = 0; intake_connections(rig->in) == 0 || i < 2000; i++) {
        (void)send(fd, acks.p, acks.n, MSG_NOSIGNAL);
        turn_loop();
    }
    send_text(other, GOOD);
    send_text(other, ACK);
    expect_line(other, ONE); /* the others are served */
    while (intake_connections(rig->in) == 2)
        (void)loop_turn(rig->loop, -1);
    cr_assert_eq(intake_connections(rig->in), 1);
    send_text(other, GOOD);
    send_text(other, ACK);
    expect_line(other, ONE);
    buf_free(&acks);
    (void)close(fd);
    (void)close(other);
}

/* --- who gives way --- */

static void expect_closed(int fd, const char *head, const char *tail)
{
    struct buf b = {0};

    receive_to_end(fd, &b);
    cr_assert_eq(strncmp(text_of(&b), head, strlen(head)), 0, "%s", b.p);
    cr_assert_not_null(strstr(b.p, tail), "%s", b.p);
    buf_free(&b);
}

static void still_served(int fd)
{
    send_text(fd, GOOD);
    send_text(fd, ACK);
    expect_line(fd, ONE);
}

/* The next connection is let in, as nobody was before: of those that say nothing one is closed. */
Test(limits, the_longest_silent_gives_way)
{
    int fd[6];

    rig->limits.max_connections_per_user = 10;
    intake_limits(rig->in, &rig->limits);
    for (int i = 0; i < 4; i++) {
        fd[i] = connect_client();
        still_served(fd[i]);
    }
    send_text(fd[1], "{\"name\":\"a\",\"value\":1}\n{\"name\":\"b\",");
    still_served(fd[0]);
    send_text(fd[3], GOOD);
    send_text(fd[2], GOOD);
    fd[4] = connect_client();
    still_served(fd[4]);
    expect_closed(fd[1], "{\"accepted\":1,\"rejected\":1,\"errors\":[{\"error\":\"silent for ",
                  ", and there are too many connections: connect again\"},{\"line\":4,\"byte\":1,"
                  "\"error\":\"unfinished when the connection was closed\"}]}\n");
    still_served(fd[0]);
    cr_assert_eq(intake_counts(rig->in)->gave_way, 1);
    cr_assert_eq(intake_counts(rig->in)->refused, 0);
    fd[5] = connect_client();
    still_served(fd[5]);
    expect_closed(fd[3], "{\"accepted\":1,\"rejected\":0,\"errors\":[{\"error\":\"silent for ", "");
    cr_assert_eq(intake_connections(rig->in), 4);
    for (int i = 0; i < 6; i++)
        (void)close(fd[i]);
}

/* What is owed an answer, or has sent what was not read, is not silent. */
Test(limits, who_is_owed_something_does_not_give_way)
{
    int fd[5];

    rig->limits.max_connections_per_user = 10;
    intake_limits(rig->in, &rig->limits);
    for (int i = 0; i < 4; i++)
        fd[i] = connect_client();
    turn_loop();
    rig->answer = 1;
    for (int i = 0; i < 3; i++) {
        send_text(fd[i], GOOD);
        if (i < 2) /* the other may ask later */
            send_text(fd[i], ACK);
    }
    cr_assert(nothing_comes(fd[0]));
    fd[4] = connect_client(); /* and its event comes before this one's */
    cr_assert_eq(send(fd[3], GOOD, sizeof GOOD - 1, 0), (ssize_t)sizeof GOOD - 1);
    expect_closed(fd[4],
                  "{\"accepted\":0,\"rejected\":0,\"errors\":[{\"error\":\"too many connections",
                  ": at most 4\"}]}\n");
    cr_assert_eq(intake_counts(rig->in)->gave_way, 0);
    intake_known(rig->in, rig->ticket, NULL);
    send_text(fd[2], ACK);
    for (int i = 0; i < 3; i++)
        expect_line(fd[i], ONE);
    for (int i = 0; i < 5; i++)
        (void)close(fd[i]);
}

/* However many are owed an answer, and have been silent for longer than the one that is not. */
Test(limits, who_is_owed_something_hides_nobody)
{
    enum { OWED = 20 };
    int fd[OWED + 2];

    rig->limits.max_connections = OWED + 1;
    rig->limits.max_connections_per_user = OWED + 2;
    intake_limits(rig->in, &rig->limits);
    rig->answer = 1;
    for (int i = 0; i < OWED; i++) {
        fd[i] = connect_client();
        send_text(fd[i], GOOD);
        send_text(fd[i], ACK);
    }
    cr_assert(nothing_comes(fd[OWED - 1]));
    fd[OWED] = connect_client();
    turn_loop();
    fd[OWED + 1] = connect_client();
    expect_closed(fd[OWED], "{\"accepted\":0,\"rejected\":0,\"errors\":[{\"error\":\"silent for ",
                  "");
    cr_assert_eq(intake_counts(rig->in)->refused, 0);
    intake_known(rig->in, rig->ticket, NULL);
    for (int i = 0; i < OWED; i++)
        expect_line(fd[i], ONE);
    for (int i = 0; i < OWED + 2; i++)
        (void)close(fd[i]);
}

/* The shared socket is full of what does not give way; collectors do not notice. */
Test(limits, collectors_have_a_share_of_their_own)
{
    struct source_config c;
    struct source *s;
    struct why why;
    char path[96];
    int fd[4], own[4], one;

    (void)snprintf(path, sizeof path, "%s/own.sock", rig->dir);
    c = source_config();
    c.socket.path = path;
    c.name = "disk";
    s = source_open(rig->in, &c, &why);
    cr_assert_not_null(s, "%s", why.text);
    for (int i = 0; i < 4; i++) {
        fd[i] = connect_client();
        still_served(fd[i]);
    }
    memcpy(rig->path, path, sizeof rig->path);
    for (int i = 0; i < 4; i++) {
        own[i] = connect_client();
        still_served(own[i]);
    }
    one =
        connect_client(); /* this user's, or the collector itself: none has been silent for long */
    expect_closed(one, "{\"accepted\":0,", "too many connections");
    rig->limits.idle = 20 * NS_PER_MS;
    intake_limits(rig->in, &rig->limits);
    (void)close(one);
    turns_for(30 * NS_PER_MS);
    one = connect_client();
    still_served(one);
    expect_closed(own[0], "{\"accepted\":0,\"rejected\":0,", "silent for");
    for (int i = 0; i < 4; i++) {
        still_served(fd[i]);
        (void)close(fd[i]);
        (void)close(own[i]);
    }
    (void)close(one);
    source_close(s);
    (void)snprintf(rig->path, sizeof rig->path, "%s/garnet.sock", rig->dir);
}

static int connect_client_as(uid_t uid)
{
    int fd;

    cr_assert_eq(seteuid(uid), 0);
    fd = connect_client();
    cr_assert_eq(seteuid(0), 0);
    return fd;
}

/* Who fills the socket makes room out of what he has, and not of what others have. */
Test(limits, who_has_most_gives_way)
{
    int one, many[3], more[3];

    if (geteuid() != 0)
        cr_skip("only root can be several users");
    rig->limits.max_connections_per_user = 10;
    intake_limits(rig->in, &rig->limits);
    cr_assert_eq(chmod(rig->dir, 0755), 0);
    cr_assert_eq(chmod(rig->path, 0666), 0);
    one = connect_client_as(60001);
    still_served(one);
    for (int i = 0; i < 3; i++) {
        many[i] = connect_client_as(60002);
        still_served(many[i]);
    }
    for (int i = 0; i < 3; i++) {
        more[i] = connect_client_as(60003);
        still_served(more[i]);
    }
    still_served(one);
    expect_closed(many[0], "{\"accepted\":0,", "silent for");
    cr_assert_eq(intake_counts(rig->in)->gave_way, 3);
    (void)close(one);
    for (int i = 0; i < 3; i++) {
        (void)close(many[i]);
        (void)close(more[i]);
    }
}

/* Runs and files need some, too. */
Test(limits, descriptors_are_left_for_others)
{
    struct rlimit old, few;
    int fd[60], n = 0;

    rig->limits.max_connections = rig->limits.max_connections_per_user = 1000;
    intake_limits(rig->in, &rig->limits);
    (void)getrlimit(RLIMIT_NOFILE, &old);
    few = (struct rlimit){120, old.rlim_max};
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
    for (; intake_counts(rig->in)->gave_way < 3; n++) {
        cr_assert_lt(n, 60);
        fd[n] = connect_client();
        still_served(fd[n]);
    }
    (void)setrlimit(RLIMIT_NOFILE, &old);
    cr_assert_lt(intake_connections(rig->in), 30, "half of them, and each has two ends here");
    for (int i = 0; i < n; i++)
        (void)close(fd[i]);
}

/* --- one user, one collector --- */

Test(limits, connections_of_one_user)
{
    char want[200];
    int fd[3];

    rig->limits.max_connections_per_user = 2;
    intake_limits(rig->in, &rig->limits);
    for (int i = 0; i < 3; i++)
        fd[i] = connect_client();
    (void)snprintf(want, sizeof want,
                   "{\"accepted\":0,\"rejected\":0,\"errors\":[{\"error\":\"too many connections "
                   "of user %u: at most 2\"}]}\n",
                   getuid());
    expect_line(fd[2], want);
    cr_assert_eq(intake_connections(rig->in), 2);
    cr_assert_eq(source_counts(rig->source)->refused_connections, 1);
    (void)close(fd[0]);
    (void)close(fd[2]);
    while (intake_connections(rig->in) == 2)
        turn_loop();
    fd[0] = connect_client();
    send_text(fd[0], GOOD);
    send_text(fd[0], ACK);
    expect_line(fd[0], ONE);
    (void)close(fd[0]);
    (void)close(fd[1]);
}

/* --- what one user sends --- */

/* In one piece, so in one turn: no time passes meanwhile. */
Test(limits, metrics_of_one_user)
{
    char want[300], all[sizeof GOOD * 12 + sizeof ACK] = "";
    int fd = connect_client();

    rig->limits.per_user.metrics = 1;
    intake_limits(rig->in, &rig->limits);
    for (int i = 0; i < 11; i++)
        (void)strcat(all, GOOD);
    send_text(fd, strcat(all, ACK));
    (void)snprintf(want, sizeof want,
                   "{\"accepted\":10,\"rejected\":1,\"errors\":[{\"line\":11,\"byte\":1,\"error\":"
                   "\"more than the 1 metrics a second that user %u may send: send less, or raise "
                   "intake.per_user.metrics\"}]}\n",
                   getuid());
    expect_line(fd, want);
    rig->limits.per_user.metrics = 0;
    intake_limits(rig->in, &rig->limits);
    send_text(fd, GOOD ACK);
    expect_line(fd, ONE);
    (void)close(fd);
}

Test(limits, series_of_one_user)
{
    struct buf b = {0};
    char want[300];
    int fd[2] = {connect_client(), connect_client()};

    rig->limits.per_user.series = 1;
    intake_limits(rig->in, &rig->limits);
    send_text(fd[0], GOOD ACK);
    expect_line(fd[0], ONE);
    (void)snprintf(
        want, sizeof want,
        "{\"accepted\":1,\"rejected\":7,\"errors\":[{\"line\":2,\"byte\":1,\"field\":\"name\","
        "\"error\":\"more than the 1 series an hour that user %u may send: send less, or "
        "raise intake.per_user.series\"}",
        getuid());
    send_text(fd[1], GOOD); /* it is the same user */
    for (int i = 0; i < 7; i++)
        send_text(fd[1], "{\"name\":\"another\",\"value\":1}\n");
    send_text(fd[1], ACK);
    receive_line(fd[1], &b);
    cr_assert_eq(strncmp(text_of(&b), want, strlen(want)), 0, "%s", b.p);
    cr_assert_not_null(strstr(b.p, "],\"more\":2}"), "%s", b.p);
    buf_free(&b);
    (void)close(fd[0]);
    (void)close(fd[1]);
    cr_assert_eq(source_counts(rig->source)->rejected, 7);
    cr_assert_eq(intake_counts(rig->in)->users[0].uid, getuid());
    cr_assert_eq(intake_counts(rig->in)->users[0].n[USER_SERIES], 7);
}

Test(limits, of_users_are_not_for_a_collectors_own_socket)
{
    struct source_config c = source_config();
    struct source *own;
    struct why why;
    char path[128];
    int fd;

    rig->limits.per_user = (struct conf_per_user){1, 1, 1};
    intake_limits(rig->in, &rig->limits);
    (void)snprintf(path, sizeof path, "%s/own.sock", rig->dir);
    c.socket.path = path;
    c.name = "own";
    own = source_open(rig->in, &c, &why);
    cr_assert_not_null(own, "%s", why.text);
    (void)memcpy(rig->path, path, sizeof rig->path);
    fd = connect_client();
    for (int i = 0; i < 1000; i++)
        send_text(fd, GOOD "{\"name\":\"b\",\"value\":1}\n");
    send_text(fd, ACK);
    expect_line(fd, "{\"accepted\":2000,\"rejected\":0,\"errors\":[]}\n");
    (void)close(fd);
    source_close(own);
}

Test(limits, ten_thousand_connections, .timeout = 60)
{
    int held[4], fd;

    for (int i = 0; i < 4; i++)
        held[i] = connect_client();
    turn_loop();
    for (int i = 0; i < 10000; i++) {
        fd = connect_client();
        (void)close(fd);
        if (i % 32 == 0)
            turn_loop();
    }
    while (intake_counts(rig->in)->refused < 10000)
        turn_loop();
    cr_assert_eq(intake_connections(rig->in), 4);
    for (int i = 0; i < 4; i++) {
        send_text(held[i], GOOD);
        send_text(held[i], ACK);
        expect_line(held[i], ONE);
        (void)close(held[i]);
    }
}

/* --- time --- */
