/* base/glob.c - a match that goes back to one place only
 *
 * Only the last * is ever tried again: what stands before it has matched at the earliest place
 * there is, and no later one could do better. So there is no exponential search, and no memory.
 * Nothing fails; a pattern that glob_fault() would refuse matches something or nothing, and reads
 * nothing outside of it.
 */
#include "base/glob.h"

#include "base/text.h"

/* The character at p, and p behind it. A broken byte is a character that no other one equals. */
static uint32_t take_character(const char **p, const char *end)
{
    static const uint8_t lead[] = {0, 0x7f, 0x1f, 0x0f, 0x07}, broken = 0xff;
    size_t n = str_utf8((struct str){*p, (size_t)(end - *p)});
    const unsigned char *s = (const unsigned char *)*p;
    uint32_t c;

    *p += n > 0 ? n : 1;
    if (n == 0)
        return (uint32_t)broken << 24 | *s;
    c = *s & lead[n];
    for (size_t i = 1; i < n; i++)
        c = c << 6 | (s[i] & 0x3fU);
    return c;
}

/* A character inside [ ]: \x is x there too. */
static uint32_t class_character(const char **p, const char *end)
{
    if (**p == '\\' && *p + 1 < end)
        ++*p;
    return take_character(p, end);
}

/* One member of a class, a character or a range, into *low and *high. */
static void take_range(const char **p, const char *end, uint32_t *low, uint32_t *high)
{
    *low = *high = class_character(p, end);
    if (end - *p >= 2 && (*p)[0] == '-' && (*p)[1] != ']') {
        ++*p;
        *high = class_character(p, end);
    }
}

/* What follows the [ at the front of p, up to and with its ]; p is behind that then. *fault: what is
 * wrong with it, or NULL. */
static bool class_has(const char **p, const char *end, uint32_t c, const char **fault)
{
    bool found = false, other = **p == '!' || **p == '^', first = true;
    uint32_t low, high;

    *fault = NULL;
    *p += other;
    for (; *p < end && (first || **p != ']'); first = false) {
        take_range(p, end, &low, &high);
        found |= low <= c && c <= high;
        if (low > high && *fault == NULL)
            *fault = "has a range that ends before it begins: write the lower one first, [a-z]";
    }
    if (*p == end && *fault == NULL)
        *fault = "has a [ without its ]: close it, or write \\[";
    *p += *p < end;
    return found != other;
}

/* Whether what the pattern has next is `c`; p is behind it then. Not for a *. */
static bool next_is(const char **p, const char *end, uint32_t c)
{
    const char *fault;

    switch (**p) {
    case '?':
        ++*p;
        return true;
    case '[':
        ++*p;
        return class_has(p, end, c, &fault);
    default:
        return class_character(p, end) == c;
    }
}

/* What stands for itself: its bytes are compared one by one, since UTF-8 has none in the middle of a
 * character that could begin one. */
static bool is_literal(char c)
{
    return c != '*' && c != '?' && c != '[' && c != '\\';
}

/* The next place, from `at` on, where what follows a * may match; NULL: there is none. */
static const char *next_place(const char *at, const char *end, const char *star)
{
    (void)take_character(&at, end);
    return is_literal(*star) ? memchr(at, *star, (size_t)(end - at)) : at;
}

bool glob_match(const char *pattern, struct str s)
{
    const char *p = pattern, *pend = pattern + strlen(pattern), *at = s.s, *end = s.s + s.n;
    const char *star = NULL,
               *from = NULL; /* behind the last *, and what it stands for ends there */

    while (at < end) {
        const char *q = p, *next = at;

        if (p < pend && *p == '*') {
            star = ++p;
            from = at;
        } else if (p < pend && is_literal(*p) && *p == *at) {
            p++;
            at++;
        } else if (p < pend && !is_literal(*p) && next_is(&q, pend, take_character(&next, end))) {
            p = q;
            at = next;
        } else if (star == NULL || star == pend) {
            return star != NULL;
        } else if ((from = at = next_place(from, end, star)) == NULL) {
            return false;
        } else {
            p = star;
        }
    }
    while (p < pend && *p == '*')
        p++;
    return p == pend;
}

const char *glob_fault(const char *pattern)
{
    const char *p = pattern, *end = pattern + strlen(pattern), *fault = NULL;

    if (p == end)
        return "is empty: write a name, or a pattern such as cpu.*";
    while (p < end && fault == NULL) {
        char c = *p++;

        if (c == '\\' && p == end)
            return "ends in a backslash: write \\\\ for the character itself";
        if (c == '\\')
            (void)take_character(&p, end);
        else if (c == '[')
            (void)class_has(&p, end, 0, &fault);
    }
    return fault;
}
