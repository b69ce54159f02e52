/* delivery/transport/tcp.h - a TCP connection that never waits but for the name look-up */
#ifndef DELIVERY_TRANSPORT_TCP_H
#define DELIVERY_TRANSPORT_TCP_H
#include "delivery/transport.h"

extern const struct transport_kind transport_tcp;

#endif
