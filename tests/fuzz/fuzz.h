/* tests/fuzz/fuzz.h - what the fuzz targets share
 *
 * A target is one file, fuzz_NAME.c, with LLVMFuzzerTestOneInput() in it: bytes in, and HOLDS() for
 * what must be true whatever they are. Its corpus is tests/fuzz/corpus/NAME: small files that each
 * mean something, and whatever once broke it. Every build replays the corpus (replay.c; ctest calls
 * it fuzz.NAME). The preset "fuzz" builds the targets with clang, libFuzzer and the sanitizers;
 * `./run-tests --long` runs each for a minute. By hand, from the root, with new inputs elsewhere:
 *   build/fuzz/tests/fuzz/fuzz_NAME /tmp/found tests/fuzz/corpus/NAME
 */
#pragma once
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

#define HOLDS(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition);         \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

static char fuzz_path[64];

static inline void fuzz_folder_remove(void)
{
    char below[96];

    (void)snprintf(below, sizeof below, "%s/cursors", fuzz_path);
    (void)rmdir(below);
    (void)rmdir(fuzz_path);
}

/* A folder of this process, made once, in memory where there is such a place. A target leaves
 * nothing in it. */
static inline int fuzz_folder(void)
{
    static int fd = -1;

    if (fd >= 0)
        return fd;
    (void)snprintf(fuzz_path, sizeof fuzz_path, "/dev/shm/garnet-fuzz-XXXXXX");
    if (mkdtemp(fuzz_path) == NULL) {
        (void)snprintf(fuzz_path, sizeof fuzz_path, "/tmp/garnet-fuzz-XXXXXX");
        HOLDS(mkdtemp(fuzz_path) != NULL);
    }
    fd = open(fuzz_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    HOLDS(fd >= 0);
    HOLDS(atexit(fuzz_folder_remove) == 0);
    return fd;
}

static inline void fuzz_file(int dirfd, const char *name, const void *p, size_t n)
{
    int fd = openat(dirfd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);

    HOLDS(fd >= 0 && write(fd, p, n) == (ssize_t)n);
    (void)close(fd);
}
