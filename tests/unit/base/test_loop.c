/* base/loop: order within a turn, removal from anywhere, children, signals; and the timers' heap
 * alone */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/loop.h"
#include "base/process.h"
#include "base/timers.h"

static struct loop *l;
static char order[64]; /* the callbacks' own letters, in the order in which they ran */

static void setup(void)
{
    l = loop_new();
    cr_assert_not_null(l);
}

static void teardown(void)
{
    loop_free(l);
}

static void note(char c)
{
    size_t n = strlen(order);

    cr_assert_lt(n, sizeof order - 1);
    order[n] = c;
}

static void on_time(void *arg)
{
    note(*(char *)arg);
}

/* --- the heap --- */

enum { MANY = 2000 };

Test(timers, come_out_in_order_under_any_removal)
{
    static struct loop_timer t[MANY];
    struct timers ts;
    uint64_t seed = 3;
    int left = 0;
    int64_t last = -1;

    timers_init(&ts);
    for (int round = 0; round < 20 * MANY; round++) {
        struct loop_timer *one;

        seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        one = &t[(seed >> 33) % MANY];
        if (one->armed) {
            timers_remove(&ts, one);
            left--;
        } else {
            one->at = (int64_t)(seed >> 50);
            timers_add(&ts, one);
            left++;
        }
    }
    timers_collect(&ts, INT64_MAX);
    cr_assert_null(ts.root);
    for (struct loop_timer *one; (one = timers_take(&ts)) != NULL; left--) {
        cr_assert_geq(one->at, last);
        cr_assert_not(one->armed);
        last = one->at;
    }
    cr_assert_eq(left, 0);
}

Test(timers, a_long_row_needs_no_stack)
{
    enum { ROW = 300000 };
    struct loop_timer *t = calloc(ROW, sizeof *t);
    struct timers ts;
    int n = 0;

    timers_init(&ts);
    cr_assert_not_null(t);
    for (int i = 0; i < ROW; i++) {
        t[i].at = i;
        timers_add(&ts, &t[i]);
    }
    timers_collect(&ts, ROW / 2 - 1);
    for (; timers_take(&ts) != NULL; n++)
        ;
    cr_assert_eq(n, ROW / 2);
    free(t);
}

Test(timers, removal_from_the_due_list)
{
    struct loop_timer t[3] = {{.at = 1}, {.at = 2}, {.at = 3}};
    struct timers ts;

    timers_init(&ts);
    for (int i = 0; i < 3; i++)
        timers_add(&ts, &t[i]);
    timers_collect(&ts, 3);
    timers_remove(&ts, &t[1]);
    cr_assert_eq(timers_take(&ts), &t[0]);
    timers_remove(&ts, &t[2]);
    cr_assert_null(timers_take(&ts));
    cr_assert(TAILQ_EMPTY(&ts.due));
}

/* --- timers in the loop --- */

Test(loop, timers_run_when_due, .init = setup, .fini = teardown)
{
    struct loop_timer a = {0}, b = {0}, c = {0};
    int64_t start = clock_mono();

    loop_timer_set(l, &a, start + 20 * NS_PER_MS, on_time, "a");
    loop_timer_set(l, &b, start + 10 * NS_PER_MS, on_time, "b");
    loop_timer_set(l, &c, start + 1 * NS_PER_MS, on_time, "c");
    loop_timer_set(l, &c, start + 30 * NS_PER_MS, on_time, "c"); /* moved */
    while (c.armed)
        cr_assert(loop_turn(l, -1));
    cr_assert_str_eq(order, "bac");
    cr_assert_geq(loop_now(l), start + 30 * NS_PER_MS);
    loop_timer_clear(l, &c);
}

static struct loop_timer again, other;

static void on_again(void *arg)
{
    note('a');
    loop_timer_set(l, &again, 0, on_again, arg);
}

Test(loop, a_timer_for_now_starves_nobody, .init = setup, .fini = teardown)
{
    loop_timer_set(l, &again, 0, on_again, NULL);
    loop_timer_set(l, &other, 1, on_time, "o");
    loop_turn(l, -1);
    cr_assert_str_eq(order, "ao");
    loop_turn(l, -1);
    cr_assert_str_eq(order, "aoa");
}

static void on_clear_other(void *arg)
{
    note(*(char *)arg);
    loop_timer_clear(l, &other);
}

Test(loop, a_due_timer_can_be_cleared_by_another, .init = setup, .fini = teardown)
{
    loop_timer_set(l, &again, 0, on_clear_other, "a");
    loop_timer_set(l, &other, 1, on_time, "o");
    loop_turn(l, 0);
    loop_turn(l, 0);
    cr_assert_str_eq(order, "a");
}

/* --- descriptors --- */

struct reader {
    struct loop_fd w;
    int ends[2];
    struct reader *victim; /* whom its callback frees */
    uint32_t seen;
    int calls;
};

static struct reader *reader_new(void)
{
    struct reader *r = calloc(1, sizeof *r);

    cr_assert_not_null(r);
    cr_assert_eq(fd_pipe(r->ends, O_NONBLOCK, O_NONBLOCK), 0);
    loop_fd_init(&r->w);
    return r;
}

static void reader_free(struct reader *r)
{
    loop_fd_del(l, &r->w);
    fd_close(&r->ends[0]);
    fd_close(&r->ends[1]);
    free(r);
}

static int total;
static struct reader *last_called;

static void on_read(void *arg, uint32_t events)
{
    struct reader *r = arg;

    total++;
    last_called = r;
    r->calls++;
    r->seen = events;
    if (r->victim != NULL) {
        struct reader *victim = r->victim;

        r->victim = NULL;
        reader_free(victim);
    }
}

static void watch(struct reader *r)
{
    cr_assert_eq(loop_fd_add(l, &r->w, r->ends[0], LOOP_IN, on_read, r), 0);
}

Test(loop, level_triggered_until_removed, .init = setup, .fini = teardown)
{
    struct reader *r = reader_new();

    watch(r);
    loop_turn(l, 0);
    cr_assert_eq(r->calls, 0);
    cr_assert_eq(write(r->ends[1], "x", 1), 1);
    loop_turn(l, -1);
    loop_turn(l, -1);
    cr_assert_eq(r->calls, 2);
    cr_assert_eq(r->seen, LOOP_IN);
    loop_fd_mod(l, &r->w, 0);
    loop_turn(l, 0);
    cr_assert_eq(r->calls, 2);
    loop_fd_mod(l, &r->w, LOOP_IN);
    fd_close(&r->ends[1]);
    loop_turn(l, -1);
    cr_assert_eq(r->seen, LOOP_IN | LOOP_HUP);
    loop_fd_del(l, &r->w);
    loop_fd_del(l, &r->w);
    loop_turn(l, 0);
    cr_assert_eq(r->calls, 3);
    reader_free(r);
}

Test(loop, a_callback_may_free_itself_and_the_other, .init = setup, .fini = teardown)
{
    struct reader *a = reader_new(), *b = reader_new(), *c = reader_new(), *survivor;

    a->victim = b;
    b->victim = a; /* whichever is first frees the other, and must be the only one called */
    c->victim = c;
    watch(a);
    watch(b);
    cr_assert_eq(write(a->ends[1], "x", 1), 1);
    cr_assert_eq(write(b->ends[1], "x", 1), 1);
    loop_turn(l, -1);
    cr_assert_eq(total, 1);
    survivor = last_called;
    watch(c);
    cr_assert_eq(write(c->ends[1], "x", 1), 1);
    loop_turn(l, -1);
    loop_turn(l, 0);
    /* The survivor of the pair is still ready, so it is called in both turns; c only once. */
    cr_assert_eq(total, 1 + 2 + 1);
    reader_free(survivor);
}

Test(loop, add_can_be_refused, .init = setup, .fini = teardown)
{
    struct loop_fd w;
    char name[] = "/tmp/garnet-loop-XXXXXX";
    int fd = mkstemp(name);

    loop_fd_init(&w);
    cr_assert_geq(fd, 0);
    cr_assert_eq(loop_fd_add(l, &w, fd, LOOP_IN, on_read, NULL), -1);
    cr_assert_eq(errno, EPERM); /* a plain file */
    cr_assert_eq(w.fd, -1);
    loop_fd_del(l, &w);
    close(fd);
    unlink(name);
}

Test(loop, more_ready_descriptors_than_a_turn_takes, .init = setup, .fini = teardown)
{
    struct reader *r[200];

    for (int i = 0; i < 200; i++) {
        r[i] = reader_new();
        watch(r[i]);
        cr_assert_eq(write(r[i]->ends[1], "x", 1), 1);
    }
    for (int i = 0; i < 4; i++)
        loop_turn(l, 0);
    for (int i = 0; i < 200; i++) {
        cr_assert_geq(r[i]->calls, 1);
        reader_free(r[i]);
    }
}

/* --- children --- */

static int child_status = -1;

static void on_child(void *arg, int status, const struct rusage *ru)
{
    cr_assert_geq(ru->ru_maxrss, 1);
    child_status = status;
    note(*(char *)arg);
    loop_stop(l);
}

static int exit_with(void *arg)
{
    return *(int *)arg;
}

static pid_t child_that_exits(int code)
{
    pid_t pid = spawn_helper("test", NULL, 0, exit_with, &code);

    cr_assert_gt(pid, 0);
    return pid;
}

Test(loop, a_child_is_reported_once, .init = setup, .fini = teardown)
{
    struct loop_child c, unwanted;

    loop_child_add(l, &unwanted, child_that_exits(1), on_child, "u");
    loop_child_del(l, &unwanted);
    loop_child_del(l, &unwanted);
    loop_child_add(l, &c, child_that_exits(9), on_child, "c");
    loop_run(l);
    cr_assert_str_eq(order, "c");
    cr_assert_eq(WEXITSTATUS(child_status), 9);
    cr_assert_eq(c.pid, 0);
}

static int unknown;

static void until_no_child(void *arg)
{
    siginfo_t info;

    (void)arg;
    if (waitid(P_PID, (id_t)unknown, &info, WEXITED | WNOHANG | WNOWAIT) < 0 && errno == ECHILD)
        loop_stop(l);
}

Test(loop, unknown_children_leave_no_zombie, .init = setup, .fini = teardown, .timeout = 20)
{
    struct loop_hook h;

    unknown = child_that_exits(0);
    loop_after(l, &h, until_no_child, NULL);
    loop_run(l);
    cr_assert_eq(waitpid(unknown, NULL, WNOHANG), -1);
}

/* --- signals --- */

Test(loop, signals_wait_for_their_handler, .init = setup, .fini = teardown)
{
    cr_assert_eq(raise(SIGTERM), 0);
    cr_assert_eq(raise(SIGHUP), 0);
    loop_turn(l, 0);
    loop_signal(l, SIGHUP, on_time, "h");
    loop_signal(l, SIGINT, on_time, "i");
    loop_turn(l, -1); /* does not wait: SIGHUP is already here */
    cr_assert_str_eq(order, "h");
    loop_turn(l, 0);
    cr_assert_str_eq(order, "h");
    loop_signal(l, SIGTERM, on_time, "t");
    cr_assert_eq(raise(SIGINT), 0);
    loop_turn(l, -1);
    loop_turn(l, 0);
    cr_assert_str_eq(order, "hti");
}

/* --- the turn --- */

static void on_read_note(void *arg, uint32_t events)
{
    (void)events;
    note(*(char *)arg);
}

Test(loop, the_order_of_a_turn, .init = setup, .fini = teardown)
{
    struct reader *r = reader_new();
    struct loop_hook first, second;
    struct loop_timer t = {0};

    loop_after(l, &first, on_time, "1");
    loop_after(l, &second, on_time, "2");
    cr_assert_eq(loop_fd_add(l, &r->w, r->ends[1], LOOP_OUT, on_read_note, "w"), 0);
    loop_timer_set(l, &t, 0, on_time, "t");
    cr_assert(loop_turn(l, -1));
    cr_assert_str_eq(order, "tw12");
    loop_stop(l);
    cr_assert_not(loop_turn(l, -1));
    loop_run(l); /* returns at once */
    cr_assert_str_eq(order, "tw12");
    reader_free(r);
}

/* What is ready waits, a timer does not; and that holds for one turn. */
Test(loop, a_rest, .init = setup, .fini = teardown)
{
    struct reader *r = reader_new();
    struct loop_timer t = {0};
    int64_t began, until;

    cr_assert_eq(loop_fd_add(l, &r->w, r->ends[1], LOOP_OUT, on_read_note, "w"), 0);
    began = clock_mono();
    until = began + 20 * NS_PER_MS;
    loop_timer_set(l, &t, began + 5 * NS_PER_MS, on_time, "t");
    loop_rest(l, until);
    cr_assert(loop_turn(l, -1));
    cr_assert_geq(clock_mono(), began + 5 * NS_PER_MS);
    cr_assert_str_eq(order, "tw");
    until = clock_mono() + 5 * NS_PER_MS;
    loop_rest(l, until);
    cr_assert(loop_turn(l, -1));
    cr_assert_geq(clock_mono(), until);
    until = clock_mono() - 1; /* it is over */
    loop_rest(l, until);
    cr_assert(loop_turn(l, -1));
    cr_assert_str_eq(order, "twww");
    reader_free(r);
}

static struct loop_hook *doomed;

static void remove_doomed(void *arg)
{
    note(*(char *)arg);
    loop_after_del(l, doomed);
    free(doomed);
}

/* A hook that removes itself or the next one: its owner may be freed there and then. */
Test(loop, a_hook_removed_while_hooks_run, .init = setup, .fini = teardown)
{
    struct loop_hook first, last;

    doomed = malloc(sizeof *doomed);
    loop_after(l, &first, remove_doomed, "1");
    loop_after(l, doomed, on_time, "x");
    loop_after(l, &last, on_time, "3");
    cr_assert(loop_turn(l, 0));
    cr_assert_str_eq(order, "13");
    loop_after_del(l, &first);
    doomed = malloc(sizeof *doomed);
    loop_after(l, doomed, remove_doomed, "s");
    cr_assert(loop_turn(l, 0));
    cr_assert_str_eq(order, "133s");
    cr_assert(loop_turn(l, 0));
    cr_assert_str_eq(order, "133s3");
    loop_after_del(l, &first); /* not in any more */
}
