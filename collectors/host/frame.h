/* frame.h - a collector of the host from its command line to its exit status
 *
 * One-shot, or with --every for ever: on the grid of the wall clock, over one connection. What is wrong with one
 * subject costs no other; it is said on standard error, of a long-running one when it begins, when it changes and when it ends.
 * Exit status: 0; 1: something is missing, or was not accepted; 2: wrong usage.
 */
#pragma once
#include "host/subject.h"

/* For who has one subject, and for who chooses some of `subjects`, which NULL ends, by their names: without a name it is
 * all. */
int frame_one(int argc, char *const argv[], const struct subject *subject);
int frame_some(int argc, char *const argv[], const struct subject *const *subjects);
