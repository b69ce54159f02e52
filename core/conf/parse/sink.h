/* conf/parse/sink.h - the sinks: their common keys, their plugin's file
 *
 * A sink's plugin is not loaded here: its own options stay in the sink's node for the process that
 * does. A sink with errors still counts for those after it (its name and its files are taken).
 */
#ifndef CONF_PARSE_SINK_H
#define CONF_PARSE_SINK_H
#include "conf/parse/parsing.h"
#include "conf/section.h"

extern const struct section sink_section; /* the plugin's own keys may have none of its names */

void parse_sinks(struct parsing *p, const struct node *list); /* NULL: there are none */

#endif
