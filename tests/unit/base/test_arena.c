/* base/arena: alignment, zeroed memory, large requests, one free */
#include <criterion/criterion.h>

#include "base/arena.h"

Test(arena, many_small_things)
{
    struct arena a = {0};
    static const char zero[100];
    char *seen[1000];

    for (size_t i = 0; i < 1000; i++) {
        seen[i] = arena_alloc(&a, i % 100);
        cr_assert_not_null(seen[i]);
        cr_assert_eq((uintptr_t)seen[i] % _Alignof(max_align_t), 0);
        cr_assert_eq(memcmp(seen[i], zero, i % 100), 0);
        memset(seen[i], (int)(i % 251), i % 100);
    }
    for (size_t i = 0; i < 1000; i++)
        for (size_t j = 0; j < i % 100; j++)
            cr_assert_eq((unsigned char)seen[i][j], i % 251);
    cr_assert(arena_ok(&a));
    arena_free(&a);
    cr_assert_null(a.blocks);
}

Test(arena, strings)
{
    struct arena a = {0};

    cr_assert_str_eq(arena_strdup(&a, "hello"), "hello");
    cr_assert_str_eq(arena_strndup(&a, "hello", 2), "he");
    cr_assert_str_eq(arena_strndup(&a, NULL, 0), "");
    cr_assert_str_eq(arena_printf(&a, "%s-%d", "x", 7), "x-7");
    arena_free(&a);
}

Test(arena, large_and_impossible)
{
    struct arena a = {0};
    char *p = arena_alloc(&a, 1 << 20);

    cr_assert_not_null(p);
    p[(1 << 20) - 1] = 1;
    cr_assert(arena_ok(&a));
    cr_assert_null(arena_alloc(&a, SIZE_MAX));
    cr_assert_not(arena_ok(&a));
    cr_assert_not_null(arena_alloc(&a, 1)); /* later ones work, but the failure is remembered */
    cr_assert_not(arena_ok(&a));
    arena_free(&a);
    cr_assert(arena_ok(&a));
}
