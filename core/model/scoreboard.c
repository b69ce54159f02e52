/* model/scoreboard.c - a sealed memfd, mapped by garnetd and by the worker
 *
 * The file behind it is sealed at its size: a plugin that shortened it would end garnetd by SIGBUS
 * at the next look. For the same reason the memory is there from the beginning. Fails for want of
 * memory or descriptors only.
 */
#include "model/scoreboard.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fd.h"

enum {
    LOOKS = 1000
}; /* a pair is torn only where it was written twice meanwhile: a plugin that scribbles */

struct scoreboard *scoreboard_map(int fd)
{
    void *p = mmap(NULL, sizeof(struct scoreboard), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

    return p == MAP_FAILED ? NULL : p;
}

static int sealed_file(void)
{
    int fd = memfd_create("garnet-scoreboard", MFD_CLOEXEC | MFD_ALLOW_SEALING), error;

    if (fd < 0)
        return -1;
    error = posix_fallocate(fd, 0, sizeof(struct scoreboard));
    if (error != 0)
        errno = error;
    if (error != 0 || fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
        fd_close(&fd);
    return fd;
}

struct scoreboard *scoreboard_new(int *fd)
{
    struct scoreboard *p;

    *fd = sealed_file();
    if (*fd < 0)
        return NULL;
    p = scoreboard_map(*fd);
    if (p == NULL)
        fd_close(fd);
    return p;
}

void scoreboard_unmap(struct scoreboard *p)
{
    if (p != NULL)
        (void)munmap(p, sizeof *p);
}

void scoreboard_put_read(struct scoreboard *p, uint64_t taken, uint64_t lost)
{
    uint64_t n = atomic_load(&p->nread) + 1;

    atomic_store(&p->read[n & 1].taken, taken);
    atomic_store(&p->read[n & 1].lost, lost);
    atomic_store(&p->nread, n);
}

bool scoreboard_get_read(const struct scoreboard *p, uint64_t *taken, uint64_t *lost)
{
    for (int i = 0; i < LOOKS; i++) {
        uint64_t n = atomic_load(&p->nread);

        if (n == 0)
            return false;
        *taken = atomic_load(&p->read[n & 1].taken);
        *lost = atomic_load(&p->read[n & 1].lost);
        if (atomic_load(&p->nread) == n)
            return true;
    }
    return false;
}

void scoreboard_forget_read(struct scoreboard *p)
{
    atomic_store(&p->nread, 0);
}
