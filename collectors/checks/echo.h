/* echo.h - an echo request of ICMP or ICMPv6, and whether what came is a reply to one of ours. Pure
 *
 * Which host and which request it is stands in the payload, behind a token that nobody else knows and that is another one in
 * each round. So neither another program's replies, nor late ones, nor what somebody makes up counts.
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
/* Whether the n bytes at p are a reply with this token. `ip`: they begin with a header of IPv4, as a raw socket has them. */
bool echo_read(const uint8_t *p, size_t n, bool v6, bool ip, uint64_t token, struct echo *e);
