/* chosen.h - the processes that were asked for by name, and what those of each name have used so far
 *
 * A process takes its counters with it when it ends, so a sum over those that are there now would go back. Here what each has
 * used since it was looked at last is added up instead: from 0 at the first round on, over processes that come and go. What
 * one has used between the last look and its end is not in it.
 */
#pragma once
#include <regex.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/why.h"

enum {
    CHOSEN_NAMES = 64,
    CHOSEN_COMM = 15, /* bytes of a process's name; the kernel cuts what is longer */
    CHOSEN_NONE = -1, /* not one that was asked for */
    CHOSEN_ASKS = -2, /* its command line decides */
};

enum chosen_counter {
    CHOSEN_USER,
    CHOSEN_SYSTEM,
    CHOSEN_READ, /* this and the next: with those of its children that it has waited for */
    CHOSEN_WRITTEN,
    CHOSEN_COUNTERS
};

struct chosen_process {
    uint64_t pid, parent;
    uint64_t start; /* after boot, in ticks: of two processes with the same pid another one */
    int name;       /* which of the names */
    bool io;        /* whether what it has read and written is known */
    uint64_t counters[CHOSEN_COUNTERS];
};

struct chosen_name {
    struct str name; /* borrowed */
    bool by_line;    /* by its command line: */
    regex_t line;
    uint64_t sums[CHOSEN_COUNTERS];
};

/* All zero is a valid empty one; whoever has it frees it. */
struct chosen {
    struct chosen_name names[CHOSEN_NAMES];
    size_t n;
    bool begun;             /* there was a round before */
    uint64_t last, now;     /* when the one before began, and this one, after boot, in ticks */
    struct buf before, own; /* of struct chosen_process, by pid; those of this round */
};

/* "NAME" is all processes whose name that is; "NAME=REGEX" those whose command line has what the extended regular
 * expression says. False: why has a clause. `text` is borrowed. */
bool chosen_add(struct chosen *c, const char *text, struct why *why);
void chosen_free(struct chosen *c);
/* The first of the names that such a process has, or CHOSEN_NONE or CHOSEN_ASKS. `line` is its arguments, with blanks
 * between them and a NUL behind; NULL: they were not read. */
int chosen_match(const struct chosen *c, struct str comm, const char *line);

/* A round, `now` ticks after boot: each process once, and then the sums are those of all rounds. False: out of memory. */
void chosen_begin(struct chosen *c, uint64_t now);
/* Of one that was there in the round before, its name then; CHOSEN_NONE: it was not. */
int chosen_before(const struct chosen *c, uint64_t pid, uint64_t start);
void chosen_take(struct chosen *c, const struct chosen_process *p);
bool chosen_end(struct chosen *c);
