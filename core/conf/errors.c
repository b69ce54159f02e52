/* conf/errors.c - lines in two buffers
 *
 * One line an error, whatever bytes the user wrote: control bytes are escaped. After ERRORS_SHOWN
 * lines the rest are only counted, so that a hostile megabyte cannot become a hostile gigabyte of
 * complaints. Dies of nothing: without memory `text` fails and stays failed, but `n` is still
 * right.
 */
#include "conf/errors.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"

enum { ERRORS_SHOWN = 1000 };

static const char MORE[] = "there are more errors: mend these first\n";

static void put_place(struct buf *b, struct pos at)
{
    if (at.file == NULL)
        return;
    buf_put_visible(b, str_of(at.file));
    if (at.line > 0)
        buf_putf(b, ":%u:%u", at.line, at.col);
    buf_puts(b, ": ");
}

__attribute__((format(printf, 4, 0))) static void add(struct buf *b, unsigned n, struct pos at,
                                                      const char *fmt, va_list ap)
{
    char *msg;
    int len;

    if (n > ERRORS_SHOWN) {
        if (n == ERRORS_SHOWN + 1)
            buf_puts(b, MORE);
        return;
    }
    len = vasprintf(&msg, fmt, ap);
    if (len < 0) {
        b->failed = true;
        return;
    }
    put_place(b, at);
    buf_put_visible(b, (struct str){msg, (size_t)len});
    buf_putc(b, '\n');
    free(msg);
}

void errors_add(struct errors *e, struct pos at, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    add(&e->text, ++e->n, at, fmt, ap);
    va_end(ap);
}

void errors_world(struct errors *e, struct pos at, const char *fmt, ...)
{
    va_list ap;

    e->world++;
    va_start(ap, fmt);
    add(&e->text, ++e->n, at, fmt, ap);
    va_end(ap);
}

void errors_warn(struct errors *e, struct pos at, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    add(&e->warnings, ++e->nwarnings, at, fmt, ap);
    va_end(ap);
}

/* While there is room for them: `n` stand in `to` already, and `more` come. */
static void join_text(struct buf *to, unsigned n, const struct buf *from, unsigned more)
{
    if (n <= ERRORS_SHOWN)
        buf_put(to, from->p, from->n);
    if (n <= ERRORS_SHOWN && more <= ERRORS_SHOWN && n + more > ERRORS_SHOWN)
        buf_puts(to, MORE);
    to->failed |= from->failed;
}

void errors_world_lines(struct errors *e, struct str lines)
{
    for (struct str line; str_line(&lines, &line);)
        errors_world(e, (struct pos){0}, "%.*s", (int)line.n, line.s);
}

void errors_join(struct errors *e, const struct errors *part, bool apart)
{
    join_text(&e->text, e->n, &part->text, part->n);
    join_text(&e->warnings, e->nwarnings, &part->warnings, part->nwarnings);
    e->n += part->n;
    e->nwarnings += part->nwarnings;
    e->apart += apart ? part->n : part->apart;
    e->world += apart ? 0 : part->world;
}

void errors_free(struct errors *e)
{
    buf_free(&e->text);
    buf_free(&e->warnings);
    e->n = e->nwarnings = e->apart = e->world = 0;
}
