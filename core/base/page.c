/* base/page.c - the page of memory that garnetd shares with one sink worker
 *
 * The file behind it is sealed at its size: a plugin that shortened it would end garnetd by SIGBUS
 * at the next look. For the same reason the memory is there from the beginning. Fails for want of
 * memory or descriptors only.
 */
#include "base/page.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/spawn.h"

struct page *page_map(int fd)
{
    void *p = mmap(NULL, sizeof(struct page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

    return p == MAP_FAILED ? NULL : p;
}

static int sealed_file(void)
{
    int fd = memfd_create("garnet-page", MFD_CLOEXEC | MFD_ALLOW_SEALING), error;

    if (fd < 0)
        return -1;
    error = posix_fallocate(fd, 0, sizeof(struct page));
    if (error != 0)
        errno = error;
    if (error != 0 || fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
        close_fd(&fd);
    return fd;
}

struct page *page_new(int *fd)
{
    struct page *p;

    *fd = sealed_file();
    if (*fd < 0)
        return NULL;
    p = page_map(*fd);
    if (p == NULL)
        close_fd(fd);
    return p;
}

void page_unmap(struct page *p)
{
    if (p != NULL)
        (void)munmap(p, sizeof *p);
}
