/* spool/sync_helper.c - segment by segment, and what is done after an fdatasync has failed
 *
 * A helper that has just begun cannot know what was synced before it and syncs all there is: clean
 * files cost next to nothing.
 *
 * After a failed fdatasync the kernel holds the pages for clean and a second one succeeds without
 * having written anything. So that error is reported, and with the next order what failed is written
 * once more before anything is called synced: segments to new files, the list of sinks and the
 * cursors in place, byte for byte what is there, so that their pages are no longer taken for clean.
 *
 * What is still in memory of a segment is all there is: it is read whole (for a moment it takes as
 * much memory as the segment has bytes), checked frame by frame, written under another name, synced
 * and renamed. A torn frame at the end was never acknowledged and is copied as it is; anything else
 * that is not a good frame means that the memory is gone, too, and the copy would be no better.
 *
 * What has lost its name meanwhile is not needed, and does not get it back: retention may be
 * emptying it while it is read, or remove it as it is replaced. A segment without one whole frame is
 * left alone: the writer may make it anew under the same name, and what is accepted then must not be
 * renamed away. The temporary name has our process in it: the helper of a garnetd that was killed
 * may still be at the same segment. What a helper leaves that is killed itself is swept by the next
 * garnetd.
 */
#include "spool/sync_helper.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "spool/blocks.h"
#include "spool/cursor.h"
#include "spool/segment.h"

enum { BLOCK = 512 /* none of a file system is smaller, and so long is a slot of a cursor */ };
static const int64_t SPARES_EVERY = 5 * NS_PER_S;
static const int64_t FOLDER_CLOCK = 2 * NS_PER_S; /* no file system's is coarser */

/* --- syncing --- */

/* 0 or an errno. Gone is no failure: retention, or whoever removed a sink, was there first. */
static int sync_file(int dirfd, const char *path, ino_t *inode)
{
    struct stat st;
    int fd = openat(dirfd, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC), e = 0;

    if (fd < 0)
        return errno == ENOENT ? 0 : errno;
    if (fdatasync(fd) < 0 || fstat(fd, &st) < 0)
        e = errno;
    else
        *inode = st.st_ino;
    fd_close(&fd);
    return e;
}

static int sync_segment(int dirfd, uint64_t first_seq, ino_t *inode)
{
    char name[SEGMENT_NAME];

    segment_name(name, first_seq);
    return sync_file(dirfd, name, inode);
}

/* Everything from h->segment up to `last`; goes on after an error, and returns the first. */
static int sync_range(const struct sync_helper *h, uint64_t last, ino_t *inode, uint64_t *failed)
{
    struct segment_list l;
    int first = 0;

    *failed = last;
    if (h->inode != 0 && h->segment == last)
        return sync_segment(h->dirfd, last, inode);
    if (segment_list(h->dirfd, &l) < 0)
        return errno;
    for (size_t i = 0; i < l.n && l.first_seq[i] <= last; i++) {
        int e = 0;
        if (h->inode == 0 || l.first_seq[i] >= h->segment)
            e = sync_segment(h->dirfd, l.first_seq[i], inode);
        if (first == 0 && e != 0) {
            first = e;
            *failed = l.first_seq[i];
        }
    }
    segment_list_free(&l);
    return first;
}

/* --- writing again --- */

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
    ssize_t got;

    if (fstat(fd, &st) < 0)
        return errno;
    *n = (size_t)written(fd, st.st_size);
    if ((*p = malloc(*n + 1)) == NULL)
        return ENOMEM;
    if ((got = fd_read_at(fd, *p, *n, 0)) < 0)
        return errno;
    return (size_t)got == *n ? 0 : EBADMSG;
}

/* In a file of an older life a frame without its trailer never was. */
static bool never_was(const struct segment_header *s, const uint8_t *p, size_t at, size_t size)
{
    struct frame_header trailer;

    return s->older > at && !frame_trailer_get(p + at + size - FRAME_TRAILER, &trailer, s->salt);
}

/* How many frames are whole: -1 when one of them is not good. What is not to be copied, since it is of an older
 * life, is taken off *n. */
static int good_frames(const struct segment_header *s, const uint8_t *p, size_t *n)
{
    struct frame_header h;
    size_t at = SEGMENT_HEADER, size;
    uint64_t next;
    int frames = 0;

    for (; *n - at >= FRAME_HEADER && !frame_end_get(p + at, &next, s->salt); at += size) {
        if (!frame_header_get(p + at, &h, s->salt))
            return -1;
        if ((size = frame_size(h.length)) > *n - at)
            return frames;
        if (frame_sum(p + at + FRAME_HEADER, h.length, s->salt) == h.payload_sum)
            frames++;
        else if (never_was(s, p, at, size))
            break;
        else
            return -1;
    }
    *n = at;
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

/* Gives `temp` the name if that is still there, and the name's file that of `temp`. In one step: between a
 * look and a rename retention may remove the segment, and would not know that it is there again. Without
 * such a step (EINVAL: not every file system has one) it is a look and a rename. 0 or an errno; temp is
 * left for the caller to remove. */
static int exchange(int dirfd, int fd, const char *temp, const char *name)
{
    int e = 0;

    if (!is_named(dirfd, name, fd, &e))
        return e;
    if (renameat2(dirfd, temp, dirfd, name, RENAME_EXCHANGE) == 0) {
        if (!is_named(dirfd, temp, fd, &e) &&
            e == 0) /* another's, of this very moment: as it was */
            (void)renameat2(dirfd, temp, dirfd, name, RENAME_EXCHANGE);
        return e;
    }
    if (errno == ENOENT)
        return 0;
    if (errno != EINVAL && errno != ENOSYS)
        return errno;
    return renameat(dirfd, temp, dirfd, name) == 0 ? 0 : errno;
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
    if (e == 0)
        e = exchange(dirfd, fd, temp, name);
    publish_drop(dirfd, temp, &copy);
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
        frames = state == SEGMENT_GOOD ? good_frames(&h, p, &n) : -1;
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

/* What is not in memory any more (EBADMSG) keeps the others from nothing. The folder is synced by
 * sync_serve(). */
static int write_again(const struct sync_helper *h, const struct sync_order *o)
{
    struct segment_list l;
    int worst = 0;

    if (segment_list(h->dirfd, &l) < 0)
        return errno;
    for (size_t i = 0; i < l.n && l.first_seq[i] < o->to; i++) {
        int e = l.first_seq[i] < o->from ? 0 : segment_rewrite(h->dirfd, l.first_seq[i]);
        if (e != 0 && (worst == 0 || worst == EBADMSG))
            worst = e;
    }
    segment_list_free(&l);
    return worst;
}

/* --- the list of sinks, and the cursors --- */

/* Inodes are used again, and a list lives no longer than until the next. */
static bool same_file(const struct stat *a, const struct stat *b)
{
    return a->st_ino == b->st_ino && a->st_ctim.tv_sec == b->st_ctim.tv_sec &&
           a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

struct cursors {
    int dirfd, error;
    bool again;
};

/* A byte of each block as it is, so that no page is taken for clean. A cursor's worker may be writing
 * it: the first byte of a slot never changes but once, from zero. */
static int touch(int dirfd, const char *path)
{
    int fd = openat(dirfd, path, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC), e = 0;
    ssize_t n = 1;
    char c;

    if (fd < 0)
        return errno == ENOENT ? 0 : errno;
    for (off_t at = 0; e == 0 && n == 1; at += BLOCK)
        if ((n = pread(fd, &c, 1, at)) < 0 || (n == 1 && c != 0 && pwrite(fd, &c, 1, at) != 1))
            e = errno;
    fd_close(&fd);
    return e;
}

static void sync_cursor(void *arg, const char *name)
{
    struct cursors *c = arg;
    ino_t inode;
    int e = c->again ? touch(c->dirfd, name) : 0;

    if (e == 0)
        e = sync_file(c->dirfd, name, &inode);
    c->error = c->error != 0 ? c->error : e;
}

/* Where the sinks begin. The list is published by a rename that may get to the disk before what is
 * in it, and a sink that is neither in the list nor has a cursor is a new one, which begins at the
 * end: so the cursors are made safe as well. */
static int sync_cursors(const struct sync_helper *h, bool again)
{
    struct cursors c = {.dirfd = openat(h->dirfd, "cursors", O_RDONLY | O_DIRECTORY | O_CLOEXEC),
                        .again = again};

    if (c.dirfd < 0)
        return errno == ENOENT ? 0 : errno;
    if (cursor_list_each(h->dirfd, sync_cursor, &c) < 0 || fsync(c.dirfd) < 0)
        c.error = c.error != 0 ? c.error : errno;
    fd_close(&c.dirfd);
    return c.error;
}

static int sync_sinks(struct sync_helper *h, bool again)
{
    struct stat list, cursors;
    ino_t inode;
    int e;

    if (fstatat(h->dirfd, "sinks", &list, AT_SYMLINK_NOFOLLOW) < 0 ||
        fstatat(h->dirfd, "cursors", &cursors, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? 0 : errno;
    if (!again && same_file(&list, &h->list) && same_file(&cursors, &h->cursors))
        return 0;
    if ((e = sync_cursors(h, again)) == 0 && (e = again ? touch(h->dirfd, "sinks") : 0) == 0 &&
        (e = sync_file(h->dirfd, "sinks", &inode)) == 0 && fsync(h->dirfd) < 0)
        e = errno;
    if (e == 0) {
        h->list = list;
        h->cursors = cursors;
    }
    return e;
}

/* --- an order --- */

/* A file may have lost its name and got it back, in the reserve and out of it. File systems count in seconds, some of
 * them: what changed just now may change again at the same time. */
static int sync_folder(struct sync_helper *h, bool changed)
{
    struct stat st;
    int64_t at;

    if (fstat(h->dirfd, &st) < 0)
        return errno;
    at = clock_ns(st.st_mtim);
    if ((changed || at != h->names) && fsync(h->dirfd) < 0)
        return errno;
    h->names = clock_between(at, clock_wall()) > FOLDER_CLOCK ? at : 0;
    return 0;
}

/* Everything that is to be synced, and is not a segment. */
static int sync_names(struct sync_helper *h, const struct sync_order *o, ino_t newest)
{
    int e = sync_folder(h, o->again || newest != h->inode || o->segment != h->segment);

    if (e != 0)
        return e;
    h->segment = o->segment;
    h->inode = newest;
    return sync_sinks(h, o->again);
}

void sync_serve(struct sync_helper *h, const struct sync_order *o, struct sync_report *r)
{
    ino_t newest = 0;

    *r = (struct sync_report){.seq = o->seq, .failed = SYNC_REWRITE, .room = h->room};
    if (o->again)
        r->error = write_again(h, o);
    if (r->error == 0)
        r->error = sync_range(h, o->segment, &newest, &r->failed);
    if (r->error != 0)
        return;
    r->failed = SYNC_FOLDER;
    r->error = sync_names(h, o, newest);
}

/* --- room --- */

void sync_make_room(struct sync_helper *h, const struct sync_order *o)
{
    int64_t now = clock_mono();

    if (o->room.id != 0 && o->room.id != h->room.id)
        h->room = (struct reserve_file){o->room.id, blocks_make(h->dirfd, &o->room), 0};
    if (h->spares_ns == 0 || now - h->spares_ns >= SPARES_EVERY) {
        cursor_make_spares(h->dirfd);
        h->spares_ns = now;
    }
}
