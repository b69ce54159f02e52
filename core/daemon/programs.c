/* daemon/programs.c - finds garnet-sink beside garnetd or in the libexec folder. Cannot fail: a
 * program that is not there is reported by whoever runs it.
 */
#include "daemon/programs.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

const char *program_path(const char *name)
{
    static char path[PATH_MAX];
    char self[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    self[n > 0 ? n : 0] = '\0';
    char *slash = strrchr(self, '/');
    if (slash != NULL) {
        *slash = '\0';
        int len = snprintf(path, sizeof path, "%s/%s", self, name);
        if (len > 0 && (size_t)len < sizeof path && access(path, X_OK) == 0)
            return path;
    }
    snprintf(path, sizeof path, "%s/%s", GARNET_LIBEXEC_DIR, name);
    return path;
}
