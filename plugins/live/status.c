/* live/status.c - one JSON object, for a page that opens and whenever something in it has changed */
#include "status.h"

#include <string.h>

#include "points.h"

static void number(struct json *j, const char *name, uint64_t n)
{
    json_text(j, ",\"");
    json_text(j, name);
    json_text(j, "\":");
    json_int(j, (int64_t)n);
}

void status_json(struct json *j, const struct status *s, int64_t now_ms)
{
    json_text(j, "{\"sink\":");
    json_string(j, (garnet_str){s->sink, strlen(s->sink)});
    json_text(j, ",\"host\":");
    json_string(j, (garnet_str){s->host, strlen(s->host)});
    number(j, "now", (uint64_t)now_ms);
    number(j, "window", POINTS_WINDOW_MS);
    number(j, "max", s->max_series);
    number(j, "series", s->series);
    number(j, "left_out", s->left_out);
    number(j, "shortened", s->shortened);
    number(j, "full", s->full);
    json_text(j, "}");
}
