/* Words and numbers in the kernel's texts. */
#include <criterion/criterion.h>

#include "host/fields.h"

Test(fields, a_line_needs_its_end)
{
    struct str text = str_of("a b\n\nlast"), line;

    cr_assert(field_line(&text, &line) && field_is(line, "a b"));
    cr_assert(field_line(&text, &line) && line.n == 0);
    cr_assert(!field_line(&text, &line));
    text = (struct str){NULL, 0};
    cr_assert(!field_line(&text, &line));
}

Test(fields, words)
{
    struct str line = str_of(" \ta  b\t"), word;

    cr_assert(field_word(&line, &word) && field_is(word, "a"));
    cr_assert(field_word(&line, &word) && field_is(word, "b"));
    cr_assert(!field_word(&line, &word) && word.n == 0);
}

Test(fields, names)
{
    struct str line = str_of("  eth0:12 3"), name;

    cr_assert(field_name(&line, ':', &name) && field_is(name, "eth0") && field_is(line, "12 3"));
    cr_assert(!field_name(&line, ':', &name) && field_is(line, "12 3"));
    line = str_of(":1");
    cr_assert(!field_name(&line, ':', &name));
}

Test(fields, whole_numbers)
{
    const char *const wrong[] = {"",
                                 "-1",
                                 "+1",
                                 "1x",
                                 "0x1",
                                 "1.0",
                                 "18446744073709551616",
                                 "99999999999999999999",
                                 "184467440737095516150"};
    uint64_t v = 7;

    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        cr_assert(!field_u64(str_of(wrong[i]), &v) && v == 7, "%s", wrong[i]);
    cr_assert(!field_u64((struct str){"1\0002", 3}, &v));
    cr_assert(field_u64(str_of("18446744073709551615"), &v) && v == UINT64_MAX);
    cr_assert(field_u64(str_of("007"), &v) && v == 7);
}

Test(fields, hexadecimal_numbers)
{
    uint64_t v = 7;

    cr_assert(!field_hex(str_of(""), &v) && !field_hex(str_of("g"), &v) && v == 7);
    cr_assert(!field_hex((struct str){"1\0002", 3}, &v));
    cr_assert(!field_hex(str_of("10000000000000000"), &v));
    cr_assert(field_hex(str_of("ffffffffffffffff"), &v) && v == UINT64_MAX);
    cr_assert(field_hex(str_of("0000001a"), &v) && v == 26);
}

Test(fields, real_numbers)
{
    const char *const wrong[] = {"", "-1", "nan", "inf", "1e999", "0x1p3", "1,5", "1x"};
    double v = 7;

    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        cr_assert(!field_f64(str_of(wrong[i]), &v), "%s", wrong[i]);
    cr_assert(!field_f64((struct str){"1\0002", 3}, &v));
    cr_assert(field_f64(str_of("20514.79"), &v) && v > 20514.78 && v < 20514.80);
}
