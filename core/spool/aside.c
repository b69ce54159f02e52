/* spool/aside.c - one rename there, one back: a power failure leaves one of the two names
 */
#include "spool/aside.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"

enum { PATH = NAME_MAX + 32 };

static int rename_cursor(int dirfd, const char *from, const char *to)
{
    char old[PATH], new[PATH];

    (void)snprintf(old, sizeof old, "cursors/%s", from);
    (void)snprintf(new, sizeof new, "cursors/%s", to);
    return renameat(dirfd, old, dirfd, new);
}

int aside_put(int dirfd, const char *name, uint64_t id, int64_t now)
{
    char file[NAME_MAX + 1];
    int n = snprintf(file, sizeof file, "%s@%" PRIx64 "@%" PRIx64, name, id, (uint64_t)now);

    if (n >= 0 && n < (int)sizeof file)
        return rename_cursor(dirfd, name, file);
    errno = ENAMETOOLONG;
    return -1;
}

int aside_take(int dirfd, const struct aside *a)
{
    return rename_cursor(dirfd, a->file, a->name);
}

/* Nothing that could lead out of the folder is in it: it is a name from there. */
static bool parse(const char *file, struct aside *a)
{
    const char *at = strchr(file, '@');
    char *end;

    if (at == NULL || at == file || *file == '.')
        return false;
    (void)snprintf(a->file, sizeof a->file, "%s", file);
    (void)snprintf(a->name, sizeof a->name, "%.*s", (int)(at - file), file);
    a->id = strtoull(at + 1, &end, 16);
    if (*end != '@')
        return false;
    a->since = (int64_t)strtoull(end + 1, &end, 16);
    return *end == 0;
}

int aside_each(int dirfd, void (*fn)(void *arg, const struct aside *a), void *arg)
{
    DIR *list = fd_list(openat(dirfd, "cursors", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    struct dirent *d;
    struct aside a;

    if (list == NULL)
        return errno == ENOENT ? 0 : -1;
    while ((d = readdir(list)) != NULL)
        if (parse(d->d_name, &a))
            fn(arg, &a);
    (void)closedir(list);
    return 0;
}
