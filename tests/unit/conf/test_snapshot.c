/* tests/unit/conf/test_snapshot.c - taking a configuration from a disk, and carrying it over a pipe */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conf/load.h"

static char dir[64];
static struct snapshot snap;

static void start(void)
{
    snprintf(dir, sizeof dir, "/tmp/garnet-snapshot-XXXXXX");
    cr_assert_not_null(mkdtemp(dir));
    snap = (struct snapshot){0};
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

static void end(void)
{
    snapshot_free(&snap);
    nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

TestSuite(snapshot, .init = start, .fini = end);

static const char *in_dir(const char *name)
{
    static char path[PATH_MAX];

    snprintf(path, sizeof path, "%s/%s", dir, name);
    return path;
}

static void make_file(const char *name, const char *text, size_t n)
{
    FILE *f = fopen(in_dir(name), "we");

    cr_assert_not_null(f);
    cr_assert_eq(fwrite(text, 1, n, f), n);
    fclose(f);
}

static void make_text(const char *name, const char *text)
{
    make_file(name, text, strlen(text));
}

static void make_dir(const char *name)
{
    cr_assert_eq(mkdir(in_dir(name), 0700), 0);
}

static void is_file(const struct snapshot_file *f, const char *name, const char *text,
                    const char *error)
{
    cr_assert_not_null(f, "%s is missing", name);
    cr_assert_str_eq(f->path, in_dir(name));
    if (error)
        cr_assert_str_eq(f->error, error);
    else
        cr_assert_null(f->error);
    cr_assert(str_eq(f->text, str_of(text)));
}

Test(snapshot, takes_the_files_that_count_in_order)
{
    const struct snapshot_file *f;

    make_text("garnet.yaml", "collectors: c\n");
    make_dir("c");
    make_text("c/b.yaml", "two");
    make_text("c/a.yaml", "one");
    make_text("c/.hidden.yaml", "x");
    make_text("c/README", "x");
    make_text("c/c.yml", "x");
    make_dir("c/d.yaml");
    cr_assert_eq(mkfifo(in_dir("c/e.yaml"), 0600), 0); /* must not be waited for */
    cr_assert_eq(symlink("nowhere", in_dir("c/f.yaml")), 0);
    cr_assert(load_files(&snap, in_dir("garnet.yaml")));
    cr_assert_str_eq(snap.files->path, in_dir("garnet.yaml"));
    is_file(f = snap.files, "garnet.yaml", "collectors: c\n", NULL);
    is_file(f = f->next, "c/a.yaml", "one", NULL);
    is_file(f = f->next, "c/b.yaml", "two", NULL);
    is_file(f = f->next, "c/c.yml", "", "is not read: name it c.yaml");
    is_file(f = f->next, "c/d.yaml", "", "is not a regular file");
    is_file(f = f->next, "c/e.yaml", "", "is not a regular file");
    is_file(f = f->next, "c/f.yaml", "", "does not exist");
    cr_assert_null(f->next);
}

Test(snapshot, a_missing_main_file_does_not_hide_the_collectors)
{
    make_dir("collectors.d");
    make_text("collectors.d/a.yaml", "one");
    cr_assert(load_files(&snap, in_dir("garnet.yaml")));
    is_file(snap.files, "garnet.yaml", "", "does not exist");
    is_file(snap.files->next, "collectors.d/a.yaml", "one", NULL);
}

Test(snapshot, only_a_folder_asked_for_must_be_there)
{
    make_text("garnet.yaml", "host: h\n");
    cr_assert(load_files(&snap, in_dir("garnet.yaml")));
    cr_assert_null(snap.files->next);
    snapshot_free(&snap);
    make_text("garnet.yaml", "collectors: c\n");
    cr_assert(load_files(&snap, in_dir("garnet.yaml")));
    is_file(snap.files->next, "c", "", "does not exist");
}

Test(snapshot, a_relative_path_becomes_absolute)
{
    char cwd[PATH_MAX];

    make_text("garnet.yaml", "host: h\n");
    cr_assert_not_null(getcwd(cwd, sizeof cwd));
    cr_assert_eq(chdir(dir), 0);
    cr_assert(load_files(&snap, "./garnet.yaml"));
    cr_assert_eq(chdir(cwd), 0);
    cr_assert_str_eq(snap.files->path, in_dir("garnet.yaml"));
    cr_assert_null(snap.files->error);
}

Test(snapshot, one_mebibyte_and_no_more)
{
    size_t n = (1 << 20) + 1;
    char *text = malloc(n);

    memset(text, '#', n);
    make_file("garnet.yaml", text, n - 1);
    cr_assert(load_files(&snap, in_dir("garnet.yaml")));
    cr_assert_eq(snap.files->text.n, n - 1);
    cr_assert_null(snap.files->error);
    snapshot_free(&snap);
    make_file("garnet.yaml", text, n);
    cr_assert(load_files(&snap, in_dir("garnet.yaml")));
    is_file(snap.files, "garnet.yaml", "", "is larger than 1 MiB");
    free(text);
}

/* --- who can write the configuration --- */

static const struct snapshot_file *file_named(const char *name)
{
    const struct snapshot_file *f = snap.files;

    while (f != NULL && strcmp(f->path, in_dir(name)) != 0)
        f = f->next;
    cr_assert_not_null(f);
    return f;
}

Test(snapshot, a_file_that_others_can_alter_is_not_read)
{
    make_text("garnet.yaml", "host: h");
    make_dir("collectors.d");
    make_text("collectors.d/a.yaml", "text");
    make_text("collectors.d/b.yaml", "text");
    cr_assert_eq(chmod(in_dir("collectors.d/b.yaml"), 0666), 0);
    cr_assert(load_files(&snap, in_dir("garnet.yaml")));
    cr_assert_null(file_named("collectors.d/a.yaml")->error);
    cr_assert_str_eq(file_named("collectors.d/b.yaml")->error,
                     "can be altered by everybody: chmod go-w it");
    cr_assert_eq(file_named("collectors.d/b.yaml")->text.n, 0);
    snapshot_free(&snap);
    cr_assert_eq(chmod(in_dir("collectors.d"), 0777), 0);
    cr_assert(load_files(&snap, in_dir("garnet.yaml")));
    cr_assert_str_eq(file_named("collectors.d")->error,
                     "can be altered by everybody: chmod go-w it");
    cr_assert_null(snap.files->next->next, "its files are not looked at");
    snapshot_free(&snap);
    cr_assert_eq(chmod(in_dir("garnet.yaml"), 0666), 0);
    cr_assert(load_files(&snap, in_dir("garnet.yaml")));
    cr_assert_str_eq(file_named("garnet.yaml")->error,
                     "can be altered by everybody: chmod go-w it");
}

/* --- over a pipe --- */

static void take_some(void)
{
    make_text("garnet.yaml", "host: h\n");
    make_dir("collectors.d");
    make_text("collectors.d/a.yaml", "one");
    make_text("collectors.d/b.yml", "");
    cr_assert(load_files(&snap, in_dir("garnet.yaml")));
    cr_assert(snapshot_put(&snap, snap.files, "hostname", "h"));
    cr_assert(snapshot_put(&snap, snap.files->next, "group:x", ""));
    snap.files->next->before = snapshot_copy(&snap, snap.files->next);
    cr_assert_not_null(snap.files->next->before);
    snap.files->next->before->text = str_of("before");
    snap.running = true;
}

static bool readable(const char *p, size_t n)
{
    char *exact = malloc(n ? n : 1); /* so that ASan sees a read past the end */
    struct snapshot s;
    bool ok;

    memcpy(exact, p, n);
    ok = snapshot_read(&s, (struct str){exact, n});
    if (!ok)
        cr_assert(!s.files && !s.running);
    else
        snapshot_free(&s);
    free(exact);
    return ok;
}

Test(snapshot, arrives_as_it_was_sent)
{
    struct buf out = {0}, again = {0};
    struct snapshot s;

    take_some();
    snapshot_write(&snap, &out);
    cr_assert(snapshot_read(&s, (struct str){out.p, out.n}));
    is_file(s.files, "garnet.yaml", "host: h\n", NULL);
    is_file(s.files->next, "collectors.d/a.yaml", "one", NULL);
    is_file(s.files->next->next, "collectors.d/b.yml", "", "is not read: name it b.yaml");
    cr_assert_str_eq(s.files->path, in_dir("garnet.yaml"));
    cr_assert_str_eq(snapshot_get(s.files, "hostname"), "h");
    cr_assert_str_eq(snapshot_get(s.files->next, "group:x"), "");
    cr_assert_null(snapshot_get(s.files, "group:x"), "each file has facts of its own");
    cr_assert_null(snapshot_get(s.files, "user:x"));
    is_file(s.files->next->before, "collectors.d/a.yaml", "before", NULL);
    cr_assert_str_eq(snapshot_get(s.files->next->before, "group:x"), "");
    cr_assert_null(s.files->before);
    cr_assert(s.running);
    snapshot_write(&s, &again);
    cr_assert(str_eq((struct str){out.p, out.n}, (struct str){again.p, again.n}));
    snapshot_free(&s);
    buf_free(&out);
    buf_free(&again);
}

Test(snapshot, no_part_of_it_is_taken_for_the_whole)
{
    struct buf out = {0};

    take_some();
    snapshot_write(&snap, &out);
    cr_assert(readable(out.p, out.n));
    for (size_t n = 0; n < out.n; n++)
        cr_assert_not(readable(out.p, n), "%zu of %zu bytes", n, out.n);
    buf_putc(&out, 0);
    cr_assert_not(readable(out.p, out.n));
    buf_free(&out);
}

Test(snapshot, damaged_bytes_never_crash)
{
    struct buf out = {0};
    unsigned refused = 0;

    take_some();
    snapshot_write(&snap, &out);
    for (size_t i = 0; i < out.n; i++)
        for (int bit = 0; bit < 8; bit++) {
            out.p[i] = (char)(out.p[i] ^ (1 << bit));
            refused += !readable(out.p, out.n);
            out.p[i] = (char)(out.p[i] ^ (1 << bit));
        }
    cr_assert_gt(refused, 8 * 4); /* every length and the magic */
    buf_free(&out);
}
