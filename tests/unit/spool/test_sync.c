/* tests/unit/spool/test_sync.c - the sync helper: progress, coalescing, what has failed, death and rebirth */
#include "rig/sync_rig.h"

TestSuite(sync, .init = dir_make, .fini = dir_remove, .timeout = 60);

Test(sync, says_how_far_it_came_over_many_segments)
{
    struct append *a = writer(500);
    struct loop *l = loop_new();
    struct seen seen = {0};
    struct sync *s = begin(l, a, &seen);

    cr_assert_not_null(s);
    for (int i = 0; i < 20; i++) {
        for (int k = 0; k <= i; k++)
            put(a, 10);
        sync_request(s, append_segment(a), append_next_seq(a));
        until(l, &seen, append_next_seq(a));
        cr_assert_eq(seen.error, 0);
    }
    cr_assert_eq(seen.calls, 20);
    cr_assert_gt(segments(), 20);
    sync_stop(s, 5000);
    loop_free(l);
    append_close(a);
}

Test(sync, requests_that_come_meanwhile_are_one)
{
    struct append *a = writer(1 << 20);
    struct loop *l = loop_new();
    struct seen seen = {0};
    struct sync *s = begin(l, a, &seen);

    for (int i = 0; i < 100; i++) {
        put(a, 1);
        sync_request(s, append_segment(a), append_next_seq(a));
    }
    until(l, &seen, 100);
    cr_assert_eq(seen.calls, 2, "the first at once, then the latest");
    sync_stop(s, 5000);
    loop_free(l);
    append_close(a);
}

Test(sync, segments_that_retention_took_are_no_error)
{
    struct append *a = writer(100);
    struct loop *l = loop_new();
    struct seen seen = {0};
    struct sync *s = begin(l, a, &seen);

    for (int i = 0; i < 10; i++)
        put(a, 10);
    uint64_t gone = append_segment(a);
    put(a, 10);
    put(a, 10);
    append_retain(a, UINT64_MAX, 0);
    sync_request(s, gone, gone);
    until(l, &seen, gone);
    cr_assert_eq(seen.error, 0);
    sync_stop(s, 5000);
    loop_free(l);
    append_close(a);
}

Test(sync, an_error_is_reported_and_not_taken_for_progress)
{
    struct loop *l = loop_new();
    struct seen seen = {0};
    int fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC); /* fsync of it: EBADF */
    struct sync *s = sync_start(l, fd, 0, &(struct sync_events){&seen, note, seal});

    close(seg_fd(0));
    sync_request(s, 0, 5);
    until(l, &seen, 5);
    cr_assert_eq(seen.error, EBADF);
    sync_request(s, 0, 6);
    until(l, &seen, 6);
    cr_assert_eq(seen.error, EBADF, "the folder is still not on the disk");
    sync_stop(s, 5000);
    loop_free(l);
    close(fd);
}

Test(sync, what_a_failed_sync_was_about_is_written_again)
{
    struct loop *l = loop_new();
    struct seen seen = {0};
    struct total n;
    struct append *a;
    struct sync *s;
    struct tail *t;
    ino_t old;

    fail(0);
    a = writer(1 << 20);
    s = begin(l, a, &seen);
    t = tail_at(0, &n);
    put(a, 10);
    sync_request(s, append_segment(a), append_next_seq(a));
    wait_calls(l, &seen, 1);
    cr_assert_eq(seen.error, 0);
    take(t, &n); /* a reader in the middle of it */
    put(a, 10);
    put(a, 10);
    fail(1);
    old = inode(0);
    sync_request(s, append_segment(a), append_next_seq(a));
    wait_calls(l, &seen, 2);
    cr_assert_eq(seen.error, EIO);
    cr_assert_eq(seen.verdict, SYNC_AGAIN);
    put(a, 10); /* meanwhile, in a new segment */
    wait_calls(l, &seen, 3);
    cr_assert_eq(seen.error, 0);
    cr_assert_eq(seen.seq, 30);
    cr_assert_neq(inode(0), old, "another file");
    old = inode(0);
    sync_request(s, append_segment(a), append_next_seq(a));
    wait_calls(l, &seen, 4);
    cr_assert_eq(seen.error, 0);
    cr_assert_eq(inode(0), old, "once is enough");
    drain(t, &n);
    cr_assert_eq(n.delivered, 40);
    cr_assert_eq(read_from(0).delivered, 40);
    cr_assert_eq(segments(), 2);
    tail_close(t);
    sync_stop(s, 5000);
    loop_free(l);
    append_close(a);
}

/* The disk goes on failing; or the helper dies of it. */
Test(sync, what_cannot_be_written_again_is_never_called_synced)
{
    struct loop *l = loop_new();
    struct seen seen = {0};
    struct append *a;
    struct sync *s;
    unsigned calls = 1;
    ino_t old;

    fail(2);
    a = writer(1 << 20);
    s = begin(l, a, &seen);
    put(a, 10);
    put(a, 10);
    old = inode(0);
    sync_request(s, append_segment(a), append_next_seq(a));
    wait_calls(l, &seen, calls++);
    cr_assert_eq(seen.error, EIO);
    wait_calls(l, &seen, calls++);
    cr_assert_eq(seen.error, EIO, "the copy could not be synced");
    cr_assert_eq(seen.verdict, SYNC_UNSAFE);
    cr_assert_eq(inode(0), old);
    pid_t pid = helper();
    kill(pid, SIGKILL);
    while (helper() == pid) /* until the loop has reaped it */
        loop_turn(l, NS_PER_S);
    sync_request(s, append_segment(a), append_next_seq(a));
    wait_calls(l, &seen, calls++);
    cr_assert_eq(seen.error, 0);
    cr_assert_neq(inode(0), old, "the next helper was told, too");
    cr_assert_eq(read_from(0).delivered, 20);
    sync_stop(s, 5000);
    loop_free(l);
    append_close(a);
}

static void forget_memory(void)
{
    on_seal = NULL;
    seg_flip(0, SEGMENT_HEADER + FRAME_HEADER + 2, 1);
}

/* The memory is gone, too: what was in it is not synced, and that is said once. */
Test(sync, what_is_no_longer_in_memory_is_given_up)
{
    struct loop *l = loop_new();
    struct seen seen = {0};
    struct append *a;
    struct sync *s;
    ino_t old, sound;

    fail(2); /* of two segments */
    a = writer(1 << 20);
    s = begin(l, a, &seen);
    put(a, 10);
    append_seal(a);
    put(a, 10);
    old = inode(0);
    sound = inode(10);
    on_seal = forget_memory;
    sync_request(s, append_segment(a), append_next_seq(a));
    wait_calls(l, &seen, 1);
    cr_assert_eq(seen.error, EIO);
    wait_calls(l, &seen, 2);
    cr_assert_eq(seen.error, EBADMSG);
    cr_assert_eq(seen.verdict, SYNC_UNSAFE);
    cr_assert_eq(inode(0), old);
    cr_assert_neq(inode(10), sound, "the other one is written again");
    put(a, 10);
    sync_request(s, append_segment(a), append_next_seq(a));
    wait_calls(l, &seen, 3);
    cr_assert_eq(seen.error, 0, "what comes later can be synced");
    sync_stop(s, 5000);
    loop_free(l);
    append_close(a);
}

static void tear(void)
{
    on_seal = NULL;
    seg_cut(0, seg_size(0) - 40);
}

Test(sync, a_torn_frame_at_the_end_is_no_reason_not_to_write_again)
{
    struct loop *l = loop_new();
    struct seen seen = {0};
    struct append *a;
    struct sync *s;
    ino_t old;

    fail(1);
    a = writer(1 << 20);
    s = begin(l, a, &seen);
    put(a, 10);
    put(a, 10);
    old = inode(0);
    on_seal = tear;
    sync_request(s, append_segment(a), 10);
    wait_calls(l, &seen, 2);
    cr_assert_eq(seen.error, 0);
    cr_assert_neq(inode(0), old);
    cr_assert_eq(read_from(0).delivered, 10);
    sync_stop(s, 5000);
    loop_free(l);
    append_close(a);
}

Test(sync, a_new_helper_for_a_new_folder_knows_nothing_of_the_old)
{
    struct append *a = writer(1 << 20);
    struct loop *l = loop_new();
    struct seen seen = {0};
    struct sync *s = begin(l, a, &seen);
    pid_t pid = helper();

    kill(pid, SIGSTOP); /* it has a request and does not answer */
    put(a, 10);
    sync_request(s, append_segment(a), append_next_seq(a));
    sync_renew(s, append_next_seq(a));
    while (helper() == pid) /* until the loop has reaped it */
        loop_turn(l, 10 * NS_PER_MS);
    cr_assert_neq(helper(), 0);
    cr_assert_eq(seen.calls, 0);
    put(a, 10);
    sync_request(s, append_segment(a), append_next_seq(a));
    until(l, &seen, 20);
    cr_assert_eq(seen.calls, 1);
    sync_stop(s, 5000);
    loop_free(l);
    append_close(a);
}

Test(sync, survives_the_helper_being_killed)
{
    struct append *a = writer(1 << 20);
    struct loop *l = loop_new();
    struct seen seen = {0};
    struct sync *s = begin(l, a, &seen);

    for (int i = 0; i < 3; i++) {
        pid_t pid = helper();
        cr_assert_gt(pid, 0);
        kill(pid, SIGSTOP); /* so that the request is not answered */
        put(a, 10);
        sync_request(s, append_segment(a), append_next_seq(a));
        kill(pid, SIGKILL);
        until(l, &seen, append_next_seq(a));
        cr_assert_eq(seen.error, EOWNERDEAD);
        while (seen.error)
            loop_turn(l, NS_PER_S);
        cr_assert_eq(read_from(0).delivered, append_next_seq(a));
        cr_assert_neq(helper(), pid);
    }
    sync_stop(s, 5000);
    loop_free(l);
    append_close(a);
}

/* The kernel tells of a failed sync once: the next helper's succeeds without having written. */
Test(sync, a_failure_that_the_helper_died_with_is_not_forgotten)
{
    struct append *a;
    struct loop *l = loop_new();
    struct seen seen = {0};
    struct sync *s;
    ino_t older, old;

    fail(0);
    dumb = true;
    a = writer(100);
    s = begin(l, a, &seen);
    put(a, 10);
    sync_request(s, append_segment(a), append_next_seq(a));
    wait_calls(l, &seen, 1);
    put(a, 10);
    older = inode(0);
    old = inode(10);
    sync_request(s, append_segment(a), append_next_seq(a));
    wait_calls(l, &seen, 2);
    put(a, 10);
    fail(1);
    sync_request(s, append_segment(a), append_next_seq(a));
    wait_calls(l, &seen, 3);
    cr_assert_eq(seen.error, EOWNERDEAD, "nobody knows what became of it");
    wait_calls(l, &seen, 4);
    cr_assert_eq(seen.error, 0);
    cr_assert_neq(inode(10), old, "written again");
    cr_assert_eq(inode(0), older, "this one was on the disk");
    cr_assert_eq(read_from(0).delivered, 30);
    sync_stop(s, 5000);
    loop_free(l);
    append_close(a);
}

Test(sync, a_request_made_while_there_is_no_helper_waits_for_one)
{
    struct append *a = writer(1 << 20);
    struct loop *l = loop_new();
    struct seen seen = {0};
    struct sync *s = begin(l, a, &seen);
    pid_t pid = helper();

    kill(pid, SIGKILL);
    while (helper() == pid) /* until the loop has reaped it */
        loop_turn(l, NS_PER_S);
    put(a, 10);
    sync_request(s, append_segment(a), append_next_seq(a));
    until(l, &seen, 10);
    sync_stop(s, 5000);
    loop_free(l);
    append_close(a);
}
