/* tests/unit/base/test_trust.c - base/trust.h: each part of a path, each who could alter it
 *
 * A tree under /tmp, which is sticky. What belongs to others takes root: without it those tests say
 * so and are skipped.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/trust.h"

enum { STRANGER = 4711, FRIEND = 4712 };

static char dir[64];
static struct trust who;

static const char *in_dir(const char *name)
{
    static char paths[4][PATH_MAX];
    static unsigned next;
    char *path = paths[next++ % 4];

    (void)snprintf(path, PATH_MAX, "%s/%s", dir, name);
    return path;
}

static void file(const char *name, mode_t mode)
{
    int fd = open(in_dir(name), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

    cr_assert(fd >= 0);
    fd_close(&fd);
    cr_assert_eq(chmod(in_dir(name), mode), 0);
}

static void folder(const char *name, mode_t mode)
{
    cr_assert_eq(mkdir(in_dir(name), 0700), 0);
    cr_assert_eq(chmod(in_dir(name), mode), 0);
}

static void to_link(const char *to, const char *name)
{
    cr_assert_eq(symlink(to, in_dir(name)), 0);
}

static void give(const char *name, uid_t uid, gid_t gid)
{
    if (geteuid() != 0)
        cr_skip_test("needs root");
    cr_assert_eq(lchown(in_dir(name), uid, gid), 0);
}

/* a/b/program, and all is well */
static void start(void)
{
    (void)strcpy(dir, "/tmp/garnet-trust-XXXXXX");
    cr_assert_not_null(mkdtemp(dir));
    cr_assert_eq(chmod(dir, 0755), 0);
    who = (struct trust){.users = {geteuid(), (uid_t)-1}};
    folder("a", 0755);
    folder("a/b", 0755);
    file("a/b/program", 0755);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

static void end(void)
{
    (void)nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

TestSuite(trust, .init = start, .fini = end, .timeout = 60);

/* The verdict on a path, and at what it was given. */
static void expect(const char *name, enum trust_verdict verdict, const char *where)
{
    struct trust_fault f;

    cr_assert_eq(trust_look(&who, in_dir(name), &f), verdict, "%s: %d at %s", name, f.verdict,
                 f.where);
    if (where != NULL)
        cr_assert_str_eq(f.where, in_dir(where));
}

Test(trust, a_way_that_nobody_else_can_write)
{
    expect("a/b/program", TRUST_GOOD, "a/b/program");
    expect("a//./b/../b/program", TRUST_GOOD, "a/b/program");
    expect("a/b", TRUST_GOOD, "a/b");
    expect("a/b/", TRUST_GOOD, "a/b");
    cr_assert_eq(trust_look(&who, "/", &(struct trust_fault){0}), TRUST_GOOD);
    cr_assert_eq(trust_look(&who, "/tmp", &(struct trust_fault){0}), TRUST_GOOD, "it is sticky");
}

Test(trust, every_part_may_be_the_one_that_others_write)
{
    static const char *const parts[] = {"a", "a/b", "a/b/program"};

    for (int i = 0; i < 3; i++) {
        cr_assert_eq(chmod(in_dir(parts[i]), 0757), 0);
        expect("a/b/program", TRUST_ALL, parts[i]);
        cr_assert_eq(chmod(in_dir(parts[i]), 0775), 0);
        expect("a/b/program", TRUST_GROUP, parts[i]);
        cr_assert_eq(chmod(in_dir(parts[i]), 0755), 0);
        expect("a/b/program", TRUST_GOOD, NULL);
    }
}

Test(trust, every_part_may_be_a_strangers)
{
    static const char *const parts[] = {"a", "a/b", "a/b/program"};

    for (int i = 0; i < 3; i++) {
        give(parts[i], STRANGER, 0);
        expect("a/b/program", TRUST_OWNER, parts[i]);
        give(parts[i], FRIEND, 0);
        expect("a/b/program", TRUST_OWNER, parts[i]);
        who.users[1] = FRIEND;
        expect("a/b/program", TRUST_GOOD, NULL);
        who.users[1] = (uid_t)-1;
        give(parts[i], 0, 0);
    }
}

Test(trust, a_sticky_folder_keeps_only_what_is_others)
{
    cr_assert_eq(chmod(in_dir("a"), 01777), 0);
    expect("a/b/program", TRUST_GOOD, NULL);
    give("a/b", STRANGER, 0);
    expect("a/b/program", TRUST_OWNER, "a/b");
    give("a/b", 0, 0);
    give("a", STRANGER, 0); /* whose it is, he may do all in it */
    expect("a/b/program", TRUST_OWNER, "a");
}

Test(trust, what_a_link_goes_through_counts_too)
{
    folder("c", 0755);
    to_link("../a/b", "c/near");
    to_link(in_dir("c/near/program"), "far");
    expect("c/near/program", TRUST_GOOD, "a/b/program");
    expect("far", TRUST_GOOD, "a/b/program");
    cr_assert_eq(chmod(in_dir("a"), 0777), 0);
    expect("c/near/program", TRUST_ALL, "a");
    expect("far", TRUST_ALL, "a");
    cr_assert_eq(chmod(in_dir("a"), 0755), 0);
    cr_assert_eq(chmod(in_dir("c"), 0777), 0);
    expect("far", TRUST_ALL, "c");
    cr_assert_eq(chmod(in_dir("c"), 01777), 0);
    give("c/near", STRANGER, 0); /* he can put another one there */
    expect("far", TRUST_OWNER, "c/near");
}

Test(trust, a_group_of_the_owners_own_may_write)
{
    give("a", FRIEND, FRIEND);
    who.users[1] = FRIEND;
    cr_assert_eq(chmod(in_dir("a"), 0775), 0);
    expect("a/b/program", TRUST_GROUP, "a");
    who.own_groups = " 1:1 4712:4712 ";
    expect("a/b/program", TRUST_GOOD, NULL);
    who.own_groups = " 1:1 4712:47 14712:4712 ";
    expect("a/b/program", TRUST_GROUP, "a");
}

static bool asked(void *arg, uid_t uid, gid_t gid)
{
    cr_assert_eq(uid, geteuid());
    cr_assert_eq(gid, getegid());
    return *(const bool *)arg;
}

Test(trust, or_one_that_is_asked_for)
{
    bool own = true;

    who.own_group = asked;
    who.arg = &own;
    cr_assert_eq(chmod(in_dir("a"), 0775), 0);
    expect("a/b/program", TRUST_GOOD, NULL);
    own = false;
    expect("a/b/program", TRUST_GROUP, "a");
}

/* user::rwx, user:4711:rwx, group::r-x, mask::rwx, other::r-x */
Test(trust, an_access_list_is_no_group_of_anybodys_own)
{
    static const unsigned char list[] = {
        2, 0,    0,    0,    1,    0,    7,    0, 0xff, 0xff, 0xff, 0xff, 2,    0,    7,
        0, 0x67, 0x12, 0,    0,    4,    0,    5, 0,    0xff, 0xff, 0xff, 0xff, 0x10, 0,
        7, 0,    0xff, 0xff, 0xff, 0xff, 0x20, 0, 5,    0,    0xff, 0xff, 0xff, 0xff};
    bool own = true;

    who.own_group = asked;
    who.arg = &own;
    if (setxattr(in_dir("a"), "system.posix_acl_access", list, sizeof list, 0) < 0)
        cr_skip_test("this file system has no access lists");
    expect("a/b/program", TRUST_GROUP, "a");
}

Test(trust, what_cannot_be_had_is_the_systems_own_error)
{
    struct trust_fault f;

    to_link("loop", "loop");
    to_link("no/such", "dangling");
    expect("a/none", TRUST_ERROR, NULL);
    cr_assert_eq(errno, ENOENT);
    expect("dangling", TRUST_ERROR, NULL);
    cr_assert_eq(errno, ENOENT);
    expect("loop", TRUST_ERROR, NULL);
    cr_assert_eq(errno, ELOOP);
    expect("a/b/program/x", TRUST_ERROR, NULL);
    cr_assert_eq(errno, ENOTDIR);
    cr_assert_eq(trust_look(&who, "relative", &f), TRUST_ERROR);
    cr_assert_eq(errno, EINVAL);
}

Test(trust, opens_what_it_has_looked_at)
{
    struct trust_fault f;
    struct stat there, got;
    int fd;

    to_link("a/b", "link");
    fd = trust_open(&who, in_dir("link/program"), O_RDONLY, &f);
    cr_assert(fd >= 0);
    cr_assert_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
    cr_assert_eq(fstat(fd, &got), 0);
    cr_assert_eq(stat(in_dir("a/b/program"), &there), 0);
    cr_assert_eq(got.st_ino, there.st_ino);
    fd_close(&fd);
    cr_assert_eq(chmod(in_dir("a/b/program"), 0757), 0);
    cr_assert_eq(trust_open(&who, in_dir("link/program"), O_RDONLY, &f), -1);
    cr_assert_eq(f.verdict, TRUST_ALL);
}

static void expect_words(enum trust_verdict verdict, const char *where, const char *want)
{
    struct trust_fault f = {.verdict = verdict, .uid = 7};
    struct why why;

    (void)strcpy(f.where, where);
    trust_describe(&f, "/x/y", &why);
    cr_assert_str_eq(why.text, want);
}

Test(trust, says_what_is_wrong_and_what_to_do)
{
    expect_words(TRUST_OWNER, "/x/y", "belongs to user 7, who could alter it: chown it to root");
    expect_words(TRUST_ALL, "/x/y", "can be altered by everybody: chmod go-w it");
    expect_words(TRUST_GROUP, "/x",
                 "goes through /x, which can be altered by its group: chmod go-w it");
    expect_words(TRUST_OWNER, "/",
                 "goes through /, which belongs to user 7, who could alter it: chown it to root");
}
