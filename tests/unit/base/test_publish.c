/* tests/unit/base/test_publish.c - a file that appears whole: whatever stands under its temporary name is not written to */
#include "base/fd.h"
#include "rig/spool_dir.h"
#include "spool/cursor.h"

TestSuite(publish, .init = spool_dir_make, .fini = spool_dir_remove, .timeout = 30);

static void check(const char *name, const char *text)
{
    char got[64] = "";
    struct stat st;
    int fd = openat(spool_dir.fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

    cr_assert_geq(fd, 0, "%s: %s", name, strerror(errno));
    cr_assert_eq(fstat(fd, &st), 0);
    cr_assert(S_ISREG(st.st_mode));
    cr_assert_eq(st.st_mode & 07777, 0600);
    cr_assert_eq(read(fd, got, sizeof got - 1), (ssize_t)strlen(text));
    cr_assert_str_eq(got, text);
    fd_close(&fd);
}

static void nothing_left(const char *temp)
{
    struct stat st;

    cr_assert_eq(fstatat(spool_dir.fd, temp, &st, AT_SYMLINK_NOFOLLOW), -1);
    cr_assert_eq(errno, ENOENT);
}

/* What a stranger may have put there: the same must come of each. */
static void put_in_the_way(int kind, const char *temp)
{
    write_spool_file("victim", "of somebody else's");
    if (kind == 0)
        cr_assert_eq(mkfifoat(spool_dir.fd, temp, 0666), 0);
    if (kind == 1)
        cr_assert_eq(symlinkat("victim", spool_dir.fd, temp), 0);
    if (kind == 2)
        cr_assert_eq(linkat(spool_dir.fd, "victim", spool_dir.fd, temp, 0), 0);
    if (kind == 3)
        cr_assert_eq(symlinkat("nowhere", spool_dir.fd, temp), 0);
    if (kind == 4)
        write_spool_file(temp, "what a crash has left, and more than it");
}
enum { KINDS = 5 };

static void victim_is_well(void)
{
    struct stat st;
    int fd = openat(spool_dir.fd, "victim", O_RDONLY | O_CLOEXEC);
    char got[32] = "";

    cr_assert_eq(read(fd, got, sizeof got - 1), 18);
    cr_assert_str_eq(got, "of somebody else's");
    fd_close(&fd);
    cr_assert_eq(fstatat(spool_dir.fd, "nowhere", &st, 0), -1);
}

Test(publish, nothing_in_the_way_is_written_to)
{
    for (int kind = 0; kind < KINDS; kind++) {
        put_in_the_way(kind, ".temp");
        cr_assert_eq(publish_bytes(spool_dir.fd, ".temp", "name", "whole\n", 6), 0, "%d: %s", kind,
                     strerror(errno));
        check("name", "whole\n");
        nothing_left(".temp");
        victim_is_well();
    }
}

/* Everything in the spool that is published. */
Test(publish, the_spools_files_neither)
{
    static const char *const names[] = {"main", "other"};
    struct cursor_state s;
    struct append *a;

    cr_assert_eq(mkdirat(spool_dir.fd, "cursors", 0700), 0);
    for (int kind = 0; kind < KINDS; kind++) {
        put_in_the_way(kind, ".sinks.tmp");
        cr_assert_eq(cursor_list_write(spool_dir.fd, names, 2), 0);
        check("sinks", "main\nother\n");
        put_in_the_way(kind, "cursors/.main.tmp");
        cr_assert_eq(cursor_create(spool_dir.fd, "main", 0), 0);
        cr_assert_eq(cursor_read(spool_dir.fd, "main", &s), 0);
        a = open_writer(4096); /* which sweeps */
        put_in_the_way(kind, ".00000000000000000000.seg.tmp");
        put_frame(a, 1);
        append_close(a);
        remove_segment(0);
        cr_assert_eq(unlinkat(spool_dir.fd, "cursors/main", 0), 0);
        victim_is_well();
    }
}

Test(publish, a_folder_in_the_way_is_an_error_and_nothing_else)
{
    cr_assert_eq(mkdirat(spool_dir.fd, ".temp", 0700), 0);
    cr_assert_eq(publish_bytes(spool_dir.fd, ".temp", "name", "whole\n", 6), -1);
    cr_assert_eq(errno, EISDIR);
    cr_assert_eq(mkdirat(spool_dir.fd, "is a folder", 0700), 0);
    cr_assert_eq(publish_bytes(spool_dir.fd, ".t", "is a folder", "whole\n", 6), -1);
    cr_assert_eq(errno, EISDIR);
    nothing_left(".t");
}
