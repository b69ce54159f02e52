/* intake/json_reading.h - private to intake/json*.c: one object being read, and how it fails */
#ifndef INTAKE_JSON_READING_H
#define INTAKE_JSON_READING_H
#include <jansson.h>

#include "intake/json.h"

enum field { NAME, VALUE, VALUES, TIME, TYPE, UNIT, TAGS, META, ACK, FIELDS };

struct reading {
    struct str text; /* the object */
    const struct json_defaults *d;
    const struct json_sink *sink;
    struct json_fault *fault;
    bool placed; /* faults get their place */
    bool exact;  /* an integer was too big: jansson made reals of all, the text has the integers */
    json_t *field[FIELDS];
    struct str raw[FIELDS]; /* when exact */
};

static const struct str NONE = {"", 0};

/* Fills r->fault: of the field "top", or "top.key". Returns false. */
bool json_fail(const struct reading *r, const char *top, struct str key, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
void json_fault_at(const struct reading *r, const char *field);        /* the place of that field */
void json_parse_fault(const struct reading *r, const json_error_t *e); /* what jansson rejects */
const char *json_kind(const json_t *v);                                /* "a number" */
bool json_is_integer_text(struct str w);

extern const char JSON_BEYOND[];

#endif
