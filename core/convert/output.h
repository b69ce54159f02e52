/* convert/output.h - what comes of the text at hand: metrics as JSON, and what is wrong with it
 *
 * The formats put their metrics here, whole or not at all: what Garnet takes from nobody (no name, control bytes,
 * broken UTF-8, too long) becomes a fault, and costs that metric alone. Limits that a configuration can
 * change are garnetd's to judge. Each fault has its place in the input: line and byte, both from 1.
 *
 * Memory: at most OUTPUT_MOST bytes of JSON wait here, and the metric at hand, which is shorter than some times its line.
 */
#pragma once
#include <stdarg.h>

#include "model/metric.h"

enum {
    OUTPUT_MOST = 1 << 15,
    OUTPUT_UNIT = 64, /* bytes of a unit, as docs/protocol.md has it */
    OUTPUT_PARTS = 3,
};

enum output_left { /* what is no metric, by the format's own rules, and no fault */
                   LEFT_NAN,
                   LEFT_INFINITY,
                   LEFT_UNKNOWN, /* said to have no value */
                   LEFT_STRING,
                   LEFT_BOOLEAN,
                   LEFT_COMMAND,
                   LEFT_KINDS,
};

struct output_fault {
    uint64_t line, byte; /* 0: it has no place */
    const char *text;    /* a sentence without its full stop, on one line; borrowed for the call */
};

struct output_to { /* who has it */
    void *arg;
    void (*json)(void *arg, const char *p,
                 size_t n); /* whole objects, and line ends between them */
    void (*fault)(void *arg, const struct output_fault *f);
    void (*left_out)(void *arg, const struct output_fault *f, enum output_left what);
};

struct output {
    const struct output_to *to;
    bool in_place; /* a metric stands on the line that it comes from, and not on one of its own */
    struct str input; /* the lines at hand: where faults find their place */
    uint64_t line;    /* of the first of them */
    /* output.c's own */
    struct buf json, name;
    uint64_t json_line, handed_line; /* behind what waits, and behind what was handed on */
};

struct output_metric {             /* everything borrowed */
    struct str name[OUTPUT_PARTS]; /* those that are not empty, joined by dots */
    struct str value, time;        /* as JSON has them; time.n == 0: none */
    const char *type;              /* NULL: a gauge */
    struct str unit;               /* n == 0: none */
    const struct tag *tags, *meta; /* sorted */
    uint32_t ntags, nmeta;
};

void output_init(struct output *o, const struct output_to *to, bool in_place);
void output_free(struct output *o);
void output_flush(struct output *o); /* hands on what waits */

/* False: it is none, and the fault has been told. */
bool output_put(struct output *o, const struct output_metric *m);
/* `at` points into the input, or the place is its first byte. Returns false, always. */
bool output_fault(struct output *o, const char *at, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
bool output_left_out(struct output *o, enum output_left what, const char *at, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* A tag more, in its order: keys and values that are empty, too long or no text, and one too many are faults. Of two with one key,
 * `replace` says which is kept. `what`: "tag", "label". */
bool output_tag(struct output *o, struct tag *tags, uint32_t *n, struct tag t, const char *what,
                bool replace);
/* "string", or "strings" for n other than 1. */
const char *output_left_name(enum output_left what, uint64_t n);
