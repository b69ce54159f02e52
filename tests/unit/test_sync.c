/* test_sync.c - the sync helper: progress, coalescing, death and rebirth, a clean end */
#include "spool_dir.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "spool/cursor.h"
#include "spool/sync.h"

TestSuite(sync, .init = dir_make, .fini = dir_remove, .timeout = 60);

struct seen {
    uint64_t seq;
    enum sync_verdict verdict;
    int error;
    unsigned calls;
};

static void note(void *arg, enum sync_verdict v, uint64_t seq, int error)
{
    struct seen *s = arg;

    cr_assert_geq(seq, s->seq);
    cr_assert_eq(v == SYNC_SAFE, error == 0);
    s->verdict = v;
    s->seq = seq;
    s->error = error;
    s->calls++;
}

static struct append *to_seal;
static void (*on_seal)(void); /* just before it is written again */

static uint64_t seal(void *arg)
{
    (void)arg;
    if (on_seal)
        on_seal();
    return to_seal ? append_seal(to_seal) : 0;
}

static struct sync *begin(struct loop *l, struct append *a, struct seen *seen)
{
    struct sync_events ev = {seen, note, seal};

    to_seal = a;
    return sync_start(l, append_dirfd(a), append_next_seq(a), &ev);
}

static void until(struct loop *l, const struct seen *s, uint64_t seq)
{
    int64_t end = clock_mono() + 20 * NS_PER_S;

    while (s->seq < seq) {
        cr_assert_lt(clock_mono(), end, "not synced in 20 s");
        loop_turn(l, NS_PER_S);
    }
}

/* In place of libc's, and in the helper, which is a fork: so many of them fail, as on a bad disk. */
static int *to_skip, *to_fail, *done; /* first these work; done: all that did */
static bool dumb;                     /* who fails has no time to say so */

int fdatasync(int fd)
{
    if (to_skip && *to_skip > 0)
        --*to_skip;
    else if (to_fail && *to_fail > 0) {
        --*to_fail;
        if (dumb)
            raise(SIGKILL);
        errno = EIO;
        return -1;
    }
    if (done)
        ++*done;
    return (int)syscall(SYS_fdatasync, fd);
}

static void fail(int n)
{
    if (!to_fail) {
        to_fail = mmap(NULL, 3 * sizeof *to_fail, PROT_READ | PROT_WRITE,
                       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        cr_assert_neq(to_fail, MAP_FAILED);
        done = to_fail + 1;
        to_skip = to_fail + 2;
    }
    *to_fail = n;
}

static ino_t inode(uint64_t first_seq)
{
    char name[SEGMENT_NAME];
    struct stat st;

    segment_name(name, first_seq);
    cr_assert_eq(fstatat(dirfd_, name, &st, 0), 0);
    return st.st_ino;
}

/* The one child of this process; 0: none. */
static pid_t helper(void)
{
    char path[64];
    long pid = 0;
    FILE *f;

    snprintf(path, sizeof path, "/proc/self/task/%ld/children", (long)getpid());
    cr_assert_not_null(f = fopen(path, "re"));
    if (fscanf(f, "%ld", &pid) != 1)
        pid = 0;
    fclose(f);
    return (pid_t)pid;
}

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

static void wait_calls(struct loop *l, const struct seen *s, unsigned calls)
{
    int64_t end = clock_mono() + 20 * NS_PER_S;

    while (s->calls < calls) {
        cr_assert_lt(clock_mono(), end, "no answer in 20 s");
        loop_turn(l, NS_PER_S);
    }
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

/* Whatever fails twice in a row, nobody appends to a file whose name another one gets. */
Test(sync, two_deaths_in_a_row_lose_nothing)
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

Test(sync, the_last_sync_comes_when_the_helper_is_between_two_lives)
{
    stop_without_a_helper(true);
}

Test(sync, the_last_sync_comes_when_the_helper_has_died_unnoticed)
{
    stop_without_a_helper(false);
}

Test(sync, a_last_sync_that_fails_is_written_again)
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
Test(sync, a_list_of_sinks_that_could_not_be_synced_is_written_again)
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

Test(sync, stop_leaves_no_process)
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

Test(sync, stop_does_not_wait_for_a_helper_that_hangs)
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

Test(sync, the_helper_ends_with_its_parent)
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
