/* garnet/client.h: what is refused, and what a client is worth after each kind of other side. That it can be installed
 * and linked to is tests/scenario/test_clients.py's. */
#include <criterion/criterion.h>
#include <math.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "client/library.c"
#include "conf/socket.h"

static const char ACCEPTED[] = "{\"accepted\":1,\"rejected\":0,\"errors\":[]}\n";
static const garnet_client_metric PLAIN = {.name = "a"};

/* --- what is written --- */

static const char *waiting(garnet_client *g)
{
    return g->c.out.n > 0 ? g->c.out.p : "";
}

Test(client_library, finds_its_socket)
{
    char *args[] = {"x", "-v", "/run/s", NULL};
    garnet_client *g;

    cr_assert_str_eq(garnet_client_last_argument(3, args), "/run/s");
    cr_assert_null(garnet_client_last_argument(2, args));
    cr_assert_null(garnet_client_last_argument(1, args));
    cr_assert_null(garnet_client_last_argument(0, args));
    cr_assert_eq(unsetenv("GARNET_SOCKET"), 0);
    g = garnet_client_open(NULL);
    cr_assert_str_eq(g->path, CONF_SOCKET);
    garnet_client_free(g);
    cr_assert_eq(setenv("GARNET_SOCKET", "/e", 1), 0);
    g = garnet_client_open("");
    cr_assert_str_eq(g->path, "/e");
    garnet_client_free(g);
    g = garnet_client_open("/p");
    cr_assert_str_eq(g->path, "/p");
    garnet_client_free(g);
}

Test(client_library, writes_all_that_a_metric_has)
{
    const garnet_client_tag tags[] = {{"host", "a \"b\""}, {"k", "\xc3\xa9"}},
                            meta[] = {{"m", "n"}};
    const garnet_client_metric m = {.name = "disk",
                                    .type = "counter",
                                    .unit = "B",
                                    .tags = tags,
                                    .ntags = 2,
                                    .meta = meta,
                                    .nmeta = 1,
                                    .time = 1700000000.25};
    const garnet_client_value values[] = {garnet_client_value_i64("i", INT64_MIN),
                                          garnet_client_value_u64("u", UINT64_MAX),
                                          garnet_client_value_f64("f", 0.1)};
    garnet_client *g = garnet_client_open("/p");

    cr_assert_eq(garnet_client_add(g, &m, values, 3), GARNET_CLIENT_OK);
    cr_assert_eq(garnet_client_f64(g, &PLAIN, -0.0), GARNET_CLIENT_OK);
    cr_assert_str_eq(waiting(g),
                     "{\"name\":\"disk\",\"type\":\"counter\",\"unit\":\"B\",\"tags\":{\"host\":"
                     "\"a \\\"b\\\"\",\"k\":"
                     "\"\xc3\xa9\"},\"meta\":{\"m\":\"n\"},\"time\":1700000000.25,\"values\":{"
                     "\"i\":-9223372036854775808,"
                     "\"u\":18446744073709551615,\"f\":0.1}}\n{\"name\":\"a\",\"value\":-0.0}\n");
    cr_assert_str_eq(garnet_client_error(g), "");
    garnet_client_free(g);
}

static void refused(garnet_client *g, const garnet_client_metric *m, const garnet_client_value *v,
                    size_t n, const char *why)
{
    cr_assert_eq(garnet_client_add(g, m, v, n), GARNET_CLIENT_REJECTED);
    cr_assert_str_eq(garnet_client_error(g), why);
}

Test(client_library, what_is_refused_costs_only_itself)
{
    const garnet_client_tag bad[] = {{"k", "\xff"}}, null[] = {{"k", NULL}};
    const garnet_client_value one = garnet_client_value_u64(NULL, 1),
                              nan = garnet_client_value_f64(NULL, NAN), odd = {.kind = 3},
                              some[] = {garnet_client_value_u64("x", 1),
                                        garnet_client_value_f64("y", -INFINITY)},
                              twice[] = {garnet_client_value_u64("x", 1),
                                         garnet_client_value_u64(NULL, 1)};
    garnet_client *g = garnet_client_open("/p");

    cr_assert_eq(garnet_client_u64(g, &PLAIN, 1), GARNET_CLIENT_OK);
    refused(g, &PLAIN, &nan, 1,
            "a: value: must be a finite number, not nan: leave it out when there is none");
    refused(g, &PLAIN, some, 2,
            "a: y: must be a finite number, not -inf: leave it out when there is none");
    refused(g, &PLAIN, twice, 2, "a: values: one of several needs a key");
    refused(g, &PLAIN, NULL, 0, "a: values: there is none");
    refused(g, &PLAIN, &odd, 1, "a: values: 3 is no kind of value");
    refused(g, &(garnet_client_metric){.unit = "B"}, &one, 1,
            "name: is missing: give the metric a name");
    refused(g, &(garnet_client_metric){.name = "b\xe9"}, &one, 1,
            "b\\xe9: name: is not valid UTF-8 at byte 2");
    refused(g, &(garnet_client_metric){.name = "b", .tags = bad, .ntags = 1}, &one, 1,
            "b: tags.k: is not valid UTF-8 at byte 1");
    refused(g, &(garnet_client_metric){.name = "b", .meta = null, .nmeta = 1}, &one, 1,
            "b: meta: a NULL stands for a key or a value");
    refused(g, &(garnet_client_metric){.name = "b", .time = INFINITY}, &one, 1,
            "b: time: must be a finite number, not inf: leave it out when there is none");
    refused(g, &(garnet_client_metric){.name = "b", .reserved = {"x"}}, &one, 1,
            "b: reserved: is not NULL: zero a garnet_client_metric before you fill it");
    cr_assert_eq(garnet_client_u64(g, &PLAIN, 2), GARNET_CLIENT_OK);
    cr_assert_str_eq(waiting(g), "{\"name\":\"a\",\"value\":1}\n{\"name\":\"a\",\"value\":2}\n");
    garnet_client_free(g);
}

Test(client_library, what_waits_is_bounded)
{
    static char name[1 << 20];
    garnet_client *g = garnet_client_open("/p");
    const garnet_client_metric large = {.name = name};
    int n = 0;

    memset(name, 'x', sizeof name - 1);
    while (n < 100 && garnet_client_u64(g, &large, 1) == GARNET_CLIENT_OK)
        n++;
    cr_assert_eq(n, 15);
    cr_assert(strstr(garnet_client_error(g), "more than 16 MiB would wait: flush more often") !=
              NULL);
    cr_assert_eq(garnet_client_u64(g, &PLAIN, 1), GARNET_CLIENT_OK);
    garnet_client_free(g);
}

Test(client_library, none_can_be_asked_too)
{
    cr_assert_eq(garnet_client_u64(NULL, &PLAIN, 1), GARNET_CLIENT_FAILED);
    cr_assert_eq(garnet_client_flush(NULL), GARNET_CLIENT_FAILED);
    cr_assert_eq(garnet_client_finish(NULL), GARNET_CLIENT_FAILED);
    cr_assert_str_eq(garnet_client_error(NULL), "out of memory");
    cr_assert_eq(garnet_client_last_reply(NULL)->accepted, 0);
    garnet_client_time_limit(NULL, 1);
    garnet_client_free(NULL);
}

/* --- the other side --- */

/* A client that is connected to *peer. */
static garnet_client *connected(int *peer)
{
    garnet_client *g = garnet_client_open("/nonexistent/s");
    int fds[2];

    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    g->c.fd = fds[0];
    *peer = fds[1];
    return g;
}

/* In a process of its own: reads until it is asked for a reply, or to the end, and says this. */
static pid_t answers(const garnet_client *g, int peer, const char *reply)
{
    static char got[1 << 16];
    pid_t pid = fork();
    size_t n = 0;
    ssize_t r;

    cr_assert(pid >= 0);
    if (pid > 0)
        return pid;
    close(g->c.fd);
    while (strstr(got, "{\"ack\":true}\n") == NULL &&
           (r = read(peer, got + n, sizeof got - 1 - n)) > 0)
        n += (size_t)r;
    _exit(write(peer, reply, strlen(reply)) != (ssize_t)strlen(reply));
}

/* One metric is added and flushed, which comes to this. */
static int flushed(garnet_client *g, int peer, const char *reply)
{
    pid_t pid = answers(g, peer, reply);
    int answer, status;

    (void)garnet_client_u64(g, &PLAIN, 1);
    answer = garnet_client_flush(g);
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    cr_assert_eq(status, 0);
    cr_assert_eq(g->c.out.n, 0);
    return answer;
}

Test(client_library, flush_keeps_the_connection)
{
    int peer;
    garnet_client *g = connected(&peer);

    cr_assert_eq(flushed(g, peer, ACCEPTED), GARNET_CLIENT_OK);
    cr_assert_eq(garnet_client_last_reply(g)->accepted, 1);
    cr_assert_eq(flushed(g, peer,
                         "{\"accepted\":0,\"rejected\":3,\"errors\":[{\"line\":3,\"byte\":17,"
                         "\"field\":\"value\","
                         "\"error\":\"is wrong\"},{\"error\":\"x\"}],\"more\":1}\n"),
                 GARNET_CLIENT_REJECTED);
    cr_assert_str_eq(garnet_client_error(g), "line 3, byte 17, value: is wrong, and 2 more");
    cr_assert_eq(garnet_client_last_reply(g)->rejected, 3);
    cr_assert_eq(garnet_client_last_reply(g)->nfaults, 2);
    cr_assert_str_eq(garnet_client_last_reply(g)->faults[1].text, "x");
    cr_assert_eq(garnet_client_last_reply(g)->more, 1);
    cr_assert_eq(flushed(g, peer, ACCEPTED), GARNET_CLIENT_OK);
    cr_assert_eq(garnet_client_last_reply(g)->nfaults, 0);
    cr_assert_geq(g->c.fd, 0);
    cr_assert_eq(garnet_client_flush(g), GARNET_CLIENT_OK, "nothing waits, and nobody is asked");
    cr_assert_eq(garnet_client_finish(g), GARNET_CLIENT_OK);
    cr_assert_eq(g->c.fd, -1);
    garnet_client_free(g);
    close(peer);
}

Test(client_library, a_flush_answers_for_what_was_refused)
{
    int peer;
    garnet_client *g = connected(&peer);

    (void)garnet_client_f64(g, &PLAIN, NAN);
    (void)garnet_client_f64(g, &(garnet_client_metric){.name = "b"}, NAN);
    cr_assert_eq(flushed(g, peer, ACCEPTED), GARNET_CLIENT_REJECTED);
    cr_assert_str_eq(garnet_client_error(g),
                     "a: value: must be a finite number, not nan: leave it out when there is none");
    cr_assert_eq(garnet_client_last_reply(g)->accepted, 1);
    cr_assert_eq(garnet_client_last_reply(g)->refused, 2);
    cr_assert_eq(flushed(g, peer, ACCEPTED), GARNET_CLIENT_OK);
    cr_assert_eq(garnet_client_last_reply(g)->refused, 0);
    garnet_client_free(g);
    close(peer);
}

Test(client_library, who_hangs_up_says_why)
{
    garnet_client *g = garnet_client_open("/s");

    buf_puts(
        &g->c.reply,
        "{\"accepted\":1,\"rejected\":1,\"errors\":[{\"error\":\"more than one may send\"}]}\n");
    *buf_room(&g->c.reply, 1) = 0; /* behind it, as receive() has it */
    g->c.cut_short = true;
    cr_assert_eq(judge(g), GARNET_CLIENT_FAILED);
    cr_assert_str_eq(garnet_client_error(g),
                     "/s: closed before it had read everything: more than one may send");
    cr_assert_eq(garnet_client_last_reply(g)->accepted, 1);
    garnet_client_free(g);
}

/* Of garnetd's: started anew, or it closed a silent connection with a reply that nobody had asked for. */
Test(client_library, a_connection_that_is_over_is_not_used)
{
    static const char SILENT[] =
        "{\"accepted\":0,\"rejected\":0,\"errors\":[{\"error\":\"silent for 12s\"}]}\n";

    for (int said = 0; said < 2; said++) {
        int peer;
        garnet_client *g = connected(&peer);

        if (said != 0)
            cr_assert_eq(write(peer, SILENT, sizeof SILENT - 1), (ssize_t)sizeof SILENT - 1);
        close(peer);
        (void)garnet_client_u64(g, &PLAIN, 1);
        cr_assert_eq(garnet_client_flush(g), GARNET_CLIENT_FAILED);
        cr_assert_str_eq(garnet_client_error(g),
                         "cannot connect to /nonexistent/s: there is no such socket: is garnetd "
                         "running, and with this socket path?");
        cr_assert_eq(g->c.fd, -1);
        cr_assert_eq(garnet_client_flush(g), GARNET_CLIENT_OK, "what waited is gone");
        garnet_client_free(g);
    }
}

Test(client_library, what_is_no_answer)
{
    static const char *const CASES[][2] = {
        {"{\"accepted\":0,\"rejected\":0,\"errors\":[{\"error\":\"too many\"}]}\n", "too many"},
        {"hello\x1b\n", "/nonexistent/s: this is not a reply of garnetd: hello\\x1b\\n"},
    };

    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        int peer;
        garnet_client *g = connected(&peer);

        cr_assert_eq(flushed(g, peer, CASES[i][0]), GARNET_CLIENT_FAILED);
        cr_assert_str_eq(garnet_client_error(g), CASES[i][1]);
        cr_assert_eq(g->c.fd, -1);
        garnet_client_free(g);
        close(peer);
    }
}

static void hangs_up(int end)
{
    int peer;
    garnet_client *g = connected(&peer);
    pid_t pid = answers(g, peer, "");

    close(peer);
    (void)garnet_client_u64(g, &PLAIN, 1);
    cr_assert_eq(end ? garnet_client_finish(g) : garnet_client_flush(g), GARNET_CLIENT_FAILED);
    cr_assert_str_eq(garnet_client_error(g),
                     "/nonexistent/s: closed without a reply: what was accepted is not known");
    cr_assert_eq(waitpid(pid, NULL, 0), pid);
    garnet_client_free(g);
}

Test(client_library, no_answer_is_not_success)
{
    hangs_up(0);
    hangs_up(1);
}

static void nothing(int signo)
{
    (void)signo;
}

Test(client_library, signals_do_not_put_the_limit_off, .timeout = 20)
{
    const struct itimerval often = {{0, 10000}, {0, 10000}}, never = {{0, 0}, {0, 0}};
    struct sigaction act = {.sa_handler = nothing};
    int peer;
    garnet_client *g = connected(&peer);

    cr_assert_eq(sigaction(SIGALRM, &act, NULL), 0);
    cr_assert_eq(setitimer(ITIMER_REAL, &often, NULL), 0);
    garnet_client_time_limit(g, 200);
    (void)garnet_client_u64(g, &PLAIN, 1);
    cr_assert_eq(garnet_client_finish(g), GARNET_CLIENT_FAILED);
    cr_assert_eq(setitimer(ITIMER_REAL, &never, NULL), 0);
    cr_assert_str_eq(garnet_client_error(g),
                     "/nonexistent/s: no answer within 0.2 s: what was accepted is not known; "
                     "garnetd's log may say why");
    garnet_client_free(g);
    close(peer);
}
