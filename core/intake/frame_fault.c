/* intake/frame_fault.c - where the structure breaks: what is said, and where to go on
 *
 * The rules are in frame.h. A fault is told once: what is left over of an object that was given up
 * for a line within it lies on lines that were read before, so outside of objects those lines are
 * skipped in silence. Nothing here allocates or fails.
 */
#include <stdarg.h>
#include <stdio.h>

#include "intake/frame_scan.h"

void frame_give_up(struct frame *f, size_t length)
{
    f->again = f->mark.line > 0 ? length - f->mark_at : 0;
}

void frame_go_back(struct frame *f)
{
    f->now = f->mark;
    f->line_blank = true;
    f->mark.line = 0;
    f->length = 0;
    f->depth = 0;
    f->passing = false;
    f->array = f->array != NO_ARRAY ? MAYBE_ARRAY : NO_ARRAY;
    f->state = TOP;
}

enum frame_result frame_too_long(struct frame *f, size_t length)
{
    f->fault = f->start;
    (void)snprintf(f->why, sizeof f->why, "longer than %zu bytes", f->max_value);
    frame_give_up(f, length);
    return FRAME_FAULT;
}

static bool silent(const struct frame *f)
{
    return f->passing || (f->depth == 0 && f->now.line <= f->told_line);
}

enum frame_result frame_fault(struct scan *s, const char *fmt, ...)
{
    struct frame *f = s->f;
    enum frame_result r = silent(f) ? FRAME_MORE : FRAME_FAULT;
    bool starts_value = at_open(s) && f->line_blank;
    size_t n = length(s);
    va_list ap;

    if (n > f->max_value) {
        (void)frame_too_long(f, n);
    } else if (r == FRAME_FAULT) {
        f->fault = place(s);
        va_start(ap, fmt);
        (void)vsnprintf(f->why, sizeof f->why, fmt, ap);
        va_end(ap);
        if (n > 0)
            frame_give_up(f, n);
        if (f->again > 0)
            f->told_line = f->fault.line - starts_value;
    }
    f->depth = 0;
    f->passing = false;
    if (f->array != NO_ARRAY)
        f->array = MAYBE_ARRAY;
    f->state = starts_value ? TOP : SKIP_LINE;
    return r;
}

enum frame_result frame_unexpected(struct scan *s, const char *expected)
{
    unsigned char c = (unsigned char)s->p[s->i];

    if (frame_class[c] == CONTROL)
        return frame_fault(s, "control byte 0x%02x: this is not text", c);
    if (c == '\'')
        return frame_fault(s, "expected %s: JSON's strings need double quotes", expected);
    return frame_fault(s, "expected %s", expected);
}

enum frame_result frame_skip(struct scan *s)
{
    struct frame *f = s->f;

    if (f->state == SKIP_LINE) {
        const char *end = memchr(s->p + s->i, '\n', s->n - s->i);

        f->line_blank = false;
        s->i = end != NULL ? (size_t)(end - s->p) : s->n;
        if (end == NULL)
            return FRAME_MORE;
        f->state = SKIP_BLANK;
    }
    skip_blanks(s);
    if (s->i == s->n)
        return FRAME_MORE;
    if (s->p[s->i] == ',' && f->array != NO_ARRAY) {
        f->line_blank = false;
        s->i++;
    } else {
        f->state = at_open(s) ? TOP : SKIP_LINE;
    }
    return FRAME_MORE;
}
