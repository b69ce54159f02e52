/* base/program.h - where another program of ours is */
#pragma once

enum { PROGRAM_PATH = 4096 + 256 }; /* bytes */

/* The file `name` beside the running program where it is there (the build tree, a private prefix), which is then
 * in path[], else `installed`. */
const char *program_beside(char path[PROGRAM_PATH], const char *name, const char *installed);
