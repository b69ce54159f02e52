/* cli/check_receivers.h - whether the receivers of all sinks can be reached from here, now
 *
 * Names are looked up and connections made, each in a process of its own and all at once, for CHECK_WAITS seconds at most.
 * A connection is closed again without a byte. Of UDP only the name can be known; files are not touched.
 */
#pragma once
#include <stdio.h>

#include "conf/conf.h"

enum { CHECK_WAITS = 5 }; /* seconds */

/* A line to `to` for each that cannot. Returns their number, or -1: it cannot be found out, which is said. */
int check_receivers(FILE *to, const struct conf *c);
