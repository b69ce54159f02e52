/* intake/json.h - one JSON object -> metrics; the only part that knows jansson
 *
 * Bytes in, metrics out: the interface is this narrow so that a faster parser can take its place,
 * with jansson as its oracle. Semantics: docs/protocol.md.
 */
#pragma once
#include "intake/json_text.h"

struct json_defaults { /* what a source adds or decides; borrowed */
    struct str collector, prefix;
    const struct tag *tags; /* added where the metric has no such key; sorted */
    uint32_t ntags;
    int64_t time_ns;     /* for a metric without a time */
    int64_t interval_ns; /* 0 = not known */
    int64_t now_ns;      /* wall clock, for checking times */
    const struct metric_limits *limits;
    bool strangers; /* who sends it is not Garnet: names of Garnet's own are refused */
};

/* A metric of which nothing has been read. */
void json_begin_metric(const struct json_defaults *d, struct metric *m);
/* Once its own tags have been. False: they are too many together. */
bool json_add_default_tags(const struct json_defaults *d, struct metric *m);

/* One of `values`: the name NAME.KEY, good until the next one. False: it is longer than a name may be. */
bool json_join(const struct json_defaults *d, struct str name, struct str key, struct metric *m);
/* metric_check() of it: only the name is new, and what all have in common may be long. */
bool json_check_joined(const struct json_defaults *d, struct metric *m, struct metric_fault *f);

enum json_result {
    JSON_METRICS, /* each was handed to fn; `values` expands to several  */
    JSON_ACK,     /* it was {"ack":true}                                 */
    JSON_TOLD,    /* its sender tells of an error: see fault */
    JSON_FAULT,   /* nothing was handed on: see fault; a bad member of `values` costs only itself
                     and is reported through bad()                       */
};

struct json_sink {
    void *arg;
    void (*metric)(void *arg, const struct metric *m);  /* valid; borrowed for the call */
    void (*bad)(void *arg, const struct json_fault *f); /* one metric of several is bad  */
};

/* p[0..n) was framed by intake/frame.h. Not reentrant: fn must not call it. */
enum json_result json_read(const char *p, size_t n, const struct json_defaults *d,
                           const struct json_sink *sink, struct json_fault *fault);
