/* spool/aside.h - cursors of sinks that are gone, set aside under another name: it says whose, and since when
 *
 * "cursors/NAME@ID@TIME", ID and TIME (seconds, wall) in hexadecimal. No sink's name has an @, and the
 * writer heeds it as any other cursor: numbers that it has seen are not given again.
 */
#pragma once
#include <limits.h>
#include <stdint.h>

struct aside {
    char file[NAME_MAX + 1]; /* to cursor_read() */
    char name[NAME_MAX + 1]; /* of the sink */
    uint64_t id;             /* whoever sets it aside knows what this is; 0: nothing was known */
    int64_t since;           /* wall, s */
};

/* All return 0, or -1 with errno. */
int aside_put(int dirfd, const char *name, uint64_t id, int64_t now);
int aside_take(int dirfd, const struct aside *a); /* it is its sink's cursor again */
/* Calls fn for each; it may take and remove that one. */
int aside_each(int dirfd, void (*fn)(void *arg, const struct aside *a), void *arg);
