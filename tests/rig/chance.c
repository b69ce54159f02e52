/* tests/rig/chance.c - splitmix64, and a trace that a failure shows */
#include "rig/chance.h"

struct trace trace;

uint64_t random_next(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

uint64_t random_below(uint64_t *state, uint64_t n)
{
    return n ? random_next(state) % n : 0;
}

void act_by_chance(const struct chance *of, size_t n, uint64_t *rng)
{
    uint64_t sum = 0, pick;

    for (size_t i = 0; i < n; i++)
        sum += of[i].weight;
    for (pick = random_below(rng, sum); pick >= of->weight; of++)
        pick -= of->weight;
    of->act();
}

bool is_long_run(void)
{
    return getenv("GARNET_TEST_LONG") != NULL;
}

void trace_reset(void)
{
    trace.n = 0;
    trace.text[0] = '\0';
}

void trace_note(const char *fmt, ...)
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

int memory_dir(char path[64])
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

void empty_dir(int dirfd)
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

void remove_dir(int dirfd, const char *path)
{
    empty_dir(dirfd);
    (void)close(dirfd);
    (void)rmdir(path);
}
