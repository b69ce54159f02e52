/* cli/top_model.h - what `garnet top` knows: rows with rates and a past, out of one status answer after the other
 *
 * Pure: no clock, no terminal. Time is what the answers say. A row lives as long as the answers have it; its past has
 * TOP_PAST answers. All memory is the model's; all zero is a model that knows nothing yet.
 */
#pragma once
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/buf.h"
#include "cli/verdict.h"

enum { TOP_PAST = 180 };

enum top_kind { TOP_COLLECTOR, TOP_SINK, TOP_KINDS };
/* Trouble: the failed runs of a collector, the lag of a sink. States and numbers: the worst or highest first. */
enum top_order { TOP_BY_NAME, TOP_BY_STATE, TOP_BY_RATE, TOP_BY_TROUBLE };

struct top_sample {
    float seconds; /* since the answer before; 0: what was counted in them is not known */
    float count;
    float lag; /* < 0: not known */
};

struct top_row {
    enum top_kind kind;
    json_t *of;       /* as docs/control.md has it, of the newest answer */
    const char *name; /* within that; a stranger's */
    double rate;      /* accepted or confirmed a second, of late; < 0: not known yet */
    double trouble;
    double counter;
    size_t answers; /* ever; the newest is past[(answers - 1) % TOP_PAST] */
    struct top_sample past[TOP_PAST];
    bool met; /* in the newest answer */
};

struct top_model {
    json_t *status;         /* the newest answer; NULL: there was none */
    struct verdict verdict; /* of that */
    struct arena arena;
    char *silence;         /* why garnetd does not answer now; NULL: it does */
    struct top_row **rows; /* by kind and name */
    size_t n;
    struct top_list { /* what is to be seen: chosen by the filter, in order */
        struct top_row **rows;
        size_t n;
    } lists[TOP_KINDS];
    struct top_row **listed; /* the memory of both */
    enum top_order order;
    char filter[64]; /* what a name must have in it, in capitals or not */
};

void top_model_free(struct top_model *m);
/* Keeps a reference of its own. The same answer once more changes nothing. False: no memory, and the model is to be freed. */
bool top_model_take(struct top_model *m, json_t *status);
/* It was asked and did not answer: a hole in the past of each row. */
bool top_model_silent(struct top_model *m, const char *why);
void top_model_list(struct top_model *m); /* after a change of `order` or `filter` */

/* How bad a state is. From TOP_WARNS on somebody is to look, and from TOP_IS_BAD on soon: so with one that is not known. */
enum { TOP_WARNS = 5, TOP_IS_BAD = 7 };
int top_state_rank(const char *state);
/* The past in n cells, the newest last: each the highest of as many answers as it stands for. < 0: not known. The same
 * answers stay together, so that the picture moves and does not flicker. Returns the highest of all. */
enum top_what { TOP_RATES, TOP_LAGS };
double top_row_past(const struct top_row *r, enum top_what what, double *cells, size_t n);
