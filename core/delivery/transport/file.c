/* delivery/transport/file.c - a regular file
 *
 * What write() took is in the page cache: it survives us, so written, acked and confirmed are one.
 * At open an unfinished last line, left by a crash or a full disk, is cut off: its metrics were
 * never confirmed and come again. When the path no longer names the open file (logrotate), it is
 * opened anew before the next batch. Goes down when the file cannot be opened, is a link, is not
 * regular, or takes no bytes (full disk, quota, I/O error). May block on a dead network file system: so do
 * files.
 */
#include "delivery/transport/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"

enum {
    STEP = 64 << 10,
    LINE_BYTES = 16 << 20, /* no line of ours is as long */
    FLAGS = O_CLOEXEC | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW
};
static const int64_t LOOK_EVERY = NS_PER_S;

/* Where the file's last whole line ends: 0 without one. -1 with errno; EFBIG when it is further back
 * than a line may be long: a file can be made long at no cost, and must not cost us more. */
static off_t lines_end(int fd, off_t size)
{
    static char step[STEP];
    off_t least = size - LINE_BYTES;

    while (size > 0) {
        size_t n = size < STEP ? (size_t)size : STEP;
        ssize_t got = fd_read_at(fd, step, n, size - (off_t)n);
        const char *nl;

        if (got != (ssize_t)n) {
            errno = got < 0 ? errno : EIO; /* it shrinks meanwhile */
            return -1;
        }
        nl = memrchr(step, '\n', n);
        if (nl != NULL)
            return size - (off_t)n + (nl - step) + 1;
        size -= (off_t)n;
        if (size <= least) {
            errno = EFBIG;
            return -1;
        }
    }
    return 0;
}

static bool is_same_inode(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* -1 with errno. The file is read through a descriptor of its own: ours is for appending only. */
static int cut_unfinished(const char *path, int fd, const struct stat *mine)
{
    int in = open(path, O_RDONLY | FLAGS);
    struct stat there;
    off_t end = -1;

    if (in >= 0 && fstat(in, &there) == 0) {
        errno = ESTALE; /* moved away this very moment */
        end = is_same_inode(mine, &there) ? lines_end(in, mine->st_size) : -1;
    }
    fd_close(&in);
    if (end < 0)
        return -1;
    return end < mine->st_size ? ftruncate(fd, end) : 0;
}

/* Another name of the file, in a folder where others may make one: it may be any file, linked there by
 * somebody who cannot even read it (fs.protected_hardlinks is not set everywhere). */
static bool maybe_linked_here(const char *path, const struct stat *st)
{
    const char *slash = strrchr(path, '/');
    char folder[PATH_MAX];
    struct stat in;

    if (st->st_nlink < 2)
        return false;
    (void)snprintf(folder, sizeof folder, "%.*s", slash != NULL ? (int)(slash - path) + 1 : 1,
                   slash != NULL ? path : ".");
    return stat(folder, &in) < 0 || (in.st_mode & (S_IWGRP | S_IWOTH)) != 0 ||
           (in.st_uid != 0 && in.st_uid != geteuid());
}

/* A descriptor at the end of whole lines, or -1 with why[]. O_NONBLOCK: a FIFO is refused, not
 * waited for. O_NOFOLLOW: what we write and cut is what the path says; somebody who may put a link in
 * its folder does not choose another. */
static int open_path(struct transport *t)
{
    int fd = open(t->path, O_WRONLY | O_APPEND | O_CREAT | FLAGS, 0640);
    struct stat st;

    if (fd < 0 && errno == ELOOP)
        return transport_fail(t, "is a link, and links are not written through: write the path of "
                                 "the file itself (its folder may be a link)");
    if (fd < 0 && errno == EACCES)
        return transport_fail(t, "cannot open: %s: uid %u must be able to get there and to write",
                              strerror(errno), (unsigned)geteuid());
    if (fd < 0 && errno != ENXIO)
        return transport_fail(t, "cannot open: %s", strerror(errno));
    if (fd >= 0 && fstat(fd, &st) < 0) {
        (void)transport_fail(t, "cannot stat: %s", strerror(errno));
    } else if (fd < 0 || !S_ISREG(st.st_mode)) {
        (void)transport_fail(t, "is not a regular file");
    } else if (maybe_linked_here(t->path, &st)) {
        (void)transport_fail(t,
                             "is another name of a file, which others may have put there: remove "
                             "it, or write a path in a folder that only its owner may write to");
    } else if (cut_unfinished(t->path, fd, &st) < 0) {
        (void)transport_fail(t, "cannot cut its unfinished last line: %s",
                             errno == EFBIG ? "it is longer than 16 MiB, so this is no file of "
                                              "lines; move it away"
                                            : strerror(errno));
    } else {
        return fd;
    }
    fd_close(&fd);
    return -1;
}

static int file_open(struct transport *t)
{
    int fd = open_path(t);

    if (fd < 0)
        return -1;
    transport_start(t, fd, TRANSPORT_UP, 0);
    t->mid = false;
    return 0;
}

/* Only between lines may the file change: a batch's rest belongs where its beginning is. The
 * caller starts batches with whole writes, so `mid` tells: the last write was short. */
static int follow_path(struct transport *t)
{
    int64_t now = clock_mono();
    struct stat mine, there;
    int fd;

    if (t->mid || now - t->looked_ns < LOOK_EVERY)
        return 0;
    t->looked_ns = now;
    if (fstat(t->fd, &mine) == 0 && lstat(t->path, &there) == 0 && is_same_inode(&mine, &there))
        return 0;
    if ((fd = open_path(t)) < 0)
        return -1;
    fd_close(&t->fd);
    t->fd = fd;
    return 0;
}

static ssize_t file_write(struct transport *t, const void *p, size_t n)
{
    ssize_t done;

    if (follow_path(t) < 0)
        return -1;
    done = write(t->fd, p, n);
    if (done < 0 && errno != EINTR)
        return transport_fail(t, "cannot write: %s", strerror(errno));
    if (done < 0)
        done = 0;
    t->mid = (size_t)done < n;
    t->written += (uint64_t)done;
    t->acked = t->confirmed = t->written;
    return done;
}

const struct transport_kind transport_file = {
    .scheme = "file",
    .place = TRANSPORT_PATH,
    .open = file_open,
    .write = file_write,
};
