/* cli/run_report.h - what became of a run, for people and for programs. Pure; fails only as the buf does */
#pragma once
#include "cli/run_once.h"

/* As `garnet run` exits: the run did what it was to do, and nothing that it sent was rejected. A daemon has done that
 * when it is ended. */
bool run_succeeded(const struct run_result *r, const struct conf_collector *k);
/* A line with the verdict, and one for each thing that is known. `user` is who it ran as. */
void run_report_put(struct buf *b, const struct run_result *r, const struct conf_collector *k,
                    const char *user);
/* {"run":{...}} on a line of its own. */
void run_report_put_json(struct buf *b, const struct run_result *r, const struct conf_collector *k,
                         const char *user);
/* A line of the log, "warn: text" without its end: {"log":"warn","text":"text"} on a line. */
void run_report_put_log_json(struct buf *b, struct str line);
