/* intake/json.c - one JSON object -> metrics, through jansson
 *
 * The good case is one parse, one walk over the members and one metric handed on, its strings
 * borrowed from jansson's tree. What jansson cannot do is done from the object's own bytes
 * (intake/json_text.h): integers between 2^63 and 2^64 and the places of faults. Fails with a fault
 * that names field, place and remedy; memory running out is such a fault too.
 */
#include "intake/json.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "conf/nearest.h"
#include "intake/json_told.h"

/* Faults of one object with a place of their own: finding it costs a walk. */
enum { PLACES = 5 };
enum field { NAME, VALUE, VALUES, TIME, TYPE, UNIT, TAGS, META, ACK, FIELDS };

struct reading {
    const struct json_defaults *d;
    const struct json_sink *sink;
    struct json_report report;
    bool exact; /* an integer was too big: jansson made reals of all, the text has the integers */
    json_t *field[FIELDS];
    struct str raw[FIELDS]; /* when exact */
};

static const struct str NONE = {"", 0};

static const char *const FIELD[FIELDS] = {
    [NAME] = "name", [VALUE] = "value", [VALUES] = "values", [TIME] = "time", [TYPE] = "type",
    [UNIT] = "unit", [TAGS] = "tags",   [META] = "meta",     [ACK] = "ack",
};

static const double MILLISECONDS = 1e11; /* as seconds: the year 5138 */

/* Large, so never on the stack and never zeroed: each reading sets all that counts. */
static struct metric scratch;
static char joined[METRIC_HARD_STRING]; /* name.key of `values` */
static char faulty[METRIC_HARD_STRING]; /* the name of what has a fault */

static struct str string_of(const json_t *v)
{
    return (struct str){json_string_value(v), json_string_length(v)};
}

/* --- what its source gives it --- */

void json_begin_metric(const struct json_defaults *d, struct metric *m)
{
    m->type = METRIC_GAUGE;
    m->flags = METRIC_TIME_ASSIGNED;
    m->ntags = m->nmeta = 0;
    m->time_ns = d->time_ns;
    m->interval_ns = d->interval_ns;
    m->unit = NONE;
    m->collector = d->collector;
    m->prefix = d->prefix;
}

bool json_add_default_tags(const struct json_defaults *d, struct metric *m)
{
    for (uint32_t i = 0; i < d->ntags; i++)
        if (!metric_tag(m->tags, &m->ntags, d->tags[i].key, d->tags[i].val, false))
            return false;
    return true;
}

bool json_join(const struct json_defaults *d, struct str name, struct str key, struct metric *m)
{
    size_t n = name.n + 1 + key.n;

    if (n > d->limits->max_name || n > sizeof joined)
        return false;
    memcpy(joined, name.s, name.n);
    joined[name.n] = '.';
    memcpy(joined + name.n + 1, key.s, key.n);
    m->name = (struct str){joined, n};
    return true;
}

bool json_check_joined(const struct json_defaults *d, struct metric *m, struct metric_fault *f)
{
    uint32_t ntags = m->ntags, nmeta = m->nmeta;
    bool good;

    m->ntags = m->nmeta = 0;
    good = metric_check(m, d->limits, f);
    m->ntags = ntags;
    m->nmeta = nmeta;
    return good;
}

/* --- whose fault it is --- */

/* NAME, or NAME.KEY; as much as there is room for. */
static void name_fault(struct json_fault *f, struct str name, struct str key)
{
    size_t n = name.n < sizeof faulty ? name.n : sizeof faulty;

    memcpy(faulty, name.s, n);
    if (key.n > 0 && n + 1 + key.n <= sizeof faulty) {
        faulty[n++] = '.';
        memcpy(faulty + n, key.s, key.n);
        n += key.n;
    }
    f->name = (struct str){faulty, n};
}

/* --- members --- */

static enum field field_named(const char *key)
{
    unsigned i = 0;

    while (i < FIELDS && (FIELD[i][0] != key[0] || strcmp(FIELD[i], key) != 0))
        i++;
    return (enum field)i;
}

static bool unknown_field(const struct reading *r, const char *key)
{
    struct nearest near = nearest_to(key);
    struct member m;

    for (unsigned i = 0; i < ACK; i++)
        nearest_try(&near, FIELD[i]);
    if (near.found != NULL)
        (void)json_fail(&r->report, key, NONE, "unknown field: did you mean \"%s\"?", near.found);
    else
        (void)json_fail(
            &r->report, key, NONE,
            "unknown field: the fields are name, value, values, time, type, unit, tags, meta");
    if (member_named(r->report.text, 0, str_of(key), &m))
        r->report.fault->offset = m.at;
    return false;
}

static bool collect_fields(struct reading *r, json_t *object)
{
    struct members ms = members_of(r->report.text, 0);
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
        return json_fail(&r->report, top, key, "must be a number, not %s", json_kind(v));
    if (!r->exact || !json_is_integer_text(raw)) {
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
        return json_fail(&r->report, top, key, "%s", JSON_BEYOND);
    m->vtype = raw.s[0] != '-' && m->value.u > INT64_MAX ? METRIC_U64 : METRIC_I64;
    return true;
}

/* Each holds for dates from the year 1973 on. */
static const char *small_unit(double t)
{
    return t < MILLISECONDS * 1e3   ? "milliseconds"
           : t < MILLISECONDS * 1e6 ? "microseconds"
                                    : "nanoseconds";
}

static bool time_fault(const struct reading *r, double t)
{
    if (t < 1e-6)
        return json_fail(&r->report, "time", NONE,
                         "must be after 1970: give Unix seconds, or leave it out");
    if (t >= MILLISECONDS && t < MILLISECONDS * 1e9)
        return json_fail(&r->report, "time", NONE, "looks like %s: give Unix seconds",
                         small_unit(t));
    return json_fail(&r->report, "time", NONE, "is beyond the year 2261: give Unix seconds");
}

static bool take_time(const struct reading *r, struct metric *m)
{
    const json_t *v = r->field[TIME];
    double t;

    if (v == NULL)
        return true;
    m->flags = 0;
    if (!json_is_number(v))
        return json_fail(&r->report, "time", NONE, "must be Unix seconds as a number, not %s",
                         json_kind(v));
    t = json_number_value(v);
    return metric_seconds(t, &m->time_ns) || time_fault(r, t);
}

static bool take_string(const struct reading *r, enum field i, struct str *s)
{
    *s = NONE;
    if (r->field[i] == NULL)
        return true;
    if (!json_is_string(r->field[i]))
        return json_fail(&r->report, FIELD[i], NONE, "must be a string, not %s",
                         json_kind(r->field[i]));
    *s = string_of(r->field[i]);
    return true;
}

static bool take_tags(const struct reading *r, enum field i, struct tag *tags, uint32_t *n)
{
    json_t *v = r->field[i];

    if (v == NULL)
        return true;
    if (!json_is_object(v))
        return json_fail(&r->report, FIELD[i], NONE, "must be an object of strings, not %s",
                         json_kind(v));
    for (void *it = json_object_iter(v); it != NULL; it = json_object_iter_next(v, it)) {
        struct str key = {json_object_iter_key(it), json_object_iter_key_len(it)};
        const json_t *val = json_object_iter_value(it);

        if (!json_is_string(val))
            return json_fail(&r->report, FIELD[i], key,
                             "must be a string, not %s: put it in double quotes or leave it out",
                             json_kind(val));
        if (!metric_tag(tags, n, key, string_of(val), false))
            return json_fail(&r->report, FIELD[i], NONE, "has %zu entries: at most %d",
                             json_object_size(v), METRIC_MAX_TAGS);
    }
    return true;
}

static bool take_default_tags(const struct reading *r, struct metric *m)
{
    return json_add_default_tags(r->d, m) ||
           json_fail(&r->report, "tags", NONE,
                     "has too many entries beside the configuration's: at most %d",
                     METRIC_MAX_TAGS);
}

static bool take_type(const struct reading *r, struct metric *m)
{
    struct str s;

    if (r->field[TYPE] == NULL)
        return true;
    return take_string(r, TYPE, &s) &&
           (metric_type_parse(s, &m->type) ||
            json_fail(&r->report, "type", NONE,
                      "is unknown: use gauge, counter, rate, count or timestamp"));
}

static bool take_name(const struct reading *r, struct metric *m)
{
    if (!take_string(r, NAME, &m->name))
        return false;
    if (!r->d->strangers || !metric_is_garnets(m->prefix, m->name))
        return true;
    return json_fail(
        &r->report, "name", NONE,
        "begins with \"garnet\": that is for Garnet's own metrics; choose another name");
}

/* Everything but the value, into *m. */
static bool take_common(const struct reading *r, struct metric *m)
{
    if (r->field[NAME] == NULL)
        return json_fail(&r->report, "name", NONE, "is missing: give the metric a name");
    if (r->field[VALUE] == NULL && r->field[VALUES] == NULL)
        return json_fail(&r->report, "value", NONE,
                         "is missing: give \"value\":NUMBER or \"values\":{...}");
    if (r->field[VALUE] != NULL && r->field[VALUES] != NULL)
        return json_fail(&r->report, "values", NONE, "is given beside \"value\": give one of them");
    json_begin_metric(r->d, m);
    return take_name(r, m) && take_type(r, m) && take_string(r, UNIT, &m->unit) &&
           take_time(r, m) && take_tags(r, TAGS, m->tags, &m->ntags) &&
           take_tags(r, META, m->meta, &m->nmeta) && take_default_tags(r, m);
}

static bool check_metric(const struct reading *r, const struct metric *m)
{
    if (metric_check(m, r->d->limits, &r->report.fault->what))
        return true;
    json_fault_at(&r->report, r->report.fault->what.field);
    return false;
}

/* --- values --- */

/* name.key = v */
static bool take_joined(const struct reading *r, struct str name, struct str key, const json_t *v,
                        struct str raw)
{
    struct metric_fault f;

    if (key.n == 0)
        return json_fail(&r->report, "values", NONE,
                         "has an empty key: give it a name or leave it out");
    if (!json_join(r->d, name, key, &scratch))
        return json_fail(&r->report, "values", key,
                         "makes a name that is %zu bytes long: at most %" PRIu32,
                         name.n + 1 + key.n, r->d->limits->max_name);
    if (!take_number(r, "values", key, v, raw, &scratch))
        return false;
    if (json_check_joined(r->d, &scratch, &f))
        return true;
    return json_fail(&r->report, "values", key, "%s%s",
                     strcmp(f.field, "name") == 0 ? "makes a name that " : "", f.why.text);
}

/* What is wrong for all members is one fault; what is wrong with one costs that one. */
static bool take_values(struct reading *r)
{
    struct members ms = members_of(r->raw[VALUES], 0);
    json_t *v = r->field[VALUES];
    struct str name = scratch.name;
    struct json_fault *whole = r->report.fault, f;
    unsigned bad = 0;

    if (!json_is_object(v))
        return json_fail(&r->report, "values", NONE, "must be an object of numbers, not %s",
                         json_kind(v));
    if (json_object_size(v) == 0)
        return json_fail(&r->report, "values", NONE, "is empty: give at least one number");
    scratch.vtype = METRIC_I64;
    scratch.value.i = 0;
    if (!check_metric(r, &scratch))
        return false;
    f.values = false;
    r->report.fault = &f;
    for (void *it = json_object_iter(v); it != NULL; it = json_object_iter_next(v, it)) {
        struct str key = {json_object_iter_key(it), json_object_iter_key_len(it)};
        struct member m = {.val = NONE};

        if (r->exact)
            (void)member_next(&ms, &m);
        if (take_joined(r, name, key, json_object_iter_value(it), m.val)) {
            r->sink->metric(r->sink->arg, &scratch);
        } else {
            name_fault(&f, name, key);
            r->sink->bad(r->sink->arg, &f);
            r->report.placed = ++bad < PLACES;
        }
    }
    r->report.fault = whole;
    return true;
}

static bool take_value(const struct reading *r)
{
    if (!take_number(r, "value", NONE, r->field[VALUE], r->raw[VALUE], &scratch) ||
        !check_metric(r, &scratch))
        return false;
    r->sink->metric(r->sink->arg, &scratch);
    return true;
}

static enum json_result take_parsed(struct reading *r, json_t *object)
{
    if (json_object_get(object, "error") != NULL)
        return json_told_read(object, &r->report) ? JSON_TOLD : JSON_FAULT;
    if (!collect_fields(r, object))
        return JSON_FAULT;
    if (r->field[ACK] != NULL) {
        if (json_object_size(object) == 1 && json_is_true(r->field[ACK]))
            return JSON_ACK;
        (void)json_fail(&r->report, "ack", NONE,
                        "must be true and the only member: {\"ack\":true}");
        return JSON_FAULT;
    }
    if (!take_common(r, &scratch))
        return JSON_FAULT;
    return (r->field[VALUES] != NULL ? take_values(r) : take_value(r)) ? JSON_METRICS : JSON_FAULT;
}

enum json_result json_read(const char *p, size_t n, const struct json_defaults *d,
                           const struct json_sink *sink, struct json_fault *fault)
{
    struct reading r = {.d = d, .sink = sink, .report = {{p, n}, fault, true}};
    enum json_result result;
    json_error_t e;
    json_t *object;

    fault->name = NONE;
    fault->values = false;
    errno = 0;
    object = json_loadb(p, n, JSON_REJECT_DUPLICATES, &e);
    if (object == NULL && json_error_code(&e) == json_error_numeric_overflow) {
        r.exact = true;
        errno = 0;
        object = json_loadb(p, n, JSON_REJECT_DUPLICATES | JSON_DECODE_INT_AS_REAL, &e);
    }
    if (object == NULL) {
        if (errno == ENOMEM) /* jansson has no code for it */
            *fault = (struct json_fault){.what.why = {"no memory"}};
        else
            json_parse_fault(&r.report, &e);
        return JSON_FAULT;
    }
    result = take_parsed(&r, object);
    if (result == JSON_FAULT && json_is_string(r.field[NAME])) {
        name_fault(fault, string_of(r.field[NAME]), NONE);
        fault->values = r.field[VALUES] != NULL;
    }
    if (result == JSON_TOLD && json_object_get(object, "name") != NULL)
        name_fault(fault, string_of(json_object_get(object, "name")), NONE);
    json_decref(object);
    return result;
}
