/* sink/worker.c: what must not come twice, a backlog, and being asked to finish with nobody there */
#include "rig/worker_peer.h"

TestSuite(worker, .init = worker_rig_start, .fini = worker_rig_end, .timeout = 100);

static struct kit *const kit = &worker_rig.kit;

/* --- what must not come twice --- */

/* Lost in mid-stream: what was written and not acknowledged comes again, and is counted as in doubt. */
Test(worker, what_is_sent_again_is_counted)
{
    enum { N = 200000 };
    struct peer p;
    uint64_t twice = 0, in_doubt;

    peer_open(&p, N);
    peer_receive_buffer(&p, 4096);
    configure_sink(TEST_PLUGIN("once"), "", p.uri, NULL);
    accept_in_thousands(N);
    start_ready_worker();
    PEER_UNTIL(&p, p.lines >= 1000);
    peer_reset(&p);
    PEER_UNTIL(&p, atomic_load(&worker_rig.board->losses) == 1 && p.open > 0);
    in_doubt = atomic_load(&worker_rig.board->in_doubt);
    cr_assert(in_doubt > 0 && in_doubt < N, "%llu", (unsigned long long)in_doubt);
    PEER_UNTIL(&p, p.seen[N - 1] > 0);
    finish_worker_with(&p);
    expect_cursor(N, DROP_SKIPPED, 0);
    for (uint64_t i = 0; i < N; i++)
        twice += p.seen[i] > 1;
    cr_assert_leq(twice, in_doubt, "%llu of %llu", (unsigned long long)twice,
                  (unsigned long long)in_doubt);
    cr_assert_eq(atomic_load(&worker_rig.board->in_doubt), in_doubt);
    cr_assert_eq(stored_cursor().in_doubt, in_doubt);
    memset(worker_rig.board, 0, sizeof *worker_rig.board); /* another garnetd's */
    start_ready_worker();
    cr_assert_eq(atomic_load(&worker_rig.board->in_doubt), in_doubt);
    finish_worker_with(&p);
}

/* garnetd and its worker are killed: what they shared is gone, and the cursor has it. */
Test(worker, what_had_been_sent_is_in_doubt_for_another_garnetd)
{
    enum { N = 100000 };
    struct cursor_state s;
    struct peer p;

    peer_open(&p, N);
    peer_receive_buffer(&p, 4096);
    configure_sink(TEST_PLUGIN("once"), "", p.uri, NULL);
    accept_in_thousands(N);
    start_ready_worker();
    PEER_UNTIL(&p, p.lines > 0 && stored_cursor().sent > stored_cursor().position);
    cr_assert_eq(kill(worker_rig.pid, SIGKILL), 0);
    (void)wait_worker();
    s = stored_cursor();
    cr_assert_gt(s.sent, s.position);
    memset(worker_rig.board, 0, sizeof *worker_rig.board);
    start_ready_worker();
    cr_assert_eq(atomic_load(&worker_rig.board->in_doubt), s.in_doubt + s.sent - s.position);
    finish_worker_with(&p);
    cr_assert_geq(stored_cursor().in_doubt, s.in_doubt + s.sent - s.position);
}

/* Of a batch that is acknowledged in part only the rest comes again, from the first metric on that
 * the peer's kernel did not have whole. */
Test(worker, of_a_batch_only_the_rest_is_sent_again)
{
    static char got[1 << 16];
    enum { N = 3000 };
    uint64_t whole = 0, in_doubt;
    struct peer p;
    ssize_t n = 0, before = -1;

    peer_open(&p, N);
    peer_receive_buffer(&p, 4096);
    configure_sink(TEST_PLUGIN("once"), "", p.uri, NULL);
    accept_metrics(N);
    start_ready_worker();
    PEER_UNTIL(&p, p.open == 1);
    for (int64_t end = clock_mono() + 60 * NS_PER_S; n == 0 || n != before; poll(NULL, 0, 500)) {
        cr_assert_lt(clock_mono(), end);
        before = n; /* what it sends stays in the window until we read */
        n = recv(peer_connection_fd(&p, 0), got, sizeof got, MSG_PEEK | MSG_DONTWAIT);
    }
    for (ssize_t i = 0; i < n; i++)
        whole += got[i] == '\n';
    cr_assert(whole > 0 && whole < N / 2, "%llu", (unsigned long long)whole);
    peer_reset(&p);
    PEER_UNTIL(&p, atomic_load(&worker_rig.board->losses) == 1 && p.open > 0);
    PEER_UNTIL(&p, p.lines >= N - whole);
    in_doubt = atomic_load(&worker_rig.board->in_doubt);
    finish_worker_with(&p);
    cr_assert_eq(p.lines, N - whole);
    expect_seen_once(&p, whole, N);
    cr_assert_eq(in_doubt, N - whole, "all had left: %llu", (unsigned long long)in_doubt);
    expect_cursor(N, DROP_SKIPPED, 0);
}

/* A killed worker may have sent more than its cursor says; the next one knows how much. */
Test(worker, what_a_killed_worker_had_sent_is_in_doubt)
{
    enum { N = 300000 };
    struct peer p;
    uint64_t twice = 0;

    peer_open(&p, N);
    configure_sink(TEST_PLUGIN("once"), "", p.uri, NULL);
    accept_in_thousands(N);
    start_ready_worker();
    PEER_UNTIL(&p, p.lines >= N / 10);
    cr_assert_eq(kill(worker_rig.pid, SIGKILL), 0);
    (void)wait_worker();
    start_ready_worker();
    finish_worker_with(&p);
    expect_seen(&p, 0, N);
    for (uint64_t i = 0; i < N; i++)
        twice += p.seen[i] > 1;
    cr_assert_leq(twice, atomic_load(&worker_rig.board->in_doubt));
}

/* A plugin may write over the page: nothing of it gets into the cursor unchecked. */
Test(worker, what_is_scribbled_on_the_page_is_not_stored)
{
    enum { N = 1000 };
    struct peer p;

    peer_open(&p, 2 * N);
    configure_sink(TEST_PLUGIN("once"), "", p.uri, NULL);
    accept_in_thousands(N);
    start_ready_worker();
    PEER_UNTIL(&p, p.seen[N - 1] > 0);
    atomic_store(&worker_rig.board->in_doubt, UINT64_MAX);
    atomic_store(&worker_rig.board->sent, UINT64_MAX);
    PEER_UNTIL(&p, stored_cursor().sent != 0 && confirmed() == N);
    accept_in_thousands(N);
    wake_worker();
    PEER_UNTIL(&p, p.seen[2 * N - 1] > 0);
    atomic_store(&worker_rig.board->sent, UINT64_MAX);
    finish_worker_with(&p);
    cr_assert_eq(stored_cursor().in_doubt, 0);
    cr_assert_eq(stored_cursor().sent, stored_cursor().taken);
}

/* --- a backlog --- */

Test(worker, a_backlog_has_its_pace_and_what_is_live_has_none)
{
    int64_t began = clock_mono(), took;

    deliver_to_file();
    kit->sink.catch_up_rate = 5000;
    accept_metrics(5000);
    start_ready_worker();
    while (confirmed() < 5000) {
        cr_assert_lt(clock_mono() - began, 30 * NS_PER_S);
        poll(NULL, 0, 5);
    }
    took = clock_mono() - began;
    cr_assert_geq(took, 900 * NS_PER_MS, "%lld ms", (long long)(took / NS_PER_MS));
    began = clock_mono();
    for (int i = 0; i < 50; i++)
        accept_metrics(1000);
    wake_worker();
    finish_worker();
    cr_assert_lt(clock_mono() - began, 5 * NS_PER_S, "live is not slowed: 10 s otherwise");
    expect_cursor(55000, DROP_SKIPPED, 0);
    expect_output(graphite_lines(0, 55000));
}

/* --- being asked to finish --- */

/* Nobody is there: asked to finish, it tries once more and leaves what it has in the spool. */
Test(worker, does_not_wait_for_a_dead_peer)
{
    struct peer first, second;
    int64_t began;

    peer_bind(&first, 10);
    peer_bind(&second, 10);
    configure_sink(GRAPHITE, "path: '{name}'", first.uri, second.uri);
    accept_metrics(10);
    start_ready_worker();
    began = clock_mono();
    finish_worker();
    cr_assert_lt(clock_mono() - began, 3 * NS_PER_S);
    expect_cursor(0, DROP_SKIPPED, 0);
}

/* The last try is one: who is back by then gets all. */
Test(worker, finishes_with_a_peer_that_is_back)
{
    struct peer p;

    peer_bind(&p, 10);
    configure_sink(GRAPHITE, "path: '{name}'", p.uri, NULL);
    accept_metrics(10);
    start_ready_worker();
    poll(NULL, 0, 2500); /* by then it pauses for longer than it waits at its end */
    peer_listen(&p);
    finish_worker_with(&p);
    expect_seen_once(&p, 0, 10);
    expect_cursor(10, DROP_SKIPPED, 0);
}

/* --- what is old --- */

/* All these metrics are of 2023; only a plugin that writes no time is kept from sending them. */
Test(worker, drops_what_is_stale_where_output_has_no_time)
{
    configure_sink(TEST_PLUGIN("untimed"), "", output_uri(), NULL);
    kit->sink.max_age = 10 * NS_PER_S;
    accept_metrics(10);
    start_ready_worker();
    finish_worker();
    expect_cursor(10, DROP_STALE, 10);
    cr_assert_str_eq(output(), "");
    kit->sink.plugin_file = TEST_PLUGIN("format");
    accept_metrics(10);
    start_ready_worker();
    finish_worker();
    expect_cursor(20, DROP_STALE, 10);
    cr_assert_not_null(strstr(output(), "m.19=19\n"));
}
