/* live/json.h - JSON into growing bytes
 *
 * A failed allocation sticks: what is appended after it is not there, and `failed` says so until json_reset().
 * All zero is a valid empty struct json; json_free() is its one free.
 */
#pragma once
#include <garnet/plugin.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct store;
struct series;

struct json {
    char *s;
    size_t n, room;
    bool failed;
};

void json_reset(struct json *); /* memory kept */
void json_free(struct json *);
void json_raw(struct json *, const char *s, size_t n);
void json_text(struct json *, const char *s); /* raw, up to its NUL */
void json_int(struct json *, int64_t v);
void json_value(struct json *, double v);      /* as exact as points.h keeps it */
void json_string(struct json *, garnet_str s); /* in quotes, escaped */
/* {"i": its id, "n": name, "u": unit, "y": type, "g": {tags}, "t": newest time in ms, "v": newest value} */
void json_series(struct json *, const struct series *);
/* {"i": its id, "b": ms, "t": [ms after b...], "v": [...]} */
void json_points(struct json *, const struct series *);
