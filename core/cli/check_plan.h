/* cli/check_plan.h - a configuration beside a garnetd that runs: what a reload would do, and what its runs tell of it
 *
 * Pure, but for what is printed: `status` is an answer of docs/control.md.
 */
#pragma once
#include <jansson.h>
#include <stdio.h>

#include "conf/conf.h"

/* What would start, stop and restart, a line each; and how many would not notice. False: garnetd would refuse all of it. */
bool check_plan(FILE *to, const struct conf *c, const json_t *status);
/* Intervals that are shorter than runs take; a spool that does not hold a day of what comes. */
void check_advice(FILE *to, const struct conf *c, const json_t *status);
