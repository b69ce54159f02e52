/* base/help.c - the arguments are looked through before any of them is used
 *
 * Whoever asks gets the answer where it can be piped to a pager, and status 0, whatever else is on
 * the command line. Fails when standard output cannot be written.
 */
#include "base/help.h"

#include <stdio.h>
#include <string.h>

#include "base/exit.h"

static int told(const char *program)
{
    if (fflush(stdout) == 0)
        return 0;
    (void)fprintf(stderr, "%s: cannot write to standard output\n", program);
    return EXIT_WORLD;
}

int help_asked(int argc, char *const argv[], const char *program, const char *help)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            (void)fputs(help, stdout);
            return told(program);
        } else if (strcmp(argv[i], "--version") == 0 || strcmp(argv[i], "-V") == 0) {
            (void)printf("%s %s\n", program, GARNET_VERSION);
            return told(program);
        }
    return -1;
}
