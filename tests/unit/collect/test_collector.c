/* tests/unit/collect/test_collector.c - collect/collector.h: real runs on a short interval, and what the log
 * says of them */
#include "base/log.h"
#include "base/logpipe.h"
#include "collect/collector.h"
#include "rig/processes.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "base/fd.h"

#define MS   NS_PER_MS
#define LONG (60 * NS_PER_S)

enum { RUNS = 64 };

struct scene {
    struct loop *loop;
    struct conf_collector conf;
    struct collector *collector;
    int log; /* read end */
    char text[65536];
    size_t text_n;
    int64_t started[RUNS];
    struct run_receipt ended[RUNS];
    int nstarted, nended, ngone;
    bool stop_in_ended;
    uint64_t accepted;
};

static struct scene scene;
static const char *command[] = {"/bin/sh", "-c", NULL, NULL};

static void on_started(void *arg, int64_t slot_ns)
{
    struct scene *s = arg;

    s->started[s->nstarted++ % RUNS] = slot_ns;
}

static void on_ended(void *arg, const struct run_receipt *r)
{
    struct scene *s = arg;

    cr_assert_eq(s->nended + 1, s->nstarted, "one end for each start");
    cr_assert_not(collector_running(s->collector));
    s->ended[s->nended++ % RUNS] = *r;
    if (s->stop_in_ended)
        collector_stop(s->collector);
}

static uint64_t accepted(void *arg)
{
    const struct scene *s = arg;

    return s->accepted;
}

static void on_gone(void *arg)
{
    struct scene *s = arg;

    s->ngone++;
    collector_free(s->collector);
    s->collector = NULL;
}

static struct collector_events events = {&scene, on_started, on_ended, on_gone, accepted};

/* A scene without a collector. Its log goes to a pipe. */
static struct scene *prepare(const char *script, int64_t interval)
{
    struct scene *s = &scene;
    int fds[2];

    cr_assert_eq(fd_pipe(fds, O_NONBLOCK, O_NONBLOCK), 0);
    s->log = fds[0];
    log_to(fds[1]);
    s->loop = loop_new();
    cr_assert(s->loop != NULL);
    command[2] = script;
    s->conf = (struct conf_collector){.name = "probe",
                                      .enabled = 1,
                                      .command = {command, script != NULL ? 3 : 1},
                                      .interval = interval,
                                      .timeout = LONG,
                                      .grace = 100 * MS,
                                      .identity = {.uid = (uid_t)-1, .gid = (gid_t)-1},
                                      .limits = {-1, -1, -1, -1, -1}};
    return s;
}

static void go(struct scene *s)
{
    s->collector = collector_new(s->loop, &s->conf, "web01", "/run/the/probe.sock", &events);
    cr_assert(s->collector != NULL);
}

/* A collector that runs `script` every `interval`. */
static struct scene *begin(const char *script, int64_t interval)
{
    struct scene *s = prepare(script, interval);

    go(s);
    return s;
}

/* A daemon. */
static struct scene *begin_daemon(const char *script, int64_t interval, int64_t silence)
{
    struct scene *s = prepare(script, interval);

    s->conf.mode = MODE_DAEMON;
    s->conf.silence = silence;
    go(s);
    return s;
}

/* Turns the loop until the condition holds, at most 20 s. */
#define TURN_UNTIL(s, condition)                                                                   \
    do {                                                                                           \
        int64_t turn_end_ = clock_mono() + 20 * NS_PER_S;                                          \
        while (!(condition) && clock_mono() < turn_end_)                                           \
            (void)loop_turn((s)->loop, 50 * MS);                                                   \
        cr_assert(condition);                                                                      \
    } while (0)

static const char *log_text(struct scene *s)
{
    ssize_t n = 1;

    while (n > 0 && s->text_n < sizeof s->text - 1) {
        n = read(s->log, s->text + s->text_n, sizeof s->text - 1 - s->text_n);
        s->text_n += n > 0 ? (size_t)n : 0;
    }
    s->text[s->text_n] = 0;
    return s->text;
}

static int times_logged(struct scene *s, const char *what)
{
    int n = 0;

    for (const char *p = log_text(s); (p = strstr(p, what)) != NULL; p++)
        n++;
    return n;
}

static struct collector_stats stats_of(const struct scene *s)
{
    struct collector_stats st;

    collector_stats(s->collector, &st);
    return st;
}

static uint64_t failures(const struct scene *s)
{
    struct collector_stats st = stats_of(s);
    uint64_t n = 0;

    for (unsigned o = 0; o < OUTCOMES; o++)
        n += outcome_failed(o) ? st.outcomes[o] : 0;
    return n;
}

/* The last run that ended. */
static const struct run_receipt *last_run(const struct scene *s)
{
    return &s->ended[(s->nended - 1) % RUNS];
}

static void finish(struct scene *s)
{
    int fd = log_fd();

    collector_stop(s->collector);
    collector_stop(s->collector);
    cr_assert_eq(s->ngone, 0, "gone comes from the loop");
    TURN_UNTIL(s, s->ngone > 0);
    (void)loop_turn(s->loop, 0);
    cr_assert_eq(s->ngone, 1);
    cr_assert_eq(s->nstarted, s->nended);
    log_to(2);
    fd_close(&fd);
    fd_close(&s->log);
    loop_free(s->loop);
}

TestSuite(collector, .timeout = 60);

Test(collector, runs_at_the_slots)
{
    struct scene *s = begin("exit 0", 100 * MS);
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
    finish(s);
    cr_assert_eq(waitpid(-1, NULL, WNOHANG), -1, "every keeper is reaped");
    cr_assert_eq(errno, ECHILD);
}

Test(collector, is_told_all_it_needs)
{
    struct scene *s;

    (void)setenv("SECRET_OF_GARNETD", "x", 1);
    (void)unsetenv("PATH");
    s = begin("echo \"$0 $GARNET_SOCKET $GARNET_COLLECTOR $GARNET_INTERVAL [$SECRET_OF_GARNETD]"
              " $PATH\"; pwd",
              250 * MS);
    TURN_UNTIL(s, s->nended >= 1);
    cr_assert(times_logged(s, "]: /run/the/probe.sock /run/the/probe.sock "
                              "probe 0.25 [] /usr/local/sbin:/usr/local/bin:"));
    cr_assert(times_logged(s, "]: /\n"));
    finish(s);
}

Test(collector, output_goes_to_the_log_by_line_with_name_and_pid)
{
    struct scene *s =
        begin("echo one; echo two >&2; printf 'a\\000b\\033[1m\\n\\n'; echo I am $$; printf end",
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
    finish(s);
}

Test(collector, the_pid_is_known_without_any_output)
{
    struct scene *s = begin("exit 0", 50 * MS);

    TURN_UNTIL(s, s->nended >= 2);
    cr_assert(s->ended[0].pid > 1 && s->ended[1].pid > 1);
    cr_assert_neq(s->ended[0].pid, s->ended[1].pid);
    finish(s);
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
    struct scene *s =
        begin("head -c 2000 /dev/zero | tr '\\0' x >&2; echo >&2; seq 1 20000", 10 * NS_PER_S);
    int said, left_out;

    TURN_UNTIL(s, s->nended >= 1);
    count_lines(s, &said, &left_out);
    cr_assert_eq(said + left_out, 20001, "each line is said or counted: %d, %d", said, left_out);
    cr_assert(said >= LOGPIPE_BURST && said < 2 * LOGPIPE_BURST);
    cr_assert_eq(times_logged(s, "xxxx...\n"), 1);
    cr_assert_eq(s->ended[0].report.status, 0, "nobody had to wait, nobody was killed");
    finish(s);
}

/* The quota is the collector's, not the run's. */
Test(collector, too_much_output_of_many_runs_is_counted)
{
    struct scene *s = begin("seq 1 60", 50 * MS);
    int said, left_out;

    TURN_UNTIL(s, s->nended >= 5);
    count_lines(s, &said, &left_out);
    cr_assert_eq(said + left_out, 60 * s->nended);
    cr_assert(left_out >= 60 * 5 - 2 * LOGPIPE_BURST);
    finish(s);
}

Test(collector, output_closed_early_costs_nothing)
{
    struct scene *s = begin("exec <&- >&- 2>&-; sleep 0.3", 50 * MS);
    struct rusage before, after;

    TURN_UNTIL(s, s->nstarted >= 1);
    (void)getrusage(RUSAGE_SELF, &before);
    TURN_UNTIL(s, s->nended >= 1);
    (void)getrusage(RUSAGE_SELF, &after);
    cr_assert(after.ru_utime.tv_sec == before.ru_utime.tv_sec ||
              after.ru_utime.tv_usec < before.ru_utime.tv_usec);
    cr_assert(after.ru_nvcsw - before.ru_nvcsw < 100, "a closed pipe must not keep the loop busy");
    finish(s);
}

Test(collector, overlap_is_counted_and_said_once)
{
    struct scene *s = begin("sleep 0.5", 100 * MS);
    struct collector_stats st;

    TURN_UNTIL(s, s->nended >= 1);
    st = stats_of(s);
    cr_assert(st.sched->missed[MISS_OVERLAP] >= 2);
    cr_assert_eq(st.sched->slots,
                 st.sched->runs + st.sched->missed[MISS_OVERLAP] + st.sched->missed[MISS_LATE]);
    cr_assert_eq(times_logged(s, "the previous run is still going"), 1);
    /* on a machine that is busy some may have been missed for that, too */
    cr_assert_eq(times_logged(s, "warn: collector probe: missed the run due at 2"),
                 1 + (st.sched->missed[MISS_LATE] > 0));
    finish(s);
}

Test(collector, failures_are_counted_and_said_once_a_minute)
{
    struct scene *s = begin("exit 3", 100 * MS);

    TURN_UNTIL(s, s->nended >= 4);
    cr_assert_eq(failures(s), (uint64_t)s->nended);
    cr_assert_eq(stats_of(s).last_success_ns, 0);
    cr_assert_eq(times_logged(s, "warn: collector probe: exit status 3\n"), 1);
    finish(s);
}

Test(collector, other_trouble_tells_what_was_left_out)
{
    char script[256], file[] = "/tmp/garnet-collector-XXXXXX";
    int fd = mkstemp(file);
    struct scene *s;

    (void)snprintf(script, sizeof script,
                   "echo >>%s; [ $(wc -l <%s) -gt 3 ] && kill -KILL $$; exit 3", file, file);
    fd_close(&fd);
    s = begin(script, 100 * MS);
    TURN_UNTIL(s, s->nended >= 4);
    cr_assert_eq(times_logged(s, "collector probe: exit status 3 (2 times more)\n"), 1);
    cr_assert_eq(times_logged(s, "collector probe: killed by signal 9 (Killed)\n"), 1);
    finish(s);
    (void)unlink(file);
}

Test(collector, timeout)
{
    struct scene *s = begin("exec sleep 1000", 100 * MS);

    s->conf.timeout = 200 * MS;
    TURN_UNTIL(s, s->nended >= 1);
    cr_assert_eq(s->ended[0].report.end, KEEPER_TIMEOUT);
    cr_assert_eq(failures(s), 1);
    cr_assert_eq(times_logged(s, "collector probe: ended after its timeout of 0.2s\n"), 1);
    finish(s);
}

Test(collector, cannot_be_executed)
{
    struct scene *s;

    command[0] = "/nonexistent/collector";
    s = begin(NULL, 100 * MS);
    TURN_UNTIL(s, s->nended >= 2);
    cr_assert_eq(s->ended[0].report.end, KEEPER_FAILED);
    cr_assert_eq(s->ended[0].report.error, ENOENT);
    cr_assert_eq(times_logged(s, "cannot run /nonexistent/collector: it does not exist\n"), 1);
    finish(s);
}

Test(collector, no_descriptors_cost_a_slot_each_and_nothing_else)
{
    struct scene *s = begin("exit 0", 100 * MS);
    struct rlimit old, none;
    uint64_t runs;

    TURN_UNTIL(s, s->nended >= 1);
    runs = stats_of(s).runs;
    (void)getrlimit(RLIMIT_NOFILE, &old);
    for (rlim_t room = 0; room < 6; room++) { /* two pipes and a pair: six are enough */
        int lowest_free = dup(0), ended = s->nended;

        fd_close(&lowest_free);
        lowest_free = open("/dev/null", O_RDONLY | O_CLOEXEC);
        none = (struct rlimit){(rlim_t)lowest_free + room, old.rlim_max};
        (void)close(lowest_free);
        (void)setrlimit(RLIMIT_NOFILE, &none);
        TURN_UNTIL(s, s->nended > ended);
        (void)setrlimit(RLIMIT_NOFILE, &old);
        cr_assert_eq(s->ended[(s->nended - 1) % RUNS].report.end, KEEPER_FAILED);
        cr_assert_eq(s->ended[(s->nended - 1) % RUNS].report.error, EMFILE);
    }
    cr_assert(stats_of(s).sched->missed[MISS_SPAWN] >= 6);
    cr_assert_eq(stats_of(s).runs, runs);
    cr_assert_eq(failures(s), stats_of(s).sched->missed[MISS_SPAWN]);
    TURN_UNTIL(s, stats_of(s).runs > runs && !collector_running(s->collector));
    cr_assert_eq(s->ended[(s->nended - 1) % RUNS].report.end, KEEPER_EXITED);
    finish(s);
}

Test(collector, stop_ends_the_current_run)
{
    char mark[64];
    struct scene *s;

    (void)snprintf(mark, sizeof mark, "stop-ends-%d", (int)getpid());
    (void)setenv("TMPDIR", mark, 1); /* one of those passed on */
    s = begin("setsid -f sleep 1000; echo up; sleep 1000", 100 * MS);
    TURN_UNTIL(s, times_logged(s, "]: up\n") == 1);
    TURN_UNTIL(s, processes_marked(mark) >= 2); /* one that is just calling exec shows no mark */
    finish(s);
    cr_assert_eq(s->nended, 1);
    cr_assert_eq(s->ended[0].report.end, KEEPER_STOPPED);
    cr_assert_eq(times_logged(s, "killed by"), 0, "we did it ourselves");
    cr_assert_eq(processes_marked(mark), 0);
}

Test(collector, stop_before_the_first_run)
{
    finish(begin("exit 0", 3600 * NS_PER_S));
    cr_assert_eq(scene.nstarted, 0);
}

Test(collector, stop_from_its_own_event)
{
    struct scene *s = begin("exit 0", 50 * MS);

    s->stop_in_ended = true;
    TURN_UNTIL(s, s->ngone == 1);
    cr_assert_eq(s->nended, 1);
    loop_free(s->loop);
}

Test(collector, goes_on_with_a_newer_configuration)
{
    struct scene *s = begin("exit 0", 100 * MS);
    struct conf_collector newer = s->conf;

    TURN_UNTIL(s, collector_running(s->collector));
    collector_adopt(s->collector, &newer);
    memset(&s->conf, 0xff, sizeof s->conf);
    TURN_UNTIL(s, s->nended >= 3);
    cr_assert_eq(failures(s), 0);
    finish(s);
}

static pid_t child_named(const char *name)
{
    char path[64], comm[32];
    DIR *proc = opendir("/proc");
    const struct dirent *e;
    pid_t found = 0;

    while ((e = readdir(proc)) != NULL) {
        FILE *f;

        (void)snprintf(path, sizeof path, "/proc/%.20s/stat", e->d_name);
        f = isdigit((unsigned char)e->d_name[0]) ? fopen(path, "re") : NULL;
        if (f != NULL) {
            int pid = 0, ppid = 0;

            if (fscanf(f, "%d (%31[^)]) %*c %d", &pid, comm, &ppid) == 3 && ppid == getpid() &&
                strcmp(comm, name) == 0)
                found = pid;
            (void)fclose(f);
        }
    }
    (void)closedir(proc);
    return found;
}

Test(collector, a_keeper_that_is_killed_is_one_failed_run)
{
    struct scene *s = begin("echo up; exec sleep 1000", 100 * MS);
    pid_t keeper = 0, orphan = 0;

    cr_assert_eq(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), 0);
    TURN_UNTIL(s, times_logged(s, "]: up\n") == 1);
    keeper = child_named("garnetd-keep");
    cr_assert(keeper > 0);
    (void)kill(keeper, SIGKILL);
    TURN_UNTIL(s, s->nended >= 1);
    cr_assert_eq(s->ended[0].outcome, OUTCOME_LOST);
    cr_assert_eq(times_logged(s, "collector probe: its keeper was killed"), 1);
    TURN_UNTIL(s, s->nstarted >= 2);
    TURN_UNTIL(s, (orphan = child_named("sleep")) > 0);
    (void)kill(orphan, SIGKILL);
    finish(s);
}

Test(collector, leaks_no_descriptor)
{
    int before = open_descriptors("self");
    struct scene *s = begin("echo x; exit 1", 20 * MS);

    TURN_UNTIL(s, s->nended >= 30);
    finish(s);
    cr_assert_eq(open_descriptors("self"), before);
}

/* --- overlap: kill --- */

Test(collector, overlap_kill_makes_way_for_the_next_slot)
{
    struct scene *s = prepare("exec sleep 1000", 200 * MS);
    struct collector_stats st;

    s->conf.overlap = OVERLAP_KILL;
    go(s);
    TURN_UNTIL(s, s->nended >= 4);
    st = stats_of(s);
    cr_assert_eq(st.outcomes[OUTCOME_OVERLAP], (uint64_t)s->nended);
    cr_assert_eq(st.sched->missed[MISS_OVERLAP], 0, "no slot is missed");
    for (int i = 1; i < s->nended; i++)
        cr_assert_eq(s->ended[i].slot_ns - s->ended[i - 1].slot_ns, 200 * MS);
    cr_assert_eq(times_logged(s, "probe: killed by overlap: the next run was due\n"), 1);
    finish(s);
}

Test(collector, overlap_kill_that_takes_too_long_costs_slots)
{
    struct scene *s = prepare("trap '' TERM; while :; do sleep 0.05; done", 100 * MS);
    struct collector_stats st;

    s->conf.overlap = OVERLAP_KILL;
    s->conf.grace = 350 * MS;
    go(s);
    TURN_UNTIL(s, s->nended >= 3);
    st = stats_of(s);
    cr_assert(st.sched->missed[MISS_OVERLAP] >= 4);
    cr_assert_eq(st.sched->slots, st.sched->runs + st.sched->waiting +
                                      st.sched->missed[MISS_OVERLAP] + st.sched->missed[MISS_LATE]);
    cr_assert(times_logged(s, "the previous run is still going\n") >= 1);
    finish(s);
}

Test(collector, stop_while_a_slot_waits)
{
    struct scene *s = prepare("trap '' TERM; while :; do sleep 0.05; done", 100 * MS);
    int started;

    s->conf.overlap = OVERLAP_KILL;
    s->conf.grace = 300 * MS;
    go(s);
    TURN_UNTIL(s, stats_of(s).sched->waiting);
    started = s->nstarted;
    finish(s);
    cr_assert_eq(s->nstarted, started);
}

/* --- daemons --- */

Test(collector, a_daemon_starts_at_once_and_again_for_ever)
{
    struct scene *s = begin_daemon("echo up; exit 0", 3600 * NS_PER_S, 0);
    int64_t from = clock_mono();

    TURN_UNTIL(s, s->nended >= 1);
    cr_assert(clock_mono() - from < 2 * NS_PER_S, "no slot is waited for");
    cr_assert_eq(s->started[0], 0);
    cr_assert_eq(s->ended[0].slot_ns, 0);
    TURN_UNTIL(s, s->nended >= 3);
    cr_assert(clock_mono() - from >= 3 * NS_PER_S / 2, "pauses grow from half a second on");
    cr_assert_eq(stats_of(s).restarts, (uint64_t)s->nended - 1);
    cr_assert_eq(times_logged(s, "probe: exit status 0; starting it again in "), s->nended);
    finish(s);
}

Test(collector, a_daemon_that_cannot_run_is_tried_again)
{
    struct scene *s;

    command[0] = "/nonexistent/collector";
    s = begin_daemon(NULL, NS_PER_S, 0);
    TURN_UNTIL(s, s->nended >= 2);
    cr_assert_eq(stats_of(s).outcomes[OUTCOME_SPAWN], (uint64_t)s->nended);
    cr_assert_eq(stats_of(s).runs, 0);
    cr_assert_eq(times_logged(s, "cannot run /nonexistent/collector: it does not exist; "
                                 "starting it again in "),
                 s->nended);
    finish(s);
}

Test(collector, a_daemon_without_descriptors_is_tried_again)
{
    struct scene *s = prepare("exec sleep 1000", NS_PER_S);
    struct rlimit old, none;
    int lowest_free = dup(0);

    (void)getrlimit(RLIMIT_NOFILE, &old);
    none = (struct rlimit){(rlim_t)lowest_free, old.rlim_max};
    (void)close(lowest_free);
    s->conf.mode = MODE_DAEMON;
    go(s);
    (void)setrlimit(RLIMIT_NOFILE, &none);
    TURN_UNTIL(s, s->nended >= 2);
    (void)setrlimit(RLIMIT_NOFILE, &old);
    cr_assert_eq(s->ended[0].report.error, EMFILE);
    TURN_UNTIL(s, collector_running(s->collector));
    finish(s);
}

Test(collector, a_silent_daemon_is_restarted_and_one_that_speaks_is_not)
{
    struct scene *s = begin_daemon("exec sleep 1000", 100 * MS, 400 * MS);
    int64_t until = clock_mono() + NS_PER_S;

    while (clock_mono() < until) {
        s->accepted++;
        (void)loop_turn(s->loop, 20 * MS);
    }
    cr_assert_eq(s->nended, 0, "one that speaks is left alone");
    cr_assert(stats_of(s).last_success_ns > 0);
    TURN_UNTIL(s, s->nended >= 1);
    cr_assert(clock_mono() - until >= 400 * MS - 50 * MS);
    cr_assert_eq(s->ended[0].outcome, OUTCOME_SILENCE);
    cr_assert_eq(times_logged(s, "probe: ended after 0.4s without a metric; starting it again"), 1);
    TURN_UNTIL(s, collector_running(s->collector));
    finish(s);
}

Test(collector, a_daemon_can_be_stopped_in_any_state)
{
    struct scene *s = begin_daemon("exec sleep 1000", NS_PER_S, 0);

    finish(s); /* before its first life */
    cr_assert_eq(s->nstarted, 0);
    scene = (struct scene){0};
    s = begin_daemon("exec sleep 1000", NS_PER_S, 0);
    TURN_UNTIL(s, collector_running(s->collector));
    finish(s);
    cr_assert_eq(s->ended[0].outcome, OUTCOME_STOPPED);
    scene = (struct scene){0};
    s = begin_daemon("exit 1", NS_PER_S, 0);
    TURN_UNTIL(s, s->nended == 1);
    finish(s); /* between two lives */
    cr_assert_eq(s->nstarted, 1);
    cr_assert_eq(waitpid(-1, NULL, WNOHANG), -1);
    cr_assert_eq(errno, ECHILD);
}

/* --- no processes --- */

Test(collector, no_processes_cost_a_slot_each_and_nothing_else)
{
    enum { NOBODY_ELSE = 61234 };
    struct scene *s;
    struct rlimit limit;
    int before;

    if (getuid() != 0)
        cr_skip_test("needs to become a user that has no other process");
    cr_assert_eq(setresuid(NOBODY_ELSE, NOBODY_ELSE, NOBODY_ELSE), 0);
    before = open_descriptors("self");
    s = begin("exit 0", 100 * MS);
    TURN_UNTIL(s, s->nended >= 1);
    (void)getrlimit(RLIMIT_NPROC, &limit);
    for (rlim_t most = 1; most <= 2; most++) { /* no keeper; a keeper that cannot fork */
        rlim_t old = limit.rlim_cur;
        int ended = s->nended;

        limit.rlim_cur = most;
        (void)setrlimit(RLIMIT_NPROC, &limit);
        TURN_UNTIL(s, s->nended >= ended + 3);
        limit.rlim_cur = old;
        (void)setrlimit(RLIMIT_NPROC, &limit);
        cr_assert_eq(last_run(s)->outcome, OUTCOME_SPAWN);
        cr_assert_eq(last_run(s)->report.error, EAGAIN);
    }
    cr_assert(stats_of(s).sched->missed[MISS_SPAWN] >= 5);
    cr_assert(times_logged(s, "cannot run /bin/sh: Resource temporarily unavailable\n") >= 1);
    TURN_UNTIL(s, s->nended > 0 && last_run(s)->outcome == OUTCOME_OK);
    finish(s);
    cr_assert_eq(open_descriptors("self"), before);
}
