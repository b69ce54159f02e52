/* base/fd: a file or what comes out of a pipe, read whole or up to a bound */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"

enum { LONG = 200000 };

static int file_of(size_t n)
{
    int fd = memfd_create("file", MFD_CLOEXEC);
    char *text = malloc(n + 1);

    memset(text, 'x', n);
    cr_assert(fd >= 0 && fd_write_all(fd, text, n) == 0);
    cr_assert_eq(lseek(fd, 0, SEEK_SET), 0);
    free(text);
    return fd;
}

Test(fd, reads_a_long_file_whole)
{
    struct buf b = {0};
    int fd = file_of(LONG);

    cr_assert_eq(fd_read_all(fd, -1, &b), 0);
    cr_assert_eq(b.n, LONG);
    cr_assert_eq(fd_read_all(fd, -1, &b), 0, "and no more, from where it stands");
    cr_assert_eq(b.n, LONG);
    buf_free(&b);
    fd_close(&fd);
}

Test(fd, reads_from_a_place_whoever_has_moved_the_descriptor)
{
    struct buf b = {0};
    int fd = file_of(LONG);

    cr_assert_eq(lseek(fd, 0, SEEK_END), LONG);
    cr_assert_eq(fd_read_all(fd, 0, &b), 0);
    cr_assert_eq(b.n, LONG);
    cr_assert_eq(fd_read_all(fd, LONG - 7, &b), 0, "it is appended");
    cr_assert_eq(b.n, LONG + 7);
    buf_free(&b);
    fd_close(&fd);
}

Test(fd, reads_what_comes_out_of_a_pipe)
{
    struct buf b = {0};
    int fds[2];

    cr_assert_eq(fd_pipe(fds, 0, 0), 0);
    cr_assert_eq(fd_write_all(fds[1], "abc", 3), 0);
    fd_close(&fds[1]);
    cr_assert_eq(fd_read_all(fds[0], -1, &b), 0);
    cr_assert(str_eq((struct str){b.p, b.n}, str_of("abc")));
    buf_free(&b);
    fd_close(&fds[0]);
}

Test(fd, reads_up_to_a_bound_and_tells_that_there_is_more)
{
    struct buf b = {.max = 100000};
    int fd = file_of(100000);

    cr_assert_eq(fd_read_all(fd, 0, &b), 0, "as much as the bound is not too much");
    cr_assert_eq(b.n, 100000);
    fd_close(&fd);
    buf_reset(&b);
    fd = file_of(100001);
    errno = 0;
    cr_assert_eq(fd_read_all(fd, 0, &b), -1);
    cr_assert_eq(errno, EFBIG);
    cr_assert_eq(b.n, 100000);
    cr_assert(buf_ok(&b));
    buf_free(&b);
    fd_close(&fd);
}

Test(fd, an_empty_file_is_read_and_a_folder_is_not)
{
    struct buf b = {0};
    int fd = file_of(0), dir = open("/", O_RDONLY | O_DIRECTORY);

    cr_assert_eq(fd_read_all(fd, 0, &b), 0);
    cr_assert_eq(b.n, 0);
    cr_assert_eq(fd_read_all(dir, 0, &b), -1);
    cr_assert_eq(errno, EISDIR);
    buf_free(&b);
    fd_close(&fd);
    fd_close(&dir);
}

Test(fd, writes_and_reads_at_a_place_whoever_has_moved_the_descriptor)
{
    char text[8] = "";
    int fd = file_of(10);

    cr_assert_eq(fd_write_at(fd, "abcd", 4, 8), 0, "and past the end");
    cr_assert_eq(fd_read_at(fd, text, 4, 6), 4);
    cr_assert(memcmp(text, "xxab", 4) == 0);
    cr_assert_eq(fd_read_at(fd, text, sizeof text, 10), 2, "what there is");
    cr_assert_eq(fd_read_at(fd, text, sizeof text, 100), 0);
    cr_assert_eq(lseek(fd, 0, SEEK_CUR), 0);
    fd_close(&fd);
    cr_assert_eq(fd_read_at(fd, text, 1, 0), -1);
    cr_assert_eq(fd_write_at(fd, text, 1, 0), -1);
}

/* A pipe that has little room takes it in pieces. */
Test(fd, writes_all_of_several_parts)
{
    struct buf b = {0};
    char *part = calloc(1, LONG);
    struct iovec v[] = {{"a", 1}, {part, LONG}, {"", 0}, {part, LONG}, {"z", 1}};
    int fds[2], status;
    pid_t pid;

    cr_assert_eq(fd_pipe(fds, 0, 0), 0);
    if ((pid = fork()) == 0)
        _exit(fd_writev_at(fds[1], v, 5, -1) == 0 ? 0 : 1);
    fd_close(&fds[1]);
    cr_assert_eq(fd_read_all(fds[0], -1, &b), 0);
    cr_assert_eq(b.n, 2 * LONG + 2);
    cr_assert(b.p[0] == 'a' && b.p[b.n - 1] == 'z');
    cr_assert(waitpid(pid, &status, 0) == pid && status == 0);
    buf_free(&b);
    free(part);
    fd_close(&fds[0]);
}

Test(fd, lists_a_folder_and_closes_what_is_none)
{
    int fd = file_of(1);
    DIR *list = fd_list(open("/", O_RDONLY | O_DIRECTORY));

    cr_assert_not_null(list);
    cr_assert_not_null(readdir(list));
    closedir(list);
    cr_assert_null(fd_list(fd));
    cr_assert_eq(errno, ENOTDIR);
    cr_assert_eq(fcntl(fd, F_GETFD), -1, "it is closed");
    errno = ESTALE;
    cr_assert_null(fd_list(-1));
    cr_assert_eq(errno, ESTALE);
}

/* A helper without /dev/null has none of 0, 1 and 2, and whoever it starts begins by closing them. */
Test(fd, what_is_passed_along_is_none_of_0_1_and_2)
{
    int pair[2], fds[3] = {-1, -1, -1}, keep[3];
    bool cut = true;
    char c;

    cr_assert_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    cr_assert_eq(fd_send(pair[0], "x", 1, (const int[]){0, 1}, 2, 0), 1);
    for (int i = 0; i < 3; i++) {
        keep[i] = fcntl(i, F_DUPFD_CLOEXEC, 10);
        (void)close(i);
    }
    cr_assert_eq(fd_receive(pair[1], &c, 1, fds, 3, 0, &cut), 1);
    for (int i = 0; i < 3; i++)
        (void)dup2(keep[i], i);
    cr_assert_not(cut);
    cr_assert_gt(fds[0], 2);
    cr_assert_gt(fds[1], 2);
    cr_assert_neq(fds[0], fds[1]);
    cr_assert_eq(fds[2], -1);
}
