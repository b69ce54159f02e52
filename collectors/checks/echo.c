/* echo.c - the header: type, code, checksum, id, sequence number; all of it in network order */
#include "checks/echo.h"

#include <string.h>

enum { REQUEST = 8, REPLY = 0, REQUEST_V6 = 128, REPLY_V6 = 129, IP_LEAST = 20, HEADER = 8 };

static void put_u32(uint8_t *p, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t)(v >> (24 - 8 * i));
}

static uint32_t get_u32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* The Internet's: 0 over what has its own checksum in it. */
static uint16_t checksum(const uint8_t *p, size_t n)
{
    uint32_t sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += (uint32_t)p[i] << (i % 2 == 0 ? 8 : 0);
    while (sum > 0xffff)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

void echo_write(uint8_t packet[ECHO_SIZE], bool v6, uint16_t id, const struct echo *e)
{
    uint16_t sum;

    memset(packet, 0, ECHO_SIZE);
    packet[0] = v6 ? REQUEST_V6 : REQUEST;
    put_u32(packet + 4, (uint32_t)id << 16 | (e->sequence & 0xffff));
    put_u32(packet + HEADER, (uint32_t)(e->token >> 32));
    put_u32(packet + HEADER + 4, (uint32_t)e->token);
    put_u32(packet + HEADER + 8, e->host);
    put_u32(packet + HEADER + 12, e->sequence);
    if (v6) /* the kernel's: it takes the addresses, too */
        return;
    sum = checksum(packet, ECHO_SIZE);
    packet[2] = (uint8_t)(sum >> 8);
    packet[3] = (uint8_t)sum;
}

/* Takes the header of IPv4 off the front. */
static bool skip_ip(const uint8_t **p, size_t *n)
{
    size_t header = *n > 0 ? (size_t)((*p)[0] & 0xf) * 4 : 0;

    if (*n < IP_LEAST || (*p)[0] >> 4 != 4 || header < IP_LEAST || header > *n)
        return false;
    *p += header;
    *n -= header;
    return true;
}

bool echo_read(const uint8_t *p, size_t n, bool v6, bool ip, struct echo *e)
{
    if (ip && !skip_ip(&p, &n))
        return false;
    if (n != ECHO_SIZE || p[0] != (v6 ? REPLY_V6 : REPLY) || p[1] != 0 ||
        (!v6 && checksum(p, n) != 0))
        return false;
    *e = (struct echo){.token = (uint64_t)get_u32(p + HEADER) << 32 | get_u32(p + HEADER + 4),
                       .host = get_u32(p + HEADER + 8),
                       .sequence = get_u32(p + HEADER + 12)};
    return true;
}
