/* base/number.c - exact both ways
 *
 * What is read is a decimal fraction, computed in integers: "1.5h" is exact and "0.3s" is 300 ms to the
 * nanosecond. Nothing is rounded and nothing is guessed: what cannot be meant exactly is refused with
 * a clause that says what would be right.
 *
 * A graphite line or a JSON value is mostly a number, so what is appended is on the hot path: digits
 * are made from the end, in a buffer on the stack. For a double that is beyond base/decimal.h printf is
 * asked, with more and more digits.
 */
#include "base/number.h"

#include <errno.h>
#include <float.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "base/decimal.h"
#include "base/text.h"

/* --- appended --- */

enum { DIGITS = 20, MAX_POWER = 22 };

/* Writes v's digits so that they end before `end`; returns where they begin. */
static char *digits_before(char *end, uint64_t v)
{
    do {
        *--end = (char)('0' + v % 10);
        v /= 10;
    } while (v > 0);
    return end;
}

void buf_put_u64(struct buf *b, uint64_t v)
{
    char text[DIGITS], *end = text + sizeof text;
    char *p = digits_before(end, v);

    buf_put(b, p, (size_t)(end - p));
}

void buf_put_i64(struct buf *b, int64_t v)
{
    char text[DIGITS + 1], *end = text + sizeof text;
    char *p = digits_before(end, v < 0 ? 0 - (uint64_t)v : (uint64_t)v);

    if (v < 0)
        *--p = '-';
    buf_put(b, p, (size_t)(end - p));
}

/* m / 10^k, every one of the k decimals shown. */
static void put_decimal(struct buf *b, bool negative, uint64_t m, unsigned k)
{
    char text[MAX_POWER + DIGITS + 3], *end = text + sizeof text, *p = end;

    for (unsigned i = 0; i < k; i++, m /= 10)
        *--p = (char)('0' + m % 10);
    if (k > 0)
        *--p = '.';
    p = digits_before(p, m);
    if (negative)
        *--p = '-';
    buf_put(b, p, (size_t)(end - p));
}

/* Where the search for the fewest digits begins: from 1e-7 up decimal_of() has found everything
 * that 15 can express, and below DBL_MIN there are fewer than 15 to begin with (5e-324). */
static int least_precision(double a)
{
    if (a < DBL_MIN)
        return 1;
    return a >= 1e-7 && a < 1 ? 16 : 15;
}

void buf_put_f64(struct buf *b, double v)
{
    bool negative = __builtin_signbit(v) != 0;
    double a = negative ? -v : v;
    char text[48];
    unsigned k;
    uint64_t m;

    if (decimal_of(a, &m, &k)) {
        put_decimal(b, negative, m, k);
        return;
    }
    for (int precision = least_precision(a); precision <= 17; precision++) {
        (void)snprintf(text, sizeof text, "%.*g", precision, v);
        if (strtod(text, NULL) == v)
            break;
    }
    buf_puts(b, text);
}

/* --- read --- */

__extension__ typedef unsigned __int128 wide;

struct unit {
    const char *name;
    int64_t factor;
};

/* Largest first: the first that divides a number gives it the fewest digits. */
static const struct unit DURATIONS[] = {
    {"d", INT64_C(86400000000000)},
    {"h", INT64_C(3600000000000)},
    {"m", INT64_C(60000000000)},
    {"s", INT64_C(1000000000)},
    {"ms", 1000000},
    {"us", 1000},
    {"ns", 1},
    {NULL, 0},
};

static const struct unit SIZES[] = {
    {"GiB", 1 << 30}, {"GB", 1000000000}, {"G", 1000000000}, {"MiB", 1 << 20},
    {"MB", 1000000},  {"M", 1000000},     {"KiB", 1024},     {"KB", 1000},
    {"k", 1000},      {"B", 1},           {NULL, 0},
};

struct quantity {
    const struct unit *units;
    const char *example, *use, *smallest; /* for what is wrong */
    const char *bare; /* the unit of a number that has none; NULL: only 0 may have none */
};

static const struct quantity DURATION = {DURATIONS, "10s", "use ns, us, ms, s, m, h or d",
                                         "nanoseconds", NULL};
static const struct quantity SIZE = {SIZES, "64KiB", "use B, k, KB, KiB, M, MB, MiB, G, GB or GiB",
                                     "bytes", "B"};

static bool unknown_unit(struct why *why, const char *unit, const char *use)
{
    char shown[36];

    str_show(shown, sizeof shown, str_of(unit));
    return why_set(why, "has an unknown unit \"%s\": %s", shown, use);
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* A decimal number that has been read but not yet scaled: digits / 10^places. */
struct decimal {
    uint64_t digits;
    int places;
};

/* Reads digits[.digits]; returns what follows, or NULL when there is no number or it has too
 * many digits. */
static const char *read_decimal(const char *s, struct decimal *d)
{
    const char *start = s;
    bool point = false;

    *d = (struct decimal){0};
    for (; is_digit(*s) || (*s == '.' && !point && s > start && is_digit(s[1])); s++) {
        if (*s == '.') {
            point = true;
            continue;
        }
        if (d->digits > (UINT64_MAX - 9) / 10)
            return NULL;
        d->digits = d->digits * 10 + (uint64_t)(*s - '0');
        d->places += point;
    }
    return s > start ? s : NULL;
}

static const struct unit *find_unit(const struct unit *units, const char *name)
{
    for (; units->name != NULL; units++)
        if (strcmp(units->name, name) == 0)
            return units;
    return NULL;
}

/* digits * factor / 10^places, which must be whole and fit. */
static bool scale(struct decimal d, int64_t factor, const char *smallest, int64_t *v,
                  struct why *why)
{
    wide x = (wide)d.digits * (wide)factor;

    for (; d.places > 0; d.places--, x /= 10)
        if (x % 10 != 0)
            return why_set(why, "is not a whole number of %s: use fewer decimals", smallest);
    if (x > INT64_MAX)
        return why_set(why, "is too large: at most %" PRId64 " %s", INT64_MAX, smallest);
    *v = (int64_t)x;
    return true;
}

/* The first things that can be wrong with any number; `example` is one that would be right. */
static bool starts_well(const char *s, const char *example, struct why *why)
{
    if (*s == 0)
        return why_set(why, "is empty: give a value such as %s", example);
    if (*s == '-')
        return why_set(why, "is negative: give a value such as %s", example);
    if (*s == '$')
        return why_set(why, "is not replaced, variables never are: give a value such as %s",
                       example);
    if (!is_digit(*s))
        return why_set(why, "does not begin with a digit: give a value such as %s", example);
    return true;
}

/* "1,5", as half the world writes it. */
static bool has_comma(const char *s, struct why *why)
{
    size_t n = strspn(s, "-0123456789"), m = s[n] == ',' ? strspn(s + n + 1, "0123456789") : 0;

    return n > 0 && m > 0 &&
           !why_set(why, "has a comma in its number: the decimal point is a dot, %.*s.%.20s",
                    (int)n, s, s + n + 1);
}

static bool read_quantity(const char *s, const struct quantity *q, int64_t *v, struct why *why)
{
    const struct unit *unit;
    const char *rest;
    struct decimal d;

    if (!starts_well(s, q->example, why) || has_comma(s, why))
        return false;
    rest = read_decimal(s, &d);
    if (rest == NULL)
        return why_set(why, "has too many digits: give a value such as %s", q->example);
    if (*rest == 0 && q->bare == NULL && d.digits > 0)
        return why_set(why, "has no unit: write %.20ss if seconds are meant, or %s", s, q->use);
    if (*rest == 0 && q->bare == NULL) {
        *v = 0;
        return true;
    }
    unit = find_unit(q->units, *rest != 0 ? rest : q->bare);
    if (unit == NULL)
        return unknown_unit(why, rest, q->use);
    return scale(d, unit->factor, q->smallest, v, why);
}

bool units_duration(const char *s, int64_t *ns, struct why *why)
{
    return read_quantity(s, &DURATION, ns, why);
}

bool units_size(const char *s, int64_t *bytes, struct why *why)
{
    return read_quantity(s, &SIZE, bytes, why);
}

bool units_int(const char *s, int64_t *v, struct why *why)
{
    const char *digits = s + (*s == '-');
    long long x;

    if (*s == 0)
        return why_set(why, "is empty: give a whole number such as 12");
    if (*digits == 0 || digits[strspn(digits, "0123456789")] != 0)
        return why_set(why, "is not a whole number: use digits only, such as 12");
    errno = 0;
    x = strtoll(s, NULL, 10);
    if (errno != 0)
        return why_set(why, "is out of range: at %s %" PRId64, *s == '-' ? "least" : "most",
                       *s == '-' ? INT64_MIN : INT64_MAX);
    *v = x;
    return true;
}

bool number_grammar(const char *s)
{
    const char *digits = s + (*s == '-'), *point = strchr(s, '.');
    char *end;

    (void)strtod(s, &end); /* which alone would also take "inf", "0x1p3", ".5", "5." and " 1" */
    return *end == 0 && is_digit(*digits) && (point == NULL || is_digit(point[1])) &&
           s[strspn(s, "-+.0123456789eE")] == 0;
}

bool units_real(const char *s, double *v, struct why *why)
{
    double x;

    if (*s == 0)
        return why_set(why, "is empty: give a number such as 0.25");
    if (has_comma(s, why))
        return false;
    if (!number_grammar(s))
        return why_set(why, "is not a number: give one such as 12, 0.25 or 1e6");
    x = strtod(s, NULL);
    if (!__builtin_isfinite(x))
        return why_set(why, "is out of range: at most 1.7e308 in size");
    *v = x;
    return true;
}

bool units_bool(const char *s, int64_t *v, struct why *why)
{
    static const struct {
        const char *word;
        int64_t value;
    } WORDS[] = {{"true", 1}, {"false", 0}, {"yes", 1}, {"no", 0}, {"on", 1}, {"off", 0}};

    for (size_t i = 0; i < sizeof WORDS / sizeof *WORDS; i++)
        if (strcasecmp(s, WORDS[i].word) == 0) {
            *v = WORDS[i].value;
            return true;
        }
    return why_set(why, "%s: use true or false (or yes, no, on, off)",
                   *s == 0 ? "is empty" : "is neither true nor false");
}

static void put_with_unit(struct buf *b, int64_t v, const struct unit *units)
{
    while (v % units->factor != 0)
        units++;
    buf_put_i64(b, v / units->factor);
    buf_puts(b, units->name);
}

void units_put_duration(struct buf *b, int64_t ns)
{
    if (ns == 0)
        buf_puts(b, "0s");
    else
        put_with_unit(b, ns, DURATIONS);
}

void units_put_size(struct buf *b, int64_t bytes)
{
    if (bytes == 0)
        buf_puts(b, "0B");
    else
        put_with_unit(b, bytes, SIZES);
}
