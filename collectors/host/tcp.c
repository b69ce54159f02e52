/* tcp - connections and segments, over IPv4 and IPv6 together
 *
 * Of the hundred counters of TcpExt there are those by which something is wrong: queues that overflow, segments that are
 * sent again, memory that is short, cookies.
 */
#include "host/protocols.h"

#define TCP(key, unit, type, field)                                                                \
    MIB_ROW("tcp." key, unit, type, SNMP, "Tcp", field, "tcp." field)
#define TCP_EXT(key, unit, field)                                                                  \
    MIB_ROW("tcp." key, unit, "counter", NETSTAT, "TcpExt", field, "tcp." field)

static const struct figure FIGURES[] = {
    TCP("active_opens", "conn", "counter", "ActiveOpens"),
    TCP("passive_opens", "conn", "counter", "PassiveOpens"),
    TCP("attempt_fails", "conn", "counter", "AttemptFails"),
    TCP("estab_resets", "conn", "counter", "EstabResets"),
    TCP("curr_estab", "conn", "gauge", "CurrEstab"),
    TCP("in_segs", "pckt", "counter", "InSegs"),
    TCP("out_segs", "pckt", "counter", "OutSegs"),
    TCP("retrans_segs", "pckt", "counter", "RetransSegs"),
    TCP("in_errs", "err", "counter", "InErrs"),
    TCP("out_rsts", "pckt", "counter", "OutRsts"),
    TCP("in_csum_errors", "err", "counter", "InCsumErrors"),
    TCP_EXT("syncookies_sent", "event", "SyncookiesSent"),
    TCP_EXT("syncookies_recv", "event", "SyncookiesRecv"),
    TCP_EXT("syncookies_failed", "event", "SyncookiesFailed"),
    TCP_EXT("prune_called", "event", "PruneCalled"),
    TCP_EXT("time_waits", "conn", "TW"),
    TCP_EXT("listen_overflows", "conn", "ListenOverflows"),
    TCP_EXT("listen_drops", "conn", "ListenDrops"),
    TCP_EXT("lost_retransmit", "pckt", "TCPLostRetransmit"),
    TCP_EXT("fast_retrans", "pckt", "TCPFastRetrans"),
    TCP_EXT("slow_start_retrans", "pckt", "TCPSlowStartRetrans"),
    TCP_EXT("timeouts", "event", "TCPTimeouts"),
    TCP_EXT("abort_on_data", "conn", "TCPAbortOnData"),
    TCP_EXT("abort_on_close", "conn", "TCPAbortOnClose"),
    TCP_EXT("abort_on_memory", "conn", "TCPAbortOnMemory"),
    TCP_EXT("abort_on_timeout", "conn", "TCPAbortOnTimeout"),
    TCP_EXT("memory_pressures", "event", "TCPMemoryPressures"),
    TCP_EXT("spurious_rtos", "event", "TCPSpuriousRTOs"),
    TCP_EXT("backlog_drop", "pckt", "TCPBacklogDrop"),
    TCP_EXT("time_wait_overflow", "event", "TCPTimeWaitOverflow"),
    TCP_EXT("req_q_full_drop", "event", "TCPReqQFullDrop"),
    TCP_EXT("ofo_queue", "pckt", "TCPOFOQueue"),
    TCP_EXT("rcv_q_drop", "pckt", "TCPRcvQDrop"),
    TCP_EXT("syn_retrans", "pckt", "TCPSynRetrans"),
};

static void tcp_read(struct host *h)
{
    protocols_read(h, true, false);
}

const struct subject tcp_subject = {
    .name = "tcp",
    .about = "connections and segments of TCP: tcp.curr_estab, tcp.retrans_segs, ...",
    .figures = FIGURES,
    .nfigures = sizeof FIGURES / sizeof *FIGURES,
    .read = tcp_read,
};
