/* spool/rewrite.c - read whole, checked, written under another name, renamed
 *
 * Takes as much memory as the segment has bytes, for a moment, in the sync helper. A torn frame at
 * the end was never acknowledged and is copied as it is; anything else that is not a good frame
 * means that the memory is gone, too, and the copy would be no better.
 *
 * What has lost its name meanwhile is not needed: retention may be emptying it while it is read. A
 * segment without one whole frame is left alone: the writer may make it anew under the same name,
 * and what is accepted then must not be renamed away. The temporary name has our process in it: the
 * helper of a garnetd that was killed may still be at the same segment. What a helper leaves that is
 * killed itself is swept by the next garnetd.
 */
#include "spool/rewrite.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "spool/segment.h"

/* Up to where anything has been written: a file can be made long at no cost, and must not take all
 * memory. */
static off_t written(int fd, off_t size)
{
    off_t hole = lseek(fd, 0, SEEK_HOLE);

    if (hole < 0 || hole >= size || lseek(fd, hole, SEEK_DATA) >= 0 || errno != ENXIO)
        return size;
    return hole;
}

/* The whole file: *p is the caller's to free. 0 or an errno. */
static int read_segment(int fd, uint8_t **p, size_t *n)
{
    struct stat st;
    size_t done = 0;
    ssize_t r = 1;

    if (fstat(fd, &st) < 0)
        return errno;
    *n = (size_t)written(fd, st.st_size);
    if ((*p = malloc(*n + 1)) == NULL)
        return ENOMEM;
    while (done < *n && r != 0) {
        r = pread(fd, *p + done, *n - done, (off_t)done);
        if (r < 0 && errno != EINTR)
            return errno;
        done += r > 0 ? (size_t)r : 0;
    }
    return done == *n ? 0 : EBADMSG;
}

/* How many frames are whole: -1 when one of them is not good. */
static int good_frames(const uint8_t *p, size_t n, uint64_t salt)
{
    struct frame_header h;
    int frames = 0;

    for (size_t at = SEGMENT_HEADER, size; n - at >= FRAME_HEADER; at += size, frames++) {
        if (!frame_header_get(p + at, &h, salt))
            return -1;
        if ((size = frame_size(h.length)) > n - at)
            break;
        if (frame_sum(p + at + FRAME_HEADER, h.length, salt) != h.payload_sum)
            return -1;
    }
    return frames;
}

/* Whether the name is still that of the file that is open as `fd`: retention may have been there, or
 * somebody may have made another of it. */
static bool is_named(int dirfd, const char *name, int fd, int *error)
{
    struct stat mine, there;

    if (fstat(fd, &mine) < 0 || fstatat(dirfd, name, &there, AT_SYMLINK_NOFOLLOW) < 0) {
        *error = errno == ENOENT ? 0 : errno;
        return false;
    }
    return mine.st_ino == there.st_ino && mine.st_dev == there.st_dev;
}

/* Under a temporary name, on the disk, then in the place of the one that is open as `fd`: unless
 * that is no longer there. */
static int replace(int dirfd, int fd, const char *name, const uint8_t *p, size_t n)
{
    char temp[SEGMENT_NAME + 32];
    int e, copy;

    snprintf(temp, sizeof temp, ".%ld-%s.tmp", (long)getpid(), name);
    if ((copy = publish_begin(dirfd, temp)) < 0)
        return errno;
    e = fd_write_all(copy, p, n) < 0 || fdatasync(copy) < 0 ? errno : 0;
    if (e != 0 || !is_named(dirfd, name, fd, &e))
        publish_drop(dirfd, temp, &copy);
    else if (publish_end(dirfd, temp, name, &copy) < 0)
        e = errno;
    fd_close(&copy);
    return e;
}

int segment_rewrite(int dirfd, uint64_t first_seq)
{
    struct segment_header h;
    enum segment_state state;
    char name[SEGMENT_NAME];
    uint8_t *p = NULL;
    size_t n = 0;
    int fd = segment_open(dirfd, first_seq, &h, &state), e, frames = 0, gone = 0;

    if (fd < 0)
        return errno == ENOENT ? 0 : errno;
    if ((e = read_segment(fd, &p, &n)) == 0 && n >= SEGMENT_HEADER)
        frames = state == SEGMENT_GOOD ? good_frames(p, n, h.salt) : -1;
    if (frames < 0)
        e = EBADMSG;
    segment_name(name, first_seq);
    if (frames > 0)
        e = replace(dirfd, fd, name, p, n);
    else if (e == EBADMSG && !is_named(dirfd, name, fd, &gone))
        e = gone;
    free(p);
    fd_close(&fd);
    return e;
}
