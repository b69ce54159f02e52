/* tests/rig/files.h - files and folders that tests make, read and remove; all assert */
#pragma once
#include "base/arena.h"

/* A folder with all that is in it. */
void remove_tree(const char *path);
/* At once: a reader beside the test sees the old file or the new one. A symbolic link is replaced. */
void write_text(const char *path, const char *text);
/* Executable for all. */
void write_script(const char *path, const char *text);
/* Allocated in `a`; "" when there is no such file. */
const char *read_text(struct arena *a, const char *path);
