/* conf/parse/identity.h - who a collector or a sink's worker is: its user and its groups
 *
 * Names are resolved through facts, never here. A garnetd that lacks the privilege for a change is
 * an error of the configuration: reported once, with what to do, rather than at every run.
 */
#ifndef CONF_PARSE_IDENTITY_H
#define CONF_PARSE_IDENTITY_H
#include "conf/parse/parsing.h"

/* k->identity from its keys `user` and `group`, and whether it may have its `nice`. */
void parse_collector_identity(struct parsing *p, struct conf_collector *k);
/* s->identity from `user`, and the conf's `self`. */
void parse_sink_identity(struct parsing *p, struct conf_sink *s);

#endif
