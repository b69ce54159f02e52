/* daemon/programs.h - where Garnet's other programs are
 *
 * Beside this one when they are there (the build tree, a private prefix), else where they are
 * installed.
 */
#ifndef DAEMON_PROGRAMS_H
#define DAEMON_PROGRAMS_H

const char *program_path(const char *name); /* found once at start; static storage */

#endif
