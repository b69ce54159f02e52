/* tests/rig/keeper_run.h - one run under a real keeper, watched from garnetd's side; the test owns it */
#pragma once
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "collect/keeper.h"
#include "keep/keeping.h"
#include "rig/processes.h"

#define LONG (60 * NS_PER_S)

extern struct keeper_rig {
    struct conf_collector collector; /* what the next run is: a test alters it before */
    char mark[64];                   /* of the last run, for processes_marked() */
} keeper_rig;

struct run {
    pid_t keeper;
    int control, out; /* our ends */
    char mark[64];    /* keeper_rig's, at its beginning */
    struct keeper_report report;
};

void start_run_argv(struct run *r, const char *const *argv, const char *cwd, int64_t timeout,
                    int64_t grace);
void start_run(struct run *r, const char *script, int64_t timeout, int64_t grace);
/* Another one under the same keeper, after take_report(). */
void next_run_argv(struct run *r, const char *const *argv, const char *cwd, int64_t timeout,
                   int64_t grace);
void next_run(struct run *r, const char *script);
/* A chain of processes, each of which makes the next, in a session of its own, and exits. It is some
 * way already. */
void start_chain(struct run *r);
/* Reads until the run has said `word`. */
void wait_said(const struct run *r, const char *word);
/* Waits for the report: there must be no second one, and no process. */
void take_report(struct run *r);
/* And ends the keeper. */
void finish_run(struct run *r);
void run_to_end(struct run *r, const char *script, int64_t timeout, int64_t grace);
bool killed_by(const struct run *r, int signo);
