/* tests/unit/conf/test_yaml.c - the tree, its places, and the bounds; messages have case folders (test_conf_cases.c) */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "conf/yaml.h"

static struct arena arena;
static struct errors errors;

static void start(void)
{
    arena = (struct arena){0};
    errors = (struct errors){0};
}

static void end(void)
{
    arena_free(&arena);
    errors_free(&errors);
}

TestSuite(yaml, .init = start, .fini = end);

static struct node *parse(const char *text)
{
    return yaml_parse(&arena, "f.yaml", str_of(text), &errors);
}

static struct node *parse_good(const char *text)
{
    struct node *n = parse(text);

    cr_assert_eq(errors.n, 0, "%.*s", (int)errors.text.n, errors.text.p);
    cr_assert_not_null(n);
    return n;
}

static void at(const struct node *n, uint32_t line, uint32_t col)
{
    cr_assert_not_null(n);
    cr_assert_str_eq(n->at.file, "f.yaml");
    cr_assert_eq(n->at.line, line, "line %u", n->at.line);
    cr_assert_eq(n->at.col, col, "column %u", n->at.col);
}

Test(yaml, a_tree_with_places)
{
    const struct node *root = parse_good("# c\na: x\nlist:\n  - 1\n  - {k: 'v'}\nm: {}\n");
    const struct node *list = node_get(root, "list");

    cr_assert_eq(root->kind, NODE_MAP);
    cr_assert_eq(root->n, 3);
    at(node_get(root, "a"), 2, 4);
    cr_assert_eq(node_get(root, "a")->key_at.col, 1);
    cr_assert_eq(list->n, 2);
    at(list->first, 4, 5);
    at(node_get(list->first->next, "k"), 5, 9);
    cr_assert_str_eq(node_get(list->first->next, "k")->text, "v");
    cr_assert(list->first->plain);
    cr_assert_not(node_get(list->first->next, "k")->plain);
    cr_assert_null(node_get(root, "b"));
    cr_assert_null(node_get(list, "k"));
    cr_assert_null(node_get(NULL, "k"));
}

/* An editor does not show it, so it is in no column. */
Test(yaml, a_byte_order_mark_is_passed_over_whatever_comes_first)
{
    static const char *const firsts[] = {"", "# c\n", "---\n", "log_level: info\n", "\n"};

    for (size_t i = 0; i < sizeof firsts / sizeof *firsts; i++) {
        char text[64];

        (void)snprintf(text, sizeof text, "\xef\xbb\xbf%sa: x\nb: y\n", firsts[i]);
        at(node_get(parse_good(text), "a"), 1 + (i > 0), 4);
        at(node_get(parse_good(text), "b"), 2 + (i > 0), 4);
    }
    cr_assert_eq(parse_good("\xef\xbb\xbf")->n, 0);
}

Test(yaml, columns_are_bytes_and_all_line_breaks_count)
{
    at(node_get(parse_good("{ä: x, b: y}\n"), "b"), 1, 12);
    at(node_get(parse_good("a: x\r\nb: y\rc: z\n"), "c"), 3, 4);
    at(node_get(parse_good("# a\xc2\x85"
                           "b: y\xe2\x80\xa8"
                           "c: z\n"),
                "c"),
       3, 4);
}

Test(yaml, empty_is_a_map_without_entries)
{
    static const char *const empties[] = {"", "# c\n", "---\n", "---\n...\n", "~\n", "\n\n"};

    for (size_t i = 0; i < sizeof empties / sizeof *empties; i++) {
        const struct node *n = parse_good(empties[i]);

        cr_assert_eq(n->kind, NODE_MAP);
        cr_assert_eq(n->n, 0);
    }
}

Test(yaml, null_is_plain)
{
    const struct node *n = parse_good("[~, null, 'null', '', \"~\", nil]")->first;
    static const bool nulls[] = {true, true, false, false, false, false};

    for (size_t i = 0; i < 6; i++, n = n->next)
        cr_assert_eq(node_is_null(n), nulls[i], "%zu", i);
}

Test(yaml, what_is_refused_leaves_a_usable_tree)
{
    const struct node *root = parse("a: &x 1\nb: *x\na: 2\n[k]: 3\nc: !t 4\nd: \"\\n\"\ne: 5\n");

    cr_assert_not_null(root);
    cr_assert_eq(errors.n, 6);
    cr_assert_eq(root->n, 5);
    cr_assert_str_eq(node_get(root, "a")->text, "1");
    cr_assert_eq(node_get(root, "b")->kind, NODE_BAD);
    cr_assert_str_eq(node_get(root, "c")->text, "4");
    cr_assert_eq(node_get(root, "d")->kind, NODE_BAD);
    cr_assert_str_eq(node_get(root, "e")->text, "5");
}

static void refused(struct str text, const char *want)
{
    struct node *n = yaml_parse(&arena, "f.yaml", text, &errors);

    cr_assert_null(n);
    cr_assert_eq(errors.n, 1);
    buf_putc(&errors.text, 0);
    cr_assert_str_eq(errors.text.p, want);
}

Test(yaml, sixteen_levels_are_allowed)
{
    parse_good("[[[[[[[[[[[[[[[[x]]]]]]]]]]]]]]]]");
}

Test(yaml, a_hundred_thousand_levels_are_not)
{
    char *deep = malloc(100000);

    memset(deep, '[', 100000);
    refused((struct str){deep, 100000}, "f.yaml:1:17: nested deeper than 16 levels\n");
    free(deep);
}

Test(yaml, too_many_values)
{
    struct buf b = {0};

    buf_putc(&b, '[');
    for (int i = 0; i < 10000; i++)
        buf_puts(&b, "a,");
    buf_putc(&b, ']');
    refused((struct str){b.p, b.n}, "f.yaml:1:20000: more than 10000 values in one file\n");
    buf_free(&b);
}

Test(yaml, too_large)
{
    size_t n = (1 << 20) + 1;
    char *text = calloc(n, 1);

    memset(text, '#', n);
    parse_good("# small enough");
    refused((struct str){text, n}, "f.yaml: is larger than 1 MiB\n");
    free(text);
}

/* A line of nearly 1 MiB with nearly all values that are allowed: places must not be quadratic. */
Test(yaml, a_long_line_takes_no_time, .timeout = 5)
{
    struct buf b = {0};
    const struct node *n;

    buf_putc(&b, '[');
    for (int i = 0; i < 9990; i++)
        buf_putf(&b, "'%090d',", i);
    buf_putc(&b, ']');
    n = yaml_parse(&arena, "f.yaml", (struct str){b.p, b.n}, &errors);
    cr_assert_eq(errors.n, 0);
    cr_assert_eq(n->n, 9990);
    for (n = n->first; n->next; n = n->next)
        ;
    at(n, 1, 9989 * 93 + 2);
    buf_free(&b);
}

Test(yaml, errors_are_bounded_and_counted)
{
    for (int i = 0; i < 5000; i++)
        errors_add(&errors, (struct pos){"f", 1, 2}, "bad\x01%d", i);
    buf_putc(&errors.text, 0);
    cr_assert_eq(errors.n, 5000);
    cr_assert_eq(strncmp(errors.text.p, "f:1:2: bad\\x010\nf:1:2: bad\\x011\n", 32), 0);
    cr_assert_not_null(
        strstr(errors.text.p, "bad\\x01999\nthere are more errors: mend these first\n"));
    cr_assert_null(strstr(errors.text.p, "1000"));
}
