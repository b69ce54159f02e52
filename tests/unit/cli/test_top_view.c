/* tests/unit/cli/test_top_view.c - cli/top_view.h: what keys do, on any size of screen */
#include <criterion/criterion.h>
#include <stdio.h>

#include "cli/top_view.h"

static struct top_model model;
static struct top_view view;
static double now = 1000;

/* So many collectors "cNN", and two sinks. */
static void answers(int collectors)
{
    json_t *all = json_array(), *status;

    for (int i = 0; i < collectors; i++) {
        char name[16];

        (void)snprintf(name, sizeof name, "c%02d", i);
        (void)json_array_append_new(all, json_pack("{s:s,s:s}", "name", name, "state", "idle"));
    }
    status = json_pack("{s:f,s:o,s:[{s:s},{s:s}]}", "now", now++, "collectors", all, "sinks",
                       "name", "s1", "name", "s2");
    cr_assert(top_model_take(&model, status));
    json_decref(status);
}

static void presses(int key)
{
    cr_assert(top_view_key(&view, &model, key));
    cr_assert(top_view_fit(&view, &model, 24, 80));
}

static void setup(void)
{
    answers(50);
    cr_assert(top_view_fit(&view, &model, 24, 80));
}

static void teardown(void)
{
    top_view_free(&view);
    top_model_free(&model);
}

TestSuite(top_view, .init = setup, .fini = teardown);

static const char *chosen(void)
{
    const char *name = view.tables[view.kind].name;

    return name != NULL ? name : "";
}

Test(top_view, moves)
{
    cr_assert_str_eq(chosen(), "c00");
    presses(TOP_KEY_UP);
    presses(TOP_KEY_DOWN);
    cr_assert_str_eq(chosen(), "c01");
    presses(TOP_KEY_END);
    cr_assert_str_eq(chosen(), "c49");
    cr_assert_eq(view.tables[TOP_COLLECTOR].first + view.tables[TOP_COLLECTOR].height, 50);
    presses(TOP_KEY_PAGE_UP);
    presses(TOP_KEY_HOME);
    presses('\t');
    cr_assert_str_eq(chosen(), "s1");
    presses('j');
    cr_assert_str_eq(chosen(), "s2");
    cr_assert_not(top_view_key(&view, &model, 'q'));
}

Test(top_view, the_choice_stays_with_its_name)
{
    presses(TOP_KEY_DOWN);
    presses('s');
    cr_assert_eq(model.order, TOP_BY_STATE);
    cr_assert_str_eq(chosen(), "c01");
    answers(1);
    cr_assert(top_view_fit(&view, &model, 24, 80));
    cr_assert_str_eq(chosen(), "c00", "what is in its place");
}

Test(top_view, filter)
{
    presses('/');
    presses('4');
    presses('q');
    cr_assert_str_eq(model.filter, "4q", "while it is typed q is a letter");
    cr_assert_eq(model.lists[TOP_COLLECTOR].n, 0);
    presses(TOP_KEY_BACKSPACE);
    presses(TOP_KEY_ENTER);
    cr_assert_not(view.typing);
    cr_assert_eq(model.lists[TOP_COLLECTOR].n, 14);
    cr_assert_str_eq(chosen(), "c04");
    presses(TOP_KEY_ESCAPE);
    cr_assert_eq(model.lists[TOP_COLLECTOR].n, 50);
    presses('/');
    for (int i = 0; i < 100; i++)
        presses(0xc3), presses(0xa4);
    cr_assert_lt(strlen(model.filter), sizeof model.filter);
    presses(TOP_KEY_BACKSPACE);
    cr_assert_eq(model.filter[strlen(model.filter) - 1] & 0xff, 0xa4, "a whole character is gone");
}

Test(top_view, looks_into_one)
{
    presses(TOP_KEY_DOWN);
    presses(TOP_KEY_ENTER);
    cr_assert_eq(view.page, TOP_ONE);
    cr_assert_eq(strncmp(view.text.p, "collector c01\n", 14), 0);
    answers(1);
    cr_assert(top_view_fit(&view, &model, 24, 80));
    cr_assert_eq(strncmp(view.text.p, "It is not there", 15), 0);
    presses(TOP_KEY_ESCAPE);
    cr_assert_eq(view.page, TOP_TABLES);
    presses('v');
    cr_assert_eq(strncmp(view.text.p, "healthy\n", 8), 0);
    presses('?');
    cr_assert_eq(view.page, TOP_KEYS);
}

Test(top_view, any_size)
{
    static const enum top_page pages[] = {TOP_TABLES, TOP_ONE, TOP_REASONS, TOP_KEYS};

    for (size_t p = 0; p < sizeof pages / sizeof *pages; p++)
        for (size_t lines = 1; lines < 80; lines++)
            for (size_t columns = 1; columns < 100; columns += 9) {
                view.page = pages[p];
                view.scroll = 1000;
                cr_assert(top_view_fit(&view, &model, lines, columns));
                cr_assert_leq(view.scroll, view.nlines);
                for (size_t i = 0; i < view.nlines; i++)
                    cr_assert_leq(view.lines[i].n, columns);
                cr_assert_leq(3 + view.reasons + view.tables[0].height + view.tables[1].height,
                              lines > 4 ? lines : 4);
            }
}
