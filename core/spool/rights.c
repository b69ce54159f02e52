/* spool/rights.c - the rights of the spool's folder and all that is in it: garnetd's user's alone
 *
 * A file is opened only when its mode is too wide, and without following a link. What cannot be changed is
 * logged: a spool that is too open still works.
 */
#include "spool/rights.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/log.h"

enum { OTHERS = 077 /* in a mode */ };

static bool ends_with(const char *name, const char *end)
{
    size_t n = strlen(name), m = strlen(end);

    return n > m && strcmp(name + n - m, end) == 0;
}

static bool too_wide(const struct stat *st)
{
    return (st->st_mode & OTHERS) != 0;
}

static void tighten(int fd, const char *what)
{
    struct stat st;

    if (fstat(fd, &st) == 0 && too_wide(&st) && fchmod(fd, st.st_mode & 0700) < 0)
        log_warn("spool: %s is open to others than garnetd's user, and that cannot be changed: %m; "
                 "`chmod go=` it as its owner, or give it to the user that garnetd runs as",
                 what);
}

static void tighten_file(int dirfd, const char *name)
{
    struct stat st;
    int fd;

    if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode) ||
        !too_wide(&st))
        return;
    fd = openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        log_warn("spool: %s is open to others than garnetd's user, and cannot be opened: %m", name);
    else
        tighten(fd, name);
    fd_close(&fd);
}

static DIR *list_names(int dirfd, const char *name)
{
    return fd_list(openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
}

/* "cursors" and "quarantine": all in there is ours. */
static void tighten_folder(int parent, const char *name)
{
    DIR *dir = list_names(parent, name);
    struct dirent *d;

    if (dir == NULL)
        return;
    tighten(dirfd(dir), name);
    while ((d = readdir(dir)) != NULL)
        tighten_file(dirfd(dir), d->d_name);
    closedir(dir);
}

static bool file_of_ours(const char *name)
{
    return strcmp(name, "lock") == 0 || strcmp(name, "sinks") == 0 || strcmp(name, "slots") == 0 ||
           ends_with(name, ".seg") || (name[0] == '.' && ends_with(name, ".tmp"));
}

static bool folder_of_ours(const char *name)
{
    return strcmp(name, "cursors") == 0 || strcmp(name, "quarantine") == 0;
}

/* What is there in every folder, or in every file system's first. */
static bool nobodys(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || strcmp(name, "lost+found") == 0;
}

/* Everything in it; a name in there that is not ours into other[], "" for none. */
static void tighten_all(DIR *dir, char other[NAME_MAX + 1])
{
    struct dirent *d;

    other[0] = '\0';
    while ((d = readdir(dir)) != NULL)
        if (file_of_ours(d->d_name))
            tighten_file(dirfd(dir), d->d_name);
        else if (folder_of_ours(d->d_name))
            tighten_folder(dirfd(dir), d->d_name);
        else if (!nobodys(d->d_name))
            (void)snprintf(other, NAME_MAX + 1, "%s", d->d_name);
}

/* Takes from all others what an older garnetd, or somebody by hand, has given them: from the folder,
 * and from everything of ours in it. A folder in which there are files of somebody else's keeps its
 * mode. False for a folder that everybody may write to, such as /tmp itself. */
bool rights_tighten(int dirfd, struct why *why)
{
    char other[NAME_MAX + 1] = "";
    struct stat st;
    DIR *dir;

    if (fstat(dirfd, &st) < 0)
        return why_set(why, "cannot be looked at: %m");
    if ((st.st_mode & S_ISVTX) != 0 && (st.st_mode & S_IWOTH) != 0)
        return why_set(why, "is a folder that everybody may write to: write the name of a "
                            "folder in it, which garnetd then makes");
    if ((dir = list_names(dirfd, ".")) == NULL)
        return true; /* who cannot list it finds out soon enough */
    tighten_all(dir, other);
    closedir(dir);
    if (other[0] == '\0')
        tighten(dirfd, "the folder");
    else if (too_wide(&st))
        log_warn("spool: others than garnetd's user may look into the folder, and that is left as "
                 "it is because of what else is in there, \"%s\" for one: give the spool a folder "
                 "of its own",
                 other);
    return true;
}
