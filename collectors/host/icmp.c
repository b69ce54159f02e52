/* icmp - messages of ICMP and ICMPv6
 *
 * All of them, and those by which the network says that something does not arrive.
 */
#include "host/protocols.h"

#define ICMP(key, unit, field)  MIB_ROW("icmp." key, unit, "counter", SNMP, "Icmp", field, NULL)
#define ICMP6(key, unit, field) MIB6_ROW("icmp6." key, unit, "Icmp6", field)

static const struct figure FIGURES[] = {
    ICMP("in_msgs", "msg", "InMsgs"),
    ICMP("in_errors", "err", "InErrors"),
    ICMP("in_csum_errors", "err", "InCsumErrors"),
    ICMP("in_dest_unreachs", "msg", "InDestUnreachs"),
    ICMP("in_time_excds", "msg", "InTimeExcds"),
    ICMP("in_redirects", "msg", "InRedirects"),
    ICMP("in_echos", "msg", "InEchos"),
    ICMP("in_echo_reps", "msg", "InEchoReps"),
    ICMP("out_msgs", "msg", "OutMsgs"),
    ICMP("out_errors", "err", "OutErrors"),
    ICMP("out_dest_unreachs", "msg", "OutDestUnreachs"),
    ICMP("out_time_excds", "msg", "OutTimeExcds"),
    ICMP("out_echos", "msg", "OutEchos"),
    ICMP("out_echo_reps", "msg", "OutEchoReps"),
    ICMP6("in_msgs", "msg", "InMsgs"),
    ICMP6("in_errors", "err", "InErrors"),
    ICMP6("in_csum_errors", "err", "InCsumErrors"),
    ICMP6("in_dest_unreachs", "msg", "InDestUnreachs"),
    ICMP6("in_pkt_too_bigs", "msg", "InPktTooBigs"),
    ICMP6("in_time_excds", "msg", "InTimeExcds"),
    ICMP6("out_msgs", "msg", "OutMsgs"),
    ICMP6("out_errors", "err", "OutErrors"),
    ICMP6("out_dest_unreachs", "msg", "OutDestUnreachs"),
};

static void icmp_read(struct host *h)
{
    protocols_read(h, false, true);
}

const struct subject icmp_subject = {
    .name = "icmp",
    .about = "messages of ICMP and ICMPv6: icmp.in_msgs, icmp.in_dest_unreachs, ...",
    .figures = FIGURES,
    .nfigures = sizeof FIGURES / sizeof *FIGURES,
    .read = icmp_read,
};
