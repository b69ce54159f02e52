/* tests/rig/chance.h - what the tests by chance share: numbers that follow from a seed, a trace of what was done, a
 * folder in memory
 *
 * MUST() is cr_assert() for what is asked a million times: each cr_assert that holds is a message to criterion's
 * runner, and MUST costs nothing then. */
#pragma once
#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Sanitized code is several times slower: a tenth of everything there. */
#ifdef __clang__
#define SANITIZED __has_feature(address_sanitizer)
#elif defined __SANITIZE_ADDRESS__
#define SANITIZED 1
#else
#define SANITIZED 0
#endif
#if SANITIZED
enum { STRIDE = 10 };
#else
enum { STRIDE = 1 };
#endif

uint64_t random_next(uint64_t *state); /* splitmix64 */
uint64_t random_below(uint64_t *state, uint64_t n);

struct chance { /* of something to happen */
    unsigned weight;
    void (*act)(void);
};

/* One of them, by their weights. */
void act_by_chance(const struct chance *of, size_t n, uint64_t *rng);
bool is_long_run(void); /* GARNET_TEST_LONG */

/* The test tells in `trace` what it does; a failure shows it. */
extern struct trace {
    char text[8192];
    size_t n;
} trace;

void trace_reset(void);

__attribute__((format(printf, 1, 2))) void trace_note(const char *fmt, ...);

#define MUST(condition, ...)                                                                       \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            trace_note("\n  " __VA_ARGS__);                                                        \
            cr_assert_fail("line %d: %s\n%s", __LINE__, #condition, trace.text);                   \
        }                                                                                          \
    } while (0)

/* A new folder, in memory where the machine has such a place. */
int memory_dir(char path[64]);

/* Everything in it; folders one level deep. */
void empty_dir(int dirfd);
void remove_dir(int dirfd, const char *path);
