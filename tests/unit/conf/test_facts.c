/* tests/unit/conf/test_facts.c - facts about the world: asked for, learnt, read as typed values */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conf/ask.h"
#include "conf/learn.h"

static char dir[64];
static struct snapshot snap;
static struct arena arena;
static struct parsing parsing;

static void start(void)
{
    snprintf(dir, sizeof dir, "/tmp/garnet-facts-XXXXXX");
    cr_assert_not_null(mkdtemp(dir));
    snap = (struct snapshot){0};
    cr_assert_not_null(snapshot_add(&snap, "/etc/garnet.yaml"));
    parsing = (struct parsing){.file = snap.files, .a = &arena};
}

static void end(void)
{
    char command[128];

    snapshot_free(&snap);
    arena_free(&arena);
    snprintf(command, sizeof command, "rm -r %s", dir);
    cr_assert_eq(system(command), 0);
}

TestSuite(facts, .init = start, .fini = end);

static const char *in_dir(const char *name)
{
    static char path[PATH_MAX];

    snprintf(path, sizeof path, "%s/%s", dir, name);
    return path;
}

static void make_file(const char *name, mode_t mode)
{
    int fd = open(in_dir(name), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

    cr_assert_geq(fd, 0);
    cr_assert_eq(write(fd, "text", 4), 4);
    cr_assert_eq(fchmod(fd, mode), 0);
    close(fd);
}

static void learn(enum fact first)
{
    cr_assert_eq(first, FACT_WANTED);
    cr_assert_not_null(parsing.wanted);
    cr_assert(ask_facts(&snap, parsing.wanted, &(struct asking){.table = -1}));
    parsing.wanted = NULL;
}

/* What is not known is wanted, then learnt, then known. */
#define LEARNT(ask) (learn(ask), (ask))

static void put(const char *key, const char *value)
{
    cr_assert(snapshot_put(&snap, snap.files, key, value));
}

/* --- secrets --- */

static void make_secret(const char *name, const char *text, size_t n, mode_t mode)
{
    int fd = open(in_dir(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    cr_assert_geq(fd, 0);
    cr_assert_eq(write(fd, text, n), (ssize_t)n);
    cr_assert_eq(fchmod(fd, mode), 0);
    close(fd);
}

static const char *secret_of(const char *name)
{
    const char *text = NULL;

    cr_assert_eq(LEARNT(fact_secret(&parsing, (uid_t)-1, in_dir(name), &text)), FACT_KNOWN, "%s",
                 parsing.why);
    return text;
}

static const char *no_secret(const char *name)
{
    const char *text = NULL;

    cr_assert_eq(LEARNT(fact_secret(&parsing, (uid_t)-1, in_dir(name), &text)), FACT_ERROR);
    cr_assert_null(text);
    return parsing.why;
}

Test(facts, a_secret_is_a_files_text)
{
    make_secret("one", "s3cret\n", 7, 0600);
    cr_assert_str_eq(secret_of("one"), "s3cret");
    make_secret("two", "error no\r\n\n", 11, 0640); /* one newline alone, and no error */
    cr_assert_str_eq(secret_of("two"), "error no\r\n");
    make_secret("three", " x", 2, 0400);
    cr_assert_str_eq(secret_of("three"), " x");
}

Test(facts, what_is_no_secret)
{
    static char large[(64 << 10) + 1];

    memset(large, 'x', sizeof large);
    cr_assert_str_eq(no_secret("none"), "does not exist");
    make_secret("open", "s", 1, 0604);
    cr_assert_str_eq(no_secret("open"), "is open to everybody: chmod o-rwx it");
    make_secret("large", large, sizeof large, 0600);
    cr_assert_str_eq(no_secret("large"), "is larger than 64 KiB");
    make_secret("most", large, sizeof large - 1, 0600);
    cr_assert_eq(strlen(secret_of("most")), sizeof large - 1);
    make_secret("empty", "\n", 1, 0600);
    cr_assert_str_eq(no_secret("empty"), "is empty");
    make_secret("binary", "a\0b", 3, 0600);
    cr_assert_str_eq(no_secret("binary"), "is no text: it has a byte 0");
    make_secret("altered", "s", 1, 0622);
    cr_assert_not_null(strstr(no_secret("altered"), "can be altered"), "%s", parsing.why);
    cr_assert_eq(mkfifo(in_dir("fifo"), 0600), 0);
    cr_assert_str_eq(no_secret("fifo"), "is not a regular file");
}

/* --- groups, users --- */

Test(facts, a_group_by_name_or_id)
{
    gid_t gid = 1;

    cr_assert_eq(LEARNT(fact_group(&parsing, "root", &gid)), FACT_KNOWN);
    cr_assert_eq(gid, 0);
    cr_assert_eq(LEARNT(fact_group(&parsing, "0", &gid)), FACT_KNOWN);
    cr_assert_eq(gid, 0);
    cr_assert_eq(LEARNT(fact_group(&parsing, "4000000000", &gid)), FACT_KNOWN);
    cr_assert_eq(gid, 4000000000);
    cr_assert_eq(LEARNT(fact_group(&parsing, "4294967295", &gid)), FACT_NONE, "-1: leave it");
    cr_assert_eq(LEARNT(fact_group(&parsing, "no-such-group-here", &gid)), FACT_NONE);
}

Test(facts, a_user_by_name_or_id)
{
    struct fact_user u, same;

    cr_assert_eq(LEARNT(fact_user(&parsing, "root", &u)), FACT_KNOWN);
    cr_assert(u.account);
    cr_assert_eq(u.uid, 0);
    cr_assert_eq(u.gid, 0);
    cr_assert_geq(u.ngroups, 1);
    cr_assert_eq(u.groups[0], 0);
    cr_assert_eq(LEARNT(fact_user(&parsing, "0", &same)), FACT_KNOWN);
    cr_assert_eq(same.ngroups, u.ngroups);
    cr_assert_eq(memcmp(same.groups, u.groups, u.ngroups * sizeof *u.groups), 0);
    cr_assert_eq(LEARNT(fact_user(&parsing, "4000000000", &u)), FACT_KNOWN);
    cr_assert(!u.account);
    cr_assert_eq(u.uid, 4000000000);
    cr_assert_eq(u.ngroups, 0);
    cr_assert_eq(LEARNT(fact_user(&parsing, "no-such-user-here", &u)), FACT_NONE);
}

/* --- files --- */

Test(facts, a_file)
{
    char path[PATH_MAX];
    struct fact_file f;
    struct stat st;

    make_file("x", 0640);
    cr_assert_eq(stat(in_dir("x"), &st), 0);
    cr_assert_eq(LEARNT(fact_file(&parsing, in_dir("x"), &f)), FACT_KNOWN);
    cr_assert_eq(f.dev, st.st_dev);
    cr_assert_eq(f.ino, st.st_ino);
    cr_assert_eq(f.size, 4);
    cr_assert_eq(f.mtime, st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec);
    cr_assert_eq(f.ctime, st.st_ctim.tv_sec * 1000000000 + st.st_ctim.tv_nsec);
    cr_assert_eq(f.mode, st.st_mode);
    cr_assert_eq(f.uid, st.st_uid);
    cr_assert_eq(LEARNT(fact_file(&parsing, "/no/such/file", &f)), FACT_ERROR);
    cr_assert_str_eq(parsing.why, "does not exist");
    memset(path, 'x', sizeof path - 1);
    path[0] = '/';
    path[sizeof path - 1] = 0;
    cr_assert_eq(LEARNT(fact_file(&parsing, path, &f)), FACT_ERROR);
    cr_assert_str_eq(parsing.why, "cannot be read: File name too long");
}

Test(facts, a_file_from_before_1970)
{
    const struct fact_file old = {.dev = 1, .size = 2, .mtime = -5, .ctime = INT64_MIN, .mode = 3};
    struct buf text = {0};
    struct fact_file f;

    fact_put_file(&text, &old);
    buf_putc(&text, 0);
    put("file:/x", text.p);
    cr_assert_eq(fact_file(&parsing, "/x", &f), FACT_KNOWN);
    cr_assert_eq(memcmp(&f, &old, sizeof f), 0);
    buf_free(&text);
}

Test(facts, who_can_alter_a_file)
{
    const char *groups = NULL;

    make_file("a", 0755);
    make_file("b", 0777);
    make_file("c", 0775);
    cr_assert_eq(LEARNT(fact_way(&parsing, (uid_t)-1, in_dir("a"), &groups)), FACT_KNOWN);
    cr_assert_str_eq(groups, "");
    cr_assert_eq(LEARNT(fact_way(&parsing, (uid_t)-1, in_dir("b"), &groups)), FACT_ERROR);
    cr_assert_str_eq(parsing.why, "can be altered by everybody: chmod go-w it");
    cr_assert_eq(LEARNT(fact_way(&parsing, (uid_t)-1, in_dir("none"), &groups)), FACT_KNOWN);
    cr_assert_str_eq(groups, "", "that is another fact's to say");
    if (geteuid() != 0)
        return; /* files of others need root; a skip would leave the folder behind */
    cr_assert_eq(chown(in_dir("c"), 1, 1), 0);
    cr_assert_eq(LEARNT(fact_way(&parsing, (uid_t)-1, in_dir("c"), &groups)), FACT_ERROR);
    cr_assert_str_eq(parsing.why, "belongs to user 1, who could alter it: chown it to root");
    cr_assert_eq(LEARNT(fact_way(&parsing, 1, in_dir("c"), &groups)), FACT_KNOWN);
    cr_assert_str_eq(groups, " 1:1 ", "daemon's own group, with nobody in it");
}

Test(facts, who_can_alter_a_folder_that_is_not_there_yet)
{
    const char *groups = NULL;

    cr_assert_eq(LEARNT(fact_folder(&parsing, in_dir("a/b"), &groups)), FACT_KNOWN);
    cr_assert_eq(chmod(dir, 0777), 0);
    cr_assert_eq(LEARNT(fact_folder(&parsing, in_dir("c/d"), &groups)), FACT_ERROR);
    cr_assert_not_null(strstr(parsing.why, "which can be altered by everybody"), "%s", parsing.why);
}

Test(facts, whether_a_program_could_be_run)
{
    make_file("x", 0755);
    cr_assert_eq(LEARNT(fact_runs(&parsing, "", "/bin/sh")), FACT_KNOWN);
    cr_assert_eq(LEARNT(fact_runs(&parsing, "/bin:/usr/bin", in_dir("x"))), FACT_ERROR);
    cr_assert_not_null(strstr(parsing.why, "has no first line"), "%s", parsing.why);
}

/* Of what is not there yet, it is that of the nearest folder above. */
Test(facts, how_large_a_file_system_is)
{
    uint64_t there = 0, not_yet = 0;

    cr_assert_eq(LEARNT(fact_room(&parsing, in_dir(""), &there)), FACT_KNOWN);
    cr_assert_gt(there, 1 << 20);
    cr_assert_eq(LEARNT(fact_room(&parsing, in_dir("none/such"), &not_yet)), FACT_KNOWN);
    cr_assert_eq(not_yet, there);
    put("room:/x", "");
    cr_assert_eq(fact_room(&parsing, "/x", &there), FACT_NONE);
    put("room:/x", "many");
    cr_assert_eq(fact_room(&parsing, "/x", &there), FACT_ERROR);
}

/* --- garnetd and its machine --- */

Test(facts, what_we_are)
{
    struct fact_self self;
    const char *name = NULL;
    char host[256] = "";

    gethostname(host, sizeof host - 1);
    cr_assert_eq(LEARNT(fact_hostname(&parsing, &name)), FACT_KNOWN);
    cr_assert_str_eq(name, host);
    cr_assert_eq(LEARNT(fact_self(&parsing, &self)), FACT_KNOWN);
    cr_assert_eq(self.uid, geteuid());
    cr_assert_eq(self.gid, getegid());
    if (geteuid() != 0)
        cr_assert_eq(self.capabilities, 0);
    else
        cr_assert(self.capabilities & 1 << CAP_SETUID, "root may setuid");
}

Test(facts, a_control_group_and_what_it_limits)
{
    static const struct fact_cgroup all[] = {
        {"/a", true, true}, {"/b c", true, false}, {"/d", false, true}, {"/e", false, false}};
    struct fact_cgroup g;

    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        struct buf text = {0};

        fact_put_cgroup(&text, &all[i]);
        buf_putc(&text, 0);
        put("cgroup", text.p);
        cr_assert_eq(fact_cgroup(&parsing, &g), FACT_KNOWN);
        cr_assert_str_eq(g.dir, all[i].dir);
        cr_assert_eq(g.processes, all[i].processes);
        cr_assert_eq(g.memory, all[i].memory);
        buf_free(&text);
    }
    put("cgroup", "");
    cr_assert_eq(fact_cgroup(&parsing, &g), FACT_KNOWN);
    cr_assert_null(g.dir);
}

/* --- by file --- */

Test(facts, each_is_wanted_once_a_file)
{
    gid_t gid;

    fact_group(&parsing, "a", &gid);
    fact_group(&parsing, "b", &gid);
    fact_group(&parsing, "a", &gid);
    cr_assert_str_eq(parsing.wanted->key, "group:a");
    cr_assert_str_eq(parsing.wanted->next->key, "group:b");
    cr_assert_null(parsing.wanted->next->next);
}

Test(facts, what_one_file_has_asked_for_is_not_asked_again_for_another)
{
    gid_t gid = 1;

    put("group:root", "7"); /* which nobody would answer now */
    parsing.file = snapshot_add(&snap, "/etc/collectors.d/cpu.yaml");
    cr_assert_eq(LEARNT(fact_group(&parsing, "root", &gid)), FACT_KNOWN);
    cr_assert_eq(gid, 7);
}

/* A snapshot comes over a pipe: none of its texts is believed. */
Test(facts, damaged_texts_are_errors)
{
    static const char *const bad[] = {"x", "1x", "1 2 x", "1 2 3x", "1 2 3 4 5 6", " 1", "1  2"};
    struct fact_file file;
    struct fact_user user;
    gid_t gid;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        put("user:u", bad[i]);
        put("file:/x", bad[i]);
        if (strcmp(bad[i], "1 2 3 4 5 6") != 0)
            cr_assert_eq(fact_user(&parsing, "u", &user), FACT_ERROR, "%s", bad[i]);
        cr_assert_eq(fact_file(&parsing, "/x", &file), FACT_ERROR, "%s", bad[i]);
        cr_assert_str_eq(parsing.why, "cannot be judged: what was learnt about it is damaged");
    }
    put("group:g", "g");
    cr_assert_eq(fact_group(&parsing, "g", &gid), FACT_ERROR);
}
