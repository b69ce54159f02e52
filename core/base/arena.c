/* base/arena.c - a chain of blocks that are freed together
 *
 * The newest block is first, and each is twice the size of the one before, up to BLOCK_MOST. A request
 * that does not fit gets a new block, and what was left of the old one is given up. The first is
 * small: there is an arena for each collector, and garnetd's size is what a fork costs. Blocks come
 * from calloc, so that all memory is zeroed. Fails only by NULL, and remembers that it did.
 */
#include "base/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { BLOCK_FIRST = 256, BLOCK_MOST = 8192, ALIGN = _Alignof(max_align_t) };

struct arena_block {
    struct arena_block *next;
    size_t used, cap;
    _Alignas(max_align_t) char bytes[];
};

static struct arena_block *add_block(struct arena *a, size_t n)
{
    size_t cap = a->blocks != NULL ? 2 * a->blocks->cap : BLOCK_FIRST;
    struct arena_block *block;

    if (cap > BLOCK_MOST)
        cap = BLOCK_MOST;
    if (cap < n)
        cap = n;
    block = calloc(1, sizeof *block + cap);

    if (block == NULL)
        return NULL;
    block->cap = cap;
    block->next = a->blocks;
    a->blocks = block;
    return block;
}

void *arena_alloc(struct arena *a, size_t n)
{
    struct arena_block *block = a->blocks;
    void *p;

    if (n > SIZE_MAX / 2) {
        a->failed = true;
        return NULL;
    }
    n = n > 0 ? (n + ALIGN - 1) / ALIGN * ALIGN : ALIGN;
    if (block == NULL || n > block->cap - block->used)
        block = add_block(a, n);
    if (block == NULL) {
        a->failed = true;
        return NULL;
    }
    p = block->bytes + block->used;
    block->used += n;
    return p;
}

char *arena_strndup(struct arena *a, const char *s, size_t n)
{
    char *p = n < SIZE_MAX ? arena_alloc(a, n + 1) : NULL;

    if (p == NULL)
        a->failed = true;
    else if (n > 0)
        memcpy(p, s, n);
    return p;
}

char *arena_strdup(struct arena *a, const char *s)
{
    return arena_strndup(a, s, strlen(s));
}

__attribute__((format(printf, 2, 3))) char *arena_printf(struct arena *a, const char *fmt, ...)
{
    va_list ap;
    char *p = NULL;
    int n;

    va_start(ap, fmt);
    n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (n >= 0)
        p = arena_alloc(a, (size_t)n + 1);
    if (p == NULL) {
        a->failed = true;
        return NULL;
    }
    va_start(ap, fmt);
    (void)vsnprintf(p, (size_t)n + 1, fmt, ap);
    va_end(ap);
    return p;
}

bool arena_ok(const struct arena *a)
{
    return !a->failed;
}

void arena_free(struct arena *a)
{
    while (a->blocks != NULL) {
        struct arena_block *next = a->blocks->next;

        free(a->blocks);
        a->blocks = next;
    }
    a->failed = false;
}
