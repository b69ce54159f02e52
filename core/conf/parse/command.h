/* conf/parse/command.h - what a collector runs, and whether that is fit to be run */
#ifndef CONF_PARSE_COMMAND_H
#define CONF_PARSE_COMMAND_H
#include "conf/parse/parsing.h"

/* `command`, made absolute and looked at, unless the collector is disabled. Its identity is known.
 * True when all about it is well, and what it is. */
bool parse_command(struct parsing *p, struct conf_collector *k, struct fact_file *program);

#endif
