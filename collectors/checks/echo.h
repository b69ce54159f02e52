/* echo.h - an echo request of ICMP or ICMPv6, and what came in reply to one. Pure
 *
 * Which host and which request it is stands in the payload, behind a token that the host alone is told and that is another one in
 * each round. So neither another program's replies, nor late ones, nor what somebody makes up counts, one of the other hosts
 * included.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ECHO_SIZE = 8 + 16, ECHO_MOST = 2048 /* bytes that are read of a packet */ };

struct echo {
    uint64_t token;
    uint32_t host, sequence;
};

/* `id` is the kernel's own where the socket is one of datagrams. */
void echo_write(uint8_t packet[ECHO_SIZE], bool v6, uint16_t id, const struct echo *e);
/* Whether the n bytes at p are a reply; whose is the caller's to judge, by the token. `ip`: they begin with a header of IPv4, as a
 * raw socket has them. */
bool echo_read(const uint8_t *p, size_t n, bool v6, bool ip, struct echo *e);
