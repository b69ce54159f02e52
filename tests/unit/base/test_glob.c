/* base/glob.c: tables of what matches and what is refused, and random patterns against a matcher
 * that tries everything. */
#include <criterion/criterion.h>
#include <time.h>

#include "base/glob.h"

struct row {
    const char *pattern, *text;
    bool match;
};

static const struct row ROWS[] = {
    {"cpu", "cpu", true},
    {"cpu", "cpu.user", false},
    {"cpu", "xcpu", false},
    {"cpu", "", false},
    {"*", "", true},
    {"*", "a.b.c", true},
    {"cpu.*", "cpu.user", true},
    {"cpu.*", "cpu.core.0.user", true},
    {"cpu.*", "cpu.", true},
    {"cpu.*", "cpu", false},
    {"*.user", "cpu.0.user", true},
    {"*.user", "cpu.0.users", false},
    {"a*b*c", "a1b2b3c", true},
    {"a*b*c", "a1c2b", false},
    {"**", "x", true},
    {"cpu.?.user", "cpu.0.user", true},
    {"cpu.?.user", "cpu.10.user", false},
    {"?", "", false},
    {"?", "\xc3\xa9", true},
    {"??", "\xc3\xa9", false},
    {"*\xc3\xa9", "caf\xc3\xa9", true},
    {"[a-c]x", "bx", true},
    {"[a-c]x", "dx", false},
    {"[!a-c]x", "dx", true},
    {"[^a-c]x", "bx", false},
    {"[]]", "]", true},
    {"[!]]", "]", false},
    {"[!]]", "x", true},
    {"[a-]", "-", true},
    {"[-a]", "-", true},
    {"[a-]", "b", false},
    {"[\\]a]", "]", true},
    {"[\\]a]", "a", true},
    {"[\\]a]", "\\", false},
    {"[\xc3\xa0-\xc3\xbf]", "\xc3\xa9", true},
    {"[\xc3\xa0-\xc3\xbf]", "e", false},
    {"\\*", "*", true},
    {"\\*", "x", false},
    {"\\?", "x", false},
    {"\\\\", "\\", true},
    {"a]", "a]", true},
    {"A", "a", false},
    {"{a,b}", "a", false},
    {"?", "\xff", true},
    {"\xc3\xa9", "\xff\xff", false},
};

Test(glob, table)
{
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        const struct row *r = &ROWS[i];

        cr_assert_null(glob_fault(r->pattern), "%s", r->pattern);
        cr_assert_eq(glob_match(r->pattern, str_of(r->text)), r->match, "%s on %s", r->pattern,
                     r->text);
    }
}

Test(glob, faults)
{
    static const char *const rows[][2] = {
        {"", "is empty"},        {"[", "without its ]"},        {"a[b", "without its ]"},
        {"[]", "without its ]"}, {"[!]", "without its ]"},      {"[a\\]", "without its ]"},
        {"a\\", "backslash"},    {"[z-a]", "before it begins"}, {"x[b-a", "before it begins"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *why = glob_fault(rows[i][0]);

        cr_assert(why != NULL && strstr(why, rows[i][1]) != NULL, "%s: %s", rows[i][0],
                  why ? why : "no fault");
        (void)glob_match(rows[i][0], str_of("a[b]")); /* reads nothing outside */
    }
}

/* A text with a length and no NUL behind it. */
Test(glob, reads_within_the_length)
{
    cr_assert(glob_match("ab", (struct str){"abc", 2}));
    cr_assert_not(glob_match("abc", (struct str){"abc", 2}));
    cr_assert_not(glob_match("?", (struct str){"\xc3\xa9", 0}));
}

/* Tries everything, for * ? and letters. */
static bool slow(const char *p, const char *s)
{
    if (*p == 0)
        return *s == 0;
    if (*p == '*')
        return slow(p + 1, s) || (*s != 0 && slow(p, s + 1));
    return *s != 0 && (*p == '?' || *p == *s) && slow(p + 1, s + 1);
}

Test(glob, agrees_with_trying_everything)
{
    unsigned seed = 5, matches = 0;

    for (int i = 0; i < 200000; i++) {
        char p[8], s[10];
        size_t np = 1 + (size_t)rand_r(&seed) % 7, ns = (size_t)rand_r(&seed) % 9;

        for (size_t j = 0; j < np; j++)
            p[j] = "ab*?"[rand_r(&seed) % 4];
        for (size_t j = 0; j < ns; j++)
            s[j] = "ab"[rand_r(&seed) % 2];
        p[np] = s[ns] = 0;
        cr_assert_eq(glob_match(p, str_of(s)), slow(p, s), "%s on %s", p, s);
        matches += slow(p, s);
    }
    cr_assert_gt(matches, 20000);
}

/* What takes others for ever: 4000 characters against twenty stars. */
Test(glob, never_takes_long, .timeout = 10)
{
    char text[4001];

    memset(text, 'a', 4000);
    text[4000] = 0;
    for (int i = 0; i < 100; i++)
        cr_assert_not(glob_match("*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b", str_of(text)));
}
