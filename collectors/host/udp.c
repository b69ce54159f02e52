/* udp - datagrams over IPv4, and over IPv6
 *
 * in_errors includes rcvbuf_errors: what came faster than a program read it.
 */
#include "host/protocols.h"

#define UDP(key, unit, field)  MIB_ROW("udp." key, unit, "counter", SNMP, "Udp", field, "udp." field)
#define UDP6(key, unit, field) MIB6_ROW("udp6." key, unit, "Udp6", field)

static const struct figure FIGURES[] = {
    UDP("in_datagrams", "pckt", "InDatagrams"),    UDP("no_ports", "pckt", "NoPorts"),
    UDP("in_errors", "err", "InErrors"),           UDP("out_datagrams", "pckt", "OutDatagrams"),
    UDP("rcvbuf_errors", "err", "RcvbufErrors"),   UDP("sndbuf_errors", "err", "SndbufErrors"),
    UDP("in_csum_errors", "err", "InCsumErrors"),  UDP6("in_datagrams", "pckt", "InDatagrams"),
    UDP6("no_ports", "pckt", "NoPorts"),           UDP6("in_errors", "err", "InErrors"),
    UDP6("out_datagrams", "pckt", "OutDatagrams"), UDP6("rcvbuf_errors", "err", "RcvbufErrors"),
    UDP6("sndbuf_errors", "err", "SndbufErrors"),  UDP6("in_csum_errors", "err", "InCsumErrors"),
};

static void udp_read(struct host *h)
{
    protocols_read(h, false, true);
}

const struct subject udp_subject = {
    .name = "udp",
    .about = "datagrams of UDP: udp.in_datagrams, udp.rcvbuf_errors, udp6.in_datagrams, ...",
    .figures = FIGURES,
    .nfigures = sizeof FIGURES / sizeof *FIGURES,
    .read = udp_read,
};
