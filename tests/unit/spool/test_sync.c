/* tests/unit/spool/test_sync.c - the sync helper: progress, coalescing, what has failed, death and rebirth */
#include <signal.h>

#include "rig/sync_rig.h"

TestSuite(sync, .init = spool_dir_make, .fini = sync_rig_end, .timeout = 60);

Test(sync, says_how_far_it_came_over_many_segments)
{
    sync_rig_start(500);
    for (int i = 0; i < 20; i++) {
        for (int k = 0; k <= i; k++)
            put_frame(sync_rig.writer, 10);
        ask_sync();
        wait_synced(append_next_seq(sync_rig.writer));
        cr_assert_eq(sync_rig.answer.error, 0);
    }
    cr_assert_eq(sync_rig.answer.calls, 20);
    cr_assert_gt(count_segments(), 20);
}

Test(sync, requests_that_come_meanwhile_are_one)
{
    sync_rig_start(1 << 20);
    for (int i = 0; i < 100; i++)
        put_frame_and_ask_sync(1);
    wait_synced(100);
    cr_assert_eq(sync_rig.answer.calls, 2, "the first at once, then the latest");
}

Test(sync, segments_that_retention_took_are_no_error)
{
    sync_rig_start(100);
    for (int i = 0; i < 10; i++)
        put_frame(sync_rig.writer, 10);
    uint64_t gone = append_segment(sync_rig.writer);
    put_frame(sync_rig.writer, 10);
    put_frame(sync_rig.writer, 10);
    append_retain(sync_rig.writer, UINT64_MAX, 0);
    sync_request(sync_rig.sync, gone, gone);
    wait_synced(gone);
    cr_assert_eq(sync_rig.answer.error, 0);
}

Test(sync, an_error_is_reported_and_not_taken_for_progress)
{
    int fd = open(spool_dir.path, O_PATH | O_DIRECTORY | O_CLOEXEC); /* fsync of it: EBADF */

    sync_rig_start_helper(fd, 0);
    close(open_segment(0));
    sync_request(sync_rig.sync, 0, 5);
    wait_synced(5);
    cr_assert_eq(sync_rig.answer.error, EBADF);
    sync_request(sync_rig.sync, 0, 6);
    wait_synced(6);
    cr_assert_eq(sync_rig.answer.error, EBADF, "the folder is still not on the disk");
    close(fd);
}

/* The newest segment may have been in the reserve meanwhile: another order of names is on the disk. */
Test(sync, a_folder_that_was_changed_is_synced)
{
    static const struct timespec long_ago[2] = {{1000000000, 0}, {1000000000, 0}};
    int fd = open(spool_dir.path, O_PATH | O_DIRECTORY | O_CLOEXEC); /* fsync of it: EBADF */
    struct sync_helper h = {.dirfd = spool_dir.fd};
    struct sync_order o = {.seq = 1};
    struct sync_report r;
    char name[SEGMENT_NAME];

    segment_name(name, 0);
    close(open_segment(0));
    cr_assert_eq(futimens(spool_dir.fd, long_ago), 0);
    sync_serve(&h, &o, &r);
    cr_assert_eq(r.error, 0);
    h.dirfd = fd;
    sync_serve(&h, &o, &r);
    cr_assert_eq(r.error, 0, "nothing to be done");
    cr_assert_eq(renameat(spool_dir.fd, name, spool_dir.fd, "elsewhere"), 0);
    cr_assert_eq(renameat(spool_dir.fd, "elsewhere", spool_dir.fd, name), 0);
    sync_serve(&h, &o, &r);
    cr_assert_eq(r.error, EBADF);
    close(fd);
}

Test(sync, what_a_failed_sync_was_about_is_written_again)
{
    struct read_total n;
    struct tail *t;
    ino_t old;

    sync_rig_start(1 << 20);
    t = tail_from(0, &n);
    put_frame_and_ask_sync(10);
    wait_answers(1);
    cr_assert_eq(sync_rig.answer.error, 0);
    read_step(t, &n); /* a reader in the middle of it */
    put_frame(sync_rig.writer, 10);
    put_frame(sync_rig.writer, 10);
    sync_rig.disk->fails = 1;
    old = segment_inode(0);
    ask_sync();
    wait_answers(2);
    cr_assert_eq(sync_rig.answer.error, EIO);
    cr_assert_eq(sync_rig.answer.verdict, SYNC_AGAIN);
    put_frame(sync_rig.writer, 10); /* meanwhile, in a new segment */
    wait_answers(3);
    cr_assert_eq(sync_rig.answer.error, 0);
    cr_assert_eq(sync_rig.answer.seq, 30);
    cr_assert_neq(segment_inode(0), old, "another file");
    old = segment_inode(0);
    ask_sync();
    wait_answers(4);
    cr_assert_eq(sync_rig.answer.error, 0);
    cr_assert_eq(segment_inode(0), old, "once is enough");
    read_all(t, &n);
    cr_assert_eq(n.delivered, 40);
    cr_assert_eq(read_all_from(0).delivered, 40);
    cr_assert_eq(count_segments(), 2);
    tail_close(t);
}

/* The disk goes on failing; or the helper dies of it. */
Test(sync, what_cannot_be_written_again_is_never_called_synced)
{
    unsigned calls = 1;
    ino_t old;

    sync_rig_start(1 << 20);
    sync_rig.disk->fails = 2;
    put_frame(sync_rig.writer, 10);
    put_frame(sync_rig.writer, 10);
    old = segment_inode(0);
    ask_sync();
    wait_answers(calls++);
    cr_assert_eq(sync_rig.answer.error, EIO);
    wait_answers(calls++);
    cr_assert_eq(sync_rig.answer.error, EIO, "the copy could not be synced");
    cr_assert_eq(sync_rig.answer.verdict, SYNC_UNSAFE);
    cr_assert_eq(segment_inode(0), old);
    pid_t pid = helper_pid();
    kill(pid, SIGKILL);
    wait_helper_reaped(pid);
    ask_sync();
    wait_answers(calls++);
    cr_assert_eq(sync_rig.answer.error, 0);
    cr_assert_neq(segment_inode(0), old, "the next helper was told, too");
    cr_assert_eq(read_all_from(0).delivered, 20);
}

/* As on a full disk, where there is no room for a copy: nothing newer has failed, and so nothing is sealed. */
Test(sync, a_rewrite_that_fails_takes_no_new_segment)
{
    sync_rig_start(1 << 20);
    sync_rig.disk->fails = 1000;
    put_frame_and_ask_sync(10);
    wait_answers(2);
    cr_assert_eq(sync_rig.answer.verdict, SYNC_UNSAFE);
    for (unsigned i = 0; i < 10; i++) {
        put_frame_and_ask_sync(10);
        wait_answers(3 + i);
        cr_assert_eq(sync_rig.answer.verdict, SYNC_UNSAFE);
    }
    cr_assert_eq(count_segments(), 2);
    sync_rig.disk->fails = 0;
    ask_sync();
    wait_answers(13);
    cr_assert_eq(sync_rig.answer.verdict, SYNC_SAFE);
    cr_assert_eq(read_all_from(0).delivered, 110);
}

static void forget_memory(void)
{
    sync_rig.before_seal = NULL;
    flip_segment_bit(0, SEGMENT_HEADER + FRAME_HEADER + 2, 1);
}

/* The memory is gone, too: what was in it is not synced, and that is said once. */
Test(sync, what_is_no_longer_in_memory_is_given_up)
{
    ino_t old, sound;

    sync_rig_start(1 << 20);
    sync_rig.disk->fails = 2; /* of two segments */
    put_frame(sync_rig.writer, 10);
    append_seal(sync_rig.writer);
    put_frame(sync_rig.writer, 10);
    old = segment_inode(0);
    sound = segment_inode(10);
    sync_rig.before_seal = forget_memory;
    ask_sync();
    wait_answers(1);
    cr_assert_eq(sync_rig.answer.error, EIO);
    wait_answers(2);
    cr_assert_eq(sync_rig.answer.error, EBADMSG);
    cr_assert_eq(sync_rig.answer.verdict, SYNC_UNSAFE);
    cr_assert_eq(segment_inode(0), old);
    cr_assert_neq(segment_inode(10), sound, "the other one is written again");
    put_frame_and_ask_sync(10);
    wait_answers(3);
    cr_assert_eq(sync_rig.answer.error, 0, "what comes later can be synced");
}

static void tear(void)
{
    sync_rig.before_seal = NULL;
    truncate_segment(0, segment_file_size(0) - 40);
}

Test(sync, a_torn_frame_at_the_end_is_no_reason_not_to_write_again)
{
    ino_t old;

    sync_rig_start(1 << 20);
    sync_rig.disk->fails = 1;
    put_frame(sync_rig.writer, 10);
    put_frame(sync_rig.writer, 10);
    old = segment_inode(0);
    sync_rig.before_seal = tear;
    sync_request(sync_rig.sync, append_segment(sync_rig.writer), 10);
    wait_answers(2);
    cr_assert_eq(sync_rig.answer.error, 0);
    cr_assert_neq(segment_inode(0), old);
    cr_assert_eq(read_all_from(0).delivered, 10);
}

Test(sync, a_new_helper_for_a_new_folder_knows_nothing_of_the_old)
{
    sync_rig_start(1 << 20);
    pid_t pid = helper_pid();

    kill(pid, SIGSTOP); /* it has a request and does not answer */
    put_frame_and_ask_sync(10);
    sync_renew(sync_rig.sync, append_next_seq(sync_rig.writer));
    wait_helper_reaped(pid);
    cr_assert_neq(helper_pid(), 0);
    cr_assert_eq(sync_rig.answer.calls, 0);
    put_frame_and_ask_sync(10);
    wait_synced(20);
    cr_assert_eq(sync_rig.answer.calls, 1);
}

Test(sync, survives_the_helper_being_killed)
{
    sync_rig_start(1 << 20);
    for (int i = 0; i < 3; i++) {
        pid_t pid = helper_pid();
        cr_assert_gt(pid, 0);
        kill(pid, SIGSTOP); /* so that the request is not answered */
        put_frame_and_ask_sync(10);
        kill(pid, SIGKILL);
        wait_synced(append_next_seq(sync_rig.writer));
        cr_assert_eq(sync_rig.answer.error, EOWNERDEAD);
        while (sync_rig.answer.error)
            loop_turn(sync_rig.loop, NS_PER_S);
        cr_assert_eq(read_all_from(0).delivered, append_next_seq(sync_rig.writer));
        cr_assert_neq(helper_pid(), pid);
    }
}

/* The kernel tells of a failed sync once: the next helper's succeeds without having written. */
Test(sync, a_failure_that_the_helper_died_with_is_not_forgotten)
{
    ino_t older, old;

    sync_rig_start(100);
    sync_rig.disk->dies = true;
    put_frame_and_ask_sync(10);
    wait_answers(1);
    put_frame(sync_rig.writer, 10);
    older = segment_inode(0);
    old = segment_inode(10);
    ask_sync();
    wait_answers(2);
    put_frame(sync_rig.writer, 10);
    sync_rig.disk->fails = 1;
    ask_sync();
    wait_answers(3);
    cr_assert_eq(sync_rig.answer.error, EOWNERDEAD, "nobody knows what became of it");
    wait_answers(4);
    cr_assert_eq(sync_rig.answer.error, 0);
    cr_assert_neq(segment_inode(10), old, "written again");
    cr_assert_eq(segment_inode(0), older, "this one was on the disk");
    cr_assert_eq(read_all_from(0).delivered, 30);
}

Test(sync, a_request_made_while_there_is_no_helper_waits_for_one)
{
    sync_rig_start(1 << 20);
    pid_t pid = helper_pid();

    kill(pid, SIGKILL);
    wait_helper_reaped(pid);
    put_frame_and_ask_sync(10);
    wait_synced(10);
}

/* --- the reserve --- */

/* Every order but the first tells what was made after the one before. */
Test(sync, the_helper_makes_the_reserve)
{
    struct append_config c = {spool_dir.path, 1 << 20, 0, 0, 3 << 19};
    struct reserve_file file;
    int64_t end = clock_mono() + 20 * NS_PER_S;

    sync_rig_start(1 << 20);
    append_configure(sync_rig.writer, &c);
    for (unsigned calls = 1; reserve_ask(&sync_rig.writer->folder.reserve, &file); calls++) {
        cr_assert_lt(clock_mono(), end);
        sync_make(sync_rig.sync, &file);
        put_frame_and_ask_sync(1);
        wait_answers(calls);
    }
    cr_assert_geq(sync_rig.writer->folder.reserve.bytes, 3 << 19);
    cr_assert_eq(sync_rig.writer->folder.reserve.n, 2);
    cr_assert_geq(sync_rig.reserved.bytes, 1 << 18, "what was left");
    cr_assert_eq(faccessat(spool_dir.fd, "cursors/.spare+0.tmp", F_OK, 0), 0);
    cr_assert_eq(faccessat(spool_dir.fd, ".sinks-8.tmp", F_OK, 0), 0);
    sync_rig_stop(5000);
}

/* What it was at is asked for again, and made once. */
Test(sync, a_helper_that_dies_is_asked_again)
{
    struct append_config c = {spool_dir.path, 1 << 20, 0, 0, 1 << 20};
    struct reserve_file file;
    pid_t pid;

    sync_rig_start(1 << 20);
    append_configure(sync_rig.writer, &c);
    cr_assert(reserve_ask(&sync_rig.writer->folder.reserve, &file));
    sync_make(sync_rig.sync, &file);
    put_frame_and_ask_sync(1);
    wait_answers(1);
    pid = helper_pid();
    kill(pid, SIGKILL);
    wait_helper_reaped(pid);
    for (unsigned calls = 2; reserve_ask(&sync_rig.writer->folder.reserve, &file); calls++) {
        sync_make(sync_rig.sync, &file);
        put_frame_and_ask_sync(1);
        wait_answers(calls);
    }
    cr_assert_eq(sync_rig.writer->folder.reserve.n, 1);
    sync_rig_stop(5000);
    append_close(sync_rig.writer);
    sync_rig.writer = open_writer(1 << 20);
    cr_assert_eq(sync_rig.writer->folder.reserve.n, 1);
}
