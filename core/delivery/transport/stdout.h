/* delivery/transport/stdout.h - standard output: a terminal, a pipe, a file; shared with others */
#ifndef DELIVERY_TRANSPORT_STDOUT_H
#define DELIVERY_TRANSPORT_STDOUT_H
#include "delivery/transport.h"

extern const struct transport_kind transport_stdout;

/* Where it writes to, instead of descriptor 1; borrowed. */
void transport_stdout_is(int fd);

#endif
