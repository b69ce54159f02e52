/* conf/hung.c - a page or two of shared memory in a memfd, and a lock on a byte of it for each place. What
 * stands in a place whose byte is not locked is of a process that has gone.
 *
 * Which folder is on which mount is read from the kernel's list: that asks no file system. On the root's
 * it is the folder that counts.
 */
#include "conf/hung.h"

#include <errno.h>
#include <fcntl.h>
#include <mntent.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/fd.h"

enum { HUNG_TOGETHER = 8 /* in one place of the world, at most */, HUNG_SPARE = 8 };
static const int64_t stands_still = 100 * NS_PER_MS;
static const int64_t hangs = 10 * NS_PER_S; /* for longer than any load waits */

struct hung_place {
    _Atomic pid_t pid;
    _Atomic int64_t since; /* mono; 0: it is at nothing */
    atomic_bool given_up;
    char what[256]; /* its beginning, if it is longer */
};

int hung_table(void)
{
    int fd = memfd_create("garnet-hung", MFD_CLOEXEC);

    if (fd >= 0 && ftruncate(fd, HUNG_PLACES * sizeof(struct hung_place)) < 0)
        fd_close(&fd);
    return fd;
}

bool hung_open(struct hung *h, int fd)
{
    void *at;

    *h = (struct hung){.fd = fd < 0 ? hung_table() : fd, .own = fd < 0};
    at = mmap(NULL, HUNG_PLACES * sizeof *h->places, PROT_READ | PROT_WRITE, MAP_SHARED, h->fd, 0);
    h->places = at != MAP_FAILED ? at : NULL;
    return h->places != NULL;
}

void hung_close(struct hung *h)
{
    if (h->places != NULL)
        (void)munmap(h->places, HUNG_PLACES * sizeof *h->places);
    h->places = NULL;
    if (h->own)
        fd_close(&h->fd);
}

/* --- places --- */

static struct flock lock_of(int i)
{
    return (struct flock){.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = i, .l_len = 1};
}

static bool is_taken(const struct hung *h, int i)
{
    struct flock lock = lock_of(i);

    return fcntl(h->fd, F_GETLK, &lock) < 0 || lock.l_type != F_UNLCK;
}

bool hung_has_room(const struct hung *h)
{
    int free = 0;

    for (int i = 0; i < HUNG_PLACES; i++)
        free += !is_taken(h, i);
    return free > HUNG_SPARE;
}

struct hung_place *hung_enter(const struct hung *h)
{
    for (int i = 0; i < HUNG_PLACES; i++) {
        struct hung_place *p = &h->places[i];
        struct flock lock = lock_of(i);

        if (fcntl(h->fd, F_SETLK, &lock) < 0)
            continue;
        atomic_store(&p->since, 0);
        atomic_store(&p->given_up, false);
        atomic_store(&p->pid, getpid());
        return p;
    }
    return NULL;
}

void hung_at(struct hung_place *own, const char *what)
{
    atomic_store(&own->since, 0);
    if (what == NULL)
        return;
    (void)snprintf(own->what, sizeof own->what, "%s", what);
    atomic_store(&own->since, clock_mono());
}

void hung_give_up(const struct hung *h, pid_t pid)
{
    for (int i = 0; i < HUNG_PLACES; i++)
        if (atomic_load(&h->places[i].pid) == pid)
            atomic_store(&h->places[i].given_up, true);
}

/* --- near --- */

static bool is_in(const char *path, const char *folder, size_t n)
{
    return strncmp(path, folder, n) == 0 && (path[n] == '/' || path[n] == 0);
}

/* Folders, one behind the other, each with its NUL; read once. */
static const struct buf *all_mounts(void)
{
    static struct buf mounts;
    struct mntent *m;
    FILE *f;

    if (mounts.n > 0 || (f = setmntent("/proc/self/mounts", "re")) == NULL)
        return &mounts;
    while ((m = getmntent(f)) != NULL)
        buf_put(&mounts, m->mnt_dir, strlen(m->mnt_dir) + 1);
    (void)endmntent(f);
    return &mounts;
}

/* The length of the longest folder with a mount that the path is in; 1 is that of "/". */
static size_t mount_of(const char *path)
{
    const struct buf *all = all_mounts();
    size_t most = 1, n;

    for (const char *m = all->p; m != NULL && m < all->p + all->n; m += n + 1)
        if ((n = strlen(m)) > most && is_in(path, m, n))
            most = n;
    return most;
}

/* That of a place, which many looks ask for. */
static size_t mount_of_place(const struct hung *h, int i, int64_t since)
{
    static struct {
        int64_t since;
        size_t mount;
    } known[HUNG_PLACES];

    if (known[i].since != since) {
        known[i].mount = mount_of(h->places[i].what);
        known[i].since = since;
    }
    return known[i].mount;
}

static bool in_one_folder(const char *a, const char *b)
{
    const char *a_name = strrchr(a, '/'), *b_name = strrchr(b, '/');

    return a_name - a == b_name - b && strncmp(a, b, (size_t)(a_name - a)) == 0;
}

/* *mount: of what is looked for; 0: not known yet. */
static bool is_near(const struct hung *h, int i, int64_t since, const struct hung_look *l,
                    size_t *mount)
{
    const char *there = h->places[i].what;

    if (strchr(there, '/') == NULL || strchr(l->what, '/') == NULL)
        return strchr(there, '/') == strchr(l->what, '/'); /* a name service does not answer */
    if (*mount == 0)
        *mount = mount_of(l->what);
    if (mount_of_place(h, i, since) != *mount || strncmp(there, l->what, *mount) != 0)
        return false;
    return *mount > 1 || (!l->part && in_one_folder(there, l->what)) || strcmp(there, l->what) == 0;
}

enum hung_verdict hung_look(const struct hung *h, const struct hung_place *own,
                            const struct hung_look *l)
{
    int64_t now = clock_mono();
    size_t mount = 0;
    unsigned n = 0;

    for (int i = 0; i < HUNG_PLACES; i++) {
        const struct hung_place *p = &h->places[i];
        int64_t since = atomic_load(&p->since);
        bool still = now - since >= stands_still;

        if (p == own || since == 0 || (!still && !l->at_once) || !is_near(h, i, since, l, &mount) ||
            (!still && mount <= 1) || !is_taken(h, i))
            continue;
        if ((atomic_load(&p->given_up) || now - since > hangs) &&
            strncmp(p->what, l->what, sizeof p->what - 1) == 0)
            return HUNG_SAME;
        n++;
    }
    return n == 0 ? HUNG_NOBODY : n < HUNG_TOGETHER ? HUNG_SOME : HUNG_MANY;
}
