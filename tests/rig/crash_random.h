/* tests/rig/crash_random.h - what the tests by chance share: numbers that follow from a seed, a folder in
 * memory, and a way to fail that costs nothing while all is well (each cr_assert that holds is a
 * message to criterion's runner). */
#ifndef CRASH_RANDOM_H
#define CRASH_RANDOM_H
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

/* splitmix64 */
static inline uint64_t rnd(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

static inline uint64_t below(uint64_t *state, uint64_t n)
{
    return n ? rnd(state) % n : 0;
}

struct chance { /* of something to happen */
    unsigned weight;
    void (*act)(void);
};

static inline void happen(const struct chance *of, size_t n, uint64_t *rng)
{
    uint64_t sum = 0, pick;

    for (size_t i = 0; i < n; i++)
        sum += of[i].weight;
    for (pick = below(rng, sum); pick >= of->weight; of++)
        pick -= of->weight;
    of->act();
}

static inline bool is_long(void)
{
    return getenv("GARNET_TEST_LONG") != NULL;
}

/* The test tells in `trace` what it does; a failure shows it. */
static struct {
    char text[8192];
    size_t n;
} trace;

static inline void trace_reset(void)
{
    trace.n = 0;
    trace.text[0] = '\0';
}

__attribute__((format(printf, 1, 2))) static inline void note(const char *fmt, ...)
{
    size_t room = sizeof trace.text - trace.n;
    va_list ap;
    int n;

    va_start(ap, fmt);
    n = vsnprintf(trace.text + trace.n, room, fmt, ap);
    va_end(ap);
    if (n > 0)
        trace.n += (size_t)n < room ? (size_t)n : room - 1;
}

#define MUST(condition, ...)                                                                       \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            note("\n  " __VA_ARGS__);                                                              \
            cr_assert_fail("line %d: %s\n%s", __LINE__, #condition, trace.text);                   \
        }                                                                                          \
    } while (0)

/* A new folder, in memory where the machine has such a place. */
static inline int memory_dir(char path[64])
{
    const char *tmp = getenv("TMPDIR");
    int fd;

    (void)snprintf(path, 64, "/dev/shm/garnet-XXXXXX");
    if (mkdtemp(path) == NULL) {
        (void)snprintf(path, 64, "%.40s/garnet-XXXXXX", tmp != NULL ? tmp : "/tmp");
        cr_assert_not_null(mkdtemp(path));
    }
    fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    cr_assert_geq(fd, 0);
    return fd;
}

/* Everything in it; folders one level deep. */
static inline void empty_dir(int dirfd)
{
    int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), sub;
    DIR *d = fdopendir(fd);
    struct dirent *e;

    cr_assert_not_null(d);
    while ((e = readdir(d)) != NULL) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 ||
            unlinkat(dirfd, e->d_name, 0) == 0)
            continue;
        sub = openat(dirfd, e->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (sub >= 0) {
            empty_dir(sub);
            (void)close(sub);
        }
        (void)unlinkat(dirfd, e->d_name, AT_REMOVEDIR);
    }
    (void)closedir(d);
}

static inline void remove_dir(int dirfd, const char *path)
{
    empty_dir(dirfd);
    (void)close(dirfd);
    (void)rmdir(path);
}

#endif
