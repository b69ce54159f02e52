/* delivery/transport/unixgram.h - datagrams to a Unix socket */
#ifndef DELIVERY_TRANSPORT_UNIXGRAM_H
#define DELIVERY_TRANSPORT_UNIXGRAM_H
#include "delivery/transport.h"

extern const struct transport_kind transport_unixgram;

#endif
