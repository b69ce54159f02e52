/* cli/show_status.h - what a garnetd says of itself (docs/control.md), as people read it: 80 columns where names allow it
 *
 * And how its members are read: one that is missing is 0, or "".
 */
#pragma once
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

double status_number(const json_t *of, const char *key);
const char *status_text(const json_t *of, const char *key);
uint64_t status_digest(const json_t *of); /* of a collector's or sink's configuration; 0: none */
const json_t *status_named(const json_t *list,
                           const char *name); /* the one of that name, or NULL */

struct status_words { /* by value: a few words */
    char text[32];
};
struct status_words status_span(double seconds);       /* "7s", "3m 5s", "2d 4h" */
struct status_words status_ago(double now, double at); /* "7s ago", "never" */
struct status_words status_size(double bytes);         /* "1.5 MiB" */
struct status_words status_count(double n);            /* as short as fits a column: "12.3M" */

struct status_sender { /* by value */
    char text[96];
};
/* "collector cpu", "the shared socket", "Garnet itself"; `collector` may be "". */
struct status_sender status_sender(const char *collector, bool garnets);

/* A new list: those that are refused, and have never run, are among them. NULL: there are none, or no memory. */
json_t *status_collectors(const json_t *status);
struct status_words
status_outcome(const json_t *collector);         /* of its last run: "ok 0.07s", "exit 3", "-" */
const char *status_endpoint(const json_t *sink); /* the one in use, else the first */
double status_sum(const json_t *members);        /* of an object that has one for each reason */

void show_status(FILE *to, const json_t *status);
/* Whether there is a collector or sink of that name, one that is refused included. */
bool status_knows(const json_t *status, const char *name);
/* Of one all that is known. */
void show_status_of(FILE *to, const json_t *status, const char *name);
