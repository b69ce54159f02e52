/* base/buf: growth, bounds, the sticky error; numbers and escapes */
#include <criterion/criterion.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/number.h"
#include "base/text.h"

static const char *text(struct buf *b)
{
    buf_putc(b, 0);
    cr_assert(buf_ok(b));
    return b->p;
}

Test(buf, grows_and_is_reused)
{
    struct buf b = {0};

    for (int i = 0; i < 10000; i++)
        buf_puts(&b, "0123456789");
    cr_assert_eq(b.n, 100000);
    cr_assert_eq(memcmp(b.p + 99990, "0123456789", 10), 0);
    buf_drop(&b, 99995);
    cr_assert_eq(b.n, 5);
    cr_assert_eq(memcmp(b.p, "56789", 5), 0);
    buf_drop(&b, 100);
    cr_assert_eq(b.n, 0);
    buf_free(&b);
    cr_assert_null(b.p);
}

Test(buf, max_is_exact_and_sticky)
{
    struct buf b = {.max = 8};

    buf_puts(&b, "12345678");
    cr_assert(buf_ok(&b));
    buf_putc(&b, '9');
    cr_assert_not(buf_ok(&b));
    cr_assert_eq(b.n, 8);
    buf_drop(&b, 8);
    buf_putc(&b, 'x'); /* still failed: no text with a hole in it */
    cr_assert_eq(b.n, 0);
    buf_reset(&b);
    buf_putf(&b, "%s", "abcdefgh"); /* printf's NUL does not count */
    cr_assert(buf_ok(&b));
    cr_assert_eq(b.n, 8);
    buf_free(&b);
    cr_assert_eq(b.max, 8);
}

Test(buf, room_that_cannot_be)
{
    struct buf b = {0};

    cr_assert_null(buf_room(&b, SIZE_MAX));
    cr_assert_not(buf_ok(&b));
    buf_reset(&b);
    cr_assert_not_null(buf_room(&b, 0));
    buf_free(&b);
}

Test(buf, long_printf)
{
    struct buf b = {0};
    char want[1001];

    memset(want, 'x', 1000);
    want[1000] = 0;
    buf_putf(&b, "%s", want);
    cr_assert_str_eq(text(&b), want);
    buf_free(&b);
    b.max = 999;
    buf_putf(&b, "%s", want);
    cr_assert_not(buf_ok(&b));
    cr_assert_eq(b.n, 0);
    buf_free(&b);
}

Test(buf, string_order)
{
    cr_assert_lt(str_cmp(str_of("a"), str_of("ab")), 0);
    cr_assert_gt(str_cmp(str_of("b"), str_of("ab")), 0);
    cr_assert_gt(str_cmp(str_of("\xff"), str_of("a")), 0);
    cr_assert_eq(str_cmp((struct str){NULL, 0}, str_of("")), 0);
    cr_assert(str_eq((struct str){NULL, 0}, str_of("")));
    cr_assert_not(str_eq(str_of("a"), str_of("b")));
}

Test(buf, integers)
{
    struct buf b = {0};

    buf_put_i64(&b, INT64_MIN);
    buf_putc(&b, ' ');
    buf_put_i64(&b, INT64_MAX);
    buf_putc(&b, ' ');
    buf_put_u64(&b, UINT64_MAX);
    buf_putc(&b, ' ');
    buf_put_i64(&b, 0);
    buf_putc(&b, ' ');
    buf_put_i64(&b, -7);
    cr_assert_str_eq(text(&b),
                     "-9223372036854775808 9223372036854775807 18446744073709551615 0 -7");
    buf_free(&b);
}

static void check_real(double v, const char *want)
{
    struct buf b = {0};

    buf_put_f64(&b, v);
    cr_assert_str_eq(text(&b), want);
    buf_free(&b);
}

Test(buf, reals)
{
    check_real(0.0, "0");
    check_real(-0.0, "-0");
    check_real(12.5, "12.5");
    check_real(-0.1, "-0.1");
    check_real(0.3, "0.3");
    check_real(0.1 + 0.2, "0.30000000000000004");
    check_real(1.0 / 3, "0.3333333333333333");
    check_real(1e15, "1000000000000000");
    check_real(9007199254740991.0, "9007199254740991");
    check_real(1e-7, "0.0000001");
    check_real(1e22, "1e+22");
    check_real(DBL_MAX, "1.7976931348623157e+308");
    check_real(5e-324, "5e-324");
    check_real(-2.5e-320, "-2.5e-320");
    check_real(1700000000.25, "1700000000.25");
    check_real(99.99, "99.99");
}

static double random_real(uint64_t *seed)
{
    uint64_t x;
    double v;

    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    x = *seed ^ *seed >> 29;
    switch (x % 4) {
    case 0: /* any bits */
        memcpy(&v, &x, sizeof v);
        return isfinite(v) ? v : 1.5;
    case 1: /* what people measure */
        return (double)(x >> 40) / 100;
    case 2:
        return (double)(x >> 11) / 9007199254740992.0;
    default:
        return (double)(int64_t)(x >> 20) * 1e-6;
    }
}

Test(buf, reals_read_back_and_are_no_longer_than_17_digits)
{
    struct buf b = {0};
    char reference[64];
    uint64_t seed = 42;

    for (int i = 0; i < 200000; i++) {
        double v = random_real(&seed), back;

        buf_reset(&b);
        buf_put_f64(&b, v);
        back = strtod(text(&b), NULL);
        cr_assert_eq(memcmp(&back, &v, sizeof v), 0, "%.17g became %s", v, b.p);
        (void)snprintf(reference, sizeof reference, "%.15g", v);
        if (strtod(reference, NULL) == v && strchr(reference, 'e') == NULL)
            cr_assert_str_eq(b.p, reference);
    }
    buf_free(&b);
}

Test(buf, utf8)
{
    static const struct {
        const char *s;
        size_t want;
    } cases[] = {
        {"a", 1},
        {"\xc3\xa9", 2},
        {"\xe2\x82\xac", 3},
        {"\xf0\x9f\x98\x80", 4},
        {"", 0},
        {"\x80", 0},
        {"\xc0\xaf", 0},
        {"\xc1\xbf", 0},
        {"\xe0\x80\x80", 0},
        {"\xed\xa0\x80", 0},
        {"\xf0\x80\x80\x80", 0},
        {"\xf4\x90\x80\x80", 0},
        {"\xf5\x80\x80\x80", 0},
        {"\xe2\x82", 0},
        {"\xe2\x82g", 0},
        {"\xf4\x8f\xbf\xbf", 4},
        {"\xed\x9f\xbf", 3},
        {"\xc3", 0},
        {"\xe2\x28\xa1", 0},
        {"\xff", 0},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        cr_assert_eq(str_utf8(str_of(cases[i].s)), cases[i].want, "case %zu", i);
}

Test(buf, json)
{
    struct buf b = {0};

    buf_put_json(&b, str_of("\x7f\xc2\x80\xc2\x9f\xc2\xa0\xc2"));
    cr_assert_str_eq(text(&b), "\"\\u007f\\u0080\\u009f\xc2\xa0\\ufffd\"");
    buf_reset(&b);
    buf_put_json(&b, str_of("a\"b\\c\n\t\x01\xc3\xa9\xff/"));
    cr_assert_str_eq(text(&b), "\"a\\\"b\\\\c\\n\\t\\u0001\xc3\xa9\\ufffd/\"");
    buf_reset(&b);
    buf_put_json(&b, (struct str){NULL, 0});
    cr_assert_str_eq(text(&b), "\"\"");
    buf_free(&b);
}

Test(buf, visible)
{
    struct buf b = {0};

    buf_put_visible(&b, (struct str){"x\0\n\x1b[31m\x7f\xc2\x9b\xc3\xa9\xff", 14});
    cr_assert_str_eq(text(&b), "x\\x00\\n\\x1b[31m\\x7f\\xc2\\x9b\xc3\xa9\\xff");
    buf_free(&b);
}

/* A line that a stranger has turned round reads as another. */
Test(buf, visible_in_the_order_in_which_it_stands)
{
    static const char *const turning[] = {"\xd8\x9c",     "\xe2\x80\x8e", "\xe2\x80\x8f",
                                          "\xe2\x80\xa8", "\xe2\x80\xa9", "\xe2\x80\xaa",
                                          "\xe2\x80\xae", "\xe2\x81\xa6", "\xe2\x81\xa9"};
    static const char beside[] =
        "\xd8\x9b\xd7\x90\xe2\x80\x8d\xe2\x80\x90\xe2\x80\xa7\xe2\x80\xaf\xe2\x81\xaa";
    struct buf b = {0};

    for (size_t i = 0; i < sizeof turning / sizeof *turning; i++) {
        buf_reset(&b);
        buf_put_visible(&b, str_of(turning[i]));
        cr_expect_eq(b.n, 4 * strlen(turning[i]));
        cr_expect_eq(b.p[0], '\\');
    }
    buf_reset(&b);
    buf_put_visible(&b, str_of(beside));
    cr_expect_eq(b.n, sizeof beside - 1);
    cr_expect_eq(memcmp(b.p, beside, b.n), 0);
    buf_free(&b);
}

Test(buf, visible_never_cuts_a_character)
{
    char out[4];
    size_t used;

    cr_assert_eq(str_visible(out, 4, str_of("abc\xc3\xa9"), &used), 3);
    cr_assert_eq(used, 3);
    cr_assert_eq(str_visible(out, 3, str_of("\x01"), &used), 0);
    cr_assert_eq(used, 0);
}

Test(str, first_part)
{
    cr_assert(str_first_part(str_of("garnet"), "garnet"));
    cr_assert(str_first_part(str_of("garnet."), "garnet"));
    cr_assert(str_first_part(str_of("..garnet.x"), "garnet"));
    cr_assert_not(str_first_part(str_of("garnets"), "garnet"));
    cr_assert_not(str_first_part(str_of("x.garnet"), "garnet"));
    cr_assert_not(str_first_part(str_of("garne"), "garnet"));
    cr_assert_not(str_first_part(str_of("."), "garnet"));
    cr_assert_not(str_first_part((struct str){NULL, 0}, "garnet"));
}

Test(str, lines_are_taken_off_the_front)
{
    struct str text = str_of("a\n\nlast"), line;

    cr_assert(str_line(&text, &line) && str_eq(line, str_of("a")));
    cr_assert(str_line(&text, &line) && str_eq(line, str_of("")));
    cr_assert(str_line(&text, &line) && str_eq(line, str_of("last")), "its end may be missing");
    cr_assert_not(str_line(&text, &line));
    text = str_of("one\n");
    cr_assert(str_line(&text, &line) && str_eq(line, str_of("one")));
    cr_assert_not(str_line(&text, &line), "nothing follows a last end");
    text = (struct str){NULL, 0};
    cr_assert_not(str_line(&text, &line));
}
