/* spool/begin.c - the header first, then the name: a reader finds no segment that it cannot read
 *
 * A file that becomes another segment keeps its length, and so its room on the disk, which a full one would
 * give to the next who asks.
 */
#include "spool/begin.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/fd.h"

enum { TEMP_NAME = SEGMENT_NAME + 8, BLOCK = 512 /* what st_blocks counts by */ };

int begin_new(int dirfd, const struct segment_header *h)
{
    char name[SEGMENT_NAME], temp[TEMP_NAME];
    uint8_t head[SEGMENT_HEADER];
    int fd;

    segment_name(name, h->first_seq);
    snprintf(temp, sizeof temp, ".%s.tmp", name);
    segment_header_put(head, h);
    if ((fd = publish_begin(dirfd, temp)) < 0)
        return -1;
    if (fd_write_all(fd, head, sizeof head) == 0)
        (void)publish_end(dirfd, temp, name, &fd);
    else
        publish_drop(dirfd, temp, &fd);
    return fd;
}

/* Its header, and behind it the mark that nothing follows. */
static int write_beginning(int fd, const struct segment_header *h)
{
    uint8_t bytes[SEGMENT_HEADER + FRAME_END];

    segment_header_put(bytes, h);
    frame_end_put(bytes + SEGMENT_HEADER, h->first_seq, h->salt);
    return fd_write_at(fd, bytes,
                       frame_end_needed(h, SEGMENT_HEADER) ? sizeof bytes : SEGMENT_HEADER, 0);
}

/* Somebody may have put another in its place between the open and the rename: the sync helper, which
 * writes a segment again, and then the file that is open is nobody's. */
static bool got_name(int dirfd, const char *name, const struct stat *st)
{
    struct stat there;

    if (fstatat(dirfd, name, &there, AT_SYMLINK_NOFOLLOW) == 0 && there.st_ino == st->st_ino &&
        there.st_dev == st->st_dev)
        return true;
    errno = EAGAIN;
    return false;
}

uint64_t begin_room(const struct stat *st)
{
    return S_ISREG(st->st_mode) && st->st_nlink == 1 ? (uint64_t)st->st_blocks * BLOCK : 0;
}

uint64_t begin_room_named(int dirfd, const char *name)
{
    struct stat st;

    return fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 ? begin_room(&st) : 0;
}

int begin_over(int dirfd, const char *name, struct segment_header *h, uint64_t *room)
{
    int fd = openat(dirfd, name, O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    char segment[SEGMENT_NAME];
    struct stat st = {0};

    *room = 0;
    segment_name(segment, h->first_seq);
    if (fd < 0 || fstat(fd, &st) < 0 || st.st_nlink > 1) {
        errno = fd >= 0 && st.st_nlink > 1 ? EMLINK : errno;
        fd_close(&fd);
        return -1;
    }
    h->older = (uint64_t)st.st_size;
    if (write_beginning(fd, h) < 0) {
        fd_close(&fd);
        return -1;
    }
    *room = begin_room(&st);
    if (renameat(dirfd, name, dirfd, segment) < 0 || !got_name(dirfd, segment, &st))
        fd_close(&fd);
    return fd;
}
