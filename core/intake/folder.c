/* intake/folder.c - making the folder of a path
 *
 * One level only: a missing /run/garnet is normal after a reboot, a missing /rnu is a typing
 * error. Fails as mkdir does; a folder that is there already is good, whoever made it.
 */
#include "intake/folder.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

bool make_folder_of(const char *path, char why[256])
{
    const char *slash = strrchr(path, '/');
    char folder[PATH_MAX];
    size_t n = slash != NULL ? (size_t)(slash - path) : 0;

    if (n == 0 || n >= sizeof folder)
        return true; /* the root, the working directory, or what open() will say it better about */
    memcpy(folder, path, n);
    folder[n] = 0;
    if (mkdir(folder, 0755) == 0 || errno == EEXIST)
        return true;
    (void)snprintf(why, 256, "cannot make the folder %.150s: %s", folder, strerror(errno));
    return false;
}
