/* plugintest/metrics.h - JSON text -> metrics, framed, parsed and validated by the very code that reads
 * garnetd's sockets: for golden folders and `garnet plugin preview`
 */
#pragma once
#include "intake/frame.h"
#include "intake/json.h"

typedef void metrics_fn(void *arg, const struct metric *m); /* borrowed for the call */
typedef void metrics_bad_fn(void *arg, struct place at, const char *field, const char *why);

struct metrics_reader {
    struct json_defaults defaults;
    uint32_t max_depth;
    size_t max_value;
    void *arg;
    metrics_fn *metric;  /* or NULL */
    metrics_bad_fn *bad; /* likewise: they are only counted */
};

/* The whole text, as if a client had sent it and half-closed. Returns how many were bad. */
unsigned metrics_read(const struct metrics_reader *r, struct str text);
