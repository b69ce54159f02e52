/* base/program.c - by /proc/self/exe; without it, where it is installed */
#include "base/program.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

const char *program_beside(char path[PROGRAM_PATH], const char *name, const char *installed)
{
    char self[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    char *slash;

    self[n > 0 ? n : 0] = '\0';
    if ((slash = strrchr(self, '/')) == NULL)
        return installed;
    (void)snprintf(path, PROGRAM_PATH, "%.*s/%.250s", (int)(slash - self), self, name);
    return access(path, X_OK) == 0 ? path : installed;
}
