/* tests/unit/spool/test_cursor_full.c - spool/cursor.h on a full disk: a new sink has a cursor, and is listed */
#include <criterion/criterion.h>
#include <fcntl.h>

#include "rig/crash_full.h"
#include "spool/cursor.h"

TestSuite(cursor_full, .timeout = 60);

/* A cursor that is being made is the sink's, whatever that is called. */
Test(cursor_full, a_sink_may_be_called_spare)
{
    static const char *const TEMP = "cursors/.spare.tmp";
    int fd;

    full_begin(RESERVE);
    cr_assert_eq(mkdirat(append_dirfd(full.a), "cursors", 0700), 0);
    fd = openat(append_dirfd(full.a), TEMP, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    cr_assert_geq(fd, 0);
    cr_assert_eq(write(fd, "begun", 5), 5);
    close(fd);
    cursor_make_spares(append_dirfd(full.a));
    fd = openat(append_dirfd(full.a), TEMP, O_RDONLY | O_CLOEXEC);
    cr_assert_geq(fd, 0, "it is still there");
    close(fd);
    full_end();
}

static const char *const NAMES[] = {"a", "b", "c", "d", "e", "f", "g", "h", "i"};

Test(cursor_full, a_new_sink_has_a_cursor_and_is_listed)
{
    struct cursor_state s;
    struct cursor c;

    full_begin(RESERVE);
    disk->exchanges = true;
    cr_assert_eq(cursor_list_write(append_dirfd(full.a), NAMES, 0), 0);
    cursor_make_spares(append_dirfd(full.a));
    disk->full = true;
    for (unsigned i = 0; i < 8; i++) {
        cr_assert_eq(cursor_create(append_dirfd(full.a), NAMES[i], 5 + i), 0, "%u: %s", i,
                     strerror(errno));
        cr_assert_eq(cursor_list_write(append_dirfd(full.a), NAMES, i + 1), 0, "%s",
                     strerror(errno));
        cr_assert(cursor_listed(append_dirfd(full.a), NAMES[i]));
        cr_assert_not(cursor_listed(append_dirfd(full.a), NAMES[i + 1]));
        cr_assert_eq(cursor_read(append_dirfd(full.a), NAMES[i], &s), 0);
        cr_assert_eq(s.start, 5 + i);
        cr_assert_eq(cursor_open(&c, append_dirfd(full.a), NAMES[i]), 0);
        c.state.position += 3;
        cr_assert_eq(cursor_store(&c), 0, "in place");
        cr_assert_eq(cursor_store(&c), 0);
        cursor_close(&c);
    }
    cr_assert_eq(cursor_create(append_dirfd(full.a), NAMES[8], 0), -1);
    cr_assert_eq(errno, ENOSPC);
    for (unsigned i = 0; i < 20; i++)
        cr_assert_eq(cursor_list_write(append_dirfd(full.a), NAMES, 1 + i % 8), 0);
    cr_assert_not(cursor_listed(append_dirfd(full.a), NAMES[6]));
    disk->exchanges = false;
    for (unsigned i = 0; i < 3; i++)
        cr_assert_eq(cursor_list_write(append_dirfd(full.a), NAMES, 1 + i), 0, "some are left");
    disk->full = false;
    cursor_make_spares(append_dirfd(full.a));
    disk->full = true;
    cr_assert_eq(cursor_create(append_dirfd(full.a), NAMES[8], 0), 0);
    full_end();
}
