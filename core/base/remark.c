/* base/remark.c - the newest takes the place of the one before */
#include "base/remark.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/clock.h"

void remark_set(struct remark *r, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(r->text, sizeof r->text, fmt, ap);
    va_end(ap);
    r->at = clock_wall();
}
