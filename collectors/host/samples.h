/* samples.h - what was measured in one round, until it is sent or printed
 *
 * A subject puts its values here one after the other. Those that have the beginning of their name, type, unit and tags
 * in common and stand side by side become one JSON object. All zero is a valid empty one; whoever has it frees it.
 */
#pragma once
#include <stdbool.h>
#include <stdio.h>

#include "base/buf.h"
#include "client.h"
#include "host/figure.h"

struct sample {
    const struct figure *figure;
    size_t tags; /* where the values of its tags begin in `text` */
    bool real;
    union {
        uint64_t u64;
        double f64;
    } as;
};

struct samples {
    struct buf list; /* of struct sample */
    struct buf text; /* values of tags, each with its NUL */
    size_t tags;     /* of the next sample */
};

void samples_reset(struct samples *s);
void samples_free(struct samples *s);
/* False: out of memory; then some are missing, and none may be taken for all. */
bool samples_ok(const struct samples *s);

/* The values of the tags of what comes next; one that is all zero: there are no more. Where it has what no tag may
 * hold (control characters, broken UTF-8) all of it becomes $'a\x1b', with backslashes doubled. False: one is empty or too long, so what it is the
 * name of cannot be told; or out of memory. */
bool samples_tags(struct samples *s, const struct str values[FIGURE_TAGS]);
void samples_u64(struct samples *s, const struct figure *f, uint64_t v);
void samples_f64(struct samples *s, const struct figure *f, double v); /* v is finite */

size_t samples_count(const struct samples *s);
const struct sample *samples_at(const struct samples *s, size_t i);
/* Of sample `at` the value of its tag i. */
const char *samples_tag(const struct samples *s, const struct sample *at, size_t i);

/* Appends all to what c will send. `time` is theirs, Unix seconds; 0: they have none. */
void samples_send(const struct samples *s, struct client *c, double time);
/* A table for people. */
void samples_print(const struct samples *s, FILE *to);
