/* Echo requests as they are sent, and which replies count. */
#include <criterion/criterion.h>

#include "checks/echo.h"

static const struct echo OURS = {.token = 0x0123456789abcdefULL, .host = 7, .sequence = 65538};
enum { ID = 0xbeef };
static uint8_t packet[ECHO_SIZE + 60], *icmp;

static uint16_t sum_of(const uint8_t *p, size_t n)
{
    uint32_t sum = 0;

    for (size_t i = 0; i < n; i += 2)
        sum += (uint32_t)(p[i] << 8 | (i + 1 < n ? p[i + 1] : 0));
    while (sum >> 16 != 0)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)sum;
}

/* What the other side makes of our request: the type, and the checksum anew. */
static void reply(bool v6)
{
    uint16_t sum;

    icmp = packet;
    echo_write(icmp, v6, ID, &OURS);
    icmp[0] = v6 ? 129 : 0;
    icmp[2] = icmp[3] = 0;
    sum = (uint16_t)~sum_of(icmp, ECHO_SIZE);
    icmp[2] = (uint8_t)(sum >> 8);
    icmp[3] = (uint8_t)sum;
}

static bool counts(bool v6)
{
    struct echo e;

    return echo_read(packet, ECHO_SIZE, v6, false, &e) && e.token == OURS.token;
}

Test(echo, a_request)
{
    static const uint8_t expected[] = {8,    0,    0,    0,    0xbe, 0xef, 0,    2,
                                       0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef,
                                       0,    0,    0,    7,    0,    1,    0,    2};
    uint8_t sum[2];

    echo_write(packet, false, ID, &OURS);
    cr_expect_eq(sum_of(packet, ECHO_SIZE), 0xffff);
    memcpy(sum, packet + 2, 2);
    packet[2] = packet[3] = 0;
    cr_expect_arr_eq(packet, expected, sizeof expected);
    cr_expect(sum[0] != 0 || sum[1] != 0);
    echo_write(packet, true, ID, &OURS);
    cr_expect(packet[0] == 128 && packet[2] == 0 && packet[3] == 0);
}

Test(echo, its_reply)
{
    struct echo e = {0};

    reply(false);
    cr_expect(echo_read(packet, ECHO_SIZE, false, false, &e));
    cr_expect(e.token == OURS.token && e.host == 7 && e.sequence == 65538);
    reply(true);
    cr_expect(echo_read(packet, ECHO_SIZE, true, false, &e));
    cr_expect(e.token == OURS.token && e.host == 7 && e.sequence == 65538);
}

Test(echo, what_does_not_count)
{
    struct echo e;

    reply(false);
    cr_expect(!counts(true)); /* 0 is no type of ICMPv6 */
    for (size_t n = 0; n < ECHO_SIZE; n++)
        cr_expect(!echo_read(packet, n, false, false, &e));
    cr_expect(!echo_read(packet, ECHO_SIZE + 1, false, false, &e));
    for (size_t bit = 0; bit < (size_t)ECHO_SIZE * 8; bit++) { /* each by the checksum at least */
        packet[bit / 8] ^= (uint8_t)(1 << bit % 8);
        cr_expect(!counts(false), "bit %zu", bit);
        packet[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    cr_expect(counts(false));
    echo_write(packet, false, ID, &OURS); /* the request itself */
    cr_expect(!counts(false));
    reply(true);
    packet[1] = 1;
    cr_expect(!counts(true));
    reply(true);
    packet[15] ^= 1; /* of the token */
    cr_expect(!counts(true));
}

static void put_ip(uint8_t first)
{
    memmove(packet + 20, packet, ECHO_SIZE);
    memset(packet, 0, 20);
    packet[0] = first;
}

Test(echo, behind_a_header_of_ip)
{
    struct echo e = {0};
    size_t n = ECHO_SIZE + 20;

    reply(false);
    put_ip(0x45);
    cr_expect(echo_read(packet, n, false, true, &e));
    cr_expect_eq(e.host, 7);
    for (size_t cut = 0; cut < n; cut++)
        cr_expect(!echo_read(packet, cut, false, true, &e));
    for (unsigned first = 0; first < 256; first++) { /* another version, another length */
        packet[0] = (uint8_t)first;
        cr_expect_eq(echo_read(packet, n, false, true, &e), first == 0x45);
    }
    packet[0] = 0x46; /* with an option of four bytes */
    memmove(packet + 24, packet + 20, ECHO_SIZE);
    cr_expect(echo_read(packet, n + 4, false, true, &e));
}
