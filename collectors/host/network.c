/* network - what went through each interface since it was made
 *
 * /proc/net/dev, of this network namespace. veth interfaces are left out, unless --veth is given: each container has one,
 * with a name by chance, so on a host of containers their series never end.
 */
#include "host/reading.h"

#define FILE_NAME "/proc/net/dev"
#define FIGURE(key, of_unit, column, of_diamond, of_collectd, of_node)                             \
    {                                                                                              \
        .name = "network." key, .unit = (of_unit), .type = "counter", .tags = {"device"},          \
        .file = FILE_NAME, .field = (column), .diamond = "network.DEVICE." of_diamond,             \
        .collectd = (of_collectd), .node_exporter = "node_network_" of_node "_total"               \
    }
#define COLLECTD(type, way) "interface-DEVICE/if_" type " " way

/* In the order of the columns. */
static const struct figure FIGURES[] = {
    FIGURE("rx_bytes", "B", "Receive bytes", "rx_byte", COLLECTD("octets", "rx"), "receive_bytes"),
    FIGURE("rx_packets", "pckt", "Receive packets", "rx_packets", COLLECTD("packets", "rx"),
           "receive_packets"),
    FIGURE("rx_errors", "err", "Receive errs", "rx_errors", COLLECTD("errors", "rx"),
           "receive_errs"),
    FIGURE("rx_dropped", "pckt", "Receive drop", "rx_drop", COLLECTD("dropped", "rx"),
           "receive_drop"),
    FIGURE("rx_fifo", "err", "Receive fifo", "rx_fifo", NULL, "receive_fifo"),
    FIGURE("rx_frame", "err", "Receive frame", "rx_frame", NULL, "receive_frame"),
    FIGURE("rx_compressed", "pckt", "Receive compressed", "rx_compressed", NULL,
           "receive_compressed"),
    FIGURE("rx_multicast", "pckt", "Receive multicast", "rx_multicast", NULL, "receive_multicast"),
    FIGURE("tx_bytes", "B", "Transmit bytes", "tx_byte", COLLECTD("octets", "tx"),
           "transmit_bytes"),
    FIGURE("tx_packets", "pckt", "Transmit packets", "tx_packets", COLLECTD("packets", "tx"),
           "transmit_packets"),
    FIGURE("tx_errors", "err", "Transmit errs", "tx_errors", COLLECTD("errors", "tx"),
           "transmit_errs"),
    FIGURE("tx_dropped", "pckt", "Transmit drop", "tx_drop", COLLECTD("dropped", "tx"),
           "transmit_drop"),
    FIGURE("tx_fifo", "err", "Transmit fifo", "tx_fifo", NULL, "transmit_fifo"),
    FIGURE("tx_collisions", "event", "Transmit colls", "tx_frame", NULL, "transmit_colls"),
    FIGURE("tx_carrier", "err", "Transmit carrier", "tx_compressed", NULL, "transmit_carrier"),
    FIGURE("tx_compressed", "pckt", "Transmit compressed", "tx_multicast", NULL,
           "transmit_compressed"),
};
enum { COLUMNS = sizeof FIGURES / sizeof *FIGURES };

/* The header says what the columns are. */
static bool is_header(struct str line)
{
    static const char *const WORDS[] = {
        "face",  "|bytes",     "packets",         "errs",       "drop", "fifo",
        "frame", "compressed", "multicast|bytes", "packets",    "errs", "drop",
        "fifo",  "colls",      "carrier",         "compressed",
    };
    struct str word;

    for (size_t i = 0; i < sizeof WORDS / sizeof *WORDS; i++)
        if (!field_word(&line, &word) || !field_is(word, WORDS[i]))
            return false;
    return true;
}

/* "  eth0: 203485462   13241    0 ...": a long number stands right behind the colon. */
static void put_interface(struct host *h, struct str line)
{
    uint64_t v[COLUMNS];
    char path[512];
    struct str name;

    if (!field_name(&line, ':', &name)) {
        host_complain(h, "%s: a line without an interface",
                      host_path(h, FILE_NAME, path, sizeof path));
        return;
    }
    if ((h->options & HOST_VETH) == 0 && name.n > 4 && memcmp(name.s, "veth", 4) == 0)
        return;
    if (reading_numbers(h, FILE_NAME, name, line, v, COLUMNS, COLUMNS) == 0 || !host_tag(h, name))
        return;
    for (size_t i = 0; i < COLUMNS; i++)
        host_u64(h, &FIGURES[i], v[i]);
}

static void network_read(struct host *h)
{
    char path[512];
    struct str text, line;

    if (!host_text(h, FILE_NAME, &text))
        return;
    (void)field_line(&text, &line);
    if (!field_line(&text, &line) || !is_header(line)) {
        host_complain(h, "%s: its columns are others than those that are known",
                      host_path(h, FILE_NAME, path, sizeof path));
        return;
    }
    while (field_line(&text, &line))
        put_interface(h, line);
    reading_end(h, FILE_NAME, text);
}

static const struct subject_option OPTIONS[] = {
    {"--veth", HOST_VETH, "also veth interfaces, of which each container has one"},
    {NULL, 0, NULL},
};

const struct subject network_subject = {
    .name = "network",
    .about = "bytes, packets and errors of each interface: network.rx_bytes, ...",
    .figures = FIGURES,
    .nfigures = sizeof FIGURES / sizeof *FIGURES,
    .read = network_read,
    .options = OPTIONS,
};
