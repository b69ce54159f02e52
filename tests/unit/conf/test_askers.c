/* tests/unit/conf/test_askers.c - conf/askers.h and conf/hung.h: what hangs, dies or is slow costs itself */
#include <criterion/criterion.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "conf/askers.h"
#include "conf/hung.h"

enum { MOST = 2000 };

static struct counts { /* of what was asked, by whichever process */
    atomic_int asked, hanging;
} * counts;
static struct arena arena;
static struct question questions[MOST];
static unsigned waited_ms;
static int table;

static void start(void)
{
    counts = mmap(NULL, sizeof *counts, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    cr_assert_neq(counts, MAP_FAILED);
    cr_assert_geq(table = hung_table(), 0);
}

static void end(void)
{
    arena_free(&arena);
    fd_close(&table);
}

TestSuite(askers, .init = start, .fini = end, .timeout = 60);

/* As the key says. */
static void learn(const char *key, struct buf *out)
{
    atomic_fetch_add(&counts->asked, 1);
    if (strstr(key, "hangs") != NULL) {
        atomic_fetch_add(&counts->hanging, 1);
        for (;;)
            pause();
    }
    if (strstr(key, "dies") != NULL)
        (void)raise(SIGKILL);
    if (strstr(key, "slow") != NULL)
        (void)poll(NULL, 0, 400);
    buf_puts(out, key);
}

static void ask(uint32_t n)
{
    const struct questions of = {questions, n, &arena, learn, table, &waited_ms};

    cr_assert(askers_ask(&of));
    for (uint32_t i = 0; i < n; i++)
        cr_assert_not_null(questions[i].answer, "%s", questions[i].key);
}

static bool is_answered(uint32_t i)
{
    return strcmp(questions[i].answer, questions[i].key) == 0;
}

static bool has_none(uint32_t i)
{
    return strcmp(questions[i].answer, "error is on a file system that did not answer within 4s") ==
           0;
}

Test(askers, one_process_answers_all)
{
    for (int i = 0; i < MOST; i++)
        questions[i].key = arena_printf(&arena, "file:/folder/%d", i);
    questions[7].answer = "known";
    ask(MOST);
    for (uint32_t i = 0; i < MOST; i++)
        cr_assert(i == 7 || is_answered(i));
    cr_assert_str_eq(questions[7].answer, "known");
    cr_assert_eq(counts->asked, MOST - 1, "each once");
}

Test(askers, what_hangs_costs_itself)
{
    for (int i = 0; i < MOST; i++)
        questions[i].key = arena_printf(&arena, "file:/%d/%s", i, i % 500 == 3 ? "hangs" : "well");
    ask(MOST);
    for (uint32_t i = 0; i < MOST; i++)
        cr_assert(i % 500 == 3 ? has_none(i) : is_answered(i), "%s", questions[i].answer);
    cr_assert_eq(counts->asked, MOST, "each once");
    cr_assert_eq(counts->hanging, MOST / 500);
}

/* A mount with many commands, that is dead: a few are tried, at most. */
Test(askers, a_folder_that_hangs_takes_a_few_processes)
{
    for (int i = 0; i < MOST; i++)
        questions[i].key = i % 2 != 0 ? arena_printf(&arena, "exec:/bin:/sbin\n/nfs/hangs%d", i)
                                      : arena_printf(&arena, "trust:-1:/bin/well%d", i);
    ask(MOST);
    for (uint32_t i = 0; i < MOST; i++)
        cr_assert(i % 2 != 0 ? has_none(i) : is_answered(i), "%s", questions[i].answer);
    cr_assert_leq(counts->hanging, 16);
}

/* Links to it: who is beside them has an answer. */
Test(askers, links_to_what_hangs_cost_no_other)
{
    char dir[] = "/tmp/garnet-askers-XXXXXX", link[64], to[64];

    cr_assert_not_null(mkdtemp(dir));
    for (int i = 0; i < 40; i++) {
        (void)snprintf(link, sizeof link, "%s/hangs%d", dir, i);
        (void)snprintf(to, sizeof to, "/nfs/%d", i);
        cr_assert_eq(symlink(to, link), 0);
        questions[i].key = arena_printf(&arena, "file:%s", link);
        questions[40 + i].key = arena_printf(&arena, "file:%s/well%d", dir, i);
    }
    ask(80);
    for (uint32_t i = 0; i < 40; i++) {
        (void)snprintf(link, sizeof link, "%s/hangs%u", dir, i);
        cr_assert_eq(unlink(link), 0);
        cr_assert(has_none(i));
        cr_assert(is_answered(40 + i));
    }
    cr_assert_eq(rmdir(dir), 0);
    cr_assert_leq(counts->hanging, 16);
    questions[0].key = arena_printf(&arena, "file:%s/well", dir);
    questions[0].answer = NULL;
    ask(1);
    cr_assert(is_answered(0), "by the next load, too");
}

Test(askers, there_are_never_more_than_places)
{
    for (int i = 0; i < 200; i++)
        questions[i].key = arena_printf(&arena, "file:/%d/hangs", i);
    ask(200);
    for (uint32_t i = 0; i < 200; i++)
        cr_assert(has_none(i));
    cr_assert_leq(counts->hanging, HUNG_PLACES);
}

Test(askers, what_is_slow_is_waited_for)
{
    for (int i = 0; i < 12; i++)
        questions[i].key = arena_printf(&arena, "file:/%s/slow%d", i < 6 ? "a" : "b", i);
    ask(12);
    for (uint32_t i = 0; i < 12; i++)
        cr_assert(is_answered(i), "%s", questions[i].answer);
}

/* Many that take 400 ms each: there are more and more who ask, and nobody is given up. */
Test(askers, many_that_are_slow_are_waited_for)
{
    for (int i = 0; i < 60; i++)
        questions[i].key = arena_printf(&arena, "file:/%d/slow", i);
    ask(60);
    for (uint32_t i = 0; i < 60; i++)
        cr_assert(is_answered(i), "%s", questions[i].answer);
}

Test(askers, what_kills_who_asks_is_not_asked_again)
{
    for (int i = 0; i < 10; i++)
        questions[i].key = arena_printf(&arena, "file:/%d/%s", i, i % 4 == 1 ? "dies" : "well");
    ask(10);
    for (uint32_t i = 0; i < 10; i++)
        if (i % 4 == 1)
            cr_assert_str_eq(questions[i].answer,
                             "error cannot be judged: the process that looked at it died");
        else
            cr_assert(is_answered(i));
    cr_assert_eq(counts->asked, 10);
}

Test(askers, a_name_service_that_hangs_is_named_so)
{
    questions[0].key = "user:hangs";
    questions[1].key = "file:/well";
    ask(2);
    cr_assert_str_eq(questions[0].answer,
                     "error cannot be looked up: there was no answer within 4s");
    cr_assert(is_answered(1));
}

/* --- those of earlier loads, that no signal ends --- */

/* A process that stands at that in the table, and lives on. */
static pid_t stand_at(const struct hung *h, const char *what)
{
    struct hung_place *own;
    char byte = 0;
    int fds[2];
    pid_t pid;

    cr_assert_eq(fd_pipe(fds, 0, 0), 0);
    pid = fork();
    cr_assert_geq(pid, 0);
    if (pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        own = hung_enter(h);
        if (own != NULL)
            hung_at(own, what);
        (void)fd_write_all(fds[1], own != NULL ? "y" : "n", 1);
        for (;;)
            pause();
    }
    cr_assert_eq(read(fds[0], &byte, 1), 1);
    cr_assert_eq(byte, 'y');
    fd_close(&fds[0]);
    fd_close(&fds[1]);
    return pid;
}

static void end_child(pid_t pid)
{
    cr_assert_eq(kill(pid, SIGKILL), 0);
    cr_assert_eq(waitpid(pid, NULL, 0), pid);
}

static enum hung_verdict look_for(const struct hung *h, const char *what)
{
    return hung_look(h, NULL, &(struct hung_look){.what = what});
}

static void wait_until(const struct hung *h, const char *what, enum hung_verdict verdict)
{
    int64_t until = clock_mono() + 20 * NS_PER_S;

    while (look_for(h, what) != verdict && clock_mono() < until)
        (void)poll(NULL, 0, 10);
    cr_assert_eq(look_for(h, what), verdict, "%s", what);
}

Test(askers, nobody_is_sent_after_one_who_hangs_there)
{
    struct hung_look part = {.part = true};
    struct hung h;
    pid_t pid;

    cr_assert(hung_open(&h, table));
    pid = stand_at(&h, "/nfs/check");
    hung_give_up(&h, pid);
    wait_until(&h, "/nfs/check", HUNG_SAME);
    cr_assert_eq(look_for(&h, "/nfs/other"), HUNG_SOME);
    cr_assert_eq(look_for(&h, "/nfs/check/deeper"), HUNG_NOBODY);
    part.what = "/nfs/deeper";
    cr_assert_eq(hung_look(&h, NULL, &part), HUNG_NOBODY, "on its way past it");
    part.what = "/nfs/check";
    cr_assert_eq(hung_look(&h, NULL, &part), HUNG_SAME);
    cr_assert_eq(look_for(&h, "/else/check"), HUNG_NOBODY);
    questions[0].key = "file:/nfs/check";
    questions[1].key = "file:/nfs/other";
    ask(2);
    cr_assert(has_none(0));
    cr_assert(is_answered(1));
    cr_assert_eq(counts->asked, 1);
    cr_assert_eq(waited_ms, 0U, "it was known");
    end_child(pid);
    questions[0].answer = NULL;
    ask(1);
    cr_assert(is_answered(0), "the file system is back");
    hung_close(&h);
}

Test(askers, a_full_table_costs_answers_and_no_more)
{
    pid_t pids[HUNG_PLACES];
    struct hung h;

    cr_assert(hung_open(&h, table));
    for (int i = 0; i < HUNG_PLACES; i++)
        pids[i] = stand_at(&h, arena_printf(&arena, "/nfs%d/check", i));
    cr_assert_null(hung_enter(&h));
    questions[0].key = "file:/well";
    ask(1);
    cr_assert(has_none(0));
    end_child(pids[5]);
    questions[0].answer = NULL;
    waited_ms = 0;
    ask(1);
    cr_assert(is_answered(0));
    for (int i = 0; i < HUNG_PLACES; i++)
        if (i != 5)
            end_child(pids[i]);
    hung_close(&h);
}
