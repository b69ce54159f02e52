/* tests/unit/intake/test_intake_cost.c - what no input may cost: a long turn of the loop, or more than was sent */
#include <time.h>

#include "rig/intake_rig.h"

TestSuite(cost, .init = intake_rig_start, .fini = intake_rig_end);

static struct intake_rig *const rig = &intake_rig;

/* Of this process: what else the machine is busy with does not count. */
static int64_t cpu_ns(void)
{
    struct timespec ts;

    cr_assert_eq(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts), 0);
    return ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

/* The computing that the longest turn takes while `n` clients send `junk` as fast as they can. */
static int64_t longest_turn(const char *junk, size_t size, int64_t *reply)
{
    int fd[4], good, rounds = 0;
    int64_t longest = 0, began = clock_mono();

    for (int i = 0; i < 3; i++)
        fd[i] = connect_client();
    good = connect_client();
    (void)send(good, GOOD, sizeof GOOD - 1, 0);
    (void)send(good, ACK, sizeof ACK - 1, 0);
    *reply = 0;
    for (; rounds < 2000 && clock_mono() - began < 2 * NS_PER_S; rounds++) {
        char line[256];
        int64_t at;

        for (int i = 0; i < 3; i++)
            (void)send(fd[i], junk, size, MSG_NOSIGNAL);
        at = cpu_ns();
        turn_loop();
        at = cpu_ns() - at;
        longest = at > longest ? at : longest;
        if (*reply == 0 && recv(good, line, sizeof line, 0) > 0)
            *reply = clock_mono() - began;
    }
    for (int i = 0; i < 3; i++)
        (void)close(fd[i]);
    (void)close(good);
    for (int i = 0; i < MANY_TURNS && intake_connections(rig->in) > 0; i++)
        turn_loop();
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
Test(cost, no_input_makes_a_turn_long, .timeout = 60)
{
    static void (*const put[])(struct buf *) = {put_inflating, put_bad_members, put_chain,
                                                put_brackets};

    for (size_t i = 0; i < sizeof put / sizeof *put; i++) {
        struct buf junk = {0};
        int64_t reply, longest;

        while (junk.n < 60000)
            put[i](&junk);
        longest = longest_turn(junk.p, junk.n, &reply);
        cr_log_info("%zu: the longest turn %.1f ms, the reply after %.1f ms", i,
                    (double)longest / 1e6, (double)reply / 1e6);
        cr_assert_gt(reply, 0, "%zu: no reply", i);
        cr_assert_lt(longest, 500 * NS_PER_MS, "%zu: a turn took %.1f ms", i,
                     (double)longest / 1e6);
        buf_free(&junk);
    }
}

Test(cost, an_object_that_inflates)
{
    struct buf b = {0}, reply = {0};
    int fd;

    fd = connect_client();
    buf_puts(&b, "{\"name\":\"a\",\"tags\":{");
    for (int i = 0; i < 4; i++)
        buf_putf(&b, "%s\"%d\":\"%0500d\"", i > 0 ? "," : "", i, 1);
    buf_puts(&b, "},\"values\":{");
    for (int i = 0; b.n < 4000; i++)
        buf_putf(&b, "%s\"%d\":1", i > 0 ? "," : "", i);
    buf_puts(&b, "}}\n");
    send_pieces(fd, b.p, b.n, SIZE_MAX);
    send_text(fd, GOOD);
    (void)shutdown(fd, SHUT_WR);
    receive_to_end(fd, &reply);
    cr_assert_not_null(strstr(text_of(&reply), "its metrics are too much for one object"), "%s",
                       reply.p);
    cr_assert_null(strstr(reply.p, "{\"accepted\":1,"), "%s", reply.p);
    cr_assert_not_null(strstr(text_of(&rig->spool), "\"good\""));
    cr_assert_lt(source_counts(rig->source)->accepted, 16 * 4096 / 2000 + 10);
    buf_free(&b);
    buf_free(&reply);
    (void)close(fd);
}
