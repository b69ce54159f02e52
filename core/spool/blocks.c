/* spool/blocks.c - fallocate(), which does not change how long a file is: what is written is all that is read
 *
 * Fails as the system does. What is left then, under a temporary name, is swept by the next garnetd.
 */
#include "spool/blocks.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/fd.h"

enum {
    LEAST = 64 << 10, /* bytes, that are worth a file */
    PAGE = 4096,
    FOLDER =
        128 << 10, /* bytes of a folder: names of some thousand segments leave half of it free */
    LINKS = 512,   /* at most, to make it as large */
    LONG = 240,    /* characters of a name: so it takes few of them */
};

/* --- the folder --- */

static void link_name(char out[LONG + 1], long process, int i)
{
    int n = snprintf(out, LONG + 1, ".%ld-%03d-", process, i);

    (void)snprintf(out + n, LONG + 1 - (size_t)n, "%0*d.seg.tmp", LONG - n - 8, 0);
}

/* On a full disk a file may have room, and the folder none for its name. Where folders never shrink it is made large while
 * there is room: by more names of the file than segments will have, which go at once. */
static void make_folder_large(int dirfd, const char *file)
{
    char name[LONG + 1];
    struct stat st;
    int n = 0;

    while (n < LINKS && fstat(dirfd, &st) == 0 && st.st_size < FOLDER) {
        link_name(name, (long)getpid(), n);
        if (linkat(dirfd, file, dirfd, name, 0) < 0)
            break;
        n++;
    }
    while (n-- > 0) {
        link_name(name, (long)getpid(), n);
        (void)unlinkat(dirfd, name, 0);
    }
}

/* --- the file --- */

/* Where blocks cannot be had without it: the file is that long then, and all of it of an older life. */
static int write_zeros(int fd, uint64_t bytes)
{
    static const char zeros[1 << 16];

    for (uint64_t at = 0, n; at < bytes; at += n) {
        n = bytes - at < sizeof zeros ? bytes - at : sizeof zeros;
        if (fd_write_at(fd, zeros, n, (off_t)at) < 0)
            return -1;
    }
    return 0;
}

/* So much of it that as much is left to others as the whole reserve then has: it is not to be what fills the
 * disk. */
static uint64_t fair_share(int dirfd, const struct reserve_file *file)
{
    struct statvfs fs;
    uint64_t left, share;

    if (fstatvfs(dirfd, &fs) < 0 || fs.f_blocks == 0)
        return file->bytes; /* who does not say how much there is */
    left = (uint64_t)fs.f_bavail * fs.f_frsize;
    share = left > file->beside ? (left - file->beside) / 2 / PAGE * PAGE : 0;
    return share < file->bytes ? share : file->bytes;
}

/* So many bytes, or where there are not so many, half, and so on. What there is; 0: none. */
static uint64_t take_blocks(int fd, uint64_t bytes)
{
    int r = fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, (off_t)bytes);

    if (r < 0 && (errno == EOPNOTSUPP || errno == ENOSYS))
        return write_zeros(fd, bytes) == 0 ? bytes : 0;
    while (r < 0 && (fd_no_room(errno) || errno == EINTR) && bytes > LEAST) {
        bytes = errno == EINTR ? bytes : bytes / 2;
        r = fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, (off_t)bytes);
    }
    return r == 0 ? bytes : 0;
}

uint64_t blocks_make(int dirfd, const struct reserve_file *file)
{
    char temp[RESERVE_NAME + 32], name[RESERVE_NAME];
    uint64_t bytes = fair_share(dirfd, file);
    int fd;

    if (bytes < LEAST && bytes < file->bytes)
        return 0;
    reserve_name(name, file->id);
    (void)snprintf(temp, sizeof temp, ".%ld-%s", (long)getpid(), name);
    if ((fd = publish_begin(dirfd, temp)) < 0)
        return 0;
    make_folder_large(dirfd, temp);
    if ((bytes = take_blocks(fd, bytes)) == 0)
        publish_drop(dirfd, temp, &fd);
    else if (publish_end(dirfd, temp, name, &fd) < 0)
        return 0;
    fd_close(&fd);
    return bytes;
}
