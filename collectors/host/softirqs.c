/* softirqs - how many soft interrupts there were since boot, by kind, on all processors together
 *
 * `softirq` in /proc/stat: their sum, which is left out here, and then each kind. The kernel gives no names there; the
 * order of the kinds has been the same since Linux 2.6.31, and a new one would come behind the last.
 */
#include "host/reading.h"

#define FILE_NAME "/proc/stat"
#define FIGURE(key, column, of_diamond, of_node)                                                   \
    {                                                                                              \
        .name = "softirqs." key, .unit = "event", .type = "counter", .file = FILE_NAME,            \
        .field = "softirq, " column, .diamond = "softirq." of_diamond,                             \
        .node_exporter = "node_softirqs_total{vector=\"" of_node "\"}"                             \
    }

static const struct figure FIGURES[] = {
    FIGURE("hi", "2nd", "0", "hi"),
    FIGURE("timer", "3rd", "1", "timer"),
    FIGURE("net_tx", "4th", "2", "net_tx"),
    FIGURE("net_rx", "5th", "3", "net_rx"),
    FIGURE("block", "6th", "4", "block"),
    FIGURE("irq_poll", "7th", "5", "block_iopoll"),
    FIGURE("tasklet", "8th", "6", "tasklet"),
    FIGURE("sched", "9th", "7", "sched"),
    FIGURE("hrtimer", "10th", "8", "hrtimer"),
    FIGURE("rcu", "11th", "9", "rcu"),
};
enum { KINDS = sizeof FIGURES / sizeof *FIGURES };

static void softirqs_read(struct host *h)
{
    uint64_t counts[KINDS + 1];
    struct str rest;
    size_t n;

    if (!reading_line(h, FILE_NAME, "softirq", &rest))
        return;
    n = reading_numbers(h, FILE_NAME, str_of("softirq"), rest, counts, 2, KINDS + 1);
    for (size_t i = 1; i < n; i++)
        host_u64(h, &FIGURES[i - 1], counts[i]);
}

const struct subject softirqs_subject = {
    .name = "softirqs",
    .about = "how many soft interrupts there were by kind: softirqs.net_rx, softirqs.timer, ...",
    .figures = FIGURES,
    .nfigures = sizeof FIGURES / sizeof *FIGURES,
    .read = softirqs_read,
};
