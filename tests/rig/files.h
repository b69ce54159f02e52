/* tests/rig/files.h - files and folders that tests make, read and remove; all assert */
#ifndef RIG_FILES_H
#define RIG_FILES_H
#include "base/arena.h"

/* A folder with all that is in it. */
void remove_tree(const char *path);
void write_text(const char *path, const char *text);
/* Allocated in `a`; "" when there is no such file. */
const char *read_text(struct arena *a, const char *path);

#endif
