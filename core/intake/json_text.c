/* intake/json_text.c - the bytes of a JSON object: a walk over its members, and what is wrong in them
 *
 * Only for errors and for integers too big for the parser, so simple rather than fast. Never reads
 * outside the text, whatever it holds: on bytes that are no object the walk just ends early.
 * jansson says what it rejects, but neither in whose field nor with what remedy: both are found
 * here.
 */
#include "intake/json_text.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <strings.h>

#include "base/text.h"
#include "base/why.h"

static const struct str NONE = {"", 0};

/* --- members --- */

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

struct str member_name(struct str object)
{
    struct member m;

    if (!member_named(object, 0, str_of("name"), &m) || m.val.n < 2 || m.val.s[0] != '"')
        return NONE;
    return (struct str){m.val.s + 1, m.val.n - 2};
}

bool member_around(struct str text, size_t at, size_t place, struct member *m)
{
    struct members ms = members_of(text, at);

    while (member_next(&ms, m))
        if (place >= m->at && place < ms.next)
            return true;
    return false;
}

/* --- faults --- */

/* "top", or "top.key": made visible, cut to what fits. */
static void put_field_name(char out[sizeof((struct metric_fault *)0)->field], struct str top,
                           struct str key)
{
    size_t room = sizeof((struct metric_fault *)0)->field - 1, used;
    size_t n = str_visible(out, room, top, &used);

    if (key.n > 0 && n < room) {
        out[n++] = '.';
        n += str_visible(out + n, room - n, key, &used);
    }
    out[n] = 0;
}

/* Where the value of field stands; else that of its parent, else the object's start. */
static size_t locate(struct str text, const char *field)
{
    const char *dot = strchr(field, '.');
    struct member top, sub;

    if (member_named(text, 0, str_of(field), &top))
        return top.val_at;
    if (dot == NULL || !member_named(text, 0, (struct str){field, (size_t)(dot - field)}, &top))
        return 0;
    return member_named(text, top.val_at, str_of(dot + 1), &sub) ? sub.val_at : top.val_at;
}

void json_fault_at(const struct json_report *r, const char *field)
{
    r->fault->offset = r->placed ? locate(r->text, field) : 0;
}

bool json_fail(const struct json_report *r, const char *top, struct str key, const char *fmt, ...)
{
    struct json_fault *f = r->fault;
    va_list ap;

    put_field_name(f->what.field, str_of(top), key);
    va_start(ap, fmt);
    why_setv(&f->what.why, fmt, ap);
    va_end(ap);
    json_fault_at(r, f->what.field);
    return false;
}

/* --- what jansson rejects --- */

static bool is_word(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '+' ||
           c == '-' || c == '.' || c == '_';
}

static struct str word_around(struct str text, size_t at)
{
    size_t from = at, to = at;

    while (from > 0 && is_word(text.s[from - 1]))
        from--;
    while (to < text.n && is_word(text.s[to]))
        to++;
    return (struct str){text.s + from, to - from};
}

bool json_is_integer_text(struct str w)
{
    size_t at = w.n > 0 && w.s[0] == '-';

    if (at == w.n)
        return false;
    while (at < w.n && w.s[at] >= '0' && w.s[at] <= '9')
        at++;
    return at == w.n;
}

static const char *why_not_word(struct str w)
{
    size_t sign = w.n > 0 && (w.s[0] == '-' || w.s[0] == '+');

    if (w.n - sign >= 3 &&
        (strncasecmp(w.s + sign, "nan", 3) == 0 || strncasecmp(w.s + sign, "inf", 3) == 0))
        return "must be a finite number: leave the metric out when there is none";
    if (w.n > sign && ((w.s[sign] >= '0' && w.s[sign] <= '9') || w.s[sign] == '.'))
        return "is not a number as JSON writes it: 12, -0.5, 1e9";
    return "is not JSON: use a number, true, false, null or a string in double quotes";
}

const char JSON_BEYOND[] = "is an integer beyond 64 bits: send it as a real such as 1.8e19";

static const char *why_not_json(const json_error_t *e, struct str word)
{
    switch (json_error_code(e)) {
    case json_error_invalid_utf8:
        return "is not valid UTF-8";
    case json_error_null_character:
    case json_error_null_byte_in_key:
        return "has a NUL (\\u0000) in it: leave it out";
    case json_error_duplicate_key:
        return "is given twice";
    case json_error_numeric_overflow:
        return json_is_integer_text(word) ? JSON_BEYOND
                                          : "must be a finite number: this one overflows";
    default:
        break;
    }
    if (strncmp(e->text, "invalid escape", 14) == 0 ||
        strncmp(e->text, "invalid Unicode escape", 22) == 0)
        return "has an unknown escape: JSON knows \\\" \\\\ \\/ \\b \\f \\n \\r \\t \\uXXXX";
    if (strncmp(e->text, "invalid Unicode", 15) == 0)
        return "has half of a surrogate pair: write \\uD8xx\\uDCxx together, or plain UTF-8";
    return why_not_word(word);
}

void json_parse_fault(const struct json_report *r, const json_error_t *e)
{
    struct json_fault *f = r->fault;
    size_t at = e->position > 0 ? (size_t)e->position - 1 : 0;
    struct member top, sub = {.key = NONE};
    struct str word;

    at = at < r->text.n ? at : 0;
    word = word_around(r->text, at);
    f->offset = at;
    f->what.field[0] = 0;
    why_set(&f->what.why, "%s", why_not_json(e, word));
    if (!member_around(r->text, 0, at, &top))
        return;
    f->offset = at < top.val_at ? top.at : top.val_at;
    if (member_around(r->text, top.val_at, at, &sub))
        f->offset = at < sub.val_at ? sub.at : sub.val_at;
    else
        sub.key = NONE;
    put_field_name(f->what.field, top.key, sub.key);
}

const char *json_kind(const struct json_t *v)
{
    switch (v != NULL ? json_typeof(v) : JSON_NULL) {
    case JSON_OBJECT:
        return "an object";
    case JSON_ARRAY:
        return "an array";
    case JSON_STRING:
        return "a string";
    case JSON_TRUE:
        return "true";
    case JSON_FALSE:
        return "false";
    case JSON_NULL:
        return "null";
    default:
        return "a number";
    }
}
