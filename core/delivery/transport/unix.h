/* delivery/transport/unix.h - a stream, or datagrams, to a Unix socket */
#pragma once
#include "delivery/transport.h"

extern const struct transport_kind transport_unix, transport_unixgram;
