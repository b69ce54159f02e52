/* tests/unit/spool/test_folder.c - a spool folder that is emptied, removed or replaced under its writer */
#include <ftw.h>

#include "base/why.h"
#include "rig/spool_dir.h"

TestSuite(folder, .init = spool_dir_make, .fini = spool_dir_remove);

static int rm(const char *path, const struct stat *st, int flag, struct FTW *w)
{
    (void)st, (void)flag;
    return w->level == 0 && strcmp(path, spool_dir.path) == 0 ? 0 : remove(path);
}

static void empty_folder(void)
{
    cr_assert_eq(nftw(spool_dir.path, rm, 16, FTW_DEPTH | FTW_PHYS), 0);
}

static void renew_dirfd(void)
{
    close(spool_dir.fd);
    spool_dir.fd = open(spool_dir.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    cr_assert_geq(spool_dir.fd, 0);
}

/* 0: emptied, 1: removed, 2: another one in its place. */
static void take_away(int how)
{
    char moved[64];

    snprintf(moved, sizeof moved, "%s.moved", spool_dir.path);
    empty_folder();
    if (how == 1)
        cr_assert_eq(rmdir(spool_dir.path), 0);
    if (how == 2) {
        cr_assert_eq(rename(spool_dir.path, moved), 0);
        cr_assert_eq(mkdir(spool_dir.path, 0700), 0);
        cr_assert_eq(rmdir(moved), 0);
    }
}

Test(folder, a_folder_that_was_taken_away_is_opened_again_and_numbers_go_on)
{
    for (int how = 0; how < 3; how++) {
        struct append *a = open_writer(1 << 20);
        uint64_t first = append_next_seq(a);
        int fd = append_dirfd(a);
        struct read_total n;
        struct why why;
        put_frame(a, 10);
        cr_assert(append_there(a, spool_dir.path));
        take_away(how);
        cr_assert_not(append_there(a, spool_dir.path), "case %d", how);
        cr_assert(append_reopen(a, spool_dir.path, &why), "%s", why.text);
        cr_assert(append_there(a, spool_dir.path));
        cr_assert_eq(append_dirfd(a), fd);
        cr_assert_eq(append_next_seq(a), first + 10);
        cr_assert_eq(append_bytes(a), 0);
        cr_assert_eq(open_in_another_process((long)getpid()), 1, "it is locked again");
        renew_dirfd();
        put_frame(a, 10);
        n = read_all_from(first);
        cr_assert_eq(n.expired, 10);
        cr_assert_eq(n.delivered, 10);
        append_close(a);
    }
}

/* As when somebody puts a backup in its place: what is in there is never repeated. */
Test(folder, a_folder_that_comes_back_with_more_in_it_moves_the_numbers_on)
{
    struct append *a = open_writer(1 << 20), *b;
    struct why why;
    char other[64];

    for (int i = 0; i < 5; i++)
        put_frame(a, 10);
    append_close(a);
    snprintf(other, sizeof other, "%s/other", spool_dir.path);
    struct append_config c = {other, 1 << 20, 0, 0, 0};
    cr_assert_not_null(b = append_open(&c, &why));
    put_frame(b, 10);
    cr_assert(append_reopen(b, spool_dir.path, &why), "%s", why.text);
    cr_assert_eq(append_next_seq(b), 50);
    append_close(b);
}

Test(folder, a_folder_that_cannot_be_made_again_is_asked_for_later)
{
    struct append *a = open_writer(1 << 20);
    struct why why = {0};
    char moved[64];

    put_frame(a, 10);
    snprintf(moved, sizeof moved, "%s.moved", spool_dir.path);
    cr_assert_eq(rename(spool_dir.path, moved), 0);
    int fd = open(spool_dir.path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
                  0600); /* a file in its place */
    close(fd);
    cr_assert_not(append_there(a, spool_dir.path));
    for (int i = 0; i < 3; i++) {
        cr_assert_not(append_reopen(a, spool_dir.path, &why));
        cr_assert_str_eq(why.text, "cannot be opened or created: Not a directory");
        cr_assert_not(append_there(a, spool_dir.path));
    }
    cr_assert_eq(unlink(spool_dir.path), 0);
    cr_assert_eq(rename(moved, spool_dir.path), 0);
    cr_assert(append_reopen(a, spool_dir.path, &why), "%s", why.text);
    cr_assert_eq(open_in_another_process((long)getpid()), 1);
    put_frame(a, 10);
    cr_assert_eq(read_all_from(0).delivered, 20);
    append_close(a);
}

Test(folder, a_newest_segment_that_is_gone_is_followed_by_another)
{
    struct append *a = open_writer(1 << 20);
    struct read_total n;

    put_frame(a, 10);
    remove_segment(0);
    cr_assert(append_there(a, spool_dir.path));
    put_frame(a, 10);
    n = read_all_from(0);
    cr_assert_eq(n.expired, 10);
    cr_assert_eq(n.delivered, 10);
    append_close(a);
}
