/* live/status.h - what the page is told of this sink itself */
#pragma once
#include "json.h"

struct status {
    const char *sink, *host;
    size_t max_series, series;
    uint64_t left_out;  /* metrics of series beyond max_series, since the worker began */
    uint64_t shortened; /* chunks of points that gave way before they were ten minutes old */
    bool full;          /* some were left out just now */
};

/* {"sink": ..., "host": ..., "now": ms, "window": ms, "max": n, "series": n, "left_out": n, "shortened": n, "full": 0} */
void status_json(struct json *, const struct status *, int64_t now_ms);
