/* garnet tail: its command line, and which metrics it is for. */
#include <criterion/criterion.h>
#include <string.h>

#include "cli/tail.h"

enum { MOST_ARGS = 6 };

static bool parses(struct tail_asked *t, const char *const args[MOST_ARGS], struct why *why)
{
    char *argv[MOST_ARGS + 2] = {"tail"};
    int argc = 1;

    *why = (struct why){0};
    for (; argc <= MOST_ARGS && args[argc - 1] != NULL; argc++)
        argv[argc] = (char *)(uintptr_t)args[argc - 1];
    return tail_parse(t, argc, argv, why);
}

Test(tail_asked, all_of_it)
{
    struct tail_asked t;
    struct why why;

    cr_assert(parses(
        &t, (const char *const[MOST_ARGS]){"a.*", "--collector", "c", "--json", "--from-start"},
        &why));
    cr_assert_str_eq(t.glob, "a.*");
    cr_assert_str_eq(t.collector, "c");
    cr_assert(t.json && t.oldest);
    cr_assert_null(t.sink);
    cr_assert(
        parses(&t, (const char *const[MOST_ARGS]){"--sink", "s", "-c", "f", "--spool", "d"}, &why));
    cr_assert_str_eq(t.sink, "s");
    cr_assert_str_eq(t.config, "f");
    cr_assert_str_eq(t.spool, "d");
}

Test(tail_asked, what_is_wrong_is_said)
{
    const struct {
        const char *args[MOST_ARGS], *why;
    } cases[] = {
        {{"a", "b"},
         "b: there can be one GLOB, and `a` is there (a shell makes many of a pattern that is not "
         "in quotes)"},
        {{"--nonsense"}, "unknown option --nonsense"},
        {{"--sink"}, "--sink needs a value"},
        {{"--json", "--sink", "s"},
         "--sink shows the sink's own bytes, which are not --json: give one of them"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct tail_asked t;
        struct why why;

        cr_assert_not(parses(&t, cases[i].args, &why));
        cr_assert_str_eq(why.text, cases[i].why);
    }
}

Test(tail_asked, by_name_and_collector)
{
    static struct metric m;
    struct tail_asked t = {0};

    m.name = str_of("cpu.user");
    m.collector = str_of("cpu");
    cr_assert(tail_wants(&t, &m));
    t.glob = "cpu.*";
    cr_assert(tail_wants(&t, &m));
    t.collector = "cp";
    cr_assert_not(tail_wants(&t, &m));
    t.collector = "cpu";
    cr_assert(tail_wants(&t, &m));
    t.glob = "mem*";
    cr_assert_not(tail_wants(&t, &m));
}
