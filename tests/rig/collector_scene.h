/* tests/rig/collector_scene.h - a collector on a short interval, and what it said and did
 *
 * One a test, called `scene`. */
#pragma once
#include <criterion/criterion.h>

#include "base/clock.h"
#include "base/loop.h"
#include "collect/collector.h"
#include "rig/until.h"

#define MS   NS_PER_MS
#define LONG (60 * NS_PER_S)

enum { RUNS = 64 };

struct scene {
    const char *command[4]; /* /bin/sh, where a test has put nothing else there */
    struct loop *loop;
    struct keepers keepers;
    struct conf_collector conf;
    const char *converter; /* of one with an output: a program */
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
extern struct scene scene;

/* A collector that runs `script` every `interval`; or one that runs on. */
struct scene *scene_begin(const char *script, int64_t interval);
struct scene *scene_begin_daemon(const char *script, int64_t interval, int64_t silence);
/* In two steps, so that the test can alter its configuration. */
struct scene *scene_prepare(const char *script, int64_t interval);
void scene_go(struct scene *s);
/* While its guard is the one that was forked first: the nursery, once it is there, and its keepers. */
pid_t scene_nursery(const struct scene *s);
int scene_keepers(const struct scene *s, pid_t *pids, int most);
void scene_without_keepers(struct scene *s); /* and without a run */
void scene_finish(struct scene *s);          /* stops it: it is gone once, from the loop */

const char *log_text(struct scene *s);
int times_logged(struct scene *s, const char *what);
struct collector_stats stats_of(const struct scene *s);
uint64_t failures(const struct scene *s);
const struct run_receipt *last_run(const struct scene *s); /* that ended */

/* Turns the loop until the condition holds, at most 20 s. */
#define TURN_UNTIL(s, condition)                                                                   \
    UNTIL_WITHIN(20, (void)loop_turn((s)->loop, 50 * MS), condition, "")
