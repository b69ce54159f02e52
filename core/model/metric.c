/* model/metric.c - the rules for names, tags, values and times, each with its sentence
 *
 * Called for every metric that comes in, so the good case is a few passes over its bytes and
 * nothing else; only a fault formats text. Nothing here allocates or fails, but for the buf that JSON
 * goes into. Bytes are counted from 1, as people do.
 */
#include "model/metric.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/number.h"
#include "base/text.h"
#include "base/why.h"

enum { MAX_UNIT = 64 };

static const double LAST_SECOND = 9.2e9; /* INT64_MAX ns: the year 2262 */

static const struct str TYPES[] = {
    [METRIC_GAUGE] = {"gauge", 5},         [METRIC_COUNTER] = {"counter", 7},
    [METRIC_RATE] = {"rate", 4},           [METRIC_COUNT] = {"count", 5},
    [METRIC_TIMESTAMP] = {"timestamp", 9},
};

const char *metric_type_name(unsigned type)
{
    return type >= METRIC_GAUGE && type <= METRIC_TIMESTAMP ? TYPES[type].s : "?";
}

bool metric_type_parse(struct str s, uint8_t *type)
{
    for (unsigned i = METRIC_GAUGE; i <= METRIC_TIMESTAMP; i++)
        if (str_eq(s, TYPES[i])) {
            *type = (uint8_t)i;
            return true;
        }
    return false;
}

bool metric_tag(struct tag *tags, uint32_t *n, struct str key, struct str val, bool replace)
{
    uint32_t at = *n;
    int d = -1;

    while (at > 0 && (d = str_cmp(key, tags[at - 1].key)) < 0)
        at--;
    if (at > 0 && d == 0) {
        if (replace)
            tags[at - 1].val = val;
        return true;
    }
    if (*n >= METRIC_MAX_TAGS)
        return false;
    if (at < *n)
        memmove(&tags[at + 1], &tags[at], (*n - at) * sizeof *tags);
    tags[at] = (struct tag){key, val};
    ++*n;
    return true;
}

bool metric_seconds(double t, int64_t *ns)
{
    if (!(t >= 1e-6 && t < LAST_SECOND))
        return false;
    *ns = (int64_t)t * NS_PER_S;
    *ns += (int64_t)((t - (double)(int64_t)t) * 1e6 + 0.5) * 1000;
    return true;
}

bool metric_text_ok(struct str s)
{
    return str_good(s) == s.n;
}

/* --- faults --- */

__attribute__((format(printf, 3, 4))) static bool fault(struct metric_fault *f, const char *field,
                                                        const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    why_setv(&f->why, fmt, ap);
    va_end(ap);
    (void)snprintf(f->field, sizeof f->field, "%s", field);
    return false;
}

/* "tags.KEY", the key made visible and cut to what fits. */
static const char *key_field(char out[sizeof((struct metric_fault *)0)->field], const char *list,
                             struct str key)
{
    size_t size = sizeof((struct metric_fault *)0)->field;
    size_t n = (size_t)snprintf(out, size, "%s.", list);

    str_show(out + n, size - n, key);
    return out;
}

static bool text_fits(struct str s, size_t max)
{
    return s.n <= max && metric_text_ok(s);
}

/* `what` names the string in the message where the field alone does not: "key ", or "". */
static bool text_fault(struct str s, size_t max, const char *field, const char *what,
                       struct metric_fault *f)
{
    size_t good;

    if (s.n > max)
        return fault(f, field, "%sis %zu bytes long: at most %zu", what, s.n, max);
    good = str_good(s);
    if (str_utf8((struct str){s.s + good, s.n - good}) == 0)
        return fault(f, field, "%sis not valid UTF-8 at byte %zu", what, good + 1);
    return fault(f, field, "%shas a control character at byte %zu", what, good + 1);
}

static inline bool check_text(struct str s, size_t max, const char *field, struct metric_fault *f)
{
    return s.n == 0 || text_fits(s, max) || text_fault(s, max, field, "", f);
}

/* Not within the check itself: what is good needs no room for the name of a field. */
__attribute__((noinline)) static bool tag_fault(const struct tag *t, size_t max, const char *list,
                                                struct metric_fault *f)
{
    char field[sizeof f->field];

    if (t->key.n == 0)
        return fault(f, list, "has an empty key: give it a name or leave it out");
    (void)key_field(field, list, t->key);
    if (!text_fits(t->key, max))
        return text_fault(t->key, max, field, "has a key that ", f);
    if (t->val.n == 0)
        return fault(f, field, "is empty: give it a value or leave it out");
    return text_fault(t->val, max, field, "", f);
}

__attribute__((noinline)) static bool twice_fault(const struct tag *t, const char *list,
                                                  struct metric_fault *f)
{
    char field[sizeof f->field];

    return fault(f, key_field(field, list, t->key), "is given twice");
}

static bool tag_good(const struct tag *t, size_t max)
{
    return t->key.n > 0 && t->val.n > 0 && text_fits(t->key, max) && text_fits(t->val, max);
}

/* A limit, never above what a record can hold. */
static size_t hard(uint32_t limit)
{
    return limit < METRIC_HARD_STRING ? limit : METRIC_HARD_STRING;
}

/* Naming the field is only for what is wrong. */
static bool check_tags(const struct tag *tags, uint32_t n, const char *list,
                       const struct metric_limits *lim, struct metric_fault *f)
{
    uint32_t most = lim->max_tags < METRIC_MAX_TAGS ? lim->max_tags : METRIC_MAX_TAGS;
    size_t max = hard(lim->max_tag);

    if (n > most)
        return fault(f, list, "has %" PRIu32 " entries: at most %" PRIu32, n, most);
    for (uint32_t i = 0; i < n; i++) {
        if (!tag_good(&tags[i], max))
            return tag_fault(&tags[i], max, list, f);
        if (i > 0 && str_cmp(tags[i - 1].key, tags[i].key) >= 0)
            return twice_fault(&tags[i], list, f);
    }
    return true;
}

static inline bool is_garnets(struct str s)
{
    return s.n > 0 && (*s.s == 'g' || *s.s == '.') && str_first_part(s, "garnet");
}

bool metric_is_garnets(struct str prefix, struct str name)
{
    return is_garnets(name) || is_garnets(prefix);
}

static bool check_value(const struct metric *m, struct metric_fault *f)
{
    if (m->vtype == METRIC_F64 && !__builtin_isfinite(m->value.f))
        return fault(f, "value", "must be a finite number");
    if (m->vtype != METRIC_I64 && m->vtype != METRIC_U64 && m->vtype != METRIC_F64)
        return fault(f, "value", "must be a number");
    return true;
}

bool metric_check(const struct metric *m, const struct metric_limits *lim, struct metric_fault *f)
{
    if (m->name.n == 0)
        return fault(f, "name", "is empty: give the metric a name");
    if (m->type < METRIC_GAUGE || m->type > METRIC_TIMESTAMP)
        return fault(f, "type", "is unknown: use gauge, counter, rate, count or timestamp");
    if (m->interval_ns < 0)
        return fault(f, "interval", "is negative");
    return check_text(m->name, hard(lim->max_name), "name", f) && check_value(m, f) &&
           check_text(m->unit, MAX_UNIT, "unit", f) &&
           check_tags(m->tags, m->ntags, "tags", lim, f) &&
           check_tags(m->meta, m->nmeta, "meta", lim, f) &&
           check_text(m->collector, METRIC_HARD_STRING, "collector", f) &&
           check_text(m->prefix, METRIC_HARD_STRING, "prefix", f);
}

/* --- as JSON --- */

void metric_put_value(struct buf *b, uint8_t vtype, union metric_value v)
{
    if (vtype == METRIC_F64)
        buf_put_f64(b, v.f);
    else if (vtype == METRIC_U64)
        buf_put_u64(b, v.u);
    else
        buf_put_i64(b, v.i);
}

void metric_put_tags(struct buf *b, const char *key, const struct tag *tags, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        buf_putf(b, i == 0 ? ",\"%s\":{" : ",", key);
        buf_put_json(b, tags[i].key);
        buf_putc(b, ':');
        buf_put_json(b, tags[i].val);
    }
    if (n > 0)
        buf_putc(b, '}');
}

void metric_put_time(struct buf *b, int64_t ns, enum metric_time digits)
{
    buf_putf(b, "%" PRId64 ".%0*" PRId64, ns / NS_PER_S, (int)digits,
             ns % NS_PER_S / (digits == METRIC_TIME_US ? 1000 : 1));
}

void metric_put_json(struct buf *b, const struct metric *m, enum metric_time digits)
{
    buf_puts(b, "\"name\":");
    buf_put_json(b, m->name);
    buf_puts(b, ",\"value\":");
    metric_put_value(b, m->vtype, m->value);
    buf_puts(b, ",\"time\":");
    metric_put_time(b, m->time_ns, digits);
    buf_put_member(b, "type", str_of(metric_type_name(m->type)));
    if (m->unit.n > 0)
        buf_put_member(b, "unit", m->unit);
    metric_put_tags(b, "tags", m->tags, m->ntags);
    metric_put_tags(b, "meta", m->meta, m->nmeta);
}
