/* base/number: what is taken, what is refused and how, and the way back */
#include <criterion/criterion.h>

#include "base/number.h"

enum { UNTOUCHED = -77 };

static void duration(const char *s, int64_t want)
{
    int64_t v = UNTOUCHED;
    struct why why = {0};

    cr_assert(units_duration(s, &v, &why), "%s: %s", s, why.text);
    cr_assert_eq(v, want, "%s", s);
}

static void size(const char *s, int64_t want)
{
    int64_t v = UNTOUCHED;
    struct why why = {0};

    cr_assert(units_size(s, &v, &why), "%s: %s", s, why.text);
    cr_assert_eq(v, want, "%s", s);
}

static void refused(bool (*parse)(const char *, int64_t *, struct why *), const char *s,
                    const char *want)
{
    int64_t v = UNTOUCHED;
    struct why why = {0};

    cr_assert_not(parse(s, &v, &why), "%s", s);
    cr_assert_eq(v, UNTOUCHED, "%s", s);
    cr_assert_str_eq(why.text, want, "%s: got: %s", s, why.text);
}

Test(units, durations)
{
    duration("10s", INT64_C(10000000000));
    duration("1.5h", INT64_C(5400000000000));
    duration("0", 0);
    duration("0.0", 0);
    duration("0s", 0);
    duration("0.3s", 300000000);
    duration("250ms", 250000000);
    duration("1us", 1000);
    duration("7ns", 7);
    duration("2m", INT64_C(120000000000));
    duration("1d", INT64_C(86400000000000));
    duration("9223372036854775807ns", INT64_MAX);
}

Test(units, durations_refused)
{
    refused(units_duration, "", "is empty: give a value such as 10s");
    refused(units_duration, "-1s", "is negative: give a value such as 10s");
    refused(units_duration, "s", "does not begin with a digit: give a value such as 10s");
    refused(units_duration, "${EVERY}",
            "is not replaced, variables never are: give a value such as 10s");
    refused(units_duration, "10",
            "has no unit: write 10s if seconds are meant, or use ns, us, ms, s, m, h or d");
    refused(units_duration, "10x", "has an unknown unit \"x\": use ns, us, ms, s, m, h or d");
    refused(units_duration, "1,5s", "has a comma in its number: the decimal point is a dot, 1.5s");
    refused(units_size, "1,5GiB", "has a comma in its number: the decimal point is a dot, 1.5GiB");
    refused(units_duration, "1.s", "has an unknown unit \".s\": use ns, us, ms, s, m, h or d");
    refused(units_duration, "1 s", "has an unknown unit \" s\": use ns, us, ms, s, m, h or d");
    refused(units_duration, "1s\n", "has an unknown unit \"s\\n\": use ns, us, ms, s, m, h or d");
    refused(units_duration, "0.5ns", "is not a whole number of nanoseconds: use fewer decimals");
    refused(units_duration, "9223372036854775808ns",
            "is too large: at most 9223372036854775807 nanoseconds");
    refused(units_duration, "300000d", "is too large: at most 9223372036854775807 nanoseconds");
    refused(units_duration, "99999999999999999999s",
            "has too many digits: give a value such as 10s");
}

Test(units, sizes)
{
    size("0", 0);
    size("512", 512);
    size("64k", 64000);
    size("64KB", 64000);
    size("64KiB", 65536);
    size("1.5MiB", 1572864);
    size("256MiB", 268435456);
    size("2G", INT64_C(2000000000));
    size("1GiB", INT64_C(1073741824));
    refused(units_size, "64kib",
            "has an unknown unit \"kib\": use B, k, KB, KiB, M, MB, MiB, G, GB "
            "or GiB");
    refused(units_size, "0.5", "is not a whole number of bytes: use fewer decimals");
    refused(units_size, "8589934592GiB", "is too large: at most 9223372036854775807 bytes");
    refused(units_size, "0x10",
            "has an unknown unit \"x10\": use B, k, KB, KiB, M, MB, MiB, G, GB or GiB");
}

Test(units, whole_numbers)
{
    int64_t v;
    struct why why;

    cr_assert(units_int("-9223372036854775808", &v, &why));
    cr_assert_eq(v, INT64_MIN);
    cr_assert(units_int("12", &v, &why));
    cr_assert_eq(v, 12);
    refused(units_int, "", "is empty: give a whole number such as 12");
    refused(units_int, "-", "is not a whole number: use digits only, such as 12");
    refused(units_int, "81x5", "is not a whole number: use digits only, such as 12");
    refused(units_int, " 1", "is not a whole number: use digits only, such as 12");
    refused(units_int, "+1", "is not a whole number: use digits only, such as 12");
    refused(units_int, "9223372036854775808", "is out of range: at most 9223372036854775807");
    refused(units_int, "-9223372036854775809", "is out of range: at least -9223372036854775808");
}

Test(units, reals)
{
    static const char *const bad[] = {"",   "inf", "nan", "0x1p3", " 1",  "1 ",  ".5",
                                      "1.", "1e",  "--1", "1e999", "1,5", "1e+", "-"};
    struct why why;
    double v;

    cr_assert(units_real("0.25", &v, &why));
    cr_assert_eq(v, 0.25);
    cr_assert(units_real("-1e-3", &v, &why));
    cr_assert_eq(v, -1e-3);
    v = 77;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        cr_assert_not(units_real(bad[i], &v, &why), "%s", bad[i]);
        cr_assert_eq(v, 77.0);
    }
    cr_assert_not(units_real("1e999", &v, &why));
    cr_assert_str_eq(why.text, "is out of range: at most 1.7e308 in size");
}

Test(units, booleans)
{
    static const char *const yes[] = {"true", "yes", "on", "True"};
    static const char *const no[] = {"false", "no", "off"};
    struct why why;
    int64_t v;

    for (size_t i = 0; i < 4; i++)
        cr_assert(units_bool(yes[i], &v, &why) && v == 1);
    for (size_t i = 0; i < 3; i++)
        cr_assert(units_bool(no[i], &v, &why) && v == 0);
    refused(units_bool, "1", "is neither true nor false: use true or false (or yes, no, on, off)");
    refused(units_bool, "", "is empty: use true or false (or yes, no, on, off)");
}

static void printed(void (*put)(struct buf *, int64_t), int64_t v, const char *want)
{
    struct buf b = {0};

    put(&b, v);
    buf_putc(&b, 0);
    cr_assert_str_eq(b.p, want);
    buf_free(&b);
}

Test(units, printing)
{
    printed(units_put_duration, 0, "0s");
    printed(units_put_duration, INT64_C(90000000000), "90s");
    printed(units_put_duration, INT64_C(120000000000), "2m");
    printed(units_put_duration, INT64_C(86400000000000), "1d");
    printed(units_put_duration, 1500000, "1500us");
    printed(units_put_duration, 1, "1ns");
    printed(units_put_duration, -INT64_C(5000000000), "-5s");
    printed(units_put_size, 0, "0B");
    printed(units_put_size, 65536, "64KiB");
    printed(units_put_size, 64000, "64KB");
    printed(units_put_size, 1000, "1KB");
    printed(units_put_size, 1001, "1001B");
    printed(units_put_size, INT64_C(2000000000), "2GB");
    printed(units_put_size, INT64_C(268435456), "256MiB");
}

Test(units, round_trip)
{
    struct buf b = {0};
    struct why why;
    int64_t v, seed = 1;

    for (int i = 0; i < 20000; i++) {
        seed = (int64_t)((uint64_t)seed * UINT64_C(6364136223846793005) + 1442695040888963407U);
        for (int kind = 0; kind < 2; kind++) {
            int64_t want = (seed & INT64_MAX) >> (i % 63);

            buf_reset(&b);
            (kind == 0 ? units_put_duration : units_put_size)(&b, want);
            buf_putc(&b, 0);
            cr_assert((kind == 0 ? units_duration : units_size)(b.p, &v, &why), "%s: %s", b.p,
                      why.text);
            cr_assert_eq(v, want);
        }
    }
    buf_free(&b);
}
