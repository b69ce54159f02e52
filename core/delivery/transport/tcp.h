/* delivery/transport/tcp.h - a TCP connection that never waits but for the name look-up */
#pragma once
#include "delivery/transport.h"

extern const struct transport_kind transport_tcp;
