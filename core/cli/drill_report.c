/* cli/drill_report.c - lines to standard output; there are fewer steps than room for them */
#include "cli/drill_report.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/terminal.h"

enum { LINE = 1024 };

void drill_begin(struct drill_report *r, const char *name, uint64_t metric)
{
    if (r->nsteps < sizeof r->steps / sizeof *r->steps)
        r->steps[r->nsteps++] = (struct drill_step){name, metric};
}

const char *drill_step_of(const struct drill_report *r, uint64_t metric)
{
    size_t i = r->nsteps;

    while (i > 1 && r->steps[i - 1].from > metric)
        i--;
    return i > 0 ? r->steps[i - 1].name : "?";
}

__attribute__((format(printf, 2, 0))) static void put_verdict(const char *verdict, const char *fmt,
                                                              va_list ap)
{
    char text[LINE];

    (void)vsnprintf(text, sizeof text, fmt, ap);
    say(stdout, "%s deliver: %s", verdict, text);
}

void drill_tell(const char *verdict, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    put_verdict(verdict, fmt, ap);
    va_end(ap);
}

bool drill_fail(struct drill_report *r, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    put_verdict("FAIL", fmt, ap);
    va_end(ap);
    r->failed = true;
    return false;
}
