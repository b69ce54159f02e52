/* intake/quick.c - a reader that knows its fields: no tree, no allocation, no copy of a string
 *
 * A cursor that only goes forward; each step says whether what it wants is there. What text a
 * metric may have, and how much of it, is model/metric.h's to say, and asked at the end. Nothing fails:
 * what cannot be taken is declined.
 */
#include "intake/quick.h"

#include <stdlib.h>

#include "base/le.h"
#include "base/number.h"

#ifdef GARNET_NO_QUICK
enum { QUICK = false };
#else
enum { QUICK = true };
#endif

enum { MANY_DIGITS = 18 }; /* any of them are an int64_t */

enum field { NAME, VALUE, TIME, TYPE, UNIT, TAGS, META, FIELDS };

static const struct str FIELD[FIELDS] = {
    [NAME] = {"name", 4}, [VALUE] = {"value", 5}, [TIME] = {"time", 4}, [TYPE] = {"type", 4},
    [UNIT] = {"unit", 4}, [TAGS] = {"tags", 4},   [META] = {"meta", 4},
};

struct reader {
    const char *p, *end;
    struct metric *m;
    unsigned seen; /* a bit a field */
};

struct number {
    bool real;
    int64_t i; /* else */
    double f;  /* either way */
};

/* Large, so never on the stack and never zeroed: each reading sets all that counts. */
static struct metric scratch;
static struct metric_fault ignored;

/* --- tokens --- */

static inline bool is_at(const struct reader *r, char c)
{
    return r->p < r->end && *r->p == c;
}

static inline void pass_blanks(struct reader *r)
{
    while (is_at(r, ' ') || is_at(r, '\t'))
        r->p++;
}

static inline bool expect(struct reader *r, char c)
{
    pass_blanks(r);
    if (!is_at(r, c))
        return false;
    r->p++;
    return true;
}

/* Where a string of plain bytes ends: at a quote, or at what cannot be taken. A word at a time, in
 * which the lowest byte that is marked is one of them; its highest bit tells whether what was taken
 * from a byte went below zero. */
static const char *plain_end(const char *p, const char *end)
{
    static const uint64_t EACH = UINT64_C(0x0101010101010101), HIGHEST = EACH << 7;

    for (; end - p >= 8; p += 8) {
        uint64_t w = le64_get(p), quote = w ^ EACH * '"', escape = w ^ EACH * '\\';
        uint64_t marked =
            (((quote - EACH) & ~quote) | ((escape - EACH) & ~escape) | ((w - EACH * ' ') & ~w)) &
            HIGHEST;

        if (marked != 0)
            return p + __builtin_ctzll(marked) / 8;
    }
    while (p < end && *p != '"' && *p != '\\' && (unsigned char)*p >= ' ')
        p++;
    return p;
}

static bool expect_string(struct reader *r, struct str *s)
{
    const char *begin;

    if (!expect(r, '"'))
        return false;
    begin = r->p;
    r->p = plain_end(begin, r->end);
    *s = (struct str){begin, (size_t)(r->p - begin)};
    if (!is_at(r, '"'))
        return false;
    r->p++;
    return true;
}

/* Shifts digits into *value; how many there were. Where they are too many *value is not used. */
static unsigned expect_digits(struct reader *r, uint64_t *value)
{
    const char *p = r->p, *begin = p;
    uint64_t v = *value;

    for (; p < r->end && *p >= '0' && *p <= '9'; p++)
        v = v * 10 + (uint64_t)(*p - '0');
    *value = v;
    r->p = p;
    return (unsigned)(p - begin);
}

static bool expect_exponent(struct reader *r)
{
    uint64_t value = 0;

    r->p++;
    if (is_at(r, '+') || is_at(r, '-'))
        r->p++;
    return expect_digits(r, &value) > 0;
}

/* By a byte within the buffer. It ends strtod() too: behind the buffer there is no NUL. */
static bool number_ends(const struct reader *r)
{
    return is_at(r, ',') || is_at(r, '}') || is_at(r, ' ') || is_at(r, '\t');
}

/* What strtod() makes of it, mostly without it. */
static double real_of(const char *text, uint64_t digits, unsigned all, unsigned fraction)
{
    double v;

    if (all > MANY_DIGITS || !number_decimal(digits, fraction, &v))
        return strtod(text, NULL);
    return *text == '-' ? -v : v;
}

static bool expect_number(struct reader *r, struct number *n)
{
    unsigned whole, fraction = 0;
    uint64_t digits = 0;
    bool negative, exponent;
    const char *text;

    pass_blanks(r);
    text = r->p;
    negative = is_at(r, '-');
    r->p += negative;
    whole = expect_digits(r, &digits);
    if (whole == 0 || (whole > 1 && text[negative] == '0'))
        return false;
    n->real = is_at(r, '.');
    r->p += n->real;
    if (n->real && (fraction = expect_digits(r, &digits)) == 0)
        return false;
    exponent = is_at(r, 'e') || is_at(r, 'E');
    if ((exponent && !expect_exponent(r)) || !number_ends(r))
        return false;
    n->real = n->real || exponent;
    if (!n->real && whole > MANY_DIGITS)
        return false;
    if (!n->real) {
        n->i = negative ? -(int64_t)digits : (int64_t)digits;
        n->f = (double)n->i;
        return true;
    }
    n->f = exponent ? strtod(text, NULL) : real_of(text, digits, whole + fraction, fraction);
    return __builtin_isfinite(n->f);
}

/* --- members --- */

static bool expect_value(struct reader *r)
{
    struct number n;

    if (!expect_number(r, &n))
        return false;
    r->m->vtype = n.real ? METRIC_F64 : METRIC_I64;
    if (n.real)
        r->m->value.f = n.f;
    else
        r->m->value.i = n.i;
    return true;
}

static bool expect_time(struct reader *r)
{
    struct number n;

    r->m->flags = 0;
    return expect_number(r, &n) && metric_seconds(n.f, &r->m->time_ns);
}

static bool expect_type(struct reader *r)
{
    struct str s;

    return expect_string(r, &s) && metric_type_parse(s, &r->m->type);
}

/* One that comes twice adds nothing: that is a fault. */
static bool expect_tag(struct reader *r, struct tag *tags, uint32_t *n)
{
    struct str key, val;
    uint32_t before = *n;

    return expect_string(r, &key) && expect(r, ':') && expect_string(r, &val) &&
           metric_tag(tags, n, key, val, false) && *n > before;
}

static bool expect_tags(struct reader *r, struct tag *tags, uint32_t *n)
{
    if (!expect(r, '{'))
        return false;
    if (expect(r, '}'))
        return true;
    do
        if (!expect_tag(r, tags, n))
            return false;
    while (expect(r, ','));
    return expect(r, '}');
}

static enum field known_field(struct str key)
{
    enum field field;

    if (key.n < FIELD[NAME].n)
        return FIELDS;
    switch (key.s[0]) {
    case 'n':
        field = NAME;
        break;
    case 'v':
        field = VALUE;
        break;
    case 't':
        field = key.s[1] == 'a' ? TAGS : key.s[1] == 'i' ? TIME : TYPE;
        break;
    case 'u':
        field = UNIT;
        break;
    default:
        field = META;
        break;
    }
    return str_eq(key, FIELD[field]) ? field : FIELDS;
}

static bool expect_member(struct reader *r)
{
    struct metric *m = r->m;
    enum field field;
    struct str key;

    if (!expect_string(r, &key) || !expect(r, ':'))
        return false;
    field = known_field(key);
    if ((r->seen >> field & 1) != 0)
        return false;
    r->seen |= 1U << field;
    switch (field) {
    case NAME:
        return expect_string(r, &m->name);
    case VALUE:
        return expect_value(r);
    case TIME:
        return expect_time(r);
    case TYPE:
        return expect_type(r);
    case UNIT:
        return expect_string(r, &m->unit);
    case TAGS:
        return expect_tags(r, m->tags, &m->ntags);
    case META:
        return expect_tags(r, m->meta, &m->nmeta);
    default:
        return false;
    }
}

static bool expect_object(struct reader *r)
{
    static const unsigned NEEDED = 1U << NAME | 1U << VALUE;

    if (!expect(r, '{'))
        return false;
    do
        if (!expect_member(r))
            return false;
    while (expect(r, ','));
    return expect(r, '}') && (r->seen & NEEDED) == NEEDED;
}

/* --- the metric --- */

const struct metric *quick_read(const char *p, size_t n, const struct json_defaults *d,
                                size_t *used)
{
    struct reader r = {.p = p, .end = p + n, .m = &scratch};

    json_begin_metric(d, &scratch);
    if (!QUICK || n == 0 || *p != '{' || !expect_object(&r) ||
        !json_add_default_tags(d, &scratch) ||
        (d->strangers && metric_is_garnets(scratch.prefix, scratch.name)) ||
        !metric_check(&scratch, d->limits, &ignored))
        return NULL;
    *used = (size_t)(r.p - p);
    return &scratch;
}
