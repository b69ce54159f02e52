/* delivery/transport/udp.h - datagrams to a host and port */
#ifndef DELIVERY_TRANSPORT_UDP_H
#define DELIVERY_TRANSPORT_UDP_H
#include "delivery/transport.h"

extern const struct transport_kind transport_udp;

#endif
