/* plugins/live/access and address: which Host, which token, which `listen`. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "access.h"
#include "address.h"

static const garnet_str more[] = {{"web01.example.com", 17}, {"[fd00::1]", 9}};
static const struct access ours = {
    .token = "0123456789abcdef",
    .host = "192.0.2.7",
    .hosts = {more, 2},
};

Test(live_access, hosts)
{
    static const char *const good[] = {"localhost",         "localhost:8200",       "LOCALHOST:1",
                                       "127.0.0.1",         "127.0.0.1:9",          "[::1]",
                                       "[::1]:8200",        "192.0.2.7:8200",       "localhost:",
                                       "Web01.example.com", "web01.example.com:80", "[fd00::1]:80"};
    static const char *const bad[] = {"",
                                      ":8200",
                                      "evil.example",
                                      "localhost.evil.example",
                                      "evil.example:8200",
                                      "localhost:8200@evil.example",
                                      "localhost:8200.evil.example",
                                      "127.0.0.1.evil.example",
                                      "127.0.0.2",
                                      "localhost:x",
                                      "[::1",
                                      "::1",
                                      "[::1]x",
                                      "[::1].evil.example:80",
                                      "local",
                                      "localhost "};

    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        cr_expect(access_host(&ours, good[i]), "%s", good[i]);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        cr_expect_not(access_host(&ours, bad[i]), "%s", bad[i]);
    cr_expect_not(access_host(&ours, NULL));
}

Test(live_access, tokens)
{
    char text[] = "0123456789abcdef0123456789abcdef";

    cr_expect(access_token(&ours, ours.token));
    cr_expect_not(access_token(&ours, ""));
    cr_expect_not(access_token(&ours, "0123456789abcdeF"));
    cr_expect_not(access_token(&ours, "0123456789abcde"));
    cr_expect_not(access_token(&ours, text)); /* twice the token is not the token */
    cr_expect(access_reader(&ours, "Bearer 0123456789abcdef", NULL));
    cr_expect(access_reader(&ours, "bearer 0123456789abcdef", "wrong"));
    cr_expect(access_reader(&ours, NULL, "0123456789abcdef"));
    cr_expect(access_reader(&ours, "Basic eDp5", "0123456789abcdef"));
    cr_expect_not(access_reader(&ours, "Bearer wrong", "0123456789abcdef"));
    cr_expect_not(access_reader(&ours, NULL, NULL));
    cr_expect_not(access_reader(&ours, NULL, ""));
    cr_expect(access_reader(&(struct access){0}, NULL, NULL));
}

Test(live_access, token_faults)
{
    char text[TOKEN_MOST + 2];

    memset(text, 'a', sizeof text);
    text[TOKEN_MOST + 1] = 0;
    cr_expect_not_null(access_token_fault(text));
    text[TOKEN_MOST] = 0;
    cr_expect_null(access_token_fault(text));
    text[TOKEN_LEAST] = 0;
    cr_expect_null(access_token_fault(text));
    text[3] = '\n';
    cr_expect_not_null(access_token_fault(text));
    text[3] = ';';
    cr_expect_not_null(access_token_fault(text));
    text[3] = (char)0xe4;
    cr_expect_not_null(access_token_fault(text));
    text[3] = 'a';
    text[TOKEN_LEAST - 1] = 0;
    cr_expect_not_null(access_token_fault(text));
}

Test(live_access, addresses)
{
    static const struct {
        const char *text;
        bool good, loopback;
    } cases[] = {
        {"127.0.0.1:8200", true, true},    {"127.9.9.9:0", true, true},
        {"localhost:65535", true, true},   {"[::1]:8200", true, true},
        {"0.0.0.0:8200", true, false},     {"[::]:8200", true, false},
        {"192.0.2.7:80", true, false},     {"[::ffff:127.0.0.1]:80", true, false},
        {"127.0.0.1", false, false},       {":8200", false, false},
        {"127.0.0.1:", false, false},      {"127.0.0.1:-1", false, false},
        {"127.0.0.1:65536", false, false}, {"127.0.0.1: 80", false, false},
        {"::1:8200", false, false},        {"[::1:8200", false, false},
        {"web01:8200", false, false},      {"", false, false},
    };
    struct address a;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cr_expect_eq(address_parse(&a, cases[i].text) == NULL, cases[i].good, "%s", cases[i].text);
        if (cases[i].good)
            cr_expect_eq(address_is_loopback(&a), cases[i].loopback, "%s", cases[i].text);
    }
}

Test(live_access, a_port_in_use)
{
    struct address a;
    unsigned port, again;
    char text[32];
    int first, second;

    cr_assert_null(address_parse(&a, "127.0.0.1:0"));
    cr_assert_geq(first = address_listen(&a, &port), 0);
    (void)snprintf(text, sizeof text, "127.0.0.1:%u", port);
    cr_assert_null(address_parse(&a, text));
    second = address_listen(&a, &again);
    cr_expect_eq(second, -1);
    cr_expect_eq(errno, EADDRINUSE);
    (void)close(first);
    cr_assert_geq(second = address_listen(&a, &again), 0);
    cr_expect_eq(again, port);
    (void)close(second);
}
