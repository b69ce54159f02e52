/* base/help.h - --help and --version, the same for every program of ours and each subcommand */
#ifndef BASE_HELP_H
#define BASE_HELP_H

/* Looks for --help or -h, --version or -V among the arguments, up to a "--". -1: neither is there.
 * Else it has been printed to standard output, and this is the exit status: 0, or EXIT_WORLD. */
int help_asked(int argc, char *const argv[], const char *program, const char *help);

#endif
