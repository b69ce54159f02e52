/* convert/words.c - borrowed pieces of a line; pure */
#include "convert/words.h"

static bool divides(char c)
{
    return c == ' ' || c == '\t';
}

static void advance(struct str *s, size_t n)
{
    *s = (struct str){s->s + n, s->n - n};
}

bool word_next(struct str *rest, struct str *word)
{
    size_t n = 0;

    while (rest->n > 0 && divides(rest->s[0]))
        advance(rest, 1);
    while (n < rest->n && !divides(rest->s[n]))
        n++;
    *word = (struct str){rest->s, n};
    advance(rest, n);
    return n > 0;
}

struct str word_until(struct str *rest, char c)
{
    const char *at = rest->n > 0 ? memchr(rest->s, c, rest->n) : NULL;
    struct str word = {rest->s, at != NULL ? (size_t)(at - rest->s) : rest->n};

    advance(rest, word.n + (at != NULL));
    return word;
}

struct str words_trim(struct str s)
{
    while (s.n > 0 && divides(s.s[0]))
        advance(&s, 1);
    while (s.n > 0 && divides(s.s[s.n - 1]))
        s.n--;
    return s;
}
