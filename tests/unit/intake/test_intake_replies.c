/* tests/unit/intake/test_intake_replies.c - one reply for each request, whatever becomes of the metrics it tells of
 *
 * The spool of the rig answers "later" to each batch, with the next ticket; the tests say which of
 * them are safe and which are not.
 */
#include "rig/chance.h"
#include "rig/intake_rig.h"

TestSuite(replies, .timeout = 120);

static struct intake_rig *const rig = &intake_rig;

static const char BAD[] = "{\"name\":\"bad\",\"value\":\"x\"}\n";
static const char UNSAFE[] =
    "{\"accepted\":0,\"rejected\":1,\"errors\":[{\"error\":\"no disk\"}]}\n";

static int begin_later(void)
{
    intake_rig_start();
    rig->answer = 1;
    return connect_client();
}

static void send_all(int fd, const char *const *parts)
{
    struct buf b = {0};

    for (; *parts; parts++)
        buf_puts(&b, *parts);
    send_pieces(fd, b.p, b.n, SIZE_MAX);
    buf_free(&b);
    turn_loop();
}
#define SEND(fd, ...) send_all(fd, (const char *const[]){__VA_ARGS__, NULL})

static void expect_lines(int fd, unsigned lines, const char *want)
{
    struct buf b = {0};
    bool end = false;

    for (int i = 0; lines > 0; i++) {
        size_t had = b.n;
        cr_assert_lt(i, MANY_TURNS, "no reply");
        cr_assert(!end, "closed");
        turn_loop();
        (void)receive_some(fd, &b, &end);
        for (; had < b.n; had++)
            lines -= b.p[had] == '\n';
    }
    cr_assert_str_eq(text_of(&b), want);
    buf_free(&b);
}

Test(replies, two_requests_get_two_replies)
{
    int fd = begin_later();

    SEND(fd, GOOD, BAD, ACK, GOOD, ACK, ACK);
    cr_assert(nothing_comes(fd));
    intake_known(rig->in, rig->ticket, "no disk");
    expect_lines(
        fd, 3,
        "{\"accepted\":0,\"rejected\":2,\"errors\":[{\"line\":2,\"byte\":23,\"field\":\"value\","
        "\"error\":\"must be a number, not a string\"},{\"error\":\"no disk\"}]}\n"
        "{\"accepted\":0,\"rejected\":1,\"errors\":[{\"error\":\"no disk\"}]}\n"
        "{\"accepted\":0,\"rejected\":0,\"errors\":[]}\n");
    cr_assert_eq(source_counts(rig->source)->accepted, 0);
    cr_assert_eq(source_counts(rig->source)->rejected, 3);
    (void)close(fd);
    intake_rig_end();
}

/* The end of the input is a request of its own, also when it is read in the same turn. */
Test(replies, the_end_behind_a_request_gets_its_own)
{
    static const char UNFINISHED[] = "{\"name\":\"cut";
    const char *const last[] = {"", UNFINISHED};
    const char *const want[] = {"{\"accepted\":0,\"rejected\":0,\"errors\":[]}\n",
                                "{\"accepted\":0,\"rejected\":1,\"errors\":[{\"line\":3,\"byte\":1,"
                                "\"error\":\"unfinished at the end of the input\"}]}\n"};

    for (size_t i = 0; i < 2; i++) {
        struct buf all = {0};
        char said[128], expected[256];
        int fd, n;

        intake_rig_start();
        fd = connect_client();
        n = snprintf(said, sizeof said, "%s%s%s", GOOD, ACK, last[i]);
        (void)snprintf(expected, sizeof expected, "%s%s", ONE, want[i]);
        cr_assert_eq(send(fd, said, (size_t)n, 0), n);
        (void)shutdown(fd, SHUT_WR);
        receive_to_end(fd, &all);
        cr_assert_str_eq(text_of(&all), expected);
        buf_free(&all);
        (void)close(fd);
        intake_rig_end();
    }
}

Test(replies, what_is_safe_is_not_refused)
{
    int fd = begin_later();

    SEND(fd, GOOD, GOOD);
    intake_known(rig->in, rig->ticket, NULL); /* before anybody asked */
    SEND(fd, GOOD, ACK);
    intake_known(rig->in, rig->ticket, "no disk");
    expect_line(fd, "{\"accepted\":2,\"rejected\":1,\"errors\":[{\"error\":\"no disk\"}]}\n");
    cr_assert_eq(source_counts(rig->source)->accepted, 2);
    cr_assert_eq(source_counts(rig->source)->rejected, 1);
    (void)close(fd);
    intake_rig_end();
}

Test(replies, what_waits_for_a_later_ticket_goes_on_waiting)
{
    int fd = begin_later();

    SEND(fd, GOOD, ACK, GOOD, ACK);
    intake_known(rig->in, rig->ticket - 1, "no disk");
    expect_line(fd, UNSAFE);
    cr_assert(nothing_comes(fd));
    cr_assert(!intake_quiet(rig->in));
    intake_known(rig->in, rig->ticket, NULL);
    expect_line(fd, ONE);
    cr_assert(intake_quiet(rig->in));
    (void)close(fd);
    intake_rig_end();
}

/* A reply with nothing to wait for stays behind the one that has. */
Test(replies, come_in_order)
{
    int fd = begin_later();

    SEND(fd, GOOD, ACK);
    rig->answer = 0;
    cr_assert(nothing_comes(fd));
    intake_known(rig->in, rig->ticket, NULL);
    rig->answer = 1;
    expect_line(fd, ONE);
    SEND(fd, GOOD, ACK, BAD, ACK, GOOD, ACK);
    cr_assert(nothing_comes(fd));
    intake_known(rig->in, rig->ticket - 1, NULL);
    expect_lines(fd, 2,
                 "{\"accepted\":1,\"rejected\":0,\"errors\":[]}\n"
                 "{\"accepted\":0,\"rejected\":1,\"errors\":[{\"line\":5,\"byte\":23,\"field\":"
                 "\"value\",\"error\":\"must be a number, not a string\"}]}\n");
    intake_known(rig->in, rig->ticket, NULL);
    expect_line(fd, ONE);
    (void)close(fd);
    intake_rig_end();
}

/* A client that has left is not waited for, and its metrics are counted all the same. */
Test(replies, who_has_left_is_counted_once)
{
    int fd = begin_later();

    SEND(fd, GOOD, GOOD, ACK);
    (void)close(fd);
    while (intake_connections(rig->in) > 0)
        turn_loop();
    cr_assert_eq(source_counts(rig->source)->accepted, 0);
    cr_assert_eq(source_counts(rig->source)->taken, 2);
    intake_known(rig->in, rig->ticket, "no disk");
    cr_assert_eq(source_counts(rig->source)->accepted, 0);
    cr_assert_eq(source_counts(rig->source)->rejected, 2);
    intake_rig_end();
}

static void run_is_told(uint64_t accepted, uint64_t rejected)
{
    uint64_t a, b;

    source_run_end(rig->source, &a, &b);
    cr_assert(a == accepted && b == rejected, "%" PRIu64 " and %" PRIu64, a, b);
}

Test(replies, a_run_is_told_of_its_own_only)
{
    int fd = begin_later(), next;

    source_run(rig->source, 0);
    (void)close(fd);
    fd = connect_client();
    SEND(fd, GOOD, GOOD, GOOD);
    source_run(rig->source, 0);
    next = connect_client();
    SEND(next, GOOD, GOOD);
    run_is_told(2, 0);
    intake_known(rig->in, rig->ticket - 1, "no disk");
    run_is_told(2, 0); /* those were another run's */
    intake_known(rig->in, rig->ticket, "no disk");
    run_is_told(0, 2);
    (void)close(fd);
    (void)close(next);
    intake_rig_end();
}

Test(replies, own_metrics_that_are_not_safe_count_as_rejected)
{
    static struct metric m = {
        .type = METRIC_GAUGE, .vtype = METRIC_I64, .value.i = 7, .name = {"own", 3}};
    int fd = begin_later();

    intake_own(rig->in, &m);
    turn_loop();
    cr_assert_eq(intake_counts(rig->in)->own_rejected, 0);
    intake_known(rig->in, rig->ticket, "no disk");
    intake_known(rig->in, rig->ticket, "no disk");
    cr_assert_eq(intake_counts(rig->in)->own_rejected, 1);
    (void)close(fd);
    intake_rig_end();
}

/* --- by chance, against a list --- */

enum { CLIENTS = 3, ACCOUNTS = 4096, TICKETS = 4096, STEPS = 400 };

struct told {
    uint64_t ticket; /* of its good ones; 0: known when they were sent */
    unsigned good, bad;
    bool refused;
};
struct client {
    int fd;
    struct told accounts[ACCOUNTS];
    unsigned n, heard;
    struct buf in;
};
static struct client clients[CLIENTS];
static char fate[TICKETS]; /* 0, or 's'afe or 'u'nsafe */

/* One to three requests at once, each with an account of its own. */
static void sends(struct client *c, uint64_t *rng)
{
    struct buf b = {0};

    rig->answer = (int)random_below(rng, 4) - 1;
    rig->answer = rig->answer > 1 ? 1 : rig->answer;
    uint64_t ticket = rig->ticket;
    for (uint64_t k = 1 + random_below(rng, 3); k > 0; k--) {
        struct told *a = &c->accounts[c->n++];
        *a = (struct told){.good = (unsigned)random_below(rng, 4),
                           .bad = (unsigned)random_below(rng, 3)};
        for (unsigned i = 0; i < a->good; i++)
            buf_puts(&b, GOOD);
        for (unsigned i = 0; i < a->bad; i++)
            buf_puts(&b, BAD);
        buf_puts(&b, ACK);
        if (a->good > 0 && rig->answer >= 0)
            ticket++;
        a->ticket = a->good > 0 && rig->answer > 0 ? ticket : 0;
        a->refused = rig->answer < 0;
    }
    send_pieces(c->fd, b.p, b.n, SIZE_MAX);
    turn_loop();
    MUST(rig->ticket == ticket, "%" PRIu64 " batches, not %" PRIu64, rig->ticket, ticket);
    buf_free(&b);
}

static void decide(uint64_t upto, bool safe)
{
    for (uint64_t t = 1; t <= upto; t++)
        fate[t] = fate[t] ? fate[t] : safe ? 's' : 'u';
    if (safe)
        intake_known(rig->in, upto, NULL);
    else
        intake_known(rig->in, upto, "no disk");
    for (int i = 0; i < 3; i++)
        turn_loop();
}

static void expect(const struct told *a, unsigned *good, unsigned *bad)
{
    bool refused = a->refused || (a->ticket > 0 && fate[a->ticket] == 'u');

    *good = refused ? 0 : a->good;
    *bad = a->bad + (refused ? a->good : 0);
}

/* Every reply that can be told has come, and no other. */
static void hears(struct client *c)
{
    bool end = false;

    for (int i = 0; i < 4; i++) {
        turn_loop();
        (void)receive_some(c->fd, &c->in, &end);
    }
    for (char *line = c->in.p, *lf; c->in.n > 0 && (lf = memchr(line, '\n', c->in.n)) != NULL;
         line = c->in.p) {
        unsigned good, bad, accepted, rejected;
        MUST(c->heard < c->n, "a reply that nobody asked for");
        const struct told *a = &c->accounts[c->heard++];
        MUST(a->ticket == 0 || fate[a->ticket], "reply %u came too early", c->heard);
        MUST(sscanf(line, "{\"accepted\":%u,\"rejected\":%u,", &accepted, &rejected) == 2);
        expect(a, &good, &bad);
        MUST(accepted == good && rejected == bad, "reply %u: %u and %u, not %u and %u", c->heard,
             accepted, rejected, good, bad);
        buf_drop(&c->in, (size_t)(lf + 1 - line));
    }
    const struct told *next = &c->accounts[c->heard];
    MUST(c->heard == c->n || (next->ticket > 0 && !fate[next->ticket]), "reply %u did not come",
         c->heard + 1);
}

static void chance(uint64_t seed)
{
    uint64_t rng = seed, known = 0, accepted = 0, rejected = 0;

    trace_reset();
    trace_note("seed %" PRIu64, seed);
    memset(fate, 0, sizeof fate);
    memset(clients, 0, sizeof clients);
    intake_rig_start();
    for (int i = 0; i < CLIENTS; i++)
        clients[i].fd = connect_client();
    for (int step = 0; step < STEPS; step++) {
        struct client *c = &clients[random_below(&rng, CLIENTS)];
        if (random_below(&rng, 3) == 0 && rig->ticket > known) {
            known += 1 + random_below(&rng, rig->ticket - known);
            decide(known, random_below(&rng, 2) == 0);
        } else if (c->heard == c->n) { /* it is not read from otherwise */
            sends(c, &rng);
        }
        hears(c);
    }
    decide(rig->ticket, true);
    for (struct client *c = clients; c < clients + CLIENTS; c++) {
        hears(c);
        MUST(c->heard == c->n);
        for (unsigned i = 0, good, bad; i < c->n; i++) {
            expect(&c->accounts[i], &good, &bad);
            accepted += good;
            rejected += bad;
        }
        (void)close(c->fd);
        buf_free(&c->in);
    }
    MUST(source_counts(rig->source)->accepted == accepted &&
         source_counts(rig->source)->rejected == rejected);
    intake_rig_end();
}

Test(replies, by_chance)
{
    for (uint64_t seed = 1; seed <= 20; seed++)
        chance(seed);
}

/* Linux 6.16 lets a socket refuse them; this is what older ones do. */
static void let_descriptors_pass(void)
{
    enum { PASSRIGHTS = 83 };
    int listening = 0;
    socklen_t n = sizeof listening;

    for (int fd = 3; fd < 64; fd++)
        if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &n) == 0 && listening)
            (void)setsockopt(fd, SOL_SOCKET, PASSRIGHTS, &(int){1}, sizeof(int));
}

static void pass_descriptor(int to, const char *text, int fd)
{
    union {
        struct cmsghdr head;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = {.head = {.cmsg_level = SOL_SOCKET,
                          .cmsg_type = SCM_RIGHTS,
                          .cmsg_len = CMSG_LEN(sizeof fd)}};
    struct iovec v = {(void *)text, strlen(text)};
    struct msghdr m = {
        .msg_iov = &v, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};

    memcpy(CMSG_DATA(&control.head), &fd, sizeof fd);
    cr_assert_eq(sendmsg(to, &m, MSG_NOSIGNAL), (ssize_t)strlen(text), "%s", strerror(errno));
}

static int passing_to;

static void refuse(void)
{
    rig->answer = -1;
}

static void pass_and_refuse_what_follows(void)
{
    pass_descriptor(passing_to, GOOD, STDERR_FILENO);
    rig->committed = refuse;
}

/* They come between two reads of a turn, and what was read before is refused: whatever errno is by then, it is the
 * descriptors that end the input, and both are told. */
Test(replies, descriptors_passed_along_behind_a_request)
{
    const struct metric own = {.type = METRIC_GAUGE, .vtype = METRIC_I64, .name = {"good", 4}};
    struct buf b = {0};
    unsigned full = 0;

    intake_rig_start();
    let_descriptors_pass();
    for (; rig->commits == 0; full++) /* a batch that is full is committed early */
        intake_own(rig->in, &own);
    passing_to = connect_client();
    turn_loop();
    for (unsigned i = 1; i < full; i++)
        intake_own(rig->in, &own);
    cr_assert_eq(rig->commits, 1);
    rig->committed = pass_and_refuse_what_follows;
    cr_assert_eq(send(passing_to, GOOD GOOD ACK, strlen(GOOD GOOD ACK), 0),
                 (ssize_t)strlen(GOOD GOOD ACK));
    receive_to_end(passing_to, &b);
    cr_assert_str_eq(
        text_of(&b),
        "{\"accepted\":1,\"rejected\":1,\"errors\":[{\"error\":\"the disk is full\"}]}\n"
        "{\"accepted\":0,\"rejected\":1,\"errors\":[{\"error\":\"descriptors were passed "
        "along with what comes here: not read\"}]}\n");
    buf_free(&b);
    (void)close(passing_to);
    intake_rig_end();
}
