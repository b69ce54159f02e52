/* sink/worker.c, and a stream of bytes to a file or over TCP */
#include "rig/worker_peer.h"

TestSuite(worker, .init = setup, .fini = teardown, .timeout = 100);

/* ---- into a file ----------------------------------------------------------------------------- */

Test(worker, delivers_everything_once_and_resumes)
{
    sink_to(GRAPHITE, "path: '{name}'", file_uri(), NULL);
    accept_metrics(1, false);
    accept_metrics(30000, false);
    start_ready();
    cr_assert_eq(hear(), 'u');
    accept_metrics(100, false);
    say('w');
    finishes();
    at(30101, DROP_SKIPPED, 0);
    accept_metrics(7, false);
    start_ready();
    finishes();
    at(30108, DROP_SKIPPED, 0);
    arrived(lines(0, 30108));
}

/* No wake-up comes: the timer finds it. A batch waits for its age. */
Test(worker, looks_by_itself)
{
    sink_to(GRAPHITE, "path: '{name}'", file_uri(), NULL);
    k.sink.flush = 300 * NS_PER_MS;
    start_ready();
    accept_metrics(3, false);
    cr_assert_eq(hear(), 'u');
    arrived(lines(0, 3));
    finishes();
}

Test(worker, what_leaves_no_bytes_is_counted)
{
    sink_to(GRAPHITE, "path: '{name}'", file_uri(), NULL);
    accept_metrics(1000, true);
    accept_metrics(10, false);
    accept_metrics(70000, true);
    start_ready();
    finishes();
    at(71010, DROP_SKIPPED, 71000);
    arrived(lines(1000, 1010));
}

Test(worker, a_damaged_record_costs_its_frame)
{
    uint64_t end;

    sink_to(GRAPHITE, "path: '{name}'", file_uri(), NULL);
    accept_metrics(5, false);
    cr_assert_eq(append_frame(spool, "no record", 9, 4, &end), 0);
    accepted += 4;
    accept_metrics(5, false);
    start_ready();
    finishes();
    at(14, DROP_DAMAGED, 4);
    arrived(arena_printf(&k.arena, "%s%s", lines(0, 5), lines(9, 14)));
}

Test(worker, what_retention_took_is_counted)
{
    struct append_config c = {.dir = conf.spool.dir, .segment_size = 4096, .max_size = 16384};
    char why[256];

    append_close(spool);
    spool = append_open(&c, why);
    cr_assert_not_null(spool, "%s", why);
    sink_to(GRAPHITE, "path: '{name}'", file_uri(), NULL);
    for (int i = 0; i < 100; i++)
        accept_metrics(100, false);
    cr_assert_gt(append_retain(spool, 0, clock_wall()), 0);
    start_ready();
    finishes();
    struct cursor_state s = cursor();
    cr_assert_eq(s.position - s.start, 10000);
    cr_assert_gt(s.dropped[DROP_EXPIRED], 0);
    arrived(lines(s.dropped[DROP_EXPIRED], 10000));
}

/* ---- over TCP -------------------------------------------------------------------------------- */

Test(worker, waits_for_an_endpoint_that_is_down)
{
    const char *uri;
    int l = bound(&uri);
    struct peer p;

    peer_init(&p, l, 20000);
    sink_to(GRAPHITE, "path: '{name}'", uri, NULL);
    accept_metrics(20000, false);
    start_ready();
    at(0, DROP_SKIPPED, 0);
    cr_assert_eq(listen(l, 8), 0);
    PEER_UNTIL(&p, p.lines == 20000);
    finishes_with(&p);
    all_seen(&p, 0, 20000, true);
    cr_assert_eq(p.lines, 20000);
    at(20000, DROP_SKIPPED, 0);
    close(l);
}

/* What the peer's kernel has acknowledged, even what the peer has read, counts only once a connection
 * has ended cleanly; asked to finish, the worker sees to that at once. */
Test(worker, only_a_clean_end_confirms)
{
    const char *uri;
    int l = bound(&uri);
    struct peer p;

    cr_assert_eq(listen(l, 8), 0);
    peer_init(&p, l, 1000);
    sink_to(GRAPHITE, "path: '{name}'", uri, NULL);
    k.sink.confirm = (struct conf_confirm){.every = 3600 * NS_PER_S, .bytes = 1 << 30};
    accept_metrics(1000, false);
    start_ready();
    PEER_UNTIL(&p, p.lines == 1000);
    cr_assert_eq(hear(), 'u'); /* it got through */
    at(0, DROP_SKIPPED, 0);
    finishes_with(&p);
    at(1000, DROP_SKIPPED, 0);
    all_seen(&p, 0, 1000, true);
    close(l);
}

/* Rotation confirms without repeating anything, and what is confirmed is not asked for again. */
Test(worker, rotates_and_confirms)
{
    const char *uri;
    int l = bound(&uri);
    struct peer p;

    cr_assert_eq(listen(l, 8), 0);
    peer_init(&p, l, 200000);
    sink_to(GRAPHITE, "path: '{name}'", uri, NULL);
    k.sink.confirm.replay = 5 * NS_PER_S;
    for (int i = 0; i < 200; i++)
        accept_metrics(1000, false);
    start_ready();
    PEER_UNTIL(&p, position() == 200000);
    cr_assert_gt(p.ended, 1);
    finishes_with(&p);
    at(200000, DROP_SKIPPED, 0);
    all_seen(&p, 0, 200000, true);
    start_ready();
    finishes_with(&p);
    cr_assert_eq(p.lines, 200000);
    close(l);
}

/* The peer reads a little and resets: all that was not confirmed comes again on the next connection,
 * whatever its kernel had acknowledged. */
Test(worker, sends_again_after_a_reset)
{
    const char *uri;
    int l = bound(&uri), small = 4096;
    enum { N = 200000 };
    struct peer p;
    uint64_t before;

    cr_assert_eq(setsockopt(l, SOL_SOCKET, SO_RCVBUF, &small, sizeof small), 0);
    cr_assert_eq(listen(l, 8), 0);
    peer_init(&p, l, N);
    sink_to(GRAPHITE, "path: '{name}'", uri, NULL);
    for (int i = 0; i < N / 1000; i++)
        accept_metrics(1000, false);
    start_ready();
    PEER_UNTIL(&p, p.lines >= 1000);
    before = position();
    peer_drop(&p, true);
    memset(p.seen, 0, N);
    PEER_UNTIL(&p, p.lines >= 1000 && p.seen[N - 1] > 0);
    all_seen(&p, before, N, false);
    finishes_with(&p);
    at(N, DROP_SKIPPED, 0);
    close(l);
}

/* What was confirmed within `replay` comes again as well, nothing before that, and conservation
 * holds over it: what leaves no bytes is counted once. */
Test(worker, replays_what_may_not_have_been_kept)
{
    const char *uri;
    int l = bound(&uri);
    struct peer p;

    cr_assert_eq(listen(l, 8), 0);
    peer_init(&p, l, 300);
    sink_to(GRAPHITE, "path: '{name}'", uri, NULL);
    k.sink.confirm.replay = 3600 * NS_PER_S;
    accept_metrics(100, false);
    accept_metrics(100, true);
    start_ready();
    PEER_UNTIL(&p, position() == 200);
    at(200, DROP_SKIPPED, 100);
    peer_drop(&p, false); /* as a killed peer's kernel does that has read everything */
    accept_metrics(100, false);
    say('w');
    PEER_UNTIL(&p, position() == 300);
    finishes_with(&p);
    at(300, DROP_SKIPPED, 100);
    for (int i = 0; i < 100; i++)
        cr_assert_eq(p.seen[i], 2, "m.%d came %d times", i, p.seen[i]);
    all_seen(&p, 200, 300, true);
    close(l);
}

/* The peer comes back only for the next worker: what is owed to it is not forgotten. */
Test(worker, replays_over_a_restart)
{
    const char *uri;
    int l = bound(&uri);
    struct peer p;

    cr_assert_eq(listen(l, 8), 0);
    peer_init(&p, l, 100);
    sink_to(GRAPHITE, "path: '{name}'", uri, NULL);
    k.sink.confirm.replay = 3600 * NS_PER_S;
    accept_metrics(100, false);
    start_ready();
    PEER_UNTIL(&p, position() == 100);
    peer_drop(&p, false);
    PEER_UNTIL(&p, cursor().owed == 100);
    cr_assert_eq(kill(pid, SIGKILL), 0);
    (void)ended();
    peer_drop(&p, true);
    start_ready();
    PEER_UNTIL(&p, p.lines >= 200 && cursor().owed == 0);
    finishes_with(&p);
    at(100, DROP_SKIPPED, 0);
    close(l);
}

Test(worker, takes_the_next_endpoint)
{
    const char *dead, *alive;
    int d = bound(&dead), l = bound(&alive);
    struct peer p, q;

    cr_assert_eq(listen(l, 8), 0);
    peer_init(&p, l, 100);
    peer_init(&q, d, 100);
    sink_to(GRAPHITE, "path: '{name}'", dead, alive);
    accept_metrics(50, false);
    start_ready();
    PEER_UNTIL(&p, position() == 50);
    all_seen(&p, 0, 50, true);
    /* Now it is the other way round. d comes first: the worker is a fork with an l of its own, which would
     * take the connection of one that finds d still refusing. */
    cr_assert_eq(listen(d, 8), 0);
    close(l);
    peer_drop(&p, false);
    accept_metrics(50, false);
    say('w');
    PEER_UNTIL(&q, q.lines >= 50);
    finishes_with(&q);
    all_seen(&q, 50, 100, true);
    cr_assert_eq(q.lines, 50);
    at(100, DROP_SKIPPED, 0);
    close(d);
}

/* With nothing to do, with a predecessor that does not end, and with a peer that reads nothing the
 * worker sleeps: its CPU time over a while says so. */
static uint64_t cpu_ticks(void)
{
    const char *stat = kit_read(&k, arena_printf(&k.arena, "/proc/%d/stat", (int)pid));
    unsigned long long user = 0, system = 0;

    stat = strrchr(stat, ')');
    cr_assert_not_null(stat);
    cr_assert_eq(
        sscanf(stat + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu", &user, &system),
        2);
    return user + system;
}

enum { AWAKE = 12 }; /* ticks of the 150 that are looked at */

static uint64_t ticks_used(void)
{
    uint64_t before = cpu_ticks();

    poll(NULL, 0, 1500); /* not a synchronisation: the time that is measured */
    return cpu_ticks() - before;
}

static void sleeps(void)
{
    uint64_t used = ticks_used();

    cr_assert_leq(used, AWAKE, "%llu of 150 ticks", (unsigned long long)used);
}

/* It may have something to do first, for some seconds at most. */
static void comes_to_sleep(void)
{
    uint64_t used = ticks_used();

    for (int more = 0; used > AWAKE && more < 9; more++)
        used = ticks_used();
    cr_assert_leq(used, AWAKE, "%llu of 150 ticks after 15 s", (unsigned long long)used);
}

Test(worker, does_not_spin)
{
    const char *uri;
    int l = bound(&uri), small = 32768;
    enum { N = 300000 };
    struct peer p;

    cr_assert_eq(setsockopt(l, SOL_SOCKET, SO_RCVBUF, &small, sizeof small), 0);
    cr_assert_eq(listen(l, 8), 0);
    peer_init(&p, l, N);
    sink_to(GRAPHITE, "path: '{name}'", uri, NULL);
    accept_metrics(10, false);
    start_ready();
    PEER_UNTIL(&p, position() == 10);
    sleeps(); /* idle */
    accept_metrics(10, false);
    say('w');
    PEER_UNTIL(&p, p.lines == 20);
    sleeps(); /* half-closed after a second, and nobody reads that */
    for (accept_metrics(980, false); accepted < N;)
        accept_metrics(1000, false);
    say('w');
    PEER_UNTIL(&p, p.lines >= 1000);
    comes_to_sleep(); /* stalled, when it has filled what the kernel buffers */
    PEER_UNTIL(&p, position() == N);
    finishes_with(&p);
    all_seen(&p, 0, N, true);
    close(l);
}

/* kill -9 in mid-stream, three times. Everything is read that has left a worker, and nothing that
 * was accepted is missing; what comes twice is at most what was not confirmed. */
Test(worker, survives_being_killed)
{
    enum { N = 300000, SOME = 20000 };
    const char *uri;
    int l = bound(&uri);
    uint64_t next = SOME, again = 0, before;
    struct peer p;

    cr_assert_eq(listen(l, 8), 0);
    peer_init(&p, l, N);
    sink_to(GRAPHITE, "path: '{name}'", uri, NULL);
    for (int i = 0; i < N / 1000; i++)
        accept_metrics(1000, false);
    for (int round = 0; round < 3; round++) {
        start_ready();
        PEER_UNTIL(&p, p.lines >= next);
        cr_assert_eq(kill(pid, SIGKILL), 0);
        (void)ended();
        PEER_UNTIL(&p, p.open == 0 && !peer_turn(&p, 0));
        next = p.lines + SOME;
        before = position();
        for (uint64_t i = before; i < N; i++)
            again += p.seen[i] > 0;
    }
    start_ready();
    finishes_with(&p);
    at(N, DROP_SKIPPED, 0);
    all_seen(&p, 0, N, false);
    cr_assert_leq(p.lines, N + again);
    close(l);
}

/* ---- being stopped --------------------------------------------------------------------------- */

Test(worker, ends_with_garnetd)
{
    const char *uri;
    int l = bound(&uri);

    sink_to(GRAPHITE, "path: '{name}'", uri, NULL);
    accept_metrics(10, false);
    start_ready();
    cr_assert_eq(shutdown(control, SHUT_RDWR), 0);
    ends_with(0);
    at(0, DROP_SKIPPED, 0);
    close(l);
}

Test(worker, sigterm_ends_at_once)
{
    const char *uri;
    int l = bound(&uri);

    sink_to(GRAPHITE, "path: '{name}'", uri, NULL);
    accept_metrics(10, false);
    start_ready();
    cr_assert_eq(kill(pid, SIGTERM), 0);
    ends_with(0);
    at(0, DROP_SKIPPED, 0);
    close(l);
}
