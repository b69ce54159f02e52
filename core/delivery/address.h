/* delivery/address.h - a host's name and its addresses, for TCP and UDP alike */
#ifndef DELIVERY_ADDRESS_H
#define DELIVERY_ADDRESS_H
#include <netdb.h>

#include "delivery/transport.h"

/* The addresses of t->host and t->port, for sockets of that type. May block. 0 or getaddrinfo()'s. */
int address_look_up(const struct transport *t, int type, struct addrinfo **list);
/* Looks the name up and returns a socket that is connected or connecting to one of its addresses:
 * the first that there is a way to, from the one on that t->failures says. -1: DOWN, and why[]. */
int address_connect(struct transport *t, int type, void (*prepare)(int fd));

#endif
