/* intake/quick.c - a reader that knows its fields: no tree, no allocation, no copy of a string
 *
 * A place in the text that only goes forward: each step takes what it wants at p, and answers with what
 * is behind it, or with NULL: it is not there. What text a metric may have, and how much of it, is
 * model/metric.h's to say, and asked at the end. Nothing fails: what cannot be taken is declined.
 */
#include "intake/quick.h"

#include <stdlib.h>

#include "base/decimal.h"
#include "base/le.h"

#ifdef GARNET_NO_QUICK
enum { QUICK = false };
#else
enum { QUICK = true };
#endif

enum { MOST_VALUES = 128 }; /* of an object */
enum { MOST_DIGITS = 19 };  /* any of them are a uint64_t, and without one of them an int64_t */

enum field { NAME, VALUE, VALUES, TIME, TYPE, UNIT, TAGS, META };

struct reader {
    const char *end;
    unsigned seen; /* a bit a field */
};

struct number {
    bool real;
    int64_t i; /* else */
    double f;  /* either way */
};

struct one { /* of "values" */
    struct str key;
    struct number number;
};

/* Large, so never on the stack and never zeroed: each reading sets all that counts. */
static struct metric scratch;
static struct one values[MOST_VALUES];
static size_t nvalues, next_value;
static struct str common_name; /* of all of them */
static struct metric_fault ignored;

/* --- tokens --- */

static inline bool is_at(const struct reader *r, const char *p, char c)
{
    return p < r->end && *p == c;
}

static inline const char *pass_blanks(const struct reader *r, const char *p)
{
    while (is_at(r, p, ' ') || is_at(r, p, '\t'))
        p++;
    return p;
}

static inline const char *expect(const struct reader *r, const char *p, char c)
{
    if (is_at(r, p, c))
        return p + 1;
    p = pass_blanks(r, p);
    return is_at(r, p, c) ? p + 1 : NULL;
}

/* Where a string of plain bytes ends: at a quote, or at what cannot be taken. A word at a time: with one
 * bit of each byte turned the quote stands right above what is below a space, so that both are what 0x21
 * cannot be taken from. The lowest byte that is marked is the end; what it borrowed may mark the next. */
static inline const char *plain_end(const char *p, const char *end)
{
    static const uint64_t EACH = UINT64_C(0x0101010101010101), HIGHEST = EACH << 7;

    for (; end - p >= 8; p += 8) {
        uint64_t w = le64_get(p), quote = w ^ EACH * ('"' ^ ' '), escape = w ^ EACH * '\\';
        uint64_t marked = ((quote - EACH * 0x21) | (escape - EACH)) & ~w & HIGHEST;

        if (marked != 0)
            return p + __builtin_ctzll(marked) / 8;
    }
    while (p < end && *p != '"' && *p != '\\' && (unsigned char)*p >= ' ')
        p++;
    return p;
}

static inline const char *expect_string(const struct reader *r, const char *p, struct str *s)
{
    const char *begin = expect(r, p, '"');

    if (begin == NULL)
        return NULL;
    p = plain_end(begin, r->end);
    *s = (struct str){begin, (size_t)(p - begin)};
    return is_at(r, p, '"') ? p + 1 : NULL;
}

/* Shifts digits into *value, as many as there are. Where they are too many *value is not used. */
static inline const char *pass_digits(const struct reader *r, const char *p, uint64_t *value)
{
    uint64_t v = *value;

    for (; p < r->end && *p >= '0' && *p <= '9'; p++)
        v = v * 10 + (uint64_t)(*p - '0');
    *value = v;
    return p;
}

static const char *expect_exponent(const struct reader *r, const char *p)
{
    const char *begin;
    uint64_t value = 0;

    p++;
    begin = p + (is_at(r, p, '+') || is_at(r, p, '-'));
    p = pass_digits(r, begin, &value);
    return p > begin ? p : NULL;
}

/* By a byte within the buffer. It ends strtod() too: behind the buffer there is no NUL. */
static bool number_ends(const struct reader *r, const char *p)
{
    return is_at(r, p, ',') || is_at(r, p, '}') || is_at(r, p, ' ') || is_at(r, p, '\t');
}

/* What strtod() makes of it, mostly without it. */
static double real_of(const char *text, uint64_t digits, size_t all, size_t fraction)
{
    double v;

    if (all > MOST_DIGITS || !decimal_read(digits, (unsigned)fraction, &v))
        return strtod(text, NULL);
    return *text == '-' ? -v : v;
}

static const char *expect_number(const struct reader *r, const char *p, struct number *n)
{
    const char *text = pass_blanks(r, p), *begin = text + is_at(r, text, '-'), *point;
    size_t whole, fraction = 0;
    uint64_t digits = 0;
    bool exponent;

    p = point = pass_digits(r, begin, &digits);
    whole = (size_t)(point - begin);
    if (whole == 0 || (whole > 1 && *begin == '0'))
        return NULL;
    if (is_at(r, p, '.')) {
        p = pass_digits(r, p + 1, &digits);
        if ((fraction = (size_t)(p - point) - 1) == 0)
            return NULL;
    }
    exponent = is_at(r, p, 'e') || is_at(r, p, 'E');
    if ((exponent && (p = expect_exponent(r, p)) == NULL) || !number_ends(r, p))
        return NULL;
    n->real = fraction > 0 || exponent;
    if (!n->real && whole >= MOST_DIGITS)
        return NULL;
    if (!n->real) {
        n->i = begin > text ? -(int64_t)digits : (int64_t)digits;
        n->f = (double)n->i;
        return p;
    }
    n->f = exponent ? strtod(text, NULL)
                    : real_of(text, digits, whole + fraction - (*begin == '0'), fraction);
    return __builtin_isfinite(n->f) ? p : NULL;
}

/* --- members --- */

static void set_value(const struct number *n)
{
    scratch.vtype = n->real ? METRIC_F64 : METRIC_I64;
    if (n->real)
        scratch.value.f = n->f;
    else
        scratch.value.i = n->i;
}

static const char *expect_value(const struct reader *r, const char *p)
{
    struct number n;

    if ((p = expect_number(r, p, &n)) != NULL)
        set_value(&n);
    return p;
}

static const char *expect_values(const struct reader *r, const char *p)
{
    const char *next = expect(r, p, '{');

    if (next == NULL)
        return NULL;
    for (; next != NULL; next = expect(r, p, ',')) {
        struct one *v = &values[nvalues];

        if (nvalues == MOST_VALUES || (p = expect_string(r, next, &v->key)) == NULL ||
            v->key.n == 0 || (p = expect(r, p, ':')) == NULL ||
            (p = expect_number(r, p, &v->number)) == NULL)
            return NULL;
        nvalues++;
    }
    scratch.vtype = METRIC_I64;
    scratch.value.i = 0;
    return expect(r, p, '}');
}

static const char *expect_time(const struct reader *r, const char *p)
{
    struct number n;

    scratch.flags = 0;
    p = expect_number(r, p, &n);
    return p != NULL && metric_seconds(n.f, &scratch.time_ns) ? p : NULL;
}

static const char *expect_type(const struct reader *r, const char *p)
{
    struct str s;

    p = expect_string(r, p, &s);
    return p != NULL && metric_type_parse(s, &scratch.type) ? p : NULL;
}

/* Into its place at once, where the tags come in order. One that comes twice adds nothing: that is a
 * fault. */
static const char *expect_tag(const struct reader *r, const char *p, struct tag *tags, uint32_t *n)
{
    uint32_t before = *n;
    struct tag *t = &tags[before];

    if (before == METRIC_MAX_TAGS || (p = expect_string(r, p, &t->key)) == NULL ||
        (p = expect(r, p, ':')) == NULL || (p = expect_string(r, p, &t->val)) == NULL)
        return NULL;
    if (before == 0 || str_cmp(t[-1].key, t->key) < 0)
        ++*n;
    else
        (void)metric_tag(tags, n, t->key, t->val, false);
    return *n > before ? p : NULL;
}

static const char *expect_tags(const struct reader *r, const char *p, struct tag *tags, uint32_t *n)
{
    const char *next;

    if ((p = expect(r, p, '{')) == NULL)
        return NULL;
    if ((next = expect(r, p, '}')) != NULL)
        return next;
    for (next = p; next != NULL; next = expect(r, p, ','))
        if ((p = expect_tag(r, next, tags, n)) == NULL)
            return NULL;
    return expect(r, p, '}');
}

/* Four letters as le32_get() reads them: no two fields begin with the same. */
#define LETTERS(a, b, c, d)                                                                        \
    ((uint32_t)(a) | (uint32_t)(b) << 8 | (uint32_t)(c) << 16 | (uint32_t)(d) << 24)

/* A key that is a field's, its quotes included. */
static const char *expect_field(const struct reader *r, const char *p, enum field *field)
{
    size_t n = 4;

    if ((p = expect(r, p, '"')) == NULL || r->end - p < 4)
        return NULL;
    switch (le32_get(p)) {
    case LETTERS('n', 'a', 'm', 'e'):
        *field = NAME;
        break;
    case LETTERS('v', 'a', 'l', 'u'):
        if (!is_at(r, p + n++, 'e'))
            return NULL;
        *field = is_at(r, p + n, 's') ? VALUES : VALUE;
        n += *field == VALUES;
        break;
    case LETTERS('t', 'i', 'm', 'e'):
        *field = TIME;
        break;
    case LETTERS('t', 'y', 'p', 'e'):
        *field = TYPE;
        break;
    case LETTERS('u', 'n', 'i', 't'):
        *field = UNIT;
        break;
    case LETTERS('t', 'a', 'g', 's'):
        *field = TAGS;
        break;
    case LETTERS('m', 'e', 't', 'a'):
        *field = META;
        break;
    default:
        return NULL;
    }
    return is_at(r, p + n, '"') ? p + n + 1 : NULL;
}

static const char *expect_member(struct reader *r, const char *p)
{
    enum field field;

    if ((p = expect_field(r, p, &field)) == NULL || (p = expect(r, p, ':')) == NULL ||
        (r->seen >> field & 1) != 0)
        return NULL;
    r->seen |= 1U << field;
    switch (field) {
    case NAME:
        return expect_string(r, p, &scratch.name);
    case VALUE:
        return expect_value(r, p);
    case VALUES:
        return expect_values(r, p);
    case TIME:
        return expect_time(r, p);
    case TYPE:
        return expect_type(r, p);
    case UNIT:
        return expect_string(r, p, &scratch.unit);
    case TAGS:
        return expect_tags(r, p, scratch.tags, &scratch.ntags);
    case META:
        return expect_tags(r, p, scratch.meta, &scratch.nmeta);
    }
    return NULL;
}

static const char *expect_object(struct reader *r, const char *p)
{
    const char *next;
    unsigned kind;

    for (next = expect(r, p, '{'); next != NULL; next = expect(r, p, ','))
        if ((p = expect_member(r, next)) == NULL)
            return NULL;
    kind = r->seen & (1U << NAME | 1U << VALUE | 1U << VALUES);
    if (kind != (1U << NAME | 1U << VALUE) && kind != (1U << NAME | 1U << VALUES))
        return NULL;
    return expect(r, p, '}');
}

/* --- the metrics --- */

/* Whether the value's key is that of one before it, too. */
static bool is_twice(const struct one *v)
{
    for (const struct one *before = values; before < v; before++)
        if (str_eq(before->key, v->key))
            return true;
    return false;
}

static bool check_values(const struct json_defaults *d)
{
    common_name = scratch.name;
    for (size_t i = 0; i < nvalues; i++)
        if (!json_join(d, common_name, values[i].key, &scratch) || is_twice(&values[i]) ||
            !json_check_joined(d, &scratch, &ignored))
            return false;
    return true;
}

const struct metric *quick_next(const struct json_defaults *d)
{
    if (next_value == nvalues)
        return NULL;
    (void)json_join(d, common_name, values[next_value].key, &scratch); /* as when it was checked */
    set_value(&values[next_value++].number);
    return &scratch;
}

const struct metric *quick_read(const char *p, size_t n, const struct json_defaults *d,
                                size_t *used)
{
    struct reader r = {.end = p + n};
    const char *behind;

    json_begin_metric(d, &scratch);
    nvalues = next_value = 0;
    if (!QUICK || n == 0 || *p != '{' || (behind = expect_object(&r, p)) == NULL ||
        !json_add_default_tags(d, &scratch) ||
        (d->strangers && metric_is_garnets(scratch.prefix, scratch.name)) ||
        !metric_check(&scratch, d->limits, &ignored) || !check_values(d))
        return NULL;
    *used = (size_t)(behind - p);
    return nvalues > 0 ? quick_next(d) : &scratch;
}
