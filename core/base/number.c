/* base/number.c - digits are made from the end, in a buffer on the stack
 *
 * A graphite line or a JSON value is mostly a number, so these are on the hot path. A double that a
 * short decimal stands for is found with exact arithmetic; for the rest printf is asked, with more
 * and more digits.
 */
#include "base/number.h"

#include <float.h>
#include <stdio.h>
#include <stdlib.h>

enum { DIGITS = 20, MAX_POWER = 22 };

static const double TWO53 = 9007199254740992.0;

/* Every power of ten that a double holds exactly. */
static const double POWER[MAX_POWER + 1] = {
    1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
    1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
};

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
static void put_decimal(struct buf *b, bool negative, uint64_t m, int k)
{
    char text[MAX_POWER + DIGITS + 3], *end = text + sizeof text, *p = end;

    for (int i = 0; i < k; i++, m /= 10)
        *--p = (char)('0' + m % 10);
    if (k > 0)
        *--p = '.';
    p = digits_before(p, m);
    if (negative)
        *--p = '-';
    buf_put(b, p, (size_t)(end - p));
}

/* The fewest decimals k for which some integer m < 2^53 makes m / 10^k the double a, or -1. Both
 * operands are exact, so their quotient is correctly rounded: it is what strtod makes of that
 * text (Clinger). For up to 15 digits the error of a * 10^k stays below 0.25, so that rounding
 * finds their m. */
static int decimals(double a, uint64_t *m)
{
    for (int k = 0; k <= MAX_POWER; k++) {
        double x = a * POWER[k];

        if (x >= TWO53)
            return -1;
        *m = (uint64_t)x;
        if (x - (double)*m >= 0.5)
            ++*m;
        if ((double)*m / POWER[k] == a)
            return k;
    }
    return -1;
}

/* Where the search for the fewest digits begins: from 1e-7 up decimals() has found everything
 * that 15 can express, and below DBL_MIN there are fewer than 15 to begin with (5e-324). */
static int least_precision(double a)
{
    if (a < DBL_MIN)
        return 1;
    return a >= 1e-7 && a < TWO53 ? 16 : 15;
}

void buf_put_f64(struct buf *b, double v)
{
    bool negative = __builtin_signbit(v) != 0;
    double a = negative ? -v : v;
    char text[48];
    uint64_t m;
    int k = decimals(a, &m);

    if (k >= 0) {
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
