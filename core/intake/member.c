/* intake/member.c - walking over the raw bytes of an object
 *
 * Only for errors and for integers too big for the parser, so simple rather than fast. Never reads
 * outside the text, whatever it holds: on bytes that are no object it just ends early.
 */
#include "intake/member.h"

static bool is_filler(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == ',' || c == ':';
}

static size_t skip_filler(struct str t, size_t at)
{
    while (at < t.n && is_filler(t.s[at]))
        at++;
    return at;
}

/* After the string whose opening quote stands at `at`. */
static size_t string_end(struct str t, size_t at)
{
    for (at++; at < t.n; at++) {
        if (t.s[at] == '"')
            return at + 1;
        if (t.s[at] == '\\')
            at++;
    }
    return t.n;
}

static size_t value_end(struct str t, size_t at)
{
    size_t depth = 0;

    while (at < t.n) {
        char c = t.s[at];

        if (c == '"') {
            at = string_end(t, at);
        } else if (c == '{' || c == '[') {
            depth++;
            at++;
        } else if (depth > 0) {
            depth -= c == '}' || c == ']';
            at++;
        } else {
            while (at < t.n && !is_filler(t.s[at]) && t.s[at] != '}' && t.s[at] != ']')
                at++;
            return at;
        }
        if (depth == 0)
            return at;
    }
    return t.n;
}

struct members members_of(struct str text, size_t at)
{
    return (struct members){text, at < text.n && text.s[at] == '{' ? at + 1 : text.n};
}

bool member_next(struct members *ms, struct member *m)
{
    struct str t = ms->text;
    size_t at = skip_filler(t, ms->next), end;

    if (at >= t.n || t.s[at] != '"')
        return false;
    end = string_end(t, at);
    m->at = at;
    m->key = (struct str){t.s + at + 1, end - at >= 2 ? end - at - 2 : 0};
    at = skip_filler(t, end);
    ms->next = value_end(t, at);
    m->val = (struct str){t.s + at, ms->next - at};
    m->val_at = at;
    return true;
}

bool member_named(struct str text, size_t at, struct str key, struct member *m)
{
    struct members ms = members_of(text, at);

    while (member_next(&ms, m))
        if (str_eq(m->key, key))
            return true;
    return false;
}

bool member_around(struct str text, size_t at, size_t place, struct member *m)
{
    struct members ms = members_of(text, at);

    while (member_next(&ms, m))
        if (place >= m->at && place < ms.next)
            return true;
    return false;
}
