/* conf/endpoints.h - `to`: where a sink's bytes go
 *
 * Checks what can be checked without asking anybody, and turns a path into an absolute one: what is
 * kept is what delivery/transport.c takes.
 */
#pragma once

struct conf_sink;
struct parsing;

/* Makes endpoints of s->to, which holds what is written. Checks, too, that a key which is for some
 * kinds of endpoint has one. */
void parse_endpoints(struct parsing *p, struct conf_sink *s);
