/* A reply of garnetd's is read whole, and what is none is not taken for one. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "reply.h"

static char text[4096];

static bool read(struct reply *r, const char *line)
{
    (void)snprintf(text, sizeof text, "%s", line);
    return reply_read(r, text);
}

Test(client_reply, counts_and_faults)
{
    struct reply r;

    cr_assert(read(&r, "{\"accepted\":12,\"rejected\":18446744073709551615,\"errors\":["
                       "{\"line\":3,\"byte\":17,\"field\":\"tags.a\\\"b\",\"error\":\"must be "
                       "\\u00e9\\ud83d\\ude00\"},"
                       "{\"error\":\"no place\"}],\"more\":7}"));
    cr_assert_eq(r.told.accepted, 12);
    cr_assert_eq(r.told.rejected, UINT64_MAX);
    cr_assert_eq(r.told.nfaults, 2);
    cr_assert_eq(r.told.more, 7);
    cr_assert_eq(r.told.faults[0].line, 3);
    cr_assert_eq(r.told.faults[0].byte, 17);
    cr_assert_str_eq(r.told.faults[0].field, "tags.a\"b");
    cr_assert_str_eq(r.told.faults[0].text, "must be \xc3\xa9\xf0\x9f\x98\x80");
    cr_assert_eq(r.told.faults[1].line, 0);
    cr_assert_str_eq(r.told.faults[1].field, "");
    cr_assert_str_eq(r.told.faults[1].text, "no place");
}

Test(client_reply, no_control_character_gets_out_and_no_broken_byte)
{
    struct reply r;

    cr_assert(read(&r, "{\"accepted\":0,\"rejected\":1,\"errors\":[{\"error\":"
                       "\"\xc2\x9b\x31m \xff \xe2\x82 \xc3\xa9 \xc2\xa0 \x1b\x7f\xc3\"}]}"));
    cr_assert_str_eq(r.told.faults[0].text, "?1m ? ?? \xc3\xa9 \xc2\xa0 ???");
}

Test(client_reply, what_is_new_is_passed_over)
{
    struct reply r;

    cr_assert(read(
        &r, " { \"new\" : { \"a\" : [ 1 , -2e5, null, \"}\" ] , \"b\" : {} } , \"accepted\" : 1 , "
            "\"rejected\":0,\"errors\":[ ], \"of\" : [ ] } \r\n"));
    cr_assert_eq(r.told.accepted, 1);
    cr_assert(
        read(&r, "{\"accepted\":0,\"rejected\":1,\"errors\":[{\"error\":\"x\",\"more\":[true]}]}"));
    cr_assert_str_eq(r.told.faults[0].text, "x");
}

Test(client_reply, faults_are_bounded)
{
    struct reply r;
    size_t n;

    n = (size_t)snprintf(text, sizeof text,
                         "{\"accepted\":0,\"rejected\":20,\"more\":3,\"errors\":[");
    for (int i = 0; i < 20; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "%s{\"error\":\"%d\"}", i > 0 ? "," : "",
                              i);
    (void)snprintf(text + n, sizeof text - n, "]}");
    cr_assert(reply_read(&r, text));
    cr_assert_eq(r.told.nfaults, REPLY_FAULTS);
    cr_assert_eq(r.told.more, 20 - REPLY_FAULTS + 3);
}

Test(client_reply, no_control_character_gets_out)
{
    struct reply r;

    cr_assert(read(&r, "{\"accepted\":0,\"rejected\":1,\"errors\":[{\"error\":"
                       "\"a\\u001b\\n\\u0000\\u009b\\ud800\x1b\x7f/\\/\"}]}"));
    cr_assert_str_eq(r.told.faults[0].text, "a\?\?\?\?\?\?\?//");
}

Test(client_reply, what_is_no_reply)
{
    static const char *const WRONG[] = {
        "",
        "hello",
        "[]",
        "{}",
        "{\"accepted\":1}",
        "{\"accepted\":1,\"rejected\":0",
        "{\"accepted\":1,\"rejected\":0} x",
        "{\"accepted\":1,,\"rejected\":0}",
        "{\"accepted\":1 \"rejected\":0}",
        "{\"accepted\":-1,\"rejected\":0}",
        "{\"accepted\":1.5,\"rejected\":0}",
        "{\"accepted\":18446744073709551616,\"rejected\":0}",
        "{\"accepted\":\"1\",\"rejected\":0}",
        "{\"accepted\":1,\"rejected\":0,\"errors\":{}}",
        "{\"accepted\":1,\"rejected\":1,\"errors\":[{\"line\":1}]}",
        "{\"accepted\":1,\"rejected\":1,\"errors\":[{\"error\":\"x}]}",
        "{\"accepted\":1,\"rejected\":1,\"errors\":[{\"error\":\"\\x\"}]}",
        "{\"accepted\":1,\"rejected\":1,\"errors\":[{\"error\":\"\\u12\"}]}",
        "{\"accepted\":1,\"rejected\":0,\"new\":[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]"
        "]}",
        "{\"accepted\":1,\"rejected\":0,\"new\":}",
        "{\"accepted\":1,\"rejected\":0,\"new\":[1",
        "{\"accepted\":1,\"rejected\":0,\"new\":{\"a\"",
        "{\"accepted\":1,\"rejected\":0,\"",
        "{\"accepted\":1,\"rejected\":0,\"\\",
    };

    for (size_t i = 0; i < sizeof WRONG / sizeof *WRONG; i++) {
        struct reply r;

        cr_assert(!read(&r, WRONG[i]), "%s", WRONG[i]);
        cr_assert_eq(r.told.accepted + r.told.rejected + r.told.nfaults + r.told.more, 0);
    }
}
