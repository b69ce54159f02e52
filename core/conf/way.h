/* conf/way.h - where a path leads, link by link: so that it is known where a process stands that does not
 * come back, and which file system that is
 */
#pragma once
#include <limits.h>
#include <stdbool.h>

struct way {
    char at[PATH_MAX]; /* what is touched next, its own links resolved */
    char rest[PATH_MAX];
    unsigned links;
};

/* To the first part of it; nothing is touched yet. `path` is absolute. */
void way_begin(struct way *w, const char *path);
/* Touches `at`, which may hang, and goes on to what is touched then. False: that was the end, or a link too many. What is not
 * there or no folder is passed like any other part. */
bool way_on(struct way *w);
