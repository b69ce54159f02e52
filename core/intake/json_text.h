/* intake/json_text.h - the bytes of a JSON object: where its fields stand, and what is wrong with one
 *
 * For what a parsed tree no longer knows: where a field stands, and how exactly a number was
 * written. The object has passed intake/frame.h, so its structure is sound; strings and words may
 * still be anything. Nothing here allocates or fails.
 */
#pragma once
#include "model/metric.h"

/* --- members --- */

struct member {
    size_t at;      /* where the key's quote stands, in the whole text        */
    struct str key; /* raw, without its quotes: escapes are not decoded       */
    struct str val; /* raw: a string with its quotes, a whole object, a word  */
    size_t val_at;
};

struct members { /* an iteration */
    struct str text;
    size_t next;
};

/* `text[at]` is the object's brace. */
struct members members_of(struct str text, size_t at);
bool member_next(struct members *ms, struct member *m);
bool member_named(struct str text, size_t at, struct str key, struct member *m);
/* What an object calls itself, as it is written there, without its quotes; n == 0: it does not. */
struct str member_name(struct str object);
/* The member whose key or value holds the byte at `place`. */
bool member_around(struct str text, size_t at, size_t place, struct member *m);

bool json_is_integer_text(struct str word);

/* --- faults --- */

struct json_fault {
    size_t offset;            /* of the place, within the object's bytes */
    struct metric_fault what; /* field may be "" */
    struct str
        name; /* of the metric, which for one of `values` is NAME.KEY; n == 0: it is not known. Until the next reading */
    bool values; /* it is of an object with `values`, and concerns all of them */
    uint64_t line,
        byte; /* of JSON_TOLD: the place in what its sender has read; line 0: of no one place */
};

struct json_report { /* where the fault of an object is put down */
    struct str text; /* the object */
    struct json_fault *fault;
    bool placed; /* faults get their place: finding it costs a walk */
};

struct json_error_t; /* jansson's */
struct json_t;       /* likewise */

/* Of the field "top", or "top.key". Returns false. */
bool json_fail(const struct json_report *r, const char *top, struct str key, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
void json_fault_at(const struct json_report *r, const char *field); /* the place of that field */
void json_parse_fault(const struct json_report *r,
                      const struct json_error_t *e); /* what jansson rejects */

const char *json_kind(const struct json_t *v); /* "a number" */

extern const char JSON_BEYOND[]; /* of an integer, beyond 64 bits */
