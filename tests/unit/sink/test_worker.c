/* sink/worker.c, and a stream of bytes to a file or over TCP */
#include "base/why.h"
#include "rig/worker_peer.h"

TestSuite(worker, .init = worker_rig_start, .fini = worker_rig_end, .timeout = 100);

static struct kit *const kit = &worker_rig.kit;

/* --- into a file --- */

Test(worker, delivers_everything_once_and_resumes)
{
    deliver_to_file();
    accept_metrics(1);
    accept_metrics(30000);
    start_ready_worker();
    expect_useful_work();
    accept_metrics(100);
    wake_worker();
    finish_worker();
    expect_cursor(30101, DROP_SKIPPED, 0);
    accept_metrics(7);
    start_ready_worker();
    finish_worker();
    expect_cursor(30108, DROP_SKIPPED, 0);
    expect_output(graphite_lines(0, 30108));
}

/* No wake-up comes: the timer finds it. A batch waits for its age. */
Test(worker, looks_by_itself)
{
    deliver_to_file();
    kit->sink.flush = 300 * NS_PER_MS;
    start_ready_worker();
    accept_metrics(3);
    expect_useful_work();
    expect_output(graphite_lines(0, 3));
    finish_worker();
}

Test(worker, what_leaves_no_bytes_is_counted)
{
    deliver_to_file();
    accept_timeless(1000);
    accept_metrics(10);
    accept_timeless(70000);
    start_ready_worker();
    finish_worker();
    expect_cursor(71010, DROP_SKIPPED, 71000);
    expect_output(graphite_lines(1000, 1010));
}

Test(worker, a_damaged_record_costs_its_frame)
{
    uint64_t end;

    deliver_to_file();
    accept_metrics(5);
    cr_assert_eq(append_frame(worker_rig.spool, "no record", 9, 4, &end), 0);
    worker_rig.accepted += 4;
    accept_metrics(5);
    start_ready_worker();
    finish_worker();
    expect_cursor(14, DROP_DAMAGED, 4);
    expect_output(arena_printf(&kit->arena, "%s%s", graphite_lines(0, 5), graphite_lines(9, 14)));
}

Test(worker, what_retention_took_is_counted)
{
    struct append_config c = {
        .dir = worker_rig.conf.spool.dir, .segment_size = 4096, .max_size = 16384};
    struct why why;

    append_close(worker_rig.spool);
    worker_rig.spool = append_open(&c, &why);
    cr_assert_not_null(worker_rig.spool, "%s", why.text);
    deliver_to_file();
    for (int i = 0; i < 100; i++)
        accept_metrics(100);
    cr_assert_gt(append_retain(worker_rig.spool, 0, clock_wall()), 0);
    start_ready_worker();
    finish_worker();
    struct cursor_state s = stored_cursor();
    cr_assert_eq(s.position - s.start, 10000);
    cr_assert_gt(s.dropped[DROP_EXPIRED], 0);
    expect_output(graphite_lines(s.dropped[DROP_EXPIRED], 10000));
}

/* --- over TCP --- */

Test(worker, waits_for_an_endpoint_that_is_down)
{
    struct peer p;

    peer_bind(&p, 20000);
    configure_sink(GRAPHITE, "path: '{name}'", p.uri, NULL);
    accept_metrics(20000);
    start_ready_worker();
    expect_cursor(0, DROP_SKIPPED, 0);
    peer_listen(&p);
    PEER_UNTIL(&p, p.lines == 20000);
    finish_worker_with(&p);
    expect_seen_once(&p, 0, 20000);
    cr_assert_eq(p.lines, 20000);
    expect_cursor(20000, DROP_SKIPPED, 0);
}

/* What the peer's kernel has acknowledged, even what the peer has read, counts only once a connection
 * has ended cleanly; asked to finish, the worker sees to that at once. */
Test(worker, only_a_clean_end_confirms)
{
    struct peer p;

    deliver_to_peer(&p, 1000);
    kit->sink.confirm = (struct conf_confirm){.every = 3600 * NS_PER_S, .bytes = 1 << 30};
    accept_metrics(1000);
    start_ready_worker();
    PEER_UNTIL(&p, p.lines == 1000);
    expect_useful_work(); /* it got through */
    expect_cursor(0, DROP_SKIPPED, 0);
    finish_worker_with(&p);
    expect_cursor(1000, DROP_SKIPPED, 0);
    expect_seen_once(&p, 0, 1000);
}

/* Rotation confirms without repeating anything, and what is confirmed is not asked for again. */
Test(worker, rotates_and_confirms)
{
    struct peer p;

    deliver_to_peer(&p, 200000);
    kit->sink.confirm.replay = 5 * NS_PER_S;
    accept_in_thousands(200000);
    start_ready_worker();
    PEER_UNTIL(&p, confirmed() == 200000);
    cr_assert_gt(p.ended, 1);
    finish_worker_with(&p);
    expect_cursor(200000, DROP_SKIPPED, 0);
    expect_seen_once(&p, 0, 200000);
    start_ready_worker();
    finish_worker_with(&p);
    cr_assert_eq(p.lines, 200000);
}

/* The peer reads a little and resets: all that was not confirmed comes again on the next connection,
 * whatever its kernel had acknowledged. */
Test(worker, sends_again_after_a_reset)
{
    enum { N = 200000 };
    struct peer p;
    uint64_t before;

    deliver_to_peer(&p, N);
    peer_receive_buffer(&p, 4096);
    accept_in_thousands(N);
    start_ready_worker();
    PEER_UNTIL(&p, p.lines >= 1000);
    before = confirmed();
    peer_reset(&p);
    memset(p.seen, 0, N);
    PEER_UNTIL(&p, p.lines >= 1000 && p.seen[N - 1] > 0);
    expect_seen(&p, before, N);
    finish_worker_with(&p);
    expect_cursor(N, DROP_SKIPPED, 0);
}

/* What was confirmed within `replay` comes again as well, nothing before that, and conservation
 * holds over it: what leaves no bytes is counted once. */
Test(worker, replays_what_may_not_have_been_kept)
{
    struct peer p;

    deliver_to_peer(&p, 300);
    kit->sink.confirm.replay = 3600 * NS_PER_S;
    accept_metrics(100);
    accept_timeless(100);
    start_ready_worker();
    PEER_UNTIL(&p, confirmed() == 200);
    expect_cursor(200, DROP_SKIPPED, 100);
    peer_close(&p); /* as a killed peer's kernel does that has read everything */
    accept_metrics(100);
    wake_worker();
    PEER_UNTIL(&p, confirmed() == 300);
    finish_worker_with(&p);
    expect_cursor(300, DROP_SKIPPED, 100);
    for (int i = 0; i < 100; i++)
        cr_assert_eq(p.seen[i], 2, "m.%d came %d times", i, p.seen[i]);
    expect_seen_once(&p, 200, 300);
}

/* The peer comes back only for the next worker: what is owed to it is not forgotten. */
Test(worker, replays_over_a_restart)
{
    struct peer p;

    deliver_to_peer(&p, 100);
    kit->sink.confirm.replay = 3600 * NS_PER_S;
    accept_metrics(100);
    start_ready_worker();
    PEER_UNTIL(&p, confirmed() == 100);
    peer_close(&p);
    PEER_UNTIL(&p, stored_cursor().owed == 100);
    cr_assert_eq(kill(worker_rig.pid, SIGKILL), 0);
    (void)wait_worker();
    peer_reset(&p);
    start_ready_worker();
    PEER_UNTIL(&p, p.lines >= 200 && stored_cursor().owed == 0);
    finish_worker_with(&p);
    expect_cursor(100, DROP_SKIPPED, 0);
}

Test(worker, takes_the_next_endpoint)
{
    struct peer alive, dead;

    peer_open(&alive, 100);
    peer_bind(&dead, 100);
    configure_sink(GRAPHITE, "path: '{name}'", dead.uri, alive.uri);
    accept_metrics(50);
    start_ready_worker();
    PEER_UNTIL(&alive, confirmed() == 50);
    expect_seen_once(&alive, 0, 50);
    /* Now it is the other way round. The first listens first: the worker is a fork with a listener of its own of the
     * second, which would take the connection of one that finds the first still refusing. */
    peer_listen(&dead);
    close(alive.listener);
    peer_close(&alive);
    accept_metrics(50);
    wake_worker();
    PEER_UNTIL(&dead, dead.lines >= 50);
    finish_worker_with(&dead);
    expect_seen_once(&dead, 50, 100);
    cr_assert_eq(dead.lines, 50);
    expect_cursor(100, DROP_SKIPPED, 0);
}

/* With nothing to do, with a predecessor that does not end, and with a peer that reads nothing the
 * worker sleeps: its CPU time over a while says so. */
static uint64_t cpu_ticks(void)
{
    const char *stat =
        kit_read(kit, arena_printf(&kit->arena, "/proc/%d/stat", (int)worker_rig.pid));
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
    enum { N = 300000 };
    struct peer p;

    deliver_to_peer(&p, N);
    peer_receive_buffer(&p, 32768);
    accept_metrics(10);
    start_ready_worker();
    PEER_UNTIL(&p, confirmed() == 10);
    sleeps(); /* idle */
    accept_metrics(10);
    wake_worker();
    PEER_UNTIL(&p, p.lines == 20);
    sleeps(); /* half-closed after a second, and nobody reads that */
    for (accept_metrics(980); worker_rig.accepted < N;)
        accept_metrics(1000);
    wake_worker();
    PEER_UNTIL(&p, p.lines >= 1000);
    comes_to_sleep(); /* stalled, when it has filled what the kernel buffers */
    PEER_UNTIL(&p, confirmed() == N);
    finish_worker_with(&p);
    expect_seen_once(&p, 0, N);
}

/* kill -9 in mid-stream, three times. Everything is read that has left a worker, and nothing that
 * was accepted is missing; what comes twice is at most what was not confirmed. */
Test(worker, survives_being_killed)
{
    enum { N = 300000, SOME = 20000 };
    uint64_t next = SOME, again = 0, before;
    struct peer p;

    deliver_to_peer(&p, N);
    accept_in_thousands(N);
    for (int round = 0; round < 3; round++) {
        start_ready_worker();
        PEER_UNTIL(&p, p.lines >= next);
        cr_assert_eq(kill(worker_rig.pid, SIGKILL), 0);
        (void)wait_worker();
        PEER_UNTIL(&p, p.open == 0 && !peer_turn(&p, 0));
        next = p.lines + SOME;
        before = confirmed();
        for (uint64_t i = before; i < N; i++)
            again += p.seen[i] > 0;
    }
    start_ready_worker();
    finish_worker_with(&p);
    expect_cursor(N, DROP_SKIPPED, 0);
    expect_seen(&p, 0, N);
    cr_assert_leq(p.lines, N + again);
}

/* --- being stopped --- */

Test(worker, ends_with_garnetd)
{
    struct peer p;

    peer_bind(&p, 10);
    configure_sink(GRAPHITE, "path: '{name}'", p.uri, NULL);
    accept_metrics(10);
    start_ready_worker();
    cr_assert_eq(shutdown(worker_rig.control, SHUT_RDWR), 0);
    expect_exit(0);
    expect_cursor(0, DROP_SKIPPED, 0);
}

Test(worker, sigterm_ends_at_once)
{
    struct peer p;

    peer_bind(&p, 10);
    configure_sink(GRAPHITE, "path: '{name}'", p.uri, NULL);
    accept_metrics(10);
    start_ready_worker();
    cr_assert_eq(kill(worker_rig.pid, SIGTERM), 0);
    expect_exit(0);
    expect_cursor(0, DROP_SKIPPED, 0);
}
