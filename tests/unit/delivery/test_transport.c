/* delivery/transport/file.c, tcp.c and stdout.c: what each takes, counts and says when it goes down. */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "delivery/link.h"
#include "rig/transport_rig.h"

static struct kit k;
static struct transport t;

static void setup(void)
{
    signal(SIGPIPE, SIG_IGN);
    kit_open(&k);
    t.fd = -1;
}

static void teardown(void)
{
    kit_close(&k);
}

TestSuite(transport, .init = setup, .fini = teardown, .timeout = 60);

static void put(const char *text)
{
    cr_assert_eq(t.kind->write(&t, text, strlen(text)), (ssize_t)strlen(text), "%s", t.why.text);
}

Test(transport, uris)
{
    cr_assert_eq(link_transport(&t, "tcp://web01:2003"), 0);
    cr_assert_str_eq(t.host, "web01");
    cr_assert_str_eq(t.port, "2003");
    cr_assert_eq(link_transport(&t, "tcp://[fe80::1]:2003"), 0);
    cr_assert_str_eq(t.host, "fe80::1");
    cr_assert_str_eq(t.port, "2003");
    cr_assert_eq(link_transport(&t, "file:///a/b"), 0);
    cr_assert_str_eq(t.path, "/a/b");
    cr_assert_eq(link_transport(&t, "stdout"), 0);
    static const char *const bad[] = {"",         "amqp://a:1", "tcp:",  "tcp://",   "tcp://a",
                                      "tcp://:1", "tcp://a:",   "file:", "file://a", "stdout:x"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        cr_assert_eq(link_transport(&t, bad[i]), -1, "%s", bad[i]);
}

/* --- file --- */

static const char *open_file(const char *name)
{
    const char *path = kit_path(&k, name);

    cr_assert_eq(link_transport(&t, arena_printf(&k.arena, "file://%s", path)), 0);
    return path;
}

Test(transport, file_appends_and_counts)
{
    const char *path = open_file("f");

    cr_assert_eq(t.kind->open(&t), 0, "%s", t.why.text);
    cr_assert_eq(t.state, TRANSPORT_UP);
    put("a\n");
    put("b\n");
    cr_assert_eq(t.confirmed, 4);
    cr_assert_eq(t.acked, 4);
    transport_close(&t);
    cr_assert_eq(t.kind->open(&t), 0);
    cr_assert_eq(t.confirmed, 0);
    put("c\n");
    transport_close(&t);
    cr_assert_str_eq(kit_read(&k, path), "a\nb\nc\n");
}

static void cut(const char *before, const char *after)
{
    const char *path = open_file("f");

    kit_write(path, before);
    cr_assert_eq(t.kind->open(&t), 0, "%s", t.why.text);
    transport_close(&t);
    cr_assert_str_eq(kit_read(&k, path), after);
}

Test(transport, file_cuts_an_unfinished_last_line)
{
    char *big = arena_alloc(&k.arena, 200001);

    cut("", "");
    cut("a\n", "a\n");
    cut("a\nb", "a\n");
    cut("ab", "");
    memset(big, 'x', 200000);
    cut(big, "");
    big[3] = '\n'; /* three steps back */
    cut(big, "xxx\n");
    big[65536 + 3] = '\n';
    cut(big, arena_strndup(&k.arena, big, 65536 + 4));
}

Test(transport, file_follows_its_path)
{
    const char *path = open_file("f"), *old = kit_path(&k, "f.1");

    cr_assert_eq(t.kind->open(&t), 0);
    put("a\n");
    cr_assert_eq(rename(path, old), 0);
    t.looked_ns = 0; /* as if a second had passed */
    t.mid = true;    /* but the last write was short: its rest belongs to the old file */
    put("b\n");
    t.looked_ns = 0;
    put("c\n");
    transport_close(&t);
    cr_assert_str_eq(kit_read(&k, old), "a\nb\n");
    cr_assert_str_eq(kit_read(&k, path), "c\n");
}

static void no_file(const char *path, const char *why)
{
    cr_assert_eq(link_transport(&t, arena_printf(&k.arena, "file://%s", path)), 0);
    cr_assert_eq(t.kind->open(&t), -1);
    cr_assert_eq(t.state, TRANSPORT_DOWN);
    cr_assert_str_eq(t.why.text, why);
    transport_close(&t);
    cr_assert_eq(t.fd, -1);
}

Test(transport, file_refuses_what_is_no_file)
{
    const char *fifo = kit_path(&k, "fifo");

    cr_assert_eq(mkfifo(fifo, 0600), 0);
    no_file("/dev/null", "is not a regular file");
    no_file(fifo, "is not a regular file");
    no_file("/nonexistent/f", "cannot open: No such file or directory");
    no_file(k.dir, "cannot open: Is a directory");
}

/* Somebody may have put it there to have another file cut and written to, or the operator: who is told
 * what to write instead. */
Test(transport, file_is_not_written_through_a_link)
{
    static const char why[] = "is a link, and links are not written through: write the path of the "
                              "file itself (its folder may be a link)";
    const char *victim = kit_path(&k, "victim"), *link = kit_path(&k, "link");
    const char *path = open_file("f"), *folder = kit_path(&k, "folder");

    cr_assert_eq(t.kind->open(&t), 0);
    kit_write(victim, "no line's end");
    cr_assert_eq(unlink(path), 0);
    cr_assert_eq(symlink("victim", path), 0);
    t.looked_ns = 0; /* as if a second had passed */
    cr_assert_eq(t.kind->write(&t, "a\n", 2), -1);
    cr_assert_str_eq(t.why.text, why);
    transport_close(&t);
    cr_assert_eq(symlink("victim", link), 0);
    no_file(link, why);
    cr_assert_str_eq(kit_read(&k, victim), "no line's end");
    cr_assert_eq(unlink(link), 0);
    cr_assert_eq(symlink("nowhere", link), 0);
    no_file(link, why);
    cr_assert_eq(access(kit_path(&k, "nowhere"), F_OK), -1);
    cr_assert_eq(symlink(".", folder), 0);
    (void)open_file("folder/g");
    cr_assert_eq(t.kind->open(&t), 0, "%s", t.why.text);
    put("a\n");
    transport_close(&t);
    cr_assert_str_eq(kit_read(&k, kit_path(&k, "g")), "a\n");
}

/* As a link is; but a backup may have made one where nobody else can. */
Test(transport, file_is_not_written_by_a_name_that_others_may_have_given_it)
{
    static const char why[] = "is another name of a file, which others may have put there: remove "
                              "it, or write a path in a "
                              "folder that only its owner may write to";
    const char *victim = kit_path(&k, "victim"), *folder = kit_path(&k, "folder"), *path;

    kit_write(victim, "no line's end");
    cr_assert_eq(mkdir(folder, 0700), 0);
    path = kit_path(&k, "folder/g");
    cr_assert_eq(link(victim, path), 0);
    for (size_t i = 0; i < 3; i++) {
        cr_assert_eq(chmod(folder, ((const mode_t[]){01777, 0703, 0730})[i]), 0);
        no_file(path, why);
        cr_assert_str_eq(kit_read(&k, victim), "no line's end");
    }
    cr_assert_eq(chmod(folder, 0700), 0);
    (void)open_file("folder/g");
    cr_assert_eq(t.kind->open(&t), 0, "%s", t.why.text);
    transport_close(&t);
}

/* Were it read to its beginning, that would take a day. */
Test(transport, file_that_has_been_made_long_costs_nothing)
{
    const char *path = kit_path(&k, "long");

    kit_write(path, "a line\n");
    cr_assert_eq(truncate(path, (off_t)1 << 43), 0);
    no_file(path,
            "cannot cut its unfinished last line: it is longer than 16 MiB, so this is no file "
            "of lines; move it away");
    cr_assert_eq(truncate(path, 15 << 20), 0);
    (void)open_file("long");
    cr_assert_eq(t.kind->open(&t), 0, "%s", t.why.text);
    transport_close(&t);
    cr_assert_str_eq(kit_read(&k, path), "a line\n");
}

Test(transport, file_goes_down_when_full)
{
    struct rlimit limit = {.rlim_cur = 6, .rlim_max = RLIM_INFINITY};
    const char *path = open_file("f");

    signal(SIGXFSZ, SIG_IGN);
    cr_assert_eq(t.kind->open(&t), 0);
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    cr_assert_eq(t.kind->write(&t, "abcd\nefgh\n", 10), 6);
    cr_assert(t.mid);
    cr_assert_eq(t.kind->write(&t, "fgh\n", 4), -1);
    cr_assert_eq(t.state, TRANSPORT_DOWN);
    cr_assert_str_eq(t.why.text, "cannot write: File too large");
    cr_assert_eq(t.confirmed, 6);
    transport_close(&t);
    limit.rlim_cur = RLIM_INFINITY;
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    cr_assert_eq(t.kind->open(&t), 0);
    transport_close(&t);
    cr_assert_str_eq(kit_read(&k, path), "abcd\n");
}

/* --- tcp --- */

/* A listener on a free port of 127.0.0.1 and t set to it. */
static int listener(const char *host)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    cr_assert_eq(bind(fd, (struct sockaddr *)&a, n), 0);
    cr_assert_eq(listen(fd, 8), 0);
    cr_assert_eq(getsockname(fd, (struct sockaddr *)&a, &n), 0);
    cr_assert_eq(link_transport(&t, arena_printf(&k.arena, "tcp://%s:%d", host, ntohs(a.sin_port))),
                 0);
    return fd;
}

/* Polls for what t waits for until it leaves `state`, or `acked` bytes are. */
static void wait_for(enum transport_state state, uint64_t acked)
{
    int64_t end = clock_mono() + 20 * NS_PER_S;

    while (t.state == state && (acked == 0 || t.acked < acked)) {
        cr_assert_lt(clock_mono(), end, "timed out");
        poll_transport(&t);
        if (t.state != TRANSPORT_DOWN)
            t.kind->update(&t);
    }
}

static int connected(int l)
{
    int peer;

    cr_assert_eq(t.kind->open(&t), 0, "%s", t.why.text);
    peer = accept(l, NULL, NULL);
    cr_assert_geq(peer, 0);
    wait_for(TRANSPORT_OPENING, 0);
    cr_assert_eq(t.state, TRANSPORT_UP, "%s", t.why.text);
    return peer;
}

Test(transport, tcp_counts_what_is_acknowledged)
{
    int l = listener("127.0.0.1"), peer = connected(l);
    char got[8];

    cr_assert_eq(t.acked, 0);
    put("hello\n");
    cr_assert_eq(t.written, 6);
    wait_for(TRANSPORT_UP, 6);
    cr_assert_eq(recv(peer, got, sizeof got, 0), 6);
    t.kind->update(&t);
    cr_assert_eq(t.confirmed, 0); /* not even now: that takes a clean end */
    cr_assert(t.kind->by_closing);
    transport_close(&t);
    close(peer);
    close(l);
}

Test(transport, tcp_never_waits_for_a_reader)
{
    int l = listener("127.0.0.1"), peer = connected(l);
    char *block = arena_alloc(&k.arena, 1 << 20);
    uint64_t sent = 0;
    ssize_t n;

    while ((n = t.kind->write(&t, block, 1 << 20)) > 0)
        sent += (uint64_t)n;
    cr_assert_eq(n, 0);
    cr_assert(t.events & LOOP_OUT);
    cr_assert_eq(t.written, sent);
    t.kind->update(&t);
    cr_assert_lt(t.acked, sent);
    transport_close(&t);
    close(peer);
    close(l);
}

Test(transport, tcp_throws_away_what_the_peer_says)
{
    int l = listener("127.0.0.1"), peer = connected(l);

    cr_assert_eq(send(peer, "why are you telling me this?", 28, 0), 28);
    cr_assert_eq(shutdown(peer, SHUT_WR), 0);
    wait_for(TRANSPORT_UP, 0);
    cr_assert_str_eq(t.why.text, "closed by the peer");
    transport_close(&t);
    close(peer);
    close(l);
}

Test(transport, tcp_reset)
{
    int l = listener("127.0.0.1"), peer = connected(l);
    struct linger hard = {.l_onoff = 1, .l_linger = 0};

    cr_assert_eq(setsockopt(peer, SOL_SOCKET, SO_LINGER, &hard, sizeof hard), 0);
    close(peer);
    wait_for(TRANSPORT_UP, 0);
    cr_assert_str_eq(t.why.text, "the connection broke: Connection reset by peer");
    transport_close(&t);
    close(l);
}

Test(transport, tcp_refused_and_unknown)
{
    close(listener("127.0.0.1"));
    if (t.kind->open(&t) == 0)
        wait_for(TRANSPORT_OPENING, 0);
    cr_assert_eq(t.state, TRANSPORT_DOWN);
    cr_assert_str_eq(t.why.text, "cannot connect: Connection refused");
    transport_close(&t);
    cr_assert_eq(link_transport(&t, "tcp://no.such.host.invalid:1"), 0);
    cr_assert_eq(t.kind->open(&t), -1);
    cr_assert_not_null(strstr(t.why.text, "cannot look up \"no.such.host.invalid\": "), "%s",
                       t.why.text);
    transport_close(&t);
}

/* localhost is ::1 and 127.0.0.1 on many machines, and only one of them listens here. */
Test(transport, tcp_tries_every_address)
{
    struct addrinfo *list = NULL;

    if (getaddrinfo("localhost", NULL, NULL, &list) != 0)
        return; /* a machine without /etc/hosts; a test that skips would leave its folder behind */
    freeaddrinfo(list);

    int l = listener("localhost");

    for (int i = 0; i < 2 && t.state != TRANSPORT_UP; i++)
        if (t.kind->open(&t) == 0)
            wait_for(TRANSPORT_OPENING, 0);
    cr_assert_eq(t.state, TRANSPORT_UP, "%s", t.why.text);
    transport_close(&t);
    close(l);
}

Test(transport, tcp_connect_has_a_deadline)
{
    int l = listener("127.0.0.1");

    cr_assert_eq(t.kind->open(&t), 0);
    t.opened_ns -= 11 * NS_PER_S; /* as if the peer had not answered for so long */
    t.kind->update(&t);
    cr_assert_eq(t.state, TRANSPORT_DOWN);
    cr_assert_str_eq(t.why.text, "does not answer within 10 s");
    transport_close(&t);
    close(l);
}

/* --- stdout --- */

/* Descriptor 1 becomes the write end of a pipe, whose read end is returned. */
static int pipe_as_stdout(void)
{
    int fds[2];

    cr_assert_eq(pipe(fds), 0);
    cr_assert_eq(dup2(fds[1], STDOUT_FILENO), STDOUT_FILENO);
    close(fds[1]);
    cr_assert_eq(link_transport(&t, "stdout"), 0);
    return fds[0];
}

Test(transport, stdout_never_waits)
{
    int in = pipe_as_stdout();
    static char block[1 << 20];
    ssize_t n, again;
    char got[4096];

    cr_assert_eq(t.kind->open(&t), 0, "%s", t.why.text);
    n = t.kind->write(&t, block, sizeof block);
    cr_assert_geq(n, 4096);
    cr_assert_lt(n, (ssize_t)sizeof block);
    cr_assert_eq(t.confirmed, (uint64_t)n);
    cr_assert(t.events & LOOP_OUT);
    cr_assert_eq(t.kind->write(&t, block, sizeof block), 0);
    cr_assert_eq(read(in, got, sizeof got), 4096);
    again = t.kind->write(&t, block, sizeof block);
    cr_assert_eq(again, 4096);
    cr_assert_eq(fcntl(STDOUT_FILENO, F_GETFL) & O_NONBLOCK, 0);
    close(in);
    transport_close(&t);
}

Test(transport, stdout_without_a_reader)
{
    int in = pipe_as_stdout();

    cr_assert_eq(t.kind->open(&t), 0);
    put("a\n");
    close(in);
    cr_assert_eq(t.kind->write(&t, "b\n", 2), -1);
    cr_assert_str_eq(t.why.text, "nobody reads it any more");
    transport_close(&t);
    cr_assert_eq(t.kind->open(&t), -1);
    cr_assert_eq(fcntl(STDOUT_FILENO, F_GETFD), 0); /* still open: it is not ours */
}
