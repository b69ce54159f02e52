/* daemon/check_print.h - garnetd -t, and what `garnet check` begins with: every error and warning of a configuration */
#pragma once
#include "base/buf.h"

/* Prints them, and whether it is good. 0; EXIT_REFUSED: what errors cost is single collectors and sinks; EXIT_CONFIG: it cannot
 * be used. But for the last *snapshot, which is empty and the caller's to free, is one that conf_parse() accepts. */
int check_print(const char *path, const char *sink_program, struct buf *snapshot);
