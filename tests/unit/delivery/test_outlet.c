/* delivery/outlet.c and stream.c: which peers confirm, which endpoint is used, and that nothing spins.
 * Real sockets over the loopback, the peers' side in this process. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "base/log.h"
#include "delivery/outlet.h"
#include "rig/sink_kit.h"
#include "rig/until.h"

enum { PEERS = 16 };

static struct kit k;
static struct loop *loop;
static struct outlet o;
static bool ordered;
static struct stream_loss loss; /* the last one */
static unsigned losses;
static int listeners[2];
static const char *uris[3];
static int peers[PEERS]; /* every connection so far, in order; -1 once it is closed */
static unsigned npeers;

static int listener(const char **uri)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    cr_assert_eq(bind(fd, (struct sockaddr *)&a, n), 0);
    cr_assert_eq(getsockname(fd, (struct sockaddr *)&a, &n), 0);
    *uri = arena_printf(&k.arena, "tcp://127.0.0.1:%d", ntohs(a.sin_port));
    return fd;
}

static void listens(int i)
{
    cr_assert_eq(listen(listeners[i], 8), 0);
}

static void setup(void)
{
    log_set_level(LOG_L_ERROR);
    kit_open(&k);
    kit_sink(&k, "x", "{name: main}");
    loop = loop_new();
    cr_assert_not_null(loop);
    for (int i = 0; i < 2; i++)
        listeners[i] = listener(&uris[i]);
    k.sink.confirm = (struct conf_confirm){.every = 30 * NS_PER_MS, .bytes = 1 << 20};
}

static void begins(size_t endpoints, bool repeatable)
{
    k.sink.to = (struct strings){uris, endpoints};
    outlet_init(&o, loop, &k.sink, repeatable, ordered);
}

static void teardown(void)
{
    outlet_free(&o);
    for (unsigned i = 0; i < npeers; i++)
        if (peers[i] >= 0)
            close(peers[i]);
    close(listeners[0]);
    close(listeners[1]);
    loop_free(loop);
    kit_close(&k);
}

TestSuite(outlet, .init = setup, .fini = teardown, .timeout = 60);

/* One turn as the worker has it, though never longer than 5 ms, with the peers accepting. */
static void turn(void)
{
    int64_t due;

    losses += outlet_turn(&o, clock_mono(), &loss);
    due = outlet_due(&o, clock_mono());
    (void)loop_turn(loop, due < 0 || due > 5 * NS_PER_MS ? 5 * NS_PER_MS : due);
    for (int i = 0, fd; i < 2; i++)
        while ((fd = accept4(listeners[i], NULL, NULL, SOCK_CLOEXEC)) >= 0) {
            cr_assert_lt(npeers, PEERS);
            peers[npeers++] = fd;
        }
}

#define UNTIL(condition) UNTIL_WITH(turn, condition)

static void turns_for(int64_t ns)
{
    for (int64_t end = clock_mono() + ns; clock_mono() < end;)
        turn();
}

static void writes(const char *text)
{
    UNTIL(outlet_up(&o));
    cr_assert_eq(stream_write(&o.stream, text, strlen(text)), strlen(text));
}

static void peer_reads(unsigned i, const char *text)
{
    char got[64];

    cr_assert_eq(recv(peers[i], got, strlen(text), MSG_WAITALL), (ssize_t)strlen(text));
}

static void peer_ends(unsigned i, bool reset)
{
    struct linger hard = {.l_onoff = reset, .l_linger = 0};

    cr_assert_eq(setsockopt(peers[i], SOL_SOCKET, SO_LINGER, &hard, sizeof hard), 0);
    close(peers[i]);
    peers[i] = -1;
}

/* The connection `i` is half-closed by us. */
static bool half_closed(unsigned i)
{
    char c;

    return npeers > i && recv(peers[i], &c, 1, MSG_DONTWAIT | MSG_PEEK) == 0;
}

static bool half_closed_by_us(void)
{
    return o.stream.old.fd >= 0;
}

static void confirms(unsigned i, const char *text)
{
    writes(text);
    UNTIL(npeers > i + 1); /* the successor */
    peer_reads(i, text);
    UNTIL(half_closed(i));
    peer_ends(i, false);
}

Test(outlet, rotates)
{
    listens(0);
    begins(1, true);
    confirms(0, "a 1 1\n");
    cr_assert_eq(stream_settled(&o.stream), 0);
    writes("b 1 1\n"); /* goes on meanwhile */
    UNTIL(stream_settled(&o.stream) == 6);
    cr_assert_eq(stream_written(&o.stream), 12);
    peer_reads(1, "b 1 1\n");
    UNTIL(half_closed(1));
    peer_ends(1, false);
    UNTIL(stream_settled(&o.stream) == 12);
    cr_assert_eq(losses, 0);
    turns_for(100 * NS_PER_MS);
    cr_assert_eq(npeers, 3); /* nothing to confirm, no rotation */
}

/* What is written behind a rotation waits for its end. */
Test(outlet, an_ordered_one_waits_for_the_end)
{
    listens(0);
    ordered = true;
    begins(1, true);
    writes("a 1 1\n");
    UNTIL(npeers > 1 && half_closed_by_us());
    turns_for(100 * NS_PER_MS);
    cr_assert_eq(stream_write(&o.stream, "b 1 1\n", 6), 0);
    peer_reads(0, "a 1 1\n");
    peer_ends(0, false);
    UNTIL(stream_write(&o.stream, "b 1 1\n", 6) == 6);
    peer_reads(1, "b 1 1\n");
    cr_assert_eq(stream_settled(&o.stream), 6);
}

Test(outlet, half_a_batch_holds_rotation_back)
{
    listens(0);
    begins(1, true);
    writes("a 1");
    o.stream.mid = true;
    UNTIL(npeers == 2);
    turns_for(100 * NS_PER_MS);
    cr_assert_eq(o.stream.base, 0);
    writes(" 1\n"); /* its rest */
    UNTIL(o.stream.base == 6);
    peer_reads(0, "a 1 1\n");
    cr_assert(half_closed(0));
}

Test(outlet, a_batch_that_does_not_fit_is_half_out)
{
    static char block[32 << 20];

    listens(0);
    begins(1, true);
    UNTIL(outlet_up(&o));
    cr_assert_lt(stream_write(&o.stream, block, sizeof block), sizeof block);
    cr_assert(o.stream.mid);
    UNTIL(npeers == 2);
    turns_for(100 * NS_PER_MS);
    cr_assert_eq(o.stream.base, 0, "no rotation in the middle of it");
    peer_ends(0, true);
    UNTIL(losses == 1);
    cr_assert_not(o.stream.mid);
}

/* A peer that never closes: kernel-acknowledged counts. When it does after all, it is a good one. */
Test(outlet, a_peer_that_never_closes)
{
    listens(0);
    begins(1, true);
    writes("a 1 1\n");
    UNTIL(o.stream.old.fd >= 0);
    o.stream.old.began_ns -= 19 * NS_PER_S; /* far longer than three times `every` */
    turns_for(200 * NS_PER_MS);
    cr_assert_eq(o.stream.mute, 0);
    cr_assert_eq(stream_settled(&o.stream), 0);
    o.stream.old.began_ns -= 2 * NS_PER_S;
    UNTIL(o.stream.mute != 0);
    cr_assert_eq(stream_settled(&o.stream), 6);
    writes("b 1 1\n");
    UNTIL(stream_settled(&o.stream) == 12);
    turns_for(100 * NS_PER_MS);
    cr_assert_eq(npeers, 2); /* no more rotations */
    peer_reads(0, "a 1 1\n");
    peer_ends(0, false);
    UNTIL(o.stream.mute == 0);
    UNTIL(npeers == 3);
    peer_reads(1, "b 1 1\n");
    UNTIL(half_closed(1));
    peer_ends(1, false);
    UNTIL(stream_settled(&o.stream) == 12);
    cr_assert_eq(losses, 0);
}

/* A second for each 400 bytes for one that is not known yet, but no more than ten minutes. */
Test(outlet, a_peer_that_never_closes_with_much_to_read)
{
    static char block[300000], got[sizeof block];
    size_t wrote = 0, arrived = 0;

    k.sink.confirm = (struct conf_confirm){.every = NS_PER_S, .bytes = 1 << 30};
    listens(0);
    begins(1, true);
    UNTIL(outlet_up(&o) && npeers > 0);
    while (arrived < sizeof block) {
        ssize_t n = recv(peers[0], got, sizeof got, MSG_DONTWAIT);

        wrote += stream_write(&o.stream, block + wrote, sizeof block - wrote);
        arrived += n > 0 ? (size_t)n : 0;
        turn();
    }
    UNTIL(o.stream.old.fd >= 0);
    o.stream.old.began_ns -= 590 * NS_PER_S;
    turns_for(200 * NS_PER_MS);
    cr_assert_eq(o.stream.mute, 0);
    o.stream.old.began_ns -= 11 * NS_PER_S;
    UNTIL(o.stream.mute != 0);
}

/* One that has closed before is waited for: it may read nothing. */
Test(outlet, a_peer_that_is_late)
{
    listens(0);
    begins(1, true);
    confirms(0, "a 1 1\n");
    UNTIL(stream_settled(&o.stream) == 6);
    writes("b 1 1\n");
    UNTIL(half_closed_by_us());
    o.stream.old.began_ns -= 19 * NS_PER_S;
    turns_for(200 * NS_PER_MS);
    cr_assert_not(outlet_stalled(&o));
    o.stream.old.began_ns -= 2 * NS_PER_S;
    UNTIL(outlet_stalled(&o));
    turns_for(200 * NS_PER_MS);
    cr_assert_eq(o.stream.mute, 0);
    cr_assert_eq(stream_settled(&o.stream), 6);
    peer_ends(1, true); /* killed, with it unread */
    peer_ends(2, true);
    UNTIL(losses == 1);
    cr_assert(loss.doubtful);
    cr_assert_eq(loss.kept, 6);
}

/* Slow is not stalled: a second for each 400 bytes. */
Test(outlet, a_peer_that_is_slow)
{
    static char block[4000];

    listens(0);
    listens(1);
    begins(2, true);
    confirms(0, "a 1 1\n");
    UNTIL(stream_settled(&o.stream) == 6);
    UNTIL(outlet_up(&o));
    cr_assert_eq(stream_write(&o.stream, block, sizeof block), sizeof block);
    UNTIL(half_closed_by_us());
    o.stream.old.began_ns -= 29 * NS_PER_S;
    turns_for(200 * NS_PER_MS);
    cr_assert_eq(losses, 0);
    o.stream.old.began_ns -= 2 * NS_PER_S;
    UNTIL(losses == 1);
    cr_assert_eq(o.at, 1, "another one is taken");
    cr_assert_eq(loss.kept, 6);
}

/* The first rotation comes soon, each further one after twice as long. */
Test(outlet, a_new_worker_asks_soon)
{
    k.sink.confirm.every = 64 * NS_PER_S;
    k.sink.confirm.bytes = 64 << 20;
    listens(0);
    begins(1, true);
    writes("a 1 1\n");
    o.stream.since_ns -= 900 * NS_PER_MS;
    cr_assert_eq(npeers, 1);
    UNTIL(half_closed_by_us());
    peer_reads(0, "a 1 1\n");
    peer_ends(0, false);
    UNTIL(stream_settled(&o.stream) == 6);
    writes("b 1 1\n");
    o.stream.since_ns -= 1500 * NS_PER_MS;
    turns_for(200 * NS_PER_MS);
    cr_assert_eq(o.stream.old.fd, -1);
    o.stream.since_ns -= 400 * NS_PER_MS;
    UNTIL(half_closed_by_us());
}

/* By habit: the same endpoint is used again, and only from the third on it is known. What those
 * had acknowledged is not taken for confirmed. */
Test(outlet, a_peer_that_resets)
{
    listens(0);
    listens(1);
    begins(2, true);
    for (unsigned i = 0; i < 3; i++) {
        cr_assert_eq(o.stream.mute, 0);
        writes("a 1 1\n");
        UNTIL(npeers == 2 * i + 2);
        peer_reads(2 * i, "a 1 1\n");
        UNTIL(half_closed(2 * i));
        peer_ends(2 * i, true);
        UNTIL(losses == i + 1);
        cr_assert_eq(loss.kept, 0);
        cr_assert_eq(o.at, 0);
    }
    cr_assert_eq(o.stream.mute, 1);
    writes("a 1 1\n");
    UNTIL(stream_settled(&o.stream) == 6);
}

/* A file on a full disk is up as it is opened, and takes nothing: that is one failure that lasts, and not
 * a loss that comes again and again. */
Test(outlet, a_file_that_takes_nothing_is_no_loss_again_and_again)
{
    struct rlimit limit = {.rlim_cur = 0, .rlim_max = RLIM_INFINITY};

    uris[0] = arena_printf(&k.arena, "file://%s", kit_path(&k, "out"));
    signal(SIGXFSZ, SIG_IGN);
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    begins(1, true);
    for (unsigned i = 1; i <= 3; i++) {
        outlet_hurry(&o);
        UNTIL(outlet_up(&o));
        cr_assert_eq(stream_write(&o.stream, "a 1 1\n", 6), 0);
        UNTIL(losses == i);
        cr_assert_eq(o.said.at, 0);
        cr_assert_eq(o.complaints, i);
    }
    uris[0] = NULL;
}

/* --- endpoints --- */

static void on_the_second(bool repeatable)
{
    listens(1);
    begins(2, repeatable);
    writes("a 1 1\n");
    UNTIL(o.works);
    cr_assert_eq(o.at, 1);
    UNTIL(!link_is_open(&o.first)); /* refused */
    listens(0);
    o.first_ns = 0;
    UNTIL(o.first.t.state == TRANSPORT_UP);
}

static void a_minute_passes(void)
{
    o.first.t.opened_ns -= 60 * NS_PER_S;
}

Test(outlet, goes_back_to_the_first)
{
    on_the_second(true);
    turns_for(50 * NS_PER_MS);
    cr_assert_eq(o.at, 1);
    o.stream.mid = true;
    a_minute_passes();
    turns_for(50 * NS_PER_MS);
    cr_assert_eq(o.at, 1);
    o.stream.mid = false;
    UNTIL(o.at == 0);
    cr_assert(outlet_up(&o));
    cr_assert_eq(stream_written(&o.stream), 0);
    cr_assert_not(loss.doubtful);
    cr_assert_eq(o.first.t.fd, -1);
    writes("b 1 1\n");
    UNTIL(o.works);
}

/* What must not be repeated is through before that. */
Test(outlet, goes_back_with_nothing_under_way)
{
    static char block[1 << 20]; /* the last of them is not taken whole */
    uint64_t all;

    on_the_second(false);
    while (stream_write(&o.stream, block, sizeof block) > 0)
        continue;
    o.stream.mid = false; /* as if a batch ended there */
    a_minute_passes();
    turns_for(50 * NS_PER_MS);
    cr_assert_eq(o.at, 1);
    all = stream_written(&o.stream);
    for (unsigned i = 0; o.at == 1; i++) {
        cr_assert_lt(i, 100000);
        turn();
        for (unsigned p = 0; p < npeers; p++)
            (void)recv(peers[p], block, sizeof block, MSG_DONTWAIT);
    }
    cr_assert_eq(loss.kept, all);
}

/* --- rest --- */

/* Turns of the loop in half a second, waiting as the worker would. */
static unsigned turns_at_rest(void)
{
    unsigned n = 0;

    for (int64_t end = clock_mono() + NS_PER_S / 2, now; (now = clock_mono()) < end; n++) {
        int64_t due;

        losses += outlet_turn(&o, now, &loss);
        due = outlet_due(&o, now);
        (void)loop_turn(loop, due < 0 || due > end - now ? end - now : due);
    }
    return n;
}

Test(outlet, rests_with_a_first_endpoint_on_probation)
{
    on_the_second(false);
    turns_for(50 * NS_PER_MS);
    cr_assert_leq(turns_at_rest(), 3);
}

Test(outlet, rests_with_a_peer_that_never_closes)
{
    listens(0);
    begins(1, true);
    writes("a 1 1\n");
    UNTIL(o.stream.old.fd >= 0);
    turns_for(5 * NS_PER_MS);
    k.sink.confirm.every = NS_PER_S;
    cr_assert_leq(turns_at_rest(), 5);
    o.stream.old.began_ns -= 21 * NS_PER_S;
    UNTIL(o.stream.mute != 0);
    cr_assert_leq(turns_at_rest(), 3);
}

Test(outlet, rests_with_a_predecessor_that_has_ended)
{
    listens(0);
    begins(1, true);
    confirms(0, "a 1 1\n");
    UNTIL(o.stream.old.ended_ns != 0);
    cr_assert_leq(turns_at_rest(), 6); /* 50 ms, 100 ms, and it is confirmed */
    cr_assert_eq(stream_settled(&o.stream), 6);
}

Test(outlet, rests_with_a_peer_that_reads_nothing)
{
    static char block[1 << 16];

    listens(0);
    begins(1, false);
    writes("a 1 1\n");
    while (stream_write(&o.stream, block, sizeof block) > 0)
        continue;
    turns_for(500 * NS_PER_MS);
    cr_assert_leq(turns_at_rest(), 10); /* each 100 ms it is asked how much is acknowledged */
}

Test(outlet, rests_with_nobody_there)
{
    begins(2, true);
    turns_for(500 * NS_PER_MS);
    cr_assert_leq(turns_at_rest(), 20);
}
