/* conf/place.c - goes over the text line by line, from where it was last
 *
 * A place before the last one is looked for from the beginning. Dies of nothing.
 */
#include "conf/place.h"

/* Bytes of the line break at s by YAML 1.1; 0 = there is none. */
static size_t break_len(const char *s, size_t left)
{
    if (s[0] == '\r')
        return left > 1 && s[1] == '\n' ? 2 : 1;
    if (s[0] == '\n')
        return 1;
    if (left > 1 && memcmp(s, "\xc2\x85", 2) == 0)
        return 2;
    if (left > 2 && (memcmp(s, "\xe2\x80\xa8", 3) == 0 || memcmp(s, "\xe2\x80\xa9", 3) == 0))
        return 3;
    return 0;
}

static void seek_line(struct places *p, size_t line)
{
    size_t len;

    if (line < p->line)
        p->line = p->line_start = 0;
    p->byte = p->line_start;
    while (p->line < line && p->byte < p->text.n) {
        len = break_len(p->text.s + p->byte, p->text.n - p->byte);
        p->byte += len ? len : 1;
        if (len) {
            p->line++;
            p->line_start = p->byte;
        }
    }
    p->column = 0;
}

struct pos place_find(struct places *p, size_t line, size_t column)
{
    if (line != p->line || column < p->column)
        seek_line(p, line);
    for (; p->column < column && p->byte < p->text.n; p->column++)
        do
            p->byte++;
        while (p->byte < p->text.n && ((unsigned char)p->text.s[p->byte] & 0xc0) == 0x80);
    return (struct pos){p->file, (uint32_t)line + 1, (uint32_t)(p->byte - p->line_start) + 1};
}

char place_char(const struct places *p)
{
    return p->byte < p->text.n ? p->text.s[p->byte] : 0;
}

struct pos place_of_byte(const struct places *p, size_t offset)
{
    struct pos at = {p->file, 1, 1};
    size_t i, len;

    for (i = 0; i < offset && i < p->text.n; i += len ? len : 1) {
        len = break_len(p->text.s + i, p->text.n - i);
        at.line += len > 0;
        at.col = len ? 1 : at.col + 1;
    }
    return at;
}
