/* conf/errors.c - every error of a configuration, in one go, each with its place
 *
 * One line an error, whatever bytes the user wrote: control bytes are escaped. After ERRORS_SHOWN
 * lines the rest are only counted, so that a hostile megabyte cannot become a hostile gigabyte of
 * complaints. Dies of nothing: without memory `text` fails and stays failed, but `n` is still
 * right.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "conf/errors.h"

enum { ERRORS_SHOWN = 1000 };

static void put_place(struct buf *b, struct pos at)
{
    if (!at.file)
        return;
    buf_put_visible(b, str_of(at.file));
    if (at.line > 0)
        buf_putf(b, ":%u:%u", at.line, at.col);
    buf_puts(b, ": ");
}

void errors_add(struct errors *e, struct pos at, const char *fmt, ...)
{
    char *msg;
    va_list ap;
    int n;

    if (++e->n > ERRORS_SHOWN) {
        if (e->n == ERRORS_SHOWN + 1)
            buf_puts(&e->text, "there are more errors: mend these first\n");
        return;
    }
    va_start(ap, fmt);
    n = vasprintf(&msg, fmt, ap);
    va_end(ap);
    if (n < 0) {
        e->text.failed = true;
        return;
    }
    put_place(&e->text, at);
    buf_put_visible(&e->text, (struct str){msg, (size_t)n});
    buf_putc(&e->text, '\n');
    free(msg);
}

void errors_free(struct errors *e)
{
    buf_free(&e->text);
    e->n = 0;
}
