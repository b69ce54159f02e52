/* live/json.c - what the page's scripts read
 *
 * Names and tags are UTF-8 without control characters, so a quote and a backslash are all that is to be escaped; a control
 * character would be, too. That a text stays a text in the page is the page's duty, which never makes markup of one.
 */
#include "json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store.h"

enum { FIRST_ROOM = 1024 };

void json_reset(struct json *j)
{
    j->n = 0;
    j->failed = false;
}

void json_free(struct json *j)
{
    free(j->s);
    *j = (struct json){0};
}

static bool has_room(struct json *j, size_t n)
{
    size_t room = j->room > 0 ? j->room : FIRST_ROOM;
    char *s;

    if (j->failed || j->room - j->n >= n)
        return !j->failed;
    while (room - j->n < n)
        room *= 2;
    if ((s = realloc(j->s, room)) == NULL) {
        j->failed = true;
        return false;
    }
    j->s = s;
    j->room = room;
    return true;
}

void json_raw(struct json *j, const char *s, size_t n)
{
    if (n == 0 || !has_room(j, n))
        return;
    memcpy(j->s + j->n, s, n);
    j->n += n;
}

void json_text(struct json *j, const char *s)
{
    json_raw(j, s, strlen(s));
}

void json_int(struct json *j, int64_t v)
{
    char digits[24], *end = digits + sizeof digits, *at = end;
    uint64_t left = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;

    do
        *--at = (char)('0' + left % 10);
    while ((left /= 10) > 0);
    if (v < 0)
        *--at = '-';
    json_raw(j, at, (size_t)(end - at));
}

/* Whole numbers are exact; of others a float has seven digits, which are more behind a base. */
void json_value(struct json *j, double v)
{
    char text[40];

    if (!isfinite(v)) {
        json_text(j, "null");
        return;
    }
    if (fabs(v) < 1e15 && v == rint(v)) {
        json_int(j, (int64_t)v);
        return;
    }
    json_raw(j, text, (size_t)snprintf(text, sizeof text, fabs(v) < 65536 ? "%.7g" : "%.10g", v));
}

void json_string(struct json *j, garnet_str s)
{
    size_t from = 0;

    json_raw(j, "\"", 1);
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.s[i];
        char escape[8];

        if (c >= ' ' && c != '"' && c != '\\')
            continue;
        json_raw(j, s.s + from, i - from);
        json_raw(j, escape, (size_t)snprintf(escape, sizeof escape, "\\u%04x", (unsigned)c));
        from = i + 1;
    }
    json_raw(j, s.s + from, s.n - from);
    json_raw(j, "\"", 1);
}

void json_series(struct json *j, const struct series *e)
{
    garnet_str key = {e->key, e->nkey}, type = {"", 0}, unit = type, name = type, tag;
    const char *before = "";

    (void)(line_field(&key, &type) && line_field(&key, &unit) && line_field(&key, &name));
    json_text(j, "{\"i\":");
    json_int(j, (int64_t)e->id);
    json_text(j, ",\"n\":");
    json_string(j, name);
    json_text(j, ",\"u\":");
    json_string(j, unit);
    json_text(j, ",\"y\":");
    json_string(j, type);
    json_text(j, ",\"g\":{");
    while (line_field(&key, &tag)) {
        json_text(j, before);
        json_string(j, tag);
        json_text(j, ":");
        if (!line_field(&key, &tag))
            tag = (garnet_str){"", 0};
        json_string(j, tag);
        before = ",";
    }
    json_text(j, "},\"t\":");
    json_int(j, e->points.newest_ms);
    json_text(j, ",\"v\":");
    json_value(j, e->points.newest);
    json_text(j, "}");
}

/* In two passes, one for each list. */
void json_points(struct json *j, const struct series *e)
{
    struct points_at at = points_begin(&e->points);
    int64_t ms, begin = 0;
    const char *before = "";
    double v;

    if (points_next(&at, &ms, &v))
        begin = ms;
    json_text(j, "{\"i\":");
    json_int(j, (int64_t)e->id);
    json_text(j, ",\"b\":");
    json_int(j, begin);
    json_text(j, ",\"t\":[");
    for (at = points_begin(&e->points); points_next(&at, &ms, &v); before = ",") {
        json_text(j, before);
        json_int(j, ms - begin);
    }
    json_text(j, "],\"v\":[");
    before = "";
    for (at = points_begin(&e->points); points_next(&at, &ms, &v); before = ",") {
        json_text(j, before);
        json_value(j, v);
    }
    json_text(j, "]}");
}
