/* tests/unit/spool/test_opener.c - spool/opener.h: what it opens for a worker, and what it does not */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/fd.h"
#include "rig/spool_dir.h"
#include "spool/opener.h"
#include "spool/segment.h"

static const int APPEND = O_RDWR | O_CREAT | O_APPEND;

static void put_file(const char *name)
{
    int fd = openat(spool_dir.fd, name, O_WRONLY | O_CREAT | O_CLOEXEC, SPOOL_FILE);

    cr_assert(fd >= 0);
    cr_assert_eq(write(fd, name, strlen(name)), (ssize_t)strlen(name));
    fd_close(&fd);
}

/* 0, or the errno; what it opened holds its own name. */
static int try(const char *name, int flags)
{
    int fd = opener_open(-1, name, flags);
    char text[64] = "";

    if (fd < 0)
        return errno;
    cr_assert_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
    if ((flags & (O_DIRECTORY | O_CREAT)) == 0) {
        cr_assert(read(fd, text, sizeof text - 1) >= 0);
        cr_assert_str_eq(text, name);
    }
    fd_close(&fd);
    return 0;
}

TestSuite(opener, .init = spool_dir_make, .fini = spool_dir_remove, .timeout = 60);

#define SEGMENT "00000000000000000007.seg"

Test(opener, opens_what_a_worker_needs_and_nothing_else)
{
    struct stat st;

    cr_assert_eq(mkdirat(spool_dir.fd, "cursors", SPOOL_FOLDER), 0);
    put_file("cursors/main");
    put_file("cursors/other");
    put_file("lock");
    put_file(SEGMENT);
    cr_assert_eq(opener_start(spool_dir.path, "main", segment_is_name), 0);
    cr_assert_eq(try(".", O_RDONLY | O_DIRECTORY), 0);
    cr_assert_eq(try("cursors/main", O_RDWR), 0);
    cr_assert_eq(try(SEGMENT, O_RDONLY), 0);
    cr_assert_eq(opener_stat(-1, SEGMENT, &st), 0);
    cr_assert_eq(st.st_size, (off_t)strlen(SEGMENT));
    cr_assert_eq(try("00000000000000000008.seg", O_RDONLY), ENOENT);
    cr_assert_eq(try("cursors/other", O_RDWR), EPERM);
    cr_assert_eq(try("cursors/main", O_RDWR | O_TRUNC), EPERM);
    cr_assert_eq(try("lock", O_RDONLY), EPERM);
    cr_assert_eq(try("..", O_RDONLY | O_DIRECTORY), EPERM);
    cr_assert_eq(try("/etc/passwd", O_RDONLY), EPERM);
    cr_assert_eq(try(SEGMENT, O_RDWR), EPERM);
    cr_assert_eq(try("./" SEGMENT, O_RDONLY), EPERM);
}

Test(opener, makes_the_quarantine_of_that_sink)
{
    struct stat st;

    cr_assert_eq(opener_start(spool_dir.path, "main", segment_is_name), 0);
    cr_assert_eq(opener_mkdir(-1, "quarantine"), 0);
    cr_assert_eq(try("quarantine/main.ndjson", O_RDONLY), ENOENT);
    cr_assert_eq(try("quarantine/other.ndjson", APPEND), EPERM);
    cr_assert_eq(try("quarantine/main.ndjson", APPEND), 0);
    cr_assert_eq(fstatat(spool_dir.fd, "quarantine/main.ndjson", &st, 0), 0);
    cr_assert_eq(st.st_mode & 07777, SPOOL_FILE);
    cr_assert_eq(fstatat(spool_dir.fd, "quarantine", &st, 0), 0);
    cr_assert_eq(st.st_mode & 07777, SPOOL_FOLDER);
}

/* Who could put them there is garnetd's user; but nothing hangs on one, or goes astray. */
Test(opener, follows_no_link_and_waits_for_no_fifo)
{
    int fd;

    cr_assert_eq(symlinkat("/etc/passwd", spool_dir.fd, SEGMENT), 0);
    cr_assert_eq(mkfifoat(spool_dir.fd, "00000000000000000009.seg", 0600), 0);
    cr_assert_eq(opener_start(spool_dir.path, "main", segment_is_name), 0);
    cr_assert_eq(try(SEGMENT, O_RDONLY), ELOOP);
    fd = opener_open(-1, "00000000000000000009.seg", O_RDONLY);
    cr_assert(fd >= 0);
    fd_close(&fd);
}
