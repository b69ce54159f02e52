/* tests/unit/collect/test_nursery.c - collect/nursery.h, real processes: what keepers leave is its own, and comes to an end */
#include <sys/resource.h>

#include "collect/nursery.h"
#include "rig/keeper_run.h"

static struct nursery_book *book;
static pid_t nursery;
static int control;
static uint32_t last_id;

static void begin(void)
{
    book = nursery_book_new();
    cr_assert_not_null(book);
    nursery = nursery_start(book, &control);
    cr_assert_gt(nursery, 0);
}

static void end(void)
{
    int status = -1;

    fd_close(&control);
    cr_assert_eq(waitpid(nursery, &status, 0), nursery);
    cr_assert_eq(status, 0);
    nursery_book_free(book);
}

/* A run under a keeper that is asked for. */
static uint32_t begin_run(struct run *r, const char *script)
{
    int pair[2];

    cr_assert_eq(keeper_pair(pair), 0);
    *r = (struct run){.control = pair[0], .out = -1};
    cr_assert_eq(nursery_ask(control, ++last_id, pair[1]), 0);
    fd_close(&pair[1]);
    next_run(r, script);
    return last_id;
}

static void close_run(struct run *r)
{
    fd_close(&r->control);
    fd_close(&r->out);
}

TestSuite(nursery, .timeout = 60);

Test(nursery, its_keepers_are_in_the_book_while_they_live)
{
    struct run a, b;

    begin();
    (void)begin_run(&a, "echo up; exec sleep 1000");
    wait_said(&a, "up");
    (void)begin_run(&b, "exit 3");
    WAIT_FOR(book->n == 2);
    take_report(&b);
    cr_assert_eq(WEXITSTATUS(b.report.status), 3);
    fd_close(&b.control);
    WAIT_FOR(book->n == 1);
    cr_assert_eq(book->ids[0], 1, "the other one is left");
    cr_assert_eq(kill(book->pids[0], 0), 0);
    keeper_stop(a.control);
    take_report(&a);
    fd_close(&a.control);
    WAIT_FOR(book->n == 0);
    end();
}

/* Whatever it was at, and whoever kills it; the keeper beside it is left alone. */
Test(nursery, what_a_killed_keeper_kept_is_killed)
{
    static const char tree[] =
        "trap '' TERM; setsid -f sh -c '(setsid -f sleep 1000); sleep 1000'; sleep 1000 & "
        "echo up; sleep 1000";
    char other[sizeof keeper_rig.mark];
    struct run a, b;
    uint32_t id;

    begin();
    (void)begin_run(&a, "echo up; exec sleep 1000");
    wait_said(&a, "up");
    memcpy(other, keeper_rig.mark, sizeof other);
    for (int asked = 0; asked < 2; asked++) {
        id = begin_run(&b, tree);
        wait_said(&b, "up");
        WAIT_FOR(processes_marked(keeper_rig.mark) >= 4);
        if (asked)
            cr_assert_eq(nursery_kill(control, id), 0);
        else
            cr_assert_eq(kill(book->pids[1], SIGKILL), 0);
        WAIT_FOR(processes_marked(keeper_rig.mark) == 0);
        (void)keeper_pid(b.control);
        WAIT_FOR(keeper_gone(b.control));
        cr_assert_not(keeper_report(b.control, &b.report));
        close_run(&b);
    }
    cr_assert_eq(processes_marked(other), 1);
    keeper_stop(a.control);
    take_report(&a);
    fd_close(&a.control);
    end();
}

/* Each of them lives for a fork and an exit. */
Test(nursery, a_chain_that_a_killed_keeper_kept_is_killed)
{
    struct run r;

    begin();
    (void)begin_run(&r, "exec perl -MPOSIX -e '$| = 1; if (fork()) { sleep 1000 } POSIX::setsid();"
                        "for (my $i = 0; ; $i++) { my $pid = fork(); POSIX::_exit(0) if $pid;"
                        " POSIX::setsid(); print \"far\\n\" if $i == 100 }'");
    wait_said(&r, "far");
    cr_assert_eq(kill(book->pids[0], SIGKILL), 0);
    WAIT_FOR(processes_marked(keeper_rig.mark) == 0);
    close_run(&r);
    end();
}

Test(nursery, garnetd_goes_and_nothing_stays)
{
    int status;
    struct run r;

    begin();
    (void)begin_run(&r, "trap '' TERM; setsid -f sleep 1000; echo up; while :; do sleep 1; done");
    wait_said(&r, "up");
    fd_close(&control);
    close_run(&r);
    cr_assert_eq(waitpid(nursery, &status, 0), nursery);
    cr_assert_eq(status, 0);
    cr_assert_eq(processes_marked(keeper_rig.mark), 0);
    nursery_book_free(book);
}

Test(nursery, a_keeper_that_cannot_be_had_is_reported)
{
    struct rlimit none;
    struct run r;

    if (getuid() != 0)
        cr_skip_test("needs to become a user that has no other process");
    cr_assert_eq(setresuid(61235, 61235, 61235), 0);
    begin();
    (void)getrlimit(RLIMIT_NPROC, &none);
    none.rlim_cur = 1;
    cr_assert_eq(prlimit(nursery, RLIMIT_NPROC, &none, NULL), 0);
    (void)begin_run(&r, "exit 0");
    take_report(&r);
    cr_assert_eq(r.report.end, KEEPER_NONE);
    cr_assert_eq(r.report.failure.error, EAGAIN);
    WAIT_FOR(keeper_gone(r.control));
    fd_close(&r.control);
    end();
}

Test(nursery, holds_nothing_but_its_socket)
{
    char pid[16];
    struct run r;

    begin();
    for (int i = 0; i < 20; i++) {
        (void)begin_run(&r, "exit 0");
        take_report(&r);
        fd_close(&r.control);
    }
    (void)snprintf(pid, sizeof pid, "%d", (int)nursery);
    WAIT_FOR(open_descriptors(pid) == 4);
    cr_assert_eq(getsid(nursery), nursery, "out of a terminal's reach");
    end();
}
