/* intake/json_told.c - four members, and no others */
#include "intake/json_told.h"

#include <jansson.h>
#include <string.h>

#include "base/text.h"

static const struct str NONE = {"", 0};

static bool tell_number(const struct json_report *r, const char *key, const json_t *v,
                        uint64_t *out)
{
    if (!json_is_integer(v) || json_integer_value(v) < 1)
        return json_fail(r, key, NONE, "must be a whole number, from 1 on");
    *out = (uint64_t)json_integer_value(v);
    return true;
}

static bool tell_member(const struct json_report *r, const char *key, const json_t *v)
{
    struct json_fault *f = r->fault;

    if (strcmp(key, "line") == 0)
        return tell_number(r, key, v, &f->line);
    if (strcmp(key, "byte") == 0)
        return tell_number(r, key, v, &f->byte);
    if (strcmp(key, "error") != 0 && strcmp(key, "name") != 0)
        return json_fail(r, key, NONE, "goes with no \"error\": name, line and byte do");
    if (!json_is_string(v) || json_string_length(v) == 0)
        return json_fail(r, key, NONE, "must be a string, and not empty");
    return true;
}

bool json_told_read(json_t *object, const struct json_report *r)
{
    struct json_fault *f = r->fault;
    const char *key;
    json_t *v;

    f->line = f->byte = 0;
    json_object_foreach (object, key, v)
        if (!tell_member(r, key, v))
            return false;
    v = json_object_get(object, "error");
    f->what.field[0] = 0;
    str_show(f->what.why.text, sizeof f->what.why.text,
             (struct str){json_string_value(v), json_string_length(v)});
    return true;
}
