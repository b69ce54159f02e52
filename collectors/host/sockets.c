/* sockets - how many there are, by protocol, and the memory that they hold
 *
 * /proc/net/sockstat and sockstat6, of this network namespace; what is alloc, orphan and mem is the whole host's. tcp.inuse
 * and tcp.tw are IPv4's, tcp6.inuse IPv6's.
 */
#include "host/reading.h"

#define FOUR "/proc/net/sockstat"
#define SIX  "/proc/net/sockstat6"
#define FIGURE(key, of_unit, of_file, group, in_file, of_scale, of_diamond)                        \
    {                                                                                              \
        .name = "sockets." key, .unit = (of_unit), .type = "gauge", .file = (of_file),             \
        .field = group " " in_file, .scale = (of_scale), .diamond = (of_diamond),                  \
        .node_exporter = "node_sockstat_" group "_" in_file                                        \
    }

static const struct figure FIGURES[] = {
    FIGURE("used", "sock", FOUR, "sockets", "used", AS_IS, "sockets.used"),
    FIGURE("tcp.inuse", "sock", FOUR, "TCP", "inuse", AS_IS, "sockets.tcp_inuse"),
    FIGURE("tcp.orphan", "sock", FOUR, "TCP", "orphan", AS_IS, "sockets.tcp_orphan"),
    FIGURE("tcp.tw", "sock", FOUR, "TCP", "tw", AS_IS, "sockets.tcp_tw"),
    FIGURE("tcp.alloc", "sock", FOUR, "TCP", "alloc", AS_IS, "sockets.tcp_alloc"),
    FIGURE("tcp.mem", "B", FOUR, "TCP", "mem", SOCKET_PAGES, "sockets.tcp_mem"),
    FIGURE("udp.inuse", "sock", FOUR, "UDP", "inuse", AS_IS, "sockets.udp_inuse"),
    FIGURE("udp.mem", "B", FOUR, "UDP", "mem", SOCKET_PAGES, "sockets.udp_mem"),
    FIGURE("udplite.inuse", "sock", FOUR, "UDPLITE", "inuse", AS_IS, NULL),
    FIGURE("raw.inuse", "sock", FOUR, "RAW", "inuse", AS_IS, NULL),
    FIGURE("frag.inuse", "pckt", FOUR, "FRAG", "inuse", AS_IS, NULL),
    FIGURE("frag.memory", "B", FOUR, "FRAG", "memory", AS_IS, NULL),
    FIGURE("tcp6.inuse", "sock", SIX, "TCP6", "inuse", AS_IS, NULL),
    FIGURE("udp6.inuse", "sock", SIX, "UDP6", "inuse", AS_IS, NULL),
    FIGURE("udplite6.inuse", "sock", SIX, "UDPLITE6", "inuse", AS_IS, NULL),
    FIGURE("raw6.inuse", "sock", SIX, "RAW6", "inuse", AS_IS, NULL),
    FIGURE("frag6.inuse", "pckt", SIX, "FRAG6", "inuse", AS_IS, NULL),
    FIGURE("frag6.memory", "B", SIX, "FRAG6", "memory", AS_IS, NULL),
};

static void sockets_read(struct host *h)
{
    char path[512];
    struct str text;

    if (host_text(h, FOUR, &text) && reading_lists(h, FOUR) == 0)
        host_complain(h, "%s has nothing that is known", host_path(h, FOUR, path, sizeof path));
    if (host_text_if_any(h, SIX, &text)) /* IPv6 may be off */
        (void)reading_lists(h, SIX);
}

const struct subject sockets_subject = {
    .name = "sockets",
    .about = "how many sockets there are: sockets.used, sockets.tcp.inuse, sockets.tcp.mem, ...",
    .figures = FIGURES,
    .nfigures = sizeof FIGURES / sizeof *FIGURES,
    .read = sockets_read,
};
