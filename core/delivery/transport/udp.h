/* delivery/transport/udp.h - datagrams to a host and port */
#pragma once
#include "delivery/transport.h"

extern const struct transport_kind transport_udp;
