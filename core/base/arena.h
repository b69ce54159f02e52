/* base/arena.h - many small things with one lifetime and one free
 *
 * For what is built once and read many times: the configuration and its tree. All memory is zeroed.
 * A failed allocation returns NULL and is sticky: arena_ok() tells, once, at the end.
 */
#pragma once
#include "base/buf.h"

struct arena_block;
struct arena {
    struct arena_block *blocks;
    bool failed;
};

void *arena_alloc(struct arena *a,
                  size_t n); /* aligned for anything; n = 0 gives a valid pointer */
char *arena_strdup(struct arena *a, const char *s);
char *arena_strndup(struct arena *a, const char *s, size_t n);
char *arena_printf(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
bool arena_ok(const struct arena *a);
void arena_free(struct arena *a); /* everything; the arena is empty and usable again */
