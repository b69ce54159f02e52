/* delivery/transport/unix.h - a stream, or datagrams, to a Unix socket */
#ifndef DELIVERY_TRANSPORT_UNIX_H
#define DELIVERY_TRANSPORT_UNIX_H
#include "delivery/transport.h"

extern const struct transport_kind transport_unix, transport_unixgram;

#endif
