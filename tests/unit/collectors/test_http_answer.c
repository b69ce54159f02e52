/* Which statuses are good, and when a certificate expires, as libcurl says it with one library for TLS or the other. */
#include <criterion/criterion.h>

#include "checks/http_answer.h"

static bool good[HTTP_STATUS_MOST + 1];
static struct why why;

static size_t count(void)
{
    size_t n = 0;

    for (size_t i = 0; i <= HTTP_STATUS_MOST; i++)
        n += good[i];
    return n;
}

Test(http_answer, statuses)
{
    cr_assert(http_statuses("200", good, &why));
    cr_assert(good[200] && count() == 1);
    cr_assert(http_statuses("204,300-399,999", good, &why));
    cr_assert(good[204] && good[300] && good[399] && good[999] && !good[200] && count() == 102);
    cr_assert(http_statuses("100-999", good, &why));
    cr_assert_eq(count(), 900);
}

Test(http_answer, no_statuses)
{
    static const char *const cases[] = {"",
                                        ",",
                                        "2xx",
                                        "99",
                                        "1000",
                                        "200-",
                                        "-200",
                                        "300-200",
                                        "200,,300",
                                        "200,",
                                        " 200",
                                        "200 ",
                                        "+200",
                                        "200-1000",
                                        "200--300",
                                        "0x200",
                                        "18446744073709551816"};

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cr_expect(!http_statuses(cases[i], good, &why), "%s", cases[i]);
        cr_expect_str_eq(why.text, "is no list of statuses: write 200,204 or 200-399");
    }
}

Test(http_answer, when_a_certificate_expires)
{
    time_t at = 0;

    cr_assert(http_expires("Expire date:Nov  3 10:20:30 2026 GMT", &at));
    cr_assert_eq(at, 1793701230);
    at = 0;
    cr_assert(http_expires("Expire Date:2026-11-03 10:20:30 GMT", &at));
    cr_assert_eq(at, 1793701230);
    cr_assert(http_expires("Expire date:Jan 19 03:14:08 2038 GMT", &at));
    cr_assert_eq(at, 2147483648);
}

Test(http_answer, other_lines)
{
    static const char *const cases[] = {
        "",
        "Expire date:",
        "Expire date:never",
        "Start date:Nov  3 10:20:30 2026 GMT",
        "Expire date:Nov 31 2026 GMT",
        "Expire date:Nov  3 10:20:30 2026",
        "Expire date:Nov  3 10:20:30 2026 GMT and more",
        "Subject:Expire date:Nov  3 10:20:30 2026 GMT",
    };
    time_t at = 7;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cr_expect(!http_expires(cases[i], &at), "%s", cases[i]);
        cr_expect_eq(at, 7);
    }
}
