/* tests/unit/collect/test_collector.c - collect/collector.h: real runs on a short interval, and what the log says of them */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/logpipe.h"
#include "rig/collector_scene.h"
#include "rig/processes.h"

TestSuite(collector, .timeout = 60);

Test(collector, runs_at_the_slots)
{
    struct scene *s = scene_begin("exit 0", 100 * MS);
    struct collector_stats st;

    TURN_UNTIL(s, s->nended >= 5);
    for (int i = 0; i < 5; i++) {
        cr_assert_eq(s->started[i] % (100 * MS), 0);
        cr_assert_eq(s->ended[i].slot_ns, s->started[i]);
        cr_assert(i == 0 || s->started[i] > s->started[i - 1]);
        cr_assert(s->ended[i].lateness_ns >= 0);
        cr_assert_eq(s->ended[i].report.end, KEEPER_EXITED);
        cr_assert(s->ended[i].report.duration_ns > 0);
    }
    st = stats_of(s);
    cr_assert_eq(failures(s), 0);
    cr_assert_eq(st.outcomes[OUTCOME_OK], st.runs);
    cr_assert(st.last_success_ns > 0 && st.last_success_ns <= clock_wall());
    cr_assert(st.runs >= 5);
    scene_finish(s);
    cr_assert_eq(waitpid(-1, NULL, WNOHANG), -1, "every keeper is reaped");
    cr_assert_eq(errno, ECHILD);
}

Test(collector, one_run_alone_is_stamped_as_asked)
{
    struct scene *s = scene_prepare("exit 0", 3600000 * MS);

    s->stop_in_ended = true;
    scene_go(s);
    collector_once(s->collector, 42000 * MS);
    TURN_UNTIL(s, s->ngone > 0);
    cr_assert_eq(s->nstarted, 1);
    cr_assert_eq(s->started[0], 42000 * MS);
    cr_assert_eq(last_run(s)->outcome, OUTCOME_OK);
}

Test(collector, one_run_alone_that_cannot_begin_ends_as_well)
{
    struct scene *s = scene_prepare(NULL, 3600000 * MS);

    s->command[0] = "/no/such/program";
    s->stop_in_ended = true;
    scene_go(s);
    collector_once(s->collector, 42000 * MS);
    TURN_UNTIL(s, s->ngone > 0);
    cr_assert_eq(s->nended, 1);
    cr_assert_eq(last_run(s)->outcome, OUTCOME_SPAWN);
    cr_assert(times_logged(s, "collector probe: missed the run due at 1970-01-01T00:00:42.000Z: "
                              "cannot run /no/such/program"));
}

Test(collector, is_told_all_it_needs)
{
    struct scene *s;

    (void)setenv("SECRET_OF_GARNETD", "x", 1);
    (void)unsetenv("PATH");
    s = scene_begin(
        "echo \"$0 $GARNET_SOCKET $GARNET_COLLECTOR $GARNET_INTERVAL [$SECRET_OF_GARNETD]"
        " $PATH\"; pwd",
        250 * MS);
    TURN_UNTIL(s, s->nended >= 1);
    cr_assert(times_logged(s, "]: /run/the/probe.sock /run/the/probe.sock "
                              "probe 0.25 [] /usr/local/sbin:/usr/local/bin:"));
    cr_assert(times_logged(s, "]: /\n"));
    scene_finish(s);
}

Test(collector, output_goes_to_the_log_by_line_with_name_and_pid)
{
    struct scene *s = scene_begin(
        "echo one; echo two >&2; printf 'a\\000b\\033[1m\\n\\n'; echo I am $$; printf end",
        100 * MS);
    char text[64];
    pid_t pid;

    TURN_UNTIL(s, s->nended >= 1);
    pid = s->ended[0].pid;
    cr_assert(pid > 1);
    (void)snprintf(text, sizeof text, " info: collector probe[%d]: I am %d\n", (int)pid, (int)pid);
    cr_assert_eq(times_logged(s, text), 1);
    (void)snprintf(text, sizeof text, " info: collector probe[%d]: one\n", (int)pid);
    cr_assert_eq(times_logged(s, text), 1);
    (void)snprintf(text, sizeof text, " warn: collector probe[%d]: two\n", (int)pid);
    cr_assert_eq(times_logged(s, text), 1);
    cr_assert(times_logged(s, "]: a\\x00b\\x1b[1m\n") >= 1);
    cr_assert(times_logged(s, "]: end\n") >= 1);
    cr_assert_eq(times_logged(s, "]: \n"), 0, "an empty line says nothing");
    scene_finish(s);
}

Test(collector, the_pid_is_known_without_any_output)
{
    struct scene *s = scene_begin("exit 0", 50 * MS);

    TURN_UNTIL(s, s->nended >= 2);
    cr_assert(s->ended[0].pid > 1 && s->ended[1].pid > 1);
    cr_assert_neq(s->ended[0].pid, s->ended[1].pid);
    scene_finish(s);
}

/* How many lines were said, and how many were said to be left out. */
static void count_lines(struct scene *s, int *said, int *left_out)
{
    static const char note[] = "it printed ";
    const char *p = log_text(s);

    *said = times_logged(s, "collector probe[");
    *left_out = 0;
    for (; (p = strstr(p, note)) != NULL; p += sizeof note)
        *left_out += (int)strtol(p + sizeof note - 1, NULL, 10);
}

Test(collector, too_much_output_is_counted)
{
    struct scene *s = scene_begin("head -c 2000 /dev/zero | tr '\\0' x >&2; echo >&2; seq 1 20000",
                                  10 * NS_PER_S);
    int said, left_out;

    TURN_UNTIL(s, s->nended >= 1);
    count_lines(s, &said, &left_out);
    cr_assert_eq(said + left_out, 20001, "each line is said or counted: %d, %d", said, left_out);
    cr_assert(said >= LOGPIPE_BURST && said < 2 * LOGPIPE_BURST);
    cr_assert_eq(times_logged(s, "xxxx...\n"), 1);
    cr_assert_eq(s->ended[0].report.status, 0, "nobody had to wait, nobody was killed");
    scene_finish(s);
}

/* The quota is the collector's, not the run's. */
Test(collector, too_much_output_of_many_runs_is_counted)
{
    struct scene *s = scene_begin("seq 1 60", 50 * MS);
    int said, left_out;

    TURN_UNTIL(s, s->nended >= 5);
    count_lines(s, &said, &left_out);
    cr_assert_eq(said + left_out, 60 * s->nended);
    cr_assert(left_out >= 60 * 5 - 2 * LOGPIPE_BURST);
    scene_finish(s);
}

Test(collector, output_closed_early_costs_nothing)
{
    struct scene *s = scene_begin("exec <&- >&- 2>&-; sleep 0.3", 50 * MS);
    struct rusage before, after;

    TURN_UNTIL(s, s->nstarted >= 1);
    (void)getrusage(RUSAGE_SELF, &before);
    TURN_UNTIL(s, s->nended >= 1);
    (void)getrusage(RUSAGE_SELF, &after);
    cr_assert(after.ru_utime.tv_sec == before.ru_utime.tv_sec ||
              after.ru_utime.tv_usec < before.ru_utime.tv_usec);
    cr_assert(after.ru_nvcsw - before.ru_nvcsw < 100, "a closed pipe must not keep the loop busy");
    scene_finish(s);
}

Test(collector, overlap_is_counted_and_said_once)
{
    struct scene *s = scene_begin("sleep 0.5", 100 * MS);
    const struct schedule *sched = &s->collector->sched;

    TURN_UNTIL(s, s->nended >= 1);
    cr_assert(sched->missed[MISS_OVERLAP] >= 2);
    cr_assert_eq(sched->slots,
                 sched->runs + sched->missed[MISS_OVERLAP] + sched->missed[MISS_LATE]);
    cr_assert_eq(times_logged(s, "the previous run is still going"), 1);
    /* on a machine that is busy some may have been missed for that, too */
    cr_assert_eq(times_logged(s, "warn: collector probe: missed the run due at 2"),
                 1 + (sched->missed[MISS_LATE] > 0));
    scene_finish(s);
}

Test(collector, failures_are_counted_and_said_once_a_minute)
{
    struct scene *s = scene_begin("exit 3", 100 * MS);

    TURN_UNTIL(s, s->nended >= 4);
    cr_assert_eq(failures(s), (uint64_t)s->nended);
    cr_assert_eq(stats_of(s).last_success_ns, 0);
    cr_assert_eq(times_logged(s, "warn: collector probe: exit status 3\n"), 1);
    scene_finish(s);
}

Test(collector, other_trouble_tells_what_was_left_out)
{
    char script[256], file[] = "/tmp/garnet-collector-XXXXXX";
    int fd = mkstemp(file);
    struct scene *s;

    (void)snprintf(script, sizeof script,
                   "echo >>%s; [ $(wc -l <%s) -gt 3 ] && kill -KILL $$; exit 3", file, file);
    fd_close(&fd);
    s = scene_begin(script, 100 * MS);
    TURN_UNTIL(s, s->nended >= 4);
    cr_assert_eq(times_logged(s, "collector probe: exit status 3 (2 times more)\n"), 1);
    cr_assert_eq(times_logged(s, "collector probe: killed by signal 9 (Killed)\n"), 1);
    scene_finish(s);
    (void)unlink(file);
}

Test(collector, timeout)
{
    struct scene *s = scene_begin("exec sleep 1000", 100 * MS);

    s->conf.timeout = 200 * MS;
    TURN_UNTIL(s, s->nended >= 1);
    cr_assert_eq(s->ended[0].report.end, KEEPER_TIMEOUT);
    cr_assert_eq(failures(s), 1);
    cr_assert_eq(times_logged(s, "collector probe: ended after its timeout of 0.2s\n"), 1);
    scene_finish(s);
}

Test(collector, cannot_be_executed)
{
    struct scene *s;

    scene.command[0] = "/nonexistent/collector";
    s = scene_begin(NULL, 100 * MS);
    TURN_UNTIL(s, s->nended >= 2);
    cr_assert_eq(s->ended[0].report.end, KEEPER_FAILED);
    cr_assert_eq(s->ended[0].report.failure.error, ENOENT);
    cr_assert_eq(times_logged(s, "cannot run /nonexistent/collector: it does not exist\n"), 1);
    scene_finish(s);
}

Test(collector, no_descriptors_cost_a_slot_each_and_nothing_else)
{
    struct scene *s = scene_begin("exit 0", 100 * MS);
    struct rlimit old, none;
    uint64_t runs = 0;

    TURN_UNTIL(s, s->nended >= 1);
    (void)getrlimit(RLIMIT_NOFILE, &old);
    for (rlim_t room = 0; room < 6; room++) { /* two pipes and a pair: six are enough */
        int lowest_free, ended;

        scene_without_keepers(s); /* which may take more than a slot */
        runs = stats_of(s).runs;
        ended = s->nended;
        lowest_free = open("/dev/null", O_RDONLY | O_CLOEXEC);
        none = (struct rlimit){(rlim_t)lowest_free + room, old.rlim_max};
        (void)close(lowest_free);
        (void)setrlimit(RLIMIT_NOFILE, &none);
        TURN_UNTIL(s, s->nended > ended);
        (void)setrlimit(RLIMIT_NOFILE, &old);
        cr_assert_eq(s->ended[(s->nended - 1) % RUNS].report.end, KEEPER_FAILED);
        cr_assert_eq(s->ended[(s->nended - 1) % RUNS].report.failure.error, EMFILE);
        cr_assert_eq(stats_of(s).runs, runs);
    }
    cr_assert(s->collector->sched.missed[MISS_SPAWN] >= 6);
    cr_assert_eq(failures(s), s->collector->sched.missed[MISS_SPAWN]);
    TURN_UNTIL(s, stats_of(s).runs > runs && !run_alive(&s->collector->run));
    cr_assert_eq(s->ended[(s->nended - 1) % RUNS].report.end, KEEPER_EXITED);
    scene_finish(s);
}

Test(collector, stop_ends_the_current_run)
{
    char mark[64];
    struct scene *s;

    (void)snprintf(mark, sizeof mark, "stop-ends-%d", (int)getpid());
    (void)setenv("TMPDIR", mark, 1); /* one of those passed on */
    s = scene_begin("setsid -f sleep 1000; echo up; sleep 1000", 100 * MS);
    TURN_UNTIL(s, times_logged(s, "]: up\n") == 1);
    TURN_UNTIL(s, processes_marked(mark) >= 2); /* one that is just calling exec shows no mark */
    scene_finish(s);
    cr_assert_eq(s->nended, 1);
    cr_assert_eq(s->ended[0].report.end, KEEPER_STOPPED);
    cr_assert_eq(times_logged(s, "killed by"), 0, "we did it ourselves");
    cr_assert_eq(processes_marked(mark), 0);
}

Test(collector, stop_before_the_first_run)
{
    scene_finish(scene_begin("exit 0", 3600 * NS_PER_S));
    cr_assert_eq(scene.nstarted, 0);
}

Test(collector, stop_from_its_own_event)
{
    struct scene *s = scene_begin("exit 0", 50 * MS);

    s->stop_in_ended = true;
    TURN_UNTIL(s, s->ngone == 1);
    cr_assert_eq(s->nended, 1);
    keepers_free(&s->keepers, clock_mono() + LONG);
    loop_free(s->loop);
}

Test(collector, goes_on_with_a_newer_configuration)
{
    struct scene *s = scene_begin("exit 0", 100 * MS);
    struct conf_collector newer = s->conf;

    TURN_UNTIL(s, run_alive(&s->collector->run));
    collector_adopt(s->collector, &newer);
    memset(&s->conf, 0xff, sizeof s->conf);
    TURN_UNTIL(s, s->nended >= 3);
    cr_assert_eq(failures(s), 0);
    scene_finish(s);
}

Test(collector, a_keeper_that_is_killed_is_one_failed_run)
{
    struct scene *s = scene_begin("echo up; exec sleep 1000", 100 * MS);
    pid_t keeper = 0;

    TURN_UNTIL(s, times_logged(s, "]: up\n") == 1);
    cr_assert_eq(scene_keepers(s, &keeper, 1), 1);
    (void)kill(keeper, SIGKILL);
    TURN_UNTIL(s, s->nended >= 1);
    cr_assert_eq(s->ended[0].outcome, OUTCOME_LOST);
    cr_assert_eq(times_logged(s, "collector probe: its keeper was killed"), 1);
    TURN_UNTIL(s, s->nstarted >= 2);
    scene_finish(s);
}

Test(collector, leaks_no_descriptor)
{
    int before = open_descriptors("self");
    struct scene *s = scene_begin("echo x; exit 1", 20 * MS);

    TURN_UNTIL(s, s->nended >= 30);
    scene_finish(s);
    cr_assert_eq(open_descriptors("self"), before);
}
