/* tests/rig/collector_scene.c - its events are noted, and its log is read from a pipe */
#include "rig/collector_scene.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "rig/processes.h"

struct scene scene;

static const struct nursery_work work = {.runs = keeper_keep_runs};

static void on_started(void *arg, int64_t slot_ns)
{
    struct scene *s = arg;

    s->started[s->nstarted++ % RUNS] = slot_ns;
}

static void on_ended(void *arg, const struct run_receipt *r)
{
    struct scene *s = arg;

    cr_assert_eq(s->nended + 1, s->nstarted, "one end for each start");
    cr_assert_not(run_alive(&s->collector->run));
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
    collector_end(s->collector);
    s->collector = NULL;
}

static struct collector_events events = {&scene, on_started, on_ended, on_gone, accepted, NULL};

struct scene *scene_prepare(const char *script, int64_t interval)
{
    struct scene *s = &scene;
    int fds[2];

    cr_assert_eq(fd_pipe(fds, O_NONBLOCK, O_NONBLOCK), 0);
    s->log = fds[0];
    log_to(fds[1]);
    s->loop = loop_new();
    cr_assert(s->loop != NULL);
    cr_assert_eq(keepers_init(&s->keepers, s->loop, &work), 0);
    if (s->command[0] == NULL)
        s->command[0] = "/bin/sh";
    s->command[1] = "-c";
    s->command[2] = script;
    s->conf = (struct conf_collector){.name = "probe",
                                      .socket = "/run/the/probe.sock",
                                      .enabled = 1,
                                      .command = {s->command, script != NULL ? 3 : 1},
                                      .interval = interval,
                                      .timeout = LONG,
                                      .grace = 100 * MS,
                                      .identity = {.uid = (uid_t)-1, .gid = (gid_t)-1},
                                      .limits = {-1, -1, -1, -1, -1}};
    return s;
}

void scene_go(struct scene *s)
{
    static struct collector collector;

    s->collector = &collector;
    collector_start(s->collector, &(struct collector_means){&s->keepers, "web01", s->converter},
                    &s->conf, &events);
}

struct scene *scene_begin(const char *script, int64_t interval)
{
    struct scene *s = scene_prepare(script, interval);

    scene_go(s);
    return s;
}

struct scene *scene_begin_daemon(const char *script, int64_t interval, int64_t silence)
{
    struct scene *s = scene_prepare(script, interval);

    s->conf.mode = MODE_DAEMON;
    s->conf.silence = silence;
    scene_go(s);
    return s;
}

const char *log_text(struct scene *s)
{
    ssize_t n = 1;

    while (n > 0 && s->text_n < sizeof s->text - 1) {
        n = read(s->log, s->text + s->text_n, sizeof s->text - 1 - s->text_n);
        s->text_n += n > 0 ? (size_t)n : 0;
    }
    s->text[s->text_n] = 0;
    return s->text;
}

int times_logged(struct scene *s, const char *what)
{
    int n = 0;

    for (const char *p = log_text(s); (p = strstr(p, what)) != NULL; p++)
        n++;
    return n;
}

struct collector_stats stats_of(const struct scene *s)
{
    return s->collector->stats;
}

uint64_t failures(const struct scene *s)
{
    struct collector_stats st = stats_of(s);
    uint64_t n = 0;

    for (unsigned o = 0; o < OUTCOMES; o++)
        n += outcome_failed(o) ? st.outcomes[o] : 0;
    return n;
}

const struct run_receipt *last_run(const struct scene *s)
{
    return &s->ended[(s->nended - 1) % RUNS];
}

pid_t scene_nursery(const struct scene *s)
{
    return process_under(s->keepers.child.pid, "garnetd-nursery");
}

int scene_keepers(const struct scene *s, pid_t *pids, int most)
{
    return processes_under(scene_nursery(s), "garnetd-keep", pids, most);
}

void scene_without_keepers(struct scene *s)
{
    pid_t keeper;

    while (s->keepers.nidle > 0 || run_alive(&s->collector->run)) {
        if (s->keepers.nidle > 0 && scene_keepers(s, &keeper, 1) > 0)
            (void)kill(keeper, SIGKILL);
        (void)loop_turn(s->loop, 50 * MS);
    }
}

void scene_finish(struct scene *s)
{
    int fd = log_fd();

    collector_stop(s->collector);
    collector_stop(s->collector);
    cr_assert_eq(s->ngone, 0, "gone comes from the loop");
    TURN_UNTIL(s, s->ngone > 0);
    (void)loop_turn(s->loop, 0);
    cr_assert_eq(s->ngone, 1);
    cr_assert_eq(s->nstarted, s->nended);
    keepers_free(&s->keepers, clock_mono() + LONG);
    log_to(2);
    fd_close(&fd);
    fd_close(&s->log);
    loop_free(s->loop);
}
