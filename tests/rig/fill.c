#include "rig/fill.h"

#include <criterion/criterion.h>

struct arena fill_arena;
struct errors fill_errors;

void fill_start(void)
{
    fill_arena = (struct arena){0};
    fill_errors = (struct errors){0};
}

void fill_end(void)
{
    arena_free(&fill_arena);
    errors_free(&fill_errors);
}

void fill_from(const struct section *s, const char *text, void *dst)
{
    const struct node *map = yaml_parse(&fill_arena, "/etc/f.yaml", str_of(text), &fill_errors);

    cr_assert_not_null(map);
    section_fill(&fill_arena, s, map, dst, &fill_errors);
}

void fill_expect(const struct section *s, const char *text, void *dst, const char *want)
{
    errors_free(&fill_errors);
    fill_from(s, text, dst);
    buf_putc(&fill_errors.text, 0);
    cr_assert_str_eq(fill_errors.text.p, want);
}
