/* replay.c - runs a fuzz target over the files of its corpus, without a fuzzer
 *
 * Fails (exit status 1) when a folder cannot be read or holds nothing; dies where the target does,
 * with the file's name as the last line said.
 */
#include <dirent.h>

#include "fuzz.h"

enum { INPUT_MAX = 1 << 20 };

/* False when it cannot be read. */
static bool replay(int dirfd, const char *name)
{
    int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC);
    uint8_t *p = malloc(INPUT_MAX), *exact;
    ssize_t n = fd >= 0 && p != NULL ? read(fd, p, INPUT_MAX) : -1;

    /* A buffer of just that size, for the sanitizer's sake. */
    if (n >= 0 && (exact = malloc((size_t)n + (n == 0))) != NULL) {
        memcpy(exact, p, (size_t)n);
        printf("%s\n", name);
        (void)fflush(stdout);
        (void)LLVMFuzzerTestOneInput(exact, (size_t)n);
        free(exact);
    }
    free(p);
    if (fd >= 0)
        (void)close(fd);
    return n >= 0;
}

int main(int argc, char **argv)
{
    DIR *dir = argc == 2 ? opendir(argv[1]) : NULL;
    struct dirent *e;
    unsigned done = 0;

    if (dir == NULL) {
        fprintf(stderr, "usage: %s CORPUS-FOLDER\n", argv[0]);
        return 1;
    }
    while ((e = readdir(dir)) != NULL)
        if (e->d_name[0] != '.' && !replay(dirfd(dir), e->d_name)) {
            perror(e->d_name);
            return 1;
        } else {
            done += e->d_name[0] != '.';
        }
    (void)closedir(dir);
    printf("%u inputs\n", done);
    return done == 0;
}
