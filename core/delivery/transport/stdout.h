/* delivery/transport/stdout.h - standard output: a terminal, a pipe, a file; shared with others */
#pragma once
#include "delivery/transport.h"

extern const struct transport_kind transport_stdout;

/* Where it writes to, instead of descriptor 1; borrowed. */
void transport_stdout_is(int fd);
