/* cli/drill_record.h - what a peer has of the metrics of a drill, as a command of the user's prints it
 *
 * How often each metric is there is counted by its name alone, so the form does not matter. The command runs again
 * while there is more of it each time, since a peer may keep what it has read to itself for a while.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct drill_record {
    uint64_t missing, twice; /* those that are not there; and how many are there once too often */
    uint64_t first_missing;
};

/* Of `n` metrics, by the name that all begin with (cli/drill_worker.h); without so many of them it is as
 * it should be. False with errno. */
bool drill_record_ask(struct drill_record *r, const char *command, const char *mark, uint64_t n,
                      uint64_t without);
