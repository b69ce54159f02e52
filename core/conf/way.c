/* conf/way.c - one readlink() for each part of a path */
#include "conf/way.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { LINKS = 40 /* as many as the kernel follows */ };

static void cut_last(char *path)
{
    char *slash = strrchr(path, '/');

    if (slash != NULL)
        *slash = 0;
}

/* Moves `n` bytes of the rest, and a slash before them, to what has been passed. */
static void take(struct way *w, size_t n)
{
    size_t had = strlen(w->at);

    (void)snprintf(w->at + had, sizeof w->at - had, "/%.*s", (int)n, w->rest);
    memmove(w->rest, w->rest + n, strlen(w->rest + n) + 1);
}

/* False: nothing is left. */
static bool next_part(struct way *w)
{
    for (;;) {
        size_t slashes = strspn(w->rest, "/"), n;

        memmove(w->rest, w->rest + slashes, strlen(w->rest + slashes) + 1);
        n = strcspn(w->rest, "/");
        if (n == 0) {
            if (w->at[0] == 0)
                (void)strcpy(w->at, "/");
            return false;
        }
        if (n > 2 || strncmp(w->rest, "..", n) != 0) {
            take(w, n);
            return true;
        }
        if (n == 2)
            cut_last(w->at);
        memmove(w->rest, w->rest + n, strlen(w->rest + n) + 1);
    }
}

void way_begin(struct way *w, const char *path)
{
    w->at[0] = 0;
    w->links = 0;
    (void)snprintf(w->rest, sizeof w->rest, "%s", path);
    (void)next_part(w);
}

bool way_on(struct way *w)
{
    char link[PATH_MAX], rest[PATH_MAX];
    ssize_t n = readlink(w->at, link, sizeof link - 1);
    int all;

    if (n < 0)
        return next_part(w);
    link[n] = 0;
    all = snprintf(rest, sizeof rest, "%s%s", link, w->rest);
    if (++w->links > LINKS || all >= (int)sizeof rest)
        return false;
    memcpy(w->rest, rest, (size_t)all + 1);
    if (*link == '/')
        w->at[0] = 0;
    else
        cut_last(w->at);
    return next_part(w);
}
