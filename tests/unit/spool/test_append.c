/* tests/unit/spool/test_append.c - the one writer: its lock, its numbers, its segments, full disks, being killed */
#include <signal.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/why.h"
#include "rig/spool_dir.h"

TestSuite(append, .init = spool_dir_make, .fini = spool_dir_remove);

Test(append, frames_come_back_as_they_were_put)
{
    struct append *a = open_writer(1 << 20);

    for (uint32_t i = 1; i < 300; i++)
        put_frame(a, i);
    cr_assert_eq(append_next_seq(a), 299 * 300 / 2);
    cr_assert_eq(append_segment(a), 0);
    cr_assert_eq(append_bytes(a), segment_file_size(0));
    cr_assert_eq(read_all_from(0).delivered, 299 * 300 / 2);
    append_close(a);
}

/* Of the n-th frame from `seq` on. */
static int64_t accepted_ns(const struct append *a, uint64_t seq, unsigned n)
{
    struct tail *t = tail_open(append_dirfd(a), seq);
    struct tail_frame f;

    for (unsigned i = 0; i <= n; i++)
        cr_assert_eq(tail_next(t, &f), TAIL_FRAME);
    tail_close(t);
    return f.accepted_ns;
}

Test(append, frames_say_when_they_were_accepted)
{
    struct append *a = open_writer(1 << 20);
    int64_t before = clock_wall(), at;
    uint64_t end;

    put_frame(a, 10);
    at = accepted_ns(a, 0, 0);
    cr_assert(at >= before - NS_PER_MS && at <= clock_wall());
    cr_assert_eq(append_held(a, "waited", 6, 1, before + 2 * NS_PER_S, &end), 0);
    at = accepted_ns(a, 0, 1);
    cr_assert(at > before + 2 * NS_PER_S - NS_PER_MS && at <= before + 2 * NS_PER_S);
    cr_assert_eq(append_held(a, "long", 4, 1, before - 60 * NS_PER_S, &end), 0);
    cr_assert_eq(accepted_ns(a, 0, 2), 0); /* before the segment: it cannot be said */
    append_close(a);
}

Test(append, a_stepped_clock_or_49_days_begin_a_new_segment)
{
    struct append *a = open_writer(1 << 20);

    put_frame(a, 10);
    put_frame(a, 10);
    cr_assert_eq(count_segments(), 1);
    a->wall_ahead -= 2 * NS_PER_S; /* as if it had been stepped since */
    put_frame(a, 10);
    cr_assert_eq(append_segment(a), 20);
    a->wall_ahead += 2 * NS_PER_S;
    put_frame(a, 10);
    cr_assert_eq(append_segment(a), 30);
    a->wall_ahead += NS_PER_S / 2; /* slewed */
    put_frame(a, 10);
    cr_assert_eq(append_segment(a), 30);
    a->head.created_ns -= INT64_C(50) * 86400 * NS_PER_S;
    put_frame(a, 10);
    cr_assert_eq(append_segment(a), 50);
    cr_assert_eq(read_all_from(0).delivered, 60);
    append_close(a);
}

Test(append, what_cannot_be_a_frame_is_refused_and_changes_nothing)
{
    struct append *a = open_writer(4096);
    uint64_t end = 77;

    cr_assert_eq(append_frame(a, "x", 1, 0, &end), -1);
    cr_assert_eq(errno, EINVAL);
    cr_assert_eq(append_frame(a, "", 0, 1, &end), -1);
    cr_assert_eq(errno, EINVAL);
    cr_assert_eq(append_frame(a, "x", (size_t)FRAME_MAX + 1, 1, &end), -1);
    cr_assert_eq(errno, EINVAL);
    cr_assert_eq(end, 77);
    cr_assert_eq(append_next_seq(a), 0);
    append_close(a);
}

Test(append, restarts_without_traffic_leave_no_segment)
{
    for (int i = 0; i < 5; i++)
        append_close(open_writer(4096));
    cr_assert_eq(count_segments(), 0);
}

Test(append, every_start_goes_on_in_a_new_segment_with_the_next_number)
{
    for (uint64_t i = 0; i < 5; i++) {
        struct append *a = open_writer(1 << 20);
        cr_assert_eq(append_next_seq(a), i * 10);
        put_frame(a, 10);
        cr_assert_eq(append_segment(a), i * 10);
        append_close(a);
        cr_assert_eq(count_segments(), i + 1);
    }
    cr_assert_eq(read_all_from(0).delivered, 50);
}

Test(append, a_segment_is_closed_once_it_is_long_enough)
{
    struct append *a = open_writer(SEGMENT_OF_100);
    uint64_t bytes = 0;

    for (int i = 0; i < 130; i++)
        put_frame(a, 10);
    cr_assert_eq(count_segments(), 13);
    for (uint64_t s = 0; s < 13; s++) {
        cr_assert_eq(segment_file_size(s * 100), SEGMENT_OF_100);
        bytes += SEGMENT_OF_100;
    }
    cr_assert_eq(append_bytes(a), bytes);
    append_close(a);
}

Test(append, the_folder_is_created_with_what_is_missing_above_it)
{
    struct why why = {0};
    char deep[128];
    struct append_config c = {deep, 4096, 0, 0, 0};
    struct append *a;
    struct stat st;

    snprintf(deep, sizeof deep, "%s/a/b/spool", spool_dir.path);
    cr_assert_not_null(a = append_open(&c, &why), "%s", why.text);
    cr_assert_eq(stat(deep, &st), 0);
    cr_assert_eq(st.st_mode & 07077, 0);
    append_close(a);
    snprintf(deep, sizeof deep, "%s/a/b/spool/lock/x", spool_dir.path);
    cr_assert_null(append_open(&c, &why));
    cr_assert_str_eq(why.text, "cannot be opened or created: Not a directory");
}

Test(append, a_second_writer_is_refused_and_told_by_whom)
{
    struct append *a = open_writer(4096);

    cr_assert_eq(open_in_another_process((long)getpid()), 1);
    append_close(a);
    cr_assert_eq(open_in_another_process((long)getpid()), 0);
}

Test(append, a_lingering_child_does_not_hold_the_lock)
{
    struct append *a = open_writer(4096);
    int hold[2];
    pid_t child;

    cr_assert_eq(pipe(hold), 0);
    if ((child = fork()) == 0) { /* keeps every descriptor open, the lock's too */
        char c;
        close(hold[1]);
        _exit(read(hold[0], &c, 1) == 0 ? 0 : 1);
    }
    append_close(a);
    cr_assert_eq(open_in_another_process(0), 0);
    close(hold[1]);
    close(hold[0]);
    cr_assert_eq(exit_status(child), 0);
}

Test(append, of_two_that_race_exactly_one_wins)
{
    for (int round = 0; round < 50; round++) {
        int start[2], done[2], won = 0;
        pid_t pid[2];
        cr_assert_eq(pipe(start), 0);
        cr_assert_eq(pipe(done), 0);
        for (int i = 0; i < 2; i++)
            if ((pid[i] = fork()) == 0) {
                struct append_config c = {spool_dir.path, 4096, 0, 0, 0};
                struct why why;
                char go;
                close(start[1]);
                close(done[1]);
                if (read(start[0], &go, 1) != 0)
                    _exit(9);
                /* whoever has it keeps it until both have tried */
                bool mine = append_open(&c, &why) != NULL;
                close(start[0]);
                if (mine && read(done[0], &go, 1) != 0)
                    _exit(9);
                _exit(mine);
            }
        close(start[0]);
        close(start[1]); /* both start */
        close(done[0]);
        int status, first = 0;
        pid_t loser = waitpid(-1, &status, 0); /* the winner waits for `done` */
        first = WEXITSTATUS(status);
        close(done[1]);
        won = first + exit_status(loser == pid[0] ? pid[1] : pid[0]);
        cr_assert_eq(first, 0);
        cr_assert_eq(won, 1);
    }
}

Test(append, a_write_cut_short_anywhere_costs_nothing_but_itself)
{
    for (size_t limit = 0; limit < SEGMENT_HEADER + 2 * FRAME_OF_10; limit++) {
        struct append *a = open_writer(1 << 20);
        uint64_t first = append_next_seq(a);
        unsigned fit = limit < SEGMENT_HEADER + FRAME_OF_10 ? 0 : 1;
        struct read_total n;
        struct tail *t = tail_from(first, &n);
        limit_file_size(limit);
        for (unsigned i = 0; i < fit; i++)
            put_frame(a, 10);
        cr_assert_eq(try_put_frame(a, 10), -1, "limit %zu", limit);
        cr_assert_eq(errno, EFBIG);
        cr_assert_eq(append_next_seq(a), first + fit * 10);
        read_all(t, &n);
        limit_file_size(RLIM_INFINITY);
        put_frame(a, 10);
        put_frame(a, 10);
        read_all(t, &n);
        cr_assert_eq(n.delivered, fit * 10 + 20);
        cr_assert_eq(n.damaged + n.expired, 0);
        tail_close(t);
        append_close(a);
    }
}

/* Killed in the middle of appending: what the child had said it appended is there. */
Test(append, kill_9_loses_nothing_that_was_acknowledged)
{
    uint64_t acked = 0, got;

    for (int round = 0; round < 20; round++) {
        int say[2];
        pid_t pid;
        cr_assert_eq(pipe(say), 0);
        if ((pid = fork()) == 0) {
            struct append *a = open_writer(20000);
            for (;;) {
                put_frame(a, 500);
                got = append_next_seq(a);
                if (write(say[1], &got, sizeof got) != sizeof got)
                    _exit(1);
            }
        }
        close(say[1]);
        for (int i = 0; i < 20 + round; i++)
            if (read(say[0], &got, sizeof got) == sizeof got)
                acked = got;
        kill(pid, SIGKILL);
        while (read(say[0], &got, sizeof got) == sizeof got)
            acked = got;
        close(say[0]);
        waitpid(pid, NULL, 0);
        struct read_total n = read_all_from(0);
        cr_assert_geq(n.delivered, acked);
        cr_assert_eq(n.damaged + n.expired, 0);
    }
}
