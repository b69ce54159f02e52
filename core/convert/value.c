/* convert/value.c - one pass that knows the parts of a number, one that writes them
 *
 * strtod() is asked only for what may overflow, and for the size of a time. Units of time do not meet: seconds of today
 * are thousandths of 1970, and Garnet takes no time before 1973 that is not in seconds.
 */
#include "convert/value.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "base/text.h"

static const double LAST_SECOND_TAKEN =
    9.199e9; /* 2261; Garnet itself takes some days more, however they are rounded */
static const double LEAST_TIME = 1e-6;

enum { MILLI = 1000, SHOWN = 48 };
static const double FINER[] = {1e11, 1e14, 1e17}; /* from here on: ms, us, ns */

/* --- its parts --- */

struct parts {
    bool negative;
    struct str whole, fraction, exponent; /* digits; of the exponent with its sign */
    bool point;
};

static size_t digits_of(struct str s, size_t at)
{
    size_t n = 0;

    while (at + n < s.n && s.s[at + n] >= '0' && s.s[at + n] <= '9')
        n++;
    return n;
}

static size_t read_parts(struct str s, struct parts *p)
{
    size_t at = 0, n;

    *p = (struct parts){0};
    if (s.n > 0 && (s.s[0] == '-' || s.s[0] == '+'))
        p->negative = s.s[at++] == '-';
    n = digits_of(s, at);
    p->whole = (struct str){s.s + at, n};
    at += n;
    p->point = at < s.n && s.s[at] == '.';
    if (p->point) {
        n = digits_of(s, at + 1);
        p->fraction = (struct str){s.s + at + 1, n};
        if (n + p->whole.n == 0)
            return 0;
        at += 1 + n;
    }
    if (p->whole.n + p->fraction.n == 0)
        return 0;
    if (at < s.n && (s.s[at] == 'e' || s.s[at] == 'E')) {
        size_t sign = at + 1 < s.n && (s.s[at + 1] == '-' || s.s[at + 1] == '+');

        n = digits_of(s, at + 1 + sign);
        p->exponent = (struct str){s.s + at + 1, n > 0 ? sign + n : 0};
        at += n > 0 ? 1 + sign + n : 0;
    }
    return at;
}

size_t value_span(struct str s)
{
    struct parts p;

    return read_parts(s, &p);
}

/* --- as JSON --- */

static void append_text(struct value *v, struct str s)
{
    memcpy(v->text + v->n, s.s, s.n);
    v->n += s.n;
}

/* Whether these digits, without leading zeros, fit into 64 bits. */
static bool fits(struct str digits, bool negative)
{
    static const char MOST[] = "18446744073709551615", LEAST[] = "9223372036854775808";
    struct str limit = str_of(negative ? LEAST : MOST);

    return digits.n < limit.n || (digits.n == limit.n && str_cmp(digits, limit) <= 0);
}

static void write_parts(const struct parts *p, struct value *v)
{
    struct str whole = p->whole;

    v->n = 0;
    while (whole.n > 1 && whole.s[0] == '0')
        whole = (struct str){whole.s + 1, whole.n - 1};
    if (whole.n == 0)
        whole = (struct str){"0", 1};
    if (p->negative)
        append_text(v, (struct str){"-", 1});
    append_text(v, whole);
    if (p->fraction.n > 0) {
        append_text(v, (struct str){".", 1});
        append_text(v, p->fraction);
    } else if (p->exponent.n == 0 && (p->point || !fits(whole, p->negative))) {
        append_text(v, (struct str){".0", 2});
    }
    if (p->exponent.n > 0) {
        append_text(v, (struct str){"e", 1});
        append_text(v, p->exponent);
    }
    v->text[v->n] = 0;
}

/* --- a value --- */

static bool word_is(struct str s, const char *word)
{
    return s.n == strlen(word) && strncasecmp(s.s, word, s.n) == 0;
}

static bool not_finite(struct output *o, struct str s, const char *what)
{
    struct str word = s;

    if (s.n > 0 && (s.s[0] == '-' || s.s[0] == '+'))
        word = (struct str){s.s + 1, s.n - 1};
    if (word_is(word, "nan"))
        return !output_left_out(o, LEFT_NAN, s.s, "%s is not a number (NaN): left out", what);
    if (word_is(word, "inf") || word_is(word, "infinity"))
        return !output_left_out(o, LEFT_INFINITY, s.s, "%s is infinite: left out", what);
    return false;
}

static bool bad_number(struct output *o, struct str s, size_t good, const char *what)
{
    char shown[SHOWN];

    str_show(shown, sizeof shown, s);
    if (good > 0 && good < s.n && s.s[good] == ',' && digits_of(s, good + 1) > 0)
        return output_fault(o, s.s,
                            "%s \"%s\" has a comma: a number's decimal point is a dot (LC_ALL=C "
                            "makes programs write it)",
                            what, shown);
    return output_fault(o, s.s, "%s \"%s\" is not a number: print one such as 12, -0.5 or 1e9",
                        what, shown);
}

static bool overflows(const struct parts *p, const struct value *v)
{
    double d;

    if (p->exponent.n == 0 && p->whole.n < 300)
        return false;
    d = strtod(v->text, NULL);
    return !__builtin_isfinite(d);
}

bool value_read(struct output *o, struct str s, const char *what, struct value *v)
{
    struct parts p;
    size_t n;

    if (s.n == 0)
        return output_fault(o, s.s, "%s is empty: print a number", what);
    if (s.n > VALUE_LENGTH)
        return output_fault(o, s.s, "%s is %zu bytes long: no number is", what, s.n);
    n = read_parts(s, &p);
    if (n < s.n)
        return !not_finite(o, s, what) && bad_number(o, s, n, what);
    write_parts(&p, v);
    return !overflows(&p, v) ||
           output_fault(o, s.s, "%s is more than a double can be: at most 1.8e308", what);
}

struct str value_str(const struct value *v)
{
    return (struct str){v->text, v->n};
}

/* --- a time --- */

/* How many of it are a second. */
static uint64_t scale_of(double t)
{
    uint64_t scale = 1;

    for (size_t i = 0; i < sizeof FINER / sizeof *FINER && t >= FINER[i]; i++)
        scale *= MILLI;
    return scale;
}

/* An integer of that scale, exactly; what has a point or an exponent, to the microsecond. */
static void write_scaled(const struct parts *p, uint64_t scale, struct value *t)
{
    int digits = scale == UINT64_C(1000000000) ? 9 : scale == 1000000 ? 6 : 3, n;
    uint64_t v = strtoull(t->text, NULL, 10);

    if (p->point || p->exponent.n > 0)
        n = snprintf(t->text, sizeof t->text, "%.6f", strtod(t->text, NULL) / (double)scale);
    else if (v % scale == 0)
        n = snprintf(t->text, sizeof t->text, "%" PRIu64, v / scale);
    else
        n = snprintf(t->text, sizeof t->text, "%" PRIu64 ".%0*" PRIu64, v / scale, digits,
                     v % scale);
    t->n = (size_t)n;
}

bool value_time(struct output *o, struct str s, enum value_clock clock, struct value *t)
{
    char shown[SHOWN];
    struct parts p;
    uint64_t scale;
    double seconds;

    str_show(shown, sizeof shown, s);
    if (s.n == 0 || s.n > VALUE_LENGTH || read_parts(s, &p) < s.n)
        return output_fault(o, s.s, "time \"%s\" is not a number: print Unix seconds", shown);
    write_parts(&p, t);
    seconds = strtod(t->text, NULL);
    if (seconds < LEAST_TIME)
        return output_fault(
            o, s.s, "time %s is not after 1970: print Unix seconds, or leave it out", shown);
    scale = clock == VALUE_SCALED ? scale_of(seconds) : 1;
    if (scale == 1 && seconds >= FINER[0])
        return output_fault(o, s.s, "time %s looks like milliseconds: print Unix seconds", shown);
    if (seconds / (double)scale >= LAST_SECOND_TAKEN)
        return output_fault(o, s.s, "time %s is beyond the year 2261: print Unix seconds", shown);
    if (scale > 1)
        write_scaled(&p, scale, t);
    return true;
}
