/* live/line.h - a metric between format() and deliver(): one line of fields with tabs between them
 *
 *   TIME_NS  VALUE  TYPE  UNIT  NAME  KEY  VALUE  KEY  VALUE ...
 *
 * No text of a metric has a control character, so none can add a field or a line. From TYPE on the line
 * is the series' identity: who has the same bytes there is the same series.
 */
#pragma once
#include <garnet/plugin.h>
#include <stdbool.h>

struct line {
    int64_t time_ms;
    double value;
    garnet_str key; /* from TYPE on, without the line's end */
};

/* In format(): appends the metric's line. */
void line_put(garnet *g, const garnet_metric *m);
/* Takes the first line off *s, which has *n bytes. False: there is none, or it is not one of line_put()'s. */
bool line_take(const char **s, size_t *n, struct line *line);
/* Takes the first field off the key. False: there is none left. */
bool line_field(garnet_str *key, garnet_str *field);
