/* sink/worker.c: what must not come twice, a backlog, and being asked to finish with nobody there */
#include "rig/worker_peer.h"

TestSuite(worker, .init = setup, .fini = teardown, .timeout = 100);

/* ---- what must not come twice ---------------------------------------------------------------- */

/* Lost in mid-stream: what was written and not acknowledged comes again, and is counted as in doubt. */
Test(worker, what_is_sent_again_is_counted)
{
    const char *uri;
    int l = bound(&uri), small = 4096;
    enum { N = 200000 };
    struct peer p;
    uint64_t twice = 0, in_doubt;

    cr_assert_eq(setsockopt(l, SOL_SOCKET, SO_RCVBUF, &small, sizeof small), 0);
    cr_assert_eq(listen(l, 8), 0);
    peer_init(&p, l, N);
    sink_to(TEST_PLUGIN("once"), "", uri, NULL);
    for (int i = 0; i < N / 1000; i++)
        accept_metrics(1000, false);
    start_ready();
    PEER_UNTIL(&p, p.lines >= 1000);
    peer_drop(&p, true);
    PEER_UNTIL(&p, atomic_load(&board->losses) == 1 && p.open > 0);
    in_doubt = atomic_load(&board->in_doubt);
    cr_assert(in_doubt > 0 && in_doubt < N, "%llu", (unsigned long long)in_doubt);
    PEER_UNTIL(&p, p.seen[N - 1] > 0);
    finishes_with(&p);
    at(N, DROP_SKIPPED, 0);
    for (uint64_t i = 0; i < N; i++)
        twice += p.seen[i] > 1;
    cr_assert_leq(twice, in_doubt, "%llu of %llu", (unsigned long long)twice,
                  (unsigned long long)in_doubt);
    cr_assert_eq(atomic_load(&board->in_doubt), in_doubt);
    close(l);
}

/* Of a batch that is acknowledged in part only the rest comes again, from the first metric on that
 * the peer's kernel did not have whole. */
Test(worker, of_a_batch_only_the_rest_is_sent_again)
{
    static char got[1 << 16];
    const char *uri;
    int l = bound(&uri), small = 4096;
    enum { N = 3000 };
    uint64_t whole = 0, in_doubt;
    struct peer p;
    ssize_t n = 0, before = -1;

    cr_assert_eq(setsockopt(l, SOL_SOCKET, SO_RCVBUF, &small, sizeof small), 0);
    cr_assert_eq(listen(l, 8), 0);
    peer_init(&p, l, N);
    sink_to(TEST_PLUGIN("once"), "", uri, NULL);
    accept_metrics(N, false);
    start_ready();
    PEER_UNTIL(&p, p.open == 1);
    for (int64_t end = clock_mono() + 60 * NS_PER_S; n == 0 || n != before; poll(NULL, 0, 500)) {
        cr_assert_lt(clock_mono(), end);
        before = n; /* what it sends stays in the window until we read */
        n = recv(p.c[0].fd, got, sizeof got, MSG_PEEK | MSG_DONTWAIT);
    }
    for (ssize_t i = 0; i < n; i++)
        whole += got[i] == '\n';
    cr_assert(whole > 0 && whole < N / 2, "%llu", (unsigned long long)whole);
    peer_drop(&p, true);
    PEER_UNTIL(&p, atomic_load(&board->losses) == 1 && p.open > 0);
    PEER_UNTIL(&p, p.lines >= N - whole);
    in_doubt = atomic_load(&board->in_doubt);
    finishes_with(&p);
    cr_assert_eq(p.lines, N - whole);
    all_seen(&p, whole, N, true);
    cr_assert_eq(in_doubt, N - whole, "all had left: %llu", (unsigned long long)in_doubt);
    at(N, DROP_SKIPPED, 0);
    close(l);
}

/* A killed worker may have sent more than its cursor says; the next one knows how much. */
Test(worker, what_a_killed_worker_had_sent_is_in_doubt)
{
    const char *uri;
    int l = bound(&uri);
    enum { N = 300000 };
    struct peer p;
    uint64_t twice = 0;

    cr_assert_eq(listen(l, 8), 0);
    peer_init(&p, l, N);
    sink_to(TEST_PLUGIN("once"), "", uri, NULL);
    for (int i = 0; i < N / 1000; i++)
        accept_metrics(1000, false);
    start_ready();
    PEER_UNTIL(&p, p.lines >= N / 10);
    cr_assert_eq(kill(pid, SIGKILL), 0);
    (void)ended();
    start_ready();
    finishes_with(&p);
    all_seen(&p, 0, N, false);
    for (uint64_t i = 0; i < N; i++)
        twice += p.seen[i] > 1;
    cr_assert_leq(twice, atomic_load(&board->in_doubt));
    close(l);
}

/* ---- a backlog ------------------------------------------------------------------------------- */

Test(worker, a_backlog_has_its_pace_and_what_is_live_has_none)
{
    int64_t began = clock_mono(), took;

    sink_to(GRAPHITE, "path: '{name}'", file_uri(), NULL);
    k.sink.catch_up_rate = 5000;
    accept_metrics(5000, false);
    start_ready();
    while (position() < 5000) {
        cr_assert_lt(clock_mono() - began, 30 * NS_PER_S);
        poll(NULL, 0, 5);
    }
    took = clock_mono() - began;
    cr_assert_geq(took, 900 * NS_PER_MS, "%lld ms", (long long)(took / NS_PER_MS));
    began = clock_mono();
    for (int i = 0; i < 50; i++)
        accept_metrics(1000, false);
    say('w');
    finishes();
    cr_assert_lt(clock_mono() - began, 5 * NS_PER_S, "live is not slowed: 10 s otherwise");
    at(55000, DROP_SKIPPED, 0);
    arrived(lines(0, 55000));
}

/* ---- being asked to finish -------------------------------------------------------------------- */

/* Nobody is there: asked to finish, it tries once more and leaves what it has in the spool. */
Test(worker, does_not_wait_for_a_dead_peer)
{
    const char *uri, *other;
    int l = bound(&uri), m = bound(&other);
    int64_t began;

    sink_to(GRAPHITE, "path: '{name}'", uri, other);
    accept_metrics(10, false);
    start_ready();
    began = clock_mono();
    finishes();
    cr_assert_lt(clock_mono() - began, 3 * NS_PER_S);
    at(0, DROP_SKIPPED, 0);
    close(l);
    close(m);
}

/* The last try is one: who is back by then gets all. */
Test(worker, finishes_with_a_peer_that_is_back)
{
    const char *uri;
    int l = bound(&uri);
    struct peer p;

    peer_init(&p, l, 10);
    sink_to(GRAPHITE, "path: '{name}'", uri, NULL);
    accept_metrics(10, false);
    start_ready();
    poll(NULL, 0, 2500); /* by then it pauses for longer than it waits at its end */
    cr_assert_eq(listen(l, 8), 0);
    finishes_with(&p);
    all_seen(&p, 0, 10, true);
    at(10, DROP_SKIPPED, 0);
    close(l);
}

/* ---- what is old ----------------------------------------------------------------------------- */

/* All these metrics are of 2023; only a plugin that writes no time is kept from sending them. */
Test(worker, drops_what_is_stale_where_output_has_no_time)
{
    sink_to(TEST_PLUGIN("untimed"), "", file_uri(), NULL);
    k.sink.max_age = 10 * NS_PER_S;
    accept_metrics(10, false);
    start_ready();
    finishes();
    at(10, DROP_STALE, 10);
    cr_assert_str_eq(out(), "");
    k.sink.plugin_file = TEST_PLUGIN("format");
    accept_metrics(10, false);
    start_ready();
    finishes();
    at(20, DROP_STALE, 10);
    cr_assert_not_null(strstr(out(), "m.19=19\n"));
}
