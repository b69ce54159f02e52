/* delivery/socket.h - sockets of the transports: connected to a host or to a path, and asked how they are
 *
 * What connects goes DOWN where it cannot, with `why` (delivery/transport.h). What asks never waits.
 */
#ifndef DELIVERY_SOCKET_H
#define DELIVERY_SOCKET_H
#include <netdb.h>

#include "delivery/transport.h"

/* --- a host's name and its addresses --- */

/* The addresses of t->host and t->port, for sockets of that type. May block. 0 or getaddrinfo()'s. */
int socket_look_up(const struct transport *t, int type, struct addrinfo **list);
/* Looks the name up and returns a socket that is connected or connecting to one of its addresses:
 * the first that there is a way to, from the one on that t->failures says. -1: DOWN, and `why`. */
int socket_to_host(struct transport *t, int type, void (*prepare)(int fd));

/* --- a path --- */

/* A socket connected to t->path, or -1, DOWN and `why`. */
int socket_to_path(struct transport *t, int type);
/* Connects `fd` to t->path, anew if need be (datagrams only). 0, or -1, DOWN and `why`. */
int socket_connect_path(struct transport *t, int fd);
/* What t->path names now, compared with what it named when it was connected to: a receiver that was
 * started anew has another socket there, while the old one may be held by somebody who does not read
 * it. */
enum socket_path {
    SOCKET_PATH_SAME,
    SOCKET_PATH_OTHER,
    SOCKET_PATH_NOTHING /* or it cannot be seen */
};
enum socket_path socket_path_names(const struct transport *t);

/* --- asked how it is --- */

int socket_error(int fd);        /* the one that waits there, which is then gone; or 0 */
bool socket_established(int fd); /* TCP, or a stream over a Unix socket */
/* Bytes that the peer's kernel has not acknowledged, or that over a Unix socket the peer has not read;
 * a FIN of ours counts as one. -1 with errno. */
int socket_queued(int fd);
/* Throws away what the peer says on a stream. 1: more may come, 0: it has closed, -1 with errno. */
int socket_discard(int fd);

#endif
