/* tests/rig/files.c - plain system calls; a tree is removed from its leaves up */
#include "rig/files.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"

static int remove_entry(const char *path, const struct stat *st, int flag, struct FTW *w)
{
    (void)st, (void)flag, (void)w;
    return remove(path);
}

void remove_tree(const char *path)
{
    cr_assert_eq(nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS), 0, "%s", path);
}

static void put_text(const char *path, const char *text, mode_t mode)
{
    char aside[4096];
    int fd;

    cr_assert_lt(snprintf(aside, sizeof aside, "%s~", path), (int)sizeof aside);
    fd = open(aside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    cr_assert_geq(fd, 0, "%s", path);
    cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    cr_assert_eq(fchmod(fd, mode), 0);
    close(fd);
    cr_assert_eq(rename(aside, path), 0, "%s", path);
}

void write_text(const char *path, const char *text)
{
    put_text(path, text, 0600);
}

void write_script(const char *path, const char *text)
{
    put_text(path, text, 0755);
}

const char *read_text(struct arena *a, const char *path)
{
    struct buf b = {0};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = 1;
    char *text;

    while (fd >= 0 && n > 0) {
        n = read(fd, buf_room(&b, 65536), 65536);
        cr_assert_geq(n, 0, "%s", path);
        b.n += (size_t)n;
    }
    if (fd >= 0)
        close(fd);
    text = arena_strndup(a, b.n > 0 ? b.p : "", b.n);
    buf_free(&b);
    return text;
}
