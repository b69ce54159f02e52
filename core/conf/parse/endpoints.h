/* conf/parse/endpoints.h - `to`: where a sink's bytes go
 *
 * Checks what can be checked without asking anybody, and turns a path into an absolute one: what is
 * kept is what delivery/transport.c takes.
 */
#ifndef CONF_PARSE_ENDPOINTS_H
#define CONF_PARSE_ENDPOINTS_H
#include "conf/parse/parsing.h"

/* From what s->to was filled with as written, to endpoints; and whether the keys for some of them are
 * in place. */
void parse_endpoints(struct parsing *p, struct conf_sink *s);

#endif
