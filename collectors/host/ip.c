/* ip - packets of IPv4 and IPv6
 *
 * in_receives counts what arrived, errors included; in_delivers what went on to a protocol above. Bytes are IpExt's, of
 * whole packets with their headers.
 */
#include "host/protocols.h"

#define IP(key, unit, field)     MIB_ROW("ip." key, unit, "counter", SNMP, "Ip", field, NULL)
#define IP_EXT(key, unit, field) MIB_ROW("ip." key, unit, "counter", NETSTAT, "IpExt", field, NULL)
#define IP6(key, unit, field)    MIB6_ROW("ip6." key, unit, "Ip6", field)

static const struct figure FIGURES[] = {
    IP("in_receives", "pckt", "InReceives"),
    IP("in_hdr_errors", "err", "InHdrErrors"),
    IP("in_addr_errors", "err", "InAddrErrors"),
    IP("forw_datagrams", "pckt", "ForwDatagrams"),
    IP("in_unknown_protos", "pckt", "InUnknownProtos"),
    IP("in_discards", "pckt", "InDiscards"),
    IP("in_delivers", "pckt", "InDelivers"),
    IP("out_requests", "pckt", "OutRequests"),
    IP("out_discards", "pckt", "OutDiscards"),
    IP("out_no_routes", "pckt", "OutNoRoutes"),
    IP("reasm_timeout", "event", "ReasmTimeout"),
    IP("reasm_reqds", "pckt", "ReasmReqds"),
    IP("reasm_oks", "pckt", "ReasmOKs"),
    IP("reasm_fails", "err", "ReasmFails"),
    IP("frag_oks", "pckt", "FragOKs"),
    IP("frag_fails", "err", "FragFails"),
    IP("frag_creates", "pckt", "FragCreates"),
    IP_EXT("in_no_routes", "pckt", "InNoRoutes"),
    IP_EXT("in_mcast_pkts", "pckt", "InMcastPkts"),
    IP_EXT("out_mcast_pkts", "pckt", "OutMcastPkts"),
    IP_EXT("in_bcast_pkts", "pckt", "InBcastPkts"),
    IP_EXT("out_bcast_pkts", "pckt", "OutBcastPkts"),
    IP_EXT("in_octets", "B", "InOctets"),
    IP_EXT("out_octets", "B", "OutOctets"),
    IP_EXT("in_csum_errors", "err", "InCsumErrors"),
    IP6("in_receives", "pckt", "InReceives"),
    IP6("in_hdr_errors", "err", "InHdrErrors"),
    IP6("in_too_big_errors", "err", "InTooBigErrors"),
    IP6("in_no_routes", "pckt", "InNoRoutes"),
    IP6("in_addr_errors", "err", "InAddrErrors"),
    IP6("in_discards", "pckt", "InDiscards"),
    IP6("in_delivers", "pckt", "InDelivers"),
    IP6("out_forw_datagrams", "pckt", "OutForwDatagrams"),
    IP6("out_requests", "pckt", "OutRequests"),
    IP6("out_discards", "pckt", "OutDiscards"),
    IP6("out_no_routes", "pckt", "OutNoRoutes"),
    IP6("reasm_fails", "err", "ReasmFails"),
    IP6("frag_fails", "err", "FragFails"),
    IP6("in_octets", "B", "InOctets"),
    IP6("out_octets", "B", "OutOctets"),
};

static void ip_read(struct host *h)
{
    protocols_read(h, true, true);
}

const struct subject ip_subject = {
    .name = "ip",
    .about = "packets and bytes of IPv4 and IPv6: ip.in_octets, ip6.in_receives, ...",
    .figures = FIGURES,
    .nfigures = sizeof FIGURES / sizeof *FIGURES,
    .read = ip_read,
};
