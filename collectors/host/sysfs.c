/* sysfs.c - scandir(), and a read at once: sysfs makes a file's text as a whole */
#include "host/sysfs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fd.h"

enum { PATH_MOST = 4096 };

void sysfs_each(struct host *h, const char *dir, const char *start, bool needed,
                void (*take)(struct host *h, const char *dir, const char *name))
{
    char path[PATH_MOST];
    struct dirent **list;
    int n = scandir(host_path(h, dir, path, sizeof path), &list, NULL, versionsort);

    if (n < 0) {
        if (errno != ENOENT)
            host_complain(h, "cannot list %s: %m", path);
        else if (needed)
            host_miss(h, "cannot list %s: %m", path);
        return;
    }
    for (int i = 0; i < n; i++) {
        if (strncmp(list[i]->d_name, start, strlen(start)) == 0 && list[i]->d_name[0] != '.')
            take(h, dir, list[i]->d_name);
        free(list[i]);
    }
    free(list);
}

bool sysfs_line(const struct host *h, const char *dir, const char *name, char out[SYSFS_VALUE],
                struct str *line)
{
    char path[PATH_MOST];
    size_t at = strlen(host_path(h, dir, path, sizeof path));
    struct str text;
    ssize_t n;
    int fd;

    (void)snprintf(path + at, sizeof path - at, "/%s", name);
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return false;
    n = read(fd, out, SYSFS_VALUE);
    fd_close(&fd);
    if (n < 0)
        return false;
    errno = EINVAL;
    text = (struct str){out, (size_t)n};
    return field_line(&text, line) && line->n > 0;
}

bool sysfs_number(const struct host *h, const char *dir, const char *name, int64_t *v)
{
    char text[SYSFS_VALUE];
    struct str word;
    uint64_t size;
    bool negative;

    if (!sysfs_line(h, dir, name, text, &word))
        return false;
    negative = word.s[0] == '-';
    word.s += negative;
    word.n -= negative;
    errno = EINVAL;
    if (!field_u64(word, &size) || size > INT64_MAX)
        return false;
    *v = negative ? -(int64_t)size : (int64_t)size;
    return true;
}
