/* tests/unit/spool/test_sync_end.c - the sync helper: deaths in a row, the list of sinks, the last sync and a clean end */
#include <signal.h>
#include <sys/wait.h>

#include "rig/sync_rig.h"
#include "spool/cursor.h"

TestSuite(sync_end, .init = spool_dir_make, .fini = sync_rig_end, .timeout = 60);

/* Whatever fails twice in a row, nobody appends to a file whose name another one gets. */
Test(sync_end, two_deaths_in_a_row_lose_nothing)
{
    sync_rig_start(1 << 20);
    pid_t first = helper_pid(), second;

    kill(first, SIGSTOP);
    put_frame_and_ask_sync(10);
    kill(first, SIGKILL); /* with a request unanswered */
    wait_answers(1);
    cr_assert_eq(sync_rig.answer.verdict, SYNC_AGAIN);
    put_frame_and_ask_sync(10);
    while ((second = helper_pid()) == 0 || second == first)
        loop_turn(sync_rig.loop, NS_PER_S);
    kill(second, SIGKILL); /* while it writes again, or when it has */
    put_frame_and_ask_sync(10);
    while (sync_rig.answer.verdict != SYNC_SAFE ||
           sync_rig.answer.seq < append_next_seq(sync_rig.writer))
        loop_turn(sync_rig.loop, NS_PER_S);
    put_frame(sync_rig.writer, 10); /* to the file that is still there */
    cr_assert_eq(read_all_from(0).delivered, append_next_seq(sync_rig.writer));
}

static void stop_without_a_helper(bool noticed)
{
    pid_t pid;

    sync_rig_start(1 << 20);
    pid = helper_pid();
    kill(pid, SIGKILL);
    while (noticed && helper_pid() == pid)
        loop_turn(sync_rig.loop, NS_PER_S);
    put_frame_and_ask_sync(10);
    sync_rig_stop(20000);
    cr_assert_eq(sync_rig.answer.seq, 10);
    cr_assert_eq(sync_rig.answer.verdict, SYNC_SAFE);
    cr_assert_gt(sync_rig.disk->synced, 0);
    cr_assert_eq(helper_pid(), 0);
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
    ino_t old;

    sync_rig_start(1 << 20);
    sync_rig.disk->fails = 1;
    put_frame(sync_rig.writer, 10);
    old = segment_inode(0);
    ask_sync();
    sync_rig_stop(20000);
    cr_assert_eq(sync_rig.answer.verdict, SYNC_SAFE);
    cr_assert_neq(segment_inode(0), old);
}

static struct stat list_stat(void)
{
    struct stat st;

    cr_assert_eq(fstatat(spool_dir.fd, "sinks", &st, 0), 0);
    return st;
}

/* The list of sinks has pages, too, that a second fdatasync would call clean. */
Test(sync_end, a_list_of_sinks_that_could_not_be_synced_is_written_again)
{
    static const char *const names[] = {"one"};
    struct stat before;

    sync_rig_start(1 << 20);
    put_frame_and_ask_sync(10);
    wait_answers(1);
    cr_assert_eq(cursor_create(spool_dir.fd, "one", 0), 0);
    cr_assert_eq(cursor_list_write(spool_dir.fd, names, 1), 0);
    before = list_stat();
    put_frame(sync_rig.writer, 10);
    sync_rig.disk->works_first = 2; /* the segment, the cursor, and then the list */
    sync_rig.disk->fails = 1;
    ask_sync();
    wait_answers(2);
    cr_assert_eq(sync_rig.answer.error, EIO);
    wait_answers(3);
    cr_assert_eq(sync_rig.answer.verdict, SYNC_SAFE);
    struct stat after = list_stat();
    cr_assert_eq(after.st_ino, before.st_ino);
    cr_assert(after.st_mtim.tv_sec != before.st_mtim.tv_sec ||
                  after.st_mtim.tv_nsec != before.st_mtim.tv_nsec,
              "its pages are still taken for clean");
}

Test(sync_end, stop_leaves_no_process)
{
    sync_rig_start(1 << 20);
    cr_assert_gt(helper_pid(), 0);
    put_frame_and_ask_sync(10);
    sync_rig_stop(5000);
    cr_assert_eq(helper_pid(), 0);
    cr_assert_eq(waitpid(-1, NULL, WNOHANG), -1);
}

Test(sync_end, stop_does_not_wait_for_a_helper_that_hangs)
{
    sync_rig_start(1 << 20);
    pid_t pid = helper_pid();
    int status;

    kill(pid, SIGSTOP);
    int64_t begin = clock_mono();
    sync_rig_stop(50);
    cr_assert_lt(clock_mono() - begin, 5 * NS_PER_S);
    if (waitpid(pid, &status, 0) == pid)
        cr_assert_eq(WTERMSIG(status), SIGKILL);
    cr_assert_eq(helper_pid(), 0);
}

Test(sync_end, the_helper_ends_with_its_parent)
{
    int told[2];
    pid_t parent, pid = 0;

    cr_assert_eq(pipe(told), 0);
    if ((parent = fork()) == 0) {
        sync_rig_start(1 << 20);
        pid = helper_pid();
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
