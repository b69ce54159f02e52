/* tests/unit/base/test_say.c - what strangers wrote does nothing to a terminal */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "base/terminal.h"

static void check(void (*what)(FILE *to), const char *want)
{
    char *text = NULL;
    size_t n = 0;
    FILE *f = open_memstream(&text, &n);

    cr_assert_not_null(f);
    what(f);
    cr_assert_eq(fclose(f), 0);
    cr_assert_str_eq(text, want);
    free(text);
}

static void a_name(FILE *to)
{
    say(to, "sink %s: %d",
        "main\x1b]0;pwned\x07\nforged: line\r\x7f\xc2\x9b\x9b"
        "2J \xc3\xa4",
        7);
}

static void nothing(FILE *to)
{
    say(to, "%s", "");
}

static void long_one(FILE *to)
{
    say(to, "%01000d\x1b", 7);
}

Test(say, one_line_stays_one)
{
    char want[1100];

    check(a_name,
          "sink main\\x1b]0;pwned\\x07\\nforged: line\\r\\x7f\\xc2\\x9b\\x9b2J \xc3\xa4: 7\n");
    check(nothing, "\n");
    (void)snprintf(want, sizeof want, "%01000d\\x1b\n", 7);
    check(long_one, want);
}

static void lines(FILE *to)
{
    say_text(to, str_of("one\n\ntwo\x1b[2J\r\nthree\t"));
    say_text(to, (struct str){NULL, 0});
    say_text(to, (struct str){"\0\n", 2});
}

Test(say, the_lines_of_a_text_stay_lines)
{
    check(lines, "one\n\ntwo\\x1b[2J\\r\nthree\\t\\x00\n");
}
