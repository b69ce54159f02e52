/* base/text.c - a character at a time: decoded strictly, then copied or escaped
 *
 * A byte that begins no character is escaped by itself, and the next one looked at anew. Nothing
 * fails but the buf.
 */
#include "base/text.h"

#include <string.h>

#include "base/le.h"

size_t str_utf8(struct str s)
{
    const unsigned char *p = (const unsigned char *)s.s;
    unsigned low = 0x80,
             high = 0xbf; /* the second byte's range tells overlong forms and surrogates */
    size_t n;

    if (s.n == 0)
        return 0;
    if (p[0] < 0x80)
        return 1;
    if (p[0] < 0xc2 || p[0] > 0xf4)
        return 0;
    n = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
    if (p[0] == 0xe0)
        low = 0xa0;
    else if (p[0] == 0xed)
        high = 0x9f;
    else if (p[0] == 0xf0)
        low = 0x90;
    else if (p[0] == 0xf4)
        high = 0x8f;
    if (s.n < n || p[1] < low || p[1] > high)
        return 0;
    for (size_t i = 2; i < n; i++)
        if (p[i] < 0x80 || p[i] > 0xbf)
            return 0;
    return n;
}

/* The letter of C's and JSON's short escapes, or 0. */
static char short_escape(unsigned char c)
{
    switch (c) {
    case '\n':
        return 'n';
    case '\r':
        return 'r';
    case '\t':
        return 't';
    default:
        return 0;
    }
}

static bool c1_control(const char *p, size_t n)
{
    return n == 2 && (unsigned char)p[0] == 0xc2 && (unsigned char)p[1] < 0xa0;
}

/* Bytes of the character that s begins with; 0 when it is a control, or none. */
static size_t good_character(struct str s)
{
    unsigned char c = (unsigned char)s.s[0];
    size_t n;

    if (c < 0x80)
        return c >= 0x20 && c != 0x7f;
    n = str_utf8(s);
    return c1_control(s.s, n) ? 0 : n;
}

/* Of nearly all text that is all of it. A word at a time: its highest bits tell of a byte that is no
 * ASCII, and of one from which a space could not be taken, or to which one could not be added; or of
 * none but the byte behind one of those. */
static inline size_t plain_ascii(struct str s)
{
    static const uint64_t EACH = UINT64_C(0x0101010101010101), HIGHEST = EACH << 7;
    size_t at = 0;

    for (; s.n - at >= 8; at += 8) {
        uint64_t w = le64_get(s.s + at);

        if (((w | (w - EACH * ' ') | (w + EACH)) & HIGHEST) != 0)
            break;
    }
    while (at < s.n && (unsigned char)(s.s[at] - ' ') < 0x7f - ' ')
        at++;
    return at;
}

size_t str_good(struct str s)
{
    size_t at = plain_ascii(s), n;

    while (at < s.n && (n = good_character((struct str){s.s + at, s.n - at})) > 0)
        at += n;
    return at;
}

/* A line of the log that holds one of these reads as another: what ends a line (U+2028, U+2029), and
 * what turns the direction (U+061C, U+200E, U+200F, U+202A to U+202E, U+2066 to U+2069). */
static bool turns(const char *s, size_t n)
{
    const unsigned char *p = (const unsigned char *)s;

    if (n == 2)
        return p[0] == 0xd8 && p[1] == 0x9c;
    if (n != 3 || p[0] != 0xe2)
        return false;
    return (p[1] == 0x80 && (p[2] == 0x8e || p[2] == 0x8f || (p[2] >= 0xa8 && p[2] <= 0xae))) ||
           (p[1] == 0x81 && p[2] >= 0xa6 && p[2] <= 0xa9);
}

/* One character of s, shown, into out[4]: the bytes written, and those of s taken in *used. */
static size_t visible_one(char out[4], struct str s, size_t *used)
{
    static const char HEX[] = "0123456789abcdef";
    unsigned char c = (unsigned char)s.s[0];
    size_t n = good_character(s);

    *used = 1;
    if (n > 0 && !turns(s.s, n)) {
        memcpy(out, s.s, n);
        *used = n;
        return n;
    }
    out[0] = '\\';
    out[1] = short_escape(c);
    if (out[1] != 0)
        return 2;
    out[1] = 'x';
    out[2] = HEX[c >> 4];
    out[3] = HEX[c & 15];
    return 4;
}

size_t str_visible(char *out, size_t cap, struct str s, size_t *used)
{
    size_t written = 0, at = 0;

    while (at < s.n) {
        char one[4];
        size_t taken, n = visible_one(one, (struct str){s.s + at, s.n - at}, &taken);

        if (n > cap - written)
            break;
        memcpy(out + written, one, n);
        written += n;
        at += taken;
    }
    *used = at;
    return written;
}

void str_show(char *out, size_t size, struct str s)
{
    static const char CUT[] = "...";
    size_t used, n = str_visible(out, size - sizeof CUT, s, &used);

    memcpy(out + n, used < s.n ? CUT : "", used < s.n ? sizeof CUT : 1);
}

void buf_put_visible(struct buf *b, struct str s)
{
    char chunk[256];
    size_t used;

    for (; s.n > 0; s.s += used, s.n -= used)
        buf_put(b, chunk, str_visible(chunk, sizeof chunk, s, &used));
}

/* The bytes at the front of s that stand in a JSON string as they are. */
static size_t plain_json(struct str s)
{
    size_t at = 0, n;

    while (at < s.n && s.s[at] != '"' && s.s[at] != '\\' &&
           (n = good_character((struct str){s.s + at, s.n - at})) > 0)
        at += n;
    return at;
}

/* What stands for the first character of s, or for its first byte if that is none. The bytes of s that
 * it stands for. */
static size_t put_json_escape(struct buf *b, struct str s)
{
    unsigned char c = (unsigned char)s.s[0];
    bool c1 = c1_control(s.s, str_utf8(s));

    if (c == '"' || c == '\\' || short_escape(c) != 0) {
        buf_putc(b, '\\');
        buf_putc(b, c == '"' || c == '\\' ? (char)c : short_escape(c));
    } else { /* a broken byte has no name in JSON: U+FFFD, the replacement character */
        unsigned control = c1 ? (unsigned char)s.s[1] : c;

        buf_putf(b, "\\u%04x", c1 || c < 0x20 || c == 0x7f ? control : 0xfffdU);
    }
    return c1 ? 2 : 1;
}

bool text_is_name(const char *s, size_t most)
{
    size_t n = strlen(s);

    return n >= 1 && n <= most && *s >= 'a' && *s <= 'z' &&
           strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789_") == n;
}

void buf_put_json(struct buf *b, struct str s)
{
    buf_putc(b, '"');
    for (;;) {
        size_t n = plain_json(s);

        buf_put(b, s.s, n);
        if (n == s.n)
            break;
        s.s += n;
        s.n -= n;
        n = put_json_escape(b, s);
        s.s += n;
        s.n -= n;
    }
    buf_putc(b, '"');
}

void buf_put_member(struct buf *b, const char *key, struct str s)
{
    buf_putf(b, ",\"%s\":", key);
    buf_put_json(b, s);
}
