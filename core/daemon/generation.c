/* daemon/generation.c - a reference count, and a memfd that nobody can change: all workers read the
 * one file, and no plugin may alter what another sink is given. Sealing needs memory and a
 * descriptor.
 */
#include "daemon/generation.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base/fd.h"

int generation_seal(struct str bytes)
{
    int fd = memfd_create("garnet-configuration", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    if (fd >= 0 &&
        (fd_write_all(fd, bytes.s, bytes.n) < 0 ||
         fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0))
        fd_close(&fd);
    return fd;
}

struct generation *generation_new(struct conf *c, struct str snapshot)
{
    struct generation *g = calloc(1, sizeof *g);

    if (g == NULL)
        return NULL;
    *g = (struct generation){.conf = c, .snapshot_fd = generation_seal(snapshot), .refs = 1};
    if (g->snapshot_fd >= 0)
        return g;
    free(g);
    return NULL;
}

struct generation *generation_ref(struct generation *g)
{
    g->refs++;
    return g;
}

void generation_unref(struct generation *g)
{
    if (g == NULL || --g->refs > 0)
        return;
    fd_close(&g->snapshot_fd);
    conf_free(g->conf);
    free(g);
}
