/* tests/unit/spool/test_rights.c - nobody but garnetd's user reads, locks or writes what is in a spool */
#include <sys/stat.h>

#include "base/why.h"
#include "rig/spool_dir.h"
#include "spool/cursor.h"
#include "spool/opener.h"

static mode_t umask_before;

/* The umask is to make no difference: neither the widest nor, with its bits off, an odd one. */
static void begin(void)
{
    umask_before = umask(0);
    spool_dir_make();
}

static void end(void)
{
    (void)umask(umask_before);
    spool_dir_remove();
}

TestSuite(rights, .init = begin, .fini = end, .timeout = 30);

static void mode_is(const char *name, mode_t want)
{
    struct stat st;

    cr_assert_eq(fstatat(spool_dir.fd, name, &st, AT_SYMLINK_NOFOLLOW), 0, "%s", name);
    cr_assert_eq(st.st_mode & 07777, want, "%s: %o", name, st.st_mode & 07777);
}

static void wide(const char *name, mode_t mode)
{
    cr_assert_eq(fchmodat(spool_dir.fd, name, mode, 0), 0, "%s", name);
}

static const char *const names[] = {"main"};

static void fill(void)
{
    struct append *a = open_writer(4096);

    put_frame(a, 3);
    append_close(a);
    cr_assert_eq(cursor_create(spool_dir.fd, "main", 0), 0);
    cr_assert_eq(cursor_list_write(spool_dir.fd, names, 1), 0);
}

static void all_closed(void)
{
    mode_is(".", 0700);
    mode_is("lock", 0600);
    mode_is("sinks", 0600);
    mode_is("cursors", 0700);
    mode_is("cursors/main", 0600);
    mode_is("00000000000000000000.seg", 0600);
}

Test(rights, what_is_made_is_ours_alone)
{
    fill();
    all_closed();
}

Test(rights, what_an_older_garnetd_made_is_tightened_at_the_start)
{
    struct append *a;

    fill();
    cr_assert_eq(mkdirat(spool_dir.fd, "quarantine", 0750), 0);
    write_spool_file("quarantine/main.ndjson", "{}\n");
    write_spool_file(".00000000000000000009.seg.tmp", "");
    cr_assert_eq(mkdirat(spool_dir.fd, "lost+found", 0755), 0);
    wide(".", 0750);
    wide("lock", 0640);
    wide("sinks", 0644);
    wide("cursors", 0777);
    wide("cursors/main", 0666);
    wide("00000000000000000000.seg", 0640);
    a = open_writer(4096);
    all_closed();
    mode_is("quarantine", 0700);
    mode_is("quarantine/main.ndjson", 0600);
    mode_is("lost+found", 0755);
    cr_assert_eq(open_in_another_process((long)getpid()), 1, "the lock was lost on the way");
    append_close(a);
}

/* spool.dir in a folder that has other uses: those go on. */
Test(rights, what_is_not_ours_stays_as_it_is)
{
    struct append *a;

    fill();
    write_spool_file("notes.txt", "of somebody else's");
    write_spool_file("target", "of somebody else's");
    wide("target", 0644);
    cr_assert_eq(symlinkat("../target", spool_dir.fd, "cursors/link"), 0);
    cr_assert_eq(symlinkat("target", spool_dir.fd, "00000000000000000007.seg"), 0);
    wide(".", 0755);
    wide("sinks", 0644);
    a = open_writer(4096);
    mode_is(".", 0755);
    mode_is("notes.txt", 0640);
    mode_is("target", 0644);
    mode_is("sinks", 0600);
    append_close(a);
}

Test(rights, a_folder_for_everybody_is_refused)
{
    struct append_config c = {spool_dir.path, 4096, 0, 0, 0};
    struct why why = {0};

    wide(".", 01777);
    cr_assert_null(append_open(&c, &why));
    cr_assert_str_eq(why.text,
                     "is a folder that everybody may write to: write the name of a folder in it, "
                     "which garnetd then makes");
    mode_is(".", 01777);
    cr_assert_eq(faccessat(spool_dir.fd, "lock", F_OK, 0), -1);
}
