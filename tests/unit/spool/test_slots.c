/* tests/unit/spool/test_slots.c - the file of slots: what comes back, what is damaged, in the way, full, or taken away */
#include <signal.h>

#include "rig/files.h"
#include "rig/spool_dir.h"
#include "spool/slots.h"

enum { PAGE = 4096, RECORD = 128, PER_PAGE = PAGE / RECORD };

static struct slots s;

static void open_slots(void)
{
    spool_dir_make();
    slots_open(&s, spool_dir.fd);
}

static void close_slots(void)
{
    slots_close(&s);
    spool_dir_remove();
}

TestSuite(slots, .init = open_slots, .fini = close_slots);

static void open_again(void)
{
    slots_close(&s);
    slots_open(&s, spool_dir.fd);
}

static off_t file_size(void)
{
    struct stat st;

    return fstatat(spool_dir.fd, "slots", &st, AT_SYMLINK_NOFOLLOW) == 0 ? st.st_size : -1;
}

static const char *path_of_file(void)
{
    static char path[64];

    (void)snprintf(path, sizeof path, "%s/slots", spool_dir.path);
    return path;
}

static const char *name_of(unsigned i)
{
    static char name[32];

    (void)snprintf(name, sizeof name, "c%u", i);
    return name;
}

static void put_many(unsigned from, unsigned to)
{
    for (unsigned i = from; i < to; i++)
        slots_put(&s, name_of(i), i);
}

Test(slots, come_back)
{
    char longest[SLOTS_NAME] = "";

    memset(longest, 'x', sizeof longest - 1);
    cr_assert_eq(slots_get(&s, "a"), SLOTS_NONE);
    cr_assert_eq(file_size(), -1, "where nobody has a slot there is no file");
    slots_put(&s, "a", 5);
    slots_put(&s, longest, INT64_MAX);
    slots_put(&s, "b", -7);
    slots_put(&s, "a", 6);
    open_again();
    cr_assert_eq(slots_get(&s, "a"), 6);
    cr_assert_eq(slots_get(&s, "b"), -7);
    cr_assert_eq(slots_get(&s, longest), INT64_MAX);
    cr_assert_eq(slots_get(&s, "c"), SLOTS_NONE);
    cr_assert_eq(file_size(), PAGE);
}

Test(slots, are_taken_away)
{
    slots_put(&s, "a", 5);
    slots_put(&s, "b", 6);
    slots_put(&s, "a", SLOTS_NONE);
    slots_put(&s, "never", SLOTS_NONE);
    cr_assert_eq(slots_get(&s, "a"), SLOTS_NONE);
    open_again();
    cr_assert_eq(slots_get(&s, "a"), SLOTS_NONE);
    cr_assert_eq(slots_get(&s, "b"), 6);
}

Test(slots, are_written_in_place)
{
    struct stat before, after;

    put_many(0, 3 * PER_PAGE);
    cr_assert_eq(fstatat(spool_dir.fd, "slots", &before, 0), 0);
    put_many(0, 3 * PER_PAGE);
    cr_assert_eq(fstatat(spool_dir.fd, "slots", &after, 0), 0);
    cr_assert_eq(before.st_ino, after.st_ino);
    cr_assert_eq(before.st_size, after.st_size);
    cr_assert_eq(after.st_mode & 07777, 0600);
}

Test(slots, a_damaged_record_is_none_and_costs_no_other)
{
    for (off_t at = 0; at < RECORD; at++) {
        int fd;

        put_many(0, PER_PAGE);
        fd = openat(spool_dir.fd, "slots", O_RDWR | O_CLOEXEC);
        cr_assert_eq(pwrite(fd, "\x5a", 1, RECORD + at), 1);
        (void)close(fd);
        open_again();
        cr_assert_eq(slots_get(&s, "c1"), SLOTS_NONE, "byte %d", (int)at);
        for (unsigned i = 0; i < PER_PAGE; i++)
            cr_assert(i == 1 || slots_get(&s, name_of(i)) == i, "byte %d", (int)at);
    }
}

Test(slots, a_file_that_is_cut_off)
{
    put_many(0, 2 * PER_PAGE);
    cr_assert_eq(truncate(path_of_file(), PAGE + (off_t)3 * RECORD + 5), 0);
    open_again();
    for (unsigned i = 0; i < 2 * PER_PAGE; i++)
        cr_assert_eq(slots_get(&s, name_of(i)), i < PER_PAGE + 3 ? i : SLOTS_NONE);
    slots_put(&s, "new", 1);
    open_again();
    cr_assert_eq(slots_get(&s, "new"), 1);
    cr_assert_eq(slots_get(&s, "c5"), 5);
}

/* Names that are gone make room, once there is none: what ran longest ago goes first. */
Test(slots, grow_by_names_that_are_used)
{
    put_many(0, PER_PAGE);
    open_again();
    cr_assert_eq(slots_get(&s, "c0"), 0);
    slots_put(&s, "new", 100);
    cr_assert_eq(slots_get(&s, "c1"), SLOTS_NONE);
    cr_assert_eq(slots_get(&s, "c0"), 0);
    cr_assert_eq(slots_get(&s, "c2"), 2);
    cr_assert_eq(file_size(), PAGE);
    put_many(1000, 1000 + PER_PAGE);
    cr_assert_eq(file_size(), (off_t)2 * PAGE);
    for (unsigned i = 1000; i < 1000 + PER_PAGE; i++)
        cr_assert_eq(slots_get(&s, name_of(i)), i);
}

static bool still_fails(void)
{
    slots_look(&s);
    return s.failing;
}

/* A folder, a link, a FIFO: nothing is written into it, and all is once it is out of the way. */
static void in_the_way(void)
{
    open_again();
    cr_assert_eq(slots_get(&s, "a"), SLOTS_NONE);
    slots_put(&s, "a", 5);
    cr_assert(s.failing);
    slots_put(&s, "b", 6);
    cr_assert_eq(slots_get(&s, "a"), 5, "it is known all the same");
    cr_assert(still_fails());
    cr_assert_eq(unlinkat(spool_dir.fd, "slots", 0) == 0 ||
                     unlinkat(spool_dir.fd, "slots", AT_REMOVEDIR) == 0,
                 true);
    cr_assert(!still_fails());
    open_again();
    cr_assert_eq(slots_get(&s, "a"), 5);
    cr_assert_eq(slots_get(&s, "b"), 6);
    cr_assert_eq(unlinkat(spool_dir.fd, "slots", 0), 0);
}

Test(slots, something_is_in_the_way)
{
    cr_assert_eq(mkdirat(spool_dir.fd, "slots", 0700), 0);
    in_the_way();
    cr_assert_eq(mkfifoat(spool_dir.fd, "slots", 0600), 0);
    in_the_way();
    cr_assert_eq(symlinkat("elsewhere", spool_dir.fd, "slots"), 0);
    in_the_way();
    cr_assert_eq(faccessat(spool_dir.fd, "elsewhere", F_OK, 0), -1);
}

/* No file of this process may be longer: what is there is written in place, what is new is not. */
Test(slots, no_room_for_more)
{
    struct rlimit before, limit;

    (void)signal(SIGXFSZ, SIG_IGN);
    put_many(0, PER_PAGE);
    cr_assert_eq(getrlimit(RLIMIT_FSIZE, &before), 0);
    limit = before;
    limit.rlim_cur = PAGE;
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    slots_put(&s, "c7", 700);
    cr_assert(!s.failing);
    slots_put(&s, "more", 1);
    cr_assert(s.failing);
    slots_put(&s, "c8", 800);
    slots_look(&s);
    cr_assert(s.failing);
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &before), 0);
    slots_look(&s);
    cr_assert(!s.failing);
    open_again();
    cr_assert_eq(slots_get(&s, "c7"), 700);
    cr_assert_eq(slots_get(&s, "c8"), 800);
    cr_assert_eq(slots_get(&s, "more"), 1);
}

Test(slots, a_file_that_is_taken_away_or_replaced_is_written_again)
{
    put_many(0, 2 * PER_PAGE);
    cr_assert_eq(unlinkat(spool_dir.fd, "slots", 0), 0);
    slots_look(&s);
    cr_assert_eq(file_size(), (off_t)2 * PAGE);
    cr_assert_eq(unlinkat(spool_dir.fd, "slots", 0), 0);
    write_text(path_of_file(), "somebody else's");
    slots_put(&s, "c40", 4000);
    open_again();
    for (unsigned i = 0; i < 2 * PER_PAGE; i++)
        cr_assert_eq(slots_get(&s, name_of(i)), i == 40 ? 4000 : i);
}

Test(slots, without_a_folder_they_are_kept_in_memory)
{
    slots_close(&s);
    s.dirfd = -1;
    slots_put(&s, "a", 5);
    slots_look(&s);
    cr_assert_eq(slots_get(&s, "a"), 5);
    cr_assert(!s.failing);
}
