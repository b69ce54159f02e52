/* tests/unit/spool/test_rewrite.c - a segment that is written again, while the writer, retention and other helpers go on */
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "rig/spool_dir.h"
#include "spool/sync_helper.h"

TestSuite(rewrite, .init = spool_dir_make, .fini = spool_dir_remove, .timeout = 60);

/* What happens elsewhere just before the next rename, or sync, in place of libc's. */
static void (*before_rename)(void), (*before_sync)(void);

static void meanwhile(void (**what)(void))
{
    void (*now)(void) = *what;

    *what = NULL;
    if (now)
        now();
}

int renameat(int from, const char *old, int to, const char *new)
{
    meanwhile(&before_rename);
    return (int)syscall(SYS_renameat2, from, old, to, new, 0);
}

int renameat2(int from, const char *old, int to, const char *new, unsigned flags)
{
    meanwhile(&before_rename);
    return (int)syscall(SYS_renameat2, from, old, to, new, flags);
}

int fdatasync(int fd)
{
    meanwhile(&before_sync);
    return (int)syscall(SYS_fdatasync, fd);
}

/* An append for which there is no more room than for the header of its segment. */
static void fail_to_put(struct append *a)
{
    struct rlimit before, low;

    cr_assert_eq(getrlimit(RLIMIT_FSIZE, &before), 0);
    low = before;
    low.rlim_cur = SEGMENT_HEADER + 8;
    (void)signal(SIGXFSZ, SIG_IGN);
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &low), 0);
    cr_assert_eq(try_put_frame(a, 10), -1);
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &before), 0);
}

/* Another process writes the first segment again: `stops` keeps it before its sync. */
static int there[2], go[2];
static pid_t helper;

static void stop_there(void)
{
    char c = 0;

    cr_assert_eq(write(there[1], &c, 1), 1);
    cr_assert_eq(read(go[0], &c, 1), 1);
}

static void begin_helper(void (*stops)(void))
{
    char c;

    cr_assert_eq(pipe2(there, O_CLOEXEC), 0);
    cr_assert_eq(pipe2(go, O_CLOEXEC), 0);
    if ((helper = fork()) == 0) {
        close(there[0]);
        before_sync = stops;
        _exit(segment_rewrite(spool_dir.fd, 0));
    }
    close(there[1]);
    (void)!read(there[0], &c, 1); /* it stands there, or has ended */
}

static void end_helper(void)
{
    cr_assert_eq(write(go[1], "", 1), 1);
    cr_assert_eq(exit_status(helper), 0);
}

static void helper_comes_to_its_sync(void)
{
    begin_helper(stop_there);
}

/* What holds nothing may be made anew by the writer, under the same name, at any time. */
Test(rewrite, leaves_alone_what_the_writer_may_make_anew)
{
    struct append *a = open_writer(1 << 20);

    fail_to_put(a);
    cr_assert_eq(segment_file_size(0), SEGMENT_HEADER);
    before_rename = helper_comes_to_its_sync; /* the writer's, of the new segment */
    put_frame(a, 10);
    end_helper();
    cr_assert_eq(read_all_from(0).delivered, 10, "accepted, and gone");
    append_close(a);
}

static void helper_does_it_all(void)
{
    begin_helper(NULL);
    end_helper();
}

static void another_takes_its_name(void)
{
    remove_segment(0);
    write_spool_file("00000000000000000000.seg", "another");
}

/* Whoever made it, what has the name now is not what was read. */
Test(rewrite, takes_no_name_that_is_another_files)
{
    struct append *a = open_writer(1 << 20);
    char got[16] = "";
    int fd;

    put_frame(a, 10);
    append_close(a);
    before_sync = another_takes_its_name;
    cr_assert_eq(segment_rewrite(spool_dir.fd, 0), 0);
    fd = open_segment(0);
    cr_assert_eq(read(fd, got, sizeof got), 7);
    cr_assert_str_eq(got, "another");
    close(fd);
}

static void retention_takes_it(void)
{
    remove_segment(0);
}

/* It would take room that the writer does not know of, and its metrics would be there once more. */
Test(rewrite, what_is_removed_at_the_last_moment_does_not_come_back)
{
    struct append *a = open_writer(1 << 20);

    put_frame(a, 10);
    append_close(a);
    before_rename = retention_takes_it;
    cr_assert_eq(segment_rewrite(spool_dir.fd, 0), 0);
    cr_assert_eq(count_segments(), 0);
}

Test(rewrite, what_is_another_file_at_the_last_moment_keeps_its_name)
{
    struct append *a = open_writer(1 << 20);
    char got[16] = "";
    int fd;

    put_frame(a, 10);
    append_close(a);
    before_rename = another_takes_its_name;
    cr_assert_eq(segment_rewrite(spool_dir.fd, 0), 0);
    fd = open_segment(0);
    cr_assert_eq(read(fd, got, sizeof got), 7);
    close(fd);
}

/* The helper of a garnetd that was killed may still be at it when the next one's is. */
Test(rewrite, two_helpers_do_not_write_to_one_file)
{
    struct append *a = open_writer(1 << 20);

    put_frame(a, 10);
    append_close(a);
    before_rename = helper_does_it_all;
    cr_assert_eq(segment_rewrite(spool_dir.fd, 0), 0);
    cr_assert_eq(read_all_from(0).delivered, 10);
    cr_assert_eq(count_segments(), 1);
}

/* Somebody has made it long at no cost: it is given up as what cannot be read back is, and that takes
 * neither time nor memory. */
Test(rewrite, a_hole_takes_no_memory)
{
    struct append *a = open_writer(1 << 20);

    put_frame(a, 3);
    put_frame(a, 4);
    append_close(a);
    truncate_segment(0, (size_t)1 << 43);
    cr_assert_eq(segment_rewrite(spool_dir.fd, 0), EBADMSG);
    cr_assert_eq(read_all_from(0).delivered, 7);
}
