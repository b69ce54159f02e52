/* base/buf.c - memory that doubles and never shrinks
 *
 * So appending is cheap on average, and a buf that is reused soon stops allocating. The one failure
 * is that of memory (or of the buf's own `max`); it sets `failed`, and from then on nothing is
 * appended, so that no text with a hole in it can get out.
 */
#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { FIRST_CAP = 64 };

int str_cmp(struct str a, struct str b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int d = n > 0 ? (unsigned char)*a.s - (unsigned char)*b.s : 0; /* mostly that is enough */

    if (d == 0 && n > 0)
        d = memcmp(a.s, b.s, n);
    if (d != 0)
        return d;
    return (a.n > b.n) - (a.n < b.n);
}

bool str_first_part(struct str s, const char *part)
{
    size_t n = strlen(part);

    while (s.n > 0 && s.s[0] == '.')
        s = (struct str){s.s + 1, s.n - 1};
    return s.n >= n && memcmp(s.s, part, n) == 0 && (s.n == n || s.s[n] == '.');
}

bool str_line(struct str *text, struct str *line)
{
    const char *end;

    if (text->n == 0)
        return false;
    end = memchr(text->s, '\n', text->n);
    *line = (struct str){text->s, end != NULL ? (size_t)(end - text->s) : text->n};
    text->s += line->n + (end != NULL);
    text->n -= line->n + (end != NULL);
    return true;
}

bool buf_ok(const struct buf *b)
{
    return !b->failed;
}

void buf_reset(struct buf *b)
{
    b->n = 0;
    b->failed = false;
}

void buf_free(struct buf *b)
{
    free(b->p);
    *b = (struct buf){.max = b->max};
}

/* Capacity for n more bytes, whatever `max` says: printf needs one beyond it for its NUL. */
static bool buf_grow(struct buf *b, size_t n)
{
    size_t cap = b->cap > 0 ? b->cap : FIRST_CAP;
    char *p;

    if (n > SIZE_MAX / 2 - b->n)
        return false;
    while (cap < b->n + n)
        cap *= 2;
    p = realloc(b->p, cap);
    if (p == NULL)
        return false;
    b->p = p;
    b->cap = cap;
    return true;
}

/* Another bound than memory's, or memory that is not there yet. */
__attribute__((noinline)) static char *ask_for_room(struct buf *b, size_t n)
{
    if (b->failed)
        return NULL;
    if ((b->max > 0 && (b->n > b->max || n > b->max - b->n)) ||
        ((b->p == NULL || n > b->cap - b->n) && !buf_grow(b, n))) {
        b->failed = true;
        return NULL;
    }
    return b->p + b->n;
}

/* Nearly always there is room. */
static inline char *find_room(struct buf *b, size_t n)
{
    size_t end = b->n + n;

    if (end < n || end > b->cap || (b->max > 0 && end > b->max) || b->failed || b->p == NULL)
        return ask_for_room(b, n);
    return b->p + b->n;
}

char *buf_room(struct buf *b, size_t n)
{
    return find_room(b, n);
}

void buf_put(struct buf *b, const void *p, size_t n)
{
    char *to = n > 0 ? find_room(b, n) : NULL;

    if (to == NULL)
        return;
    memcpy(to, p, n);
    b->n += n;
}

void buf_putc(struct buf *b, char c)
{
    buf_put(b, &c, 1);
}

void buf_puts(struct buf *b, const char *s)
{
    buf_put(b, s, strlen(s));
}

void buf_putstr(struct buf *b, struct str s)
{
    buf_put(b, s.s, s.n);
}

/* Straight into what memory there is, and again if that was not enough. */
__attribute__((format(printf, 2, 3))) void buf_putf(struct buf *b, const char *fmt, ...)
{
    for (;;) {
        size_t spare = b->cap - b->n;
        va_list ap;
        int n;

        va_start(ap, fmt);
        n = vsnprintf(spare > 0 ? b->p + b->n : NULL, spare, fmt, ap);
        va_end(ap);
        if (n < 0)
            b->failed = true;
        if (n <= 0 || buf_room(b, (size_t)n) == NULL)
            return;
        if ((size_t)n < spare) {
            b->n += (size_t)n;
            return;
        }
        if ((size_t)n >= b->cap - b->n && !buf_grow(b, (size_t)n + 1)) {
            b->failed = true;
            return;
        }
    }
}

void buf_drop(struct buf *b, size_t n)
{
    if (n >= b->n) {
        b->n = 0;
        return;
    }
    if (n > 0)
        memmove(b->p, b->p + n, b->n - n);
    b->n -= n;
}
