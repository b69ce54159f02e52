/* delivery/datagram.h - what datagrams over UDP and over Unix sockets share
 *
 * A write is one datagram. What the kernel took is written and acknowledged in one; and confirmed,
 * where it is then in the receiver's queue. What it has no room for now is waited for; one that is
 * too long for it is thrown away, since it would be too long for ever, and logged.
 */
#ifndef DELIVERY_DATAGRAM_H
#define DELIVERY_DATAGRAM_H
#include "delivery/transport.h"

/* As transport_kind.write, but -1 with errno, and still UP, where the kind must judge. */
ssize_t datagram_send(struct transport *t, const void *p, size_t n);
/* As transport_kind.ready, likewise: 0, or -1 with the error that was waiting. What a peer says is
 * thrown away. */
int datagram_ready(struct transport *t, short revents);

#endif
