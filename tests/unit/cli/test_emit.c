/* `garnet emit`: the command line, the JSON, and what the reply becomes. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/emit.h"

enum { MAX_ARGS = 8 };

static bool parse(struct emit *e, const char *const args[MAX_ARGS], struct why *why)
{
    char *argv[MAX_ARGS + 2] = {"emit"};
    int argc = 1;

    *why = (struct why){0};
    while (argc <= MAX_ARGS && args[argc - 1] != NULL) {
        argv[argc] = (char *)(uintptr_t)args[argc - 1];
        argc++;
    }
    return emit_parse(e, argc, argv, why);
}

Test(emit, numbers_are_those_of_json)
{
    const char *const good[] = {"0",   "-0",   "12",   "-5",     "0.5",
                                "1e6", "1E+6", "2e-3", "-1.5e0", "18446744073709551615"};
    const char *const bad[] = {"",    "-",   "+5", "05", ".5",  "5.",  "1e", "1e+", "0x10",
                               "nan", "inf", "1 ", " 1", "1,5", "--1", "1}", "1\n", "Infinity"};

    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        cr_assert(emit_is_number(good[i]), "%s", good[i]);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        cr_assert(!emit_is_number(bad[i]), "%s", bad[i]);
}

Test(emit, command_line_becomes_json)
{
    const struct {
        const char *args[MAX_ARGS], *json;
    } cases[] = {
        {{"a.b", "-5"}, "{\"name\":\"a.b\",\"value\":-5}\n"},
        {{"a", "1", "--unit", "B", "--type=counter", "--time", "1700000000.25"},
         "{\"name\":\"a\",\"value\":1,\"time\":1700000000.25,\"type\":\"counter\",\"unit\":\"B\"}"
         "\n"},
        {{"--tag", "k=v=w", "a", "1.50", "--tag=l=", "--tag", "=x"},
         "{\"name\":\"a\",\"value\":1.50,\"tags\":{\"k\":\"v=w\",\"l\":\"\",\"\":\"x\"}}\n"},
        {{"--", "--a", "1"}, "{\"name\":\"--a\",\"value\":1}\n"},
        {{"a\"\\\n", "1"}, "{\"name\":\"a\\\"\\\\\\n\",\"value\":1}\n"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buf out = {0};
        struct emit e;
        struct why why;

        cr_assert(parse(&e, cases[i].args, &why), "%s", why.text);
        emit_json(&e, &out);
        buf_putc(&out, 0);
        cr_assert(buf_ok(&out));
        cr_assert_str_eq(out.p, cases[i].json);
        buf_free(&out);
    }
}

Test(emit, wrong_usage_is_named)
{
    const struct {
        const char *args[MAX_ARGS], *why;
    } cases[] = {
        {{"a"}, "VALUE is missing"},
        {{"a", "-,5"},
         "VALUE has a comma: a number's decimal point is a dot, such as 1.5 (LC_ALL=C makes "
         "programs write it)"},
        {{"a", "-1,5"},
         "VALUE has a comma: a number's decimal point is a dot, such as 1.5 (LC_ALL=C makes "
         "programs write it)"},
        {{"a", "x"}, "VALUE must be a number, such as 12, -3.5 or 1e6"},
        {{"a", "1", "2"}, "2: nothing may follow NAME VALUE but options"},
        {{"a", "1", "--tag"}, "--tag needs a value"},
        {{"a", "1", "--tag", "x"}, "--tag x: write it as KEY=VALUE"},
        {{"a", "1", "--tags", "x=y"}, "unknown option --tags"},
        {{"a", "1", "--ta=x=y"}, "unknown option --ta=x=y"},
        {{"a", "1", "--time", "now"},
         "--time must be Unix seconds, such as 1700000000 or 1700000000.25"},
        {{"--unit", "B"},
         "--tag, --unit, --type and --time go with NAME VALUE, not with JSON on standard input"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct emit e;
        struct why why;

        cr_assert(!parse(&e, cases[i].args, &why));
        cr_assert_str_eq(why.text, cases[i].why);
    }
}

Test(emit, more_tags_than_there_is_room_for)
{
    char *argv[1 + 2 * (EMIT_MAX_TAGS + 1)];
    struct emit e;
    struct why why;
    int argc = 0;

    argv[argc++] = "emit";
    for (int i = 0; i <= EMIT_MAX_TAGS; i++) {
        argv[argc++] = "--tag";
        argv[argc++] = "k=v";
    }
    cr_assert(!emit_parse(&e, argc, argv, &why));
    cr_assert_str_eq(why.text, "more than 64 tags");
}

Test(emit, no_arguments_mean_standard_input)
{
    struct emit e;
    struct why why;

    cr_assert(parse(&e, (const char *const[MAX_ARGS]){"--socket", "/s"}, &why));
    cr_assert_eq(e.name, NULL);
    cr_assert_str_eq(e.socket, "/s");
}

/* --- the reply --- */

static void expect(const char *reply, enum reply_verdict verdict, const char *printed)
{
    char *text = NULL;
    size_t n;
    FILE *f = open_memstream(&text, &n);

    cr_assert_neq(f, NULL);
    cr_assert_eq(reply_show(reply, false, f), verdict, "%s", reply);
    fclose(f);
    cr_assert_str_eq(text, printed);
    free(text);
}

Test(reply, accepted)
{
    expect("{\"accepted\":1,\"rejected\":0,\"errors\":[]}\n", REPLY_ACCEPTED, "");
    expect("{\"accepted\":1,\"rejected\":0}\n{\"accepted\":2,\"rejected\":0}", REPLY_ACCEPTED, "");
}

Test(reply, rejected_with_place_and_field)
{
    expect(
        "{\"accepted\":12,\"rejected\":1,\"errors\":[{\"line\":3,\"byte\":17,\"field\":\"value\","
        "\"error\":\"must be a finite number\"}]}\n",
        REPLY_REJECTED, "rejected: line 3, byte 17, value: must be a finite number\n");
    expect("{\"accepted\":0,\"rejected\":1,\"errors\":[{\"line\":1,\"byte\":2,\"error\":\"x\"}]}\n",
           REPLY_REJECTED, "rejected: line 1, byte 2, x\n");
}

Test(reply, counts_what_it_is_not_told_of)
{
    expect("{\"accepted\":0,\"rejected\":5,\"errors\":[{\"error\":\"x\"}]}\n", REPLY_REJECTED,
           "rejected: x\nrejected: 4 more; garnetd's log has them\n");
}

Test(reply, refused)
{
    expect("{\"accepted\":0,\"rejected\":0,\"errors\":[{\"error\":\"too many connections\"}]}\n",
           REPLY_REFUSED, "refused: too many connections\n");
    expect("HTTP/1.1 400 Bad Request\n", REPLY_REFUSED,
           "refused: this is not a reply of garnetd: HTTP/1.1 400 Bad Request\n");
    expect("{\"accepted\":\"1\",\"rejected\":0}\n", REPLY_REFUSED,
           "refused: this is not a reply of garnetd: {\"accepted\":\"1\",\"rejected\":0}\n");
}
