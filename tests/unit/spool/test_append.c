/* tests/unit/spool/test_append.c - the one writer: its lock, its numbers, torn tails, full disks, retention */
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "rig/spool_dir.h"
#include "spool/cursor.h"

TestSuite(append, .init = spool_dir_make, .fini = spool_dir_remove);

enum { FRAME = 104 /* of 10 metrics */, TEN = SEGMENT_HEADER + 10 * FRAME };

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
    a->folder.held[a->folder.n - 1].created_ns -= INT64_C(50) * 86400 * NS_PER_S;
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
    struct append *a = open_writer(TEN);
    uint64_t bytes = 0;

    for (int i = 0; i < 130; i++)
        put_frame(a, 10);
    cr_assert_eq(count_segments(), 13);
    for (uint64_t s = 0; s < 13; s++) {
        cr_assert_eq(segment_file_size(s * 100), TEN);
        bytes += TEN;
    }
    cr_assert_eq(append_bytes(a), bytes);
    append_close(a);
}

Test(append, the_folder_is_created_with_what_is_missing_above_it)
{
    char deep[128], why[256] = "";
    struct append_config c = {deep, 4096, 0, 0};
    struct append *a;
    struct stat st;

    snprintf(deep, sizeof deep, "%s/a/b/spool", spool_dir.path);
    cr_assert_not_null(a = append_open(&c, why), "%s", why);
    cr_assert_eq(stat(deep, &st), 0);
    cr_assert_eq(st.st_mode & 07077, 0);
    append_close(a);
    snprintf(deep, sizeof deep, "%s/a/b/spool/lock/x", spool_dir.path);
    cr_assert_null(append_open(&c, why));
    cr_assert_str_eq(why, "cannot be opened or created: Not a directory");
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
                struct append_config c = {spool_dir.path, 4096, 0, 0};
                char why[256], go;
                close(start[1]);
                close(done[1]);
                if (read(start[0], &go, 1) != 0)
                    _exit(9);
                /* whoever has it keeps it until both have tried */
                bool mine = append_open(&c, why) != NULL;
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

Test(append, nothing_acknowledged_is_lost_wherever_the_tail_is_torn)
{
    for (size_t cut = SEGMENT_HEADER + 2 * FRAME; cut < SEGMENT_HEADER + 3 * FRAME; cut++) {
        struct append *a = open_writer(1 << 20);
        uint64_t first = append_next_seq(a);
        struct read_total n;
        struct tail *t = tail_from(first, &n);
        put_frame(a, 10);
        put_frame(a, 10);
        put_frame(a, 10); /* the write of this one is cut short: it was never acknowledged */
        append_close(a);
        truncate_segment(first, cut);
        read_all(t, &n);
        cr_assert_eq(n.delivered, 20, "cut at %zu", cut);
        a = open_writer(1 << 20);
        cr_assert_eq(append_next_seq(a), first + 20);
        read_all(t, &n);
        cr_assert_eq(n.delivered, 20);
        put_frame(a, 10);
        put_frame(a, 10);
        read_all(t, &n);
        cr_assert_eq(n.delivered, 40);
        cr_assert_eq(n.damaged + n.expired, 0);
        tail_close(t);
        append_close(a);
    }
}

Test(append, a_segment_torn_in_its_first_frame_or_header_is_replaced)
{
    for (size_t cut = 0; cut < SEGMENT_HEADER + FRAME; cut++) {
        struct append *a = open_writer(1 << 20);
        uint64_t first = append_next_seq(a);
        struct read_total n;
        struct tail *t = tail_from(first, &n);
        put_frame(a, 10);
        append_close(a);
        truncate_segment(first, cut);
        read_all(t, &n); /* it holds the old file open */
        cr_assert_eq(n.delivered, 0);
        a = open_writer(1 << 20);
        cr_assert_eq(append_next_seq(a), first);
        put_frame(a, 20);
        cr_assert_eq(append_segment(a), first);
        read_all(t, &n);
        cr_assert_eq(n.delivered, 20, "cut at %zu", cut);
        cr_assert_eq(n.damaged + n.expired, 0);
        tail_close(t);
        append_close(a);
    }
}

Test(append, a_frame_with_a_bad_payload_keeps_its_numbers)
{
    struct append *a = open_writer(1 << 20);
    struct read_total n;

    put_frame(a, 10);
    put_frame(a, 10);
    append_close(a);
    flip_segment_bit(0, SEGMENT_HEADER + FRAME + FRAME_HEADER, 0);
    a = open_writer(1 << 20);
    cr_assert_eq(append_next_seq(a), 20);
    put_frame(a, 10);
    n = read_all_from(0);
    cr_assert_eq(n.delivered, 20);
    cr_assert_eq(n.damaged, 10);
    append_close(a);
}

Test(append, frames_behind_damage_in_the_newest_segment_count)
{
    struct append *a = open_writer(1 << 20);

    for (int i = 0; i < 4; i++)
        put_frame(a, 10);
    append_close(a);
    flip_segment_bit(0, SEGMENT_HEADER + FRAME, 0);
    a = open_writer(1 << 20);
    cr_assert_eq(append_next_seq(a), 40);
    append_close(a);
}

/* The numbers of the last frame, whose header is gone, are in its trailer. */
Test(append, a_last_frame_without_a_header_keeps_its_numbers_and_is_counted)
{
    for (size_t byte = 0; byte < FRAME_HEADER; byte++) {
        struct append *a = open_writer(1 << 20);
        uint64_t first = append_next_seq(a);
        struct read_total n;
        put_frame(a, 10);
        put_frame(a, 10);
        append_close(a);
        flip_segment_bit(first, SEGMENT_HEADER + FRAME + byte, 3);
        a = open_writer(1 << 20);
        cr_assert_eq(append_next_seq(a), first + 20, "byte %zu", byte);
        put_frame(a, 10);
        n = read_all_from(first);
        cr_assert_eq(n.delivered, 20);
        cr_assert_eq(n.damaged, 10);
        append_close(a);
    }
}

Test(append, a_segment_with_one_frame_without_a_header_is_not_replaced)
{
    struct append *a = open_writer(1 << 20);
    struct read_total n;

    put_frame(a, 10);
    append_close(a);
    flip_segment_bit(0, SEGMENT_HEADER, 0);
    a = open_writer(1 << 20);
    put_frame(a, 10);
    cr_assert_eq(count_segments(), 2);
    n = read_all_from(0);
    cr_assert_eq(n.damaged, 10);
    cr_assert_eq(n.delivered, 10);
    append_close(a);
}

/* Both copies of a segment's header. */
static void spoil_header(uint64_t first_seq)
{
    flip_segment_bit(first_seq, 12, 0);
    flip_segment_bit(first_seq, SEGMENT_HEADER / 2 + 12, 0);
}

Test(append, a_segment_of_a_later_format_is_kept_skipped_and_counted)
{
    struct append *a = open_writer(1 << 20);
    unsigned char later[SEGMENT_HEADER + 640];
    struct segment_header h = {10, 1, 1};
    struct read_total n;
    int fd;

    put_frame(a, 10);
    append_close(a);
    memset(later, 0x5a, sizeof later);
    segment_header_put(later, &h);
    later[8] = later[SEGMENT_HEADER / 2 + 8] = 99;
    fd = open_segment(10);
    cr_assert_eq(write(fd, later, sizeof later), (ssize_t)sizeof later);
    close(fd);
    for (int i = 0; i < 2; i++) {
        a = open_writer(1 << 20);
        cr_assert_eq(append_next_seq(a), 10 + 1 + sizeof later / 32 + (uint64_t)i * 10);
        put_frame(a, 10);
        append_close(a);
    }
    cr_assert_eq(segment_file_size(10), sizeof later);
    n = read_all_from(0);
    cr_assert_eq(n.delivered, 30);
    cr_assert_eq(n.damaged, 1 + sizeof later / 32);
}

/* An empty file will do, and anybody may have put it there. */
Test(append, a_foreign_name_does_not_use_up_the_numbers)
{
    struct append *a;

    write_spool_file("09223372036854775807.seg", "");
    a = open_writer(4096);
    put_frame(a, 10);
    cr_assert_eq(append_next_seq(a), 10);
    append_close(a);
    write_spool_file("04611686018427387903.seg",
                     ""); /* one that could be ours leaves as many again */
    a = open_writer(4096);
    put_frame(a, 10);
    append_close(a);
}

/* Out of descriptors for a moment: not knowing what the cursors know, it does not start. */
Test(append, a_cursor_that_cannot_be_read_just_now_is_not_ignored)
{
    static const char *const sinks[] = {"main"};
    struct append_config c = {spool_dir.path, 1 << 20, 0, 0};
    struct append *a = open_writer(1 << 20);
    struct rlimit old, l;
    char why[256];
    int refused = 0;

    cr_assert_eq(cursor_create(append_dirfd(a), "main", 20), 0);
    cr_assert_eq(cursor_list_write(append_dirfd(a), sinks, 1), 0);
    append_close(a);
    cr_assert_eq(getrlimit(RLIMIT_NOFILE, &old), 0);
    l = old;
    int free_fd = dup(0);
    close(free_fd);
    for (rlim_t spare = 0; spare < 8; spare++) { /* fails here, there, and then no more */
        l.rlim_cur = (rlim_t)free_fd + spare;
        cr_assert_eq(setrlimit(RLIMIT_NOFILE, &l), 0);
        a = append_open(&c, why);
        cr_assert_eq(setrlimit(RLIMIT_NOFILE, &old), 0);
        refused += a == NULL;
        if (a)
            cr_assert_eq(append_next_seq(a), 20, "%d descriptors", (int)spare);
        append_close(a);
    }
    cr_assert(refused >= 2 && refused < 8, "%d", refused);
}

Test(append, numbers_that_a_cursor_has_passed_are_never_used_again)
{
    static const char *const sinks[] = {"main"};
    struct append *a = open_writer(1 << 20);
    struct cursor c;

    put_frame(a, 10);
    put_frame(a, 10);
    cr_assert_eq(cursor_create(append_dirfd(a), "main", 0), 0);
    cr_assert_eq(cursor_list_write(append_dirfd(a), sinks, 1), 0);
    cr_assert_eq(cursor_open(&c, append_dirfd(a), "main"), 0);
    c.state.position = 20;
    cr_assert_eq(cursor_store(&c), 0);
    cursor_close(&c);
    append_close(a);
    for (int how = 0; how < 3; how++) { /* torn, header damaged, gone */
        if (how == 0)
            truncate_segment(0, SEGMENT_HEADER + FRAME + 17);
        else if (how == 1)
            spoil_header(0);
        else
            remove_segment(0);
        a = open_writer(1 << 20);
        cr_assert_eq(append_next_seq(a), 20, "case %d", how);
        append_close(a);
    }
    a = open_writer(1 << 20);
    put_frame(a, 10);
    cr_assert_eq(read_all_from(20).delivered, 10);
    cr_assert_eq(read_all_from(0).expired, 20);
    append_close(a);
}

Test(append, temporary_files_of_a_cut_short_start_are_removed)
{
    write_spool_file(".00000000000000000000.seg.tmp", "GARNET");
    write_spool_file(".00000000000000000077.seg.tmp", "");
    write_spool_file(".profile", "not ours");
    append_close(open_writer(4096));
    cr_assert_neq(faccessat(spool_dir.fd, ".00000000000000000000.seg.tmp", F_OK, 0), 0);
    cr_assert_neq(faccessat(spool_dir.fd, ".00000000000000000077.seg.tmp", F_OK, 0), 0);
    cr_assert_eq(faccessat(spool_dir.fd, ".profile", F_OK, 0), 0);
}

/* The kernel takes no byte beyond `n` of any file: short writes, then errors, as from a full
 * disk.
 * */
static void file_limit(rlim_t n)
{
    struct rlimit l;

    signal(SIGXFSZ, SIG_IGN);
    cr_assert_eq(getrlimit(RLIMIT_FSIZE, &l), 0);
    l.rlim_cur = n;
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &l), 0);
}

Test(append, a_write_cut_short_anywhere_costs_nothing_but_itself)
{
    for (size_t limit = 0; limit < SEGMENT_HEADER + 2 * FRAME; limit++) {
        struct append *a = open_writer(1 << 20);
        uint64_t first = append_next_seq(a);
        unsigned fit = limit < SEGMENT_HEADER + FRAME ? 0 : 1;
        struct read_total n;
        struct tail *t = tail_from(first, &n);
        file_limit(limit);
        for (unsigned i = 0; i < fit; i++)
            put_frame(a, 10);
        cr_assert_eq(try_put_frame(a, 10), -1, "limit %zu", limit);
        cr_assert_eq(errno, EFBIG);
        cr_assert_eq(append_next_seq(a), first + fit * 10);
        read_all(t, &n);
        file_limit(RLIM_INFINITY);
        put_frame(a, 10);
        put_frame(a, 10);
        read_all(t, &n);
        cr_assert_eq(n.delivered, fit * 10 + 20);
        cr_assert_eq(n.damaged + n.expired, 0);
        tail_close(t);
        append_close(a);
    }
}

Test(append, retention_removes_what_every_cursor_has_passed)
{
    struct append *a = open_writer(TEN);

    for (int i = 0; i < 35; i++)
        put_frame(a, 10); /* 0..99, 100..199, 200..299, 300.. */
    cr_assert_eq(append_retain(a, 99, 0), 0);
    cr_assert_eq(count_segments(), 4);
    cr_assert_eq(append_retain(a, 100, 0), 0);
    cr_assert_eq(count_segments(), 3);
    cr_assert_eq(append_retain(a, UINT64_MAX, 0), 0);
    cr_assert_eq(count_segments(), 1, "the newest stays");
    cr_assert_eq(append_bytes(a), segment_file_size(300));
    put_frame(a, 10);
    cr_assert_eq(read_all_from(300).delivered, 60);
    append_close(a);
}

/* As after an append that found no room for a new segment. */
static void starve(struct append *a)
{
    append_seal(a);
    a->starved = true;
}

Test(append, the_newest_is_emptied_where_there_is_no_room_for_another)
{
    struct append *a = open_writer(1 << 20);
    struct read_total n;
    struct tail *t = tail_from(0, &n);
    struct stat st;
    int fd;

    put_frame(a, 10);
    put_frame(a, 10);
    read_all(t, &n);
    fd = open_segment(0); /* as a reader has it */
    starve(a);
    cr_assert_eq(append_retain(a, 19, 0), 0);
    cr_assert_eq(segment_file_size(0), SEGMENT_HEADER + 2 * FRAME, "somebody needs it");
    cr_assert_eq(append_retain(a, 20, 0), 0, "nobody loses");
    cr_assert_eq(count_segments(), 1);
    cr_assert_eq(segment_file_size(20), 0);
    cr_assert_eq(append_bytes(a), 0);
    cr_assert_eq(append_segment(a), 20);
    cr_assert_eq(fstat(fd, &st), 0);
    cr_assert_eq(st.st_size, 0, "who has it open keeps no room");
    close(fd);
    read_all(t, &n);
    put_frame(a, 10);
    read_all(t, &n);
    cr_assert_eq(count_segments(), 1);
    cr_assert_eq(append_bytes(a), segment_file_size(20));
    cr_assert_eq(n.delivered, 30);
    cr_assert_eq(n.expired + n.damaged, 0);
    tail_close(t);
    append_close(a);
}

Test(append, no_number_is_given_again_after_the_newest_was_emptied)
{
    struct append *a = open_writer(1 << 20);
    int fd;

    put_frame(a, 10);
    starve(a);
    append_retain(a, 10, 0);
    append_close(a);
    a = open_writer(1 << 20); /* without a cursor */
    cr_assert_eq(append_next_seq(a), 10);
    put_frame(a, 10);
    append_close(a);
    fd = open_segment(10); /* and when only the name had got to the disk */
    cr_assert_eq(renameat(spool_dir.fd, "00000000000000000010.seg", spool_dir.fd,
                          "00000000000000000020.seg"),
                 0);
    close(fd);
    a = open_writer(1 << 20);
    cr_assert_eq(append_next_seq(a), 20);
    put_frame(a, 10);
    cr_assert_eq(read_all_from(20).delivered, 10);
    append_close(a);
}

Test(append, retention_by_size_says_that_somebody_will_lose)
{
    struct append *a = open_writer_with(TEN, 4000, 0);
    struct read_total n;

    for (int i = 0; i < 35; i++)
        put_frame(a, 10);
    cr_assert_eq(append_bytes(a), 3 * TEN + SEGMENT_HEADER + 5 * FRAME);
    cr_assert_eq(append_retain(a, 0, 0), 1);
    cr_assert_leq(append_bytes(a), 4000);
    cr_assert_eq(append_retain(a, 0, 0), 0);
    n = read_all_from(50);
    cr_assert_eq(n.expired, 50);
    cr_assert_eq(n.delivered, 250);
    append_close(a);
    a = open_writer_with(TEN, 1, 0); /* the sizes are known after a restart too */
    cr_assert_eq(append_retain(a, 150, 0), 2);
    cr_assert_eq(count_segments(), 1);
    append_close(a);
}

Test(append, retention_by_age_counts_from_the_youngest_metric)
{
    const int64_t day = 86400 * NS_PER_S;
    struct append *a = open_writer_with(TEN, 0, day);
    int64_t now;

    for (int i = 0; i < 25; i++)
        put_frame(a, 10);
    now = clock_wall();
    cr_assert_eq(append_retain(a, 0, now), 0);
    cr_assert_eq(append_retain(a, 0, now + day - day / 24), 0);
    cr_assert_eq(append_retain(a, 0, now + day + day / 24), 2);
    cr_assert_eq(count_segments(), 1);
    append_close(a);
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

/* Anybody may set a file's time to the year 2400 (or to any other): it is not old for that. */
Test(append, a_file_of_a_year_beyond_nanoseconds_is_young)
{
    const int64_t now = clock_wall(), hour = 3600 * NS_PER_S;
    struct timespec times[2] = {{13569465600, 0}, {13569465600, 0}};
    struct append *a;
    int fd;

    write_spool_file("00000000000000000000.seg", "no header");
    write_spool_file("00000000000000000010.seg", "nor here");
    fd = open_segment(10);
    cr_assert_eq(futimens(fd, times), 0);
    close(fd);
    a = open_writer_with(4096, 0, hour);
    cr_assert_eq(append_retain(a, 0, now), 0);
    cr_assert_eq(append_retain(a, 0, now + hour), 0);
    append_close(a);
    times[0].tv_sec = times[1].tv_sec = -9223372036; /* 1677, or as old as the file system goes */
    fd = open_segment(10);
    cr_assert_eq(futimens(fd, times), 0);
    close(fd);
    a = open_writer_with(4096, 0, hour);
    cr_assert_eq(append_retain(a, 0, now), 1);
    append_close(a);
}
