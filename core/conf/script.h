/* conf/script.h - why a file that is to be run cannot be, in words
 *
 * execve() says "No such file or directory" of a script whose interpreter is missing, "Permission
 * denied" of a mount with noexec and "Exec format error" of a script without its first line. This
 * looks at what the kernel looks at and names what it is. It reads files, and so takes as long as
 * their disk does: for processes that may wait.
 */
#pragma once
#include <stdbool.h>

#include "base/why.h"

/* True and a clause that fits after the file's name ("is a folder: ..."), or false when nothing is
 * found. `path` is absolute; `search` is the PATH that it will run with, or NULL: what it starts
 * through env(1) is not looked for. */
bool script_fault(const char *path, const char *search, struct why *why);
