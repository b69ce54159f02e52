/* tests/rig/crash_calls.c - the system calls of the disk in crash_disk.h; the linker's --wrap leads here
 *
 * CMakeLists.txt names the same calls. A call that the spool comes to use and that is not here
 * would get a descriptor that the kernel does not know: EBADF, and the tests fail at once. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

#include "rig/crash_disk.h"

/* Declares what a call is wrapped by and what it was. */
#define WRAP(type, name, params)                                                                   \
    type __real_##name params;                                                                     \
    type __wrap_##name params;                                                                     \
    type __wrap_##name params

WRAP(int, openat, (int fd, const char *path, int flags, ...))
{
    struct disk_entry *e;
    const char *leaf;
    va_list ap;
    mode_t mode;
    int in, node;

    va_start(ap, flags);
    mode = (flags & O_CREAT) != 0 ? va_arg(ap, mode_t) : 0;
    va_end(ap);
    if (disk_fd(fd) == NULL)
        return __real_openat(fd, path, flags, mode);
    if (disk_fails(CALL_OPEN) || (in = disk_walk(fd, path, &leaf)) < 0)
        return -1;
    if (strcmp(leaf, ".") == 0)
        return disk_open_node(in);
    e = disk_find(in, leaf);
    if (e != NULL && (flags & O_EXCL) != 0)
        return errno = EEXIST, -1;
    if (e == NULL && (flags & O_CREAT) == 0)
        return errno = ENOENT, -1;
    if (e == NULL && (disk->full || disk->no_inodes))
        return errno = ENOSPC, -1;
    if (e == NULL) {
        if ((node = disk_new(false)) < 0 || disk_link(in, leaf, node) < 0)
            return -1;
        (void)disk_log(OP_LINK, in, leaf, node);
        return disk_open_node(node);
    }
    if ((flags & O_TRUNC) != 0 && disk->nodes[e->node].size > 0)
        disk_cut(e->node, 0);
    return disk_open_node(e->node);
}

WRAP(int, open, (const char *path, int flags, ...))
{
    va_list ap;
    mode_t mode;

    va_start(ap, flags);
    mode = (flags & O_CREAT) != 0 ? va_arg(ap, mode_t) : 0;
    va_end(ap);
    if (!disk_path(path))
        return __real_open(path, flags, mode);
    if (disk->absent)
        return errno = ENOTDIR, -1;
    return disk_fails(CALL_OPEN) ? -1 : disk_open_node(0);
}

WRAP(int, close, (int fd))
{
    struct disk_open *o = disk_fd(fd);
    int node;

    if (o == NULL)
        return __real_close(fd);
    (void)disk_file(fd); /* is it open? */
    node = o->node;
    o->node = -1;
    disk->nodes[node].opens--;
    disk_drop(node);
    return 0;
}

WRAP(int, mkdir, (const char *path, mode_t mode))
{
    return disk_path(path) ? (errno = EEXIST, -1) : __real_mkdir(path, mode);
}

WRAP(int, mkdirat, (int fd, const char *path, mode_t mode))
{
    int in, node;

    if (disk_fd(fd) == NULL)
        return __real_mkdirat(fd, path, mode);
    in = disk_fd(fd)->node;
    if (disk_find(in, path) != NULL)
        return errno = EEXIST, -1;
    if (disk->full)
        return errno = ENOSPC, -1;
    if (disk_fails(CALL_OPEN) || (node = disk_new(true)) < 0 || disk_link(in, path, node) < 0)
        return -1;
    (void)disk_log(OP_LINK, in, path, node);
    return 0;
}

static void disk_stat(int node, struct stat *st)
{
    const struct disk_node *n = &disk->nodes[node];
    unsigned links = n->folder;

    for (int i = 0; i < ENTRIES; i++)
        links += disk->entries[i].used && disk->entries[i].node == node;
    *st = (struct stat){.st_ino = n->ino,
                        .st_nlink = links,
                        .st_size = (off_t)n->size,
                        .st_blocks = (blkcnt_t)(n->room / 512),
                        .st_mode = n->folder ? S_IFDIR | 0700 : S_IFREG | 0600,
                        .st_mtim = {(time_t)n->changed, 0},
                        .st_ctim = {(time_t)n->changed, 0}};
}

WRAP(int, fstat, (int fd, struct stat *st))
{
    if (disk_fd(fd) == NULL)
        return __real_fstat(fd, st);
    if (disk_fails(CALL_STAT))
        return -1;
    (void)disk_file(fd);
    disk_stat(disk_fd(fd)->node, st);
    return 0;
}

WRAP(int, stat, (const char *path, struct stat *st))
{
    if (!disk_path(path))
        return __real_stat(path, st);
    if (disk->absent)
        return errno = ENOENT, -1;
    disk_stat(0, st);
    return 0;
}

WRAP(int, dup3, (int from, int to, int flags))
{
    if (disk_fd(from) == NULL)
        return __real_dup3(from, to, flags);
    (void)__wrap_close(to);
    *disk_fd(to) = *disk_fd(from);
    disk->nodes[disk_fd(to)->node].opens++;
    return to;
}

WRAP(int, fstatat, (int fd, const char *path, struct stat *st, int flags))
{
    struct disk_entry *e;
    const char *leaf;
    int in;

    if (disk_fd(fd) == NULL)
        return __real_fstatat(fd, path, st, flags);
    if (disk_fails(CALL_STAT) || (in = disk_walk(fd, path, &leaf)) < 0)
        return -1;
    if ((e = disk_find(in, leaf)) == NULL)
        return errno = ENOENT, -1;
    disk_stat(e->node, st);
    return 0;
}

WRAP(ssize_t, pread, (int fd, void *p, size_t n, off_t at))
{
    const struct disk_node *f;

    if (disk_fd(fd) == NULL)
        return __real_pread(fd, p, n, at);
    f = disk_file(fd);
    n = (size_t)at >= f->size ? 0 : n < f->size - (size_t)at ? n : f->size - (size_t)at;
    if (disk_fails_io(CALL_READ, &n))
        return -1;
    memcpy(p, f->data + at, n);
    return (ssize_t)n;
}

/* What pread() is called where the compiler could not see that p has room. */
WRAP(ssize_t, __pread_chk, (int fd, void *p, size_t n, off_t at, size_t room))
{
    return disk_fd(fd) == NULL ? __real___pread_chk(fd, p, n, at, room)
                               : __wrap_pread(fd, p, n, at);
}

WRAP(ssize_t, pwrite, (int fd, const void *p, size_t n, off_t at))
{
    if (disk_fd(fd) == NULL)
        return __real_pwrite(fd, p, n, at);
    return disk_fails_io(CALL_WRITE, &n) ? -1 : disk_put(disk_fd(fd)->node, p, n, (size_t)at);
}

/* All pieces at once, as the kernel does under the inode's lock. */
static ssize_t put_pieces(int fd, const struct iovec *v, int count, size_t at)
{
    static uint8_t all[FILE_MAX];
    size_t n = 0;

    for (int i = 0; i < count; i++) {
        if (n + v[i].iov_len > sizeof all)
            return errno = ENOSPC, -1;
        memcpy(all + n, v[i].iov_base, v[i].iov_len);
        n += v[i].iov_len;
    }
    return disk_fails_io(CALL_WRITE, &n) ? -1 : disk_put(disk_fd(fd)->node, all, n, at);
}

WRAP(ssize_t, writev, (int fd, const struct iovec *v, int count))
{
    ssize_t n;

    if (disk_fd(fd) == NULL)
        return __real_writev(fd, v, count);
    n = put_pieces(fd, v, count, (size_t)disk_fd(fd)->at);
    disk_fd(fd)->at += n > 0 ? n : 0;
    return n;
}

WRAP(ssize_t, pwritev, (int fd, const struct iovec *v, int count, off_t at))
{
    return disk_fd(fd) == NULL ? __real_pwritev(fd, v, count, at)
                               : put_pieces(fd, v, count, (size_t)at);
}

/* As with FALLOC_FL_KEEP_SIZE: what it is long stays. */
WRAP(int, fallocate, (int fd, int mode, off_t at, off_t n))
{
    struct disk_node *f;

    if (disk_fd(fd) == NULL)
        return __real_fallocate(fd, mode, at, n);
    f = disk_file(fd);
    if (disk->no_fallocate)
        return errno = EOPNOTSUPP, -1;
    if (disk_fails(CALL_WRITE))
        return -1;
    if ((size_t)(at + n) > f->room && (disk->full || at + n > FILE_MAX))
        return errno = ENOSPC, -1;
    disk_room(f, (size_t)(at + n));
    return 0;
}

WRAP(ssize_t, write, (int fd, const void *p, size_t n))
{
    struct iovec v = {(void *)(uintptr_t)p, n};

    return disk_fd(fd) == NULL ? __real_write(fd, p, n) : __wrap_writev(fd, &v, 1);
}

WRAP(int, ftruncate, (int fd, off_t size))
{
    if (disk_fd(fd) == NULL)
        return __real_ftruncate(fd, size);
    if (disk_fails(CALL_CUT))
        return -1;
    (void)disk_file(fd);
    disk_cut(disk_fd(fd)->node, (size_t)size);
    return 0;
}

WRAP(int, renameat, (int from_fd, const char *from, int to_fd, const char *to))
{
    struct disk_entry *e, *old;
    const char *leaf, *to_leaf;
    int in, to_in, node;

    if (disk_fd(from_fd) == NULL)
        return __real_renameat(from_fd, from, to_fd, to);
    if (disk_fails(CALL_RENAME) || (in = disk_walk(from_fd, from, &leaf)) < 0 ||
        (to_in = disk_walk(to_fd, to, &to_leaf)) < 0)
        return -1;
    if ((e = disk_find(in, leaf)) == NULL)
        return errno = ENOENT, -1;
    MUST(in == to_in, "a rename from one folder to another");
    if ((old = disk_find(to_in, to_leaf)) == e)
        return 0;
    (void)snprintf(disk_log(OP_RENAME, in, leaf, e->node)->to, NAME, "%s", to_leaf);
    if (old != NULL) {
        node = old->node;
        old->used = false;
        disk_drop(node);
    }
    (void)snprintf(e->name, NAME, "%s", to_leaf);
    disk_touch(in);
    return 0;
}

WRAP(int, renameat2, (int from_fd, const char *from, int to_fd, const char *to, unsigned flags))
{
    struct disk_entry *a, *b;
    const char *leaf;
    int in, node;

    if (disk_fd(from_fd) == NULL)
        return __real_renameat2(from_fd, from, to_fd, to, flags);
    if (!disk->exchanges)
        return errno = EINVAL, -1;
    a = (in = disk_walk(from_fd, from, &leaf)) < 0 ? NULL : disk_find(in, leaf);
    b = (in = disk_walk(to_fd, to, &leaf)) < 0 ? NULL : disk_find(in, leaf);
    if (a == NULL || b == NULL)
        return errno = ENOENT, -1;
    MUST(!disk->journaling, "an exchange is not journaled");
    node = a->node;
    a->node = b->node;
    b->node = node;
    disk_touch(a->in);
    return 0;
}

WRAP(int, unlinkat, (int fd, const char *path, int flags))
{
    struct disk_entry *e;
    const char *leaf;
    int in;

    if (disk_fd(fd) == NULL)
        return __real_unlinkat(fd, path, flags);
    if ((in = disk_walk(fd, path, &leaf)) < 0)
        return -1;
    if ((e = disk_find(in, leaf)) == NULL)
        return errno = ENOENT, -1;
    if (disk_fails(CALL_UNLINK))
        return -1;
    (void)disk_log(OP_UNLINK, in, leaf, e->node);
    e->used = false;
    disk_touch(in);
    disk_drop(e->node);
    return 0;
}

/* True: not. */
static bool disk_synced_or_not(int fd)
{
    bool fails = disk_fails(CALL_SYNC);

    if (disk_synced)
        disk_synced(disk_fd(fd)->node, !fails);
    return fails;
}

WRAP(int, fdatasync, (int fd))
{
    if (disk_fd(fd) == NULL)
        return __real_fdatasync(fd);
    if (disk_synced_or_not(fd))
        return -1;
    (void)disk_file(fd);
    (void)disk_log(OP_SYNC, -1, "", disk_fd(fd)->node);
    return 0;
}

WRAP(int, fsync, (int fd))
{
    if (disk_fd(fd) == NULL)
        return __real_fsync(fd);
    if (!disk_file(fd)->folder)
        return __wrap_fdatasync(fd);
    if (disk_synced_or_not(fd))
        return -1;
    (void)disk_log(OP_SYNC_DIR, disk_fd(fd)->node, "", disk_fd(fd)->node);
    return 0;
}

WRAP(int, fcntl, (int fd, int what, ...))
{
    va_list ap;
    void *arg;

    va_start(ap, what);
    arg = va_arg(ap, void *);
    va_end(ap);
    if (disk_fd(fd) == NULL)
        return __real_fcntl(fd, what, arg);
    return disk_fails(CALL_LOCK) ? -1 : 0;
}

/* No helper of an earlier life is alive. */
WRAP(int, flock, (int fd, int what))
{
    if (disk_fd(fd) == NULL)
        return __real_flock(fd, what);
    return disk_fails(CALL_LOCK) ? -1 : 0;
}

WRAP(int, fstatvfs, (int fd, struct statvfs *fs))
{
    enum { MUCH = 1 << 20 /* blocks */ };

    if (disk_fd(fd) == NULL)
        return __real_fstatvfs(fd, fs);
    *fs =
        (struct statvfs){.f_frsize = 4096, .f_blocks = 2 * MUCH, .f_bavail = disk->full ? 0 : MUCH};
    return 0;
}

/* --- listing --- */

struct disk_dir {
    int fd, next;
    struct dirent one;
};
static struct disk_dir disk_dirs[4];

static struct disk_dir *disk_dir(DIR *d)
{
    for (size_t i = 0; i < sizeof disk_dirs / sizeof *disk_dirs; i++)
        if ((void *)d == (void *)&disk_dirs[i])
            return &disk_dirs[i];
    return NULL;
}

WRAP(DIR *, fdopendir, (int fd))
{
    if (disk_fd(fd) == NULL)
        return __real_fdopendir(fd);
    if (disk_fails(CALL_LIST))
        return NULL;
    for (size_t i = 0; i < sizeof disk_dirs / sizeof *disk_dirs; i++)
        if (disk_dirs[i].fd == 0) {
            disk_dirs[i].fd = fd;
            disk_dirs[i].next = 0;
            return (DIR *)(void *)&disk_dirs[i];
        }
    return errno = ENOMEM, NULL;
}

WRAP(struct dirent *, readdir, (DIR * dir))
{
    struct disk_dir *d = disk_dir(dir);

    if (d == NULL)
        return __real_readdir(dir);
    while (d->next < ENTRIES) {
        const struct disk_entry *e = &disk->entries[d->next];
        if (e->used && e->in == disk_fd(d->fd)->node) {
            if (disk_fails(CALL_LIST))
                return NULL;
            d->next++;
            d->one.d_type = disk->nodes[e->node].folder ? DT_DIR : DT_REG;
            (void)snprintf(d->one.d_name, sizeof d->one.d_name, "%s", e->name);
            return &d->one;
        }
        d->next++;
    }
    return NULL;
}

WRAP(int, closedir, (DIR * dir))
{
    struct disk_dir *d = disk_dir(dir);
    int fd;

    if (d == NULL)
        return __real_closedir(dir);
    fd = d->fd;
    d->fd = 0;
    return __wrap_close(fd);
}

WRAP(int, dirfd, (DIR * dir))
{
    struct disk_dir *d = disk_dir(dir);

    return d == NULL ? __real_dirfd(dir) : d->fd;
}
