/* tests/unit/spool/test_sync_end.c - the sync helper: deaths in a row, the list of sinks, the last sync and a clean end */
#include "rig/sync_rig.h"

#include "spool/cursor.h"

TestSuite(sync_end, .init = dir_make, .fini = dir_remove, .timeout = 60);

/* Whatever fails twice in a row, nobody appends to a file whose name another one gets. */
Test(sync_end, two_deaths_in_a_row_lose_nothing)
{
    struct append *a = writer(1 << 20);
    struct loop *l = loop_new();
    struct seen seen = {0};
    struct sync *s = begin(l, a, &seen);
    pid_t first = helper(), second;

    kill(first, SIGSTOP);
    put(a, 10);
    sync_request(s, append_segment(a), append_next_seq(a));
    kill(first, SIGKILL); /* with a request unanswered */
    wait_calls(l, &seen, 1);
    cr_assert_eq(seen.verdict, SYNC_AGAIN);
    put(a, 10);
    sync_request(s, append_segment(a), append_next_seq(a));
    while ((second = helper()) == 0 || second == first)
        loop_turn(l, NS_PER_S);
    kill(second, SIGKILL); /* while it writes again, or when it has */
    put(a, 10);
    sync_request(s, append_segment(a), append_next_seq(a));
    while (seen.verdict != SYNC_SAFE || seen.seq < append_next_seq(a))
        loop_turn(l, NS_PER_S);
    put(a, 10); /* to the file that is still there */
    cr_assert_eq(read_from(0).delivered, append_next_seq(a));
    sync_stop(s, 5000);
    loop_free(l);
    append_close(a);
}

static void stop_without_a_helper(bool noticed)
{
    struct append *a = writer(1 << 20);
    struct loop *l = loop_new();
    struct seen seen = {0};
    struct sync *s;
    pid_t pid;

    fail(0);
    s = begin(l, a, &seen);
    pid = helper();
    kill(pid, SIGKILL);
    while (noticed && helper() == pid)
        loop_turn(l, NS_PER_S);
    put(a, 10);
    sync_request(s, append_segment(a), append_next_seq(a));
    sync_stop(s, 20000);
    cr_assert_eq(seen.seq, 10);
    cr_assert_eq(seen.verdict, SYNC_SAFE);
    cr_assert_gt(*done, 0);
    cr_assert_eq(helper(), 0);
    loop_free(l);
    append_close(a);
}

Test(sync_end, the_last_sync_comes_when_the_helper_is_between_two_lives)
{
    stop_without_a_helper(true);
}

Test(sync_end, the_last_sync_comes_when_the_helper_has_died_unnoticed)
{
    stop_without_a_helper(false);
}

Test(sync_end, a_last_sync_that_fails_is_written_again)
{
    struct append *a = writer(1 << 20);
    struct loop *l = loop_new();
    struct seen seen = {0};
    struct sync *s;
    ino_t old;

    fail(1);
    s = begin(l, a, &seen);
    put(a, 10);
    old = inode(0);
    sync_request(s, append_segment(a), append_next_seq(a));
    sync_stop(s, 20000);
    cr_assert_eq(seen.verdict, SYNC_SAFE);
    cr_assert_neq(inode(0), old);
    loop_free(l);
    append_close(a);
}

static struct stat list_stat(void)
{
    struct stat st;

    cr_assert_eq(fstatat(dirfd_, "sinks", &st, 0), 0);
    return st;
}

/* The list of sinks has pages, too, that a second fdatasync would call clean. */
Test(sync_end, a_list_of_sinks_that_could_not_be_synced_is_written_again)
{
    static const char *const names[] = {"one"};
    struct append *a = writer(1 << 20);
    struct loop *l = loop_new();
    struct seen seen = {0};
    struct stat before;
    struct sync *s;

    fail(0);
    s = begin(l, a, &seen);
    put(a, 10);
    sync_request(s, append_segment(a), append_next_seq(a));
    wait_calls(l, &seen, 1);
    cr_assert_eq(cursor_create(dirfd_, "one", 0), 0);
    cr_assert_eq(cursor_list_write(dirfd_, names, 1), 0);
    before = list_stat();
    put(a, 10);
    *to_skip = 2; /* the segment, the cursor, and then the list */
    fail(1);
    sync_request(s, append_segment(a), append_next_seq(a));
    wait_calls(l, &seen, 2);
    cr_assert_eq(seen.error, EIO);
    wait_calls(l, &seen, 3);
    cr_assert_eq(seen.verdict, SYNC_SAFE);
    struct stat after = list_stat();
    cr_assert_eq(after.st_ino, before.st_ino);
    cr_assert(after.st_mtim.tv_sec != before.st_mtim.tv_sec ||
                  after.st_mtim.tv_nsec != before.st_mtim.tv_nsec,
              "its pages are still taken for clean");
    sync_stop(s, 5000);
    loop_free(l);
    append_close(a);
}

Test(sync_end, stop_leaves_no_process)
{
    struct append *a = writer(1 << 20);
    struct loop *l = loop_new();
    struct seen seen = {0};
    struct sync *s = begin(l, a, &seen);

    cr_assert_gt(helper(), 0);
    put(a, 10);
    sync_request(s, append_segment(a), append_next_seq(a));
    sync_stop(s, 5000);
    cr_assert_eq(helper(), 0);
    cr_assert_eq(waitpid(-1, NULL, WNOHANG), -1);
    loop_free(l);
    append_close(a);
}

Test(sync_end, stop_does_not_wait_for_a_helper_that_hangs)
{
    struct append *a = writer(1 << 20);
    struct loop *l = loop_new();
    struct seen seen = {0};
    struct sync *s = begin(l, a, &seen);
    pid_t pid = helper();
    int status;

    kill(pid, SIGSTOP);
    int64_t begin = clock_mono();
    sync_stop(s, 50);
    cr_assert_lt(clock_mono() - begin, 5 * NS_PER_S);
    if (waitpid(pid, &status, 0) == pid)
        cr_assert_eq(WTERMSIG(status), SIGKILL);
    cr_assert_eq(helper(), 0);
    loop_free(l);
    append_close(a);
}

Test(sync_end, the_helper_ends_with_its_parent)
{
    int told[2];
    pid_t parent, pid = 0;

    cr_assert_eq(pipe(told), 0);
    if ((parent = fork()) == 0) {
        struct append *a = writer(1 << 20);
        struct seen seen = {0};
        begin(loop_new(), a, &seen);
        pid = helper();
        if (write(told[1], &pid, sizeof pid) != sizeof pid)
            _exit(1);
        for (;;)
            pause();
    }
    close(told[1]);
    cr_assert_eq(read(told[0], &pid, sizeof pid), (ssize_t)sizeof pid);
    kill(parent, SIGKILL);
    waitpid(parent, NULL, 0);
    int64_t end = clock_mono() + 20 * NS_PER_S;
    while (kill(pid, 0) == 0) {
        char path[64], state = '?';
        FILE *f;
        cr_assert_lt(clock_mono(), end, "the helper lives on");
        snprintf(path, sizeof path, "/proc/%ld/stat", (long)pid);
        if (!(f = fopen(path, "re")))
            break;
        if (fscanf(f, "%*d %*s %c", &state) != 1)
            state = '?';
        fclose(f);
        if (state == 'Z')
            break; /* nobody to reap it in this container */
    }
    close(told[0]);
}
