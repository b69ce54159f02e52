/* daemon/check_print.c - errors go to standard error as they are, warnings marked; fails as stdio does */
#include "daemon/check_print.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/exit.h"
#include "base/terminal.h"
#include "daemon/check.h"

int check_print(const char *path, const char *sink_program, struct buf *snapshot)
{
    struct errors e = {0};
    struct asking asking = {.table = -1};
    bool good = check_configuration(path, NULL, &asking, sink_program, snapshot, &e);
    char *rest;
    int status;

    buf_putc(&e.warnings, '\0');
    rest = buf_ok(&e.warnings) ? e.warnings.p : NULL;
    for (char *line; (line = strsep(&rest, "\n")) != NULL && *line != 0;)
        fprintf(stderr, "warning: %s\n", line);
    status = e.n == 0 ? EXIT_SUCCESS : good ? EXIT_REFUSED : EXIT_CONFIG;
    if (e.n > 0)
        fwrite(e.text.p, 1, e.text.n, stderr);
    if (good)
        say(stdout, e.n == 0 ? "%s: no errors" : "%s: no errors but of what is refused", path);
    errors_free(&e);
    return status;
}
