/* base/why.c - an error's text is formatted beside the value and then copied
 *
 * So the old text may be among the arguments. Needs no memory and dies of nothing: where printf
 * fails, the text is what it had made by then.
 */
#include "base/why.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char CUT[] = "...";

/* CUT stands behind the last whole character that leaves room for it. */
static void mark_cut(char text[WHY_SIZE])
{
    size_t at = WHY_SIZE - sizeof CUT;

    while (at > 0 && ((unsigned char)text[at] & 0xc0) == 0x80)
        at--;
    memcpy(text + at, CUT, sizeof CUT);
}

bool why_setv(struct why *w, const char *fmt, va_list ap)
{
    char text[WHY_SIZE] = "";
    int keep = errno;

    if (vsnprintf(text, sizeof text, fmt, ap) >= WHY_SIZE)
        mark_cut(text);
    memcpy(w->text, text, sizeof text);
    errno = keep;
    return false;
}

bool why_set(struct why *w, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    (void)why_setv(w, fmt, ap);
    va_end(ap);
    return false;
}
