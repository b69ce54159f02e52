/* base/program.h - where another program of ours is */
#pragma once

/* The file `name` beside the running program where it is there (the build tree, a private prefix), else `installed`. In
 * static memory: one at a time. */
const char *program_beside(const char *name, const char *installed);
