/* tests/unit/control/test_control.c - control/control.h: clients of every kind, none of whom holds up another */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "control/control.h"
#include "rig/until.h"

#define ASK    "{\"garnet\":1,\"ask\":\"status\"}\n"
#define RELOAD "{\"garnet\":1,\"ask\":\"reload\"}\n"
#define SAYS   "{\"garnet\":1,\"status\":{}}\n"

static char dir[] = "/tmp/garnet-control-XXXXXX";
static char path[64];
static struct loop *loop;
static struct control *control;
static unsigned asked, reloads;
static size_t size; /* of the state, at least */
static bool ending;

static void put_status(void *arg, struct buf *out)
{
    (void)arg;
    asked++;
    buf_putc(out, '{');
    for (size_t i = 0; i < size; i++)
        buf_putc(out, ' ');
    buf_putc(out, '}');
}

static void put_explained(void *arg, const char *metric, struct buf *out)
{
    (void)arg;
    buf_putf(out, "{\"of\":\"%s\"}", metric);
}

static bool take_reload(void *arg, struct why *why)
{
    (void)arg;
    reloads++;
    return !ending || why_set(why, "garnetd is ending");
}

static void begin(void)
{
    const struct control_events ev = {NULL, put_status, put_explained, take_reload};
    struct why why;

    cr_assert_neq(mkdtemp(dir), NULL);
    (void)snprintf(path, sizeof path, "%s/control.sock", dir);
    loop = loop_new();
    control = control_new(loop, &ev);
    cr_assert(control_listen(control,
                             &(struct socket_config){
                                 .path = path, .mode = 0600, .uid = (uid_t)-1, .group = (gid_t)-1},
                             &why),
              "%s", why.text);
}

static void end(void)
{
    control_free(control);
    loop_free(loop);
    (void)unlink(path);
    (void)rmdir(dir);
}

static int client(void)
{
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    memcpy(sa.sun_path, path, strlen(path));
    cr_assert_eq(connect(fd, (struct sockaddr *)&sa, sizeof sa), 0);
    return fd;
}

static void put(int fd, const char *text)
{
    cr_assert_eq(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

/* One line, or what there is of it by now, in static memory; "gone" at the end of it. */
static const char *got(int fd)
{
    static char text[4096];
    ssize_t n = recv(fd, text, sizeof text - 1, MSG_DONTWAIT | MSG_PEEK);
    const char *nl = n > 0 ? memchr(text, '\n', (size_t)n) : NULL;

    if (n == 0)
        return "gone";
    n = nl != NULL ? nl + 1 - text : n;
    if (n > 0)
        cr_assert_eq(recv(fd, text, (size_t)n, MSG_DONTWAIT), n);
    text[n > 0 ? n : 0] = '\0';
    return text;
}

static const char *reply(int fd)
{
    const char *text = "";

    UNTIL_WITHIN(20, (void)loop_turn(loop, 20 * NS_PER_MS), *(text = got(fd)) != '\0', "no reply");
    return text;
}

TestSuite(control, .init = begin, .fini = end);

Test(control, is_for_its_user_alone)
{
    struct stat st;

    cr_assert_eq(stat(path, &st), 0);
    cr_assert_eq(st.st_mode & 07777, 0600);
}

Test(control, a_line_gets_a_line)
{
    int fd = client();

    put(fd, "{\"garnet\":1,\"a");
    (void)loop_turn(loop, 20 * NS_PER_MS);
    put(fd, "sk\":\"status\"}\n" ASK "nonsense\n");
    cr_assert_str_eq(reply(fd), SAYS);
    cr_assert_str_eq(reply(fd), SAYS);
    cr_assert_neq(strstr(reply(fd), "{\"garnet\":1,\"error\":\"byte "), NULL);
    put(fd, ASK);
    cr_assert_str_eq(reply(fd), SAYS, "an error ends nothing");
    cr_assert_eq(control_counts(control)->requests, 4);
    cr_assert_eq(control_counts(control)->refused, 1);
    fd_close(&fd);
}

Test(control, what_is_remembered_of_a_metric)
{
    int fd = client();

    put(fd, "{\"garnet\":1,\"ask\":\"explain\",\"metric\":\"cpu.*\"}\n" ASK);
    cr_assert_str_eq(reply(fd), "{\"garnet\":1,\"explain\":{\"of\":\"cpu.*\"}}\n");
    cr_assert_str_eq(reply(fd), SAYS);
    fd_close(&fd);
}

Test(control, the_end_of_what_is_sent_ends_a_line)
{
    int fd = client();

    put(fd, "{\"garnet\":1,\"ask\":\"status\"}");
    cr_assert_eq(shutdown(fd, SHUT_WR), 0);
    cr_assert_str_eq(reply(fd), SAYS);
    cr_assert_str_eq(reply(fd), "gone");
    fd_close(&fd);
}

Test(control, a_line_that_is_too_long)
{
    char long_line[5000];
    int fd = client();

    memset(long_line, 'x', sizeof long_line);
    (void)send(fd, long_line, sizeof long_line, MSG_NOSIGNAL);
    cr_assert_neq(strstr(reply(fd), "a request is a line of at most 4096 bytes"), NULL);
    fd_close(&fd);
}

/* The same text for all who ask at nearly the same time: a hundred clients cost what one does. */
Test(control, many_share_an_answer)
{
    int fds[100];

    size = 1 << 20; /* so that it takes a while to put it together */
    for (int i = 0; i < 100; i++) {
        fds[i] = client();
        put(fds[i], ASK);
    }
    for (int i = 0; i < 100; i++)
        cr_assert_eq(strncmp(reply(fds[i]), "{\"garnet\":1,\"status\":{ ", 22), 0);
    cr_assert_lt(asked, 20U);
    for (int i = 0; i < 100; i++)
        fd_close(&fds[i]);
}

Test(control, silent_ones_give_way_and_do_not_cost_a_reply)
{
    int fds[CONTROL_CLIENTS + 50], last;

    for (int i = 0; i < CONTROL_CLIENTS + 50; i++) {
        fds[i] = client();
        (void)loop_turn(loop, 0);
    }
    last = client();
    put(last, ASK);
    cr_assert_str_eq(reply(last), SAYS);
    cr_assert_str_eq(reply(fds[0]), "gone", "the one that was silent for longest");
    for (int i = 0; i < CONTROL_CLIENTS + 50; i++)
        fd_close(&fds[i]);
    fd_close(&last);
}

/* It has 16 MiB in front of it and reads none: others are answered, and it is cut off in the end. */
Test(control, one_that_does_not_read, .timeout = 60)
{
    int slow = client(), other;

    size = 16 << 20;
    put(slow, ASK);
    UNTIL_WITHIN(20, (void)loop_turn(loop, 20 * NS_PER_MS), asked == 1, "not asked");
    size = 0;
    control_reloaded(control, NULL); /* what was put together is old */
    other = client();
    put(other, ASK);
    cr_assert_str_eq(reply(other), SAYS);
    UNTIL_WITHIN(30, (void)loop_turn(loop, 20 * NS_PER_MS), send(slow, "\n", 1, MSG_NOSIGNAL) < 0,
                 "it is still there");
    fd_close(&slow);
    fd_close(&other);
}

/* Nor does one stay for ever that takes a little now and then: what it is being told is kept for it. */
Test(control, one_that_reads_slowly, .timeout = 60)
{
    char some[1024];
    int slow = client();

    size = 16 << 20;
    put(slow, ASK);
    UNTIL_WITHIN(20, (void)loop_turn(loop, 20 * NS_PER_MS), asked == 1, "not asked");
    UNTIL_WITHIN(30, (void)loop_turn(loop, 20 * NS_PER_MS),
                 recv(slow, some, sizeof some, MSG_DONTWAIT) == 0, "it is still there");
    fd_close(&slow);
}

Test(control, a_reload_is_waited_for)
{
    struct buf receipt = {0};
    int one = client(), other = client(), gone = client();

    put(one, RELOAD ASK);
    put(gone, RELOAD);
    UNTIL_WITHIN(20, (void)loop_turn(loop, 20 * NS_PER_MS), reloads == 2, "not asked");
    fd_close(&gone);
    put(other, ASK);
    cr_assert_str_eq(reply(other), SAYS);
    cr_assert_str_eq(got(one), "");
    buf_puts(&receipt, "{\"result\":\"applied\"}");
    control_reloaded(control, &receipt);
    buf_free(&receipt);
    cr_assert_str_eq(reply(one), "{\"garnet\":1,\"reload\":{\"result\":\"applied\"}}\n");
    cr_assert_str_eq(reply(one), SAYS, "what was asked behind it");
    ending = true;
    put(other, RELOAD);
    cr_assert_neq(strstr(reply(other), "garnetd is ending"), NULL);
    ending = false;
    put(other, RELOAD);
    UNTIL_WITHIN(20, (void)loop_turn(loop, 20 * NS_PER_MS), reloads == 4, "not asked");
    control_reloaded(control, NULL);
    cr_assert_str_eq(reply(other), "gone", "nobody waits for what does not come");
    fd_close(&one);
    fd_close(&other);
}
