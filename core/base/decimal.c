/* base/decimal.c - quotients that are exact in a double, and else in 128 bits
 *
 * Up to 15 digits, and what is below 2^53, are one division of two exact doubles. What has more is
 * compared in whole numbers: a double is f * 2^e, so that a * 10^k is f * 5^k shifted by k + e, and
 * each half of a unit of either side is a whole number, too.
 */
#include "base/decimal.h"

#include <float.h>
#include <string.h>

__extension__ typedef unsigned __int128 wide;

enum { MOST_EXACT = 22, MOST_FIVES = 27, DOUBLE_BITS = 52, DOUBLE_BIAS = 1075 };

static const uint64_t TWO52 = UINT64_C(1) << DOUBLE_BITS;
static const double TWO53 = 9007199254740992.0;

/* Every power of ten that a double holds exactly. */
static const double POWER[MOST_EXACT + 1] = {
    1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
    1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
};

/* k is MOST_FIVES at most. */
static uint64_t power_of_five(unsigned k)
{
    uint64_t v = 1;

    for (uint64_t by = 5; k > 0; k >>= 1, by *= by)
        v *= (k & 1) != 0 ? by : 1;
    return v;
}

/* --- read --- */

/* 2^n, which is a normal number. */
static double power_of_two(int n)
{
    uint64_t bits = (uint64_t)(n + 1023) << DOUBLE_BITS;
    double v;

    memcpy(&v, &bits, sizeof v);
    return v;
}

/* The quotient of m and 5^k to 63 bits or 64, and whether there is more: so its conversion rounds as
 * that of all its bits would. m is not 0. */
static double divide(uint64_t m, unsigned k)
{
    uint64_t by = power_of_five(k), quotient;
    int up = __builtin_clzll(m), down = __builtin_clzll(by);
    wide dividend = (wide)(m << up) << 63, divisor = by << down;

    quotient = (uint64_t)(dividend / divisor);
    quotient |= quotient * divisor != dividend;
    return (double)quotient * power_of_two(down - up - 63 - (int)k);
}

bool decimal_read(uint64_t m, unsigned k, double *v)
{
    if (FLT_EVAL_METHOD != 0 || k > MOST_FIVES)
        return false;
    if (m <= (uint64_t)TWO53 && k <= MOST_EXACT)
        *v = (double)m / POWER[k];
    else
        *v = m > 0 ? divide(m, k) : 0;
    return true;
}

/* --- written --- */

/* The fewest decimals k for which some integer m < 2^53 makes m / 10^k the double a. For up to 15
 * digits the error of a * 10^k stays below 0.25, so that rounding finds their m. Two roundings lie between
 * that product and such an m: from what is farther away no quotient needs to be made. */
static bool find_short(double a, uint64_t *m, unsigned *k)
{
    if (a >= TWO53)
        return false;
    *m = (uint64_t)a;
    *k = 0;
    if ((double)*m == a)
        return true;
    for (*k = 1; *k <= MOST_EXACT; ++*k) {
        double x = a * POWER[*k], off;

        if (x >= TWO53)
            return false;
        *m = (uint64_t)x;
        *m += x - (double)*m >= 0.5;
        off = x - (double)*m;
        if (off <= x * 0x1p-51 && off >= x * -0x1p-51 && (double)*m / POWER[*k] == a)
            return true;
    }
    return false;
}

/* a * 10^k as whole / 2^shift. */
struct scaled {
    wide whole;
    unsigned shift;
};

/* Rounded as printf rounds: to the even one of two that are as near. */
static uint64_t rounded(const struct scaled *s)
{
    wide rest = s->whole & (((wide)1 << s->shift) - 1), half = ((wide)1 << s->shift) / 2;
    uint64_t m = (uint64_t)(s->whole >> s->shift);

    return m + (rest > half || (rest == half && half > 0 && (m & 1) != 0));
}

/* Whether m is nearer to it than to the doubles beside a. Half a unit of a is 5^k / 2 here, and below a
 * power of two half of that; neither is whole, so nothing is in the middle. */
static bool reads_back(const struct scaled *s, uint64_t m, unsigned k, bool power_of_two)
{
    wide is = (wide)m << s->shift, off = is > s->whole ? is - s->whole : s->whole - is;

    return off * (power_of_two && is < s->whole ? 4 : 2) < power_of_five(k);
}

/* The decimal exponent of a, which is at least 10^-4: from its binary one, which may tell one too little.
 * Below 1 the power of ten is the nearest double, and that one has been found to be short. */
static int exponent_of(double a, int binary)
{
    int n = binary * 1233 >> 12;
    double next = n + 1 >= 0 ? POWER[n + 1] : 1 / POWER[-n - 1];

    return a >= next ? n + 1 : n;
}

/* 16 digits where they are enough, or 17, of a number that printf writes without an exponent. */
static bool find_long(double a, uint64_t *m, unsigned *k)
{
    uint64_t bits, fraction;
    int exponent;

    if (a < 1e-4 || a >= TWO53)
        return false;
    memcpy(&bits, &a, sizeof bits);
    fraction = (bits & (TWO52 - 1)) | TWO52;
    exponent = (int)(bits >> DOUBLE_BITS) - DOUBLE_BIAS;
    *k = (unsigned)(15 - exponent_of(a, exponent + DOUBLE_BITS));
    for (int digits = 16; digits <= 17; digits++, ++*k) {
        struct scaled s = {(wide)fraction * power_of_five(*k), (unsigned)-exponent - *k};

        *m = rounded(&s);
        if (reads_back(&s, *m, *k, fraction == TWO52))
            return true;
    }
    return false;
}

bool decimal_of(double a, uint64_t *m, unsigned *k)
{
    return find_short(a, m, k) || find_long(a, m, k);
}
