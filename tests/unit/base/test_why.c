/* base/why: a text is kept whole, or ends where it is seen to be cut */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "base/why.h"

Test(why, is_empty_until_it_is_set)
{
    struct why w = {0};

    cr_assert_str_eq(w.text, "");
    cr_assert_not(why_set(&w, "cannot be read: %d", 7), "who fails returns what this does");
    cr_assert_str_eq(w.text, "cannot be read: 7");
}

Test(why, a_shorter_text_leaves_nothing_of_the_one_before)
{
    struct why w;

    why_set(&w, "%s", "a longer text");
    why_set(&w, "%s", "short");
    cr_assert_str_eq(w.text, "short");
    cr_assert_eq(w.text[sizeof "short"], 0);
}

Test(why, takes_its_own_text_as_an_argument)
{
    struct why w;

    why_set(&w, "is a folder");
    why_set(&w, "the program %s %s, so %s", "/bin/x", w.text, w.text);
    cr_assert_str_eq(w.text, "the program /bin/x is a folder, so is a folder");
}

Test(why, prints_errno_and_keeps_it)
{
    struct why w;

    errno = ENOENT;
    why_set(&w, "cannot be opened: %m");
    cr_assert_eq(errno, ENOENT);
    cr_assert_str_eq(w.text, "cannot be opened: No such file or directory");
}

Test(why, the_longest_text_is_whole)
{
    char most[WHY_SIZE];
    struct why w;

    memset(most, 'a', sizeof most - 1);
    most[sizeof most - 1] = 0;
    why_set(&w, "%s", most);
    cr_assert_str_eq(w.text, most);
}

Test(why, a_longer_one_is_cut_and_shows_it)
{
    char more[2 * WHY_SIZE];
    struct why w;

    memset(more, 'a', sizeof more - 1);
    more[sizeof more - 1] = 0;
    why_set(&w, "%s", more);
    cr_assert_eq(strlen(w.text), WHY_SIZE - 1);
    cr_assert_str_eq(w.text + WHY_SIZE - 5, "a...");
}

Test(why, no_character_is_cut_in_half)
{
    for (size_t first = 0; first < 4; first++) {
        char more[2 * WHY_SIZE] = "xxx";
        size_t n = first;
        struct why w;

        for (; n + 3 < sizeof more; n += 3)
            memcpy(more + n, "\xe2\x82\xac", 3); /* a euro sign */
        more[n] = 0;
        why_set(&w, "%s", more);
        n = strlen(w.text);
        cr_assert(n > WHY_SIZE - 4 && strcmp(w.text + n - 3, "...") == 0, "%zu", first);
        cr_assert_eq((n - 3 - first) % 3, 0, "half a character before the mark: %zu", first);
    }
}
