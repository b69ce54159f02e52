/* tests/unit/supervise/test_supervisor.c - supervise/supervisor.h with small scripts as workers
 *
 * A script gets what garnet-sink gets: "run NAME", the snapshot as 3, the pair as 4, the pipe for its
 * own lines as 6; what it prints on 2 is its plugin's.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/logpipe.h"
#include "rig/processes.h"
#include "supervise/supervisor.h"

#define MS NS_PER_MS

/* Reads one message at a time from the pair, which does not block. */
#define PYTHON                                                                                     \
    "#!/usr/bin/python3\n"                                                                         \
    "import os, select, signal, sys, time\n"                                                       \
    "def say(c): os.write(4, c)\n"                                                                 \
    "def hear():\n"                                                                                \
    "    select.select([4], [], [])\n"                                                             \
    "    return os.read(4, 1)\n"                                                                   \
    "def log(*a, end='\\n'): os.write(2, (' '.join(str(x) for x in a) + end).encode())\n"

struct scene {
    struct loop *loop;
    struct keepers keepers;
    struct supervisor *supervisor;
    char dir[32], program[64];
    int snapshot, log; /* log: read end */
    char text[262144];
    size_t text_n;
    int ngone;
};

static const struct nursery_work work;
static struct scene scene;
static struct supervisor supervisor;

static void on_gone(void *arg)
{
    struct scene *s = arg;

    s->ngone++;
    supervisor_end(s->supervisor);
    s->supervisor = NULL;
}

static void write_program(struct scene *s, const char *script)
{
    int fd;

    (void)snprintf(s->dir, sizeof s->dir, "/tmp/garnet-super-XXXXXX");
    cr_assert(mkdtemp(s->dir) != NULL);
    (void)snprintf(s->program, sizeof s->program, "%s/worker", s->dir);
    fd = open(s->program, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
    cr_assert(fd >= 0);
    cr_assert_eq(write(fd, script, strlen(script)), (ssize_t)strlen(script));
    fd_close(&fd);
}

/* For the scripts that look into the page. */
static void tell_offset(const char *name, size_t at)
{
    char text[16];

    (void)snprintf(text, sizeof text, "%zu", at);
    cr_assert_eq(setenv(name, text, 1), 0);
}

static struct scene *begin(const char *script, int stdout_fd)
{
    struct scene *s = &scene;
    struct supervisor_config config = {
        .name = "main",
        .start = {.keepers = &s->keepers, .program = s->program, .stdout_fd = stdout_fd},
        .gone = on_gone,
        .arg = s};
    int fds[2];

    tell_offset("GARNET_POISON", offsetof(struct scoreboard, poisons[0].metric));
    tell_offset("GARNET_SIGNO", offsetof(struct scoreboard, poisons[0].signo));
    write_program(s, script);
    cr_assert_eq(fd_pipe(fds, O_NONBLOCK, O_NONBLOCK), 0);
    s->log = fds[0];
    log_to(fds[1]);
    s->loop = loop_new();
    cr_assert(s->loop != NULL);
    cr_assert_eq(keepers_init(&s->keepers, s->loop, &work), 0);
    config.start.snapshot_fd = s->snapshot = memfd_create("snapshot", MFD_CLOEXEC);
    cr_assert_eq(write(s->snapshot, "the snapshot", 12), 12);
    s->supervisor = &supervisor;
    supervisor_start(s->supervisor, s->loop, &config);
    return s;
}

static void read_log(struct scene *s)
{
    ssize_t n = 1;

    while (n > 0 && s->text_n < sizeof s->text - 1) {
        n = read(s->log, s->text + s->text_n, sizeof s->text - 1 - s->text_n);
        s->text_n += n > 0 ? (size_t)n : 0;
    }
    s->text[s->text_n] = 0;
}

static int times_logged(struct scene *s, const char *what)
{
    int times = 0;

    read_log(s);
    for (const char *p = s->text; (p = strstr(p, what)) != NULL; p++)
        times++;
    return times;
}

/* Turns the loop until the condition holds, at most 20 s. */
#define TURN_UNTIL(s, condition)                                                                   \
    do {                                                                                           \
        int64_t turn_end_ = clock_mono() + 20 * NS_PER_S;                                          \
        while (!(condition) && clock_mono() < turn_end_)                                           \
            (void)loop_turn((s)->loop, 20 * MS);                                                   \
        cr_assert(condition);                                                                      \
    } while (0)

/* Of the worker that runs. */
static pid_t pid_of(struct scene *s)
{
    TURN_UNTIL(s, s->supervisor->process.ward.pid > 0);
    return s->supervisor->process.ward.pid;
}

static void end_scene(struct scene *s)
{
    int fd = log_fd();

    keepers_free(&s->keepers, clock_mono() + 20 * NS_PER_S);
    cr_assert_eq(waitpid(-1, NULL, WNOHANG), -1);
    cr_assert_eq(errno, ECHILD);
    read_log(s); /* for what is asked after this */
    log_to(2);
    fd_close(&fd);
    fd_close(&s->log);
    fd_close(&s->snapshot);
    loop_free(s->loop);
    (void)unlink(s->program);
    (void)rmdir(s->dir);
}

/* After supervisor_stop(): waits for its end and cleans up. */
static void wait_gone(struct scene *s)
{
    cr_assert_eq(s->ngone, 0, "gone comes from the loop");
    TURN_UNTIL(s, s->ngone > 0);
    (void)loop_turn(s->loop, 0);
    cr_assert_eq(s->ngone, 1);
    end_scene(s);
}

static void finish(struct scene *s, int64_t grace)
{
    supervisor_stop(s->supervisor, grace);
    wait_gone(s);
}

TestSuite(supervisor, .timeout = 60);

Test(supervisor, a_worker_gets_what_it_needs)
{
    int out[2];
    char text[64] = "";
    struct scene *s;

    cr_assert_eq(fd_pipe(out, 0, 0), 0);
    s = begin(PYTHON "log('args', sys.argv[1:], 'fds', sorted(os.listdir('/proc/self/fd')))\n"
                     "log('snapshot', os.pread(3, 100, 0).decode())\n"
                     "log('group', os.getpgrp() == os.getpid())\n"
                     "os.write(1, b'to stdout')\n"
                     "say(b'r')\n"
                     "while hear() != b'q': pass\n"
                     "say(b'e')\n",
              out[1]);
    cr_assert_not(s->supervisor->ready);
    cr_assert(ward_runs(&s->supervisor->process.ward));
    TURN_UNTIL(s, s->supervisor->ready);
    cr_assert_eq(
        times_logged(s, "args ['run', 'main'] fds ['0', '1', '2', '3', '4', '5', '6', '7']\n"), 1,
        "%s", s->text);
    cr_assert_eq(times_logged(s, "snapshot the snapshot\n"), 1);
    cr_assert_eq(times_logged(s, "group True\n"), 1);
    cr_assert_eq(read(out[0], text, sizeof text - 1), 9);
    cr_assert_str_eq(text, "to stdout");
    finish(s, 10 * NS_PER_S);
    cr_assert_eq(times_logged(s, "sink main"), 0, "a good end needs no words");
    fd_close(&out[0]);
    fd_close(&out[1]);
}

/* Under the worker's name, with a quota each: what is printed without end hides no reason. */
Test(supervisor, what_it_says_and_what_it_prints)
{
    struct scene *s =
        begin(PYTHON "say(b'r')\n"
                     "log('2026-01-01T00:00:00.000Z garnetd error: forged\\x1b[2J')\n"
                     "log('error: half', end='')\n"
                     "os.write(6, b'info: it is well\\ndebug: hidden\\nno level\\n')\n"
                     "for i in range(2000): log('chatter', 'x' * 5000)\n"
                     "os.write(6, b'error: it ends\\n')\n"
                     "say(b'e')\n",
              -1);

    TURN_UNTIL(s, times_logged(s, "worker ended with exit status 0") > 0);
    cr_assert_eq(times_logged(s,
                              " garnet-sink[main] warn: printed: 2026-01-01T00:00:00.000Z garnetd "
                              "error: forged\\x1b[2J\n"),
                 1, "%s", s->text);
    cr_assert_eq(times_logged(s, " garnet-sink[main] warn: printed: error: halfchatter xxx"), 1);
    cr_assert_eq(times_logged(s, " garnet-sink[main] info: it is well\n"), 1);
    cr_assert_eq(times_logged(s, "hidden"), 0);
    cr_assert_eq(times_logged(s, " garnet-sink[main] warn: no level\n"), 1);
    cr_assert_eq(times_logged(s, " garnet-sink[main] error: it ends\n"), 1);
    cr_assert_geq(times_logged(s, "xxx...\n"), LOGPIPE_BURST - 2);
    cr_assert_leq(times_logged(s, "xxx...\n"), 3 * LOGPIPE_BURST);
    cr_assert(strstr(strstr(s->text, "garnet-sink[main] error: it ends\n"), "worker ended") != NULL,
              "its reason comes before its end");
    cr_assert(times_logged(s, "sink main: its worker printed 1") > 0, "%s", s->text);
    finish(s, 10 * NS_PER_S);
}

Test(supervisor, wakes_do_not_pile_up)
{
    struct scene *s = begin(PYTHON "say(b'r')\n"
                                   "n = 0\n"
                                   "while (c := hear()) == b'w': n += 1\n"
                                   "log('woken', n, 'then', c)\n",
                            -1);
    pid_t pid;

    TURN_UNTIL(s, s->supervisor->ready);
    pid = pid_of(s);
    (void)kill(pid, SIGSTOP); /* it reads nothing for now */
    TURN_UNTIL(s, s->supervisor->process.ward.stopped);
    for (int i = 0; i < 100000; i++)
        supervisor_wake(s->supervisor);
    supervisor_stop(s->supervisor, 10 * NS_PER_S);
    (void)kill(pid, SIGCONT);
    wait_gone(s);
    cr_assert_eq(times_logged(s, "woken 1 then b'q'\n"), 1, "%s", s->text);
}

Test(supervisor, a_wake_after_it_was_read_is_sent_again)
{
    struct scene *s = begin(PYTHON "say(b'r')\n"
                                   "while (c := hear()) == b'w': log('woken')\n",
                            -1);

    TURN_UNTIL(s, s->supervisor->ready);
    for (int i = 1; i <= 5; i++) {
        supervisor_wake(s->supervisor);
        TURN_UNTIL(s, times_logged(s, "woken\n") == i);
    }
    finish(s, 10 * NS_PER_S);
}

Test(supervisor, a_crash_is_told_and_repaired)
{
    struct scene *s = begin("#!/bin/sh\nkill -SEGV $$\n", -1);

    TURN_UNTIL(s, s->supervisor->restarts >= 3);
    TURN_UNTIL(s, times_logged(s, "error: sink main: worker died from signal 11 (Segmentation "
                                  "fault); starting it again in 0.") >= 3);
    cr_assert_not(s->supervisor->ready);
    finish(s, NS_PER_S);
}

Test(supervisor, pauses_grow_until_there_is_useful_work)
{
    struct scene *s = begin("#!/bin/sh\nexit 111\n", -1);
    int64_t began = clock_mono();

    TURN_UNTIL(s, s->supervisor->restarts >= 4);
    cr_assert(clock_mono() - began >= 700 * MS, "at least 50, 100, 200 and 400 ms");
    cr_assert(times_logged(s, "worker ended with exit status 111; starting it again in") >= 4);
    finish(s, NS_PER_S);
}

Test(supervisor, useful_work_resets_the_pauses)
{
    struct scene *s = begin("#!/bin/sh\nprintf r >&4\nprintf u >&4\nexit 0\n", -1);
    int64_t began = clock_mono();

    TURN_UNTIL(s, s->supervisor->restarts >= 12);
    cr_assert(clock_mono() - began < 10 * NS_PER_S, "12 times at most 100 ms");
    cr_assert_eq(times_logged(s, "again in 0.1s"), times_logged(s, "again in"));
    finish(s, NS_PER_S);
}

Test(supervisor, a_refused_configuration_is_tried_slowly)
{
    struct scene *s = begin("#!/bin/sh\nprintf e >&4\nexit 1\n", -1);

    TURN_UNTIL(s, times_logged(s, "worker refused its configuration (exit status 1); starting it "
                                  "again in ") == 1);
    cr_assert_not(ward_runs(&s->supervisor->process.ward));
    cr_assert_eq(times_logged(s, "again in 0") + times_logged(s, "again in 4"), 0);
    cr_assert_eq(s->supervisor->restarts, 0);
    finish(s, 60 * NS_PER_S); /* only a pause has to be broken off */
}

Test(supervisor, a_plugin_that_gives_up_is_told_as_that)
{
    struct scene *s = begin("#!/bin/sh\nprintf e >&4\nexit 3\n", -1);

    TURN_UNTIL(s, times_logged(s, "its plugin gave up (see the line before); starting it again "
                                  "in ") == 1);
    cr_assert_eq(times_logged(s, "again in 0") + times_logged(s, "again in 4"), 0);
    finish(s, 60 * NS_PER_S);
}

/* Whatever its status says: it was not the worker that came to its end. */
Test(supervisor, an_exit_without_a_word_is_the_plugins)
{
    struct scene *s = begin(PYTHON "say(b'r')\n"
                                   "sys.exit(1 if hear() == b'w' else 0)\n",
                            -1);

    TURN_UNTIL(s, s->supervisor->ready);
    supervisor_wake(s->supervisor);
    TURN_UNTIL(s, times_logged(s, "worker ended with exit status 1 in the midst of its work: its "
                                  "plugin calls exit(); starting it again in 0.1s") == 1);
    TURN_UNTIL(s, s->supervisor->ready);
    finish(s, 10 * NS_PER_S);
    cr_assert_eq(times_logged(s, "worker ended with exit status 0 in the midst of its work: its "
                                 "plugin calls exit() while it was finishing"),
                 1, "%s", s->text);
}

/* The child tells by the lock that it has, which dies with it, and with nothing else. */
Test(supervisor, nothing_of_its_group_outlives_it)
{
    struct scene *s = begin(PYTHON "import fcntl\n"
                                   "fcntl.lockf(3, fcntl.LOCK_UN)\n"
                                   "if os.fork() == 0:\n"
                                   "    fcntl.lockf(3, fcntl.LOCK_EX)\n"
                                   "    log('has it')\n"
                                   "    time.sleep(1000)\n"
                                   "while hear() != b'q': pass\n"
                                   "say(b'e')\n",
                            -1);
    int snapshot = fcntl(s->snapshot, F_DUPFD_CLOEXEC, 0);
    struct flock lock = {.l_type = F_WRLCK};

    TURN_UNTIL(s, times_logged(s, "has it") == 1);
    supervisor_stop(s->supervisor, 10 * NS_PER_S);
    wait_gone(s);
    cr_assert_eq(times_logged(s, "its plugin had left processes behind: they are killed"), 1);
    cr_assert_eq(fcntl(snapshot, F_SETLKW, &lock), 0);
    fd_close(&snapshot);
}

/* What comes after its last word is close(). */
Test(supervisor, one_that_does_not_end_after_its_last_word_is_ended)
{
    struct scene *s = begin(PYTHON "say(b'r')\nsay(b'e')\ntime.sleep(1000)\n", -1);

    TURN_UNTIL(s, s->supervisor->restarts == 1);
    cr_assert_eq(times_logged(s, "worker did not finish in time: terminating it\n"), 1);
    finish(s, 0);
}

Test(supervisor, a_program_that_is_not_there)
{
    struct scene *s = begin("", -1);

    (void)unlink(s->program);
    TURN_UNTIL(s, times_logged(s, "worker ended with exit status 127; starting it again in") >= 1);
    cr_assert(times_logged(s, "cannot run ") >= 1);
    finish(s, NS_PER_S);
}

Test(supervisor, no_descriptors_is_a_pause_like_another)
{
    struct scene *s = begin("#!/bin/sh\nprintf r >&4\nexec sleep 1000\n", -1);
    struct rlimit old, none;

    TURN_UNTIL(s, s->supervisor->ready);
    (void)getrlimit(RLIMIT_NOFILE, &old);
    none = (struct rlimit){3, old.rlim_max};
    (void)setrlimit(RLIMIT_NOFILE, &none);
    (void)kill(pid_of(s), SIGKILL);
    TURN_UNTIL(s, times_logged(s, "cannot start its worker: Too many open files; starting it") > 1);
    (void)setrlimit(RLIMIT_NOFILE, &old);
    TURN_UNTIL(s, s->supervisor->ready);
    finish(s, 0);
}

Test(supervisor, TERM_after_grace)
{
    struct scene *s = begin("#!/bin/sh\ntrap 'printf e >&4; exit 4' TERM\nprintf r >&4\n"
                            "while :; do sleep 0.05; done\n",
                            -1);
    int64_t began;

    TURN_UNTIL(s, s->supervisor->ready);
    began = loop_now(s->loop); /* what the timers count from */
    finish(s, 200 * MS);
    cr_assert(clock_mono() - began >= 200 * MS);
    cr_assert_eq(times_logged(s, "worker did not finish in time: terminating it\n"), 1);
    cr_assert_eq(times_logged(s, "worker ended with exit status 4 while it was finishing\n"), 1,
                 "%s", s->text);
}

Test(supervisor, KILL_half_a_second_after_TERM)
{
    struct scene *s = begin("#!/bin/sh\ntrap '' TERM\nprintf r >&4\n"
                            "while :; do sleep 1000; done\n",
                            -1);
    int64_t began;

    TURN_UNTIL(s, s->supervisor->ready);
    began = loop_now(s->loop); /* what the timers count from */
    finish(s, 100 * MS);
    cr_assert(clock_mono() - began >= 600 * MS);
    cr_assert_eq(times_logged(s, "worker does not end: killing it\n"), 1);
    cr_assert_eq(times_logged(s, "worker died from signal 9 (Killed) while it was finishing\n"), 1);
}

/* With a worker that heeds no TERM, and is not seen to end until *held is closed. */
static struct scene *begin_held(int *held)
{
    struct scene *s = begin("#!/bin/sh\ntrap '' TERM\nprintf r >&4\n"
                            "while :; do sleep 0.1; done\n",
                            -1);

    TURN_UNTIL(s, s->supervisor->ready);
    *held = process_hold(pid_of(s));
    if (*held < 0) {
        finish(s, 0);
        cr_skip_test("may not trace a process that is not its child");
    }
    return s;
}

Test(supervisor, KILL_without_effect_is_said_and_counted)
{
    int held;
    struct scene *s = begin_held(&held);

    supervisor_stop(s->supervisor, 0);
    TURN_UNTIL(s, times_logged(s, "sink main: KILL has not ended its worker (process ") == 1);
    cr_assert_eq(s->supervisor->unkillable, 1);
    cr_assert_eq(s->ngone, 0);
    fd_close(&held);
    wait_gone(s);
    cr_assert_eq(times_logged(s, "sink main: the worker that hung in the kernel has ended\n"), 1);
    cr_assert_eq(supervisor.unkillable, 1);
}

Test(supervisor, one_that_KILL_does_not_end_can_be_left_behind)
{
    int held;
    struct scene *s = begin_held(&held);

    supervisor_stop(s->supervisor, 0);
    TURN_UNTIL(s, times_logged(s, "worker does not end: killing it\n") == 1);
    supervisor_abandon(s->supervisor);
    supervisor_end(s->supervisor);
    cr_assert_eq(times_logged(s, "has not ended in time, not by KILL either: it is left behind"),
                 1);
    fd_close(&held);
    cr_assert_eq(s->ngone, 0);
    end_scene(s);
}

Test(supervisor, a_worker_that_hangs_up_is_replaced)
{
    struct scene *s = begin("#!/bin/sh\nprintf r >&4\nexec 4>&-\nexec sleep 1000\n", -1);

    TURN_UNTIL(s, s->supervisor->restarts >= 1);
    cr_assert_eq(times_logged(s, "worker died from signal 9"), 1);
    finish(s, 0);
}

/* --- the page --- */

/* `formatting` is the first, `poisons` a ring whose first is at POISON, as begin() says. */
#define PAGE                                                                                       \
    PYTHON "import mmap, struct\n"                                                                 \
           "page = mmap.mmap(5, 0)\n"                                                              \
           "POISON, SIGNO = int(os.environ['GARNET_POISON']), int(os.environ['GARNET_SIGNO'])\n"   \
           "def get(at): return struct.unpack_from('Q', page, at)[0]\n"                            \
           "def put(at, v): struct.pack_into('Q', page, at, v)\n"

static void leaves_out_42_after(struct scene *s, int deaths)
{
    TURN_UNTIL(s, s->supervisor->ready);
    TURN_UNTIL(s, times_logged(s, "leaves out 42 of 11\n") == 1);
    cr_assert_eq(s->supervisor->restarts, (uint64_t)deaths, "%s", s->text);
    cr_assert_eq(times_logged(s, "formatted metric 42; starting it again"), deaths - 1);
    cr_assert_eq(times_logged(s, "formatted metric 42, as often before: it is put in quarantine"),
                 1);
}

Test(supervisor, three_deaths_of_one_metric_set_it_aside)
{
    struct scene *s =
        begin(PAGE "if get(POISON) == 0:\n"
                   "    put(0, 43)\n"
                   "    os.kill(os.getpid(), signal.SIGSEGV)\n"
                   "log('leaves out', get(POISON) - 1, 'of', struct.unpack_from('i', page, "
                   "SIGNO)[0])\n"
                   "assert get(0) == 0\n"
                   "say(b'r')\n"
                   "while hear() != b'q': pass\n",
              -1);
    int64_t began = clock_mono();

    leaves_out_42_after(s, 3);
    cr_assert_lt(clock_mono() - began, 5 * NS_PER_S);
    cr_assert_eq(atomic_load(&s->supervisor->board->poisons[0].metric), 43);
    finish(s, 10 * NS_PER_S);
}

/* Whatever its status is: it was in format(). */
Test(supervisor, an_exit_in_format_is_the_metrics_fault)
{
    struct scene *s = begin(PAGE "if get(POISON) == 0:\n"
                                 "    put(0, 43)\n"
                                 "    os._exit(111)\n"
                                 "say(b'r')\n"
                                 "while hear() != b'q': pass\n",
                            -1);

    TURN_UNTIL(s, s->supervisor->ready);
    cr_assert_eq(s->supervisor->restarts, 3);
    cr_assert_eq(times_logged(s, "its plugin calls exit() while its plugin formatted metric 42"),
                 3);
    cr_assert_eq(atomic_load(&s->supervisor->board->poisons[0].metric), 43);
    cr_assert_eq(atomic_load(&s->supervisor->board->poisons[0].signo), 0);
    finish(s, 10 * NS_PER_S);
}

/* An end with nothing in the plugin's hands sets nothing aside. */
Test(supervisor, other_deaths_are_no_metrics_fault)
{
    struct scene *s = begin(PAGE "n = get(8)\n"
                                 "put(8, n + 1)\n"
                                 "say(b'u')\n"
                                 "if n % 2: os.kill(os.getpid(), signal.SIGSEGV)\n"
                                 "os._exit(3)\n",
                            -1);

    TURN_UNTIL(s, s->supervisor->restarts >= 9);
    cr_assert_geq(times_logged(s, "signal 11 (Segmentation fault); starting it again"), 4);
    cr_assert_eq(times_logged(s, "put in quarantine") + times_logged(s, "formatted"), 0);
    finish(s, NS_PER_S);
}

/* Stopped by somebody it waits for as long as that takes. */
Test(supervisor, a_plugin_that_does_not_come_back_is_killed)
{
    struct scene *s = begin(PAGE "put(0, 43)\n"
                                 "say(b'r')\n"
                                 "time.sleep(1000)\n",
                            -1);
    int64_t began = clock_mono();

    TURN_UNTIL(s, s->supervisor->ready);
    (void)kill(pid_of(s), SIGSTOP);
    TURN_UNTIL(s, s->supervisor->process.ward.stopped);
    while (clock_mono() - began < 12 * NS_PER_S)
        (void)loop_turn(s->loop, 20 * MS);
    cr_assert_eq(times_logged(s, "does not return"), 0);
    (void)kill(pid_of(s), SIGCONT);
    TURN_UNTIL(s, times_logged(s, "its plugin does not return from formatting metric 42") == 1);
    TURN_UNTIL(s, times_logged(s, "signal 9 (Killed) while its plugin formatted metric 42;") == 1);
    finish(s, 0);
}

/* Killed for hanging up, whatever the plugin had: that is our doing. */
Test(supervisor, our_own_kill_is_no_metrics_fault)
{
    struct scene *s = begin(PAGE "put(0, 43)\n"
                                 "say(b'u')\n"
                                 "os.close(4)\n"
                                 "time.sleep(1000)\n",
                            -1);

    TURN_UNTIL(s, s->supervisor->restarts >= 3);
    cr_assert_geq(times_logged(s, "worker died from signal 9 (Killed); starting it again"), 3);
    cr_assert_eq(times_logged(s, "formatted metric"), 0);
    finish(s, 0);
}
