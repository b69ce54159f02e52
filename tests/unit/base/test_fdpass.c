/* tests/unit/base/test_fdpass.c - descriptors passed along with bytes are neither taken nor closed by who reads them */
#include <criterion/criterion.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/fdpass.h"

/* A wait that the test would not survive. */
TestSuite(passed, .timeout = 20);

static int far = -1; /* nobody reads it */

/* A TCP socket whose last close lasts an hour. */
static int lingering(void)
{
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const struct linger hour = {1, 3600};
    socklen_t n = sizeof sa;
    int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0),
        fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    static char much[65536];

    cr_assert_eq(bind(server, (const struct sockaddr *)&sa, sizeof sa), 0);
    cr_assert_eq(listen(server, 1), 0);
    cr_assert_eq(getsockname(server, (struct sockaddr *)&sa, &n), 0);
    cr_assert_eq(connect(fd, (const struct sockaddr *)&sa, sizeof sa), 0);
    far = accept4(server, NULL, NULL, SOCK_CLOEXEC);
    while (send(fd, much, sizeof much, MSG_DONTWAIT) > 0)
        ;
    cr_assert_eq(setsockopt(fd, SOL_SOCKET, SO_LINGER, &hour, sizeof hour), 0);
    fd_close(&server);
    return fd;
}

/* 0, or errno. */
static int pass(int to, const char *text, int fd)
{
    union {
        struct cmsghdr head;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct iovec v = {(void *)text, strlen(text)};
    struct msghdr m = {
        .msg_iov = &v, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};

    control.head = (struct cmsghdr){
        .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof fd)};
    memcpy(CMSG_DATA(&control.head), &fd, sizeof fd);
    return sendmsg(to, &m, MSG_NOSIGNAL) < 0 ? errno : 0;
}

static void make_pair(int type, int pair[2])
{
    cr_assert_eq(socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, pair), 0);
}

Test(passed, what_comes_before_is_read_and_then_it_is_told)
{
    int pair[2], fd = lingering();
    char got[16];

    make_pair(SOCK_STREAM, pair);
    cr_assert(fdpass_allowed(pair[0]));
    cr_assert_eq(send(pair[1], "abc", 3, 0), 3);
    cr_assert_eq(fdpass_recv(pair[0], got, sizeof got), 3);
    cr_assert_eq(fdpass_recv(pair[0], got, sizeof got), -1);
    cr_assert_eq(errno, EAGAIN);
    cr_assert_eq(pass(pair[1], "x", fd), 0);
    fd_close(&fd); /* the queue has it alone, now */
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(fdpass_recv(pair[0], got, sizeof got), -1);
        cr_assert_eq(errno, ECOMM);
    }
    fdpass_close(&pair[0]);
    cr_assert_eq(pair[0], -1);
    cr_assert_eq(send(pair[1], "x", 1, MSG_NOSIGNAL), -1); /* it is closed */
    cr_assert_eq(errno, EPIPE);
    cr_assert_gt(wait(NULL), 0); /* who has closed it has ended, and did not linger */
}

Test(passed, packets_are_looked_at_too_and_an_empty_one_is_not_overlooked)
{
    int pair[2], fd = lingering();
    char got[16];

    make_pair(SOCK_SEQPACKET, pair);
    cr_assert_eq(send(pair[1], "r", 1, 0), 1);
    cr_assert_eq(pass(pair[1], "", fd), 0);
    fd_close(&fd);
    cr_assert_eq(fdpass_recv(pair[0], got, 1), 1);
    cr_assert_leq(fdpass_recv(pair[0], got, 1), 0);
    fdpass_close(&pair[0]);
    cr_assert_gt(wait(NULL), 0);
}

Test(passed, an_end_and_an_empty_connection_need_no_process)
{
    int pair[2];
    char c;

    for (int i = 0; i < 4; i++) {
        make_pair(i % 2 != 0 ? SOCK_STREAM : SOCK_SEQPACKET, pair);
        cr_assert_eq(send(pair[1], "x", 1, 0), 1);
        cr_assert_eq(fdpass_recv(pair[0], &c, 1), 1);
        if (i < 2) { /* with words of ours unread there, which is an error here */
            cr_assert_eq(send(pair[0], "x", 1, 0), 1);
            fd_close(&pair[1]);
        }
        fdpass_close(&pair[0]);
        cr_assert_eq(wait(NULL), -1);
        fd_close(&pair[1]);
    }
}

Test(passed, a_kernel_that_can_refuses_them)
{
    int pair[2], fd = lingering(), refused;
    char c;

    make_pair(SOCK_STREAM, pair);
    fdpass_refuse(pair[0]);
    if (fdpass_allowed(pair[0]))
        cr_skip_test("Linux before 6.16");
    refused = pass(pair[1], "x", fd);
    cr_assert_eq(refused, EPERM);
    cr_assert_eq(send(pair[1], "x", 1, 0), 1);
    cr_assert_eq(recv(pair[0], &c, 1, 0), 1);
    cr_assert_eq(send(pair[1], "x", 1, 0), 1);
    fdpass_close(&pair[0]); /* with a byte unread */
    cr_assert_eq(wait(NULL), -1);
    fd_close(&far); /* else closing `fd` would last an hour */
    fd_close(&fd);
}
