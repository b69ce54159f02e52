/* base/decimal.c: what strtod() reads, and what printf writes */
#include <criterion/criterion.h>
#include <float.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/decimal.h"
#include "base/number.h"
#include "rig/chance.h"

static void check_read(uint64_t m, unsigned k)
{
    char text[48];
    double v, want;

    (void)snprintf(text, sizeof text, "%" PRIu64 "e-%u", m, k);
    want = strtod(text, NULL);
    cr_assert(decimal_read(m, k, &v), "%s", text);
    cr_assert_eq(memcmp(&v, &want, sizeof v), 0, "%s is %.17g and not %.17g", text, want, v);
}

Test(decimal, one_is_read_as_strtod_reads_it)
{
    double v;

    for (unsigned k = 0; k <= 27; k++) {
        check_read(0, k);
        check_read(1, k);
        check_read(17, k);
        check_read(UINT64_C(1) << 53, k);
        check_read((UINT64_C(1) << 53) + 1, k);
        check_read((UINT64_C(1) << 54) + 2, k);
        check_read((UINT64_C(1) << 63) + 1024, k);
        check_read((UINT64_C(1) << 63) + 1025, k);
        check_read(UINT64_C(9999999999999999999), k);
        check_read(UINT64_MAX, k);
    }
    cr_assert_not(decimal_read(1, 28, &v));
}

Test(decimal, any_is_read_as_strtod_reads_it, .timeout = 60)
{
    uint64_t rng = 1;

    for (int i = 0; i < 300000 / STRIDE; i++)
        check_read(random_next(&rng) >> random_below(&rng, 64), (unsigned)random_below(&rng, 28));
}

/* Halfway between two doubles, and beside that: the even one, and the nearer one. */
Test(decimal, what_lies_between_two_is_rounded)
{
    uint64_t rng = 2;

    for (int i = 0; i < 100000 / STRIDE; i++) {
        unsigned k = (unsigned)random_below(&rng, 12);
        uint64_t m = (random_next(&rng) >> 11 | UINT64_C(1) << 52) * 2 + 1; /* 54 bits */
        uint64_t all = m * (UINT64_C(1) << random_below(&rng, 10));

        check_read(all, k);
        check_read(all - 1, k);
        check_read(all + 1, k);
    }
}

/* Of so many digits, by printf; how many have to be written until it is read back. */
static int needed(double a, char *text, size_t size)
{
    int n = 0;

    do
        (void)snprintf(text, size, "%.*g", ++n, a);
    while (strtod(text, NULL) != a);
    return n;
}

static int digits_in(const char *s)
{
    int n = 0;

    s += strspn(s, "0.");
    for (; *s != 0; s++)
        n += *s != '.';
    return n;
}

/* As many digits as are needed, and if that is more than a short one has, printf's. */
static void check_written(double a)
{
    struct buf b = {0};
    char want[48];
    int n = needed(a, want, sizeof want);

    buf_put_f64(&b, a);
    buf_putc(&b, 0);
    cr_assert_eq(strtod(b.p, NULL), a, "%s", b.p);
    if (strchr(want, 'e') == NULL && strlen(want) < 16)
        cr_assert_str_eq(b.p, want);
    else if (strchr(want, 'e') == NULL)
        cr_assert_leq(digits_in(b.p), n, "%s, and %s would do", b.p, want);
    if (n == 17)
        cr_assert_str_eq(b.p, want);
    buf_free(&b);
}

static void check_beside(double a)
{
    uint64_t bits;

    memcpy(&bits, &a, sizeof bits);
    for (int i = -2; i <= 2; i++) {
        uint64_t there = bits + (uint64_t)i;

        memcpy(&a, &there, sizeof a);
        check_written(a);
    }
}

Test(decimal, it_is_written_as_printf_writes_it, .timeout = 60)
{
    uint64_t rng = 3;

    for (double a = 0x1p-13; a < 0x1p53; a *= 2)
        check_beside(a);
    for (double a = 1e-4; a < 1e16; a *= 10)
        check_beside(a);
    for (int i = 0; i < 30000 / STRIDE; i++)
        check_written((double)(random_next(&rng) >> 11) /
                      (double)(UINT64_C(1) << random_below(&rng, 64)));
}
