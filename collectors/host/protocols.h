/* protocols.h - rows of the tables of ip, icmp, tcp and udp
 *
 * All come from the same three files: /proc/net/snmp and netstat, pairs of lines, and snmp6, a line each. The names are
 * those of the files in lower case; RFC 4293, 4022 and 4113 say what most of them count.
 */
#pragma once
#include "host/reading.h"

#define SNMP    "/proc/net/snmp"
#define NETSTAT "/proc/net/netstat"
#define SNMP6   "/proc/net/snmp6"

#define MIB_ROW(of_name, of_unit, of_type, of_file, group, in_file, of_diamond)                    \
    {                                                                                              \
        .name = (of_name), .unit = (of_unit), .type = (of_type), .file = (of_file),                \
        .field = group " " in_file, .diamond = (of_diamond),                                       \
        .collectd = "protocols-" group "/protocol_counter-" in_file,                               \
        .node_exporter = "node_netstat_" group "_" in_file                                         \
    }
#define MIB6_ROW(of_name, of_unit, group, in_file)                                                 \
    {                                                                                              \
        .name = (of_name), .unit = (of_unit), .type = "counter", .file = SNMP6,                    \
        .field = group in_file, .node_exporter = "node_netstat_" group "_" in_file                 \
    }

/* Reads the files that the table names. snmp6 is not there where IPv6 is off. */
static inline void protocols_read(struct host *h, bool netstat, bool six)
{
    char path[512];
    struct str text;

    if (reading_pairs(h, SNMP) == 0)
        host_complain(h, "%s has nothing that is known", host_path(h, SNMP, path, sizeof path));
    if (netstat)
        (void)reading_pairs(h, NETSTAT);
    if (six && host_text_if_any(h, SNMP6, &text))
        (void)reading_keys(h, SNMP6);
}
