/* model/scoreboard.h: two numbers that belong together are read together */
#include <criterion/criterion.h>
#include <pthread.h>
#include <unistd.h>

#include "model/scoreboard.h"

static struct scoreboard *board;

static void begin(void)
{
    int fd;

    board = scoreboard_new(&fd);
    cr_assert_not_null(board);
    close(fd);
}

static void end(void)
{
    scoreboard_unmap(board);
}

TestSuite(scoreboard, .init = begin, .fini = end, .timeout = 60);

Test(scoreboard, what_was_read_stands_until_it_is_forgotten)
{
    uint64_t taken, lost;

    cr_assert_not(scoreboard_get_read(board, &taken, &lost));
    for (uint64_t i = 0; i < 5; i++) {
        scoreboard_put_read(board, i, 10 * i);
        cr_assert(scoreboard_get_read(board, &taken, &lost));
        cr_assert_eq(taken, i);
        cr_assert_eq(lost, 10 * i);
    }
    scoreboard_forget_read(board);
    cr_assert_not(scoreboard_get_read(board, &taken, &lost));
}

/* A worker that is killed between two stores leaves the pair before. */
Test(scoreboard, half_a_pair_does_not_count)
{
    uint64_t taken, lost;

    scoreboard_put_read(board, 7, 3);
    atomic_store(&board->read[0].taken, 8);
    cr_assert(scoreboard_get_read(board, &taken, &lost));
    cr_assert_eq(taken, 7);
    cr_assert_eq(lost, 3);
}

static void *write_pairs(void *arg)
{
    for (uint64_t i = 1; i <= 2000000; i++)
        scoreboard_put_read(arg, i, 2 * i);
    return NULL;
}

Test(scoreboard, a_pair_is_never_torn)
{
    uint64_t taken = 0, lost = 0, before = 0;
    pthread_t writer;

    cr_assert_eq(pthread_create(&writer, NULL, write_pairs, board), 0);
    while (taken < 2000000) {
        if (!scoreboard_get_read(board, &taken, &lost))
            continue;
        cr_assert_eq(lost, 2 * taken);
        cr_assert_geq(taken, before);
        before = taken;
    }
    cr_assert_eq(pthread_join(writer, NULL), 0);
}
