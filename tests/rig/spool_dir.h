/* tests/rig/spool_dir.h - what the tests of the spool share: a folder, a writer whose payloads can be
 * recognised, and a reader that checks that nothing is missing, doubled or changed. */
#ifndef SPOOL_DIR_H
#define SPOOL_DIR_H
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "spool/append.h"
#include "spool/segment.h"
#include "spool/tail.h"

static char dir[] = "/tmp/garnet-spool-XXXXXX";
static int dirfd_ = -1;

static inline void dir_make(void)
{
    cr_assert_not_null(mkdtemp(dir));
    dirfd_ = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    cr_assert_geq(dirfd_, 0);
}

static inline int dir_rm(const char *path, const struct stat *st, int flag, struct FTW *w)
{
    (void)st, (void)flag, (void)w;
    return remove(path);
}

static inline void dir_remove(void)
{
    close(dirfd_);
    cr_assert_eq(nftw(dir, dir_rm, 16, FTW_DEPTH | FTW_PHYS), 0);
}

static inline struct append *writer_for(int64_t segment_size, int64_t max_size, int64_t max_age)
{
    struct append_config c = {dir, segment_size, max_size, max_age};
    char why[256] = "";
    struct append *a = append_open(&c, why);

    cr_assert_not_null(a, "append_open: %s", why);
    return a;
}

static inline struct append *writer(int64_t segment_size)
{
    return writer_for(segment_size, 0, 0);
}

/* Payload of the frame that begins at seq: its length and every byte follow from seq and count. */
static inline size_t pattern_size(uint32_t count)
{
    return (size_t)count * 3 + 1;
}

static inline unsigned char pattern_byte(uint64_t seq, size_t i)
{
    return (unsigned char)((seq * 131 + i * 7 + 3) & 255);
}

static inline int try_put(struct append *a, uint32_t count)
{
    size_t n = pattern_size(count);
    unsigned char *p = malloc(n);
    uint64_t end = 0, seq = append_next_seq(a);
    int r;

    cr_assert_not_null(p);
    for (size_t i = 0; i < n; i++)
        p[i] = pattern_byte(seq, i);
    r = append_frame(a, p, n, count, &end);
    free(p);
    if (r == 0)
        cr_assert_eq(end, seq + count);
    return r;
}

static inline void put(struct append *a, uint32_t count)
{
    cr_assert_eq(try_put(a, count), 0, "append_frame: %s", strerror(errno));
}

/* What a reader got; `next` is where it is. */
struct total {
    uint64_t next, delivered, expired, damaged;
    unsigned frames;
};

static inline void check_frame(const struct tail_frame *f)
{
    const unsigned char *p = f->payload;

    cr_assert_eq((uintptr_t)p % 8, 0);
    cr_assert_eq(f->length, pattern_size(f->count));
    for (size_t i = 0; i < f->length; i++)
        cr_assert_eq(p[i], pattern_byte(f->seq, i));
}

/* One step; every number is handed out or lost exactly once, in order. */
static inline enum tail_result take(struct tail *t, struct total *n)
{
    struct tail_frame f;
    enum tail_result r = tail_next(t, &f);

    cr_assert_neq(r, TAIL_ERROR, "tail_next: %s", strerror(errno));
    if (r == TAIL_LOST) {
        cr_assert_eq(f.seq, n->next);
        cr_assert_gt(f.lost, 0);
        n->next += f.lost;
        *(f.reason == TAIL_EXPIRED ? &n->expired : &n->damaged) += f.lost;
    } else if (r == TAIL_FRAME) {
        check_frame(&f);
        cr_assert(f.seq == n->next || (n->frames == 0 && f.seq < n->next));
        cr_assert_gt(f.seq + f.count, n->next);
        n->delivered += f.seq + f.count - n->next;
        n->next = f.seq + f.count;
        n->frames++;
    }
    return r;
}

static inline void drain(struct tail *t, struct total *n)
{
    while (take(t, n) != TAIL_WAIT)
        ;
}

static inline struct tail *tail_at(uint64_t seq, struct total *n)
{
    struct tail *t = tail_open(dirfd_, seq);

    cr_assert_not_null(t);
    *n = (struct total){.next = seq};
    return t;
}

/* Reads all from seq on with a tail of its own. */
static inline struct total read_from(uint64_t seq)
{
    struct total n;
    struct tail *t = tail_at(seq, &n);

    drain(t, &n);
    tail_close(t);
    return n;
}

static inline size_t segments(void)
{
    struct segment_list l;
    size_t n;

    cr_assert_eq(segment_list(dirfd_, &l), 0);
    n = l.n;
    segment_list_free(&l);
    return n;
}

static inline size_t seg_size(uint64_t first_seq)
{
    char name[SEGMENT_NAME];
    struct stat st;

    segment_name(name, first_seq);
    cr_assert_eq(fstatat(dirfd_, name, &st, 0), 0);
    return (size_t)st.st_size;
}

static inline int seg_fd(uint64_t first_seq)
{
    char name[SEGMENT_NAME];
    int fd;

    segment_name(name, first_seq);
    fd = openat(dirfd_, name, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    cr_assert_geq(fd, 0);
    return fd;
}

static inline void seg_cut(uint64_t first_seq, size_t size)
{
    int fd = seg_fd(first_seq);

    cr_assert_eq(ftruncate(fd, (off_t)size), 0);
    close(fd);
}

static inline void seg_unlink(uint64_t first_seq)
{
    char name[SEGMENT_NAME];

    segment_name(name, first_seq);
    cr_assert_eq(unlinkat(dirfd_, name, 0), 0);
}

/* Turns one bit over; twice puts it back. */
static inline void seg_flip(uint64_t first_seq, size_t byte, unsigned bit)
{
    int fd = seg_fd(first_seq);
    unsigned char c;

    cr_assert_eq(pread(fd, &c, 1, (off_t)byte), 1);
    c = (unsigned char)(c ^ (1U << bit));
    cr_assert_eq(pwrite(fd, &c, 1, (off_t)byte), 1);
    close(fd);
}

static inline void file_put(const char *name, const char *text)
{
    int fd = openat(dirfd_, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);

    cr_assert_geq(fd, 0);
    cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}

static inline int end_of(pid_t pid)
{
    int status;

    cr_assert_eq(waitpid(pid, &status, 0), pid);
    cr_assert(WIFEXITED(status));
    return WEXITSTATUS(status);
}

/* In a process of its own: 0 opened, 1 refused with `in use`, 2 anything else. */
static inline int open_elsewhere(long holder)
{
    pid_t pid = fork();

    if (pid == 0) {
        struct append_config c = {dir, 4096, 0, 0};
        char why[256] = "", want[64];
        snprintf(want, sizeof want, "is in use by process %ld", holder);
        if (append_open(&c, why))
            _exit(0);
        _exit(strcmp(why, want) == 0 ? 1 : 2);
    }
    return end_of(pid);
}

#endif
