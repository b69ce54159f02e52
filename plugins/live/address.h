/* live/address.h - the option `listen`: an address and a port, and a socket there
 *
 * No names are looked up, but for localhost: an address is written as such, IPv6 in brackets.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

struct address {
    struct sockaddr_storage at;
    socklen_t size;
    char host[64]; /* as it stands in a URL, brackets included */
};

/* NULL, or what is wrong with the text, as the end of a sentence. */
const char *address_parse(struct address *, const char *text);
bool address_is_loopback(const struct address *);
/* A listening socket, or -1 with errno. *port is the one it got. */
int address_listen(const struct address *, unsigned *port);
