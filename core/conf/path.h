/* conf/path.h - how a path in a configuration file is read: from the folder of that file */
#pragma once
#include "base/arena.h"

/* `path` as written in `file`, made absolute where `file` is ("//" and "/./" removed, ".." kept:
 * only the system knows where links lead). NULL when out of memory. */
char *path_from(struct arena *a, const char *file, const char *path);
char *path_join(struct arena *a, const char *dir, const char *name);
struct str path_dir(const char *path); /* up to the last slash; "." without one, "/" for the root */
const char *path_base(const char *path); /* after the last slash */
bool path_ends(const char *path, const char *suffix);
