/* sysfs.h - small files of /sys, of things that come and go: listed and read anew each time
 *
 * A read may wait for the device, so what uses this is not in `host`.
 */
#pragma once
#include "host/host.h"

enum { SYSFS_VALUE = 256 }; /* bytes; a longer line is none */

/* The names in the folder `dir` ("/sys/class/hwmon") that begin with `start`, sorted as people count: each goes to `take`.
 * A complaint when the folder cannot be listed; when it is not there, only if it is `needed`. */
void sysfs_each(struct host *h, const char *dir, const char *start, bool needed,
                void (*take)(struct host *h, const char *dir, const char *name));
/* The one line in DIR/NAME, in out. False, with errno: it cannot be read; EINVAL: it is empty, too long
 * or has no end. */
bool sysfs_line(const struct host *h, const char *dir, const char *name, char out[SYSFS_VALUE],
                struct str *line);
/* The same as a whole number, which may be negative; EINVAL: it is none. */
bool sysfs_number(const struct host *h, const char *dir, const char *name, int64_t *v);
