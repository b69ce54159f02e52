/* The client that collectors, `garnet emit` and the library share: what it builds, and how it gets along with
 * every kind of other side. */
#include <criterion/criterion.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "collector.h"

static const struct client_series PLAIN = {.name = "a"};
static const char ACCEPTED[] = "{\"accepted\":1,\"rejected\":0,\"errors\":[]}\n";

/* A client that is connected to *peer. */
static void connected(struct client *c, int *peer)
{
    int fds[2];

    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    client_init(c, "test", "/test");
    c->fd = fds[0];
    *peer = fds[1];
}

static void say(int fd, const char *text)
{
    cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
}

/* client_finish() after the other side has said `reply` and hung up; what it printed goes to
 * `err`. */
static int finish_with(const char *reply, char *err, size_t cap)
{
    struct client c;
    int peer, saved = dup(2), status;
    FILE *to = tmpfile();

    connected(&c, &peer);
    client_begin(&c, &PLAIN);
    client_u64(&c, NULL, 1);
    client_end(&c);
    say(peer, reply);
    cr_assert_eq(shutdown(peer, SHUT_WR), 0);
    dup2(fileno(to), 2);
    status = client_finish(&c);
    dup2(saved, 2);
    rewind(to);
    err[fread(err, 1, cap - 1, to)] = 0;
    fclose(to);
    close(saved);
    close(peer);
    return status;
}

Test(client, builds_one_value)
{
    struct client c;

    client_init(&c, "test", "/test");
    client_begin(&c, &(struct client_series){.name = "a.b", .type = "counter", .unit = "ms"});
    client_u64(&c, NULL, UINT64_MAX);
    client_end(&c);
    cr_assert_str_eq(c.out.p, "{\"name\":\"a.b\",\"type\":\"counter\",\"unit\":\"ms\","
                              "\"value\":18446744073709551615}\n");
    client_close(&c);
}

Test(client, builds_values_and_tags)
{
    const garnet_client_tag tags[] = {{"core", "0"}, {"node", "1"}};
    struct client c;

    client_init(&c, "test", "/test");
    client_begin(&c, &(struct client_series){.name = "a", .tags = tags, .ntags = 2});
    client_i64(&c, "min", INT64_MIN);
    client_f64(&c, "half", 0.5);
    client_end(&c);
    client_begin(&c, &PLAIN);
    client_u64(&c, "k", 0);
    client_end(&c);
    cr_assert_str_eq(c.out.p, "{\"name\":\"a\",\"tags\":{\"core\":\"0\",\"node\":\"1\"},"
                              "\"values\":{\"min\":-9223372036854775808,\"half\":0.5}}\n"
                              "{\"name\":\"a\",\"values\":{\"k\":0}}\n");
    client_close(&c);
}

Test(client, doubles_are_short_and_read_back)
{
    const double numbers[] = {0.05, 0.1, 1.0 / 3, 1e300, 5e-324, -2.5, 123456789.125, 3, -0.0};
    const char *const texts[] = {"0.05",          "0.1", "0.3333333333333333",
                                 "1e+300",        NULL,  "-2.5",
                                 "123456789.125", "3.0", "-0.0"};

    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        struct client c;
        const char *text;

        client_init(&c, "test", "/test");
        client_f64(&c, NULL, numbers[i]);
        client_end(&c);
        text = strrchr(c.out.p, ':') + 1;
        if (texts[i] != NULL)
            cr_assert(strcspn(text, "}") == strlen(texts[i]) &&
                          strncmp(text, texts[i], strlen(texts[i])) == 0,
                      "%s", text);
        cr_assert(fabs(strtod(text, NULL) - numbers[i]) <= 0);
        client_close(&c);
    }
}

Test(client, meta_and_time)
{
    const garnet_client_tag meta[] = {{"agent", "x"}};
    struct client c;

    client_init(&c, "test", "/test");
    client_begin(
        &c, &(struct client_series){.name = "a", .meta = meta, .nmeta = 1, .time = 1700000000.25});
    client_i64(&c, NULL, -1);
    client_end(&c);
    cr_assert_str_eq(
        c.out.p,
        "{\"name\":\"a\",\"meta\":{\"agent\":\"x\"},\"time\":1700000000.25,\"value\":-1}\n");
    client_close(&c);
}

Test(client, not_a_number_is_an_error)
{
    struct client c;

    client_init(&c, "test", "/test");
    client_f64(&c, "k", NAN);
    cr_assert_str_eq(c.error,
                     "k: must be a finite number, not nan: leave it out when there is none");
    client_close(&c);
}

Test(client, strings_cannot_leave_their_quotes)
{
    struct client c;

    client_init(&c, "test", "/test");
    client_begin(&c, &(struct client_series){.name = "a\"b\\c\nd\x01\xc3\xa9"});
    client_end(&c);
    cr_assert_str_eq(c.out.p, "{\"name\":\"a\\\"b\\\\c\\nd\\u0001\xc3\xa9\"}\n");
    client_close(&c);
}

Test(client, the_first_error_sticks)
{
    struct client c;
    int peer;

    connected(&c, &peer);
    client_fail(&c, "first %d", 1);
    client_fail(&c, "second");
    client_begin(&c, &PLAIN);
    cr_assert_str_eq(c.error, "first 1");
    cr_assert_eq(c.out.n, 0);
    cr_assert(!client_send(&c, "x", 1));
    cr_assert_eq(client_finish(&c), 1);
    close(peer);
}

Test(client, the_reply_decides)
{
    char err[512];

    cr_assert_eq(finish_with(ACCEPTED, err, sizeof err), 0);
    cr_assert_str_eq(err, "");
    cr_assert_eq(finish_with("{\"accepted\":1,\"rejected\":0}\n", err, sizeof err), 0);
    cr_assert_eq(finish_with("{\"accepted\":9,\"rejected\":10,\"errors\":[{\"error\":\"x\"}]}\n",
                             err, sizeof err),
                 1);
    cr_assert(strstr(err, "\"rejected\":10") != NULL);
    cr_assert_eq(finish_with("{\"accepted\":0,\"rejected\":0,\"errors\":[{\"error\":\"full\"}]}\n",
                             err, sizeof err),
                 1);
    cr_assert(strstr(err, "full") != NULL);
    cr_assert_eq(finish_with("hello\n", err, sizeof err), 1);
    cr_assert_eq(finish_with("", err, sizeof err), 1);
    cr_assert_str_eq(err, "test: /test: closed without a reply: what was accepted is not known\n");
}

Test(client, hears_why_it_was_cut_short)
{
    static char much[4 << 20];
    struct client c;
    int peer;

    connected(&c, &peer);
    memset(much, ' ', sizeof much);
    say(peer, ACCEPTED);
    close(peer);
    cr_assert(!client_send(&c, much, sizeof much));
    cr_assert(c.cut_short);
    cr_assert_str_eq(c.error, "");
    cr_assert(client_reply(&c));
    cr_assert_str_eq(c.reply.p, ACCEPTED);
    client_close(&c);
}

Test(client, cut_short_is_no_success_whatever_the_reply)
{
    struct client c;
    int peer;

    connected(&c, &peer);
    for (int i = 0; i < 20000; i++) {
        client_begin(&c, &PLAIN);
        client_u64(&c, NULL, 1);
        client_end(&c);
    }
    say(peer, ACCEPTED);
    close(peer);
    cr_assert_eq(client_finish(&c), 1);
}

/* Reads nothing before all of its own replies are taken; then reads to the end. Returns its exit
 * status. */
static int stubborn(int fd)
{
    static char part[65536];

    for (int i = 0; i < 5000; i++)
        if (write(fd, ACCEPTED, sizeof ACCEPTED - 1) != (ssize_t)sizeof ACCEPTED - 1)
            return 1;
    while (read(fd, part, sizeof part) > 0)
        ;
    return 0;
}

Test(client, reads_while_it_sends, .timeout = 30)
{
    static char much[4 << 20];
    struct client c;
    int peer, status;
    pid_t pid;

    connected(&c, &peer);
    memset(much, ' ', sizeof much);
    pid = fork();
    cr_assert(pid >= 0);
    if (pid == 0) {
        close(c.fd);
        _exit(stubborn(peer));
    }
    close(peer);
    cr_assert(client_send(&c, much, sizeof much));
    cr_assert(client_reply(&c));
    cr_assert_eq(c.reply.n, 5000 * (sizeof ACCEPTED - 1));
    client_close(&c);
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    cr_assert_eq(status, 0);
}

Test(client, bounds_the_reply)
{
    struct client c;
    int peer;
    pid_t pid;

    connected(&c, &peer);
    pid = fork();
    cr_assert(pid >= 0);
    if (pid == 0) {
        close(c.fd);
        (void)signal(SIGPIPE, SIG_DFL); /* ends it when the client has had enough */
        for (;;)
            if (write(peer, ACCEPTED, sizeof ACCEPTED - 1) < 0)
                _exit(0);
    }
    close(peer);
    cr_assert(!client_reply(&c));
    cr_assert_str_eq(c.error, "/test: the reply is longer than 1 MiB: not garnetd?");
    client_close(&c);
    cr_assert_eq(waitpid(pid, NULL, 0), pid);
}

Test(client, says_what_to_do_when_nobody_is_there)
{
    struct client c;

    client_init(&c, "test", "/nonexistent/garnet.sock");
    cr_assert(!client_send(&c, "x", 1));
    cr_assert_str_eq(c.error,
                     "cannot connect to /nonexistent/garnet.sock: there is no such socket: "
                     "is garnetd running, and with this socket path?");
    client_close(&c);
}

Test(client, refuses_a_path_that_cannot_be)
{
    char path[200];
    struct client c;

    memset(path, 'x', sizeof path);
    path[0] = '/';
    path[108] = 0;
    client_init(&c, "test", path);
    cr_assert(!client_send(&c, "x", 1));
    cr_assert(strstr(c.error, "has 108 bytes: 1 to 107 are possible") != NULL);
    client_close(&c);
}

Test(client, finds_its_socket)
{
    char *named[] = {"/a/b/cpu", "--x", "/s", NULL}, *bare[] = {"cpu", NULL};
    bool x = false;
    const struct client_flag flags[] = {{"--x", &x, NULL}, {NULL, NULL, NULL}};
    struct client c;

    cr_assert_eq(setenv("GARNET_SOCKET", "/e", 1), 0);
    client_open(&c, 3, named, "help", flags);
    cr_assert_str_eq(c.program, "cpu");
    cr_assert_str_eq(c.path, "/s");
    cr_assert(x);
    client_open(&c, 1, bare, "help", NULL);
    cr_assert_str_eq(c.path, "/e");
    cr_assert_str_eq(c.error, "");
    cr_assert_eq(unsetenv("GARNET_SOCKET"), 0);
    client_open(&c, 1, bare, "help", NULL);
    cr_assert_str_eq(c.error,
                     "no socket: give its path as the last argument, or set GARNET_SOCKET");
}

Test(client, options_may_have_values)
{
    char *given[] = {"/a/b/cpu", "--every", "/v", "--x", "/s", NULL},
         *bare[] = {"cpu", "--every", "1s", NULL};
    bool x = false;
    const char *every = NULL;
    const struct client_flag flags[] = {
        {"--x", &x, NULL}, {"--every", NULL, &every}, {NULL, NULL, NULL}};
    struct client c;

    cr_assert_eq(setenv("GARNET_SOCKET", "/e", 1), 0);
    client_open(&c, 5, given, "help", flags);
    cr_assert(x);
    cr_assert_str_eq(every, "/v");
    cr_assert_str_eq(c.path, "/s");
    client_open(&c, 3, bare, "help", flags);
    cr_assert_str_eq(every, "1s");
    cr_assert_str_eq(c.path, "/e");
}

Test(client, arguments_may_be_paths)
{
    char *given[] = {"paths", "/a", "--print", "/b", NULL}, *sent[] = {"paths", "/a", "/b", NULL};
    const char *v[5];
    bool print = false;
    const struct client_flag flags[] = {{"--print", &print, NULL}, {NULL, NULL, NULL}};
    struct client_words words = {.v = v, .unsent = &print};
    struct client c;

    cr_assert_eq(unsetenv("GARNET_SOCKET"), 0);
    client_open_words(&c, 3, sent, "help", flags, &words);
    cr_assert_eq(words.n, 1);
    cr_assert_str_eq(v[0], "/a");
    cr_assert_str_eq(c.path, "/b");
    words.n = 0;
    client_open_words(&c, 4, given, "help", flags, &words);
    cr_assert_eq(words.n, 2);
    cr_assert_str_eq(v[1], "/b");
    cr_assert_eq(setenv("GARNET_SOCKET", "/b", 1), 0); /* as garnetd starts it */
    words.n = 0;
    client_open_words(&c, 4, given, "help", flags, &words);
    cr_assert_eq(words.n, 1);
    cr_assert_str_eq(c.path, "/b");
}

/* Answers each request for a reply with the next of these, and hangs up. */
static _Noreturn void answer_requests(int fd, const char *const *replies)
{
    static const char ACK[] = "{\"ack\":true}\n";
    char text[4096];
    size_t n = 0;

    for (; *replies != NULL; replies++, n = 0) {
        while (n < sizeof ACK - 1 ||
               memcmp(text + n - (sizeof ACK - 1), ACK, sizeof ACK - 1) != 0) {
            ssize_t got = read(fd, text + n, sizeof text - n);

            if (got <= 0)
                _exit(1);
            n += (size_t)got;
        }
        if (strstr(text, "{\"name\":\"a\",\"value\":1}\n") != text)
            _exit(2);
        say(fd, *replies);
    }
    _exit(0);
}

static bool exchange_one(struct client *c, struct why *why)
{
    client_begin(c, &PLAIN);
    client_u64(c, NULL, 1);
    client_end(c);
    return client_exchange(c, why);
}

Test(client, goes_on_over_one_connection, .timeout = 30)
{
    static const char REJECTED[] = "{\"accepted\":0,\"rejected\":1,\"errors\":[]}\n";
    const char *const replies[] = {ACCEPTED, REJECTED, ACCEPTED, NULL};
    struct client c;
    struct why why;
    int peer, status, fd;
    pid_t pid;

    connected(&c, &peer);
    fd = c.fd;
    pid = fork();
    cr_assert(pid >= 0);
    if (pid == 0) {
        close(c.fd);
        answer_requests(peer, replies);
    }
    close(peer);
    cr_assert(exchange_one(&c, &why));
    cr_assert_eq(c.out.n, 0);
    cr_assert(!exchange_one(&c, &why));
    cr_assert_str_eq(why.text, "not everything was accepted: "
                               "{\"accepted\":0,\"rejected\":1,\"errors\":[]}");
    cr_assert(exchange_one(&c, &why));
    cr_assert_eq(c.fd, fd);
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    cr_assert_eq(status, 0);
    /* It has hung up: a new connection is tried, of which nothing is left when that fails. */
    cr_assert(!exchange_one(&c, &why));
    cr_assert(strstr(why.text, "cannot connect to /test") == why.text);
    cr_assert_eq(c.fd, -1);
    cr_assert_eq(c.out.n, 0);
    cr_assert_str_eq(c.error, "");
    client_close(&c);
}
