/* fields.c - no strtoull(): it takes "-1" for 2^64-1, and blanks and signs for a part of a number */
#include "host/fields.h"

#include "base/number.h"

bool field_line(struct str *text, struct str *line)
{
    const char *end = text->n > 0 ? memchr(text->s, '\n', text->n) : NULL;

    if (end == NULL)
        return false;
    *line = (struct str){text->s, (size_t)(end - text->s)};
    text->s = end + 1;
    text->n -= line->n + 1;
    return true;
}

static void skip_blanks(struct str *line)
{
    while (line->n > 0 && (*line->s == ' ' || *line->s == '\t')) {
        line->s++;
        line->n--;
    }
}

bool field_word(struct str *line, struct str *word)
{
    skip_blanks(line);
    *word = (struct str){line->s, 0};
    while (word->n < line->n && line->s[word->n] != ' ' && line->s[word->n] != '\t')
        word->n++;
    line->s += word->n;
    line->n -= word->n;
    return word->n > 0;
}

bool field_name(struct str *line, char colon, struct str *name)
{
    const char *end;

    skip_blanks(line);
    end = line->n > 0 ? memchr(line->s, colon, line->n) : NULL;
    if (end == NULL || end == line->s)
        return false;
    *name = (struct str){line->s, (size_t)(end - line->s)};
    line->s = end + 1;
    line->n -= name->n + 1;
    return true;
}

bool field_is(struct str word, const char *text)
{
    return str_eq(word, str_of(text));
}

bool field_u64(struct str word, uint64_t *v)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < word.n; i++) {
        unsigned digit = (unsigned char)word.s[i] - (unsigned)'0';

        if (digit > 9 || __builtin_mul_overflow(sum, 10, &sum) ||
            __builtin_add_overflow(sum, digit, &sum))
            return false;
    }
    if (word.n > 0)
        *v = sum;
    return word.n > 0;
}

bool field_hex(struct str word, uint64_t *v)
{
    static const char DIGITS[] = "0123456789abcdef";
    uint64_t sum = 0;

    for (size_t i = 0; i < word.n; i++) {
        const char *digit = word.s[i] != 0 ? strchr(DIGITS, word.s[i]) : NULL;

        if (digit == NULL || sum >> 60 != 0)
            return false;
        sum = sum << 4 | (uint64_t)(digit - DIGITS);
    }
    if (word.n > 0)
        *v = sum;
    return word.n > 0;
}

bool field_f64(struct str word, double *v)
{
    char text[64];
    double d;
    struct why why;

    if (word.n == 0 || word.n >= sizeof text || memchr(word.s, 0, word.n) != NULL)
        return false;
    memcpy(text, word.s, word.n);
    text[word.n] = 0;
    if (text[0] == '-' || !units_real(text, &d, &why))
        return false;
    *v = d;
    return true;
}

static bool is_octal(struct str s)
{
    return s.n >= 4 && s.s[0] == '\\' && s.s[1] >= '0' && s.s[1] <= '3' && s.s[2] >= '0' &&
           s.s[2] <= '7' && s.s[3] >= '0' && s.s[3] <= '7';
}

struct str field_unescape(struct str word, char *out, size_t size)
{
    size_t n = 0;

    while (word.n > 0) {
        size_t step = is_octal(word) ? 4 : 1;

        if (n == size)
            return (struct str){0};
        out[n++] =
            step == 1 ? word.s[0]
                      : (char)((word.s[1] - '0') << 6 | (word.s[2] - '0') << 3 | (word.s[3] - '0'));
        word.s += step;
        word.n -= step;
    }
    return (struct str){out, n};
}

bool field_next(struct str *line, uint64_t *v)
{
    struct str word;

    return field_word(line, &word) && field_u64(word, v);
}
