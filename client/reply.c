/* reply.c - just enough JSON for one object that garnetd writes
 *
 * A string is decoded where it stands, since it never gets longer by that. Nothing is allocated, and
 * how deep an unknown member may be nested is bounded. A library for JSON was weighed: whoever links to ours
 * would link to that, too, and each of the small collectors would load it at each run.
 */
#include "reply.h"

#include <string.h>

#include "base/text.h"

enum { MAX_DEPTH = 16 };

struct scan {
    char *p; /* up to the text's NUL */
};

static void blanks(struct scan *s)
{
    s->p += strspn(s->p, " \t\r\n");
}

static bool take(struct scan *s, char c)
{
    blanks(s);
    if (*s->p != c)
        return false;
    s->p++;
    return true;
}

/* Four hex digits at p; -1: they are not. */
static long hex4(const char *p)
{
    static const char DIGITS[] = "0123456789abcdef";
    long v = 0;

    for (int i = 0; i < 4; i++) {
        const char *d =
            p[i] != 0 ? strchr(DIGITS, p[i] | ('A' <= p[i] && p[i] <= 'F' ? 0x20 : 0)) : NULL;

        if (d == NULL)
            return -1;
        v = v * 16 + (d - DIGITS);
    }
    return v;
}

/* One character: what is no text for people becomes a `?`. */
static char *put_character(char *to, unsigned long c)
{
    if (c < 0x20 || (c >= 0x7f && c < 0xa0) || (c >= 0xd800 && c < 0xe000))
        c = '?';
    if (c < 0x80) {
        *to++ = (char)c;
    } else if (c < 0x800) {
        *to++ = (char)(0xc0 | c >> 6);
        *to++ = (char)(0x80 | (c & 0x3f));
    } else if (c < 0x10000) {
        *to++ = (char)(0xe0 | c >> 12);
        *to++ = (char)(0x80 | (c >> 6 & 0x3f));
        *to++ = (char)(0x80 | (c & 0x3f));
    } else {
        *to++ = (char)(0xf0 | c >> 18);
        *to++ = (char)(0x80 | (c >> 12 & 0x3f));
        *to++ = (char)(0x80 | (c >> 6 & 0x3f));
        *to++ = (char)(0x80 | (c & 0x3f));
    }
    return to;
}

/* The character at s->p as it stands there, under the same rule. */
static char *plain(struct scan *s, char *to)
{
    size_t n = str_utf8((struct str){s->p, strnlen(s->p, 4)});
    unsigned char c = (unsigned char)s->p[0];

    if (n == 0 || c < 0x20 || c == 0x7f || (c == 0xc2 && (unsigned char)s->p[1] < 0xa0)) {
        *to++ = '?';
        s->p += n > 0 ? n : 1;
        return to;
    }
    memmove(to, s->p, n);
    s->p += n;
    return to + n;
}

/* \uXXXX at s->p, behind the u, with its other half where there is one. */
static char *unicode(struct scan *s, char *to)
{
    long c = hex4(s->p), low;

    if (c < 0)
        return NULL;
    s->p += 4;
    if (c >= 0xd800 && c < 0xdc00 && s->p[0] == '\\' && s->p[1] == 'u' &&
        (low = hex4(s->p + 2)) >= 0xdc00 && low < 0xe000) {
        s->p += 6;
        c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
    }
    return put_character(to, (unsigned long)c);
}

/* NULL: there is none. */
static const char *string(struct scan *s)
{
    char *start, *to;

    if (!take(s, '"'))
        return NULL;
    start = to = s->p;
    while (*s->p != '"') {
        char c = *s->p;

        if (c == 0)
            return NULL;
        if (c != '\\') {
            to = plain(s, to);
            continue;
        }
        c = *++s->p;
        if (c == 0 || strchr("\"\\/bfnrtu", c) == NULL)
            return NULL;
        s->p++;
        if (c == 'u')
            to = unicode(s, to);
        else
            *to++ = strchr("\"\\/", c) != NULL ? c : '?';
        if (to == NULL)
            return NULL;
    }
    s->p++;
    *to = 0;
    return start;
}

static bool count(struct scan *s, uint64_t *v)
{
    blanks(s);
    if (*s->p < '0' || *s->p > '9')
        return false;
    for (*v = 0; *s->p >= '0' && *s->p <= '9'; s->p++)
        if (__builtin_mul_overflow(*v, 10U, v) ||
            __builtin_add_overflow(*v, (unsigned)(*s->p - '0'), v))
            return false;
    return *s->p == 0 || strchr(",]} \t\r\n", *s->p) != NULL;
}

/* Before each element of what `close` ends. *ok: false when what is there is neither. */
static bool another(struct scan *s, char close, bool *first, bool *ok)
{
    bool was_first = *first;

    *first = false;
    *ok = true;
    if (take(s, close))
        return false;
    if (!was_first)
        *ok = take(s, ',');
    return *ok;
}

static bool skip(struct scan *s, int depth)
{
    bool first = true, ok = true, object;
    size_t n;

    blanks(s);
    if (*s->p == '"')
        return string(s) != NULL;
    object = *s->p == '{';
    if (!object && *s->p != '[') {
        n = strcspn(s->p, ",]}\" \t\r\n");
        s->p += n;
        return n > 0;
    }
    s->p++;
    if (depth == MAX_DEPTH)
        return false;
    while (ok && another(s, object ? '}' : ']', &first, &ok))
        ok = (!object || (string(s) != NULL && take(s, ':'))) && skip(s, depth + 1);
    return ok;
}

static bool read_fault(struct scan *s, garnet_client_fault *f)
{
    bool first = true, ok = true;

    *f = (garnet_client_fault){.field = ""};
    if (!take(s, '{'))
        return false;
    while (ok && another(s, '}', &first, &ok)) {
        const char *key = string(s);

        if (key == NULL || !take(s, ':'))
            return false;
        if (strcmp(key, "line") == 0)
            ok = count(s, &f->line);
        else if (strcmp(key, "byte") == 0)
            ok = count(s, &f->byte);
        else if (strcmp(key, "field") == 0)
            ok = (f->field = string(s)) != NULL;
        else if (strcmp(key, "error") == 0)
            ok = (f->text = string(s)) != NULL;
        else
            ok = skip(s, 0);
    }
    return ok && f->text != NULL;
}

static bool read_faults(struct scan *s, struct reply *r)
{
    bool first = true, ok = take(s, '[');

    while (ok && another(s, ']', &first, &ok)) {
        garnet_client_fault f;

        ok = read_fault(s, &f);
        if (ok && r->told.nfaults < REPLY_FAULTS)
            r->faults[r->told.nfaults++] = f;
        else
            r->told.more++;
    }
    return ok;
}

static bool read_reply(struct scan *s, struct reply *r)
{
    bool first = true, ok = take(s, '{'), accepted = false, rejected = false;
    uint64_t more = 0;

    while (ok && another(s, '}', &first, &ok)) {
        const char *key = string(s);

        if (key == NULL || !take(s, ':'))
            return false;
        if (strcmp(key, "accepted") == 0)
            ok = accepted = count(s, &r->told.accepted);
        else if (strcmp(key, "rejected") == 0)
            ok = rejected = count(s, &r->told.rejected);
        else if (strcmp(key, "more") == 0)
            ok = count(s, &more);
        else if (strcmp(key, "errors") == 0)
            ok = read_faults(s, r);
        else
            ok = skip(s, 0);
    }
    r->told.more += more;
    blanks(s);
    return ok && accepted && rejected && *s->p == 0;
}

bool reply_read(struct reply *r, char *line)
{
    struct scan s = {line};
    bool ok;

    *r = (struct reply){0};
    ok = read_reply(&s, r);
    if (!ok)
        *r = (struct reply){0};
    r->told.faults = r->faults;
    return ok;
}
