/* intake/json.c - one JSON object -> metrics, through jansson
 *
 * The good case is one parse, one walk over the members and one metric handed on, its strings
 * borrowed from jansson's tree. What jansson cannot do is done from the object's own bytes
 * (intake/member.h): integers between 2^63 and 2^64 and the places of faults. Fails with a fault
 * that names field, place and remedy; memory running out is such a fault too.
 */
#include "intake/json.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "base/clock.h"
#include "conf/option.h"
#include "intake/member.h"

enum field { NAME, VALUE, VALUES, TIME, TYPE, UNIT, TAGS, META, ACK, FIELDS };

/* Rows only because nearest() reads names from rows. */
static const struct option FIELD[FIELDS] = {
    [NAME] = {.name = "name"}, [VALUE] = {.name = "value"}, [VALUES] = {.name = "values"},
    [TIME] = {.name = "time"}, [TYPE] = {.name = "type"},   [UNIT] = {.name = "unit"},
    [TAGS] = {.name = "tags"}, [META] = {.name = "meta"},   [ACK] = {.name = "ack"},
};

static const double MILLISECONDS = 1e11; /* as seconds: the year 5138 */
static const double LAST_SECOND = 9.2e9; /* INT64_MAX ns: the year 2262 */

/* Large, so never on the stack and never zeroed: each reading sets all that counts. */
static struct metric scratch;
static char joined[METRIC_HARD_STRING]; /* name.key of `values` */

struct reading {
    struct str text; /* the object */
    const struct json_defaults *d;
    const struct json_sink *sink;
    struct json_fault *fault;
    bool exact; /* an integer was too big: jansson made reals of all, the text has the integers */
    json_t *field[FIELDS];
    struct str raw[FIELDS]; /* when exact */
};

static const struct str NONE = {"", 0};

static struct str string_of(const json_t *v)
{
    return (struct str){json_string_value(v), json_string_length(v)};
}

/* --- faults --- */

/* "top", or "top.key": made visible, cut to what fits. */
static void put_field(char out[sizeof((struct metric_fault *)0)->field], struct str top,
                      struct str key)
{
    size_t room = sizeof((struct metric_fault *)0)->field - 1, used;
    size_t n = str_visible(out, room, top, &used);

    if (key.n > 0 && n < room) {
        out[n++] = '.';
        n += str_visible(out + n, room - n, key, &used);
    }
    out[n] = 0;
}

/* Where the value of field stands; else that of its parent, else the object's start. */
static size_t locate(struct str text, const char *field)
{
    const char *dot = strchr(field, '.');
    struct member top, sub;

    if (member_named(text, 0, str_of(field), &top))
        return top.val_at;
    if (dot == NULL || !member_named(text, 0, (struct str){field, (size_t)(dot - field)}, &top))
        return 0;
    return member_named(text, top.val_at, str_of(dot + 1), &sub) ? sub.val_at : top.val_at;
}

__attribute__((format(printf, 4, 5))) static bool fail(const struct reading *r, const char *top,
                                                       struct str key, const char *fmt, ...)
{
    struct json_fault *f = r->fault;
    va_list ap;

    put_field(f->what.field, str_of(top), key);
    va_start(ap, fmt);
    (void)vsnprintf(f->what.why, sizeof f->what.why, fmt, ap);
    va_end(ap);
    f->offset = locate(r->text, f->what.field);
    return false;
}

static const char *kind(const json_t *v)
{
    switch (v != NULL ? json_typeof(v) : JSON_NULL) {
    case JSON_OBJECT:
        return "an object";
    case JSON_ARRAY:
        return "an array";
    case JSON_STRING:
        return "a string";
    case JSON_TRUE:
        return "true";
    case JSON_FALSE:
        return "false";
    case JSON_NULL:
        return "null";
    default:
        return "a number";
    }
}

/* --- what jansson rejects --- */

static bool is_word(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '+' ||
           c == '-' || c == '.' || c == '_';
}

static struct str word_around(struct str text, size_t at)
{
    size_t from = at, to = at;

    while (from > 0 && is_word(text.s[from - 1]))
        from--;
    while (to < text.n && is_word(text.s[to]))
        to++;
    return (struct str){text.s + from, to - from};
}

static bool is_integer(struct str w)
{
    size_t at = w.n > 0 && w.s[0] == '-';

    if (at == w.n)
        return false;
    while (at < w.n && w.s[at] >= '0' && w.s[at] <= '9')
        at++;
    return at == w.n;
}

static const char *why_not_word(struct str w)
{
    size_t sign = w.n > 0 && (w.s[0] == '-' || w.s[0] == '+');

    if (w.n - sign >= 3 &&
        (strncasecmp(w.s + sign, "nan", 3) == 0 || strncasecmp(w.s + sign, "inf", 3) == 0))
        return "must be a finite number: leave the metric out when there is none";
    if (w.n > sign && ((w.s[sign] >= '0' && w.s[sign] <= '9') || w.s[sign] == '.'))
        return "is not a number as JSON writes it: 12, -0.5, 1e9";
    return "is not JSON: use a number, true, false, null or a string in double quotes";
}

static const char BEYOND[] = "is an integer beyond 64 bits: send it as a real such as 1.8e19";

static const char *why_not_json(const json_error_t *e, struct str word)
{
    switch (json_error_code(e)) {
    case json_error_out_of_memory:
        return "cannot be taken in: no memory";
    case json_error_invalid_utf8:
        return "is not valid UTF-8";
    case json_error_null_character:
    case json_error_null_byte_in_key:
        return "has a NUL (\\u0000) in it: leave it out";
    case json_error_duplicate_key:
        return "is given twice";
    case json_error_numeric_overflow:
        return is_integer(word) ? BEYOND : "must be a finite number: this one overflows";
    default:
        break;
    }
    if (strncmp(e->text, "invalid escape", 14) == 0 ||
        strncmp(e->text, "invalid Unicode escape", 22) == 0)
        return "has an unknown escape: JSON knows \\\" \\\\ \\/ \\b \\f \\n \\r \\t \\uXXXX";
    if (strncmp(e->text, "invalid Unicode", 15) == 0)
        return "has half of a surrogate pair: write \\uD8xx\\uDCxx together, or plain UTF-8";
    return why_not_word(word);
}

static void parse_fault(const struct reading *r, const json_error_t *e)
{
    struct json_fault *f = r->fault;
    size_t at = e->position > 0 ? (size_t)e->position - 1 : 0;
    struct member top, sub = {.key = NONE};
    struct str word;

    at = at < r->text.n ? at : 0;
    word = word_around(r->text, at);
    f->offset = at;
    f->what.field[0] = 0;
    (void)snprintf(f->what.why, sizeof f->what.why, "%s", why_not_json(e, word));
    if (!member_around(r->text, 0, at, &top))
        return;
    f->offset = at < top.val_at ? top.at : top.val_at;
    if (member_around(r->text, top.val_at, at, &sub))
        f->offset = at < sub.val_at ? sub.at : sub.val_at;
    else
        sub.key = NONE;
    put_field(f->what.field, top.key, sub.key);
}

/* --- members --- */

static enum field field_named(const char *key)
{
    unsigned i = 0;

    while (i < FIELDS && (FIELD[i].name[0] != key[0] || strcmp(FIELD[i].name, key) != 0))
        i++;
    return (enum field)i;
}

static bool unknown_field(const struct reading *r, const char *key)
{
    static const struct option_set known = {FIELD, ACK, "metrics"};
    const char *near = nearest(key, known, NULL);
    struct member m;

    if (near != NULL)
        (void)fail(r, key, NONE, "unknown field: did you mean \"%s\"?", near);
    else
        (void)fail(
            r, key, NONE,
            "unknown field: the fields are name, value, values, time, type, unit, tags, meta");
    if (member_named(r->text, 0, str_of(key), &m))
        r->fault->offset = m.at;
    return false;
}

static bool collect(struct reading *r, json_t *object)
{
    struct members ms = members_of(r->text, 0);
    struct member m = {.val = NONE};

    for (void *it = json_object_iter(object); it != NULL; it = json_object_iter_next(object, it)) {
        const char *key = json_object_iter_key(it);
        enum field i = field_named(key);

        if (i == FIELDS)
            return unknown_field(r, key);
        r->field[i] = json_object_iter_value(it);
        if (r->exact && member_next(&ms, &m)) /* jansson keeps the text's order */
            r->raw[i] = m.val;
    }
    return true;
}

/* A number as it was written; `raw` counts when r->exact. */
static bool take_number(const struct reading *r, const char *top, struct str key, const json_t *v,
                        struct str raw, struct metric *m)
{
    if (json_is_integer(v)) {
        m->vtype = METRIC_I64;
        m->value.i = json_integer_value(v);
        return true;
    }
    if (!json_is_real(v))
        return fail(r, top, key, "must be a number, not %s", kind(v));
    if (!r->exact || !is_integer(raw)) {
        m->vtype = METRIC_F64;
        m->value.f = json_real_value(v);
        return true;
    }
    errno = 0; /* the text goes on behind the digits, so strto*() end there */
    if (raw.s[0] == '-')
        m->value.i = strtoll(raw.s, NULL, 10);
    else
        m->value.u = strtoull(raw.s, NULL, 10);
    if (errno == ERANGE)
        return fail(r, top, key, "%s", BEYOND);
    m->vtype = raw.s[0] != '-' && m->value.u > INT64_MAX ? METRIC_U64 : METRIC_I64;
    return true;
}

/* Whole seconds exactly; fractions to the microsecond, which is what a double can hold of today's
 * time, so that 1700000000.1 is not taken for .099999905. */
static bool take_time(const struct reading *r, struct metric *m)
{
    const json_t *v = r->field[TIME];
    double t;

    m->flags = v == NULL ? METRIC_TIME_ASSIGNED : 0;
    m->time_ns = r->d->time_ns;
    if (v == NULL)
        return true;
    if (!json_is_number(v))
        return fail(r, "time", NONE, "must be Unix seconds as a number, not %s", kind(v));
    t = json_number_value(v);
    if (t >= MILLISECONDS)
        return fail(r, "time", NONE, "looks like milliseconds: give Unix seconds");
    if (t >= LAST_SECOND)
        return fail(r, "time", NONE, "is beyond the year 2261: give Unix seconds");
    if (t < 1e-6)
        return fail(r, "time", NONE, "must be after 1970: give Unix seconds, or leave it out");
    m->time_ns = (int64_t)t * NS_PER_S;
    m->time_ns += (int64_t)((t - (double)(int64_t)t) * 1e6 + 0.5) * 1000;
    return true;
}

static bool take_string(const struct reading *r, enum field i, struct str *s)
{
    *s = NONE;
    if (r->field[i] == NULL)
        return true;
    if (!json_is_string(r->field[i]))
        return fail(r, FIELD[i].name, NONE, "must be a string, not %s", kind(r->field[i]));
    *s = string_of(r->field[i]);
    return true;
}

static bool take_tags(const struct reading *r, enum field i, struct tag *tags, uint32_t *n)
{
    json_t *v = r->field[i];

    *n = 0;
    if (v == NULL)
        return true;
    if (!json_is_object(v))
        return fail(r, FIELD[i].name, NONE, "must be an object of strings, not %s", kind(v));
    for (void *it = json_object_iter(v); it != NULL; it = json_object_iter_next(v, it)) {
        struct str key = {json_object_iter_key(it), json_object_iter_key_len(it)};
        const json_t *val = json_object_iter_value(it);

        if (!json_is_string(val))
            return fail(r, FIELD[i].name, key,
                        "must be a string, not %s: put it in double quotes or leave it out",
                        kind(val));
        if (!metric_tag(tags, n, key, string_of(val), false))
            return fail(r, FIELD[i].name, NONE, "has %zu entries: at most %d", json_object_size(v),
                        METRIC_MAX_TAGS);
    }
    return true;
}

static bool take_default_tags(const struct reading *r, struct metric *m)
{
    for (uint32_t i = 0; i < r->d->ntags; i++)
        if (!metric_tag(m->tags, &m->ntags, r->d->tags[i].key, r->d->tags[i].val, false))
            return fail(r, "tags", NONE,
                        "has too many entries beside the configuration's: at most %d",
                        METRIC_MAX_TAGS);
    return true;
}

static bool take_type(const struct reading *r, struct metric *m)
{
    struct str s;

    m->type = METRIC_GAUGE;
    if (r->field[TYPE] == NULL)
        return true;
    return take_string(r, TYPE, &s) &&
           (metric_type_parse(s, &m->type) ||
            fail(r, "type", NONE, "is unknown: use gauge, counter, rate, count or timestamp"));
}

/* Everything but the value, into *m. */
static bool take_common(const struct reading *r, struct metric *m)
{
    if (r->field[NAME] == NULL)
        return fail(r, "name", NONE, "is missing: give the metric a name");
    if (r->field[VALUE] == NULL && r->field[VALUES] == NULL)
        return fail(r, "value", NONE, "is missing: give \"value\":NUMBER or \"values\":{...}");
    if (r->field[VALUE] != NULL && r->field[VALUES] != NULL)
        return fail(r, "values", NONE, "stands beside \"value\": give one of them");
    m->collector = r->d->collector;
    m->prefix = r->d->prefix;
    m->interval_ns = r->d->interval_ns;
    return take_string(r, NAME, &m->name) && take_type(r, m) && take_string(r, UNIT, &m->unit) &&
           take_time(r, m) && take_tags(r, TAGS, m->tags, &m->ntags) &&
           take_tags(r, META, m->meta, &m->nmeta) && take_default_tags(r, m);
}

static bool check(const struct reading *r, const struct metric *m)
{
    if (metric_check(m, r->d->limits, &r->fault->what))
        return true;
    r->fault->offset = locate(r->text, r->fault->what.field);
    return false;
}

/* --- values --- */

static bool check_joined(const struct reading *r, struct str key, const struct metric *m)
{
    struct metric_fault f;

    if (metric_check(m, r->d->limits, &f))
        return true;
    return fail(r, "values", key, "%s%s", strcmp(f.field, "name") == 0 ? "makes a name that " : "",
                f.why);
}

/* name.key = v */
static bool take_member(const struct reading *r, struct str name, struct str key, const json_t *v,
                        struct str raw)
{
    size_t n = name.n + 1 + key.n;

    if (key.n == 0)
        return fail(r, "values", NONE, "has an empty key: give it a name or leave it out");
    if (n > r->d->limits->max_name || n > sizeof joined)
        return fail(r, "values", key, "makes a name that is %zu bytes long: at most %" PRIu32, n,
                    r->d->limits->max_name);
    memcpy(joined, name.s, name.n);
    joined[name.n] = '.';
    memcpy(joined + name.n + 1, key.s, key.n);
    scratch.name = (struct str){joined, n};
    return take_number(r, "values", key, v, raw, &scratch) && check_joined(r, key, &scratch);
}

/* What is wrong for all members is one fault; what is wrong with one costs that one. */
static bool take_values(struct reading *r)
{
    struct members ms = members_of(r->raw[VALUES], 0);
    json_t *v = r->field[VALUES];
    struct str name = scratch.name;
    struct json_fault *whole = r->fault, f;

    if (!json_is_object(v))
        return fail(r, "values", NONE, "must be an object of numbers, not %s", kind(v));
    if (json_object_size(v) == 0)
        return fail(r, "values", NONE, "is empty: give at least one number");
    scratch.vtype = METRIC_I64;
    scratch.value.i = 0;
    if (!check(r, &scratch))
        return false;
    r->fault = &f;
    for (void *it = json_object_iter(v); it != NULL; it = json_object_iter_next(v, it)) {
        struct str key = {json_object_iter_key(it), json_object_iter_key_len(it)};
        struct member m = {.val = NONE};

        if (r->exact)
            (void)member_next(&ms, &m);
        if (take_member(r, name, key, json_object_iter_value(it), m.val))
            r->sink->metric(r->sink->arg, &scratch);
        else
            r->sink->bad(r->sink->arg, &f);
    }
    r->fault = whole;
    return true;
}

static bool take_value(const struct reading *r)
{
    if (!take_number(r, "value", NONE, r->field[VALUE], r->raw[VALUE], &scratch) ||
        !check(r, &scratch))
        return false;
    r->sink->metric(r->sink->arg, &scratch);
    return true;
}

static enum json_result take_object(struct reading *r, json_t *object)
{
    if (!collect(r, object))
        return JSON_FAULT;
    if (r->field[ACK] != NULL) {
        if (json_object_size(object) == 1 && json_is_true(r->field[ACK]))
            return JSON_ACK;
        (void)fail(r, "ack", NONE, "must be true and stand alone: {\"ack\":true}");
        return JSON_FAULT;
    }
    if (!take_common(r, &scratch))
        return JSON_FAULT;
    return (r->field[VALUES] != NULL ? take_values(r) : take_value(r)) ? JSON_METRICS : JSON_FAULT;
}

enum json_result json_read(const char *p, size_t n, const struct json_defaults *d,
                           const struct json_sink *sink, struct json_fault *fault)
{
    struct reading r = {.text = {p, n}, .d = d, .sink = sink, .fault = fault};
    enum json_result result = JSON_FAULT;
    json_error_t e;
    json_t *object = json_loadb(p, n, JSON_REJECT_DUPLICATES, &e);

    if (object == NULL && json_error_code(&e) == json_error_numeric_overflow) {
        r.exact = true;
        object = json_loadb(p, n, JSON_REJECT_DUPLICATES | JSON_DECODE_INT_AS_REAL, &e);
    }
    if (object == NULL)
        parse_fault(&r, &e);
    else
        result = take_object(&r, object);
    json_decref(object);
    return result;
}
